package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// both runs a test in virtual time on both kinds of legs.
func both(t *testing.T, test func(t *testing.T, queues bool)) {
	t.Helper()
	bothKinds(t, func(t *testing.T, queues bool) {
		synctest.Test(t, func(t *testing.T) { test(t, queues) })
	})
}

// bothKinds runs a test on both kinds of legs.
func bothKinds(t *testing.T, test func(t *testing.T, queues bool)) {
	t.Helper()
	t.Parallel()
	for _, queues := range []bool{true, false} {
		t.Run(fmt.Sprintf("queue %v", queues), func(t *testing.T) {
			t.Parallel()
			test(t, queues)
		})
	}
}

func TestSay(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 16000, 16000, queues, Options{})
		first, second := noise(1, 16000+123), noise(2, 8000)
		begun := time.Now()
		u1, err := s.Say(t.Context(), Samples(16000, first))
		require.NoError(t, err)
		u2, err := s.Say(t.Context(), Samples(16000, second))
		require.NoError(t, err)
		assert.Len(t, s.Saying(), 2)
		var marked []time.Duration
		for _, at := range []time.Duration{0, 500 * time.Millisecond, time.Second} {
			u1.Mark(at, func() { marked = append(marked, time.Since(begun)) })
		}
		u1.Mark(time.Hour, func() { t.Error("a mark beyond the end") })
		require.NoError(t, u1.Wait(t.Context()))
		assert.InDelta(t, 1.03, time.Since(begun).Seconds(), 0.07)
		require.NoError(t, u2.Wait(t.Context()))
		assert.InDelta(t, 1.53, time.Since(begun).Seconds(), 0.07)
		synctest.Wait()
		// One follows the other without a gap, and nothing is lost.
		assert.Equal(t, slices.Concat(first, second), f.samples())
		assert.Equal(t, int64(len(first)), u1.Heard().Samples)
		require.Len(t, marked, 3)
		assert.InDelta(t, 0.5, marked[1].Seconds(), 0.06)
		assert.InDelta(t, 1.0, marked[2].Seconds(), 0.06)
		assert.Zero(t, s.Stats().Underruns)
		u1.Mark(0, func() { marked = append(marked, 0) })
		synctest.Wait()
		assert.Len(t, marked, 4, "a mark at what has been heard")
		assert.Empty(t, s.Saying())
	})
}

// Utterances of any length, also of none, follow each other.
func TestShortUtterances(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 8000, 8000, queues, Options{})
		var all []int16
		var last *Utterance
		for i, n := range []int{0, 1, 159, 0, 160, 161, 7, 7, 7, 0, 320} {
			pcm := noise(uint32(i+1), n)
			all = append(all, pcm...)
			u, err := s.Say(t.Context(), Samples(8000, pcm))
			require.NoError(t, err)
			last = u
		}
		require.NoError(t, last.Wait(t.Context()))
		var heard []int16
		for _, x := range f.samples() {
			if x != 0 { // Not more than two share a frame.
				heard = append(heard, x)
			}
		}
		assert.Equal(t, all, heard)
	})
}

func TestStop(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, 5))
			f, s := fakeStream(t, 16000, 16000, queues, Options{})
			said, next := noise(uint32(seed)*2+1, 32000), noise(uint32(seed)*2+2, 4000)
			u, err := s.Say(t.Context(), Samples(16000, said))
			require.NoError(t, err)
			behind, err := s.Say(t.Context(), Samples(16000, next))
			require.NoError(t, err)
			time.Sleep(time.Duration(r.IntN(1900)) * time.Millisecond)
			h := u.Stop()
			assert.Equal(t, h, u.Stop(), "stopped twice")
			require.ErrorIs(t, u.Wait(t.Context()), ErrStopped)
			require.NoError(t, behind.Wait(t.Context()))
			heard := f.samples()
			n := len(heard) - len(next)
			require.Equal(t, next, heard[n:], "what waited behind it is heard whole")
			for n > 0 && heard[n-1] == 0 {
				n--
			}
			exact := min(int(h.Samples)-80, n)
			if exact > 0 {
				require.Equal(t, said[:exact], heard[:exact])
			}
			assert.InDelta(t, h.Samples, n, 2, "%+v", h)
			if queues {
				assert.Contains(t, []Evidence{ByStatus, ByMark}, h.By)
			}
			require.NoError(t, s.Close())
		}
	})
}

