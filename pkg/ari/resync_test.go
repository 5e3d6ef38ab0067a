package ari

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
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

func TestSubscriptionsAndFilterAreRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		a := newAsterisk(t)
		c := a.connected(WithLogger(book.logger()))
		c.first().wanted.add("hello", []string{"channel:c1", "deviceState:Stasis:x", "endpoint:PJSIP/alice", "bridge:gone"})
		c.first().wanted.add("hello", []string{"channel:c2"})
		c.first().wanted.remove("hello", []string{"channel:c2"})
		c.first().wanted.add("another", []string{"channel:"})
		c.first().filtered("hello", json.RawMessage(`{"allowed":[{"type":"StasisStart"}],"disallowed":[]}`), nil)
		a.set(func() {
			a.channels["c1"] = inStasis("hello")
			a.sources["hello"] = []string{"channel:c1"} // This it still knows.
			a.unknown = "bridge:gone"
		})
		a.reconnect()
		assert.ElementsMatch(t, []string{"channel:c1", "deviceState:Stasis:x", "endpoint:PJSIP/alice"}, a.sources["hello"])
		assert.Equal(t, []string{"channel:"}, a.sources["another"])
		assert.JSONEq(t, `{"allowed":[{"type":"StasisStart"}],"disallowed":[]}`, a.filters["hello"])
		assert.Len(t, book.with("Asterisk refuses to restore"), 1)
		sources, _ := c.first().wanted.of("hello")
		assert.NotContains(t, sources, "bridge:gone")
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

func TestSubscriptionsToWhatIsGoneAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		app := c.ARI().Application("")
		_, err := app.Subscribe(t.Context(), "channel:c1", "bridge:b1", "bridge:b2")
		require.NoError(t, err)
		require.NoError(t, a.send(destroyedFrame("c1"), bridgeFrame("BridgeDestroyed", "b1")))
		synctest.Wait()
		sources, _ := c.first().wanted.of("hello")
		assert.Equal(t, []string{"bridge:b2"}, sources)
	})
}

// While an event filter is set, a mute connection can't be told. An empty filter is none.
func TestEmptyFilterIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		for _, filter := range []EventFilter{{Disallowed: []string{"ChannelVarset"}}, {}} {
			_, err := c.ARI().Application("").Filter(t.Context(), filter)
			require.NoError(t, err)
		}
		a.set(func() { a.mute = 1 })
		a.reconnect()
		require.Eventually(t, func() bool { return a.connections() == 3 }, time.Minute, time.Second)
	})
}

// Where the application is left from an earlier process, Asterisk ignores what the handshake says.
func TestSubscribeAllToAnApplicationThatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		a.set(func() { a.sources["hello"] = []string{"channel:old"} })
		a.connected(WithSubscribeAll())
		synctest.Wait()
		assert.Subset(t, a.sources["hello"], allSources)
	})
}

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

func TestSubscriptionsOfAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		a.unknown = "endpoint:PJSIP/nobody"
		failures := 2
		a.fail = func(_, path string) int {
			if failures > 0 && path == "/applications/hello/subscription" {
				failures--
				return http.StatusInternalServerError
			}
			return 0
		}
		var errs bag[error]
		c := a.client(WithSubscriptions("channel:", "bridge:b1"), WithSubscriptions("endpoint:PJSIP/nobody"), WithApplications("other"),
			WithErrorHandler(func(_ context.Context, err error) { errs.add(err) }))
		var got bag[string]
		On(c, func(_ context.Context, ev Event) error { got.add(ev.Header().Type); return nil })

		hurry, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, c.Connect(hurry), context.DeadlineExceeded)
		assert.Empty(t, got.all(), "it isn't connected as it should be yet")
		require.NoError(t, c.Connect(t.Context()))
		assert.Equal(t, []string{"bridge:b1", "channel:"}, slices.Sorted(slices.Values(a.sources["hello"])))
		assert.Empty(t, a.sources["other"])
		synctest.Wait()
		assert.Equal(t, []string{"Connected"}, got.all())
		assert.Len(t, errs.all(), 2)
		assert.Equal(t, 1, a.connections())

		a.set(func() { a.sources["hello"] = nil })
		a.reconnect()
		synctest.Wait()
		assert.Equal(t, []string{"bridge:b1", "channel:"}, slices.Sorted(slices.Values(a.sources["hello"])))
		require.NoError(t, c.Close(t.Context()))
	})
}

func TestBadSubscriptions(t *testing.T) {
	for _, source := range []string{"", "channel", "device:x"} {
		_, err := NewClient("http://asterisk:8088/ari", "hello", WithSubscriptions("bridge:", source))
		require.ErrorContains(t, err, fmt.Sprintf("%q is no event source", source))
	}
}

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
		time.Sleep(time.Minute)
		assert.Equal(t, 1, a.requested("DELETE /ari/channels/"+left), "once is enough")
		require.NoError(t, c.Close(t.Context()))
	})
}

func TestWaitConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.client()
		var waited bag[error]
		wait := func() { waited.add(c.WaitConnected(t.Context())) }
		go wait()
		synctest.Wait()
		assert.Empty(t, waited.all())
		require.NoError(t, c.Connect(t.Context()))
		synctest.Wait()
		assert.Equal(t, []error{nil}, waited.all())
		wait()
		assert.Len(t, waited.all(), 2, "at once")

		hold := make(chan struct{})
		a.set(func() { a.hook = func(string, string) { <-hold } })
		a.drop()
		synctest.Wait()
		go wait()
		time.Sleep(time.Minute)
		assert.True(t, c.Stats().Connected)
		assert.Len(t, waited.all(), 2, "it isn't in step yet")
		close(hold)
		synctest.Wait()
		assert.Equal(t, []error{nil, nil, nil}, waited.all())

		a.drop()
		synctest.Wait()
		go wait()
		require.NoError(t, c.Close(t.Context()))
		synctest.Wait()
		require.ErrorIs(t, waited.all()[3], ErrClosed)
		assert.Zero(t, c.Stats().Listeners)
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
		time.Sleep(time.Minute)
		require.NoError(t, a.send(endFrame("c1"), startFrame("c1")))
		synctest.Wait()
		assert.Equal(t, []string{"c1"}, entered.all())
		assert.Equal(t, 1, c.Stats().Calls)
	})
}

// While Asterisk starts, its endpoints aren't there yet.
func TestSubscriptionToAnEndpointIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		a.set(func() { a.unknown = "endpoint:PJSIP/1" })
		a.connected(WithSubscriptions("endpoint:PJSIP/1"))
		assert.Empty(t, a.sources["hello"])
		a.set(func() { a.unknown = "" })
		a.reconnect()
		assert.Equal(t, []string{"endpoint:PJSIP/1"}, a.sources["hello"])
	})
}

func TestConnectTellsWhatKeepsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		a.set(func() { a.fail = func(string, string) int { return http.StatusForbidden } })
		c := a.client(WithSubscriptions("endpoint:"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := c.Connect(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, ErrForbidden)
		require.NoError(t, c.Close(t.Context()))
	})
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
