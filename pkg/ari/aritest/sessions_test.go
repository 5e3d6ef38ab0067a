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

// A pair is one client of two servers.
type pair struct {
	servers [2]*aritest.Server
	client  *ari.Client
	ctrls   [2]*ari.Controller
}

func connectedPair(t *testing.T, opts ...ari.Option) *pair {
	t.Helper()
	p := &pair{servers: [2]*aritest.Server{aritest.NewServer(t, aritest.InMemory()), aritest.NewServer(t, aritest.InMemory())}}
	p.client = p.servers[0].Client(append(opts, quiet)...)
	second := p.servers[1]
	added, err := second.AddTo(p.client, second.App)
	require.NoError(t, err)
	p.ctrls = [2]*ari.Controller{p.client.ARI(), added}
	require.NoError(t, p.client.Connect(soon(t)))
	return p
}

// call places a call of the same id with both.
func (p *pair) call(id string) (calls [2]*aritest.Call) {
	for i, srv := range p.servers {
		calls[i] = srv.Call("1000", aritest.WithChannelID(id))
	}
	return calls
}

// which tells the servers apart.
func (p *pair) which(c *ari.Controller) int {
	for i, ctrl := range p.ctrls {
		if c == ctrl {
			return i
		}
	}
	return -1
}

// The events of two Asterisks whose channels have the same ids reach those whom they concern, and commands the right one.
func TestEqualIDsOfTwoAsterisks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connectedPair(t)
		require.Equal(t, p.ctrls[:], p.client.Controllers())
		var mu sync.Mutex
		digits := make(map[int][]string)
		ended := make(map[int]error)
		subscribed := make(map[int]*ari.Subscription[*ari.ChannelDtmfReceived])
		p.client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
			i := p.which(ev.Controller())
			assert.Same(t, ev.Controller(), ev.Channel.Controller())
			mu.Lock()
			subscribed[i] = ari.Subscribe[*ari.ChannelDtmfReceived](ev.Channel)
			mu.Unlock()
			if i == 0 {
				assert.NoError(t, ev.Channel.Answer(ctx))
			}
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			ended[i] = context.Cause(ctx)
			return nil
		})
		// A handler that is busy with the one's call doesn't hold up that of the other.
		busy := make(chan struct{})
		ari.On(p.client, func(_ context.Context, ev *ari.ChannelDtmfReceived) error {
			i := p.which(ev.Controller())
			if i == 0 {
				<-busy
			}
			mu.Lock()
			defer mu.Unlock()
			digits[i] = append(digits[i], ev.Digit)
			return nil
		})
		all := ari.Subscribe[*ari.ChannelDtmfReceived](p.client)
		calls := p.call("same")
		synctest.Wait()
		assert.True(t, calls[0].Answered())
		assert.False(t, calls[1].Answered())
		require.NoError(t, p.ctrls[1].AnswerChannel(soon(t), "same"))
		calls[0].SendDTMF("1")
		calls[1].SendDTMF("2")
		time.Sleep(time.Minute)
		mu.Lock()
		assert.Equal(t, map[int][]string{1: {"2"}}, digits)
		mu.Unlock()
		close(busy)
		synctest.Wait()
		mu.Lock()
		assert.Equal(t, map[int][]string{0: {"1"}, 1: {"2"}}, digits)
		for i, want := range []string{"1", "2"} {
			ev, err := subscribed[i].Next(soon(t))
			require.NoError(t, err)
			assert.Equal(t, want, ev.Digit)
			_, more := subscribed[i].TryNext()
			assert.False(t, more)
		}
		mu.Unlock()
		for range 2 {
			_, err := all.Next(soon(t))
			require.NoError(t, err)
		}
		assert.Equal(t, 2, p.client.Stats().Calls)

		calls[0].Hangup()
		synctest.Wait()
		mu.Lock()
		require.ErrorIs(t, ended[0], ari.ErrEnded)
		assert.NoError(t, ended[1])
		mu.Unlock()
		require.Error(t, subscribed[0].Err())
		require.NoError(t, subscribed[1].Err())
		_, err := p.ctrls[0].Channel("same").Refresh(soon(t))
		require.ErrorIs(t, err, ari.ErrNotFound)
		_, err = p.ctrls[1].Channel("same").Refresh(soon(t))
		require.NoError(t, err)
		require.NoError(t, p.client.Close(soon(t)))
		mu.Lock()
		defer mu.Unlock()
		require.ErrorIs(t, ended[1], ari.ErrClosed)
	})
}

// What happens to the connection with one Asterisk is nothing to the other one.
func TestGapOfOneOfTwoAsterisks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connectedPair(t)
		var mu sync.Mutex
		ended := make(map[int]error)
		p.client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			ended[p.which(ev.Controller())] = context.Cause(ctx)
			return nil
		})
		calls := p.call("same")
		synctest.Wait()
		down := ari.Subscribe[*ari.Disconnected](p.client)
		up := ari.Subscribe[*ari.Connected](p.client)
		p.servers[0].Faults().Down()
		lost, err := down.Next(soon(t))
		require.NoError(t, err)
		assert.Equal(t, 0, p.which(lost.Controller()))
		calls[0].Hangup()
		require.NoError(t, p.ctrls[1].WaitConnected(soon(t)))
		require.NoError(t, p.ctrls[1].AnswerChannel(soon(t), "same"))
		hurry, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, p.client.WaitConnected(hurry), context.DeadlineExceeded, "it waits for both")
		p.servers[0].Faults().Up()
		back, err := up.Next(soon(t))
		require.NoError(t, err)
		assert.Equal(t, 0, p.which(back.Controller()))
		assert.Equal(t, []string{"same"}, back.Ended)
		synctest.Wait()
		mu.Lock()
		require.ErrorIs(t, ended[0], ari.ErrGap)
		assert.NoError(t, ended[1])
		mu.Unlock()
		require.NoError(t, p.client.WaitConnected(soon(t)))
		_, more := down.TryNext()
		assert.False(t, more)
	})
}

