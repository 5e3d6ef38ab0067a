package aritest_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

const drainDialplan = `
[default]
exten = 1000,1,Stasis(hello)
 same = n,Answer()
 same = n,Wait(600)
[elsewhere]
exten = 7,1,Answer()
 same = n,Wait(600)
`

// position is where in the dialplan a call is.
func position(srv *aritest.Server, call *aritest.Call) string {
	for _, ch := range srv.Channels() {
		if ch.ID == call.ChannelID() {
			return ch.Dialplan.Context + "," + ch.Dialplan.Exten + " " + ch.Dialplan.AppName
		}
	}
	return ""
}

// New calls go on in the dialplan, or where an option says, and Drain returns when the old ones and their handlers are over.
func TestDrain(t *testing.T) {
	for name, x := range map[string]struct {
		opts []ari.Option
		want string
	}{
		"in the dialplan": {nil, "default,1000 Wait"},
		"elsewhere":       {[]ari.Option{ari.WithDrainTarget(ari.ContinueOptions{Context: "elsewhere", Extension: "7"})}, "elsewhere,7 Wait"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := aritest.NewServer(t, aritest.InMemory(), aritest.WithDialplan(drainDialplan))
				client := srv.Client(append(x.opts, quiet)...)
				var mu sync.Mutex
				var calls []string
				linger := make(chan struct{})
				client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
					mu.Lock()
					calls = append(calls, ev.Channel.ID)
					mu.Unlock()
					assert.NoError(t, ev.Channel.Answer(ctx))
					<-ctx.Done()
					<-linger
					return nil
				})
				digits := ari.Subscribe[*ari.ChannelDtmfReceived](client)
				require.NoError(t, client.Connect(soon(t)))
				first := srv.Call("1000", aritest.WithChannelID("first"))
				synctest.Wait()
				drained := make(chan error, 1)
				go func() { drained <- client.Drain(soon(t)) }()
				synctest.Wait()
				assert.Empty(t, drained)

				late := srv.Call("1000", aritest.WithChannelID("late"))
				time.Sleep(time.Second)
				assert.Equal(t, x.want, position(srv, late))
				assert.False(t, late.Ended())
				first.SendDTMF("1")
				_, err := digits.Next(soon(t))
				require.NoError(t, err, "the old ones go on")

				// What the client makes for its calls isn't sent away.
				srv.Endpoint("PJSIP/alice", aritest.Answers(0))
				ch, err := client.ARI().Originate(soon(t), ari.OriginateOptions{Endpoint: "PJSIP/alice"})
				require.NoError(t, err)
				require.NoError(t, ch.WaitAnswered(soon(t)))
				require.NoError(t, ch.Stop(soon(t)))

				first.Hangup()
				synctest.Wait()
				assert.Empty(t, drained, "its handler still runs")
				close(linger)
				require.NoError(t, <-drained)
				mu.Lock()
				assert.Equal(t, []string{"first"}, calls)
				mu.Unlock()
				require.NoError(t, client.Err(), "the client goes on")

				again := srv.Call("1000", aritest.WithChannelID("again"))
				time.Sleep(time.Second)
				assert.Equal(t, x.want, position(srv, again), "and stays in this state")
				require.NoError(t, client.Drain(soon(t)), "there is nothing to wait for")
			})
		})
	}
}

// When ctx ends, or the client does, Drain says what is left.
func TestDrainInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		client := srv.Client(quiet)
		client.OnCall(func(ctx context.Context, _ *ari.StasisStart) error { <-ctx.Done(); return nil })
		require.NoError(t, client.Connect(soon(t)))
		srv.Call("1000")
		srv.Call("1000")
		synctest.Wait()
		hurry, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := client.Drain(hurry)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "4 calls and handlers left")
		drained := make(chan error, 1)
		go func() { drained <- client.Drain(soon(t)) }()
		synctest.Wait()
		require.NoError(t, client.Close(soon(t)))
		require.ErrorIs(t, <-drained, ari.ErrClosed)
		require.ErrorIs(t, client.Drain(soon(t)), ari.ErrClosed)
	})
}

// A gap while the client drains starts no call that was missed: it is sent on, too.
func TestDrainThroughAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory(), aritest.WithDialplan(drainDialplan))
		client := srv.Client(quiet, ari.WithKeepalive(10*time.Second, 5*time.Second))
		client.OnCall(func(context.Context, *ari.StasisStart) error {
			t.Error("a new call")
			return nil
		})
		require.NoError(t, client.Connect(soon(t)))
		require.NoError(t, client.Drain(soon(t)))
		srv.Faults().FreezeEvents()
		call := srv.Call("1000", aritest.WithChannelID("unheard"))
		up := ari.Subscribe[*ari.Connected](client)
		for resumed := false; !resumed; { // The first connection's own event may still be on its way.
			ev, err := up.Next(soon(t))
			require.NoError(t, err)
			resumed = ev.Resumed
		}
		time.Sleep(time.Second)
		assert.Equal(t, "default,1000 Wait", position(srv, call))
	})
}

// Run drains when it is told to, for as long as it is told.
func TestRunDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		client := srv.Client(quiet, ari.WithDrain(time.Hour))
		client.OnCall(func(ctx context.Context, _ *ari.StasisStart) error { <-ctx.Done(); return nil })
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- client.Run(ctx) }()
		require.NoError(t, srv.AwaitApp(soon(t), srv.App))
		call := srv.Call("1000")
		synctest.Wait()
		cancel()
		time.Sleep(30 * time.Minute)
		assert.Empty(t, ran)
		assert.False(t, call.Ended())
		call.Hangup()
		require.NoError(t, <-ran)
	})
}

// A program that hears of its calls by a subscription drains as well.
func TestDrainWithoutHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory(), aritest.WithDialplan(drainDialplan))
		client := srv.Client(quiet)
		starts := ari.Subscribe[*ari.StasisStart](client)
		require.NoError(t, client.Connect(soon(t)))
		first := srv.Call("1000")
		_, err := starts.Next(soon(t))
		require.NoError(t, err)
		drained := make(chan error, 1)
		go func() { drained <- client.Drain(soon(t)) }()
		synctest.Wait()
		assert.Empty(t, drained)
		late := srv.Call("1000")
		time.Sleep(time.Second)
		assert.Equal(t, "default,1000 Wait", position(srv, late))
		first.Hangup()
		require.NoError(t, <-drained)
	})
}
