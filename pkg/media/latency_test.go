package media

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// minutesEnv is how long TestDriftOnAsterisk lasts, in minutes.
const minutesEnv = "ARI_TEST_MEDIA_MINUTES"

// pulses sends a loud frame each second, silence in between, and returns how long each took to come back.
func pulses(t *testing.T, p *phone, d time.Duration) []time.Duration {
	t.Helper()
	const every = 23 // frames: not a whole number of anything
	loud, quiet := noise(1, p.leg.rate()/50), make([]int16, p.leg.rate()/50)
	var sent []time.Time
	begun := time.Now()
	for i := 0; time.Since(begun) < d; i++ {
		time.Sleep(time.Until(begun.Add(time.Duration(i) * frameTime)))
		frame := quiet
		if i%every == every/2 {
			frame = loud
			sent = append(sent, time.Now())
		}
		require.NoError(t, p.leg.write(frame))
	}
	time.Sleep(500 * time.Millisecond)
	var delays []time.Duration
	k := 0
	var last time.Time
	for _, f := range p.heard() {
		if level(f.pcm) < -30 || f.time.Sub(last) < 200*time.Millisecond {
			continue // Silence, or the rest of the same one.
		}
		last = f.time
		for k+1 < len(sent) && sent[k+1].Before(f.time) {
			k++
		}
		delays = append(delays, f.time.Sub(sent[k]))
	}
	assert.GreaterOrEqual(t, len(delays), len(sent)*9/10, "most of them come back")
	return delays
}

func percentiles(all []time.Duration) string {
	s := slices.Sorted(slices.Values(all))
	return fmt.Sprintf("n %d, p50 %s, p99 %s", len(s), s[len(s)/2].Round(100*time.Microsecond), s[len(s)*99/100].Round(100*time.Microsecond))
}

// How long it takes until a caller hears an echo, from when the question was sent to when the first of it is back,
// beside a bare loop over the same leg that writes each frame as soon as it has been read.
func TestLatency(t *testing.T) {
	measured(t)
	for _, transport := range []Transport{WebSocket, AudioSocket, RTP} {
		format := "slin"
		t.Run(string(transport), func(t *testing.T) {
			l := newLine(t, "22", "latency")
			t.Run("calls", func(t *testing.T) {
				for _, bare := range []bool{false, true} {
					t.Run(fmt.Sprintf("bare %v", bare), func(t *testing.T) {
						t.Parallel()
						p := l.phoneBy(t, RTP, "slin") // Nothing of its own waits in Asterisk.
						if bare {
							bareEcho(t, l, p, transport, format)
						} else {
							s, err := Open(t.Context(), p.ch, Options{Transport: transport, Format: format})
							require.NoError(t, err)
							t.Cleanup(func() { _ = s.Close() })
							go func() {
								for f, err := range s.Frames(t.Context()) {
									if err != nil || s.WriteFrame(f.PCM) != nil {
										return
									}
								}
							}()
						}
						t.Log(transport, "bare", bare, percentiles(pulses(t, p, 30*time.Second)))
					})
				}
			})
		})
	}
}

// bareEcho writes each frame as soon as it has been read.
func bareEcho(t *testing.T, l *line, p *phone, transport Transport, format string) {
	t.Helper()
	leg, ch := l.rawLeg(t, transport, format)
	b, err := l.ctrl.CreateBridge(t.Context(), ari.CreateBridgeOptions{Type: "mixing,dtmf_events"})
	require.NoError(t, err)
	require.NoError(t, b.AddChannel(t.Context(), ch.ID, p.ch.ID))
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = leg.close()
		<-done
		_ = ch.Stop(context.Background())
		_ = b.Stop(context.Background())
	})
	go func() {
		defer close(done)
		pcm := make([]int16, maxRead)
		for {
			n, _, err := leg.read(pcm)
			if err != nil || leg.write(pcm[:n]) != nil {
				return
			}
		}
	}()
}

// Echoes, and sources that are 1 % too fast and too slow, for a while: nothing adds up.
func TestDriftOnAsterisk(t *testing.T) {
	measured(t)
	minutes, err := strconv.ParseFloat(os.Getenv(minutesEnv), 64)
	if err != nil {
		minutes = 0.2
	}
	d := time.Duration(minutes * float64(time.Minute))
	l := newLine(t, "22", "drift")
	t.Run("calls", func(t *testing.T) {
		for _, transport := range []Transport{WebSocket, AudioSocket, RTP} {
			format := map[Transport]string{RTP: "g722"}[transport]
			t.Run(string(transport)+" echo", func(t *testing.T) {
				t.Parallel()
				p := l.phoneBy(t, RTP, "slin")
				s, err := Open(t.Context(), p.ch, Options{Transport: transport, Format: format})
				require.NoError(t, err)
				t.Cleanup(func() { _ = s.Close() })
				go func() {
					for f, err := range s.Frames(t.Context()) {
						if err != nil || s.WriteFrame(f.PCM) != nil {
							return
						}
					}
				}()
				delays := pulses(t, p, d)
				n := len(delays) / 4
				t.Logf("first quarter: %s; last quarter: %s; %+v", percentiles(delays[:n]), percentiles(delays[len(delays)-n:]), s.Stats())
				first, last := slices.Sorted(slices.Values(delays[:n])), slices.Sorted(slices.Values(delays[len(delays)-n:]))
				assert.InDelta(t, first[n/2].Seconds(), last[n/2].Seconds(), 0.045)
			})
			for name, every := range map[string]time.Duration{"fast": 19800 * time.Microsecond, "slow": 20200 * time.Microsecond} {
				t.Run(string(transport)+" "+name, func(t *testing.T) {
					t.Parallel()
					p := l.phone(t, "slin16")
					s, err := Open(t.Context(), p.ch, Options{Transport: transport, Format: format})
					require.NoError(t, err)
					t.Cleanup(func() { _ = s.Close() })
					chunks := make(chan []int16)
					go func() {
						defer close(chunks)
						begun := time.Now()
						pcm := noise(1, 320)
						for i := range int(d / frameTime) {
							time.Sleep(time.Until(begun.Add(time.Duration(i) * every)))
							chunks <- pcm
						}
					}()
					var mu sync.Mutex
					most := 0
					stop := make(chan struct{})
					go func() {
						for {
							select {
							case <-stop:
								return
							case <-time.After(time.Second):
								mu.Lock()
								most = max(most, s.Stats().QueueDepth)
								mu.Unlock()
							}
						}
					}()
					begun := time.Now()
					u, err := s.Say(t.Context(), Frames(16000, chunks))
					require.NoError(t, err)
					require.NoError(t, u.Wait(t.Context()))
					took := time.Since(begun)
					close(stop)
					mu.Lock()
					defer mu.Unlock()
					t.Logf("%s of sound took %s; queue at most %d; %+v", d, took, most, s.Stats())
					assert.LessOrEqual(t, most, 26)
					if name == "fast" {
						assert.LessOrEqual(t, s.Stats().Underruns, int64(1), "but for a hiccup of the machine")
						assert.InDelta(t, d.Seconds(), took.Seconds(), 0.5)
					}
				})
			}
		}
	})
}
