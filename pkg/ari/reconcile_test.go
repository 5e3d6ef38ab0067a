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

// What ended in the gap ends here: contexts, subscriptions, waits. Handlers of
// StasisEnd get one for each channel, and Connected names them.
func TestGapEndsWhatEndedInIt(t *testing.T) {
	for name, now := range map[string]channelState{
		"destroyed":                  {},
		"left for the dialplan":      {state: "Up", app: "Wait", appData: "60"},
		"left for nothing in a hold": {state: "Up"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAsterisk(t)
				c := a.connected()
				var causes, order bag[error]
				var ends bag[*StasisEnd]
				var ups bag[*Connected]
				c.OnStasisStart(func(ctx context.Context, ev *StasisStart) error {
					if ev.Channel.ID == "gone" {
						<-ctx.Done()
						causes.add(context.Cause(ctx))
					}
					<-ctx.Done()
					order.add(ctx.Err())
					return nil
				})
				c.OnStasisEnd(func(_ context.Context, ev *StasisEnd) error { ends.add(ev); return nil })
				On(c, into(&ups, func(ev *Connected) *Connected { return ev }))
				require.NoError(t, a.send(startFrame("gone"), startFrame("stays")))
				synctest.Wait()
				sub := Subscribe[Event](c.ARI().Channel("gone"))
				stays := Subscribe[Event](c.ARI().Channel("stays"))
				everything := Subscribe[*StasisEnd](c)
				lf := c.expects(kindChannel, "gone", entityKey{})
				lf.settle(nil)

				a.set(func() {
					a.channels["stays"] = inStasis("hello")
					a.sources["hello"] = []string{"channel:stays", "channel:gone"} // as the real one: that says nothing
					if now.state != "" {
						a.channels["gone"] = now
					}
				})
				a.reconnect()

				require.Len(t, causes.all(), 1)
				require.ErrorIs(t, causes.all()[0], ErrGap)
				require.NotErrorIs(t, causes.all()[0], ErrEnded)
				require.EqualError(t, causes.all()[0], "ari: channel gone: ended while the connection was down")
				assert.Len(t, order.all(), 1) // The other one's context lives.
				require.Len(t, ends.all(), 1)
				end := ends.all()[0]
				assert.True(t, end.Synthetic())
				assert.Nil(t, end.Raw())
				assert.Equal(t, "hello", end.Application)
				assert.Equal(t, "StasisEnd", end.Type)
				assert.Equal(t, "gone", end.Channel.ID)
				assert.Equal(t, "PJSIP/alice-00000001", end.Channel.Name) // as last seen
				assert.False(t, end.Timestamp.IsZero())

				assert.Equal(t, []string{"StasisEnd"}, waitingTypes(sub))
				_, err := sub.Next(t.Context())
				require.ErrorIs(t, err, ErrGap)
				require.NoError(t, stays.Err())
				require.NoError(t, everything.Err())
				assert.Equal(t, []string{"StasisEnd"}, waitingTypes(everything))
				_, err = lf.wait(t.Context(), stageEnded)
				require.ErrorIs(t, err, ErrGap)
				require.Len(t, ups.all(), 1)
				assert.Equal(t, []string{"gone"}, ups.all()[0].Ended)

				// Its own StasisEnd, late, would be the second one.
				require.NoError(t, a.send(endFrame("gone"), endFrame("stays")))
				synctest.Wait()
				require.Len(t, ends.all(), 2)
				assert.Equal(t, "stays", ends.all()[1].Channel.ID)
				assert.Zero(t, c.Stats().Calls)

				// When the channel comes back, that is a new stay.
				require.NoError(t, a.send(startFrame("gone"), endFrame("gone")))
				synctest.Wait()
				assert.Len(t, ends.all(), 3)
			})
		})
	}
}

func TestGapWithSubscribeAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected(WithSubscribeAll())
		var ends bag[string]
		c.OnStasisEnd(func(_ context.Context, ev *StasisEnd) error { ends.add(ev.Channel.ID); return nil })
		require.NoError(t, a.send(startFrame("gone"), startFrame("left"), startFrame("stays")))
		synctest.Wait()
		left := Subscribe[Event](c.ARI().Channel("left"))
		a.set(func() {
			a.sources["hello"] = []string{"channel:stays"} // The rest is forgotten.
			a.channels["stays"] = inStasis("hello")
			a.channels["left"] = channelState{state: "Up", app: "Dial"}
		})
		a.reconnect()
		assert.ElementsMatch(t, []string{"gone", "left"}, ends.all())
		require.NoError(t, left.Err()) // Its events go on.
		assert.Subset(t, a.sources["hello"], allSources)

		// What Asterisk still knows is not subscribed to twice.
		a.reconnect()
		assert.Equal(t, 1, a.requested("POST /ari/applications/hello/subscription"))
	})
}

