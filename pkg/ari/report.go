package ari

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
)

// maxReports bounds the reports that wait for a slow log or error handler.
const maxReports = 256

// A reporter logs, and calls the user's error handler, on a goroutine of its own. A log handler may block and an error
// handler may do what it likes; a connection's reader, which must do neither, leaves both to the reporter. Its goroutine
// lives only while there is something to report.
type reporter struct {
	ctx     context.Context //nolint:containedctx // The client's, for what is reported.
	logger  *slog.Logger
	handler func(context.Context, error) // nil: none
	workers *workers
	w       worker

	mu      sync.Mutex
	queue   []func(context.Context)
	running bool
	missed  int // reports that found the queue full
}

// post hands a report over. It never blocks.
func (r *reporter) post(report func(context.Context)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) >= maxReports {
		r.missed++
		return
	}
	r.queue = append(r.queue, report)
	if !r.running {
		r.running = true
		r.workers.start()
		go r.run()
	}
}

// log is post for a line in the log.
func (r *reporter) log(level slog.Level, msg string, args ...any) {
	r.post(func(ctx context.Context) { r.logger.Log(ctx, level, msg, args...) })
}

// fail logs an error, and passes it to the user's error handler.
func (r *reporter) fail(msg string, err error, args ...any) {
	r.post(func(ctx context.Context) {
		r.logger.WarnContext(ctx, msg, append(args, "error", err)...)
		r.handleError(ctx, err)
	})
}

func (r *reporter) run() {
	ctx := withWorker(r.ctx, &r.w)
	clean := false
	defer func() {
		if !clean { // A panic is caught below, so this is runtime.Goexit.
			go r.run()
		}
	}()
	for {
		report, more := r.next()
		if !more {
			break
		}
		r.protect(ctx, func() { report(ctx) })
	}
	clean = true
	r.workers.done()
}

// next takes the next report, or ends the goroutine's turn.
func (r *reporter) next() (report func(context.Context), more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) > 0 {
		report = r.queue[0]
		r.queue = r.queue[1:]
		return report, true
	}
	if missed := r.missed; missed > 0 {
		r.missed = 0
		return func(ctx context.Context) { r.logger.WarnContext(ctx, "reports were left out", "count", missed) }, true
	}
	r.queue, r.running = nil, false
	return nil, false
}

// protect runs user code whose panic has nowhere else to go.
func (r *reporter) protect(ctx context.Context, f func()) {
	defer func() {
		if v := recover(); v != nil {
			defer func() { _ = recover() }() // It may be the log itself that panics.
			r.logger.ErrorContext(ctx, "panic in the error handler or in the log",
				"panic", v, "stack", string(debug.Stack()))
		}
	}()
	f()
}

// handleError passes an error to the user's error handler.
func (r *reporter) handleError(ctx context.Context, err error) {
	if r.handler != nil {
		r.protect(ctx, func() { r.handler(ctx, err) })
	}
}
