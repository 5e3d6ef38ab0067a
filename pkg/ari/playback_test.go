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
	starts := ari.Subscribe[*ari.StasisStart](client)
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
		recording, err := r.ch.RecordWith(t.Context(), "message", "wav", ari.RecordOptions{MaxDuration: 20 * time.Second})
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
				client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
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

// A handler that hangs up, since something has failed, has failed.
func TestFailureBeforeOurOwnHangupIsReported(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context, ch *ari.Channel, client *ari.Client) error{
		"missing sound": func(ctx context.Context, ch *ari.Channel, _ *ari.Client) error {
			playback, err := ch.Play(ctx, "sound:no-such-sound")
			if err != nil {
				return err
			}
			return playback.Wait(ctx)
		},
		"unknown technology": func(ctx context.Context, _ *ari.Channel, client *ari.Client) error {
			_, err := client.ARI().Originate(ctx, ari.OriginateOptions{Endpoint: "NOSUCH/x"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := aritest.NewServer(t, aritest.InMemory())
				reported := make(chan error, 9)
				client := srv.Client(quietly, ari.WithErrorHandler(func(_ context.Context, err error) { reported <- err }))
				client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
					defer ev.Channel.Stop(ari.Cleanup(ctx))
					if err := ev.Channel.Answer(ctx); err != nil {
						return err
					}
					return fail(ctx, ev.Channel, client)
				})
				require.NoError(t, client.Connect(t.Context()))
				srv.Call("1000")
				time.Sleep(time.Minute)
				assert.Len(t, reported, 1)
			})
		})
	}
}

// What was typed while nothing could interrupt the media counts, even if the caller hangs up then.
func TestPromptWithoutBargeInCompleteWithTheHangup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		time.AfterFunc(time.Second, func() { r.call.SendDTMF("1234"); r.call.Hangup() })
		digits, err := r.ch.Prompt(t.Context(), ari.PromptOptions{MaxDigits: 4, NoBargeIn: true}, "sound:tt-monkeys")
		require.NoError(t, err)
		assert.Equal(t, "1234", digits)
		r.over(t)
	})
}

// A playback can't be stopped in the moment in which it begins.
func TestAbandonedPlaybackIsStoppedAtLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.srv.Faults().FailRequests("DELETE /playbacks/", 2, 500)
		r.srv.Faults().DelayRequests("POST /channels/", 1, time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		_, err := r.ch.Play(ctx, "sound:tt-monkeys") // 16 s
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(5 * time.Second)
		began := time.Now()
		beep, err := r.ch.Play(t.Context(), "sound:beep")
		require.NoError(t, err)
		require.NoError(t, beep.Wait(t.Context()))
		assert.Equal(t, 300*time.Millisecond, time.Since(began))
		r.over(t)
	})
}

func TestEndedContextSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		phone := r.srv.Endpoint("PJSIP/alice", aritest.Rings())
		rang := make(chan struct{}, 1)
		phone.OnCall(func(*aritest.Call) { rang <- struct{}{} })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := r.client.ARI().Originate(ctx, ari.OriginateOptions{Endpoint: "PJSIP/alice"})
		require.ErrorIs(t, err, context.Canceled)
		time.Sleep(time.Minute)
		assert.Empty(t, rang)
		r.over(t)
	})
}

// An older Asterisk answers with nothing where a bridge of that id exists. It isn't ours to destroy.
func TestAbandonedRequestSparesTheBridgeThatWasThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory(), aritest.WithVersion("16.28.0"))
		_, err := srv.Controller().CreateBridge(t.Context(), ari.CreateBridgeOptions{BridgeID: "conf"})
		require.NoError(t, err)
		srv.Faults().DelayRequests("POST /bridges/", 1, time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		_, err = srv.Controller().CreateBridge(ctx, ari.CreateBridgeOptions{BridgeID: "conf"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(time.Minute)
		assert.Len(t, srv.Bridges(), 1)
	})
}

// What an earlier program has made for its calls is adopted, but isn't a call.
func TestAdoptedMediaIsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		_, err := r.client.ARI().CreateExternalMedia(t.Context(), ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "ulaw"})
		require.NoError(t, err)
		_, err = r.ch.Snoop(t.Context(), ari.SnoopOptions{Spy: ari.SnoopDirectionBoth})
		require.NoError(t, err)
		require.NoError(t, r.client.Close(t.Context()))
		second := r.srv.Client(quietly, ari.WithAdoption())
		calls, all := make(chan string, 9), make(chan string, 9)
		second.OnCall(func(_ context.Context, ev *ari.StasisStart) error { calls <- ev.Channel.ID; return nil })
		ari.On(second, func(_ context.Context, ev *ari.StasisStart) error { all <- ev.Channel.ID; return nil })
		require.NoError(t, second.Connect(t.Context()))
		synctest.Wait()
		require.Len(t, calls, 1)
		assert.Equal(t, r.ch.ID, <-calls)
		assert.Len(t, all, 3)
	})
}