func TestPauseAndResume(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 16000, 16000, queues, Options{Fade: -1})
		said := noise(1, 32000)
		u, err := s.Say(t.Context(), Samples(16000, said))
		require.NoError(t, err)
		r := rand.New(rand.NewPCG(5, 5))
		for range 8 {
			time.Sleep(time.Duration(r.IntN(250)) * time.Millisecond)
			h := u.Pause()
			time.Sleep(time.Duration(r.IntN(500)) * time.Millisecond)
			assert.Equal(t, h.Samples, u.Pause().Samples, "paused twice")
			u.Resume()
			if r.IntN(2) == 0 {
				u.Resume()
			}
		}
		require.NoError(t, u.Wait(t.Context()))
		var heard []int16
		for _, x := range f.samples() {
			if x != 0 {
				heard = append(heard, x)
			}
		}
		assert.Equal(t, said, heard, "without fades it is the same, to the sample")
	})
}

// A pause holds what waits behind it; a stop in the pause ends it.
func TestStopWhilePaused(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 16000, 16000, queues, Options{})
		u, err := s.Say(t.Context(), Samples(16000, noise(1, 32000)))
		require.NoError(t, err)
		next := noise(2, 1600)
		behind, err := s.Say(t.Context(), Samples(16000, next))
		require.NoError(t, err)
		time.Sleep(300 * time.Millisecond)
		paused := u.Pause()
		time.Sleep(10 * time.Second)
		select {
		case <-behind.Done():
			t.Fatal("it didn't wait")
		default:
		}
		stopped := u.Stop()
		assert.InDelta(t, paused.Samples, stopped.Samples, 80)
		require.NoError(t, behind.Wait(t.Context()))
		heard := f.samples()
		assert.Equal(t, next, heard[len(heard)-len(next):])
	})
}

// Stop and Pause leave no click: no step is larger than the sound's own.
func TestNoClick(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 16000, 16000, queues, Options{})
		u, err := s.Say(t.Context(), Tone(16000, 200, -6, 0))
		require.NoError(t, err)
		for i := range 10 {
			time.Sleep(time.Duration(100+13*i) * time.Millisecond)
			u.Pause()
			time.Sleep(100 * time.Millisecond)
			u.Resume()
		}
		time.Sleep(99 * time.Millisecond)
		u.Stop()
		time.Sleep(100 * time.Millisecond)
		heard := f.samples()
		most := 0
		for i := 1; i < len(heard); i++ {
			most = max(most, abs(int(heard[i])-int(heard[i-1])))
		}
		// 200 Hz at half of full scale moves by 1,286 a sample at most; the fade adds up to 1/80 of the amplitude.
		assert.Less(t, most, 1600)
	})
}

func abs(x int) int { return max(x, -x) }

func TestReplaceAndStopAll(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 16000, 16000, queues, Options{})
		var old []*Utterance
		for i := range 3 {
			u, err := s.Say(t.Context(), Samples(16000, noise(uint32(i+1), 16000)))
			require.NoError(t, err)
			old = append(old, u)
		}
		time.Sleep(1500 * time.Millisecond)
		next := noise(9, 3200)
		u, err := s.SayWith(t.Context(), Samples(16000, next), SayOptions{Replace: true})
		require.NoError(t, err)
		require.NoError(t, u.Wait(t.Context()))
		require.NoError(t, old[0].Wait(t.Context()))
		require.ErrorIs(t, old[1].Wait(t.Context()), ErrStopped)
		require.ErrorIs(t, old[2].Wait(t.Context()), ErrStopped)
		assert.Zero(t, old[2].Heard().Samples)
		heard := f.samples()
		assert.Equal(t, next, heard[len(heard)-len(next):])
		assert.InDelta(t, 1.7, float64(len(heard))/16000, 0.1)
		assert.Zero(t, s.Stop().Samples, "nothing is being said")
	})
}