func TestGapAndTheOtherEntities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		ctrl := c.ARI()
		for _, id := range []string{"gone", "stays"} {
			c.expects(kindPlayback, "p-"+id, entityKey{}).settle(nil)
		}
		recording := c.expects(kindRecording, "r", entityKey{})
		recording.settle(nil)
		subs := map[string]*Subscription[Event]{
			"b-gone": Subscribe[Event](ctrl.Bridge("b-gone")), "b-stays": Subscribe[Event](ctrl.Bridge("b-stays")),
			"p-gone": Subscribe[Event](ctrl.Playback("p-gone")), "p-stays": Subscribe[Event](ctrl.Playback("p-stays")),
			"endpoint": Subscribe[Event](ctrl.Endpoint("PJSIP", "alice")),
		}
		ringing := c.expects(kindChannel, "c1", entityKey{})
		ringing.settle(nil)
		before := c.Stats().Listeners
		a.set(func() {
			a.bridges = []string{"b-stays"}
			a.playbacks["p-stays"] = true
			a.channels["c1"] = inStasis("hello")
		})
		a.reconnect()
		for name, sub := range subs {
			if name == "b-gone" || name == "p-gone" {
				require.ErrorIs(t, sub.Err(), ErrGap, name)
			} else {
				require.NoError(t, sub.Err(), name)
			}
		}
		_, err := recording.wait(t.Context(), stageEnded)
		require.ErrorIs(t, err, ErrGap)
		assert.Equal(t, before-4, c.Stats().Listeners)

		// Answered, and in the application, since the connection was lost.
		_, err = ringing.wait(t.Context(), stageAnswered)
		require.NoError(t, err)
		_, err = ringing.wait(t.Context(), stageEntered)
		require.NoError(t, err)
	})
}

// Events of the new connection come while the client is still asking. They are
// neither held up nor overtaken, and nothing is ended twice.
func TestEventsDuringResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		var log bag[string]
		alive := make(map[string]context.Context)
		var mu sync.Mutex
		c.OnStasisStart(func(ctx context.Context, ev *StasisStart) error {
			mu.Lock()
			defer mu.Unlock()
			alive[ev.Channel.ID] = ctx
			log.add("start " + ev.Channel.ID)
			return nil
		})
		c.OnStasisEnd(func(_ context.Context, ev *StasisEnd) error {
			if ev.Synthetic() {
				log.add("synthetic end " + ev.Channel.ID)
			} else {
				log.add("end " + ev.Channel.ID)
			}
			return nil
		})
		On(c, func(context.Context, *Connected) error { log.add("connected"); return nil })
		require.NoError(t, a.send(startFrame("old"), startFrame("ends"), startFrame("returns"), startFrame("lost")))
		synctest.Wait()

		hold := make(chan struct{})
		a.set(func() {
			a.channels["old"] = inStasis("hello")
			a.sources["hello"] = []string{"channel:old"}
			a.hook = func(_, path string) {
				if path == "/applications/hello" {
					<-hold // The list of channels has been made.
				}
			}
		})
		a.reconnect()
		require.NoError(t, a.send(startFrame("new"), endFrame("ends"), startFrame("returns"), dtmfFrame("old", "1")))
		synctest.Wait()
		assert.ElementsMatch(t, []string{
			"start old", "start ends", "start returns", "start lost", // before
			"start new", "end ends", "synthetic end returns", "start returns",
		}, log.all())
		close(hold)
		synctest.Wait()
		assert.ElementsMatch(t, []string{"synthetic end lost", "connected"}, log.all()[8:])
		for id, want := range map[string]error{"old": nil, "new": nil, "returns": nil, "ends": context.Canceled, "lost": context.Canceled} {
			assert.Equal(t, want, alive[id].Err(), id)
		}
		assert.Equal(t, 3, c.Stats().Calls)

		// The end that came too late for its place.
		require.NoError(t, a.send(endFrame("lost"), endFrame("returns")))
		synctest.Wait()
		assert.Equal(t, []string{"end returns"}, log.all()[10:])
	})
}

// A request that is under way during a resync cannot be judged by it.
func TestResyncSparesWhatIsBeingMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		made := c.expects(kindChannel, "c1", entityKey{})
		lost := c.expects(kindPlayback, "p1", entityKey{})
		a.reconnect()
		assert.Equal(t, 2, c.Stats().Listeners)
		a.set(func() { a.channels["c1"] = inStasis("hello") })
		made.settle(nil)
		lost.settle(nil) // but has ended since
		_, err := made.wait(t.Context(), stageAnswered)
		require.NoError(t, err)
		_, err = lost.wait(t.Context(), stageEnded)
		require.ErrorIs(t, err, ErrGap)

		// The next resync can judge it.
		a.set(func() { delete(a.channels, "c1") })
		a.reconnect()
		_, err = made.wait(t.Context(), stageEnded)
		require.ErrorIs(t, err, ErrGap)
	})
}

func TestResyncIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs bag[error]
		a := newAsterisk(t)
		c := a.connected(WithErrorHandler(func(_ context.Context, err error) { errs.add(err) }))
		var ups bag[*Connected]
		On(c, into(&ups, func(ev *Connected) *Connected { return ev }))
		c.OnStasisEnd(noop[*StasisEnd])
		require.NoError(t, a.send(startFrame("gone")))
		c.expects(kindPlayback, "p1", entityKey{}).settle(nil)
		synctest.Wait()
		a.set(func() {
			a.fail = func(_, path string) int {
				if path == "/playbacks/p1" { // after the channel's end has been found
					return 500
				}
				return 0
			}
		})
		a.reconnect()
		time.Sleep(time.Minute)
		assert.NotEmpty(t, errs.all())
		assert.Empty(t, ups.all())

		a.reconnect() // It may be lost again before it is through.
		a.set(func() { a.fail = nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, ups.all(), 1)
		assert.Equal(t, []string{"gone"}, ups.all()[0].Ended)
		assert.Zero(t, c.Stats().Listeners)
	})
}

// Two resyncs must not be under way at once, and Close does not wait for one.
func TestResyncEndsWithItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.client()
		require.NoError(t, c.Connect(t.Context()))
		a.set(func() { a.hook = func(string, string) { time.Sleep(time.Hour) } })
		a.reconnect()
		a.reconnect()
		began := time.Now()
		require.NoError(t, c.Close(t.Context()))
		assert.Zero(t, time.Since(began))
		time.Sleep(2 * time.Hour)
	})
}

// A StasisStart that Asterisk wrote into a dead connection leaves a caller whom nobody knows of.
func TestGapStartsWhatEnteredInIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		var starts bag[*StasisStart]
		var ends bag[string]
		var ups bag[*Connected]
		On(c, into(&ups, func(ev *Connected) *Connected { return ev }))
		c.OnStasisStart(func(ctx context.Context, ev *StasisStart) error {
			starts.add(ev)
			<-ctx.Done()
			ends.add(ev.Channel.ID)
			return nil
		})
		require.NoError(t, a.send(startFrame("known")))
		synctest.Wait()
		require.Len(t, starts.all(), 1)

		a.set(func() {
			a.channels["known"] = inStasis("hello")
			a.channels["lost"] = inStasis("hello")
			a.channels["foreign"] = inStasis("other")
			a.channels["elsewhere"] = channelState{state: "Up", app: "Dial", appData: "hello"}
			a.sources["hello"] = []string{"channel:known", "channel:lost"}
		})
		a.reconnect()
		synctest.Wait()
		require.Len(t, starts.all(), 2)
		start := starts.all()[1]
		assert.Equal(t, "lost", start.Channel.ID)
		assert.Equal(t, []string{"a", "b"}, start.Args)
		assert.Equal(t, "hello", start.Application)
		assert.True(t, start.Synthetic())
		require.Len(t, ups.all(), 1)
		assert.Equal(t, []string{"lost"}, ups.all()[0].Entered)
		assert.Empty(t, ups.all()[0].Ended)

		// Asterisk's own, if it comes late, doesn't start the call again; a later one does.
		require.NoError(t, a.send(startFrame("lost")))
		synctest.Wait()
		assert.Len(t, starts.all(), 2)
		assert.Empty(t, ends.all())
		require.NoError(t, a.send(endFrame("lost")))
		require.NoError(t, a.send(startFrame("lost")))
		synctest.Wait()
		assert.Len(t, starts.all(), 3)
		assert.Equal(t, []string{"lost"}, ends.all())
	})
}

// A channel that was moved to another application goes on showing ours. It is none of our business any more.
func TestGapAndAChannelThatWasMoved(t *testing.T) {
	for name, opts := range map[string][]Option{"its own subscription": nil, "subscribed to all": {WithSubscribeAll()}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAsterisk(t)
				c := a.connected(opts...)
				var starts bag[bool]
				c.OnStasisStart(func(_ context.Context, ev *StasisStart) error { starts.add(ev.Synthetic()); return nil })
				require.NoError(t, a.send(startFrame("moved"), endFrame("moved")))
				synctest.Wait()
				a.set(func() {
					a.channels["moved"] = inStasis("hello")
					a.sources["other"] = []string{"channel:moved"}
				})
				a.reconnect()
				synctest.Wait()
				assert.Equal(t, []bool{false}, starts.all())
				a.set(func() { delete(a.channels, "moved") })
				a.reconnect()
				assert.Zero(t, c.first().roster.Len())
			})
		})
	}
}

// What has ended ends, even if Asterisk fails to answer the next question.
func TestGapWhereALaterQuestionFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		var causes bag[error]
		c.OnStasisStart(func(ctx context.Context, _ *StasisStart) error {
			<-ctx.Done()
			causes.add(context.Cause(ctx))
			return nil
		})
		require.NoError(t, a.send(startFrame("gone")))
		synctest.Wait()
		a.set(func() {
			a.fail = func(_, path string) int {
				if path == "/bridges" {
					return http.StatusInternalServerError
				}
				return 0
			}
		})
		a.drop()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, causes.all(), 1)
		require.ErrorIs(t, causes.all()[0], ErrGap)
	})
}
