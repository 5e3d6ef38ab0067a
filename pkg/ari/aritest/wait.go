package aritest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ari-go/ari/internal/sim/phones"
)

// A patience is how long a wait lasts whose context has no deadline; 0 is for ever.
type patience time.Duration

// limit gives a context a deadline, unless it has one.
func (p patience) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok || p == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Duration(p))
}

// wait waits until a condition of the call holds. The last argument says, for people, that it never did.
func (c *Call) wait(ctx context.Context, condition func() bool, never string) error {
	ctx, cancel := c.patience.limit(ctx)
	defer cancel()
	err := c.far.Wait(ctx, condition)
	switch {
	case errors.Is(err, phones.ErrOver):
		return fmt.Errorf("%w: it %s", ErrEnded, never)
	case err != nil:
		return fmt.Errorf("aritest: the call %s: %w", never, err)
	}
	return nil
}

// WaitAnswered waits until the call is answered.
func (c *Call) WaitAnswered(ctx context.Context) error {
	return c.wait(ctx, c.far.IsUp, "was never answered")
}

// WaitRinging waits until this end hears that it rings at the other, or, where Asterisk calls, until it rings here. An answer will do too.
func (c *Call) WaitRinging(ctx context.Context) error {
	return c.wait(ctx, func() bool { return c.far.HasRung() || c.far.IsUp() }, "never rang")
}

// WaitProgress waits until there are early media, or the call is answered.
func (c *Call) WaitProgress(ctx context.Context) error {
	return c.wait(ctx, func() bool { return c.far.HasProgress() || c.far.IsUp() }, "never had early media")
}

// WaitEnded waits until the call is over.
func (c *Call) WaitEnded(ctx context.Context) error {
	return c.wait(ctx, c.far.IsOver, "never ended")
}

// WaitDigits waits until at least these digits have come from Asterisk.
func (c *Call) WaitDigits(ctx context.Context, digits string) error {
	err := c.wait(ctx, func() bool { return strings.Contains(c.far.Digits(), digits) }, "was never sent the digits "+digits)
	if err != nil {
		return fmt.Errorf("%w; digits so far: %q", err, c.Digits())
	}
	return nil
}

// WaitHeard waits until a medium, named as in [Call.Heard], has begun to play at this end.
func (c *Call) WaitHeard(ctx context.Context, media string) error {
	err := c.wait(ctx, func() bool { return slices.Contains(c.far.Heard(), media) }, "never heard "+media)
	if err != nil {
		return fmt.Errorf("%w; heard so far: %v", err, c.Heard())
	}
	return nil
}

// WaitRecording waits until what is said at this end is being recorded: the call's channel, the bridge that it is in, or a channel that
// snoops on it.
func (c *Call) WaitRecording(ctx context.Context) error {
	return c.wait(ctx, c.far.IsRecorded, "was never recorded")
}

// WaitBridged waits until the call's channel is in a bridge with n channels or more.
func (c *Call) WaitBridged(ctx context.Context, n int) error {
	return c.wait(ctx, func() bool { return c.far.Peers() >= n }, fmt.Sprintf("was never in a bridge of %d", n))
}
