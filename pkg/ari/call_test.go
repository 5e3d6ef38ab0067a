package ari_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// A call says why it has failed, and leaves nothing behind.
func TestCallFails(t *testing.T) {
	for name, tt := range map[string]struct {
		endpoint string
		answers  aritest.Behaviour
		want     error
	}{
		"busy":             {"PJSIP/alice", aritest.Busy(), ari.ErrBusy},
		"nobody answers":   {"PJSIP/alice", aritest.Rings(), ari.ErrNoAnswer},
		"refused":          {"PJSIP/alice", aritest.Refuses(0, 603), ari.ErrRejected},
		"not there":        {"PJSIP/alice", aritest.Refuses(0, 404), ari.ErrUnreachable},
		"no line":          {"PJSIP/alice", aritest.Refuses(0, 503), ari.ErrCongestion},
		"unknown endpoint": {"Foo/bar", aritest.Rings(), ari.ErrUnreachable},
		"no such number":   {"Local/none@default", aritest.Rings(), ari.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := aritest.NewServer(t, aritest.InMemory())
				srv.Endpoint("PJSIP/alice", tt.answers)
				client := srv.Client(quietly)
				require.NoError(t, client.Connect(t.Context()))
				_, err := client.ARI().Call(t.Context(), ari.CallOptions{Endpoint: tt.endpoint, Timeout: 5 * time.Second})
				require.ErrorIs(t, err, tt.want)
				for _, other := range []error{ari.ErrBusy, ari.ErrNoAnswer, ari.ErrRejected, ari.ErrUnreachable, ari.ErrCongestion} {
					if !errors.Is(other, tt.want) {
						require.NotErrorIs(t, err, other)
					}
				}
				require.NoError(t, srv.WaitIdle(t.Context()))
				assert.Zero(t, client.Stats().Listeners)
			})
		})
	}
}

// A call that is answered is ready for every command, and is none of OnCall's.
func TestCallIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		srv.Endpoint("PJSIP/alice", aritest.Answers(2*time.Second))
		client := srv.Client(quietly)
		client.OnCall(func(context.Context, *ari.StasisStart) error { t.Error("it is no call from outside"); return nil })
		require.NoError(t, client.Connect(t.Context()))
		ch, err := client.ARI().Call(t.Context(), ari.CallOptions{Endpoint: "PJSIP/alice", CallerID: "Bob <200>", Variables: map[string]string{"X": "1"}})
		require.NoError(t, err)
		value, err := ch.Variable(t.Context(), "X")
		require.NoError(t, err)
		assert.Equal(t, "1", value)
		_, err = ch.Play(t.Context(), "sound:hello-world")
		require.NoError(t, err)
		require.NoError(t, ch.Stop(t.Context()))
		<-ch.Done()
		require.NoError(t, srv.WaitIdle(t.Context()))
	})
}

func TestCallIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		srv.Endpoint("PJSIP/alice", aritest.Rings())
		client := srv.Client(quietly)
		require.NoError(t, client.Connect(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.ARI().Call(ctx, ari.CallOptions{Endpoint: "PJSIP/alice"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, srv.WaitIdle(t.Context()), "the telephone doesn't ring on")
	})
}

func TestCallWithoutEvents(t *testing.T) {
	srv := aritest.NewServer(t)
	for name, ctrl := range map[string]*ari.Controller{"alone": srv.Controller(), "not connected": srv.Client(quietly).ARI()} {
		_, err := ctrl.Call(t.Context(), ari.CallOptions{Endpoint: "PJSIP/alice"})
		require.ErrorIs(t, err, ari.ErrNoEvents, name)
	}
	assert.Empty(t, srv.Channels())
}

// The near half of a Local channel whose far half was busy has no cause of its own; the call's status has.
func TestEndTellsTheDialStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		srv.Endpoint("PJSIP/alice", aritest.Busy())
		client := srv.Client(quietly)
		require.NoError(t, client.Connect(t.Context()))
		ch, err := client.ARI().Originate(t.Context(), ari.OriginateOptions{Endpoint: "PJSIP/alice"})
		require.NoError(t, err)
		end, err := ch.WaitEnd(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "BUSY", end.DialStatus)
		assert.Equal(t, ari.CauseBusy, end.Cause)
	})
}

func TestChannelContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ctx, cancel := r.ch.Context(t.Context())
		defer cancel()
		released, release := r.ch.Context(t.Context())
		release()
		assert.Equal(t, context.Canceled, context.Cause(released))
		require.NoError(t, ctx.Err())
		done := r.client.ARI().Channel(r.ch.ID).Done() // A handle will do.
		r.call.Hangup()
		<-ctx.Done()
		require.ErrorIs(t, context.Cause(ctx), ari.ErrEnded)
		<-done
		<-r.client.ARI().Channel("no such channel").Done()
		<-r.client.ARI().Bridge("no such bridge").Done()
		<-r.client.ARI().Playback("no such playback").Done()
		<-r.client.ARI().LiveRecording("no such recording").Done()

		alone, cancel := r.srv.Controller().Channel("c").Context(t.Context())
		defer cancel()
		require.ErrorIs(t, context.Cause(alone), ari.ErrNoEvents)
		synctest.Wait()
		assert.Zero(t, r.client.Stats().Listeners)
	})
}

// Asking for the end again and again costs nothing, and a new stay has an end of its own.
func TestDoneInALoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var done <-chan struct{}
		for range 100 {
			done = r.client.ARI().Channel(r.ch.ID).Done()
		}
		assert.Equal(t, 1, r.client.Stats().Listeners)
		starts := ari.Subscribe[*ari.StasisStart](r.client)
		require.NoError(t, r.ch.Move(t.Context(), "hello"))
		<-done
		_, err := starts.Next(t.Context())
		require.NoError(t, err)
		again := r.ch.Done()
		select {
		case <-again:
			t.Error("it is in the application again")
		default:
		}
		r.call.Hangup()
		<-again
	})
}

// A call whose end comes while Asterisk stands still is hung up as soon as it goes on.
func TestCallIsGivenUpOnAFrozenAsterisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		srv.Endpoint("PJSIP/alice", aritest.Rings())
		client := srv.Client(quietly)
		require.NoError(t, client.Connect(t.Context()))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		given := make(chan error, 1)
		go func() {
			_, err := client.ARI().Call(ctx, ari.CallOptions{Endpoint: "PJSIP/alice", Timeout: -1})
			given <- err
		}()
		time.Sleep(time.Second)
		require.Len(t, srv.Channels(), 1)
		srv.Faults().Freeze()
		cancel()
		require.ErrorIs(t, <-given, context.Canceled)
		time.Sleep(time.Minute)
		require.Len(t, srv.Channels(), 1)
		srv.Faults().Thaw()
		require.NoError(t, srv.WaitIdle(t.Context()))
	})
}

// The command itself may be what a frozen Asterisk carries out later.
func TestCallToAFrozenAsterisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		srv.Endpoint("PJSIP/alice", aritest.Rings())
		client := srv.Client(quietly)
		require.NoError(t, client.Connect(t.Context()))
		_, err := client.ARI().Info(t.Context()) // so that there is a connection
		require.NoError(t, err)
		srv.Faults().Freeze()
		_, err = client.ARI().Call(t.Context(), ari.CallOptions{Endpoint: "PJSIP/alice", Timeout: -1})
		require.ErrorIs(t, err, ari.ErrConnection)
		time.Sleep(time.Minute)
		srv.Faults().Thaw()
		time.Sleep(time.Minute)
		assert.Empty(t, srv.Channels(), "nobody's telephone rings")
	})
}

func TestChannelContextEndsWithTheStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		_, err := r.client.ARI().Application("").Subscribe(t.Context(), "channel:"+r.ch.ID) // so that its destruction is told
		require.NoError(t, err)
		ctx, cancel := r.ch.Context(t.Context())
		defer cancel()
		require.NoError(t, r.ch.Continue(t.Context()))
		<-ctx.Done()
		require.ErrorIs(t, context.Cause(ctx), ari.ErrLeftStasis)
	})
}

func TestKeypadMatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		keypad := r.ch.Keypad()
		defer keypad.Close()
		r.call.SendDTMF("5*1")
		found, err := keypad.Match(t.Context(), "*1", "*2")
		require.NoError(t, err)
		assert.Equal(t, "*1", found)
		r.call.SendDTMF("12")
		found, err = keypad.Match(t.Context(), "2", "12")
		require.NoError(t, err)
		assert.Equal(t, "12", found, "the longer one is meant")

		go func() {
			r.call.SendDTMF("*")
			time.Sleep(time.Minute) // too long for one sequence
			r.call.SendDTMF("2")
			time.Sleep(time.Minute)
			r.call.SendDTMF("**2")
		}()
		began := time.Now()
		found, err = keypad.Match(t.Context(), "*2")
		require.NoError(t, err)
		assert.Equal(t, "*2", found)
		assert.GreaterOrEqual(t, time.Since(began), 2*time.Minute)

		for _, bad := range [][]string{nil, {""}, {"1", "x"}} {
			_, err = keypad.Match(t.Context(), bad...)
			require.ErrorIs(t, err, ari.ErrInvalid)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = keypad.Match(ctx, "1")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		r.call.Hangup()
		_, err = keypad.Match(t.Context(), "1")
		require.ErrorIs(t, err, ari.ErrEnded)
	})
}

func TestPromptWithoutAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		go func() {
			time.Sleep(24 * time.Hour)
			r.call.SendDTMF("7")
		}()
		digits, err := r.ch.Prompt(t.Context(), ari.PromptOptions{MaxDigits: 1, FirstTimeout: ari.NoTimeout})
		require.NoError(t, err)
		assert.Equal(t, "7", digits)
		r.over(t)
	})
}

func TestDecodeEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		sub := ari.Subscribe[*ari.ChannelDtmfReceived](r.ch)
		r.call.SendDTMF("1")
		ev, err := sub.Next(t.Context())
		require.NoError(t, err)
		again, err := ari.DecodeEvent(ev.Raw())
		require.NoError(t, err)
		require.IsType(t, ev, again)
		assert.Equal(t, "1", again.(*ari.ChannelDtmfReceived).Digit)
		assert.Nil(t, again.Controller())
		assert.Same(t, r.client.ARI(), ev.Controller())
		require.ErrorIs(t, again.(*ari.ChannelDtmfReceived).Channel.Answer(t.Context()), ari.ErrInvalid, "nobody to command")

		unknown, err := ari.DecodeEvent([]byte(`{"type":"New","x":1}`))
		require.NoError(t, err)
		assert.IsType(t, &ari.UnknownEvent{}, unknown)
		for _, bad := range []string{"", "{", "[]", `{"x":1}`} {
			_, err := ari.DecodeEvent([]byte(bad))
			var frame *ari.FrameError
			require.ErrorAs(t, err, &frame, bad)
		}
	})
}

// A channel that has just left the application is there still, and its end would not be told without a subscription.
func TestDoneOfAChannelThatHasJustLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		left := ari.Subscribe[*ari.StasisEnd](r.client)
		require.NoError(t, r.ch.Continue(t.Context()))
		_, err := left.Next(t.Context())
		require.NoError(t, err)
		done := r.client.ARI().Channel(r.ch.ID).Done()
		synctest.Wait()
		r.call.Hangup()
		<-done
		synctest.Wait()
		left.Close()
		assert.Zero(t, r.client.Stats().Listeners)
	})
}

// Who begins to wait for something of an Asterisk that has been removed isn't left waiting.
func TestWaitsAfterRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		require.NoError(t, r.client.Remove(r.client.ARI()))
		<-r.ch.Done()
		ctx, cancel := r.ch.Context(t.Context())
		defer cancel()
		require.ErrorIs(t, context.Cause(ctx), ari.ErrClosed)
		require.ErrorIs(t, ari.Subscribe[ari.Event](r.ch).Err(), ari.ErrClosed)
		require.NoError(t, r.ch.Stop(ari.Cleanup(t.Context())), "commands go on")
		assert.Zero(t, r.client.Stats().Listeners)
	})
}

func TestContextOfAClientThatIsNotConnected(t *testing.T) {
	srv := aritest.NewServer(t)
	ctx, cancel := srv.Client(quietly).ARI().Channel("c1").Context(t.Context())
	defer cancel()
	require.ErrorIs(t, context.Cause(ctx), ari.ErrNoEvents)
}

// What one of a client's sessions has made is no call for another one.
func TestOwnChannelInAnotherSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		srv.Endpoint("PJSIP/alice", aritest.Answers(0))
		client := srv.Client(quietly)
		_, err := srv.AddTo(client, "second")
		require.NoError(t, err)
		entered := make(chan string, 1)
		client.OnCall(func(context.Context, *ari.StasisStart) error { t.Error("it is no call from outside"); return nil })
		client.OnStasisStart(func(_ context.Context, ev *ari.StasisStart) error { entered <- ev.Application; return nil })
		require.NoError(t, client.Connect(t.Context()))
		_, err = client.ARI().Originate(t.Context(), ari.OriginateOptions{Endpoint: "PJSIP/alice", App: "second"})
		require.NoError(t, err)
		assert.Equal(t, "second", <-entered)
		synctest.Wait()
	})
}
