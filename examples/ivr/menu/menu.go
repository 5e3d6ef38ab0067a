// Package menu is the application of the ivr example, a small voice menu. Its test shows how an application is tested without an
// Asterisk.
package menu

import (
	"context"
	"errors"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// App greets callers, waits for a digit, and connects those who press 1 with the operator.
type App struct {
	Client   *ari.Client
	Operator string // the operator's endpoint, such as PJSIP/alice
}

// Serve handles one call. It is a handler for OnStasisStart: the context ends when the caller has left.
func (a *App) Serve(ctx context.Context, ev *ari.StasisStart) error {
	if len(ev.Args) > 0 && ev.Args[0] == "operator" {
		return nil // The operator's own channel enters the application too.
	}
	caller := ev.Channel
	defer caller.Stop(context.WithoutCancel(ctx))
	// Subscribed before the greeting begins, so that a digit that comes early counts.
	digits := ari.Subscribe[*ari.ChannelDtmfReceived](a.Client, caller)
	defer digits.Close()
	if err := caller.Answer(ctx); err != nil {
		return err
	}
	greeting, err := caller.Play(ctx, "sound:vm-enter-num-to-call")
	if err != nil {
		return err
	}
	pressed, err := digit(ctx, digits, greeting)
	if err != nil || pressed != "1" {
		return err
	}
	if err := greeting.Stop(ctx); err != nil && ctx.Err() != nil {
		return err
	}
	return a.transfer(ctx, caller)
}

// digit waits for a digit, during the greeting or after it, and returns "" if none comes. A greeting that fails, because the sound is missing say, ends the
// waiting: the caller wouldn't know what to do.
func digit(ctx context.Context, digits *ari.Subscription[*ari.ChannelDtmfReceived], greeting *ari.Playback) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	go func() {
		if err := greeting.Wait(ctx); err != nil {
			fail(err)
		}
	}()
	ev, err := digits.Next(ctx)
	switch {
	case err == nil:
		return ev.Digit, nil
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return "", nil
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	default:
		return "", err
	}
}

// transfer connects the caller with the operator until one of them hangs up.
func (a *App) transfer(ctx context.Context, caller *ari.Channel) error {
	operator, err := a.Client.ARI().Originate(ctx, ari.OriginateOptions{Endpoint: a.Operator, AppArgs: "operator"})
	if err != nil {
		return err
	}
	defer operator.Stop(context.WithoutCancel(ctx))
	if err := operator.WaitStasis(ctx); err != nil {
		return err
	}
	bridge, err := a.Client.ARI().CreateBridge(ctx, ari.CreateBridgeOptions{Type: "mixing"})
	if err != nil {
		return err
	}
	defer bridge.Stop(context.WithoutCancel(ctx))
	if err := bridge.AddChannel(ctx, caller.ID, operator.ID); err != nil {
		return err
	}
	_, err = operator.WaitEnd(ctx)
	return err
}
