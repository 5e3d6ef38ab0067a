package ari

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/ari-go/ari/internal/lanes"
)

// A hub is what the sessions of a client share: who listens, how much may wait for whom, and to whom it is reported.
type hub struct {
	ctx       context.Context // ends with the client; parent of all handlers' contexts
	cancel    context.CancelCauseFunc
	registry  *eventRegistry
	run       string // of the ids of what is made
	index     index
	budget    *lanes.Budget
	counters  counters
	workers   workers // that run handlers and other code of the user's
	calls     workers // calls that are in an application, and handlers of calls
	reports   reporter
	observers []Observer
	dones     dones
}

// dones are the ends that somebody has asked for with Done.
type dones struct {
	mu  sync.Mutex
	ctx map[entityKey]context.Context
}

func (d *dones) remove(ctx context.Context, key entityKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx[key] == ctx {
		delete(d.ctx, key)
	}
}

// counters are the parts of [Stats] that are counted as things happen.
type counters struct {
	connections, frames, bytes, bad, decoded, failed atomic.Uint64
}

func newHub(cfg *config) *hub {
	ctx, cancel := context.WithCancelCause(context.Background())
	h := &hub{ctx: ctx, cancel: cancel, run: newRun(), registry: registry(), index: newIndex(), budget: lanes.NewBudget(cfg.eventBuffer)}
	h.observers = cfg.observers
	h.dones.ctx = make(map[entityKey]context.Context)
	h.reports = reporter{ctx: ctx, logger: cfg.log, handler: cfg.errorHandler, workers: &h.workers}
	h.reports.w = worker{of: &h.workers, logger: cfg.log}
	return h
}

// background runs f on a goroutine of the client's, for which Close waits.
func (h *hub) background(f func(context.Context)) {
	h.workers.start()
	go func() {
		defer h.workers.done()
		f(h.ctx)
	}()
}

// fellBehind reports what lanes or a queue tell of a listener that doesn't keep up.
func (h *hub) fellBehind(listener string, key entityKey, r lanes.Report) {
	entity := ""
	if key.kind != kindNone {
		entity = key.String()
	}
	switch r.Kind {
	case lanes.Losing, lanes.Piling:
		err := &OverflowError{Listener: listener, Entity: key.entity(), Waiting: r.Waiting, Losing: r.Kind == lanes.Losing}
		h.reports.post(func(ctx context.Context) {
			h.reports.logger.WarnContext(ctx, "listener falls behind", "listener", listener, "entity", entity,
				"waiting", r.Waiting, "losing", err.Losing)
			h.reports.handleError(ctx, err)
		})
	case lanes.CaughtUp:
		h.reports.log(slog.LevelWarn, "listener has caught up", "listener", listener, "entity", entity, "lost", r.Lost)
	case lanes.Ended:
		h.reports.log(slog.LevelWarn, "listener ended while it was behind", "listener", listener, "entity", entity,
			"lost", r.Lost, "waiting", r.Waiting)
	default:
	}
}

// A receipt counts who still has to do with a frame that must be acknowledged. It may be nil: then nobody asks.
type receipt struct {
	left atomic.Int32
	done func()
}

func newReceipt(done func()) *receipt {
	if done == nil {
		return nil
	}
	r := &receipt{done: done}
	r.left.Store(1)
	return r
}

// hold adds one who has to do with the frame.
func (r *receipt) hold() *receipt {
	if r != nil {
		r.left.Add(1)
	}
	return r
}

// release takes one away; the last one acknowledges the frame.
func (r *receipt) release() {
	if r != nil && r.left.Add(-1) == 0 {
		r.done()
	}
}
