// Announce plays one WAV file, of any rate and length, to each caller, or an endless live source that all callers share.
//
// Put this into Asterisk's extensions.conf, in the context where calls come in:
//
//	exten => 1000,1,Stasis(hello)
//
// Run it with:
//
//	export ARI_URL=http://127.0.0.1:8088/ari ARI_APPLICATION=hello ARI_USERNAME=asterisk ARI_PASSWORD=asterisk
//	go run ./examples/announce -file news.wav
//
// With -live the WAV comes from standard input as it is made, by a radio's encoder for example, and whoever calls hears
// it from that moment on:
//
//	ffmpeg -i https://radio.example/stream -f wav - | go run ./examples/announce -live
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"sync"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/media"
)

func main() {
	file := flag.String("file", "", "the WAV file that each caller hears from its beginning")
	live := flag.Bool("live", false, "all callers hear what comes by standard input")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *file, *live); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, file string, live bool) error {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		return err
	}
	open := func() (media.Source, error) {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		return media.WAV(f) // It is closed at the end of the utterance.
	}
	if live {
		wav, err := media.NewWAVReader(os.Stdin)
		if err != nil {
			return err
		}
		radio := newRadio(wav.Rate())
		go radio.run(wav)
		open = func() (media.Source, error) { return radio.listen(), nil }
	}
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error { return announce(ctx, ev.Channel, open) })
	return client.Run(ctx)
}

// announce plays a source to one call, and hangs up.
func announce(ctx context.Context, ch *ari.Channel, open func() (media.Source, error)) error {
	defer ch.Stop(ari.Cleanup(ctx))
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	stream, err := media.Open(ctx, ch, media.Options{})
	if err != nil {
		return err
	}
	defer stream.Close()
	src, err := open()
	if err != nil {
		return err
	}
	announcement, err := stream.Say(ctx, src)
	if err != nil {
		return err
	}
	if err := announcement.Wait(ctx); err != nil {
		return fmt.Errorf("heard only %s: %w", announcement.Heard().Duration, err)
	}
	return nil
}

// A radio gives what comes from one source to all who listen. One who falls behind misses something; nobody waits.
type radio struct {
	rate int

	mu        sync.Mutex
	listeners map[chan []int16]struct{}
	over      bool
}

func newRadio(rate int) *radio {
	return &radio{rate: rate, listeners: make(map[chan []int16]struct{})}
}

// wavSource is a WAV file that is being read.
type wavSource interface {
	ReadSamples(pcm []int16) (int, error)
}

func (r *radio) run(src wavSource) {
	for {
		chunk := make([]int16, r.rate/50) // A new one each time: the listeners share it.
		n, err := src.ReadSamples(chunk)
		r.mu.Lock()
		for l := range r.listeners {
			select {
			case l <- chunk[:n]:
			default:
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				log.Print(err)
			}
			r.over = true
			for l := range r.listeners {
				close(l)
			}
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
	}
}

// listen returns a source of all that comes from now on. Closing it, as a stream does at the end, unsubscribes.
func (r *radio) listen() media.Source {
	chunks := make(chan []int16, 50)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		close(chunks)
	} else {
		r.listeners[chunks] = struct{}{}
	}
	return &receiver{media.Frames(r.rate, chunks), r, chunks}
}

type receiver struct {
	media.Source

	radio  *radio
	chunks chan []int16
}

func (r *receiver) Close() error {
	r.radio.mu.Lock()
	defer r.radio.mu.Unlock()
	delete(r.radio.listeners, r.chunks)
	return nil
}
