// Echo gives each caller back what they say.
//
// Put this into Asterisk's extensions.conf, in the context where calls come in:
//
//	exten => 1000,1,Stasis(hello)
//
// Run it with:
//
//	export ARI_URL=http://127.0.0.1:8088/ari ARI_APPLICATION=hello ARI_USERNAME=asterisk ARI_PASSWORD=asterisk
//	go run ./examples/echo
//
// Then dial 1000 and speak. -transport websocket, audiosocket or rtp chooses the way of the audio; without it, the best
// that this Asterisk has.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/media"
)

func main() {
	transport := flag.String("transport", "", "websocket, audiosocket or rtp")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		return echo(ctx, ev.Channel, media.Transport(*transport))
	})
	if err := client.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

// echo serves one call.
func echo(ctx context.Context, ch *ari.Channel, transport media.Transport) error {
	defer ch.Stop(ari.Cleanup(ctx))
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	stream, err := media.Open(ctx, ch, media.Options{Transport: transport})
	if err != nil {
		return err
	}
	defer stream.Close()
	for frame, err := range stream.Frames(ctx) {
		if err != nil {
			return err
		}
		if err := stream.WriteFrame(frame.PCM); err != nil {
			return err
		}
	}
	return nil
}
