package ari

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ctxError is ctx's end as an error: what [context.Context.Err] says, together with
// the cause, where there is one.
func ctxError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(cause, err) {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// sleep waits, and reports whether ctx was still alive after that.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
