// Quickstart calls a phone, and bridges it with external media when it is answered. All events are printed.
//
// Run it with:
//
//	export ARI_URL=http://127.0.0.1:8088/ari ARI_APPLICATION=hello ARI_USERNAME=asterisk ARI_PASSWORD=asterisk
//	go run ./examples/quickstart PJSIP/1001
//
// It ends when the phone hangs up. Calls that reach Stasis(hello) through the dialplan are served too. Digits are among the
// events since the bridge has "dtmf_events": otherwise Asterisk may connect two phones past itself, and not see any.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: quickstart ENDPOINT, such as PJSIP/1001")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, endpoint string) error {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		return err
	}
	ari.On(client, func(_ context.Context, ev ari.Event) error {
		fmt.Printf("%s %s\n", ev.Header().Timestamp.Format(time.TimeOnly), ev.Header().Type)
		return nil
	})
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		return serve(ctx, call.Channel)
	})
	client.OnStasisEnd(func(_ context.Context, ev *ari.StasisEnd) error {
		fmt.Println(ev.Channel.Name, "left")
		return nil
	})
	if err := client.Connect(ctx); err != nil {
		return err
	}
	defer client.Close(ari.Cleanup(ctx))

	phone, err := client.ARI().Call(ctx, ari.CallOptions{Endpoint: endpoint})
	if err != nil {
		return err // It says why: busy, not answered, refused, unknown.
	}
	return serve(ctx, phone)
}

// serve handles one call, until it ends.
func serve(ctx context.Context, ch *ari.Channel) error {
	defer ch.Stop(ari.Cleanup(ctx)) // nobody else hangs up if something fails, or at Ctrl-C
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	ctrl := ch.Controller()
	bridge, err := ctrl.CreateBridge(ctx, ari.CreateBridgeOptions{Type: "mixing,dtmf_events"})
	if err != nil {
		return err
	}
	defer bridge.Stop(ari.Cleanup(ctx))
	media, err := ctrl.CreateExternalMedia(ctx, ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:10000", Format: "ulaw"})
	if err != nil {
		return err
	}
	defer media.Stop(ari.Cleanup(ctx))
	if err := bridge.AddChannel(ctx, ch.ID, media.ID); err != nil {
		return err
	}
	end, err := ch.WaitEnd(ctx)
	if err != nil {
		return err
	}
	fmt.Println(end)
	return nil
}
