// Demo runs a call with the voicebot on a real Asterisk, and writes what both have said to a WAV file: on the left the bot,
// as the caller heard it, on the right the caller. The bot's service is the stand-in, which speaks in tones.
//
//	make asterisk
//	make demo-voice
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/ari-go/ari/examples/voicebot/bot"
	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/media"
	"github.com/ari-go/ari/test/asterisk"
)

func main() {
	out := flag.String("o", "voicebot.wav", "the file that the call is written to")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	inst, err := asterisk.Run(ctx, asterisk.Options{})
	if err != nil {
		log.Fatal(err)
	}
	heard, err := demo(ctx, inst, *out)
	if err := errors.Join(err, inst.Close()); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("the bot knows that it was interrupted after %v ms; listen to %s\n", heard, *out)
}

// demo makes one call, on an Asterisk that runs.
func demo(ctx context.Context, inst *asterisk.Instance, out string) ([]int64, error) {
	standIn := new(bot.StandIn)
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // It doesn't wait.
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: standIn, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	answering, err := connect(ctx, inst, "voicebot")
	if err != nil {
		return nil, err
	}
	defer answering.Close(ari.Cleanup(ctx))
	calling, err := connect(ctx, inst, "voicebot-caller")
	if err != nil {
		return nil, err
	}
	defer calling.Close(ari.Cleanup(ctx))
	b := &bot.Bot{Service: bot.Service{URL: "ws://" + listener.Addr().String()}}
	err = run(ctx, b, answering, calling, out, func(format string, args ...any) { fmt.Printf(format+"\n", args...) })
	return standIn.Truncated(), err
}

// run lets one client answer calls, and another make one.
func run(ctx context.Context, b *bot.Bot, answering, calling *ari.Client, out string, say func(string, ...any)) error {
	answering.OnCall(func(ctx context.Context, call *ari.StasisStart) error { return b.Call(ctx, call.Channel) })
	ch, err := calling.ARI().Originate(ctx, ari.OriginateOptions{Endpoint: "Local/app-voicebot@default"})
	if err != nil {
		return err
	}
	defer ch.Stop(ari.Cleanup(ctx))
	if err := ch.WaitStasis(ctx); err != nil {
		return err
	}
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	defer file.Close()
	c := &caller{say: say}
	return c.talk(ctx, ch, file)
}

func connect(ctx context.Context, inst *asterisk.Instance, app string) (*ari.Client, error) {
	client, err := ari.NewClient(inst.URL, app, ari.WithBasicAuth(inst.Username, inst.Password))
	if err != nil {
		return nil, err
	}
	return client, client.Connect(ctx)
}

// A caller speaks in tones, as the stand-in does.
type caller struct {
	phone *media.Stream
	turns chan media.Turn
	say   func(string, ...any)
}

func (c *caller) talk(ctx context.Context, ch *ari.Channel, file *os.File) error {
	var err error
	if c.phone, err = media.Open(ctx, ch, media.Options{}); err != nil {
		return err
	}
	defer c.phone.Close()
	tap, err := c.phone.Tap(file)
	if err != nil {
		return err
	}
	// A telephone sends all the time.
	if err := c.phone.SetAmbient(ctx, media.ComfortNoise(-65), 1); err != nil {
		return err
	}
	c.turns = make(chan media.Turn, 100)
	c.phone.OnTurn(media.TurnOptions{End: 300 * time.Millisecond}, func(t media.Turn) { c.turns <- t })
	c.say("the bot greets")
	if err := c.await(ctx, media.TurnEnded); err != nil {
		return err
	}
	c.say("the caller asks something short, and waits for the answer")
	if err := c.speak(ctx, 300, 700*time.Millisecond); err != nil {
		return err
	}
	if err := c.await(ctx, media.TurnEnded); err != nil {
		return err
	}
	c.say("the caller asks something long, and interrupts the answer after a second")
	if err := c.speak(ctx, 300, 4*time.Second); err != nil {
		return err
	}
	if err := c.await(ctx, media.TurnStarted); err != nil {
		return err
	}
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := c.speak(ctx, 350, 500*time.Millisecond); err != nil {
		return err
	}
	for range 2 { // What was interrupted, and the answer to what interrupted it.
		if err := c.await(ctx, media.TurnEnded); err != nil {
			return err
		}
	}
	c.say("the caller says goodbye, and the bot hangs up")
	if err := c.speak(ctx, 100, 600*time.Millisecond); err != nil {
		return err
	}
	select {
	case <-c.phone.Done():
	case <-time.After(30 * time.Second):
		return errors.New("the bot doesn't hang up")
	}
	return tap.Close()
}

// speak says a tone, and waits until it has been heard.
func (c *caller) speak(ctx context.Context, frequency float64, d time.Duration) error {
	u, err := c.phone.Say(ctx, media.Tone(16000, frequency, -14, d))
	if err != nil {
		return err
	}
	return u.Wait(ctx)
}

// await waits for what the bot does.
func (c *caller) await(ctx context.Context, kind media.TurnKind) error {
	for {
		select {
		case t := <-c.turns:
			if t.Kind == kind {
				return nil
			}
		case <-time.After(30 * time.Second):
			return fmt.Errorf("the bot's turn hasn't %s", kind)
		case <-c.phone.Context().Done():
			return c.phone.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
