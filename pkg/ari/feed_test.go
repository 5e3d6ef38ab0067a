package ari

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCheckEndsWithItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		lf := c.expects(kindPlayback, "p1", entityKey{})
		a.reconnect()
		a.set(func() { a.fail = func(string, string) int { return http.StatusInternalServerError } })
		lf.settle(nil)
		require.NoError(t, a.send(playbackFrame("PlaybackFinished", "p1", "bridge:b1", "done")))
		synctest.Wait()
		_, err := lf.wait(t.Context(), stageEnded)
		require.NoError(t, err)
		before := a.requested("/playbacks/p1")
		time.Sleep(24 * time.Hour)
		assert.LessOrEqual(t, a.requested("/playbacks/p1"), before+1)
	})
}

// What is waited for is subscribed to where the application wouldn't hear of it.
func TestHearing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		wait := func(id string) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := c.ARI().Channel(id).WaitEnd(ctx)
			return err
		}
		a.set(func() {
			a.channels["ours"], a.channels["foreign"] = inStasis("hello"), channelState{state: "Up", app: "Dial"}
		})
		require.NoError(t, a.send(startFrame("ours")))
		synctest.Wait()
		require.ErrorIs(t, wait("ours"), context.DeadlineExceeded)
		assert.Empty(t, a.sources["hello"])
		time.AfterFunc(time.Second, func() { assert.NoError(t, a.send(destroyedFrame("foreign"))) })
		require.NoError(t, wait("foreign"))
		assert.Equal(t, []string{"channel:foreign"}, a.sources["hello"])
		require.ErrorIs(t, wait("none"), ErrNotFound)

		for range 2 {
			_, err := c.ARI().Bridge("b1").Play(t.Context(), "sound:hello")
			require.ErrorIs(t, err, ErrNotFound) // The fake has no such operation.
			_, err = c.ARI().Bridge("b1").Record(t.Context(), "r", "wav")
			require.ErrorIs(t, err, ErrNotFound)
		}
		assert.Equal(t, 1, a.requested("eventSource=bridge%3Ab1"))
	})
}

// Asterisk doesn't tell of the end of a bridge whose channels have left it. What it tells before may come after the answer.
func TestStoppedBridgeEndsItsSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		a.set(func() {
			a.fail = func(method, _ string) int {
				if method == http.MethodDelete {
					return http.StatusNoContent
				}
				return 0
			}
		})
		c := a.connected()
		sub := Subscribe[*ChannelEnteredBridge](c.ARI().Bridge("b1"))
		other := Subscribe[Event](c.ARI().Bridge("b2"))
		require.NoError(t, c.ARI().StopBridge(t.Context(), "b1"))
		require.NoError(t, a.send(enteredBridgeFrame("b1", "c1")))
		_, err := sub.Next(t.Context())
		require.NoError(t, err)
		_, err = sub.Next(t.Context())
		require.ErrorIs(t, err, ErrEnded)
		require.NoError(t, other.Err())

		// Where Asterisk does tell, the event ends them.
		c.first().wanted.add("hello", []string{"bridge:b2"})
		require.NoError(t, c.ARI().StopBridge(t.Context(), "b2"))
		time.Sleep(time.Minute)
		require.NoError(t, other.Err())
		require.NoError(t, a.send(bridgeFrame("BridgeDestroyed", "b2")))
		synctest.Wait()
		require.ErrorIs(t, other.Err(), ErrEnded)
	})
}

func TestRecordingErrorWithoutARecording(t *testing.T) {
	c := offline(t)
	lf := c.expects(kindRecording, "r1", entityKey{})
	lf.settle(nil)
	rec := &LiveRecording{life: lf, ctrl: c.ARI()}
	c.receive(`{"type":"RecordingFailed","recording":{"name":"r1","state":"failed"},"recording":null` + frameTail)
	_, err := rec.Wait(t.Context())
	require.ErrorIs(t, err, ErrRecordingFailed)
	assert.EqualError(t, err, "ari: recording failed")
}

func TestOriginateWhileTheClientCloses(t *testing.T) {
	for range 100 {
		c, err := NewClient("http://asterisk:8088/ari", "hello", WithLogger(quiet))
		require.NoError(t, err)
		c.first().state.set(phaseInStep)
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 20 {
				c.originates(c.ARI().NewID())
			}
		})
		wg.Go(func() { assert.NoError(t, c.Close(context.Background())) })
		wg.Wait()
		assert.Empty(t, c.first().wanted.subscribed)
	}
}
