package ivr_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ivr"
	"github.com/ari-go/ari/test/asterisk"
	"github.com/ari-go/ari/test/asterisk/rtp"
	"github.com/ari-go/ari/test/asterisk/sipp"
)

// A real is an application on a real Asterisk.
type real struct {
	*testing.T

	inst   *asterisk.Instance
	client *ari.Client
	ctx    context.Context
}

// onAsterisk runs a test on a real Asterisk of each version, and fails when something is left over there.
func onAsterisk(t *testing.T, test func(r *real)) {
	t.Helper()
	asterisk.Each(t, func(t *testing.T, version string) {
		inst := asterisk.Start(t, asterisk.Options{Version: version, Own: true, WriteTimeout: 2 * time.Second})
		client, err := ari.NewClient(inst.URL, "hello", ari.WithBasicAuth(inst.Username, inst.Password), ari.WithLogger(slog.New(slog.DiscardHandler)))
		require.NoError(t, err)
		require.NoError(t, client.Connect(t.Context()))
		t.Cleanup(func() { client.Close(ari.Cleanup(context.Background())) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r := &real{t, inst, client, ctx}
		test(r)
		require.NoError(t, r.idle())
	})
}

// idle waits until there is no channel and no bridge.
func (r *real) idle() error {
	for {
		channels, err := r.client.ARI().Channels(r.ctx)
		if err != nil {
			return err
		}
		bridges, err := r.client.ARI().Bridges(r.ctx)
		if err != nil {
			return err
		}
		if len(channels)+len(bridges) == 0 {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-r.ctx.Done():
			return errors.New("something is left over: " + channels[0].Name)
		}
	}
}

// A telephoned is what came of a script.
type telephoned[R any] struct {
	res R
	err error
}

// script runs a script for the next call.
func script[R any](r *real, run func(ctx context.Context, caller *ari.Channel) (R, error)) <-chan telephoned[R] {
	done := make(chan telephoned[R], 1)
	var stop func()
	stop = r.client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		stop()
		defer call.Channel.Stop(ari.Cleanup(ctx))
		res, err := run(ctx, call.Channel)
		done <- telephoned[R]{res, err}
		return err
	})
	return done
}

// phone is a telephone, and its first call.
func (r *real) phone(name string, ring time.Duration) func() *sipp.Call {
	run := sipp.Answer(r, r.inst, sipp.AnswerOptions{Phone: name, Ring: ring, Sound: rtp.Tone(440, time.Second)})
	return func() *sipp.Call { return must(run.Call(r.ctx))(r) }
}

func must[V any](v V, err error) func(r *real) V {
	return func(r *real) V {
		r.Helper()
		require.NoError(r, err)
		return v
	}
}

// call is somebody who calls, and his call.
func (r *real) call() *sipp.Call {
	run := sipp.Place(r, r.inst, sipp.CallOptions{To: "1000", Sound: rtp.Tone(600, time.Second)})
	return must(run.Call(r.ctx))(r)
}

func TestAsteriskDial(t *testing.T) {
	onAsterisk(t, func(r *real) {
		for _, opts := range []ivr.DialOptions{
			{Targets: ivr.Endpoints("PJSIP/alice", "PJSIP/bob", "PJSIP/nobody"), Headers: map[string]string{"X-Test": "1"}},
			{Targets: ivr.Endpoints("PJSIP/alice"), EarlyMedia: true},
		} {
			done := script(r, func(ctx context.Context, caller *ari.Channel) (*ivr.DialResult, error) {
				return ivr.Dial(ctx, caller, opts)
			})
			alice := r.phone("alice", -1)
			var bob func() *sipp.Call
			if len(opts.Targets) > 1 {
				bob = r.phone("bob", -1)
			}
			caller := r.call()
			called := alice()
			require.NoError(r, called.Await(r.ctx, "invited"))
			require.NoError(r, caller.Await(r.ctx, "ringing"))
			require.NoError(r, called.Answer(r.ctx))
			require.NoError(r, caller.Await(r.ctx, "answered"))
			if bob != nil {
				require.NoError(r, bob().Await(r.ctx, "cancelled"))
			}
			media := must(caller.Media(r.ctx))(r)
			require.NoError(r, media.AwaitSound(r.ctx))
			require.NoError(r, called.Hangup(r.ctx))
			got := <-done
			require.NoError(r, got.err)
			require.Equal(r, ivr.PeerHungUp, got.res.Bridge.Outcome)
			require.True(r, got.res.Winner.Rang)
			if bob != nil {
				require.Equal(r, []ivr.Outcome{ivr.Answered, ivr.Elsewhere, ivr.Unreachable}, outcomes(got.res))
			}
			require.NoError(r, caller.Await(r.ctx, "bye"))
			require.NoError(r, r.idle())
		}
	})
}

