package media

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		f := newFakeAsterisk(16000, true)
		f.silent = true
		s := streamOn(t, f, 16000, Options{})
		u, err := s.Say(t.Context(), Samples(16000, noise(1, 32000)))
		require.NoError(t, err)
		time.Sleep(700 * time.Millisecond)
		h := u.Stop()
		assert.Equal(t, ByClock, h.By)
		assert.InDelta(t, 0.7, h.Duration.Seconds(), 0.041)
	})
}

// An Asterisk that forgets its marks doesn't bring a stream to a standstill.
func TestForgottenMarks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(8000, true)
		f.forget = true
		s := streamOn(t, f, 8000, Options{})
		said := noise(1, 80000)
		begun := time.Now()
		u, err := s.Say(t.Context(), Samples(8000, said))
		require.NoError(t, err)
		require.NoError(t, u.Wait(t.Context()))
		assert.Less(t, time.Since(begun), 40*time.Second)
		assert.Equal(t, ByClock, u.Heard().By)
		var heard []int16
		for _, x := range f.samples() {
			if x != 0 {
				heard = append(heard, x)
			}
		}
		assert.Equal(t, said, heard)
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
