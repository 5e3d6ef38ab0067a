package ari

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// A handler is a function registered with [On], and its lanes: one queue for
// each entity that has events waiting or running. Events of one lane run one
// after another, in the order in which they were read; lanes run side by side.
// A lane exists only while it has something to do.
type handler struct {
	c    *Client
	sel  *selection
	call func(context.Context, Event) error

	callsOnly bool // it doesn't get the client's own tools

	mu      sync.Mutex // never held while user code runs
	stopped bool
	lanes   map[entityKey]*lane
}

// A lane is a queue and the goroutine that works it off.
type lane struct {
	worker // the goroutine, as [Client.Close] sees it

	h   *handler
	key entityKey

	// Under h.mu.
	queue queue[task]
	lost  uint64 // in the present episode
}

// A task is an event on its way to a handler.
type task struct {
	ev  Event
	ctx context.Context // nil: the client's
}

// offer hands an event to the handler's lane for key, whose id may point into
// the reader's buffer. It never blocks.
func (h *handler) offer(in *inbound, t task) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return
	}
	ln := h.lanes[entityKey{in.conn, in.lane.kind, string(in.lane.id)}]
	if ln == nil {
		ln = &lane{h: h, key: in.laneKey()}
		if h.lanes == nil {
			h.lanes = make(map[entityKey]*lane)
		}
		h.lanes[ln.key] = ln
		h.c.workers.start()
		go ln.run(t)
		return
	}
	if !in.kind.vital && !h.c.room(ln.queue.len()) {
		ln.lost++
		h.c.counters.lost.Add(1)
		if ln.lost == 1 {
			h.c.reportOverflow("handler of "+h.sel.name, ln.key)
		}
		return
	}
	ln.queue.push(t)
	h.c.waiting.Add(1)
}

// stop ends the handler: what is queued is dropped, what is running is left
// alone.
func (h *handler) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped = true
	for _, ln := range h.lanes {
		h.c.waiting.Add(-int64(ln.queue.len()))
		ln.queue = queue[task]{}
	}
}

// run works a lane off, beginning with t.
func (ln *lane) run(t task) {
	clean := false
	defer func() {
		if !clean { // A panic is caught in handle, so this is runtime.Goexit.
			go ln.resume()
		}
	}()
	ctx := ln.h.c.withWorker(ln.h.c.ctx, &ln.worker)
	for more := true; more; t, more = ln.next() {
		taskCtx := ctx
		if t.ctx != nil {
			taskCtx = ln.h.c.withWorker(t.ctx, &ln.worker)
		}
		ln.handle(taskCtx, t.ev)
	}
	clean = true
	ln.h.c.workers.done()
}

// resume goes on with a lane whose goroutine a handler has ended.
func (ln *lane) resume() {
	if t, more := ln.next(); more {
		ln.run(t)
		return
	}
	ln.h.c.workers.done()
}

// next takes the next task, or gives the lane up when there is none.
func (ln *lane) next() (task, bool) {
	h := ln.h
	h.mu.Lock()
	defer h.mu.Unlock()
	if ln.queue.len() > 0 {
		h.c.waiting.Add(-1)
		return ln.queue.pop(), true
	}
	delete(h.lanes, ln.key)
	if ln.lost > 0 {
		h.c.reportCaughtUp("handler of "+h.sel.name, ln.key, ln.lost)
	}
	return task{}, false
}

// handle runs the handler on one event, and sees to its error or panic.
func (ln *lane) handle(ctx context.Context, ev Event) {
	err := ln.try(ctx, ev)
	_, lives := ev.(*StasisStart) // with a call
	switch {
	case err == nil:
	case endOf(ctx, err):
		ln.ended(ctx, ev, err)
	case lives && foretellsEnd(err):
		ln.h.c.workers.start()
		go ln.awaitEnd(ctx, ev, err)
	default:
		ln.failed(ctx, ev, err)
	}
}

