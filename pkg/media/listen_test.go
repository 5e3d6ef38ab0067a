package media

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
		synctest.Wait()
		assert.Empty(t, in)
		speak(Tone(16000, 250, -20, 0), 20)
		speak(Silence(time.Minute), 50)
		synctest.Wait()
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
		synctest.Wait()
		assert.Equal(t, []string{"started at 0", "paused at 6400", "ended at 6400"}, turns)
	})
}
