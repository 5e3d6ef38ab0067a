package ari

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ari-go/ari/internal/wire"
)

// On registers a handler for events of type E: a pointer to an event struct, or
// an interface for all events that satisfy it. A handler of [Event] gets
// everything, the client's own events included. On panics when no event can be
// an E.
//
// The handler runs in lanes. A lane is its queue for one entity: the event's
// channel (for a playback or recording, the channel it plays on or records), else
// its bridge, playback, recording, endpoint or device. Within a lane, events are
// handled one at a time, in the order in which they happened; lanes run side by
// side. So a handler may take its time, and even last as long as a call,
// without holding up other calls or other handlers. Events without an entity
// share one lane.
//
// The handler's context ends with the client. For a [*StasisStart] it ends also
// when the channel leaves the application; [context.Cause] then gives an [*EndError].
//
// An error that the handler returns, or its panic, is logged and passed to the
// client's error handler, unless it only says that the context has ended. When a
// call ends, its handler's command or wait may fail before the end itself has come:
// an error of this package's, returned by a handler of StasisStart, is reported only
// if the context has not ended within a second, or this client itself has hung up.
//
// The returned function unregisters the handler: events that wait for it are
// dropped, a call of it that is under way goes on. It doesn't wait for that, so
// it may be called by the handler itself.
func On[E Event](c *Client, h func(context.Context, E) error) (stop func()) {
	return c.register(newHandler(c, h))
}

func newHandler[E Event](c *Client, h func(context.Context, E) error) *handler {
	if h == nil {
		panic("ari: the handler is nil")
	}
	return &handler{
		c:    c,
		sel:  selectionOf[E](),
		call: func(ctx context.Context, ev Event) error { return h(ctx, ev.(E)) },
	}
}

// OnStasisStart registers a handler for calls: channels that enter the application.
// The handler may last as long as the call: its context ends when the channel
// leaves the application. See [On].
//
// Channels that this client makes by CreateExternalMedia and Snoop enter it as well,
// but they are no calls, and a handler that makes such a channel for each call would
// go on with that for ever. It doesn't get them; a handler registered with On does.
func (c *Client) OnStasisStart(h func(context.Context, *StasisStart) error) (stop func()) {
	calls := newHandler(c, h)
	calls.callsOnly = true
	return c.register(calls)
}

// OnStasisEnd registers a handler for channels that leave the application. See
// [On].
func (c *Client) OnStasisEnd(h func(context.Context, *StasisEnd) error) (stop func()) {
	return On(c, h)
}

// handlerTable has the handlers by index of the event's kind. Its lists are never
// changed but replaced, so the reader needs no lock for them.
type handlerTable struct {
	mu    sync.Mutex // for register and stop
	lists []atomic.Pointer[[]*handler]
}

func (t *handlerTable) of(k *eventKind) []*handler {
	if list := t.lists[k.index].Load(); list != nil {
		return *list
	}
	return nil
}

func (c *Client) register(h *handler) (stop func()) {
	t := &c.handlers
	t.mu.Lock()
	for _, k := range h.sel.kinds {
		old := t.of(k)
		list := append(slices.Clip(old), h)
		t.lists[k.index].Store(&list)
	}
	t.mu.Unlock()
	return sync.OnceFunc(func() {
		t.mu.Lock()
		for _, k := range h.sel.kinds {
			var list []*handler
			for _, other := range t.of(k) {
				if other != h {
					list = append(list, other)
				}
			}
			t.lists[k.index].Store(&list)
		}
		t.mu.Unlock()
		h.stop()
	})
}

// all returns every registered handler, once.
func (t *handlerTable) all() map[*handler]bool {
	set := make(map[*handler]bool)
	for _, k := range registry().kinds {
		for _, h := range t.of(k) {
			set[h] = true
		}
	}
	return set
}

// An inbound is an event on its way through dispatch. What it refers to belongs
// to the reader and is valid only for as long as dispatch runs.
type inbound struct {
	conn     connID
	kind     *eventKind
	scan     *wire.Frame // nil for events made here
	entities []entity
	lane     entity // the one of entities that decides about the lane, or none
	app      []byte
	ev       Event // nil as long as nobody needs it, or it cannot be decoded
	tool     bool  // a StasisStart made up for a channel that is no call
	gap      bool  // made after a gap, to end what ended in it
	stays    bool  // a StasisEnd, but the channel is in another of our applications
}