// awaitEnd sees to an error that comes of the call's end, most likely, which hasn't been read yet. It runs beside the
// lane, where other events may wait.
func (ln *lane) awaitEnd(ctx context.Context, ev Event, err error) {
	c := ln.h.c
	defer c.workers.done()
	ctx = c.withWorker(ctx, new(worker)) // The lane's own is elsewhere by now.
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
	c := ln.h.c
	c.protect(ctx, func() {
		c.log.DebugContext(ctx, "handler ended with its context", "event", describe(ev, ln.key), "error", err)
	})
}

// failed reports a handler's error or panic.
func (ln *lane) failed(ctx context.Context, ev Event, err error) {
	c := ln.h.c
	c.counters.failed.Add(1)
	c.protect(ctx, func() {
		attrs := []any{
			slog.String("handler", ln.h.sel.name),
			slog.String("event", describe(ev, ln.key)),
			slog.Any("error", err),
		}
		if panicked, ok := errors.AsType[*PanicError](err); ok {
			attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
		}
		c.log.ErrorContext(ctx, "handler failed", attrs...)
	})
	c.handleError(ctx, &HandlerError{Handler: ln.h.sel.name, Event: ev, Err: err, entity: ln.key})
}

func (ln *lane) try(ctx context.Context, ev Event) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return ln.h.call(ctx, ev)
}

// endOf reports whether err only says that ctx has ended. A handler that returns
// because its call is over has done what it should.
func endOf(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)))
}

// endLag is how long the end of a call may be on its way behind what it has brought about, such as commands that fail.
const endLag = time.Second

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

// protect runs user code whose panic has nowhere else to go.
func (c *Client) protect(ctx context.Context, f func()) {
	defer func() {
		if v := recover(); v != nil {
			defer func() { _ = recover() }() // It may be the log itself that panics.
			c.log.ErrorContext(ctx, "panic in the error handler or in the log",
				"panic", v, "stack", string(debug.Stack()))
		}
	}()
	f()
}

// handleError passes an error to the user's error handler.
func (c *Client) handleError(ctx context.Context, err error) {
	if c.cfg.errorHandler != nil {
		c.protect(ctx, func() { c.cfg.errorHandler(ctx, err) })
	}
}

// fairShare is how many events may wait in each queue even when all queues together are full: who keeps up must
// not suffer from others that don't.
const fairShare = 8

// room reports whether an event that may be lost can wait behind n others.
func (c *Client) room(n int) bool {
	return n < c.cfg.eventBuffer && (n < fairShare || c.waiting.Load() < clientBuffer*int64(c.cfg.eventBuffer))
}

// reportOverflow and reportCaughtUp report the two ends of an episode of loss.
func (c *Client) reportOverflow(listener string, key entityKey) {
	err := &OverflowError{Listener: listener, Time: time.Now()}
	if key.kind != kindNone {
		err.Entity = key.String()
	}
	c.reports.post(func(ctx context.Context) {
		c.log.WarnContext(ctx, "listener falls behind, events are lost",
			"listener", err.Listener, "entity", err.Entity)
		c.handleError(ctx, err)
	})
}

func (c *Client) reportCaughtUp(listener string, key entityKey, lost uint64) {
	c.reports.log(slog.LevelWarn, "listener has caught up",
		"listener", listener, "entity", key.String(), "lost", lost)
}

// keptCapacity is the capacity that an empty queue keeps.
const keptCapacity = 4

// A queue is a first-in-first-out queue that grows as needed. When it is empty it
// holds on to next to nothing.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) len() int { return len(q.items) - q.head }

func (q *queue[T]) push(item T) {
	// Move what is left to the front before growing, if that is worth it.
	if q.head > 0 && len(q.items) == cap(q.items) && q.head >= len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, item)
}

func (q *queue[T]) pop() T {
	var zero T
	item := q.items[q.head]
	q.items[q.head] = zero
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
		if cap(q.items) > keptCapacity {
			q.items = nil
		}
	}
	return item
}
