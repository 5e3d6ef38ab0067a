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
)

// resyncAPI is what a client asks of Asterisk by itself: after a gap, and for a
// wait on something that it has not made. Controller satisfies it.
type resyncAPI interface {
	// channelStates lists all channels.
	channelStates(ctx context.Context) ([]channelState, error)

	// channelState looks at one. Its error is ErrNotFound if there is none.
	channelState(ctx context.Context, id string) (channelState, error)

	// bridgeIDs lists all bridges.
	bridgeIDs(ctx context.Context) ([]string, error)

	// exists looks for one bridge, playback or live recording.
	exists(ctx context.Context, kind entityKind, id string) (bool, error)

	// eventSources lists what an application is subscribed to, as subscribe takes
	// it. Its error is ErrNotFound if there is no such application.
	eventSources(ctx context.Context, app string) ([]string, error)

	// subscribe subscribes an application to event sources.
	subscribe(ctx context.Context, app string, sources []string) error

	// echo makes Asterisk send a user event of this name to an application. Its
	// error is ErrNotFound if there is no such application.
	echo(ctx context.Context, app, name string) error

	// setEventFilter sets an application's event filter; filter is the request's
	// body.
	setEventFilter(ctx context.Context, app string, filter json.RawMessage) error
}

// A channelState is what Asterisk tells of a channel, as far as resync needs it.
type channelState struct {
	id      string
	state   string // "Up" when answered
	app     string // the dialplan application that it executes
	appData string // and that application's arguments
	channel *Channel
}

func (s channelState) up() bool { return s.state == "Up" }

// inStasis reports whether the channel is in a Stasis application. In which one
// can't be told for sure: moving a channel between them changes nothing in what
// Asterisk shows.
func (s channelState) inStasis() bool { return strings.HasPrefix(s.app, "Stasis") }

// inApplication reports whether the channel entered this application from the
// dialplan, or was originated into it.
func (s channelState) inApplication(app string) bool {
	name, _, _ := strings.Cut(s.appData, ",")
	return s.inStasis() && name == app
}

// The event sources that stand for all of a kind, and how Asterisk shows in an
// application that it is subscribed to them.
var (
	allSources = []string{"channel:", "bridge:", "endpoint:", "deviceState:"}

	allTopics = map[string]string{
		"channel:__AST_CHANNEL_ALL_TOPIC":          "channel:",
		"bridge:__AST_BRIDGE_ALL_TOPIC":            "bridge:",
		"endpoint:__AST_ENDPOINT_ALL_TOPIC":        "endpoint:",
		"deviceState:__AST_DEVICE_STATE_ALL_TOPIC": "deviceState:",
	}

	topicOfAll = func() map[string]string {
		topics := make(map[string]string)
		for topic, source := range allTopics {
			topics[source] = topic
		}
		return topics
	}()
)

// memory is what the applications have been told through this client, and must be
// told again when Asterisk has forgotten it.
type memory struct {
	mu      sync.Mutex
	sources map[string]map[string]struct{} // by application
	filters map[string]json.RawMessage
	all     bool // the client subscribes to everything

	// originated has the channels that were made for one of the client's applications, as long as they live.
	originated map[string]struct{}
}

func (m *memory) originate(channel string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.originated == nil {
		m.originated = make(map[string]struct{})
	}
	m.originated[channel] = struct{}{}
}

func (m *memory) forgetOriginated(channel string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.originated, channel)
}

// rememberSubscribed notes that an application has been subscribed to sources,
// each in the form "channel:ID".
func (c *Controller) rememberSubscribed(app string, sources ...string) {
	if c.link == nil {
		return
	}
	m := &c.link.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sources == nil {
		m.sources = make(map[string]map[string]struct{})
	}
	if m.sources[app] == nil {
		m.sources[app] = make(map[string]struct{})
	}
	for _, s := range sources {
		m.sources[app][s] = struct{}{}
	}
}

// forgetSubscribed notes that an application has been unsubscribed.
func (c *Controller) forgetSubscribed(app string, sources ...string) {
	if c.link != nil {
		c.link.memory.forget(app, sources...)
	}
}

// rememberFilter notes an application's event filter.
func (c *Controller) rememberFilter(app string, filter json.RawMessage) {
	if c.link == nil {
		return
	}
	m := &c.link.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.filters == nil {
		m.filters = make(map[string]json.RawMessage)
	}
	if filter == nil {
		delete(m.filters, app)
		return
	}
	m.filters[app] = filter
}

