//go:build unix

package media

import (
	"context"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// streamsEnv is how many streams TestCost opens for each transport.
const streamsEnv = "ARI_TEST_MEDIA_STREAMS"

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// What a stream costs that speaks and listens all the time: pairs of streams speak to each other through Asterisk.
func TestCost(t *testing.T) {
	measured(t)
	streams, err := strconv.Atoi(os.Getenv(streamsEnv))
	if err != nil {
		streams = 20
	}
	for _, transport := range []Transport{WebSocket, AudioSocket, RTP} {
		t.Run(string(transport), func(t *testing.T) {
			l := newLine(t, "22", "cost")
			opts, err := Options{Transport: transport, Rate: 8000, Format: "slin"}.withDefaults()
			require.NoError(t, err)
			var all []*Stream
			for range streams / 2 {
				w := &wiring{ctrl: l.ctrl, id: mediaChannelID(), json: true, opts: opts}
				far, err := w.connect(t.Context())
				require.NoError(t, err)
				t.Cleanup(func() { _ = far.Close() })
				near, err := Open(t.Context(), l.ctrl.Channel(w.id), opts)
				require.NoError(t, err)
				t.Cleanup(func() { _ = near.Close() })
				far.opened()
				all = append(all, far, near)
			}
			for _, s := range all {
				_, err := s.Say(context.Background(), Samples(8000, noise(1, 8000*60)))
				require.NoError(t, err)
				go func() {
					for {
						if _, err := s.ReadFrame(s.Context()); err != nil {
							return
						}
					}
				}()
			}
			time.Sleep(2 * time.Second)
			pacers.Lock()
			p := pacers.of[l.ctrl]
			pacers.Unlock()
			p.mu.Lock()
			p.late = latencies{}
			p.mu.Unlock()
			framesIn := all[0].Stats().FramesIn
			begun, before := time.Now(), processorTime(t)
			time.Sleep(10 * time.Second)
			took, spent := time.Since(begun), processorTime(t)-before
			assert.Positive(t, all[0].Stats().FramesIn-framesIn)
			p.mu.Lock()
			defer p.mu.Unlock()
			t.Logf("%d streams: %.2f %% of a core each; the pacer was late by up to 1, 2, 5, 10, 20, 50, 100 ms and more: %d times",
				len(all), 100*spent.Seconds()/took.Seconds()/float64(len(all)), p.late.counts)
		})
	}
}