// An Asterisk that is taken away takes with it what waits for it, and nothing else.
func TestRemoveOneOfTwoAsterisks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connectedPair(t)
		var mu sync.Mutex
		ended := make(map[int]error)
		p.client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			ended[p.which(ev.Controller())] = context.Cause(ctx)
			return nil
		})
		calls := p.call("same")
		synctest.Wait()
		subs := [2]*ari.Subscription[ari.Event]{}
		for i, c := range p.ctrls {
			subs[i] = ari.Subscribe[ari.Event](c.Channel("same"))
		}
		require.NoError(t, p.client.Remove(p.ctrls[0]))
		require.ErrorIs(t, p.client.Remove(p.ctrls[0]), ari.ErrInvalid, "it isn't there any more")
		require.ErrorIs(t, p.client.Remove(nil), ari.ErrInvalid)
		synctest.Wait()
		mu.Lock()
		require.ErrorIs(t, ended[0], ari.ErrClosed)
		assert.NoError(t, ended[1])
		mu.Unlock()
		require.ErrorIs(t, subs[0].Err(), ari.ErrClosed)
		require.NoError(t, subs[1].Err())
		assert.Equal(t, p.ctrls[1:], p.client.Controllers())
		assert.False(t, calls[0].Ended(), "the call stays")
		require.NoError(t, p.ctrls[0].AnswerChannel(soon(t), "same"), "and can be commanded")
		assert.Equal(t, 1, p.client.Stats().Calls)
		require.NoError(t, p.client.WaitConnected(soon(t)))
		calls[1].Hangup()
		synctest.Wait()
		require.ErrorIs(t, subs[1].Err(), ari.ErrEnded)
	})
}

// An Asterisk that doesn't let the client in, or isn't there, is told of, and the other one goes on. It can be left out.
func TestSecondAsteriskThatCannotBeHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connectedPair(t)
		srv := p.servers[1]
		wrong, err := srv.AddTo(p.client, "third", ari.WithBasicAuth(srv.Username, "wrong"))
		require.NoError(t, err)
		require.ErrorIs(t, p.client.Connect(soon(t)), ari.ErrUnauthorized)
		require.NoError(t, p.client.Err())
		require.NoError(t, p.ctrls[0].WaitConnected(soon(t)))
		require.NoError(t, p.ctrls[1].WaitConnected(soon(t)))
		hurry, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, wrong.WaitConnected(hurry), context.DeadlineExceeded)
		require.NoError(t, p.client.Remove(wrong))
		require.NoError(t, p.client.Connect(soon(t)))
		require.NoError(t, p.client.WaitConnected(soon(t)))

		// One that is added to a client that is connected waits for Connect, and gets its events then.
		third, err := srv.AddTo(p.client, "third")
		require.NoError(t, err)
		starts := ari.Subscribe[*ari.StasisStart](p.client)
		require.NoError(t, p.client.Connect(soon(t)))
		srv.Call("1000", aritest.WithChannelID("c"), aritest.Into("third"))
		ev, err := starts.Next(soon(t))
		require.NoError(t, err)
		assert.Same(t, third, ev.Controller())
		require.NoError(t, p.client.Close(soon(t)))
		_, err = srv.AddTo(p.client, "fourth")
		require.ErrorIs(t, err, ari.ErrClosed)
	})
}

// A wrong password of the second one fails the first Connect, which can be made again without it.
func TestFirstConnectWithoutTheSecondAsterisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := aritest.NewServer(t, aritest.InMemory()), aritest.NewServer(t, aritest.InMemory())
		client := first.Client(quiet)
		wrong, err := second.AddTo(client, second.App, ari.WithBasicAuth("nobody", "x"))
		require.NoError(t, err)
		require.ErrorIs(t, client.Connect(soon(t)), ari.ErrUnauthorized)
		require.NoError(t, client.Remove(wrong))
		require.NoError(t, client.Connect(soon(t)))
		starts := ari.Subscribe[*ari.StasisStart](client)
		first.Call("1000")
		_, err = starts.Next(soon(t))
		require.NoError(t, err)
	})
}

// A subscription to an object is to that of its own client and Asterisk.
func TestSubscribeToAnotherClientsObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine, other := aritest.NewServer(t, aritest.InMemory()), aritest.NewServer(t, aritest.InMemory())
		client, another := connected(t, mine, quiet), connected(t, other, quiet)
		subs := []*ari.Subscription[*ari.StasisStart]{
			ari.Subscribe[*ari.StasisStart](client.ARI().Channel("same")), ari.Subscribe[*ari.StasisStart](another.ARI().Channel("same")),
		}
		other.Call("1000", aritest.WithChannelID("same"))
		ev, err := subs[1].Next(soon(t))
		require.NoError(t, err)
		assert.Same(t, another.ARI(), ev.Controller())
		_, ok := subs[0].TryNext()
		assert.False(t, ok)
	})
}
