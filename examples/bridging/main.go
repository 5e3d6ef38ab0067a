// Bridging gives each incoming call a bridge of its own and external media, and cleans up when the call ends.
//
// Put this into Asterisk's extensions.conf, in the context where calls come in:
//
//	exten => 1000,1,Stasis(hello)
//
// Run it with:
//
//	export ARI_URL=http://127.0.0.1:8088/ari ARI_APPLICATION=hello ARI_USERNAME=asterisk ARI_PASSWORD=asterisk
//	go run ./examples/bridging -media 127.0.0.1:10000
//
// Then dial 1000. The call's audio goes to the UDP address given by -media, as RTP with payload type 0 (ulaw), and
// what comes back from there is what the caller hears. Nobody has to listen there.
//
// Without an Asterisk at hand, start a simulated one with "go run ./cmd/arisim" and type "call 1000" there.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/ari-go/ari/examples/bridging/bridger"
	"github.com/ari-go/ari/pkg/ari"
)

func main() {
	media := flag.String("media", "127.0.0.1:10000", "where the audio of each call goes, as host:port")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *media); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, media string) error {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		return err
	}
	app := &bridger.App{
		Media:  ari.ExternalMediaOptions{ExternalHost: media, Format: "ulaw"},
		Report: func(caller *ari.Channel, what string) { fmt.Printf("%-30s %s\n", caller.Name, what) },
	}
	client.OnCall(app.Serve)
	return client.Run(ctx)
}