// Where Asterisk doesn't say what is in its queue, the clock does.
func TestStopWithoutAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, s := fakeStream(t, 16000, 16000, true, Options{})
		f.silent = true
		u, err := s.Say(t.Context(), Samples(16000, noise(1, 32000)))
		require.NoError(t, err)
		time.Sleep(700 * time.Millisecond)
		h := u.Stop()
		assert.Equal(t, ByClock, h.By)
		assert.InDelta(t, 0.7, h.Duration.Seconds(), 0.041)
	})
}

// An Asterisk that knows no marks is asked for its queue.
func TestWithoutMarks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(16000, true)
		f.canMark = false
		s := streamOn(t, f, 16000, Options{})
		said := noise(1, 16000)
		begun := time.Now()
		u, err := s.Say(t.Context(), Samples(16000, said))
		require.NoError(t, err)
		require.NoError(t, u.Wait(t.Context()))
		assert.InDelta(t, 1.0, time.Since(begun).Seconds(), 0.08)
		assert.Equal(t, said, f.samples())
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
		assert.Zero(t, f.dropped)
		assert.LessOrEqual(t, f.most, 801)
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
					assert.LessOrEqual(t, f.most, 26)
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
					n := int(15 * time.Minute / every)
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
					for _, h := range f.heard {
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
					if every < frameTime {
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
		_, err = w.Write([]byte{1, 2})
		require.ErrorIs(t, err, io.ErrClosedPipe)
		_, err = s.Say(ctx, Silence(time.Second))
		require.ErrorIs(t, err, context.Canceled)
	})
}

// The stream's end ends all that waits.
func TestStreamEnds(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 8000, 16000, queues, Options{})
		u, err := s.Say(t.Context(), Tone(8000, 440, -10, 0))
		require.NoError(t, err)
		failed := make(chan error, 1)
		go func() {
			_, err := s.ReadFrame(t.Context())
			failed <- err
		}()
		time.Sleep(time.Second)
		f.say <- legReply{err: errors.New("connection reset")}
		require.ErrorIs(t, u.Wait(t.Context()), ErrMediaLost)
		require.ErrorIs(t, <-failed, ErrMediaLost)
		require.ErrorIs(t, s.Err(), ErrMediaLost)
		<-s.Done()
		require.NoError(t, s.Close())
		_, err = s.Say(t.Context(), Silence(time.Second))
		require.ErrorIs(t, err, ErrMediaLost)
		require.ErrorIs(t, s.WriteFrame(make([]int16, 320)), ErrMediaLost)
		assert.Positive(t, u.Heard().Samples)
		u.Stop()
		u.Pause()
		u.Resume()
	})
}

// A write that never returns ends this stream after a while, and no other.
func TestStuckWrite(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 8000, 8000, queues, Options{})
		other := newFakeAsterisk(8000, queues)
		s2 := streamOn(t, other, 8000, Options{})
		f.mu.Lock()
		f.stuck = make(chan struct{})
		f.mu.Unlock()
		begun := time.Now()
		u, err := s.Say(t.Context(), Tone(8000, 440, -10, 0))
		require.NoError(t, err)
		said := noise(1, 8000)
		u2, err := s2.Say(t.Context(), Samples(8000, said))
		require.NoError(t, err)
		require.NoError(t, u2.Wait(t.Context()))
		assert.Equal(t, said, other.samples())
		require.ErrorIs(t, u.Wait(t.Context()), ErrMediaLost)
		assert.InDelta(t, 3.0, time.Since(begun).Seconds(), 0.2)
	})
}

