package bot

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/media"
	"github.com/ari-go/ari/test/voice"
)

// caller is somebody who speaks in tones with the bot.
type caller struct {
	t     *testing.T
	phone *media.Stream
}

func newCaller(t *testing.T, l *voice.Line, human string) *caller {
	t.Helper()
	host, client := l.Serve(t, new(StandIn))
	b := &Bot{Service: Service{URL: "ws://" + host, HTTPClient: client}, Human: human}
	l.Client(t, "bot").OnCall(func(ctx context.Context, ev *ari.StasisStart) error { return b.Call(ctx, ev.Channel) })
	_, phone := l.Dial(t, "bot", media.Options{})
	require.NoError(t, phone.SetAmbient(t.Context(), media.ComfortNoise(-65), 1)) // A telephone sends all the time.
	c := &caller{t, phone}
	c.hear(400)
	c.hearNothing()
	return c
}

func (c *caller) say(frequency float64, d time.Duration) {
	c.t.Helper()
	said, err := c.phone.Say(c.t.Context(), media.Tone(16000, frequency, -14, d))
	require.NoError(c.t, err)
	require.NoError(c.t, said.Wait(c.t.Context()))
}

// hear waits for a tone.
func (c *caller) hear(frequency float64) { hear(c.t, c.phone, frequency) }

func hear(t *testing.T, s *media.Stream, frequency float64) {
	t.Helper()
	for f, err := range s.Listen().Frames(t.Context()) {
		require.NoError(t, err)
		if f.Level < -40 {
			continue
		}
		pcm := make([]float64, len(f.PCM))
		for i, x := range f.PCM {
			pcm[i] = float64(x)
		}
		if got := pitch(pcm) * float64(s.Rate()) / Rate; got > frequency-51 && got < frequency+51 {
			return
		}
	}
}

// hearNothing waits until all has been silent for half a second.
func (c *caller) hearNothing() {
	c.t.Helper()
	silent := c.phone.Rate() / 2
	for silent > 0 {
		ctx, cancel := context.WithTimeout(c.t.Context(), 500*time.Millisecond)
		f, err := c.phone.ReadFrame(ctx)
		cancel()
		if err != nil {
			require.NoError(c.t, c.phone.Err())
			return // Nothing at all came.
		}
		if silent -= len(f.PCM); f.Level > -40 {
			silent = c.phone.Rate() / 2
		}
	}
}

// The bot answers with the caller's own tone, a third higher.
func TestAnswer(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, func(t *testing.T, l *voice.Line) {
		c := newCaller(t, l, "")
		c.say(300, time.Second)
		c.hear(378)
	})
}

// The caller wishes for a human: that one is called, the two hear each other, and when the human hangs up the call is over.
func TestTransfer(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, func(t *testing.T, l *voice.Line) {
		done := make(chan struct{})
		l.Client(t, "human").OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
			defer close(done)
			defer ev.Channel.Stop(ari.Cleanup(ctx))
			if err := ev.Channel.Answer(ctx); err != nil {
				return err
			}
			s, err := media.Open(ctx, ev.Channel, media.Options{})
			if err != nil {
				return err
			}
			defer s.Close()
			u, err := s.Say(ctx, media.Tone(16000, 700, -14, 0))
			if err != nil {
				return err
			}
			hear(t, s, 250)
			u.Stop()
			return nil
		})
		c := newCaller(t, l, "Local/app-human@default")
		c.say(1700, time.Second)
		c.hear(700)
		_, err := c.phone.Say(t.Context(), media.Tone(16000, 250, -14, 0)) // For as long as the human listens.
		require.NoError(t, err)
		<-done
		<-c.phone.Done()
	})
}

// Nobody is there: the caller stays with the bot.
func TestTransferToNobody(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, func(t *testing.T, l *voice.Line) {
		c := newCaller(t, l, "Local/nobody@default")
		c.say(1700, time.Second)
		c.hear(900) // It says that it will connect.
		c.hear(500) // What it says when it is asked to answer.
		c.hearNothing()
		c.say(300, time.Second)
		c.hear(378)
		assert.NoError(t, c.phone.Err())
	})
}
