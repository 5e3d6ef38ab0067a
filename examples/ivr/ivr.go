// Package ivr is a small voice menu, to show how an application is tested without an Asterisk: see ivr_test.go.
package ivr

import (
	"context"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// Menu greets callers, waits for a digit, and connects those who press 1 with the operator.
type Menu struct {
	Client   *ari.Client
	Operator string // the operator's endpoint, such as PJSIP/alice
}

// Serve handles one call. It is a handler for OnStasisStart: the context ends when the caller has left.
func (m *Menu) Serve(ctx context.Context, ev *ari.StasisStart) error {
	if len(ev.Args) > 0 && ev.Args[0] == "operator" {
		return nil // The operator's own channel enters the application too.
	}
	caller := ev.Channel
	defer caller.Stop(context.WithoutCancel(ctx))
	// Subscribed before the greeting begins, so that a digit that comes early counts.
	digits := ari.Subscribe[*ari.ChannelDtmfReceived](m.Client, caller)
	defer digits.Close()
	if err := caller.Answer(ctx); err != nil {
		return err
	}
	greeting, err := caller.Play(ctx, "sound:welcome")
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	digit, err := digits.Next(waiting)
	if err != nil || digit.Digit != "1" {
		return err
	}
	if err := greeting.Stop(ctx); err != nil && ctx.Err() != nil {
		return err
	}
	return m.transfer(ctx, caller)
}

// transfer connects the caller with the operator until one of them hangs up.
func (m *Menu) transfer(ctx context.Context, caller *ari.Channel) error {
	operator, err := m.Client.ARI().Originate(ctx, ari.OriginateOptions{Endpoint: m.Operator, AppArgs: "operator"})
	if err != nil {
		return err
	}
	defer operator.Stop(context.WithoutCancel(ctx))
	if err := operator.WaitStasis(ctx); err != nil {
		return err
	}
	bridge, err := m.Client.ARI().CreateBridge(ctx, ari.CreateBridgeOptions{Type: "mixing"})
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
