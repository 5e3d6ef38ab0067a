package ari

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ari-go/ari/internal/roster"
	"github.com/ari-go/ari/internal/wire"
)

// A session is what a client knows of one Asterisk through one source of connections, across reconnects.
type session struct {
	id    sessionID
	hub   *hub
	upper upper
	cfg   *config
	apps  []string // the applications whose events come
	src   Source
	ctrl  *Controller
	api   asker

	ctx    context.Context //nolint:containedctx // It ends with the session.
	cancel context.CancelCauseFunc

	state   state
	wanted  *wanted
	probe   *prober
	doubted chan struct{} // has a token when a command got no answer
	ended   chan struct{} // closed when no connection is kept any more

	// mu makes one event at a time go through dispatch: the reader's, or one that is made here. Nothing that can block
	// happens under it.
	mu      sync.Mutex
	roster  *roster.Roster
	calls   map[roster.Stay]*call
	scratch scratch
	gap     gapResult
}

// An upper is what a session needs of its client.
type upper interface {
	// handles reports whether handlers are registered for a kind of event.
	handles(k *eventKind) bool

	// handle hands an event to the handlers of its kind. ctx is that of a call that begins with it, else nil.
	handle(in *inbound, ctx context.Context)

	// drains reports whether new calls are to be sent on in the dialplan; sendOn does that.
	drains() bool
	sendOn(ch *Channel)

	// replaced ends the client because another one has taken an application over.
	replaced(app string)

	// sessionEnded says that no connection follows.
	sessionEnded(s *session)
}

// scratch is space that dispatch uses for one event after the other.
type scratch struct {
	in   arrival
	scan wire.Frame
	ids  []byte
	hits []listener
	cut  *FrameError // a frame that ended too early
}

func newSession(id sessionID, hub *hub, up upper, cfg *config, src Source) *session {
	s := &session{
		id:      id,
		hub:     hub,
		upper:   up,
		cfg:     cfg,
		apps:    cfg.applications,
		src:     src,
		wanted:  newWanted(cfg.applications, cfg.subscribeAll),
		probe:   newProber(),
		doubted: make(chan struct{}, 1),
		ended:   make(chan struct{}),
		roster:  roster.New(),
		calls:   make(map[roster.Stay]*call),
	}
	s.ctx, s.cancel = context.WithCancelCause(hub.ctx)
	s.ctrl = newController(cfg)
	s.ctrl.feed, s.ctrl.sessionID, s.ctrl.ids = s, id, newIDs(s.ctrl.application, hub.run)
	s.ctrl.attach(s)
	if dialled, ok := src.(*websocketSource); ok && cfg.commands == CommandsWebsocket {
		s.ctrl.chain.roads.pool = newDialledPool(dialled)
	}
	s.api = s.ctrl
	if cfg.channels != nil {
		s.api = &channelsAsker{s.ctrl, cfg.channels}
	}
	if len(cfg.subscriptions) > 0 {
		s.wanted.add(s.ctrl.application, cfg.subscriptions)
	}
	return s
}

// listeners and generation make a session an audience.
func (s *session) listeners() *hub { return s.hub }

func (s *session) generation() uint64 { return s.state.generation.Load() }

func (s *session) over() bool { return s.state.now() == phaseEnded }

// receive takes one frame from the connection. It runs on the reader's goroutine and never blocks. It returns false when
// the connection is no longer worth reading: a handshake of our own that was given up has taken over.
func (s *session) receive(frame Frame) bool {
	n := &s.hub.counters
	n.frames.Add(1)
	n.bytes.Add(uint64(len(frame.Data)))
	receipt := newReceipt(frame.Handled)
	defer receipt.release()

	s.mu.Lock()
	defer s.mu.Unlock()
	in, err := s.scan(frame.Data)
	if err != nil {
		s.observeFrame(frame.Data)
		s.skip(frame.Data, err)
		return true
	}
	if in.kind.role == roleAnswer {
		s.answered(frame.Data)
		return true
	}
	if in.kind.role == roleReplaced && s.probe.distrusted() && s.ours(in.app) && s.probe.mayRenew() {
		return false
	}
	if s.isProbe(&in.inbound) {
		return true
	}
	s.observeFrame(frame.Data)
	in.receipt = receipt
	s.scratch.ids = in.addEntities(&s.scratch.scan, s.scratch.ids[:0])
	s.process(in)
	return true
}

