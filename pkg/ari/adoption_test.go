package ari

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is in the application when the client first connects is none of its business, unless it adopts it.
func TestAdoption(t *testing.T) {
	for _, adopt := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a := newAsterisk(t)
			a.set(func() {
				a.channels["old"], a.channels["foreign"] = inStasis("hello"), inStasis("other")
				a.sources["hello"] = []string{"channel:old"}
			})
			var opts []Option
			var want []string
			if adopt {
				opts, want = []Option{WithAdoption()}, []string{"old"}
			}
			c := a.client(opts...)
			var entered, listed bag[string]
			c.OnStasisStart(func(_ context.Context, ev *StasisStart) error {
				assert.True(t, ev.Synthetic())
				assert.Equal(t, []string{"a", "b"}, ev.Args)
				entered.add(ev.Channel.ID)
				return nil
			})
			On(c, func(_ context.Context, ev *Connected) error {
				for _, id := range ev.Entered {
					listed.add(id)
				}
				return nil
			})
			require.NoError(t, c.Connect(t.Context()))
			synctest.Wait()
			assert.Equal(t, want, entered.all())
			assert.Equal(t, want, listed.all())
			assert.Equal(t, len(want), c.Stats().Calls)
			require.NoError(t, c.Close(t.Context()))
		})
	}
}

// What is to be done on the first connection is done on the second one if the first is lost before.
func TestAdoptionWhereTheFirstConnectionIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.client(WithAdoption(), WithSweep())
		left := newIDs("hello", newRun()).next()
		a.set(func() {
			a.channels["old"], a.channels[left] = inStasis("hello"), inStasis("hello")
			a.sources["hello"] = []string{"channel:old", "channel:" + left}
			a.fail = func(_, path string) int {
				if path == "/channels" {
					return 503
				}
				return 0
			}
		})
		up := Subscribe[*Connected](c)
		connected := make(chan error, 1)
		go func() { connected <- c.Connect(t.Context()) }()
		synctest.Wait()
		a.drop()
		a.set(func() { a.fail = nil })
		require.NoError(t, <-connected)
		ev, err := up.Next(t.Context())
		require.NoError(t, err)
		assert.True(t, ev.Resumed)
		assert.Contains(t, ev.Entered, "old")
		assert.Equal(t, 1, a.requested("DELETE /ari/channels/"+left))
		a.reconnect()
		time.Sleep(time.Minute) // of the bubble's time, for what must not come
		assert.Equal(t, 1, a.requested("DELETE /ari/channels/"+left), "once is enough")
		require.NoError(t, c.Close(t.Context()))
	})
}

// An adopted channel that is moved into its own application much later enters it once more.
func TestAdoptedChannelMovesIntoItsOwnApplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		a.set(func() {
			a.channels["c1"] = inStasis("hello")
			a.sources["hello"] = []string{"channel:c1"}
		})
		c := a.connected(WithAdoption())
		var entered bag[string]
		c.OnStasisStart(func(_ context.Context, ev *StasisStart) error { entered.add(ev.Channel.ID); return nil })
		time.Sleep(time.Minute) // of the bubble's time: much later
		require.NoError(t, a.send(endFrame("c1"), startFrame("c1")))
		synctest.Wait()
		assert.Equal(t, []string{"c1"}, entered.all())
		assert.Equal(t, 1, c.Stats().Calls)
	})
}
