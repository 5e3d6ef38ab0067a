package ari

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ari-go/ari/internal/lanes"
)

// On registers a handler for events of type E: a pointer to an event struct, or an interface for all events that satisfy
// it. A handler of [Event] gets everything, the client's own events included. On panics when no event can be an E.
//
// The handler runs in lanes. A lane is its queue for one entity: the event's channel (for a playback or recording, the
// channel it plays on or records), else its bridge, playback, recording, endpoint or device. Within a lane, events are
// handled one at a time, in the order in which they happened; lanes run side by side. So a handler may take its time, and
// even last as long as a call, without holding up other calls or other handlers. Events without an entity share one lane.
//
// The handler's context ends with the client. For a [*StasisStart] it ends also when the channel leaves the application;
// [context.Cause] then gives an [*EndError]. [Logger] returns a logger that names the event's channel.
//
// An error that the handler returns, or its panic, is logged and passed to the client's error handler, unless it only says
// that the context has ended. When a call ends, its handler's command or wait may fail before the end itself has come: an
// error of this package's, returned by a handler of StasisStart, is reported only if the context has not ended within a
// second, or this client itself has hung up.
//
// The returned function unregisters the handler: events that wait for it are dropped, a call of it that is under way goes
// on. It doesn't wait for that, so it may be called by the handler itself.
func On[E Event](c *Client, h func(context.Context, E) error) (stop func()) {
	return c.register(newHandler(c, h))
}

func newHandler[E Event](c *Client, run func(context.Context, E) error) *handler {
	if run == nil {
		panic("ari: the handler is nil")
	}
	h := &handler{
		c:   c,
		sel: selectionOf[E](),
		run: func(ctx context.Context, ev Event) error { return run(ctx, ev.(E)) },
	}
	h.lanes.Init(c.hub.budget, h)
	return h
}

// OnCall registers a handler for calls from outside: channels that enter one of the client's applications, but for those
// that the client itself has originated, created, snooped with or made for external media. That is what a program is
// mostly meant to have: a handler that makes a channel for each call would otherwise be called for that channel too, and go
// on for ever. The handler may last as long as the call: its context ends when the channel leaves the application. See [On].
func (c *Client) OnCall(h func(context.Context, *StasisStart) error) (stop func()) {
	calls := newHandler(c, h)
	calls.callsOnly = true
	return c.register(calls)
}

// OnStasisStart registers a handler for each channel that enters one of the client's applications, those included that
// the client has made itself; see [Client.OnCall] for calls from outside. It is [On] for that event.
func (c *Client) OnStasisStart(h func(context.Context, *StasisStart) error) (stop func()) {
	return On(c, h)
}

// OnStasisEnd registers a handler for channels that leave the application. It is [On] for that event.
func (c *Client) OnStasisEnd(h func(context.Context, *StasisEnd) error) (stop func()) {
	return On(c, h)
}

