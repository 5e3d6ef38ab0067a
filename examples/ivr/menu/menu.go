// Package menu is the application of the ivr example, a small voice menu. Its test shows how an application is tested without an
// Asterisk.
package menu

import (
	"context"

	"github.com/ari-go/ari/pkg/ari"
)

// App greets callers, asks them for a digit up to three times, and connects those who press 1 with the operator.
type App struct {
	Operator string // the operator's endpoint, such as PJSIP/alice
}

// Serve handles one call. It is a handler for OnCall: the context ends when the caller has left.
func (a *App) Serve(ctx context.Context, call *ari.StasisStart) error {
	caller := call.Channel
	defer caller.Stop(ari.Cleanup(ctx))
	keypad := caller.Keypad() // made before the greeting begins, so that a digit that comes early counts
	defer keypad.Close()
	if err := caller.Answer(ctx); err != nil {
		return err
	}
	for range 3 {
		digit, err := keypad.Prompt(ctx, ari.PromptOptions{MaxDigits: 1}, "sound:vm-enter-num-to-call")
		if err != nil {
			return err
		}
		if digit == "1" {
			return a.transfer(ctx, caller)
		}
	}
	return nil
}

// transfer connects the caller with the operator until one of them hangs up.
func (a *App) transfer(ctx context.Context, caller *ari.Channel) error {
	ctrl := caller.Controller()
	operator, err := ctrl.Call(ctx, ari.CallOptions{Endpoint: a.Operator})
	if err != nil {
		return err
	}
	defer operator.Stop(ari.Cleanup(ctx))
	bridge, err := ctrl.CreateBridge(ctx, ari.CreateBridgeOptions{Type: "mixing"})
	if err != nil {
		return err
	}
	defer bridge.Stop(ari.Cleanup(ctx))
	if err := bridge.AddChannel(ctx, caller.ID, operator.ID); err != nil {
		return err
	}
	_, err = operator.WaitEnd(ctx)
	return err
}
