package ari

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Drain lets the calls that are under way finish and takes no new ones: a channel that enters an application from now on
// goes on in the dialplan at once, or where [WithDrainTarget] says, and no handler gets it. Drain returns nil when no call
// from outside is in the applications any more and all their StasisStart handlers have returned; with ctx's error, which
// says how many are left, when ctx ends before. The client goes on working, and stays in this state; [Client.Close] ends
// it.
//
// A StasisStart handler that calls Drain waits for itself.
func (c *Client) Drain(ctx context.Context) error {
	if !c.draining.Swap(true) {
		c.hub.reports.log(slog.LevelInfo, "draining: new calls are sent on in the dialplan")
	}
	ctx, stop := c.whileAlive(ctx)
	defer stop()
	left := c.hub.calls.wait(ctx, nil)
	if err := c.Err(); err != nil {
		return err
	}
	if left > 0 {
		return fmt.Errorf("ari: drain: %d calls and handlers left: %w", left, ctxError(ctx))
	}
	return nil
}

// sendOnTimeout bounds the attempts to send a call on.
const sendOnTimeout = time.Minute

// sendOn implements upper: it sends a new call on in the dialplan.
func (c *Client) sendOn(ch *Channel) {
	c.hub.background(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, sendOnTimeout)
		defer cancel()
		for delays := c.cfg.reconnect.delays(); ; {
			err := ch.ContinueWith(ctx, c.cfg.drainTarget)
			if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrNotInStasis) {
				return
			}
			c.hub.reports.log(slog.LevelWarn, "cannot send a call on in the dialplan", "channel", ch.ID, "error", err)
			if isRefusal(err) || !sleep(ctx, delays()) {
				return
			}
		}
	})
}
