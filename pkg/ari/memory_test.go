package ari

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTenThousandSubscriptionsLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		before := goroutines(t)
		subs := make([]*Subscription[Event], 10_000)
		for i := range subs {
			var scope Scope = c.ARI().Channel(fmt.Sprint("c", i))
			if i%10 == 0 {
				scope = c
			}
			subs[i] = Subscribe[Event](scope)
		}
		assert.Equal(t, len(subs), c.Stats().Listeners)
		c.receive(varsetFrame("c1", "v"))
		assert.LessOrEqual(t, goroutines(t), before)
		for _, sub := range subs {
			sub.Close()
		}
		assert.Zero(t, c.Stats().Listeners)
		assert.Zero(t, c.Stats().Waiting)
		assert.Empty(t, c.hub.index.byEntity)
		assert.Empty(t, c.hub.index.children)
		for _, list := range c.hub.index.all {
			assert.Empty(t, list)
		}
	})
}

func TestMemoryOfAnIdleSubscription(t *testing.T) {
	c := offline(t)
	const n = 10_000
	subs := make([]*Subscription[*ChannelDtmfReceived], n)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint("channel-", i)
	}
	before := heap()
	for i := range subs {
		subs[i] = Subscribe[*ChannelDtmfReceived](c.ARI().Channel(ids[i]))
	}
	each := (heap() - before) / n
	t.Logf("%d bytes each", each)
	assert.Less(t, each, int64(1024))
	runtime.KeepAlive(subs)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestMemoryOfALiveCall(t *testing.T) {
	c := offline(t)
	const n = 2000
	var running sync.WaitGroup
	running.Add(n)
	c.OnStasisStart(func(ctx context.Context, ev *StasisStart) error {
		sub := Subscribe[*ChannelDtmfReceived](ev.Channel)
		defer sub.Close()
		running.Done()
		_, err := sub.Next(ctx)
		return err
	})
	before := inUse()
	for i := range n {
		c.receive(startFrame(fmt.Sprint("channel-", i)))
	}
	running.Wait()
	each := (inUse() - before) / n
	t.Logf("%d bytes each", each)
	assert.Less(t, each, int64(12<<10))
}

// inUse is what the heap and all stacks take.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// counter is a listener that counts how often it is looked at.
type counter struct {
	at    places
	asked *int
}

func (n *counter) places() places { return n.at }

func (n *counter) wants(*eventKind) interest {
	*n.asked++
	return wantsScan
}

func (n *counter) offer(*inbound) {}

func (n *counter) older(uint64) bool { return false }

func (n *counter) end(error) {}

// Whoever listens to other channels isn't looked at, so an event costs the same with one listener and with thousands.
func TestOthersListenersCostNothing(t *testing.T) {
	c := offline(t)
	asked := 0
	for i := range 1000 {
		c.hub.index.add(&counter{c.ARI().Channel(fmt.Sprint("channel-", i)).scope().at, &asked})
	}
	c.receive(dtmfFrame("channel-7", "1"))
	atOne := asked
	require.Positive(t, atOne)
	c.receive(dtmfFrame("somebody else", "1"))
	assert.Equal(t, atOne, asked)
	c.receive(dtmfFrame("channel-8", "1"))
	assert.Equal(t, 2*atOne, asked)
	assert.LessOrEqual(t, atOne, 2, "once to find it, once to see what it needs")
}
