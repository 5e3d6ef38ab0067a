// Package bridger is the application of the bridging example: every call that comes in gets a bridge of its own
// and external media, and everything is cleaned up when the call ends.
package bridger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// App bridges calls with external media.
type App struct {
	// Media says where the audio of each call goes. ExternalHost and Format are required.
	Media ari.ExternalMediaOptions

	// Report, if set, is told what happens to each call, by the caller's channel.
	Report func(caller *ari.Channel, what string)
}

// Register makes the client's incoming calls the application's. The returned function takes that back.
func (a *App) Register(client *ari.Client) (stop func()) {
	return client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		err := a.serve(ctx, ev.Controller(), ev.Channel)
		if err != nil {
			// A command fails if the caller hangs up under it, and its answer may be here before the event that ends ctx.
			// A handler that returns because its context has ended has done nothing wrong.
			select {
			case <-ctx.Done():
				err = context.Cause(ctx)
			case <-time.After(time.Second):
				// The event may be late for longer: while the connection that brings it is down.
				if _, gone := ev.Channel.Refresh(ctx); errors.Is(gone, ari.ErrNotFound) {
					return nil
				}
			}
		}
		if !errors.Is(context.Cause(ctx), ari.ErrEnded) {
			// The call isn't over: something has failed, or the program ends. Nobody else would hang up.
			a.cleanUp(ctx, "caller "+ev.Channel.ID, ev.Channel.Stop)
		}
		return err
	})
}

// serve handles one call. The context ends when the caller has left.
func (a *App) serve(ctx context.Context, ctrl *ari.Controller, caller *ari.Channel) error {
	if err := caller.Answer(ctx); err != nil {
		return err
	}
	a.report(caller, "answered")

	bridge, err := ctrl.CreateBridge(ctx, ari.CreateBridgeOptions{Type: "mixing,proxy_media"})
	if err != nil {
		return err
	}
	defer a.cleanUp(ctx, "bridge "+bridge.ID, bridge.Stop)
	if err := bridge.AddChannel(ctx, caller.ID); err != nil {
		return err
	}

	media, err := ctrl.CreateExternalMedia(ctx, a.Media)
	if errors.Is(err, ari.ErrGap) {
		// Asterisk turns channels away while our connection is down. It is up again.
		media, err = ctrl.CreateExternalMedia(ctx, a.Media)
	}
	if err != nil {
		return err
	}
	defer a.cleanUp(ctx, "external media "+media.ID, media.Stop)
	if err := bridge.AddChannel(ctx, media.ID); err != nil {
		return err
	}
	a.report(caller, "bridged with "+media.Name)

	<-ctx.Done()
	a.report(caller, fmt.Sprintf("ended: %v", context.Cause(ctx)))
	return nil
}

// cleanUp runs one step of the clean-up. What is gone already needs none.
func (a *App) cleanUp(ctx context.Context, what string, stop func(context.Context) error) {
	if err := stop(ari.Cleanup(ctx)); err != nil && !errors.Is(err, ari.ErrNotFound) {
		slog.ErrorContext(ctx, "clean-up failed", "of", what, "error", err)
	}
}

func (a *App) report(caller *ari.Channel, what string) {
	if a.Report != nil {
		a.Report(caller, what)
	}
}