func (m *memory) forget(app string, sources ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range sources {
		if all, ok := allTopics[s]; ok {
			s = all
		}
		delete(m.sources[app], s)
	}
	if len(m.sources[app]) == 0 {
		delete(m.sources, app)
	}
}

// hears reports whether one of the client's applications is subscribed to a channel or bridge, so that its events come
// even while the channel, or any of the bridge's, isn't in the application.
func (l *link) hears(kind entityKind, id string) bool {
	m := &l.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.originated[id]; m.all || ok && kind == kindChannel {
		return true
	}
	all := kind.String() + ":"
	for _, app := range l.c.cfg.applications {
		if _, ok := m.sources[app][all]; ok {
			return true
		}
		if _, ok := m.sources[app][all+id]; ok {
			return true
		}
	}
	return false
}

// forgetAll forgets a source that is no more.
func (m *memory) forgetAll(source string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for app, sources := range m.sources {
		delete(sources, source)
		if len(sources) == 0 {
			delete(m.sources, app)
		}
	}
}

func (m *memory) of(app string) (sources []string, filter json.RawMessage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.sources[app])), m.filters[app]
}

// apps returns the applications that something has been said to.
func (m *memory) apps() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	set := make(map[string]struct{})
	for app := range m.sources {
		set[app] = struct{}{}
	}
	for app := range m.filters {
		set[app] = struct{}{}
	}
	return slices.Sorted(maps.Keys(set))
}

// resync brings the client and Asterisk into line again after a gap, while the
// reader is already dispatching the new connection's events. This is safe because
// it judges only what is older than the connection: what a new event has started
// carries the new generation, what a new event has ended is no longer there. An
// end that resync finds before its event is read shows in ghosts.
//
// It returns true when the connection must be given up.
func (l *link) resync(ctx context.Context, gap time.Duration) bool {
	err := l.persist(ctx, func() error {
		some, err := l.resyncOnce(ctx)
		l.endedInGap = append(l.endedInGap, some...)
		return err
	})
	if err != nil {
		return errors.Is(err, errMute)
	}
	ended, entered := l.endedInGap, l.enteredInGap
	l.endedInGap, l.enteredInGap = nil, nil
	l.c.reports.log(slog.LevelInfo, "in step with Asterisk again", "gap", gap, "ended", len(ended), "entered", len(entered))
	l.isInStep(&Connected{Resumed: true, Gap: gap, Ended: ended, Entered: entered})
	return false
}

// settle is resync for the first connection: it does what the client's options say.
func (l *link) settle(ctx context.Context) bool {
	err := l.persist(ctx, func() error {
		if err := l.restore(ctx); err != nil || !l.c.cfg.adopt {
			return err
		}
		defer l.noteLeaving()()
		list, err := l.channels(ctx)
		if err != nil {
			return err
		}
		subscribed, err := l.subscribed(ctx)
		if err != nil {
			return err
		}
		l.startMissed(list, subscribed)
		return nil
	})
	if err != nil {
		return errors.Is(err, errMute)
	}
	entered := l.enteredInGap
	l.enteredInGap = nil
	l.isInStep(&Connected{Entered: entered})
	return false
}

// isInStep tells that the connection is as it should be.
func (l *link) isInStep(ev *Connected) {
	ev.EventHeader = newLocalHeader("Connected")
	l.inStep.Store(true)
	l.local(l.c.registry.connected, ev)
	l.readyOnce.Do(func() { close(l.ready) }) // Connect waits for that.
}

// persist does something until it succeeds. It fails with errMute if the connection must be given up, and when ctx ends
// with the connection.
func (l *link) persist(ctx context.Context, do func() error) error {
	delays := l.c.cfg.reconnect.delays()
	for {
		err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.trouble.Store(&err)
		if errors.Is(err, errMute) && l.mayRenew() {
			return errMute
		}
		l.c.reports.post(func(ctx context.Context) {
			l.c.log.WarnContext(ctx, "cannot get in step with Asterisk yet", "error", err)
			l.c.handleError(ctx, err)
		})
		if !sleep(ctx, delays()) {
			return ctx.Err()
		}
	}
}

