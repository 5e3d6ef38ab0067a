// Demo shows the bridging example at work: a handful of callers come in, each gets a bridge of its own and external media, and
// everything is cleaned up when they hang up. It ends by itself within seconds.
//
//	go run ./examples/demo
//
// needs no Asterisk: the calls are made on a simulated one. With ARI_URL, ARI_USERNAME and ARI_PASSWORD set it runs on a real
// Asterisk, whose dialplan leads the extension 1000 (or that of -extension) of the context default into the Stasis application
// "hello" (or that of ARI_APPLICATION); the callers are then Local channels.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/ari-go/ari/examples/bridging/bridger"
	"github.com/ari-go/ari/pkg/ari"
)

func main() {
	extension := flag.String("extension", "1000", "the extension that the callers dial")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *extension); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// A line is one call, seen from the caller's telephone.
type line interface {
	// ChannelID is the id of the call's channel in the application.
	ChannelID() string
	WaitAnswered(ctx context.Context) error
	Press(ctx context.Context, digits string) error
	Hangup(ctx context.Context) error
}

// An exchange is where calls come from.
type exchange interface {
	fmt.Stringer
	Client(application string) (*ari.Client, error)
	Dial(ctx context.Context, extension, name, number string) (line, error)
	Close() error
}

// A caller is somebody with a plan.
type caller struct {
	name, number string
	digits       string
	talks        time.Duration
}

var callers = []caller{
	{"Alice", "101", "", 1200 * time.Millisecond},
	{"Bob", "102", "1#", 800 * time.Millisecond},
	{"Carol", "103", "", 300 * time.Millisecond},
	{"Dave", "104", "42", 1500 * time.Millisecond},
	{"Erin", "105", "", 600 * time.Millisecond},
}

func run(ctx context.Context, out io.Writer, extension string) (err error) {
	// Nobody listens there, but the address has to be one that packets can be sent to.
	sink, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sink.Close()) }()

	pbx, err := open() //nolint:contextcheck // To listen takes no time.
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pbx.Close()) }()
	application := os.Getenv("ARI_APPLICATION")
	if application == "" {
		application = "hello"
	}
	client, err := pbx.Client(application)
	if err != nil {
		return err
	}

	show := newScreen(out)
	app := &bridger.App{
		Media:  ari.ExternalMediaOptions{ExternalHost: sink.LocalAddr().String(), Format: "ulaw"},
		Report: func(ch *ari.Channel, what string) { show.call(ch.ID, what) },
	}
	client.OnCall(app.Serve)
	ari.On(client, func(_ context.Context, ev *ari.ChannelDtmfReceived) error {
		show.call(ev.Channel.ID, "pressed "+ev.Digit)
		return nil
	})
	if err := client.Connect(ctx); err != nil {
		return err
	}
	if show.otherChannels, show.otherBridges, err = count(ctx, client.ARI()); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d callers dial %s of %s. Each is answered and bridged with external media of its own.\n\n", len(callers), extension, pbx)

	var calls sync.WaitGroup
	for i, c := range callers {
		calls.Go(func() {
			if sleep(ctx, time.Duration(i)*250*time.Millisecond) {
				show.failure(c, c.call(ctx, pbx, extension, show))
			}
		})
	}
	calls.Wait()
	if err := cleaned(ctx, client.ARI(), show); err != nil {
		return err
	}
	show.summary()
	return client.Close(ari.Cleanup(ctx))
}

// call makes one call.
func (c caller) call(ctx context.Context, pbx exchange, extension string, show *screen) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	l, err := pbx.Dial(ctx, extension, c.name, c.number)
	if err != nil {
		return err
	}
	show.dials(c, l.ChannelID(), extension)
	if err := l.WaitAnswered(ctx); err != nil {
		return err
	}
	sleep(ctx, c.talks/2)
	if c.digits != "" {
		if err := l.Press(ctx, c.digits); err != nil {
			return err
		}
	}
	sleep(ctx, c.talks/2)
	show.call(l.ChannelID(), "hangs up")
	return l.Hangup(ari.Cleanup(ctx))
}

// cleaned waits until what the calls had is gone.
func cleaned(ctx context.Context, ctrl *ari.Controller, show *screen) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		channels, bridges, err := count(ctx, ctrl)
		if err != nil {
			return err
		}
		if show.left(channels, bridges) || !sleep(ctx, 50*time.Millisecond) {
			return nil
		}
	}
}

func count(ctx context.Context, ctrl *ari.Controller) (channels, bridges int, err error) {
	b, err := ctrl.Bridges(ctx)
	if err != nil {
		return 0, 0, err
	}
	ch, err := ctrl.Channels(ctx)
	if err != nil {
		return 0, 0, err
	}
	return len(ch), len(b), nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// open finds out where to make calls.
func open() (exchange, error) {
	slog.SetLogLoggerLevel(slog.LevelWarn)
	if os.Getenv("ARI_URL") != "" {
		return newReal()
	}
	return newSimulated()
}