func TestListen(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 8000, 16000, queues, Options{History: time.Second})
		l := s.Listen()
		tone := make([]int16, 8000*5)
		src := Tone(8000, 440, -10, 0)
		_, err := src.ReadSamples(t.Context(), tone)
		require.NoError(t, err)
		var at int64
		for chunk := range slices.Chunk(tone, 100) {
			f.say <- legReply{pcm: chunk}
			synctest.Wait()
			if s.Stats().FramesIn*320 > at {
				fr, err := l.ReadFrame(t.Context())
				require.NoError(t, err)
				assert.Equal(t, at, fr.Position)
				assert.Len(t, fr.PCM, 320)
				if at > 1000 {
					assert.InDelta(t, -13, fr.Level, 0.5)
				}
				at += 320
			}
		}
		assert.Equal(t, int64(5*16000), at)
		assert.Zero(t, l.Missed())
		// The other one has slept: it gets what is still there.
		fr, err := s.ReadFrame(t.Context())
		require.NoError(t, err)
		assert.Equal(t, at-49*320, fr.Position)
		assert.Equal(t, int64(250-49), s.Stats().Missed)
		assert.Len(t, s.Last(200*time.Millisecond), 3200)
		assert.Len(t, s.Last(time.Hour), 49*320)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = l.ReadFrame(ctx)
		require.ErrorIs(t, err, context.Canceled)
		l.Close()
		_, err = l.ReadFrame(t.Context())
		require.ErrorIs(t, err, ErrClosed)
		r := s.Reader(t.Context())
		f.say <- legReply{pcm: tone[:320]}
		raw := make([]byte, 100)
		_, err = io.ReadFull(r, raw)
		require.NoError(t, err)
	})
}

// The functions that are called may call the stream's, even Close.
func TestCallbacks(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 8000, 8000, queues, Options{})
		var keys []byte
		closed := make(chan struct{})
		s.OnDigit(func(d Digit) {
			keys = append(keys, d.Key)
			if d.Key == '#' {
				assert.NoError(t, s.Close())
				close(closed)
			}
		})
		for _, key := range "12#" {
			f.say <- legReply{ev: legEvent{kind: legDigit, digit: byte(key)}}
		}
		<-closed
		assert.Equal(t, "12#", string(keys))
		assert.Equal(t, int64(3), s.Stats().Digits)
	})
}

// A caller who speaks silences what is said, and the program is told how much of it was heard.
func TestBargeIn(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 16000, 16000, queues, Options{})
		var turns []TurnKind
		var in []Interruption
		s.BargeIn(BargeInOptions{}, func(turn Turn) { turns = append(turns, turn.Kind) }, func(i Interruption) { in = append(in, i) })
		u, err := s.Say(t.Context(), Tone(16000, 300, -10, 0))
		require.NoError(t, err)
		behind, err := s.Say(t.Context(), Tone(16000, 300, -10, 0))
		require.NoError(t, err)
		speak := func(src Source, frames int) {
			for range frames {
				pcm := make([]int16, 320)
				_, _ = src.ReadSamples(t.Context(), pcm)
				f.say <- legReply{pcm: pcm}
				time.Sleep(frameTime)
			}
		}
		speak(Silence(time.Minute), 50)
		assert.Empty(t, in)
		speak(Tone(16000, 250, -20, 0), 20)
		speak(Silence(time.Minute), 50)
		require.Len(t, in, 1)
		assert.Same(t, u, in[0].Utterance)
		assert.InDelta(t, 1.1, in[0].Heard.Duration.Seconds(), 0.06)
		assert.InDelta(t, 16000, in[0].Turn.At, 640)
		assert.Equal(t, []TurnKind{TurnStarted, TurnPaused, TurnEnded}, turns)
		require.ErrorIs(t, u.Wait(t.Context()), ErrStopped)
		require.ErrorIs(t, behind.Wait(t.Context()), ErrStopped)
		assert.Equal(t, int64(1), s.Stats().Interruptions)
		assert.InDelta(t, 1.12, float64(len(f.samples()))/16000, 0.06)
	})
}