// scan finds out what kind of event a frame is. Call it with mu held.
func (s *session) scan(frame []byte) (*arrival, error) {
	if s.scratch.cut != nil {
		s.reportBad(s.scratch.cut) // The connection goes on, so it was sent like that.
		s.scratch.cut = nil
	}
	r := &s.scratch
	if err := r.scan.Scan(frame); err != nil {
		return nil, err
	}
	kind := s.hub.registry.byName[string(r.scan.Text(r.scan.Type))]
	if kind == nil {
		kind = s.hub.registry.unknown
	}
	if kind.role.needsChannel() { // Otherwise it is nobody's call.
		if err := r.scan.RequireID("channel"); err != nil {
			return nil, fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	r.in = arrival{inbound: inbound{
		session:  s.id,
		kind:     kind,
		scan:     &r.scan,
		app:      r.scan.Text(r.scan.App),
		entities: r.in.entities[:0],
	}}
	return &r.in, nil
}

// skip reports a frame that can't be read. The connection may have been cut where it ends too early, which the websocket
// library takes for the frame's end; the next frame tells that it was not.
func (s *session) skip(frame []byte, err error) {
	bad := newFrameError(frame, err)
	if fault, ok := errors.AsType[*wire.SyntaxError](err); ok && fault.CutOff() {
		s.scratch.cut = bad
		return
	}
	s.reportBad(bad)
}

func (s *session) reportBad(bad *FrameError) {
	const shown = 256
	s.hub.counters.bad.Add(1)
	s.hub.reports.fail("skipped a bad event", bad, "frame", string(bad.Frame[:min(len(bad.Frame), shown)]))
}

// local takes an event that was made here.
func (s *session) local(kind *eventKind, ev Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliver(&arrival{inbound: inbound{session: s.id, kind: kind, ev: ev}})
}

// newLocalHeader is the header of an event that is made here.
func (s *session) newLocalHeader(typ string) EventHeader {
	return EventHeader{Type: typ, Timestamp: Time{Time: time.Now()}, ctrl: s.ctrl}
}

// process takes an event of Asterisk's to those whom it concerns. Call it with mu held.
func (s *session) process(in *arrival) {
	switch in.kind.role {
	case roleStasisStart:
		if !s.enter(in) {
			return
		}
	case roleStasisEnd:
		if !s.leave(in) {
			return
		}
	case roleChannelDestroyed:
		s.destroyed(in)
	case roleHangupRequest:
		s.hangupRequested(in)
	case roleDialplan:
		s.roster.InDialplan(string(in.id(kindChannel)))
	case rolePlaybackFinished, roleRecordingFinished:
		in.cutOff = s.cutOff(in)
	default:
	}
	s.deliver(in)
	if in.kind.role == roleReplaced && s.ours(in.app) {
		s.upper.replaced(string(in.app))
	}
}

// deliver brings an event to its listeners and handlers. Call it with mu held.
func (s *session) deliver(in *arrival) {
	in.hidden = s.wanted.hides(in.app, in.kind)
	if len(s.hub.observers) > 0 {
		s.observeEvent(in)
	}
	handled := !in.hidden && s.upper.handles(in.kind)
	hits := s.hub.index.find(&in.inbound, s.scratch.hits[:0])
	if in.ev == nil && (handled || anyWantsEvent(hits, in.kind)) {
		s.decode(in)
	}
	// Subscriptions get the event before contexts end, so that who waits for it with such a context gets it. Handlers
	// get it after that, so that one of StasisEnd never sees its channel's StasisStart context alive.
	for _, hit := range hits {
		hit.offer(&in.inbound)
		if f, ok := hit.(*follower); ok && f.origin == madeHere {
			in.madeHere = true
		}
	}
	clear(hits)
	s.scratch.hits = hits[:0]
	s.endScopes(in)
	for _, o := range in.over {
		o.call.end(o.err)
	}
	if s.admit(in) && handled && in.ev != nil {
		s.upper.handle(&in.inbound, s.contextOf(in))
	}
}

func anyWantsEvent(hits []listener, k *eventKind) bool {
	for _, hit := range hits {
		if hit.wants(k) == wantsEvent {
			return true
		}
	}
	return false
}

// decode makes the event of a scanned frame, unless it can't be read.
func (s *session) decode(in *arrival) {
	if in.ev != nil {
		return
	}
	ev, err := decode(in.kind, in.scan, s.ctrl)
	if err != nil {
		s.reportBad(newFrameError(in.scan.Raw, err))
		return
	}
	in.ev = ev
	s.hub.counters.decoded.Add(1)
}

// endScopes ends the subscriptions and lives that end with this event.
func (s *session) endScopes(in *arrival) {
	var kind entityKind
	reason := ErrEnded
	switch in.kind.role {
	case roleStasisEnd:
		if in.stays || s.wanted.hears(kindChannel, string(in.id(kindChannel))) {
			return
		}
		kind, reason = kindChannel, ErrLeftStasis
	case roleChannelDestroyed:
		kind, reason = kindChannel, ErrChannelDestroyed
	case roleBridgeDestroyed:
		kind = kindBridge
	case rolePlaybackFinished:
		kind = kindPlayback
	case roleRecordingFinished:
		kind = kindRecording
	default:
		return
	}
	id := in.id(kind)
	if id == nil {
		return
	}
	if kind == kindBridge || in.kind.role == roleChannelDestroyed {
		s.wanted.removeEverywhere(kind.String() + ":" + string(id))
	}
	if in.kind.role == roleChannelDestroyed {
		s.wanted.removeChannel(string(id))
	}
	s.hub.index.endAll(entityKey{s.id, kind, string(id)}, in.endError(kind, reason))
}

// ours reports whether app is one of the session's applications.
func (s *session) ours(app []byte) bool {
	return slices.Contains(s.apps, string(app))
}

// session is the session whose events the controller's objects have, if there is one.
func (c *Controller) session() (*session, bool) {
	if c == nil {
		return nil, false
	}
	s, ok := c.feed.(*session)
	return s, ok
}
