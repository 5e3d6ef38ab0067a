package ari

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ari-go/ari/internal/roster"
)

// An asker is what a session asks of Asterisk by itself: after a gap, and for a wait on something that it has not made.
// Controller satisfies it.
type asker interface {
	// Channels lists all channels; Bridges all bridges.
	Channels(ctx context.Context) ([]*Channel, error)
	Bridges(ctx context.Context) ([]*Bridge, error)

	// exists looks for one object. With a channel comes its snapshot.
	exists(ctx context.Context, kind entityKind, id string) (*Channel, bool, error)

	// eventSources lists what an application is subscribed to, by the names of sourceName. Its error is ErrNotFound if
	// there is no such application.
	eventSources(ctx context.Context, app string) (map[string]bool, error)

	// foreign lists what other applications than these are subscribed to.
	foreign(ctx context.Context, own []string) ([]map[string]bool, error)

	// subscribe subscribes an application to event sources, unsubscribe takes that back; setEventFilter sets its event filter.
	subscribe(ctx context.Context, app string, sources []string) error
	unsubscribe(ctx context.Context, app string, sources []string) error
	setEventFilter(ctx context.Context, app string, filter json.RawMessage) error

	// sendProbe makes Asterisk send a user event of this name to an application. Its error is ErrNotFound if there is no
	// such application.
	sendProbe(ctx context.Context, app, name string) error

	// answers returns nil when Asterisk answers a command, whatever it says.
	answers(ctx context.Context) error
}

// A gapResult is what reconciling has found, and no Connected has told of yet.
type gapResult struct {
	ended, entered []string // channels
}

// settle brings the session and Asterisk into line, after a gap or on the first connection, while the reader is already
// dispatching the new connection's events. It goes on until that succeeds, and fails with errMute if the connection must
// be given up, or when ctx ends with the connection.
func (s *session) settle(ctx context.Context, resumed bool, gap time.Duration) error {
	once := func(ctx context.Context) error { return s.settleOnce(ctx, resumed) }
	if err := s.persist(ctx, once); err != nil {
		return err
	}
	found := s.gap
	s.gap = gapResult{}
	if !resumed {
		s.isInStep(&Connected{Entered: found.entered})
		return nil
	}
	s.hub.reports.log(slog.LevelInfo, "in step with Asterisk again", "source", s.src.String(), "gap", gap,
		"ended", len(found.ended), "entered", len(found.entered))
	s.isInStep(&Connected{Resumed: true, Gap: gap, Ended: found.ended, Entered: found.entered})
	return nil
}

// persist does something until it succeeds.
func (s *session) persist(ctx context.Context, do func(context.Context) error) error {
	delays := s.cfg.reconnect.delays()
	for {
		err := do(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.state.inTrouble(err)
		if errors.Is(err, errMute) && s.probe.mayRenew() {
			return errMute
		}
		s.hub.reports.fail("cannot get in step with Asterisk yet", err, "source", s.src.String())
		if !sleep(ctx, delays()) {
			return ctx.Err()
		}
	}
}

// settleOnce finds out what has happened in a gap, and does, before the session has first been in step, what the client's
// options say. It judges only what is older than the connection: what a new event has started carries the new generation,
// what a new event has ended is no longer there.
func (s *session) settleOnce(ctx context.Context, resumed bool) error {
	if err := s.restore(ctx); err != nil {
		return err
	}
	if s.cfg.sweep && !s.state.hasBeenReady() { // The first connection may have been lost before it was done.
		if err := s.sweep(ctx); err != nil {
			return err
		}
	}
	if !resumed && !s.cfg.adopt {
		return nil
	}
	// Before Asterisk is asked: what a request makes later isn't in its answers.
	waiting := s.hub.index.olderThan(s.id, s.generation())
	return s.settleCalls(ctx, waiting)
}

// settleCalls asks Asterisk for its channels and ends and starts calls accordingly; then it ends what waits, since before
// the gap, for something that is no longer there.
func (s *session) settleCalls(ctx context.Context, waiting []listener) error {
	s.mu.Lock()
	s.roster.Ask()
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.roster.Settled()
	}()
	snapshot, channels, err := s.look(ctx)
	if err != nil {
		return err
	}
	s.applyAll(snapshot, channels)
	s.wanted.keepChannels(func(id string) bool { return channels[id] != nil || s.hub.index.has(entityKey{s.id, kindChannel, id}) })
	var bridges []*Bridge
	if slices.ContainsFunc(waiting, func(x listener) bool { return x.places().own.kind == kindBridge }) {
		if bridges, err = s.api.Bridges(ctx); err != nil {
			return annotate("resync: bridges", err)
		}
	}
	return s.endListeners(ctx, waiting, channels, bridges)
}