// An entity is one that an event concerns.
type entity struct {
	kind     entityKind
	id       []byte
	repeated bool // it is in the list already
}

func (in *inbound) laneKey() entityKey {
	return entityKey{in.conn, in.lane.kind, string(in.lane.id)}
}

// id returns the id of the first entity of a kind, or nil.
func (in *inbound) id(kind entityKind) []byte {
	for i := range in.entities {
		if in.entities[i].kind == kind {
			return in.entities[i].id
		}
	}
	return nil
}

// addEntity appends an entity unless it has no id.
func (in *inbound) addEntity(kind entityKind, id []byte) {
	if len(id) == 0 {
		return
	}
	e := entity{kind: kind, id: id}
	for i := range in.entities {
		if in.entities[i].kind == kind && bytes.Equal(in.entities[i].id, id) {
			e.repeated = true
		}
	}
	in.entities = append(in.entities, e)
	if kind <= kindDeviceState && (in.lane.kind == kindNone || kind < in.lane.kind) {
		in.lane = e
	}
}

// addEntities finds the entities that a scanned event names. Where an id must be
// put together, scratch takes it.
func (in *inbound) addEntities(s *wire.Frame, scratch []byte) []byte {
	for _, ref := range in.kind.refs {
		m := ref.find(s)
		if m == nil {
			continue
		}
		switch ref.kind {
		case kindChannel, kindBridge:
			in.addEntity(ref.kind, s.Text(m.ID))
		case kindPlayback:
			in.addEntity(ref.kind, s.Text(m.ID))
			in.addTarget(s.Text(m.Target))
		case kindRecording:
			in.addEntity(ref.kind, s.Text(m.Name))
			in.addTarget(s.Text(m.Target))
		case kindDeviceState, kindApplication:
			in.addEntity(ref.kind, s.Text(m.Name))
		case kindEndpoint:
			if m.Technology.OK() && m.Resource.OK() {
				from := len(scratch)
				scratch = append(scratch, s.Text(m.Technology)...)
				scratch = append(scratch, '/')
				scratch = append(scratch, s.Text(m.Resource)...)
				in.addEntity(ref.kind, scratch[from:])
			}
		case kindNone:
		}
	}
	in.addEntity(kindApplication, in.app)
	return scratch
}

var (
	channelTarget = []byte("channel:")
	bridgeTarget  = []byte("bridge:")
)

// addTarget adds the channel or bridge that a playback or recording runs on.
func (in *inbound) addTarget(uri []byte) {
	if id, ok := bytes.CutPrefix(uri, channelTarget); ok {
		in.addEntity(kindChannel, id)
	} else if id, ok := bytes.CutPrefix(uri, bridgeTarget); ok {
		in.addEntity(kindBridge, id)
	}
}

// targetKey is the entity that a target_uri names, or the zero key.
func targetKey(conn connID, uri string) entityKey {
	if id, ok := strings.CutPrefix(uri, "channel:"); ok {
		return entityKey{conn, kindChannel, id}
	}
	if id, ok := strings.CutPrefix(uri, "bridge:"); ok {
		return entityKey{conn, kindBridge, id}
	}
	return entityKey{}
}

// A call is a channel's stay in one application, as far as it concerns handlers:
// from the StasisStart to the end.
type call struct {
	app     string
	channel string
	gen     uint64   // the connection's generation at the StasisStart
	last    *Channel // as StasisStart showed it; nil if nobody listened
	ctx     context.Context
	cancel  context.CancelCauseFunc // nil if no handler needed ctx
	hangup  bool                    // it is being hung up
	ours    bool                    // by this client
}

func (k *call) end(err error) {
	if k.cancel != nil {
		k.cancel(err)
	}
}