// A caller from whom nothing more comes has finished.
func TestTurnWithoutFrames(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 16000, 16000, queues, Options{})
		var turns []string
		begun := time.Now()
		s.OnTurn(TurnOptions{}, func(turn Turn) {
			turns = append(turns, fmt.Sprintf("%s at %d", turn.Kind, turn.At))
			if turn.Kind == TurnEnded {
				assert.InDelta(t, 0.4+0.8+0.06, time.Since(begun).Seconds(), 0.041)
			}
		})
		src := Tone(16000, 250, -20, 0)
		for range 20 {
			pcm := make([]int16, 320)
			_, _ = src.ReadSamples(t.Context(), pcm)
			f.say <- legReply{pcm: pcm}
			time.Sleep(frameTime)
		}
		time.Sleep(5 * time.Second)
		assert.Equal(t, []string{"started at 0", "paused at 6400", "ended at 6400"}, turns)
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
		f.mu.Lock()
		n := len(f.heard)
		f.mu.Unlock()
		quiet := 0
		for _, h := range f.heard[5 : n-60] {
			if level(h.pcm) < -60 {
				quiet++
			}
		}
		assert.LessOrEqual(t, quiet, 6, "the background has no holes")
	})
}

func TestChoose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version string
		in      Options
		want    string
	}{
		{"22.10.1", Options{}, "websocket slin16"},
		{"22.6.0", Options{Rate: 48000}, "websocket slin48"},
		{"22.10.1", Options{}, "narrow websocket slin"},
		{"22.10.1", Options{Transport: AudioSocket}, "narrow audiosocket slin"},
		{"16.28.0", Options{}, "narrow rtp ulaw"},
		{"22.10.1", Options{Format: "slin16"}, "narrow websocket slin16"},
		{"22.5.0", Options{}, "audiosocket slin"},
		{"22.7.0", Options{Transport: AudioSocket, Rate: 24000}, "audiosocket slin24"},
		{"21.11.0", Options{}, "websocket slin16"},
		{"21.10.0", Options{}, "audiosocket slin"},
		{"20.15.0", Options{}, "audiosocket slin"},
		{"20.16.0", Options{}, "websocket slin16"},
		{"19.0.0", Options{}, "audiosocket slin"},
		{"24.0.0", Options{}, "websocket slin16"},
		{"16.28.0", Options{}, "rtp g722"},
		{"16.28.0", Options{Rate: 8000}, "rtp ulaw"},
		{"16.28.0", Options{Transport: AudioSocket}, "media: not supported"},
		{"16.28.0", Options{Transport: WebSocket}, "media: not supported"},
		{"22.10.1", Options{Transport: RTP, Format: "slin16"}, "media: not supported"},
		{"22.10.1", Options{Transport: AudioSocket, Format: "ulaw"}, "media: not supported"},
		{"22.6.0", Options{Transport: AudioSocket, Format: "slin16"}, "media: not supported"},
		{"22.10.1", Options{Format: "opus"}, "media: a format that can't be coded here"},
		{"22.10.1", Options{Transport: "carrier pigeon"}, "media: not supported"},
		{"22.10.1", Options{Rate: 44100}, "media: not supported"},
	} {
		v, err := ari.ParseVersion(c.version)
		require.NoError(t, err)
		o, err := c.in.withDefaults()
		if err == nil {
			o, err = o.choose(v, strings.HasPrefix(c.want, "narrow "))
		}
		if err != nil {
			assert.ErrorContains(t, err, c.want, c.version)
			continue
		}
		assert.Equal(t, strings.TrimPrefix(c.want, "narrow "), string(o.Transport)+" "+o.Format, "%s %+v", c.version, c.in)
	}
}