// look asks Asterisk for what the roster must know, and for the channels.
func (s *session) look(ctx context.Context) (roster.Snapshot, map[string]*Channel, error) {
	var snap roster.Snapshot
	channels, err := s.channels(ctx)
	if err != nil {
		return snap, nil, err
	}
	if snap.Subscribed, err = s.subscriptions(ctx); err != nil {
		return snap, nil, err
	}
	if s.missesSome(channels) {
		snap.Elsewhere = s.elsewhere(ctx)
		// What other applications have says something only of channels that are seen after that.
		if channels, err = s.channels(ctx); err != nil {
			return snap, nil, err
		}
	}
	snap.Channels = make(map[string]roster.Place, len(channels))
	for id, ch := range channels {
		snap.Channels[id] = s.shown(ch)
	}
	return snap, channels, nil
}

// channels lists all channels by id.
func (s *session) channels(ctx context.Context) (map[string]*Channel, error) {
	list, err := s.api.Channels(ctx)
	if err != nil {
		return nil, annotate("resync: channels", err)
	}
	channels := make(map[string]*Channel, len(list))
	for _, ch := range list {
		channels[ch.ID] = ch
	}
	return channels, nil
}

// subscriptions lists what channels each of the applications hears of.
func (s *session) subscriptions(ctx context.Context) (map[string]roster.Subscription, error) {
	all := make(map[string]roster.Subscription, len(s.apps))
	for _, app := range s.apps {
		has, err := s.sources(ctx, app)
		if err != nil {
			return nil, err
		}
		sub := roster.Subscription{All: has["channel:"], Channels: make(map[string]bool), Kept: s.wanted.keeps(app)}
		for source := range has {
			if id, ok := strings.CutPrefix(source, "channel:"); ok && id != "" {
				sub.Channels[id] = true
			}
		}
		all[app] = sub
	}
	return all, nil
}

// missesSome reports whether a channel is shown in one of the applications without our knowing it, so that it matters
// what other applications have.
func (s *session) missesSome(channels map[string]*Channel) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, ch := range channels {
		if place := s.shown(ch); place.InStasis && slices.Contains(s.apps, place.App) && !s.roster.Has(id) {
			return true
		}
	}
	return false
}

// elsewhereTimeout bounds a question that helps to judge, but isn't worth waiting for: Asterisk never answers it when one of
// its applications has locked up.
const elsewhereTimeout = 5 * time.Second

// elsewhere tells whether an application of others has a channel, if that can be known: an application hears of each channel
// in it.
func (s *session) elsewhere(ctx context.Context) func(channel string) (elsewhere, known bool) {
	ctx, cancel := context.WithTimeout(ctx, elsewhereTimeout)
	defer cancel()
	others, err := s.api.foreign(ctx, s.apps)
	if err != nil {
		s.hub.reports.log(slog.LevelWarn, "cannot find out what other applications have", "source", s.src.String(), "error", err)
		return nil
	}
	all := slices.ContainsFunc(others, func(sources map[string]bool) bool { return sources["channel:"] })
	return func(channel string) (bool, bool) {
		for _, sources := range others {
			if sources["channel:"+channel] {
				return true, true
			}
		}
		return false, !all
	}
}

// shown is where Asterisk shows a channel. Of a call with a connection of its own it shows the application's short name.
func (s *session) shown(ch *Channel) roster.Place {
	app, args, ok := strings.Cut(ch.Dialplan.AppData, ",")
	place := roster.Place{
		InStasis: strings.HasPrefix(ch.Dialplan.AppName, "Stasis"),
		App:      app,
		Args:     []string{},
		Position: position(ch),
	}
	if ok {
		place.Args = strings.Split(args, ",")
	}
	if s.cfg.call != "" && ch.Name == s.cfg.call && place.InStasis {
		place.App = s.apps[0]
	}
	return place
}

// position is where in the dialplan a channel is shown.
func position(ch *Channel) string {
	d := &ch.Dialplan
	return fmt.Sprintf("%s,%s,%d", d.Context, d.Exten, d.Priority)
}

// toolNames are how the names of channels begin that CreateExternalMedia and Snoop make, by an earlier program perhaps.
var toolNames = []string{"UnicastRTP/", "AudioSocket/", "WebSocket/", "Snoop/"}

func isTool(ch *Channel) bool {
	return slices.ContainsFunc(toolNames, func(prefix string) bool { return strings.HasPrefix(ch.Name, prefix) })
}

