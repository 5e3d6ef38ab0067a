// Voicebot lets callers speak with a speech-to-speech service that speaks the Realtime protocol over a websocket. It stops
// within a syllable when the caller interrupts, and tells the service how much was heard; the service can transfer the
// caller to a human and hang up; each call can be recorded.
//
// Put this into Asterisk's extensions.conf, in the context where calls come in:
//
//	exten => 1000,1,Stasis(hello)
//
// Run it with:
//
//	export ARI_URL=http://127.0.0.1:8088/ari ARI_APPLICATION=hello ARI_USERNAME=asterisk ARI_PASSWORD=asterisk
//	export REALTIME_URL=wss://api.openai.com/v1/realtime REALTIME_MODEL=gpt-realtime REALTIME_API_KEY=...
//	go run ./examples/voicebot -human PJSIP/1001 -recordings .
//
// Then dial 1000. Without REALTIME_API_KEY a stand-in answers, which has no words but tones. "make demo-voice" runs a call
// with it on a real Asterisk, and writes what the caller heard to a file.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/ari-go/ari/examples/voicebot/bot"
	"github.com/ari-go/ari/pkg/ari"
)

func main() {
	b := &bot.Bot{
		Service: bot.Service{URL: os.Getenv("REALTIME_URL"), Model: os.Getenv("REALTIME_MODEL"), Key: os.Getenv("REALTIME_API_KEY")},
	}
	flag.StringVar(&b.Human, "human", "", "the endpoint that callers are transferred to, such as PJSIP/1001")
	flag.StringVar(&b.Recordings, "recordings", "", "the folder that gets a recording of each call")
	flag.StringVar(&b.Instructions, "instructions", "You answer the telephone. Be brief and friendly.", "what the service shall be like")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, b); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, b *bot.Bot) error {
	if b.Service.Key == "" {
		listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // It doesn't wait.
		if err != nil {
			return err
		}
		server := &http.Server{Handler: new(bot.StandIn), ReadHeaderTimeout: 10 * time.Second}
		go func() { _ = server.Serve(listener) }()
		defer server.Close()
		b.Service = bot.Service{URL: "ws://" + listener.Addr().String()}
		log.Print("REALTIME_API_KEY isn't set: a stand-in answers")
	}
	client, err := ari.NewClientFromEnv()
	if err != nil {
		return err
	}
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error { return b.Call(ctx, call.Channel) })
	return client.Run(ctx)
}
