package media_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/media"
	"github.com/ari-go/ari/test/voice"
)

// Stopped in the middle, an utterance ends within a few frames, and what Stop says was heard is, to the sample, what the caller has heard. Nothing
// of it comes after the next one has begun.
func TestSimulatedStop(t *testing.T) {
	t.Parallel()
	type stop struct {
		heard media.Heard
		at    time.Time
	}
	said, next := loudNoise(7, 8000*10), loudNoise(8, 1600)
	stops := make(chan stop, 3)
	app := func(ctx context.Context, s *media.Stream) error {
		u, err := s.Say(ctx, media.Samples(8000, said))
		if err != nil {
			return err
		}
		time.Sleep(1234 * time.Millisecond)
		stops <- stop{u.Stop(), time.Now()}
		u, err = s.Say(ctx, media.Samples(8000, next))
		if err != nil {
			return err
		}
		return u.Wait(ctx)
	}
	onSimulator(t, "slin", media.Options{Rate: 8000, Format: "slin", Fade: -1}, app, func(t *testing.T, _ *aritest.Server, call *aritest.Call) {
		ear := call.Listen()
		require.NoError(t, call.WaitEnded(t.Context()))
		st := <-stops
		var heard []int16
		for _, f := range ear.Frames() {
			if heard = append(heard, f.Samples...); len(heard) <= int(st.heard.Samples) {
				assert.Less(t, f.Time.Sub(st.at), 25*time.Millisecond)
			}
		}
		heard = slices.DeleteFunc(heard, func(x int16) bool { return x == 0 })
		n := int(st.heard.Samples)
		require.Greater(t, n, 8000)
		require.Len(t, heard, n+len(next))
		assert.Equal(t, said[:n], heard[:n])
		assert.Equal(t, next, heard[n:])
	})
}

// The caller speaks over an utterance: it stops, and the program is told how much of it was heard. On simulated and real Asterisks alike.
func TestUserBargeIn(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, func(t *testing.T, l *voice.Line) {
		interruptions := make(chan media.Interruption, 1)
		l.Client(t, "barge").OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
			defer ev.Channel.Stop(ari.Cleanup(ctx))
			if err := ev.Channel.Answer(ctx); err != nil {
				return err
			}
			s, err := media.Open(ctx, ev.Channel, media.Options{})
			if err != nil {
				return err
			}
			defer s.Close()
			s.BargeIn(media.BargeInOptions{}, nil, func(i media.Interruption) { interruptions <- i })
			if _, err := s.Say(ctx, media.Tone(16000, 500, -12, 0)); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		})
		_, phone := l.Dial(t, "barge", media.Options{})
		require.NoError(t, phone.SetAmbient(t.Context(), media.ComfortNoise(-65), 1)) // A telephone sends all the time.
		loud := 0
		for loud < 50 { // For a second the caller listens.
			f, err := phone.ReadFrame(t.Context())
			require.NoError(t, err)
			if f.Level > -25 {
				loud++
			}
		}
		_, err := phone.Say(t.Context(), media.Tone(16000, 300, -14, time.Second))
		require.NoError(t, err)
		i := <-interruptions
		assert.Greater(t, i.Heard.Duration, time.Second)
		silent := 0
		for silent < 25 { // Nothing comes any more, or silence does.
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			f, err := phone.ReadFrame(ctx)
			cancel()
			if err != nil {
				require.NoError(t, phone.Err())
				break
			}
			if silent++; f.Level > -25 {
				silent = 0
				assert.Less(t, i.Heard.Duration, 30*time.Second)
			}
		}
	})
}
