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
	defer client.Close(context.WithoutCancel(ctx))
	ctrl := client.ARI()

	a, err := call(ctx, ctrl, first)
	if err != nil {
		return err
	}
	defer hangUp(ctx, a)
	b, err := call(ctx, ctrl, second)
	if err != nil {
		return err
	}
	defer hangUp(ctx, b)

	bridge, err := ctrl.CreateBridge(ctx, ari.CreateBridgeOptions{Type: "mixing"})
	if err != nil {
		return err
	}
	defer bridge.Stop(context.WithoutCancel(ctx))
	if err := bridge.AddChannel(ctx, a.ID, b.ID); err != nil {
		return err
	}
	fmt.Println("connected")

	// Whoever hangs up first ends it for both.
	ended := make(chan string, 2)
	for _, leg := range []*ari.Channel{a, b} {
		go func() {
			if end, err := leg.WaitEnd(ctx); err == nil {
				ended <- end.Error()
			}
		}()
	}
	select {
	case what := <-ended:
		fmt.Println(what)
	case <-ctx.Done():
	}
	return nil
}

// call calls one party and returns when it is in the application.
func call(ctx context.Context, ctrl *ari.Controller, endpoint string) (*ari.Channel, error) {
	ch, err := ctrl.Originate(ctx, ari.OriginateOptions{Endpoint: endpoint, Timeout: 30 * time.Second})
	if err != nil {
		return nil, err
	}
	if err := ch.WaitStasis(ctx); err != nil {
		hangUp(ctx, ch)
		return nil, fmt.Errorf("%s didn't answer: %w", endpoint, err)
	}
	fmt.Println(endpoint, "answered")
	return ch, nil
}

func hangUp(ctx context.Context, ch *ari.Channel) {
	if err := ch.Stop(context.WithoutCancel(ctx)); err != nil && !errors.Is(err, ari.ErrNotFound) {
		log.Print(err)
	}
}