func (l *link) resyncOnce(ctx context.Context) (ended []string, err error) {
	if err := l.restore(ctx); err != nil {
		return nil, err
	}
	gen := l.gen.Load()
	defer l.noteLeaving()()
	// Before Asterisk is asked: what a request makes later isn't in its answers.
	waiting := l.c.index.olderThan(l.id, gen)
	list, err := l.channels(ctx)
	if err != nil {
		return nil, err
	}
	channels := make(map[string]channelState, len(list))
	for _, ch := range list {
		channels[ch.id] = ch
	}
	l.forgetDeparted(channels)
	subscribed, err := l.subscribed(ctx)
	if err != nil {
		return nil, err
	}

	ended = l.endCalls(gen, channels, func(k *call) bool {
		if !channels[k.channel].inStasis() {
			return false
		}
		// An application hears of each channel in it, either one by one or of all.
		// (That it hears of a channel doesn't say that the channel is in it.)
		has := subscribed[k.app]
		return has["channel:"] || has["channel:"+k.channel]
	})
	l.startMissed(list, subscribed)
	bridges, err := l.api.bridgeIDs(ctx)
	if err != nil {
		return ended, fmt.Errorf("ari: resync: bridges: %w", err)
	}
	return ended, l.endListeners(ctx, waiting, channels, bridges)
}

// noteLeaving notes the channels whose end is read from now on, until the returned function is called.
func (l *link) noteLeaving() (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = make(map[string]bool)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.left = nil
	}
}

func (l *link) channels(ctx context.Context) ([]channelState, error) {
	list, err := l.api.channelStates(ctx)
	if err != nil {
		return nil, fmt.Errorf("ari: resync: channels: %w", err)
	}
	return list, nil
}

// subscribed returns the event sources of each of the client's applications.
func (l *link) subscribed(ctx context.Context) (map[string]map[string]bool, error) {
	all := make(map[string]map[string]bool)
	for _, app := range l.c.cfg.applications {
		sources, err := l.sources(ctx, app)
		if err != nil {
			return nil, err
		}
		all[app] = sources
	}
	return all, nil
}

// forgetDeparted forgets the channels that are gone; the events that told of it may have been lost.
func (l *link) forgetDeparted(channels map[string]channelState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.departed, func(g ghost, _ struct{}) bool {
		_, exists := channels[g.channel]
		return !exists
	})
}

// startMissed makes a StasisStart for each channel that is in one of the applications without our knowing it: its own
// was sent into a connection that was dead already. Nobody would ever answer that caller.
//
// It goes by what the channel shows as its dialplan application, which moving it to another one doesn't change; but then
// the application isn't subscribed to it any more.
func (l *link) startMissed(channels []channelState, subscribed map[string]map[string]bool) {
	for _, ch := range channels {
		for _, app := range l.c.cfg.applications {
			if has := subscribed[app]; ch.inApplication(app) && (has["channel:"] || has["channel:"+ch.id]) {
				l.startMissedIn(app, ch)
			}
		}
	}
}

// toolNames are how the names of channels begin that CreateExternalMedia and Snoop make, by an earlier process perhaps.
var toolNames = []string{"UnicastRTP/", "AudioSocket/", "WebSocket/", "Snoop/"}

func (l *link) startMissedIn(app string, ch channelState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Events that were read since Asterisk was asked know better.
	_, departed := l.departed[ghost{app, ch.id}]
	if departed || len(l.calls[ch.id]) > 0 || l.left[ch.id] {
		return
	}
	start := &StasisStart{Channel: ch.channel, Args: []string{}}
	if _, args, ok := strings.Cut(ch.appData, ","); ok {
		start.Args = strings.Split(args, ",")
	}
	start.EventHeader = newLocalHeader("StasisStart")
	start.Application, start.synthetic = app, true
	in := inbound{conn: l.id, kind: l.c.registry.byName["StasisStart"], ev: start, app: []byte(app)}
	in.tool = slices.ContainsFunc(toolNames, func(prefix string) bool { return strings.HasPrefix(ch.channel.Name, prefix) })
	in.addEntity(kindChannel, []byte(ch.id))
	l.dispatch(&in)
	// Its own may still come.
	if l.twins == nil {
		l.twins = make(map[ghost]time.Time)
	}
	l.twins[ghost{app, ch.id}] = time.Now()
	l.enteredInGap = append(l.enteredInGap, ch.id)
}

// restore subscribes the applications again to what they have lost, and sets
// their event filters.
func (l *link) restore(ctx context.Context) error {
	apps := append(slices.Clone(l.c.cfg.applications), l.memory.apps()...)
	slices.Sort(apps)
	for _, app := range slices.Compact(apps) {
		if err := l.restoreApp(ctx, app); err != nil {
			return err
		}
	}
	return nil
}