// A link is what a client keeps about one connection, across reconnects.
type link struct {
	c    *Client
	id   connID
	ctrl *Controller
	src  eventSource
	api  resyncAPI

	gen   atomic.Uint64 // counts connections made
	begun atomic.Bool   // the first one has been made
	up    atomic.Bool

	inStep atomic.Bool   // up, and Connected has told so
	ended  chan struct{} // closed when run has returned

	ready     chan struct{} // closed when the first connection has all subscriptions
	readyOnce sync.Once
	trouble   atomic.Pointer[error] // what last kept it from being closed

	ghostly atomic.Bool // Asterisk may hold a connection for alive that is none any more

	// mu makes one event at a time go through dispatch: the reader's, or one that
	// resync makes. Nothing that can block happens under it.
	mu     sync.Mutex
	calls  map[string][]*call // by channel
	ghosts map[ghost]struct{}
	in     inbound // scratch space of dispatch, as are the next four
	scan   wire.Frame
	ids    []byte
	hits   []listener

	suspicious bool                     // the present connection's applications may fall to a ghost of ours
	renewals   int                      // how many connections in a row were given up because no events came
	echoName   string                   // of the user events that the client sends itself
	awaited    map[string]chan struct{} // by application: closed at its next event

	// cut is a frame that ends too early. The connection may have been cut there, which the websocket library takes
	// for the frame's end; the next frame tells that it was not.
	cut *FrameError

	memory memory

	// endedInGap is for resync alone: the ended channels that no Connected has told
	// of yet.
	endedInGap   []string
	enteredInGap []string // likewise

	// left has, while a resync is under way, the channels whose end has been read since it began; twins has the
	// channels whose StasisStart was made up for, as long as Asterisk's own may still come.
	left  map[string]bool
	twins map[ghost]time.Time

	// departed has the channels that have left an application, by a move perhaps, and whose end will be heard of.
	departed map[ghost]struct{}
}

// A ghost is a channel whose StasisEnd was made after a gap. Asterisk's own may
// still be on its way, and must not come after it.
type ghost struct{ app, channel string }

func (l *link) callCount() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, list := range l.calls {
		n += len(list)
	}
	return n
}

// places completes what a handle says about itself: one of a controller that
// stands alone knows no connection.
func (l *link) places(p places) places {
	if p.own.kind != kindNone && p.own.conn == 0 {
		p.own.conn = l.id
	}
	if p.parent.kind != kindNone && p.parent.conn == 0 {
		p.parent.conn = l.id
	}
	return p
}

// receive takes one frame from the connection. It runs on the reader's goroutine
// and never blocks. It returns false when the connection is no longer worth
// reading: a handshake of our own that was given up has taken over.
func (l *link) receive(frame []byte) bool {
	n := &l.c.counters
	n.frames.Add(1)
	n.bytes.Add(uint64(len(frame)))

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut != nil {
		l.reportBad(l.cut) // The connection goes on, so it was sent like that.
		l.cut = nil
	}
	if err := l.scan.Scan(frame); err != nil {
		bad := newFrameError(frame, err)
		if fault, ok := errors.AsType[*wire.SyntaxError](err); ok && fault.CutOff() {
			l.cut = bad
		} else {
			l.reportBad(bad)
		}
		return true
	}
	kind := l.c.registry.byName[string(l.scan.Text(l.scan.Type))]
	if kind == nil {
		kind = l.c.registry.unknown
	}
	if kind.role == roleStasisStart {
		if err := l.scan.RequireID("channel"); err != nil { // It is nobody's call.
			l.reportBad(newFrameError(frame, fmt.Errorf("%s: %w", kind.name, err)))
			return true
		}
	}
	l.in = inbound{
		conn:     l.id,
		kind:     kind,
		scan:     &l.scan,
		app:      l.scan.Text(l.scan.App),
		entities: l.in.entities[:0],
	}
	if kind.role == roleReplaced && l.suspicious && l.ours(string(l.in.app)) {
		return false
	}
	if l.isEcho() {
		return true
	}
	l.ids = l.in.addEntities(&l.scan, l.ids[:0])
	l.dispatch(&l.in)
	return true
}

// local takes an event that was made here.
func (l *link) local(kind *eventKind, ev Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dispatch(&inbound{conn: l.id, kind: kind, ev: ev})
}

// maxFrameShown is how much of a bad frame is kept for the error handler.
const maxFrameShown = 4096

func newFrameError(frame []byte, err error) *FrameError {
	return &FrameError{Frame: bytes.Clone(frame[:min(len(frame), maxFrameShown)]), Err: err}
}

func (l *link) reportBad(bad *FrameError) {
	l.c.counters.bad.Add(1)
	l.c.reports.post(func(ctx context.Context) {
		const shown = 256
		l.c.log.WarnContext(ctx, "skipped a bad event", "error", bad.Err,
			"frame", string(bad.Frame[:min(len(bad.Frame), shown)]))
		l.c.handleError(ctx, bad)
	})
}

