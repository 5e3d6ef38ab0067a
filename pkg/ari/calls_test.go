package ari

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each call has one handler and one context, however often its beginning is told.
func TestCallBeginsOnce(t *testing.T) {
	for name, test := range map[string]struct {
		frames []string
		starts int // handlers that were called
		alive  int // of their contexts
		calls  int
	}{
		"the same frame again":       {[]string{at(1, startFrame("c1")), at(1, startFrame("c1"))}, 1, 1, 1},
		"again, its end wasn't told": {[]string{at(1, startFrame("c1")), at(2, startFrame("c1"))}, 2, 1, 1},
		"its end is told twice":      {[]string{at(1, startFrame("c1")), at(2, endFrame("c1")), at(2, endFrame("c1"))}, 1, 0, 0},
		"the beginning comes again after the end": {
			[]string{at(1, startFrame("c1")), at(2, endFrame("c1")), at(1, startFrame("c1"))}, 1, 0, 0,
		},
		"destroyed before its end": {[]string{at(1, startFrame("c1")), destroyedFrame("c1"), at(2, endFrame("c1"))}, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := offline(t, WithSubscribeAll())
				var started, ended bag[string]
				c.OnStasisStart(func(ctx context.Context, ev *StasisStart) error {
					started.add(ev.Channel.ID)
					<-ctx.Done()
					ended.add(ev.Channel.ID)
					return nil
				})
				ends := Subscribe[*StasisEnd](c)
				for _, frame := range test.frames {
					c.first().receive(Frame{Data: []byte(frame)})
					synctest.Wait()
				}
				assert.Len(t, started.all(), test.starts)
				assert.Len(t, ended.all(), test.starts-test.alive)
				assert.Equal(t, test.calls, c.Stats().Calls)
				assert.Len(t, waitingTypes(ends), map[bool]int{true: 1}[test.calls == 0])
				assert.Equal(t, test.calls, c.first().roster.Len())
			})
		})
	}
}

// Asterisk's own StasisStart may come long after the one that was made up for it.
func TestOwnStartLongAfterTheMadeUpOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		var started, ended bag[string]
		c.OnStasisStart(func(ctx context.Context, ev *StasisStart) error {
			started.add(ev.Channel.ID)
			<-ctx.Done()
			ended.add(ev.Channel.ID)
			return nil
		})
		a.set(func() {
			a.channels["c1"] = inStasis("hello")
			a.sources["hello"] = []string{"channel:c1"}
		})
		a.reconnect()
		require.Len(t, started.all(), 1)
		time.Sleep(time.Hour)
		require.NoError(t, a.send(startFrame("c1")))
		synctest.Wait()
		assert.Len(t, started.all(), 1)
		assert.Empty(t, ended.all())
		assert.Equal(t, 1, c.Stats().Calls)
		require.NoError(t, a.send(endFrame("c1")))
		synctest.Wait()
		assert.Len(t, ended.all(), 1)
		assert.Zero(t, c.Stats().Calls)
	})
}

// A channel that was originated into one application, and moved to another in the gap, is in that one.
func TestGapAndAnOriginatedChannelThatWasMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected(WithApplications("other"))
		var started bag[string]
		var causes bag[error]
		c.OnStasisStart(func(ctx context.Context, ev *StasisStart) error {
			started.add(ev.Application)
			<-ctx.Done()
			causes.add(context.Cause(ctx))
			return nil
		})
		c.originates("c1").settle(nil)
		require.NoError(t, a.send(startFrame("c1")))
		// It has been in the other one before.
		require.NoError(t, a.send(endFrame("c1"), inApp("other", startFrame("c1")), inApp("other", endFrame("c1")), startFrame("c1")))
		synctest.Wait()
		require.Len(t, causes.all(), 2)
		a.set(func() {
			a.channels["c1"] = inStasis("hello") // which it goes on showing
			a.sources["hello"] = []string{"channel:c1"}
			a.sources["other"] = []string{"channel:c1"}
		})
		a.reconnect()
		assert.Equal(t, []string{"hello", "other", "hello", "other"}, started.all())
		require.Len(t, causes.all(), 3)
		require.ErrorIs(t, causes.all()[2], ErrGap)
		assert.Equal(t, 1, c.Stats().Calls)
	})
}
