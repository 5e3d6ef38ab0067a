package ari

import (
	"context"
	"log/slog"
	"sync"
)

// maxReports bounds the reports that wait for a slow log or error handler.
const maxReports = 256

// A reporter logs, and calls the user's error handler, on a goroutine of its own.
// A log handler may block and an error handler may do what it likes; the
// connection's reader, which must do neither, leaves both to the reporter.
// Its goroutine lives only while there is something to report.
type reporter struct {
	c *Client
	w worker

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
		r.c.workers.start()
		go r.run()
	}
}

// log is post for a line in the log.
func (r *reporter) log(level slog.Level, msg string, args ...any) {
	r.post(func(ctx context.Context) { r.c.log.Log(ctx, level, msg, args...) })
}

func (r *reporter) run() {
	ctx := r.c.withWorker(r.c.ctx, &r.w)
	clean := false
	defer func() {
		if !clean { // A panic is caught below, so this is runtime.Goexit.
			go r.run()
		}
	}()
	for {
		r.mu.Lock()
		if len(r.queue) == 0 {
			missed := r.missed
			r.missed = 0
			if missed == 0 {
				r.queue, r.running = nil, false
				r.mu.Unlock()
				break
			}
			r.mu.Unlock()
			r.c.protect(ctx, func() { r.c.log.Warn("reports were left out", "count", missed) })
			continue
		}
		report := r.queue[0]
		r.queue = r.queue[1:]
		r.mu.Unlock()
		r.c.protect(ctx, func() { report(ctx) })
	}
	clean = true
	r.c.workers.done()
}