// dispatch brings an event to its listeners. Call it with mu held.
func (l *link) dispatch(in *inbound) {
	c := l.c
	var entered *call
	switch in.kind.role {
	case roleStasisStart:
		if l.isTwin(in) {
			return
		}
		entered = l.enter(in)
	case roleStasisEnd:
		if l.exorcise(in) {
			return
		}
	case roleHangupRequest:
		for _, k := range l.calls[string(in.id(kindChannel))] {
			k.hangup = true
		}
	default:
	}

	handlers := c.handlers.of(in.kind)
	l.hits = c.index.find(in, l.hits[:0])
	if in.ev == nil && (len(handlers) > 0 || anyWantsEvent(l.hits, in.kind)) {
		ev, err := decode(in.kind, in.scan, l.ctrl)
		if err == nil {
			in.ev = ev
			c.counters.decoded.Add(1)
		} else {
			l.reportBad(newFrameError(in.scan.Raw, err))
		}
	}

	// Subscriptions get the event before contexts end, so that who waits for it with such a context gets it.
	// Handlers get it after that, so that one of StasisEnd never sees its channel's StasisStart context alive.
	over := l.leave(in)
	tool := in.tool // the channel is no call
	for _, hit := range l.hits {
		hit.offer(in)
		if lf, ok := hit.(*life); ok && lf.isTool() {
			tool = true
		}
	}
	clear(l.hits)
	l.endScopes(in)
	for _, k := range over {
		k.call.end(k.err)
	}

	if entered != nil && in.ev != nil {
		if start, ok := in.ev.(*StasisStart); ok {
			entered.last = start.Channel
		}
	}
	if in.ev != nil && len(handlers) > 0 {
		t := task{ev: in.ev}
		if entered != nil {
			entered.ctx, entered.cancel = context.WithCancelCause(c.ctx)
			t.ctx = entered.ctx
		}
		for _, h := range handlers {
			if !h.callsOnly || !tool {
				h.offer(in, t)
			}
		}
	}
	if in.kind.role == roleReplaced && l.ours(string(in.app)) {
		l.replaced(string(in.app))
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

// enter notes that a channel is in the application.
func (l *link) enter(in *inbound) *call {
	id := string(in.id(kindChannel))
	if id == "" {
		return nil
	}
	app := string(in.app)
	delete(l.ghosts, ghost{app, id})
	delete(l.departed, ghost{app, id})
	gen := l.gen.Load()
	// What is left from before a gap has left in it. What is of this connection is being moved to the
	// application where it is already: its StasisEnd comes next.
	if at := slices.IndexFunc(l.calls[id], func(k *call) bool { return k.app == app }); at >= 0 && l.calls[id][at].gen < gen {
		l.endMissed(l.takeCall(id, app))
	}
	k := &call{app: app, channel: id, gen: gen}
	l.calls[id] = append(l.calls[id], k)
	return k
}

func (l *link) takeCall(channel, app string) *call {
	list := l.calls[channel]
	for i, k := range list {
		if k.app != app {
			continue
		}
		if len(list) == 1 {
			delete(l.calls, channel)
		} else {
			l.calls[channel] = append(list[:i:i], list[i+1:]...)
		}
		return k
	}
	return nil
}

// ended is a call that is over, and why.
type ended struct {
	call *call
	err  error
}

// leave takes out the calls that end with this event. Their contexts are still to be ended.
func (l *link) leave(in *inbound) (over []ended) {
	if role := in.kind.role; role == roleStasisEnd || role == roleChannelDestroyed {
		id := string(in.id(kindChannel))
		if l.left != nil {
			l.left[id] = true
		}
		for _, app := range l.c.cfg.applications {
			delete(l.twins, ghost{app, id})
		}
	}
	switch in.kind.role {
	case roleStasisEnd:
		id := string(in.id(kindChannel))
		if k := l.takeCall(id, string(in.app)); k != nil {
			over = append(over, ended{k, in.endOfCall(k, ErrLeftStasis)})
		}
		// When a channel is moved between applications, the one's StasisStart comes
		// before the other's StasisEnd.
		in.stays = len(l.calls[id]) > 0
		if l.hears(kindChannel, id) { // so its ChannelDestroyed will come
			l.departed[ghost{string(in.app), id}] = struct{}{}
		}
	case roleChannelDestroyed:
		id := string(in.id(kindChannel))
		for _, app := range l.c.cfg.applications {
			delete(l.departed, ghost{app, id})
		}
		list := l.calls[id]
		delete(l.calls, id)
		for _, k := range list {
			over = append(over, ended{k, in.endOfCall(k, ErrChannelDestroyed)})
		}
	default:
	}
	return over
}

// endScopes ends the subscriptions and lives that end with this event.
func (l *link) endScopes(in *inbound) {
	var kind entityKind
	reason := ErrEnded
	switch in.kind.role {
	case roleStasisEnd:
		if in.stays || l.hears(kindChannel, string(in.id(kindChannel))) {
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
	if role := in.kind.role; role == roleChannelDestroyed || role == roleBridgeDestroyed {
		l.memory.forgetAll(kind.String() + ":" + string(id))
	}
	l.c.index.endAll(entityKey{in.conn, kind, string(id)}, in.endError(kind, reason))
}

// endError says how the event's first entity of a kind came to its end.
func (in *inbound) endError(kind entityKind, reason error) *EndError {
	e := &EndError{Entity: entityKey{in.conn, kind, string(in.id(kind))}.String(), Reason: reason}
	if in.gap {
		e.Reason = ErrGap
	}
	if in.scan != nil && in.kind.role == roleChannelDestroyed {
		// What isn't a number reads as 0, which means "unknown" to Asterisk too.
		e.Cause, _ = strconv.Atoi(string(in.scan.Text(in.scan.Cause)))
		e.CauseText = string(in.scan.Text(in.scan.CauseText))
	}
	return e
}

func (in *inbound) endOfCall(k *call, reason error) error {
	e := in.endError(kindChannel, reason)
	e.ours = k.ours
	return e
}

// hangingUp notes that the client itself hangs a channel up, or, since that has failed, doesn't.
func (l *link) hangingUp(channel string, ours bool) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.calls[channel] {
		k.ours = ours && !k.hangup // Somebody else may have been first.
	}
}

// cutOff says that what runs on a channel has failed since the channel is being hung up; nil if it isn't. Asterisk tells
// of such a failure before it tells of the channel's end. Call it with mu held.
func (l *link) cutOff(in *inbound) error {
	id := string(in.id(kindChannel))
	for _, k := range l.calls[id] {
		if k.hangup {
			return &EndError{Entity: entityKey{l.id, kindChannel, id}.String(), Reason: ErrEnded}
		}
	}
	return nil
}

// endMissed ends a call whose StasisEnd was lost in a gap, and makes one in its
// place, so that handlers can clean up. Call it with mu held; k is out of calls.
func (l *link) endMissed(k *call) {
	key := entityKey{l.id, kindChannel, k.channel}
	k.end(&EndError{Entity: key.String(), Reason: ErrGap})
	ch := k.last
	if ch == nil {
		ch = l.ctrl.Channel(k.channel)
	}
	end := &StasisEnd{Channel: ch}
	end.EventHeader = EventHeader{
		Type: "StasisEnd", Application: k.app, Timestamp: Time{Time: time.Now()}, synthetic: true,
	}
	in := inbound{conn: l.id, kind: l.c.registry.byName["StasisEnd"], ev: end, gap: true, app: []byte(k.app)}
	in.addEntity(kindChannel, []byte(k.channel))
	l.dispatch(&in)
}

// exorcise reports whether this StasisEnd has been made up for already.
func (l *link) exorcise(in *inbound) bool {
	if in.gap || len(l.ghosts) == 0 {
		return false
	}
	g := ghost{string(in.app), string(in.id(kindChannel))}
	_, was := l.ghosts[g]
	delete(l.ghosts, g)
	return was
}

// twinLag is how long a StasisStart that has been made up for may be on its way.
const twinLag = 10 * time.Second

// isTwin reports whether this StasisStart has been made up for already.
func (l *link) isTwin(in *inbound) bool {
	if in.scan == nil || len(l.twins) == 0 {
		return false
	}
	twin := ghost{string(in.app), string(in.id(kindChannel))}
	made, was := l.twins[twin]
	delete(l.twins, twin)
	return was && time.Since(made) < twinLag // Later, it is being moved to where it is already.
}

// ours reports whether app is one of the client's applications.
func (l *link) ours(app string) bool {
	return slices.Contains(l.c.cfg.applications, app)
}