func (l *link) restoreApp(ctx context.Context, app string) error {
	explicit, filter := l.memory.of(app)
	all := l.c.cfg.subscribeAll && l.ours(app)
	if !all && len(explicit) == 0 && filter == nil {
		return nil
	}
	has, err := l.sources(ctx, app)
	if err != nil {
		return err
	}
	// Only what is missing: a second subscription would have to be undone twice,
	// and one to everything doubles each event of what was subscribed to singly.
	missing := func(s string) bool { return !has[s] }
	if all {
		if err := l.subscribe(ctx, app, filterStrings(allSources, missing)); err != nil {
			return err
		}
	}
	if err := l.subscribe(ctx, app, filterStrings(explicit, missing)); err != nil {
		return err
	}
	if filter != nil {
		if err := l.api.setEventFilter(ctx, app, filter); err != nil && !l.refused(err, "event filter of "+app) {
			return fmt.Errorf("ari: resync: event filter of %s: %w", app, err)
		}
	}
	return nil
}

// maxSources is how many event sources go into one request. Asterisk takes 127,
// and 4 KB for the request line.
const maxSources = 20

// subscribe subscribes to sources. What Asterisk refuses, because it no longer
// exists, is forgotten.
func (l *link) subscribe(ctx context.Context, app string, sources []string) error {
	for some := range slices.Chunk(sources, maxSources) {
		err := l.api.subscribe(ctx, app, some)
		if err == nil {
			continue
		}
		if !isRefusal(err) {
			return fmt.Errorf("ari: resync: subscribe %s: %w", app, err)
		}
		// One of them. The list isn't taken as a whole, so ask for each.
		for _, source := range some {
			err := l.api.subscribe(ctx, app, []string{source})
			if err == nil {
				continue
			}
			if !l.refused(err, "subscription of "+app+" to "+source) {
				return fmt.Errorf("ari: resync: subscribe %s to %s: %w", app, source, err)
			}
			if !comesBack(source) {
				l.memory.forget(app, source)
			}
		}
	}
	return nil
}

// comesBack reports whether a source that isn't there may be there later: while Asterisk starts, its endpoints aren't yet.
func comesBack(source string) bool {
	return strings.HasPrefix(source, "endpoint:") || strings.HasPrefix(source, "deviceState:")
}

// isRefusal reports whether Asterisk has understood a request and won't do it, so
// that there is no point in asking again.
func isRefusal(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.StatusCode >= 400 && e.StatusCode < 500
}

// refused is isRefusal, and logs it.
func (l *link) refused(err error, what string) bool {
	if !isRefusal(err) {
		return false
	}
	l.c.reports.log(slog.LevelWarn, "Asterisk refuses to restore", "what", what, "error", err)
	return true
}

// sources returns the event sources of an application. An application of the client's
// own exists as long as the connection has it.
func (l *link) sources(ctx context.Context, app string) (map[string]bool, error) {
	list, err := l.api.eventSources(ctx, app)
	switch {
	case err == nil:
	case !errors.Is(err, ErrNotFound):
		return nil, fmt.Errorf("ari: resync: application %s: %w", app, err)
	case l.ours(app):
		return nil, fmt.Errorf("%w: application %s is gone", errMute, app)
	}
	set := make(map[string]bool, len(list))
	for _, s := range list {
		if all, ok := allTopics[s]; ok {
			s = all
		}
		set[s] = true
	}
	return set, nil
}

func filterStrings(list []string, keep func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !keep(s) })
}

// endCalls ends the calls from before the gap that aren't alive any more, and
// returns their channels' ids.
func (l *link) endCalls(gen uint64, channels map[string]channelState, alive func(*call) bool) (ended []string) {
	l.mu.Lock()
	var old []*call
	for _, list := range l.calls {
		for _, k := range list {
			if k.gen < gen {
				old = append(old, k)
			}
		}
	}
	l.mu.Unlock()
	slices.SortFunc(old, func(a, b *call) int { return strings.Compare(a.channel, b.channel) })

	for _, k := range old {
		if alive(k) {
			continue
		}
		// One at a time, so that the reader never waits long.
		l.mu.Lock()
		if l.takeCallIf(k) {
			l.ghosts[ghost{k.app, k.channel}] = struct{}{}
			l.endMissed(k)
			ended = append(ended, k.channel)
			if _, exists := channels[k.channel]; !exists {
				key := entityKey{l.id, kindChannel, k.channel}
				l.c.index.endAll(key, &EndError{Entity: key.String(), Reason: ErrGap})
			}
		}
		l.mu.Unlock()
	}
	return slices.Compact(ended)
}

