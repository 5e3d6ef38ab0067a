package fleet

import (
	"context"
	"testing"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A call goes through a worker as it would through a client, from its start to its end.
func TestCall(t *testing.T) {
	r := newRig(t, 1)
	srv := r.asterisks[0]
	result := make(chan error, 1)
	history := make(chan string, 1)
	w := r.worker(func(c *Client) {
		c.OnCall(func(ctx context.Context, start *ari.StasisStart) error {
			call := c.Call(start)
			assert.False(t, start.Resumed())
			assert.Equal(t, start.Channel.ID, call.ID())
			assert.Equal(t, "a", call.Node())
			ch := start.Channel
			err := ch.Answer(ctx)
			if err == nil {
				_, err = ch.Play(ctx, "sound:hello-world")
			}
			result <- err
			<-ctx.Done()
			list, err := call.History(ari.Cleanup(ctx))
			assert.NoError(t, err)
			history <- digits(list)
			return nil
		})
	})
	caller := srv.Call("1000")
	require.NoError(t, <-result)
	require.NoError(t, caller.WaitHeard(soon(t), "sound:hello-world"))
	sub := ari.Subscribe[*ari.ChannelDtmfReceived](w)
	caller.SendDTMF("12345")
	for _, want := range []string{"1", "2", "3", "4", "5"} {
		ev, err := sub.Next(soon(t))
		require.NoError(t, err)
		assert.Equal(t, want, ev.Digit)
	}
	caller.Hangup()
	assert.Equal(t, "12345", <-history)
	eventually(t, "the call is over", func() bool { return w.Stats().Calls == 0 && r.gateways[0].Stats().Calls == 0 })
	assert.Zero(t, w.Stats().Lost)
	info, err := w.offers.Info(soon(t))
	require.NoError(t, err)
	eventually(t, "the offer is acknowledged", func() bool {
		info, err = w.offers.Info(soon(t))
		return err == nil && info.NumAckPending == 0 && info.NumPending == 0
	})
	r.book.check(t)
}

// A worker dies: another one gets the call, with its state and its bridge. The dead one comes back, and can't do any harm.
func TestTakeOver(t *testing.T) {
	r := newRig(t, 1)
	caller := r.asterisks[0].Call("1000")
	type part struct {
		start *ari.StasisStart
		call  *Call
		ctx   context.Context //nolint:containedctx // The test looks at its end.
	}
	began := make(chan part, 10)
	register := func(c *Client) {
		c.OnCall(func(ctx context.Context, start *ari.StasisStart) error {
			began <- part{start, c.Call(start), ctx}
			<-ctx.Done()
			return nil
		})
	}
	first := r.worker(register)
	one := <-began
	require.NoError(t, one.start.Channel.Answer(one.ctx))
	br, err := one.start.Controller().CreateBridge(one.ctx, ari.CreateBridgeOptions{Type: "mixing,dtmf_events"})
	require.NoError(t, err)
	require.NoError(t, br.AddChannel(one.ctx, one.start.Channel.ID))
	require.NoError(t, one.call.Save(one.ctx, "asked for the number"))

	first.line.cut()
	caller.SendDTMF("7")
	second := r.worker(register)
	two := <-began
	assert.True(t, two.start.Resumed())
	assert.Equal(t, one.start.Channel.ID, two.start.Channel.ID)
	assert.Equal(t, ari.ChannelStateUp, two.start.Channel.State)
	assert.Equal(t, []string{br.ID}, two.call.Bridges())
	assert.Equal(t, 1, two.call.Takeovers())
	assert.Greater(t, two.call.Token(), one.call.Token())
	var state string
	has, err := two.call.Load(&state)
	require.NoError(t, err)
	assert.True(t, has)
	assert.Equal(t, "asked for the number", state)
	list, err := two.call.History(two.ctx)
	require.NoError(t, err)
	assert.Equal(t, "7", digits(list))

	// The dead one comes back.
	first.line.mend()
	eventually(t, "the first worker is told", func() bool { return one.ctx.Err() != nil })
	assert.True(t, one.call.Lost())
	before := r.gateways[0].Stats().Requests
	require.Error(t, one.start.Channel.Stop(context.Background()))
	require.ErrorIs(t, one.call.Save(context.Background(), "nonsense"), ErrLost)
	assert.Equal(t, before, r.gateways[0].Stats().Requests, "nothing of it has reached Asterisk")
	assert.False(t, caller.Ended())
	require.NoError(t, two.start.Channel.Stop(two.ctx))
	require.NoError(t, caller.WaitEnded(soon(t)))
	eventually(t, "the call is over", func() bool { return second.Stats().Calls == 0 && first.Stats().Calls == 0 })
	r.book.check(t)
}

// A worker that holds an old token is refused by the gateway itself, and counted.
func TestOldToken(t *testing.T) {
	r := newRig(t, 1)
	caller := r.asterisks[0].Call("1000")
	calls := make(chan *Call, 1)
	r.worker(func(c *Client) {
		c.OnCall(func(ctx context.Context, start *ari.StasisStart) error {
			calls <- c.Call(start)
			<-ctx.Done()
			return nil
		})
	})
	call := <-calls
	old := call
	for _, m := range []string{kindClaim, kindRequest, kindSave} {
		msg := old.message(m)
		msg.Header.Set(headerToken, "1")
		msg.Header.Set(headerEpoch, call.offer.Epoch)
		msg.Header.Set(headerMethod, "DELETE")
		msg.Header.Set(headerPath, "/channels/"+call.ID())
		reply, err := r.connect().RequestMsg(msg, 10*time.Second)
		require.NoError(t, err)
		assert.Equal(t, refusedToken, reply.Header.Get(headerRefused), m)
	}
	assert.EqualValues(t, 3, r.gateways[0].Stats().Stale)
	assert.Zero(t, r.gateways[0].Stats().Requests)
	assert.False(t, caller.Ended())
}

// A command that comes twice is carried out once, and answered twice.
func TestCommandTwice(t *testing.T) {
	r := newRig(t, 1)
	r.asterisks[0].Call("1000")
	calls := make(chan *Call, 1)
	r.worker(func(c *Client) {
		c.OnCall(func(ctx context.Context, start *ari.StasisStart) error {
			calls <- c.Call(start)
			<-ctx.Done()
			return nil
		})
	})
	call := <-calls
	m := call.message(kindRequest)
	m.Header.Set(headerMethod, "POST")
	m.Header.Set(headerPath, "/bridges")
	for range 2 {
		reply, err := r.connect().RequestMsg(m, 10*time.Second)
		require.NoError(t, err)
		assert.Equal(t, "200", reply.Header.Get(headerStatus))
	}
	assert.Len(t, r.asterisks[0].Bridges(), 1)
	stats := r.gateways[0].Stats()
	assert.EqualValues(t, 1, stats.Requests)
	assert.EqualValues(t, 1, stats.Repeated)
}
