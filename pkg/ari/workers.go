package ari

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
)

// A worker is a goroutine that runs user code.
type worker struct {
	of     *workers
	about  entityKey    // what it is about, for the log
	logger *slog.Logger // the client's

	closing int // calls of Client.Close that this goroutine is in; under workers.mu
}

// workers counts the goroutines that run user code, so that Close can wait for
// them.
type workers struct {
	active  atomic.Int64
	waiters atomic.Int64 // calls of wait under way

	mu      sync.Mutex
	closing int           // workers that are themselves in Client.Close
	changed chan struct{} // closed at the next change; nil if nobody looks
}

func (ws *workers) start() { ws.active.Add(1) }

func (ws *workers) done() {
	ws.active.Add(-1)
	// wait counts itself before it looks at active, so one of the two sees the
	// other.
	if ws.waiters.Load() > 0 {
		ws.mu.Lock()
		ws.changes()
		ws.mu.Unlock()
	}
}

// changes wakes those who wait. Call it with mu held.
func (ws *workers) changes() {
	if ws.changed != nil {
		close(ws.changed)
		ws.changed = nil
	}
}

// wait returns when no worker is left, with 0, or when ctx ends, with the number
// of those that are. A worker, self, that calls it waits neither for itself nor
// for others that are here too.
func (ws *workers) wait(ctx context.Context, self *worker) int {
	ws.waiters.Add(1)
	defer ws.waiters.Add(-1)
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if self != nil {
		self.closing++
		if self.closing == 1 {
			ws.closing++
			ws.changes()
		}
		defer func() {
			self.closing--
			if self.closing == 0 {
				ws.closing--
			}
		}()
	}
	for {
		left := int(ws.active.Load())
		if self != nil {
			left -= ws.closing
		}
		if left <= 0 {
			return 0
		}
		if ws.changed == nil {
			ws.changed = make(chan struct{})
		}
		changed := ws.changed
		ws.mu.Unlock()
		select {
		case <-changed:
			ws.mu.Lock()
		case <-ctx.Done():
			ws.mu.Lock()
			return left
		}
	}
}

// workerKey is the key under which a handler's context has its worker: for Close, which must not wait for the handler that
// calls it, and for [Logger].
type workerKey struct{}

func withWorker(ctx context.Context, w *worker) context.Context {
	return context.WithValue(ctx, workerKey{}, w)
}

// ownWorker returns the worker of these that ctx comes from, or nil.
func (ws *workers) ownWorker(ctx context.Context) *worker {
	if w, ok := ctx.Value(workerKey{}).(*worker); ok && w.of == ws {
		return w
	}
	return nil
}

// Logger returns the logger of the client whose handler ctx comes from; in each line it names the channel, or whatever
// else the handler's event is about, as in channel=1700000000.5. For any other context it is [slog.Default].
func Logger(ctx context.Context) *slog.Logger {
	w, ok := ctx.Value(workerKey{}).(*worker)
	switch {
	case !ok || w.logger == nil:
		return slog.Default()
	case w.about.kind == kindNone:
		return w.logger
	default:
		return w.logger.With(strings.ReplaceAll(w.about.kind.String(), " ", "_"), w.about.id)
	}
}
