package media

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ari-go/ari/pkg/ari"
)

// callsEnv is how many calls TestHangups makes.
const callsEnv = "ARI_TEST_MEDIA_CALLS"

// Calls end at random moments, in every way: the caller hangs up, the program closes the stream, the context ends, the
// media channel is hung up, while the stream opens or while it speaks. Nothing is left: no channel, no bridge, no
// goroutine.
func TestHangups(t *testing.T) {
	l := newLine(t, "22", "hangups")
	calls, err := strconv.Atoi(os.Getenv(callsEnv))
	if err != nil {
		calls = 100
	}
	before := goroutines()
	slots := make(chan struct{}, 50)
	var wg sync.WaitGroup
	var mu sync.Mutex
	ways := make(map[string]int)
	for i := range calls {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			r := rand.New(rand.NewPCG(uint64(i), 3))
			way, err := hangupCall(t.Context(), l, r)
			mu.Lock()
			defer mu.Unlock()
			ways[way]++
			assert.NoError(t, err, "call %d: %s", i, way)
		})
	}
	wg.Wait()
	t.Log(ways)
	requireNothingLeft(t, l.ctrl)
	limit := nearEnd(t)
	for over := false; !over && len(goroutines()) > len(before); {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-limit:
			over = true
		}
	}
	after := goroutines()
	assert.LessOrEqual(t, len(after), len(before), "goroutines left:\n%s", strings.Join(after, "\n\n"))
	pacers.Lock()
	defer pacers.Unlock()
	assert.Empty(t, pacers.of)
}

// goroutines are those of this package's code.
func goroutines() []string {
	buf := make([]byte, 16<<20)
	var ours []string
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "pkg/media.(*") {
			ours = append(ours, stack)
		}
	}
	return ours
}

func hangupCall(ctx context.Context, l *line, r *rand.Rand) (string, error) {
	transport := []Transport{WebSocket, AudioSocket, RTP}[r.IntN(3)]
	way := []string{"caller", "close", "context", "media channel", "bridge"}[r.IntN(5)]
	name := fmt.Sprintf("%s, %s", transport, way)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The cheapest caller there is: one channel, which says nothing.
	ch, err := l.ctrl.CreateExternalMedia(ctx, ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "ulaw"})
	if err != nil {
		return name, err
	}
	defer ch.Stop(context.WithoutCancel(ctx))
	after := time.Duration(r.IntN(600)) * time.Millisecond
	var s *Stream
	ready := make(chan struct{})
	timer := time.AfterFunc(after, func() {
		switch way {
		case "caller":
			_ = ch.Stop(context.WithoutCancel(ctx))
		case "context":
			cancel()
		case "close":
			<-ready
			if s != nil {
				_ = s.Close()
			}
		case "media channel":
			<-ready
			if s != nil {
				_ = l.ctrl.StopChannel(context.WithoutCancel(ctx), s.MediaChannelID())
			}
		case "bridge":
			<-ready
			if s != nil {
				_ = s.Bridge().Stop(context.WithoutCancel(ctx))
				_ = s.Close()
			}
		}
	})
	defer timer.Stop()
	s, err = Open(ctx, ch, Options{Transport: transport})
	close(ready)
	if err != nil {
		var aerr *ari.Error
		var end *ari.EndError
		if way == "caller" && (errors.As(err, &aerr) || errors.As(err, &end)) || way == "context" && errors.Is(err, context.Canceled) {
			return name + ", while it opened", nil
		}
		return name, err
	}
	u, err := s.Say(ctx, Tone(16000, 440, -20, 0))
	if err == nil {
		_ = u.Wait(context.WithoutCancel(ctx))
	}
	<-s.Done()
	switch err := s.Err(); {
	case way == "caller" && (errors.Is(err, ari.ErrEnded) || errors.Is(err, ErrMediaLost)):
	case way == "context" && errors.Is(err, context.Canceled):
	case (way == "close" || way == "bridge") && errors.Is(err, ErrClosed):
	case way == "media channel" && errors.Is(err, ErrMediaLost):
	default:
		return name, fmt.Errorf("it ended with %w", err)
	}
	if _, err := s.Say(context.Background(), Samples(8000, nil)); err == nil {
		return name, errors.New("a stream that has ended speaks")
	}
	return name, s.Close()
}
