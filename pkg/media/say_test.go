package media

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A source that is quick, slow, or comes in bursts doesn't add up to a delay, and is heard whole.
func TestSourceSpeeds(t *testing.T) {
	bothKinds(t, func(t *testing.T, queues bool) {
		for name, c := range map[string]struct {
			every time.Duration // for each 20 ms
			gaps  bool
		}{
			"1 % too fast": {19800 * time.Microsecond, false},
			"1 % too slow": {20200 * time.Microsecond, true},
			"at once":      {0, false},
		} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f, s := fakeStream(t, 8000, 8000, queues, Options{})
					chunks := make(chan []int16)
					said := noise(1, 8000*120)
					go func() {
						defer close(chunks)
						begun := time.Now()
						i := 0
						for chunk := range slices.Chunk(said, 160) {
							time.Sleep(time.Until(begun.Add(time.Duration(i) * c.every)))
							chunks <- chunk
							i++
						}
					}()
					u, err := s.Say(t.Context(), Frames(8000, chunks))
					require.NoError(t, err)
					require.NoError(t, u.Wait(t.Context()))
					var heard []int16
					for _, x := range f.samples() {
						if x != 0 {
							heard = append(heard, x)
						}
					}
					require.Equal(t, said, heard)
					queued, _ := f.numbers()
					assert.LessOrEqual(t, queued, 26)
					if !c.gaps {
						assert.Zero(t, s.Stats().Underruns)
					}
				})
			})
		}
	})
}

// Live audio whose clock is 1 % off: its delay stays what it was.
func TestLiveDrift(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	bothKinds(t, func(t *testing.T, queues bool) {
		for _, every := range []time.Duration{19800 * time.Microsecond, 20 * time.Millisecond, 20200 * time.Microsecond} {
			t.Run(every.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f, s := fakeStream(t, 8000, 8000, queues, Options{})
					frame := make([]int16, 160)
					begun := time.Now()
					n := int(5 * time.Minute / every)
					var sent []time.Time
					for i := range n {
						time.Sleep(time.Until(begun.Add(time.Duration(i) * every)))
						for k := range frame {
							frame[k] = int16(i%30000 + 1)
						}
						sent = append(sent, time.Now())
						require.NoError(t, s.WriteFrame(frame))
					}
					synctest.Wait()
					require.NoError(t, s.Close())
					var most time.Duration
					for _, h := range f.frames() {
						if h.pcm[0] == 0 || h.pcm[0] != h.pcm[159] {
							continue // Silence, or two frames blended.
						}
						i := int(h.pcm[0]) - 1
						at := int(h.time.Sub(begun)/every) / 30000 * 30000
						for _, k := range []int{at + i, at + i - 30000} {
							if k >= 0 && k < len(sent) && !sent[k].After(h.time) {
								most = max(most, h.time.Sub(sent[k]))
								break
							}
						}
					}
					assert.LessOrEqual(t, most, 120*time.Millisecond)
					drop := s.Stats().LiveDropped
					if every < frameTime && queues {
						assert.InDelta(t, n*160/100, drop, float64(n)*160*0.001, "as much as is too much")
					} else {
						assert.LessOrEqual(t, drop, int64(1600))
					}
					t.Logf("most %s, dropped %d of %d", most, drop, n*160)
				})
			})
		}
	})
}

// What goes wrong with a source is told by Wait, after what it gave has been heard.
func TestSourceFails(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 8000, 8000, queues, Options{})
		said := noise(1, 1000)
		broken := errors.New("the speech service is gone")
		r, w := io.Pipe()
		go func() {
			_, _ = w.Write(appendPCM(nil, said))
			_ = w.CloseWithError(broken)
		}()
		u, err := s.Say(t.Context(), PCM(r, 8000))
		require.NoError(t, err)
		require.ErrorIs(t, u.Wait(t.Context()), broken)
		assert.Equal(t, said, f.samples())
		// A context that ends stops it, and closes the source.
		r, w = io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		u, err = s.Say(ctx, PCM(r, 8000))
		require.NoError(t, err)
		cancel()
		require.ErrorIs(t, u.Wait(t.Context()), ErrStopped)
		synctest.Wait() // Until it is closed: meanwhile it may still be read.
		_, err = w.Write([]byte{1, 2})
		require.ErrorIs(t, err, io.ErrClosedPipe)
		_, err = s.Say(ctx, Silence(time.Second))
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestAmbient(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 8000, 8000, queues, Options{})
		require.NoError(t, s.SetAmbient(t.Context(), ComfortNoise(-50), 1))
		time.Sleep(time.Second)
		u, err := s.Say(t.Context(), Tone(8000, 300, -10, time.Second))
		require.NoError(t, err)
		begun := time.Now()
		time.Sleep(300 * time.Millisecond)
		u.Pause()
		time.Sleep(300 * time.Millisecond)
		u.Resume()
		require.NoError(t, u.Wait(t.Context()))
		assert.InDelta(t, 1.4, time.Since(begun).Seconds(), 0.15, "speech doesn't wait behind the background")
		require.NoError(t, s.SetAmbient(t.Context(), nil, 0))
		time.Sleep(time.Second)
		frames := f.frames()
		quiet := 0
		for _, h := range frames[5 : len(frames)-60] {
			if level(h.pcm) < -60 {
				quiet++
			}
		}
		assert.LessOrEqual(t, quiet, 6, "the background has no holes")
	})
}

// However much look-ahead is asked for, nothing is dropped by a full queue.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, s := fakeStream(t, 8000, 8000, true, Options{LookAhead: time.Minute})
		said := noise(1, 8000*40)
		u, err := s.Say(t.Context(), Samples(8000, said))
		require.NoError(t, err)
		require.NoError(t, u.Wait(t.Context()))
		assert.Equal(t, said, f.samples())
		most, dropped := f.numbers()
		assert.Zero(t, dropped)
		assert.LessOrEqual(t, most, 801)
		f.tell(legEvent{kind: legXOff})
		synctest.Wait()
		u, err = s.Say(t.Context(), Samples(8000, noise(2, 800)))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, u.Wait(ctx), context.DeadlineExceeded)
		f.tell(legEvent{kind: legXOn})
		require.NoError(t, u.Wait(t.Context()))
	})
}