// takeCallIf takes this very call out, unless an event has done so meanwhile.
func (l *link) takeCallIf(k *call) bool {
	return slices.Contains(l.calls[k.channel], k) && l.takeCall(k.channel, k.app) == k
}

// endListeners ends what waits, since before the gap, for something that is no
// longer there, and tells the others what they may have missed.
func (l *link) endListeners(
	ctx context.Context, waiting []listener, channels map[string]channelState, bridges []string,
) error {
	hasBridge := make(map[string]bool, len(bridges))
	for _, id := range bridges {
		hasBridge[id] = true
	}
	var ask []listener // each about a playback or recording of its own
	for _, x := range waiting {
		key := x.places().own
		switch key.kind {
		case kindChannel:
			ch, exists := channels[key.id]
			if !exists {
				l.endMissing(x)
			} else if lf, ok := x.(*life); ok {
				lf.catchUp(ch, l.c.cfg.applications)
			}
		case kindBridge:
			if !hasBridge[key.id] {
				l.endMissing(x)
			}
		case kindPlayback, kindRecording:
			ask = append(ask, x)
		default: // Endpoints, device states and applications don't end.
		}
	}
	return l.endUnlessExist(ctx, ask)
}

// maxQuestions is how many requests a resync has under way at once. Asterisk
// takes a hundred connections by default, and others need some too.
const maxQuestions = 8

// endUnlessExist asks Asterisk about each listener's entity.
func (l *link) endUnlessExist(ctx context.Context, list []listener) error {
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
				exists, err := l.api.exists(ctx, key.kind, key.id)
				switch {
				case err != nil:
					mu.Lock()
					failed = fmt.Errorf("ari: resync: %s: %w", key, err)
					mu.Unlock()
				case !exists:
					l.endMissing(x)
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

// endMissing ends a listener whose entity Asterisk doesn't have, unless it has
// ended meanwhile.
func (l *link) endMissing(x listener) {
	l.c.index.remove(x)
	x.end(&EndError{Entity: x.places().own.String(), Reason: ErrGap})
}

// ask brings a life up to date about an entity that should exist.
func (l *link) ask(ctx context.Context, lf *life) error {
	key := lf.at.own
	if key.kind == kindChannel {
		ch, err := l.api.channelState(ctx, key.id)
		if err != nil {
			return fmt.Errorf("ari: %s: %w", key, err)
		}
		lf.catchUp(ch, l.c.cfg.applications)
		return nil
	}
	exists, err := l.api.exists(ctx, key.kind, key.id)
	if err == nil && !exists {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("ari: %s: %w", key, err)
	}
	return nil
}

// check makes sure of an entity whose request came back only after a resync, and
// which that could not judge therefore.
func (l *link) check(ctx context.Context, lf *life) {
	delays := l.c.cfg.reconnect.delays()
	for {
		err := l.ask(ctx, lf)
		if err == nil || lf.ending() != nil {
			return
		}
		if errors.Is(err, ErrNotFound) {
			l.endMissing(lf)
			return
		}
		if !sleep(ctx, delays()) {
			return
		}
	}
}

// catchUp tells a life what its channel has been through.
func (lf *life) catchUp(ch channelState, apps []string) {
	lf.mu.Lock()
	defer lf.mu.Unlock()
	if ch.up() {
		lf.reach(stageAnswered)
	}
	if slices.ContainsFunc(apps, ch.inApplication) {
		lf.reach(stageEntered)
	}
	if lf.reached&stageEntered != 0 && !ch.inStasis() {
		lf.reach(stageLeft)
	}
}

// olderThan returns the listeners of a connection's entities that were there
// before the connection's present generation. A life whose request is still under
// way can't be judged; it is told that a resync has passed it by.
func (x *index) olderThan(conn connID, gen uint64) []listener {
	x.mu.Lock()
	defer x.mu.Unlock()
	var old []listener
	for key, list := range x.byEntity {
		if key.conn != conn {
			continue
		}
		for _, l := range list {
			switch l := l.(type) {
			case *subscription:
				if l.gen < gen {
					old = append(old, l)
				}
			case *life:
				l.mu.Lock()
				if l.gen < gen && l.pending {
					l.doubt = true
				} else if l.gen < gen {
					old = append(old, l)
				}
				l.mu.Unlock()
			}
		}
	}
	return old
}

// sleep waits, and reports whether ctx was still alive after that.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
