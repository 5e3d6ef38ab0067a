package ari

import (
	"context"
	"fmt"
	"time"
)

// Options about a client as a whole.

// WithErrorHandler sets a function that gets what goes wrong apart from any call
// that could return it: a [*HandlerError], [*OverflowError] or [*FrameError], or a
// failure to restore subscriptions after a gap. It is all logged too. The function
// may be called by several goroutines at once.
func WithErrorHandler(h func(context.Context, error)) Option {
	return clientOption(func(cfg *config) error {
		cfg.errorHandler = h
		return nil
	})
}

// WithEventBuffer sets how many events may wait in each queue: for one handler
// and one entity, or for one subscription. The default is 512. All queues
// together hold 128 times as many; when they do, each still takes a few, so that
// nobody suffers from others that have fallen behind. Beyond these limits events are
// thrown away, as [OverflowError] says.
func WithEventBuffer(n int) Option {
	return clientOption(func(cfg *config) error {
		if n < 1 {
			return fmt.Errorf("an event buffer of %d makes no sense", n)
		}
		cfg.eventBuffer = n
		return nil
	})
}

// WithDrain makes [Client.Run] drain the client when its context has ended, for at most d, before it closes it: new calls
// go on in the dialplan, and those that are there may finish. See [Client.Drain]. Without it, Run closes at once.
func WithDrain(d time.Duration) Option {
	return clientOption(func(cfg *config) error {
		cfg.drainFor = d
		return nil
	})
}

// WithDrainTarget says where in the dialplan a draining client sends new calls: by default to the next priority.
func WithDrainTarget(target ContinueOptions) Option {
	return clientOption(func(cfg *config) error {
		cfg.drainTarget = target
		return nil
	})
}

// WithCloseTimeout sets how long Run waits at its end for handlers to return, and how long Close does if its context has
// no end. The default is 10 s.
func WithCloseTimeout(d time.Duration) Option {
	return clientOption(func(cfg *config) error {
		cfg.closeTimeout = d
		return nil
	})
}

// WithHandlerInterceptor adds a function that stands around each call of each handler. The first one is the outermost.
func WithHandlerInterceptor(intercept HandlerInterceptor) Option {
	return clientOption(func(cfg *config) error {
		cfg.handlerInterceptors = append(cfg.handlerInterceptors, intercept)
		return nil
	})
}
