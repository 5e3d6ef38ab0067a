package ari_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

var quietly = ari.WithLogger(slog.New(slog.DiscardHandler))

// A rig is a simulated Asterisk, a client, and a call that is in the client's application and answered.
type rig struct {
	srv    *aritest.Server
	client *ari.Client
	call   *aritest.Call
	ch     *ari.Channel
}

// newRig makes a rig within a bubble.
func newRig(t *testing.T) *rig {
	t.Helper()
	srv := aritest.NewServer(t, aritest.InMemory())
	srv.Sound("welcome", 1500*time.Millisecond)
	srv.Sound("beep", 300*time.Millisecond)
	srv.Sound("tt-monkeys", 16*time.Second)
	client := srv.Client(quietly)
	require.NoError(t, client.Connect(t.Context()))
	starts := ari.Subscribe[*ari.StasisStart](client, client)
	defer starts.Close()
	call := srv.Call("1000", aritest.Answered())
	ev, err := starts.Next(t.Context())
	require.NoError(t, err)
	return &rig{srv, client, call, ev.Channel}
}

// over ends the call and makes sure that nothing of it is left.
func (r *rig) over(t *testing.T) {
	t.Helper()
	r.call.Hangup()
	require.NoError(t, r.srv.WaitIdle(t.Context()))
	synctest.Wait()
	assert.Zero(t, r.client.Stats().Listeners)
}

// Asterisk gives some media up without a word.
func TestPlaybackWhoseEndIsNotTold(t *testing.T) {
	for _, media := range []string{"recording:none", "nonsense:1"} {
		t.Run(media, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				began := time.Now()
				playback, err := r.ch.Play(t.Context(), media)
				require.NoError(t, err)
				err = playback.Wait(t.Context())
				require.ErrorIs(t, err, ari.ErrPlaybackFailed)
				assert.Contains(t, err.Error(), media)
				assert.Equal(t, time.Second, time.Since(began))
				require.ErrorIs(t, playback.Wait(t.Context()), ari.ErrPlaybackFailed) // However late.
				assert.Equal(t, time.Second, time.Since(began))
				assert.Zero(t, r.client.Stats().Listeners)
				r.over(t)
			})
		})
	}
}

// While it waits behind others or plays, it isn't over.
func TestPlaybackOfARecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		recording, err := r.ch.Record(t.Context(), "message", "wav", ari.RecordOptions{MaxDuration: 20 * time.Second})
		require.NoError(t, err)
		_, err = recording.Wait(t.Context())
		require.NoError(t, err)
		began := time.Now()
		r.srv.Sound("news", 18*time.Second)
		_, err = r.ch.Play(t.Context(), "sound:news")
		require.NoError(t, err)
		playback, err := r.ch.Play(t.Context(), "recording:message")
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.ErrorIs(t, playback.Wait(ctx), context.DeadlineExceeded)
		assert.Equal(t, 10*time.Second, time.Since(began))
		require.NoError(t, playback.Wait(t.Context()))
		assert.Equal(t, 38*time.Second, time.Since(began))
		r.over(t)
	})
}

// Callers hang up whenever they like. To a program that is no failure, whatever its handler was at.
func TestHangupIsNoFailure(t *testing.T) {
	for name, after := range map[string]time.Duration{"before the answer": 0, "during the greeting": time.Second, "at its end": 1460 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := aritest.NewServer(t, aritest.InMemory())
				client := srv.Client(quietly, ari.WithErrorHandler(func(_ context.Context, err error) { t.Error(err) }))
				client.OnStasisStart(func(ctx context.Context, ev *ari.StasisStart) error {
					if err := ev.Channel.Answer(ctx); err != nil {
						return err
					}
					greeting, err := ev.Channel.Play(ctx, "sound:hello-world")
					if err != nil {
						return err
					}
					if err := greeting.Wait(ctx); err != nil {
						return err
					}
					return ev.Channel.Stop(ctx)
				})
				require.NoError(t, client.Connect(t.Context()))
				call := srv.Call("1000")
				time.Sleep(after)
				call.Hangup()
				require.NoError(t, srv.WaitIdle(t.Context()))
				time.Sleep(time.Minute)
			})
		})
	}
}
