// Package bridger is the application of the bridging example: every call that comes in gets a bridge of its own
// and external media, and everything is cleaned up when the call ends.
package bridger

import (
	"context"
	"fmt"

	"github.com/ari-go/ari/pkg/ari"
)

// App bridges calls with external media.
type App struct {
	// Media says where the audio of each call goes. ExternalHost and Format are required.
	Media ari.ExternalMediaOptions

	// Report, if set, is told what happens to each call, by the caller's channel.
	Report func(caller *ari.Channel, what string)
}

// Serve handles one call. It is a handler for OnCall: the context ends when the caller has left.
//
// A command that fails because the caller has hung up under it is no failure of the handler: it can return each error.
func (a *App) Serve(ctx context.Context, call *ari.StasisStart) error {
	caller, ctrl := call.Channel, call.Controller()
	defer caller.Stop(ari.Cleanup(ctx)) // whatever happens, nobody is left in silence
	if err := caller.Answer(ctx); err != nil {
		return err
	}
	a.report(caller, "answered")
	bridge, err := ctrl.CreateBridge(ctx, ari.CreateBridgeOptions{Type: "mixing,dtmf_events"})
	if err != nil {
		return err
	}
	defer bridge.Stop(ari.Cleanup(ctx))
	media, err := ctrl.CreateExternalMedia(ctx, a.Media)
	if err != nil {
		return err
	}
	defer media.Stop(ari.Cleanup(ctx)) // its channel would outlive the bridge
	if err := bridge.AddChannel(ctx, caller.ID, media.ID); err != nil {
		return err
	}
	a.report(caller, "bridged with "+media.Name)
	<-ctx.Done()
	a.report(caller, fmt.Sprintf("ended: %v", context.Cause(ctx)))
	return nil
}

func (a *App) report(caller *ari.Channel, what string) {
	if a.Report != nil {
		a.Report(caller, what)
	}
}