// applyAll does what the roster concludes, one thing at a time, so that the reader never waits long.
func (s *session) applyAll(snapshot roster.Snapshot, channels map[string]*Channel) {
	s.mu.Lock()
	settlement := s.roster.Settle(snapshot)
	s.mu.Unlock()
	for more := true; more; {
		s.mu.Lock()
		var change roster.Change
		if change, more = settlement.Next(); more {
			s.apply(change, channels)
		}
		s.mu.Unlock()
	}
	slices.Sort(s.gap.ended)
	s.gap.ended = slices.Compact(s.gap.ended)
}

// apply does what follows from one change. Call it with mu held.
func (s *session) apply(change roster.Change, channels map[string]*Channel) {
	id := change.Channel
	if change.Kind == roster.Entered {
		args := []string{}
		if !change.Moved {
			args = s.shown(channels[id]).Args
		}
		s.startMissed(change.Stay, channels[id], args)
		s.gap.entered = append(s.gap.entered, id)
		return
	}
	s.endInGap(change.Stay)
	s.gap.ended = append(s.gap.ended, id)
	if channels[id] == nil {
		key := entityKey{s.id, kindChannel, id}
		s.hub.index.endAll(key, &EndError{Entity: key.entity(), Reason: ErrGap})
	}
}

// endListeners ends what waits, since before the gap, for something that is no longer there, and tells the others what
// they may have missed.
func (s *session) endListeners(
	ctx context.Context, waiting []listener, channels map[string]*Channel, bridges []*Bridge,
) error {
	hasBridge := make(map[string]bool, len(bridges))
	for _, br := range bridges {
		hasBridge[br.ID] = true
	}
	var ask []listener // each about a playback or recording of its own
	for _, x := range waiting {
		key := x.places().own
		switch key.kind {
		case kindChannel:
			if ch := channels[key.id]; ch == nil {
				s.endMissing(x)
			} else if f, ok := x.(*follower); ok {
				s.catchUp(f, ch)
			}
		case kindBridge:
			if !hasBridge[key.id] {
				s.endMissing(x)
			}
		case kindPlayback, kindRecording:
			ask = append(ask, x)
		default: // Endpoints, device states and applications don't end.
		}
	}
	return s.endUnlessExist(ctx, ask)
}

// catchUp tells a life what its channel has been through.
func (s *session) catchUp(f *follower, ch *Channel) {
	place := s.shown(ch)
	f.caughtUp(ch.State == ChannelStateUp, place.InStasis && slices.Contains(s.apps, place.App), place.InStasis)
}

// maxQuestions is how many requests a resync has under way at once. Asterisk takes a hundred connections by default, and
// others need some too.
const maxQuestions = 8

// endUnlessExist asks Asterisk about each listener's entity.
func (s *session) endUnlessExist(ctx context.Context, list []listener) error {
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed error
		next   = make(chan listener)
	)
	for range min(maxQuestions, len(list)) {
		wg.Go(func() {
			for x := range next {
				key := x.places().own
				_, exists, err := s.api.exists(ctx, key.kind, key.id)
				switch {
				case err != nil:
					mu.Lock()
					failed = annotate(fmt.Sprintf("resync: %s", key), err)
					mu.Unlock()
				case !exists:
					s.endMissing(x)
				}
			}
		})
	}
	for _, x := range list {
		next <- x
	}
	close(next)
	wg.Wait()
	return failed
}

// endMissing ends a listener whose entity Asterisk doesn't have, unless it has ended meanwhile.
func (s *session) endMissing(x listener) {
	s.hub.index.remove(x)
	x.end(&EndError{Entity: x.places().own.entity(), Reason: ErrGap})
}

// endAll ends whatever still waits for something of this session, for this reason, and its calls. The client may go on, so
// its handlers of StasisEnd are told.
func (s *session) endAll(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.hub.index.olderThan(s.id, ^uint64(0)) {
		s.hub.index.remove(x)
		x.end(reason)
	}
	for stay, k := range maps.Clone(s.calls) {
		if k.cancel != nil {
			k.cancel(reason) // It isn't known that the call has ended.
		}
		s.roster.Destroy(stay.Channel)
		s.endInGap(stay)
	}
}

// A channelsAsker asks about some channels only.
type channelsAsker struct {
	*Controller
	list func() []string
}

// Channels implements asker.
func (a *channelsAsker) Channels(ctx context.Context) ([]*Channel, error) {
	var found []*Channel
	for _, id := range a.list() {
		ch, err := a.Channel(id).Refresh(ctx)
		switch {
		case err == nil:
			found = append(found, ch)
		case !errors.Is(err, ErrNotFound):
			return nil, fmt.Errorf("channel %s: %w", id, err)
		}
	}
	return found, nil
}

// foreign implements asker: what other applications have says nothing of these channels that their own doesn't.
func (*channelsAsker) foreign(context.Context, []string) ([]map[string]bool, error) { return nil, nil }
