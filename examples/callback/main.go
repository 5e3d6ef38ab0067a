// Callback calls two parties, the second when the first has answered, and connects them. When one hangs up, the
// other is hung up too.
//
// Run it with:
//
//	export ARI_URL=http://127.0.0.1:8088/ari ARI_APPLICATION=callback ARI_USERNAME=asterisk ARI_PASSWORD=asterisk
//	go run ./examples/callback PJSIP/alice PJSIP/bob
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: callback ENDPOINT ENDPOINT, such as PJSIP/alice PJSIP/bob")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, first, second string) error {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		return err
	}
	if err := client.Connect(ctx); err != nil {
		return err
	}
	defer client.Close(ari.Cleanup(ctx))
	ctrl := client.ARI()

	a, err := call(ctx, ctrl, first)
	if err != nil {
		return err
	}
	defer hangUp(ctx, a)
	// From here on ctx ends when the first party hangs up, also while the second one's telephone rings.
	ctx, stop := whileUp(ctx, a)
	defer stop()
	b, err := call(ctx, ctrl, second)
	if err != nil {
		return err
	}
	defer hangUp(ctx, b)
	ctx, stop = whileUp(ctx, b)
	defer stop()
	bridge, err := ctrl.CreateBridge(ctx, ari.CreateBridgeOptions{Type: "mixing"})
	if err != nil {
		return err
	}
	defer bridge.Stop(ari.Cleanup(ctx))
	if err := bridge.AddChannel(ctx, a.ID, b.ID); err != nil {
		return err
	}
	fmt.Println("connected")
	<-ctx.Done()
	fmt.Println(context.Cause(ctx))
	return nil
}

// call calls one party and returns when it is in the application.
func call(ctx context.Context, ctrl *ari.Controller, endpoint string) (*ari.Channel, error) {
	// A request that is cut off may have been carried out all the same, and the channel has to be known to be hung up.
	ch, err := ctrl.Originate(context.WithoutCancel(ctx), ari.OriginateOptions{Endpoint: endpoint, Timeout: 30 * time.Second})
	if err != nil {
		return nil, err
	}
	if err := ch.WaitStasis(ctx); err != nil {
		hangUp(ctx, ch)
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("%s didn't answer: %w", endpoint, err)
	}
	fmt.Println(endpoint, "answered")
	return ch, nil
}

// whileUp is a context that ends when a party hangs up, with that as its cause.
func whileUp(ctx context.Context, party *ari.Channel) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		end, err := party.WaitEnd(ctx)
		if err == nil {
			err = fmt.Errorf("%s hung up: %w", party.Name, end)
		}
		cancel(err)
	}()
	return ctx, func() { cancel(nil) }
}

func hangUp(ctx context.Context, ch *ari.Channel) {
	if err := ch.Stop(ari.Cleanup(ctx)); err != nil && !errors.Is(err, ari.ErrNotFound) {
		log.Print(err)
	}
}
