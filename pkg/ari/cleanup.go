package ari

import (
	"context"
	"sync"
	"time"
)

// cleanupTime is how long a clean-up may take.
const cleanupTime = 10 * time.Second

// Cleanup returns a context for what must be done at the end, such as hanging up or destroying a bridge. It has ctx's values
// and doesn't end with ctx: it ends 10 seconds after its first use, so that it can be given to a deferred call, whose
// arguments are made long before.
//
//	defer bridge.Stop(ari.Cleanup(ctx))
//
// Nothing has to be cancelled. Make one for each deferred call.
func Cleanup(ctx context.Context) context.Context {
	detached := context.WithoutCancel(ctx)
	return &cleanup{detached, sync.OnceValues(func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(detached, cleanupTime)
	})}
}

// A cleanup is a context whose time begins when somebody first asks for its end.
type cleanup struct {
	context.Context //nolint:containedctx // It is a context.

	begin func() (context.Context, context.CancelFunc) // The time-out releases it, nobody needs to cancel it.
}

func (c *cleanup) bounded() context.Context {
	ctx, _ := c.begin()
	return ctx
}

func (c *cleanup) Deadline() (time.Time, bool) { return c.bounded().Deadline() }

func (c *cleanup) Done() <-chan struct{} { return c.bounded().Done() }

func (c *cleanup) Err() error { return c.bounded().Err() }

// AfterFunc is for contexts that are made of this one: package context needs no goroutine then.
func (c *cleanup) AfterFunc(f func()) (stop func() bool) { return context.AfterFunc(c.bounded(), f) }
