// Events prints the events of all channels, bridges and endpoints of an Asterisk, typed.
//
// Run it with:
//
//	export ARI_URL=http://127.0.0.1:8088/ari ARI_APPLICATION=watch ARI_USERNAME=asterisk ARI_PASSWORD=asterisk
//	go run ./examples/events
//
// Then make any call.
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := ari.NewClientFromEnv(ari.WithSubscriptions("channel:", "bridge:", "endpoint:"))
	if err != nil {
		log.Fatal(err)
	}
	ari.On(client, func(_ context.Context, ev ari.Event) error {
		fmt.Printf("%s %s\n", ev.Header().Timestamp.Format(time.TimeOnly), describe(ev))
		return nil
	})
	if err := client.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

// describe shows how an event's type is told apart: each has its own struct.
func describe(ev ari.Event) string {
	switch ev := ev.(type) {
	case *ari.StasisStart:
		return fmt.Sprintf("%s entered %s with %q", ev.Channel.Name, ev.Application, ev.Args)
	case *ari.StasisEnd:
		return fmt.Sprintf("%s left %s", ev.Channel.Name, ev.Application)
	case *ari.ChannelDtmfReceived:
		return fmt.Sprintf("%s pressed %s for %v", ev.Channel.Name, ev.Digit, ev.Duration())
	case *ari.ChannelStateChange:
		return fmt.Sprintf("%s is %s", ev.Channel.Name, ev.Channel.State)
	case *ari.ChannelDestroyed:
		return fmt.Sprintf("%s hung up: %d, %s", ev.Channel.Name, ev.Cause, ev.CauseTxt)
	case *ari.Disconnected:
		return fmt.Sprintf("connection lost: %v", ev.Err)
	case *ari.UnknownEvent:
		return fmt.Sprintf("%s, which this SDK doesn't know: %s", ev.Type, ev.Raw())
	default:
		return ev.Header().Type
	}
}
