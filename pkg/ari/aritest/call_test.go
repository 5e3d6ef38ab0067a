package aritest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari/aritest"
)

// waits are all waits of a call for something that hasn't come, with what they say then.
func waits(call *aritest.Call) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"was never answered":           call.WaitAnswered,
		"never rang":                   call.WaitRinging,
		"never had early media":        call.WaitProgress,
		"was never sent the digits 12": func(ctx context.Context) error { return call.WaitDigits(ctx, "12") },
		"never heard sound:beep":       func(ctx context.Context) error { return call.WaitHeard(ctx, "sound:beep") },
		"was never recorded":           call.WaitRecording,
		"was never in a bridge of 2":   func(ctx context.Context) error { return call.WaitBridged(ctx, 2) },
	}
}

// A wait that is in vain says what was waited for, and ends with the call.
func TestWaitInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		listen(t, srv, "app=hello")
		phone := srv.Endpoint("PJSIP/alice", aritest.Silent())
		ok(t, srv, "POST", "/channels/a?endpoint=PJSIP/alice&app=hello")
		called, err := phone.Next(soon(t))
		require.NoError(t, err)
		for _, call := range []*aritest.Call{srv.Call("1000"), called} {
			ended := map[string]chan error{}
			for never, wait := range waits(call) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				require.ErrorContains(t, wait(ctx), "aritest: the call "+never+": context deadline exceeded")
				result := make(chan error, 2)
				ended[never] = result
				go func() { result <- wait(t.Context()) }()
			}
			synctest.Wait() // until all of them wait
			call.Hangup()
			for never, wait := range waits(call) {
				ended[never] <- wait(t.Context()) // begun too late
				for range 2 {
					err := <-ended[never]
					require.ErrorIs(t, err, aritest.ErrEnded)
					require.ErrorContains(t, err, "aritest: the call is over: it "+never)
				}
			}
			require.NoError(t, call.WaitEnded(t.Context()))
		}
	})
}

// What has happened can be waited for when the call is over, too.
func TestWaitAfterwards(t *testing.T) {
	srv := aritest.NewServer(t, aritest.WithSpeed(100))
	l := listen(t, srv, "app=hello")
	call := srv.Call("1000", aritest.WithChannelID("c"))
	l.await("StasisStart c")
	ok(t, srv, "POST", "/channels/c/ring")
	ok(t, srv, "DELETE", "/channels/c/ring")
	ok(t, srv, "POST", "/channels/c/play/p?media=sound:hello-world")
	l.await("PlaybackFinished sound:hello-world done")
	call.Hangup()
	require.NoError(t, call.WaitEnded(soon(t)))
	require.NoError(t, call.WaitRinging(soon(t)))
	require.NoError(t, call.WaitHeard(soon(t), "sound:hello-world"))
	require.EqualError(t, call.WaitHeard(soon(t), "sound:beep"),
		"aritest: the call is over: it never heard sound:beep; heard so far: [sound:hello-world]")

	phone := srv.Endpoint("PJSIP/alice", aritest.Rings())
	ok(t, srv, "POST", "/channels/a?endpoint=PJSIP/alice&app=hello")
	called, err := phone.Next(soon(t))
	require.NoError(t, err)
	require.NoError(t, called.WaitRinging(soon(t)))
	called.Refuse(486)
	require.NoError(t, called.WaitRinging(soon(t)))
	require.ErrorIs(t, called.WaitAnswered(soon(t)), aritest.ErrEnded)
}

