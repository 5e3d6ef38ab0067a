// Ivr is a voice menu: it greets callers, and connects those who press 1 with the operator.
//
// Put this into Asterisk's extensions.conf, in the context where calls come in:
//
//	exten => 1000,1,Stasis(ivr)
//
// Run it with the operator's endpoint:
//
//	export ARI_URL=http://127.0.0.1:8088/ari ARI_APPLICATION=ivr ARI_USERNAME=asterisk ARI_PASSWORD=asterisk
//	go run ./examples/ivr PJSIP/alice
//
// Then dial 1000 and press 1. Without an Asterisk at hand, start a simulated one with "go run ./cmd/arisim -app ivr" and type
// "call 1000", and "keys 1 1" to press 1.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"

	"github.com/ari-go/ari/examples/ivr/menu"
	"github.com/ari-go/ari/pkg/ari"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: ivr ENDPOINT, such as PJSIP/alice")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, operator string) error {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		return err
	}
	app := &menu.App{Operator: operator}
	client.OnCall(app.Serve)
	return client.Run(ctx)
}
