// Callback calls two parties, the second when the first has answered, and connects them. When one hangs up, the
// other is hung up too.
//
// Run it with:
//
//	export ARI_URL=http://127.0.0.1:8088/ari ARI_APPLICATION=callback ARI_USERNAME=asterisk ARI_PASSWORD=asterisk
//	go run ./examples/callback PJSIP/alice PJSIP/bob
//
// and answer both telephones. Without an Asterisk at hand, start a simulated one before, with telephones that answer by themselves:
//
//	go run ./cmd/arisim -app callback -phone PJSIP/alice=answer:1s -phone PJSIP/bob=answer:2s
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
	defer a.Stop(ari.Cleanup(ctx))
	// From here on ctx ends when the first party hangs up, also while the second one's telephone rings.
	ctx, release := a.Context(ctx)
	defer release()
	b, err := call(ctx, ctrl, second)
	if err != nil {
		return err
	}
	defer b.Stop(ari.Cleanup(ctx))
	ctx, release = b.Context(ctx)
	defer release()
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
	fmt.Println(context.Cause(ctx)) // who hung up
	return nil
}

// call calls one party, and returns when it has answered.
func call(ctx context.Context, ctrl *ari.Controller, endpoint string) (*ari.Channel, error) {
	ch, err := ctrl.Call(ctx, ari.CallOptions{Endpoint: endpoint, Timeout: 30 * time.Second})
	switch {
	case err == nil:
		fmt.Println(endpoint, "answered")
		return ch, nil
	case ctx.Err() != nil: // The other party hung up meanwhile.
		return nil, context.Cause(ctx)
	case errors.Is(err, ari.ErrBusy):
		return nil, fmt.Errorf("%s is busy: %w", endpoint, err)
	default:
		return nil, fmt.Errorf("%s didn't answer: %w", endpoint, err)
	}
}