// handlerTable has the handlers by index of the event's kind. Its lists are never changed but replaced, so the reader
// needs no lock for them.
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
		list := append(slices.Clip(t.of(k)), h)
		t.lists[k.index].Store(&list)
	}
	t.mu.Unlock()
	return sync.OnceFunc(func() {
		t.mu.Lock()
		for _, k := range h.sel.kinds {
			list := slices.DeleteFunc(slices.Clone(t.of(k)), func(other *handler) bool { return other == h })
			t.lists[k.index].Store(&list)
		}
		t.mu.Unlock()
		h.lanes.Stop()
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

// A handler is a function registered with [On], and its lanes.
type handler struct {
	c         *Client
	sel       *selection
	run       func(context.Context, Event) error
	callsOnly bool // it gets no channels that the client has made
	lanes     lanes.Lanes[laneKind, task]
}

// A laneKind is what a lane's id is an id of.
type laneKind struct {
	session sessionID
	kind    entityKind
}

// A task is an event on its way to a handler.
type task struct {
	ev      Event
	ctx     context.Context //nolint:containedctx // That of the call which begins with the event; nil: the client's.
	receipt *receipt
	queued  time.Duration // when it was offered, since the client was made; only for interceptors
	call    bool          // a call from outside begins with it
}

// Started, Done, Lane, Report and Drop implement lanes.Owner.

// Started counts the lane's goroutine.
func (h *handler) Started() { h.c.hub.workers.start() }

// Done counts it no more.
func (h *handler) Done() { h.c.hub.workers.done() }

// Report tells that the handler falls behind.
func (h *handler) Report(key lanes.Key[laneKind], r lanes.Report) {
	h.c.hub.fellBehind("handler of "+h.sel.name, keyOf(key), r)
}

// Drop gets what won't be handled.
func (h *handler) Drop(t task) { h.finished(over{t.receipt, t.call}) }

// Lane begins a lane.
func (h *handler) Lane(key lanes.Key[laneKind]) lanes.Handler[task] {
	return &lane{
		Context: h.c.hub.ctx,
		worker:  worker{of: &h.c.hub.workers, about: keyOf(key), logger: h.c.cfg.log},
		h:       h,
	}
}

func keyOf(key lanes.Key[laneKind]) entityKey { return entityKey{key.Of.session, key.Of.kind, key.ID} }

func (h *handler) finished(o over) {
	o.receipt.release()
	if o.call {
		h.c.hub.calls.done()
	}
}

// A lane is the goroutine that works off a handler's events of one entity. It is the context of its handler calls, too: the
// client's, with the worker.
type lane struct {
	context.Context //nolint:containedctx // It is a context.
	worker          // the goroutine, as [Client.Close] sees it

	h *handler
}

// Value implements context.Context.
func (ln *lane) Value(key any) any {
	if key == (workerKey{}) {
		return &ln.worker
	}
	return ln.Context.Value(key)
}

// String shows a context that is printed as the standard library's are.
func (ln *lane) String() string { return fmt.Sprintf("%v.WithValue(%s)", ln.Context, ln.about) }

// Handle handles one event. A handler may wait here for as long as its call lasts, so what is only needed before or after it
// stands in functions of its own: that keeps the stack small.
func (ln *lane) Handle(t task) {
	ctx := context.Context(ln)
	if t.ctx != nil {
		ctx = ln.callContext(t.ctx)
	}
	var waited time.Duration
	if len(ln.h.c.cfg.handlerInterceptors) > 0 {
		waited = ln.h.c.uptime() - t.queued
	}
	if err := ln.try(ctx, t.ev, waited, over{t.receipt, t.call}); err != nil {
		ln.report(ctx, t.ev, err)
	}
}

//go:noinline
func (ln *lane) callContext(call context.Context) context.Context {
	return withWorker(call, &ln.worker)
}

// report sees to what a handler has returned.
func (ln *lane) report(ctx context.Context, ev Event, err error) {
	_, lives := ev.(*StasisStart) // with a call
	switch {
	case endOf(ctx, err):
		ln.ended(ctx, ev, err)
	case lives && foretellsEnd(err):
		ln.h.c.hub.workers.start()
		go ln.awaitEnd(ctx, ev, err)
	default:
		ln.failed(ctx, ev, err)
	}
}

// over is what there is to do when a handler has dealt with a task, in whatever way.
type over struct {
	receipt *receipt
	call    bool
}

// try calls the handler, and makes an error of its panic.
func (ln *lane) try(ctx context.Context, ev Event, waited time.Duration, o over) (err error) {
	defer ln.caught(&err, o)
	if len(ln.h.c.cfg.handlerInterceptors) > 0 {
		return ln.intercepted(ctx, ev, waited)
	}
	return ln.h.run(ctx, ev)
}

func (ln *lane) caught(err *error, o over) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
	ln.h.finished(o)
}

// intercepted calls the handler by way of the interceptors.
func (ln *lane) intercepted(ctx context.Context, ev Event, waited time.Duration) error {
	h := ln.h
	inv := Invocation{Handler: h.sel.name, Event: ev, Entity: ln.about.entity(), Waited: waited}
	next := func(ctx context.Context) error { return h.run(ctx, ev) }
	for _, intercept := range slices.Backward(h.c.cfg.handlerInterceptors) {
		inner := next
		next = func(ctx context.Context) error { return intercept(ctx, inv, inner) }
	}
	return next(ctx)
}

// awaitEnd sees to an error that comes of the call's end, most likely, which hasn't been read yet. It runs beside the
// lane, where other events may wait.
func (ln *lane) awaitEnd(ctx context.Context, ev Event, err error) {
	ws := &ln.h.c.hub.workers
	defer ws.done()
	ctx = withWorker(ctx, &worker{of: ws, about: ln.about, logger: ln.logger}) // The lane's own is elsewhere by now.
	timer := time.NewTimer(endLag)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		// A handler that hangs up since something has failed hasn't failed because of the hangup.
		if end, ok := errors.AsType[*EndError](context.Cause(ctx)); ok && end.ours {
			ln.failed(ctx, ev, err)
			return
		}
		ln.ended(ctx, ev, err)
	case <-timer.C:
		ln.failed(ctx, ev, err)
	}
}

// ended notes that a handler has returned since its context has ended, as it should.
func (ln *lane) ended(ctx context.Context, ev Event, err error) {
	r := &ln.h.c.hub.reports
	r.protect(ctx, func() {
		r.logger.DebugContext(ctx, "handler ended with its context", "event", describe(ev, ln.about.entity()), "error", err)
	})
}

// failed reports a handler's error or panic.
func (ln *lane) failed(ctx context.Context, ev Event, err error) {
	ln.h.c.hub.counters.failed.Add(1)
	r := &ln.h.c.hub.reports
	r.protect(ctx, func() {
		attrs := []any{
			slog.String("handler", ln.h.sel.name),
			slog.String("event", describe(ev, ln.about.entity())),
			slog.Any("error", err),
		}
		if panicked, ok := errors.AsType[*PanicError](err); ok {
			attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
		}
		r.logger.ErrorContext(ctx, "handler failed", attrs...)
	})
	r.handleError(ctx, &HandlerError{Handler: ln.h.sel.name, Event: ev, Err: err, Entity: ln.about.entity()})
}

// endOf reports whether err only says that ctx has ended. A handler that returns because its call is over has done what it
// should.
func endOf(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)))
}

// foretellsEnd reports whether err may come of the end of a call that hasn't been read yet: whether a command or a wait of
// this package has failed.
func foretellsEnd(err error) bool {
	if _, panicked := errors.AsType[*PanicError](err); panicked {
		return false
	}
	_, command := errors.AsType[*Error](err)
	_, wait := errors.AsType[*EndError](err)
	return command || wait ||
		errors.Is(err, ErrNotFound) || errors.Is(err, ErrPlaybackFailed) || errors.Is(err, ErrRecordingFailed)
}

// HandlerError reports that a handler returned an error or panicked. In the
// latter case Err is a [*PanicError].
type HandlerError struct {
	// Handler is the handler's event type, such as "*ari.StasisStart".
	Handler string

	// Event is the event that it was handling.
	Event Event

	// Entity is what the event is about.
	Entity Entity

	// Err is what it returned.
	Err error
}

func (e *HandlerError) Error() string {
	return fmt.Sprintf("ari: handler of %s on %s: %s", e.Handler, describe(e.Event, e.Entity), bare(e.Err))
}

// Unwrap returns the handler's own error.
func (e *HandlerError) Unwrap() error { return e.Err }
