package ari

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Promise 6: queues are bounded, what is lost is counted and told once per
// episode, and events that start or end something are never lost.
func TestOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		var errs bag[error]
		c := offline(t, WithEventBuffer(10), WithLogger(book.logger()),
			WithErrorHandler(func(_ context.Context, err error) { errs.add(err) }))
		step := make(chan struct{})
		var got bag[string]
		On(c, func(_ context.Context, ev Event) error {
			<-step
			if v, ok := ev.(*ChannelVarset); ok {
				got.add(v.Value)
			} else {
				got.add(ev.Header().Type)
			}
			return nil
		})
		episode := func() {
			for i := range 100 {
				c.receive(varsetFrame("c1", fmt.Sprint(i)))
			}
			for _, typ := range []string{"StasisStart", "StasisEnd", "ChannelDestroyed"} {
				c.receive(channelFrame(typ, "c1"))
			}
			c.receive(bridgeFrame("BridgeDestroyed", "b1"), playbackFrame("PlaybackFinished", "p1", "channel:c1", "done"),
				recordingFrame("RecordingFinished", "r1", "channel:c1", "done"), recordingFrame("RecordingFailed", "r1", "channel:c1", "failed"),
				`{"type":"Dial","peer":`+channelJSON("c1", "Up")+`,"dialstatus":"ANSWER"`+frameTail)
			synctest.Wait()
		}
		episode()
		require.Len(t, errs.all(), 1)
		var overflow *OverflowError
		require.ErrorAs(t, errs.all()[0], &overflow)
		assert.Equal(t, "handler of ari.Event", overflow.Listener)
		assert.Equal(t, Entity{"channel", "c1"}, overflow.Entity)
		assert.True(t, overflow.Losing)
		assert.EqualError(t, overflow, "ari: handler of ari.Event falls behind on channel c1: 10 events wait, more are lost")
		assert.Len(t, book.with("falls behind"), 1)
		assert.Empty(t, book.with("caught up"))
		assert.EqualValues(t, 89, c.Stats().Lost) // 1 runs, 10 wait
		assert.Equal(t, 17, c.Stats().Waiting)    // and 7 vital ones of this lane

		close(step)
		synctest.Wait()
		assert.ElementsMatch(t, []string{
			"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "BridgeDestroyed",
			"StasisStart", "StasisEnd", "ChannelDestroyed", "PlaybackFinished", "RecordingFinished", "RecordingFailed", "Dial",
		}, got.all())
		require.Len(t, book.with("caught up"), 1)
		assert.Contains(t, book.with("caught up")[0], "lost=89")
		assert.Zero(t, c.Stats().Waiting)

		step = make(chan struct{})
		episode()
		assert.Len(t, errs.all(), 2)
		assert.Len(t, book.with("falls behind"), 2)
		close(step)
		synctest.Wait()
		assert.Len(t, book.with("caught up"), 2)
	})
}

// Whoever has fallen behind takes nothing from the others' share, however many they are.
func TestOverflowStarvesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const buffer, behind = 20, 120
		c := offline(t, WithEventBuffer(buffer))
		release := make(chan struct{})
		On(c, func(context.Context, *ChannelVarset) error { <-release; return nil })
		keypad := Subscribe[*ChannelDtmfReceived](c.ARI().Channel("caller"))
		for i := range behind {
			for range 1 + buffer { // one runs
				c.receive(varsetFrame(fmt.Sprint("c", i), "x"))
			}
		}
		lost := c.Stats().Lost
		for range buffer {
			c.receive(dtmfFrame("caller", "1"))
		}
		assert.Len(t, waitingTypes(keypad), buffer)
		assert.Equal(t, lost, c.Stats().Lost)
		close(release)
	})
}

// Many bad frames are too many reports for a slow log; none of them waits.
func TestReportsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		release := make(chan struct{})
		c := offline(t, WithLogger(book.logger()), WithErrorHandler(func(context.Context, error) { <-release }))
		for range 10 * maxReports {
			c.receive(`{`)
		}
		close(release)
		synctest.Wait()
		assert.LessOrEqual(t, len(book.with("skipped a bad event")), maxReports+1) // one runs
		require.Len(t, book.with("reports were left out"), 1)
	})
}
