// Dictation records what callers say: each turn, from when they begin to speak until they have finished, becomes a WAV
// file of its own, and the whole call one with both sides.
//
// Put this into Asterisk's extensions.conf, in the context where calls come in:
//
//	exten => 1000,1,Stasis(hello)
//
// Run it with:
//
//	export ARI_URL=http://127.0.0.1:8088/ari ARI_APPLICATION=hello ARI_USERNAME=asterisk ARI_PASSWORD=asterisk
//	go run ./examples/dictation -to recordings
//
// Then dial 1000, speak after the tone, and press # to end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/media"
)

func main() {
	to := flag.String("to", "recordings", "the folder that gets the files")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		files, err := dictate(ctx, ev.Channel, filepath.Join(*to, ev.Channel.ID), media.Options{})
		fmt.Println(ev.Channel.Name, "said", len(files), "things:", files)
		return err
	})
	if err := client.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

// before is how much is recorded of what was before a turn: its first sound is softer than what makes it one.
const before = 300 * time.Millisecond

// dictate records one call into a folder, until it ends or # is pressed, and returns the names of the turns' files.
func dictate(ctx context.Context, ch *ari.Channel, folder string, opts media.Options) (files []string, err error) {
	defer ch.Stop(ari.Cleanup(ctx))
	if err := ch.Answer(ctx); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, err
	}
	stream, err := media.Open(ctx, ch, opts)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	whole, err := os.Create(filepath.Join(folder, "call.wav"))
	if err != nil {
		return nil, err
	}
	defer whole.Close()
	tap, err := stream.Tap(whole)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tap.Close()) }()

	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	stream.OnDigit(func(d media.Digit) {
		if d.Key == '#' {
			hangUp()
		}
	})
	turns := make(chan media.Turn, 16)
	stream.OnTurn(media.TurnOptions{}, func(t media.Turn) {
		select {
		case turns <- t:
		case <-ctx.Done():
		}
	})
	if _, err := stream.Say(ctx, media.Tone(8000, 1000, -20, 300*time.Millisecond)); err != nil {
		return nil, err
	}
	for {
		file, err := recordTurn(ctx, stream, turns, filepath.Join(folder, fmt.Sprintf("turn-%02d.wav", len(files)+1)))
		if file != "" {
			files = append(files, file)
		}
		if err != nil {
			if ctx.Err() != nil || stream.Err() != nil {
				return files, nil // The call is over, or # was pressed.
			}
			return files, err
		}
	}
}

// recordTurn waits for the next turn and records it. It returns the file's name, if there is one.
func recordTurn(ctx context.Context, stream *media.Stream, turns <-chan media.Turn, name string) (_ string, err error) {
	for {
		select {
		case t := <-turns:
			if t.Kind != media.TurnStarted {
				continue
			}
		case <-ctx.Done():
			return "", ctx.Err()
		case <-stream.Context().Done():
			return "", stream.Err()
		}
		break
	}
	file, err := os.Create(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	wav, err := media.NewWAVWriter(file, stream.Rate(), 1)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, wav.Close()) }()
	listener := stream.Listen()
	defer listener.Close()
	if err := wav.WriteSamples(stream.Last(before)); err != nil {
		return name, err
	}
	for {
		frame, err := listener.ReadFrame(ctx)
		if err != nil {
			return name, err
		}
		if err := wav.WriteSamples(frame.PCM); err != nil {
			return name, err
		}
		select {
		case t := <-turns:
			if t.Kind == media.TurnEnded {
				return name, nil
			}
		default:
		}
	}
}