// A wait of which nobody says how long it may last gives up, and says what has not come.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory(), aritest.WithPatience(time.Minute))
		listen(t, srv, "app=hello")
		phone := srv.Endpoint("PJSIP/alice", aritest.Rings())
		call := srv.Call("1000")
		begin := time.Now()
		for never, wait := range waits(call) {
			err := wait(t.Context())
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "aritest: the call "+never+": context deadline exceeded")
		}
		require.Equal(t, time.Duration(len(waits(call)))*time.Minute, time.Since(begin))
		_, err := phone.Next(t.Context())
		require.EqualError(t, err, "aritest: nobody has called PJSIP/alice: context deadline exceeded")
		require.ErrorContains(t, srv.WaitIdle(t.Context()), "aritest: 1 channels and 0 bridges are left over: ")
		require.ErrorIs(t, srv.AwaitApp(t.Context(), "nobody"), context.DeadlineExceeded)

		// A deadline of one's own counts.
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		time.AfterFunc(30*time.Minute, func() { call.Hangup() })
		require.NoError(t, call.WaitEnded(ctx))
	})
}

func TestPatienceForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory(), aritest.WithPatience(0))
		call := srv.Call("1000", aritest.InContext("none"))
		require.NoError(t, call.WaitEnded(t.Context()))
		listen(t, srv, "app=hello")
		call = srv.Call("1000")
		time.AfterFunc(24*time.Hour, func() { call.Hangup() })
		require.NoError(t, call.WaitEnded(t.Context()))
	})
}

// Whoever answers too late is told so.
func TestAnswerTooLate(t *testing.T) {
	srv := aritest.NewServer(t)
	listen(t, srv, "app=hello")
	phone := srv.Endpoint("PJSIP/alice", aritest.Rings())
	ok(t, srv, "POST", "/channels/a?endpoint=PJSIP/alice&app=hello")
	call, err := phone.Next(soon(t))
	require.NoError(t, err)
	ok(t, srv, "DELETE", "/channels/a")
	require.NoError(t, call.WaitEnded(soon(t)))
	require.ErrorIs(t, call.Answer(), aritest.ErrEnded)
	require.EqualError(t, call.Answer(), "aritest: the call is over: it can't be answered any more")
	require.EqualError(t, srv.Call("1000").Answer(), "aritest: the call is one that Asterisk has to answer")
}

// A channel that was originated enters the application a little after it has been answered.
func TestGapBeforeEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		l := listen(t, srv, "app=hello")
		srv.Endpoint("PJSIP/alice")
		ok(t, srv, "POST", "/bridges/b")
		ok(t, srv, "POST", "/channels/a?endpoint=PJSIP/alice&app=hello")
		l.await("Dial a ANSWER")
		status, _, _ := do(t, srv, "POST", "/bridges/b/addChannel?channel=a")
		require.Equal(t, 422, status)
		status, _, _ = do(t, srv, "POST", "/channels/a/play?media=sound:hello-world")
		require.Equal(t, 409, status)
		l.await("StasisStart a")
		ok(t, srv, "POST", "/bridges/b/addChannel?channel=a")
	})
}

// A blind transfer puts somebody else in the place of who asks for it.
func TestTransfer(t *testing.T) {
	srv := aritest.NewServer(t)
	srv.Extension("200", "Answer()", "Wait(600)")
	l := listen(t, srv, "app=hello")
	alice := srv.Call("1000", aritest.WithChannelID("a"))
	require.ErrorContains(t, alice.Transfer("200"), "the call isn't answered yet")
	bob := srv.Call("1000", aritest.WithChannelID("b"), aritest.Answered())
	l.await("StasisStart b")
	ok(t, srv, "POST", "/channels/a/answer")
	require.EqualError(t, alice.Transfer("200"), "aritest: Asterisk refuses the transfer", "it isn't in a bridge")
	ok(t, srv, "POST", "/bridges/x")
	ok(t, srv, "POST", "/bridges/x/addChannel?channel=a,b")
	require.EqualError(t, alice.Transfer("nowhere"), "aritest: Asterisk refuses the transfer")
	require.NoError(t, alice.Transfer("200"))
	l.await("BridgeBlindTransfer a")
	require.NoError(t, alice.WaitEnded(soon(t)))
	require.ErrorIs(t, alice.Transfer("200"), aritest.ErrEnded)
	require.Len(t, srv.Bridges()[0].Channels, 2)
	require.NoError(t, bob.WaitBridged(soon(t), 2))
	require.False(t, bob.Ended())
}