// The caller gives up while it rings; ctx ends then; the one who is called hangs up; ctx ends while they talk.
func TestAsteriskDialEnds(t *testing.T) {
	onAsterisk(t, func(r *real) {
		for name, tt := range map[string]struct {
			talking bool
			end     func(caller, called *sipp.Call, cancel func()) error
			outcome ivr.Outcome
		}{
			"caller while it rings": {false, func(caller, _ *sipp.Call, _ func()) error { return caller.Cancel(r.ctx) }, ivr.HungUp},
			"ctx while it rings":    {false, func(_, _ *sipp.Call, cancel func()) error { cancel(); return nil }, ivr.Canceled},
			"refused":               {false, func(_, called *sipp.Call, _ func()) error { return called.Refuse(r.ctx, 486) }, ivr.Busy},
			"caller":                {true, func(caller, _ *sipp.Call, _ func()) error { return caller.Hangup(r.ctx) }, ivr.HungUp},
			"ctx":                   {true, func(_, _ *sipp.Call, cancel func()) error { cancel(); return nil }, ivr.Canceled},
		} {
			ctx, cancel := context.WithCancel(r.ctx)
			done := script(r, func(handler context.Context, caller *ari.Channel) (*ivr.DialResult, error) {
				both, stop := context.WithCancelCause(handler)
				defer stop(nil)
				defer context.AfterFunc(ctx, func() { stop(context.Canceled) })()
				return ivr.Dial(both, caller, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice")})
			})
			alice := r.phone("alice", -1)
			caller := r.call()
			called := alice()
			require.NoError(r, caller.Await(r.ctx, "ringing"))
			if tt.talking {
				require.NoError(r, called.Answer(r.ctx))
				require.NoError(r, must(caller.Media(r.ctx))(r).AwaitSound(r.ctx))
			}
			require.NoError(r, tt.end(caller, called, cancel), name)
			got := <-done
			out := got.res.Outcome
			if tt.talking {
				require.Equal(r, ivr.Answered, out)
				out = got.res.Bridge.Outcome
			}
			require.Equal(r, tt.outcome, out, "%s: %v", name, got.err)
			require.Equal(r, tt.outcome == ivr.Busy, got.err == nil, name)
			require.NoError(r, r.idle(), name)
			cancel()
		}
	})
}

// A key stops what is said, and what is asked, within 100 ms of its end on the line.
func TestAsteriskSayStops(t *testing.T) {
	onAsterisk(t, func(r *real) {
		for _, ask := range []bool{false, true} {
			stopped := make(chan time.Time, 1)
			done := script(r, func(ctx context.Context, caller *ari.Channel) (string, error) {
				if err := caller.Answer(ctx); err != nil {
					return "", err
				}
				if ask {
					res, err := ivr.Menu(ctx, caller, ivr.MenuOptions{Keys: []string{"5"}, Prompt: ivr.Phrase{ivr.Number(7777), ivr.Number(7777)}})
					stopped <- time.Now()
					return res.Digits, err
				}
				res, err := ivr.Say(ctx, caller, ivr.SayOptions{}, ivr.Number(7777), ivr.Number(7777))
				stopped <- time.Now()
				return res.Key, err
			})
			caller := r.call()
			require.NoError(r, caller.Await(r.ctx, "answered"))
			media := must(caller.Media(r.ctx))(r)
			require.NoError(r, media.AwaitSound(r.ctx))
			time.Sleep(time.Second) // It is somewhere within the second number's words by then.
			require.NoError(r, media.Dial(r.ctx, "5"))
			pressed := time.Now()
			took := (<-stopped).Sub(pressed)
			r.Logf("menu %v: stopped %v after the key", ask, took)
			got := <-done
			require.NoError(r, got.err)
			require.Equal(r, "5", got.res)
			require.NoError(r, caller.Await(r.ctx, "bye"))
			require.NoError(r, r.idle())
		}
	})
}

// What is recorded of a telephone, ended by a key, is known to have been said, and can be played to it.
func TestAsteriskRecord(t *testing.T) {
	onAsterisk(t, func(r *real) {
		done := script(r, func(ctx context.Context, caller *ari.Channel) (*ivr.RecordResult, error) {
			if err := caller.Answer(ctx); err != nil {
				return nil, err
			}
			return ivr.Record(ctx, caller, ivr.RecordOptions{Name: "said", NoBeep: true, Review: true, ReviewPrompt: ivr.Sounds("beep")})
		})
		caller := r.call()
		require.NoError(r, caller.Await(r.ctx, "answered"))
		media := must(caller.Media(r.ctx))(r)
		time.Sleep(2500 * time.Millisecond) // It speaks all the while.
		require.NoError(r, media.Dial(r.ctx, "#"))
		time.Sleep(500 * time.Millisecond)
		require.NoError(r, media.Dial(r.ctx, "2"))
		require.NoError(r, media.AwaitSound(r.ctx))
		require.NoError(r, media.Dial(r.ctx, "1"))
		time.Sleep(500 * time.Millisecond)
		require.NoError(r, media.Dial(r.ctx, "1"))
		got := <-done
		require.NoError(r, got.err)
		require.Equal(r, ivr.Key, got.res.Outcome)
		require.NotNil(r, got.res.Recording, "it counts as spoken")
		require.NoError(r, caller.Await(r.ctx, "bye"))

		// The caller hangs up: the message is there.
		done = script(r, func(ctx context.Context, caller *ari.Channel) (*ivr.RecordResult, error) {
			if err := caller.Answer(ctx); err != nil {
				return nil, err
			}
			return ivr.Record(ctx, caller, ivr.RecordOptions{Name: "left"})
		})
		caller = r.call()
		require.NoError(r, caller.Await(r.ctx, "answered"))
		time.Sleep(3 * time.Second)
		require.NoError(r, caller.Hangup(r.ctx))
		got = <-done
		require.ErrorIs(r, got.err, ari.ErrEnded)
		require.Equal(r, ivr.HungUp, got.res.Outcome)
		require.NotNil(r, got.res.Recording)
		_, err := got.res.Recording.Refresh(r.ctx)
		require.NoError(r, err)
	})
}
