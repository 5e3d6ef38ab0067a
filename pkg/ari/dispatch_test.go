package ari

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Promise 1: the reader never waits for user code, whatever that does.
func TestReaderNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := offline(t,
			WithEventBuffer(8),
			WithErrorHandler(func(context.Context, error) { <-release }),
			WithLogger(slog.New(blockingLog{slog.DiscardHandler, release})))
		block := func() error { <-release; return errTest }
		On(c, func(context.Context, *ChannelVarset) error { return block() })
		On(c, func(context.Context, Event) error { return block() })
		c.OnStasisStart(func(context.Context, *StasisStart) error { panic(block()) })
		sub := Subscribe[Event](c)
		defer sub.Close()

		began := time.Now()
		for i := range 2000 {
			id := fmt.Sprint("c", i%10)
			c.receive(startFrame(id), varsetFrame(id, "v"), `{"broken`, endFrame(id), destroyedFrame(id))
		}
		assert.Zero(t, time.Since(began)) // Time passes only while all goroutines wait.
		close(release)
		synctest.Wait()
		assert.Positive(t, c.Stats().Lost)
	})
}

type blockingLog struct {
	slog.Handler
	release chan struct{}
}

func (b blockingLog) Enabled(context.Context, slog.Level) bool  { return true }
func (b blockingLog) Handle(context.Context, slog.Record) error { <-b.release; return nil }
func (b blockingLog) WithAttrs([]slog.Attr) slog.Handler        { return b }
func (b blockingLog) WithGroup(string) slog.Handler             { return b }

func noop[E Event](context.Context, E) error { return nil }

// into is a handler that collects what f makes of each event.
func into[E Event, T any](b *bag[T], f func(E) T) func(context.Context, E) error {
	return func(_ context.Context, ev E) error { b.add(f(ev)); return nil }
}

// Promise 2: each frame is decoded once, whoever listens, and not at all if
// nobody does.
func TestDecodesOnceOrNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		c.receive(startFrame("c1"), dtmfFrame("c1", "1"), endFrame("c1"), destroyedFrame("c1"))
		assert.Zero(t, c.Stats().Decoded)

		var seen bag[Event]
		On(c, into(&seen, func(ev *ChannelDtmfReceived) Event { return ev }))
		On(c, into(&seen, func(ev *ChannelDtmfReceived) Event { return ev }))
		On(c, into(&seen, func(ev Event) Event { return ev }))
		sub := Subscribe[*ChannelDtmfReceived](c.ARI().Channel("c1"))
		all := Subscribe[Event](c)
		c.receive(dtmfFrame("c1", "2"))
		synctest.Wait()
		assert.EqualValues(t, 1, c.Stats().Decoded)
		first, err := sub.Next(t.Context())
		require.NoError(t, err)
		second, err := all.Next(t.Context())
		require.NoError(t, err)
		for _, ev := range append(seen.all(), second) {
			assert.Same(t, first, ev)
		}
		assert.Equal(t, "2", first.Digit)
		assert.Same(t, c.ARI(), first.Channel.ctrl)
		assert.JSONEq(t, dtmfFrame("c1", "2"), string(first.Raw()))
		assert.False(t, first.Synthetic())
		assert.Equal(t, 2026, first.Timestamp.Year())

		sub.Close()
		all.Close()
		Subscribe[*ChannelDtmfReceived](c.ARI().Channel("other"))
		Subscribe[*ChannelStateChange](c.ARI().Channel("c1"))
		before := c.Stats().Decoded
		c.receive(varsetFrame("c1", "v"), deviceFrame("Stasis:x")) // The catch-all handler gets these.
		assert.EqualValues(t, before+2, c.Stats().Decoded)
	})
}

func TestEventsForOthersAreNotDecoded(t *testing.T) {
	c := offline(t)
	Subscribe[*ChannelVarset](c.ARI().Channel("c1"))
	Subscribe[*ChannelDtmfReceived](c.ARI().Channel("c2"))
	c.ARI().expect(expectation{kind: kindChannel, id: "c2", app: "hello"}).settle(nil)
	c.receive(varsetFrame("c2", "v"), dtmfFrame("c1", "1"), `{"type":"New","channel":{"id":"c1"}}`)
	assert.Zero(t, c.Stats().Decoded)
}

// Promise 3: a lane keeps the order, one event at a time; lanes run side by side.
func TestLanesKeepOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		var (
			mu      sync.Mutex
			values  = make(map[string][]string)
			inLane  = make(map[string]int)
			at      int
			atOnce  int
			overlap bool
		)
		On(c, func(_ context.Context, ev *ChannelVarset) error {
			mu.Lock()
			inLane[ev.Channel.ID]++
			overlap = overlap || inLane[ev.Channel.ID] > 1
			at++
			atOnce = max(atOnce, at)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			inLane[ev.Channel.ID]--
			at--
			values[ev.Channel.ID] = append(values[ev.Channel.ID], ev.Value)
			return nil
		})
		const channels, events = 20, 100
		var want []string
		for i := range events {
			want = append(want, fmt.Sprint(i))
			for ch := range channels {
				c.receive(varsetFrame(fmt.Sprint("c", ch), want[i]))
			}
		}
		time.Sleep(events * time.Millisecond) // as long as one lane takes
		synctest.Wait()
		require.Len(t, values, channels)
		for id, got := range values {
			assert.Equal(t, want, got, id)
		}
		assert.False(t, overlap)
		assert.Equal(t, channels, atOnce)
	})
}

func TestLongHandlerHoldsUpOnlyItsOwnLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		var digits, starts bag[string]
		c.OnStasisStart(func(ctx context.Context, ev *StasisStart) error {
			starts.add(ev.Channel.ID)
			<-ctx.Done()
			return ctx.Err()
		})
		On(c, into(&digits, func(ev *ChannelDtmfReceived) string { return ev.Digit }))
		c.receive(startFrame("c1"), dtmfFrame("c1", "1"), startFrame("c2"), dtmfFrame("c1", "2"))
		synctest.Wait()
		assert.Equal(t, []string{"1", "2"}, digits.all())
		assert.ElementsMatch(t, []string{"c1", "c2"}, starts.all())
	})
}

func TestLaneOfAnEvent(t *testing.T) {
	for name, tt := range map[string]struct {
		frame string
		want  string
	}{
		"channel":              {dtmfFrame("c1", "1"), "channel c1"},
		"channel and bridge":   {enteredBridgeFrame("b1", "c1"), "channel c1"},
		"bridge":               {bridgeFrame("BridgeCreated", "b1"), "bridge b1"},
		"playback on channel":  {playbackFrame("PlaybackStarted", "p1", "channel:c1", "playing"), "channel c1"},
		"playback on bridge":   {playbackFrame("PlaybackStarted", "p1", "bridge:b1", "playing"), "bridge b1"},
		"playback on nothing":  {playbackFrame("PlaybackStarted", "p1", "", "playing"), "playback p1"},
		"recording of channel": {recordingFrame("RecordingStarted", "r1", "channel:c1", "recording"), "channel c1"},
		"recording of nothing": {recordingFrame("RecordingStarted", "r1", "what:c1", "recording"), "recording r1"},
		"endpoint":             {`{"type":"EndpointStateChange","endpoint":{"resource":"alice","technology":"PJSIP","channel_ids":[]}` + frameTail, "endpoint PJSIP/alice"},
		"device":               {deviceFrame("Stasis:d"), "device state Stasis:d"},
		"no entity":            {`{"type":"ApplicationRegistered"` + frameTail, "nothing"},
		"global variable":      {`{"type":"ChannelVarset","variable":"X","value":"Y"` + frameTail, "nothing"},
		"dial without caller":  {`{"type":"Dial","peer":{"id":"c1"},"dialstatus":""` + frameTail, "channel c1"},
		"unknown type":         {`{"type":"New","channel":{"id":"c1"}` + frameTail, "channel c1"},
		"escaped id":           {`{"type":"StasisStart","channel":{"id":"a\/b\u00e9"}` + frameTail, "channel a/bé"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := offline(t)
				release := make(chan struct{})
				var keys bag[entityKey]
				On(c, func(ctx context.Context, _ Event) error {
					keys.add(c.hub.workers.ownWorker(ctx).about)
					<-release
					return nil
				})
				c.receive(tt.frame)
				synctest.Wait()
				require.Len(t, keys.all(), 1)
				assert.Equal(t, tt.want, keys.all()[0].String())
				assert.Equal(t, c.first().id, keys.all()[0].session)
				close(release)
			})
		})
	}
}

// Promise 4: an idle lane costs nothing.
func TestIdleLanesAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		On(c, noop[*ChannelVarset])
		before := runtime.NumGoroutine()
		for i := range 1000 {
			c.receive(varsetFrame(fmt.Sprint("c", i), "v"))
		}
		synctest.Wait()
		assert.LessOrEqual(t, runtime.NumGoroutine(), before)
		for h := range c.handlers.all() {
			assert.Zero(t, h.lanes.Len())
		}
		assert.Zero(t, c.Stats().Running)
	})
}

// A burst of a lane's events is one goroutine's work.
func TestLaneStartsOneGoroutinePerBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		var lanes bag[*worker]
		On(c, func(ctx context.Context, _ *ChannelVarset) error {
			lanes.add(c.hub.workers.ownWorker(ctx))
			time.Sleep(time.Millisecond)
			return nil
		})
		for range 100 {
			c.receive(varsetFrame("c1", "v"))
		}
		time.Sleep(time.Second)
		require.Len(t, lanes.all(), 100)
		for _, w := range lanes.all() {
			assert.Same(t, lanes.all()[0], w)
		}
	})
}

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

// Promise 7: a handler's panic or error harms no other handler.
func TestHandlerFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		var errs bag[error]
		c := offline(t, WithLogger(book.logger()), WithErrorHandler(func(_ context.Context, err error) {
			errs.add(err)
			panic("in the error handler, too")
		}))
		var good bag[string]
		On(c, func(_ context.Context, ev *ChannelDtmfReceived) error {
			switch ev.Digit {
			case "1":
				return errTest
			case "2":
				panic(errTest)
			case "3":
				runtime.Goexit()
			case "4":
				var nothing *Channel
				_ = nothing.Name
			}
			good.add(ev.Digit)
			return nil
		})
		On(c, into(&good, func(ev *ChannelDtmfReceived) string { return "other " + ev.Digit }))
		for _, digit := range []string{"1", "2", "3", "4", "5"} {
			c.receive(dtmfFrame("c1", digit))
		}
		synctest.Wait()
		assert.ElementsMatch(t, []string{"5", "other 1", "other 2", "other 3", "other 4", "other 5"}, good.all())

		require.Len(t, errs.all(), 3)
		for _, err := range errs.all()[:2] {
			require.ErrorIs(t, err, errTest)
		}
		var failed *HandlerError
		require.ErrorAs(t, errs.all()[0], &failed)
		assert.Equal(t, "1", failed.Event.(*ChannelDtmfReceived).Digit)
		assert.EqualError(t, failed, "ari: handler of *ari.ChannelDtmfReceived on ChannelDtmfReceived of channel c1: error of the test")
		var panicked *PanicError
		require.ErrorAs(t, errs.all()[1], &panicked)
		assert.Contains(t, string(panicked.Stack), "TestHandlerFailures")
		var crash runtime.Error
		require.ErrorAs(t, errs.all()[2], &crash)
		assert.Len(t, book.with("handler failed"), 3)
		assert.Contains(t, book.with("handler failed")[1], "TestHandlerFailures")
		assert.Len(t, book.with("panic in the error handler"), 3)
		assert.EqualValues(t, 3, c.Stats().Failed)
	})
}

func TestEndOfTheContextIsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs bag[error]
		c := offline(t, WithErrorHandler(func(_ context.Context, err error) { errs.add(err) }))
		ends := []func(ctx context.Context) error{
			func(ctx context.Context) error { return ctx.Err() },
			context.Cause,
			func(ctx context.Context) error { return fmt.Errorf("play: %w", ctx.Err()) },
			func(ctx context.Context) error { return fmt.Errorf("next: %w", ctxError(ctx)) },
			func(context.Context) error { return errTest },
		}
		for _, end := range ends {
			c.OnStasisStart(func(ctx context.Context, _ *StasisStart) error { <-ctx.Done(); return end(ctx) })
		}
		c.receive(startFrame("c1"), endFrame("c1"))
		synctest.Wait()
		require.Len(t, errs.all(), 1)
		assert.ErrorIs(t, errs.all()[0], errTest)
	})
}

// Promise 8: a StasisStart handler's context ends with the channel's stay, when
// that is read, and says why.
func TestCallContext(t *testing.T) {
	for name, tt := range map[string]struct {
		frames []string
		alive  bool
		reason error
		cause  string
	}{
		"left":                     {[]string{endFrame("c1")}, false, ErrLeftStasis, "ari: channel c1: channel left the application"},
		"destroyed":                {[]string{destroyedFrame("c1")}, false, ErrChannelDestroyed, "ari: channel c1: channel destroyed (cause 17, User busy)"},
		"destroyed, then left":     {[]string{destroyedFrame("c1"), endFrame("c1")}, false, ErrChannelDestroyed, ""},
		"another channel":          {[]string{endFrame("c2"), destroyedFrame("c3")}, true, nil, ""},
		"another application":      {[]string{inApp("other", endFrame("c1"))}, true, nil, ""},
		"moved here from there":    {[]string{inApp("other", startFrame("c1")), inApp("other", endFrame("c1"))}, true, nil, ""},
		"entered again after that": {[]string{endFrame("c1"), at(1, startFrame("c1"))}, false, ErrLeftStasis, ""},
		"hardly readable":          {[]string{`{"type":"StasisEnd","channel":{"id":"c1","name":7}` + frameTail}, false, ErrLeftStasis, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := offline(t)
				var ctxs bag[context.Context]
				release := make(chan struct{})
				defer close(release)
				On(c, noop[*StasisEnd])
				c.OnStasisStart(func(ctx context.Context, ev *StasisStart) error {
					if ev.Application == "hello" {
						ctxs.add(ctx)
					}
					return nil
				})
				// A lane that is stuck doesn't keep contexts from ending.
				On(c, func(context.Context, Event) error { <-release; return nil })
				c.receive(startFrame("c1"))
				synctest.Wait()
				require.Len(t, ctxs.all(), 1)
				ctx := ctxs.all()[0]
				require.NoError(t, ctx.Err())

				c.receive(tt.frames...)
				if tt.alive {
					require.NoError(t, ctx.Err())
					assert.Equal(t, 1, c.Stats().Calls)
					return
				}
				require.ErrorIs(t, ctx.Err(), context.Canceled)
				require.ErrorIs(t, context.Cause(ctx), tt.reason)
				require.ErrorIs(t, context.Cause(ctx), ErrEnded)
				require.NotErrorIs(t, context.Cause(ctx), ErrGap)
				var end *EndError
				require.ErrorAs(t, context.Cause(ctx), &end)
				assert.Equal(t, Entity{"channel", "c1"}, end.Entity)
				if tt.cause != "" {
					assert.EqualError(t, end, tt.cause)
				}
			})
		})
	}
}

func TestCallContextEndsBeforeStasisEndIsHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		var call context.Context
		c.OnStasisStart(func(ctx context.Context, _ *StasisStart) error { call = ctx; return nil })
		c.receive(startFrame("c1"))
		synctest.Wait()
		var ended bag[error]
		c.OnStasisEnd(func(context.Context, *StasisEnd) error { ended.add(call.Err()); return nil })
		c.receive(endFrame("c1"))
		synctest.Wait()
		assert.Equal(t, []error{context.Canceled}, ended.all())
	})
}

func TestHandlerContextCarriesNothingButItsWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		var texts bag[string]
		On(c, func(ctx context.Context, _ Event) error { texts.add(fmt.Sprint(ctx)); return nil })
		c.receive(startFrame("c1"), dtmfFrame("c1", "1"))
		synctest.Wait()
		for _, text := range texts.all() {
			assert.Equal(t, 1, strings.Count(text, "WithValue"), text)
		}
	})
}

// Promise 9: playback and recording events reach who listens to the channel or
// bridge they run on.
func TestPlaybackAndRecordingEventsReachTheirTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		onChannel := Subscribe[Event](c.ARI().Channel("c1"))
		onBridge := Subscribe[Event](c.ARI().Bridge("b1"))
		onPlayback := Subscribe[Event](c.ARI().Playback("p1"))
		elsewhere := Subscribe[Event](c.ARI().Channel("c2"))
		c.receive(
			playbackFrame("PlaybackStarted", "p1", "channel:c1", "playing"),
			playbackFrame("PlaybackFinished", "p2", "bridge:b1", "done"),
			recordingFrame("RecordingFinished", "r1", "channel:c1", "done"),
			recordingFrame("RecordingFailed", "r2", "bridge:b1", "failed"),
		)
		assert.Equal(t, []string{"PlaybackStarted", "RecordingFinished"}, waitingTypes(onChannel))
		assert.Equal(t, []string{"PlaybackFinished", "RecordingFailed"}, waitingTypes(onBridge))
		assert.Equal(t, []string{"PlaybackStarted"}, waitingTypes(onPlayback))
		assert.Empty(t, waitingTypes(elsewhere))
	})
}

// waitingTypes takes all that a subscription holds.
func waitingTypes[E Event](sub *Subscription[E]) (types []string) {
	for {
		ev, ok := sub.TryNext()
		if !ok {
			return types
		}
		types = append(types, ev.Header().Type)
	}
}

func TestHandlersByType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		var typed, some, all, unknown bag[string]
		name := func(ev Event) string { return ev.Header().Type }
		On(c, into(&typed, func(ev *StasisStart) string { return name(ev) }))
		On(c, into(&some, func(ev stasisEvent) string { return name(ev) }))
		On(c, into(&all, func(ev Event) string { return name(ev) }))
		On(c, into(&unknown, func(ev *UnknownEvent) string { return name(ev) + string(ev.Raw()) }))
		weird := `{"type":"Weird","timestamp":[1],"x":1}`
		c.receive(startFrame("c1"))
		synctest.Wait()
		c.receive(endFrame("c1"))
		synctest.Wait()
		c.receive(dtmfFrame("c1", "1"))
		synctest.Wait()
		c.receive(weird)
		synctest.Wait()
		assert.Equal(t, []string{"StasisStart"}, typed.all())
		assert.Equal(t, []string{"StasisStart", "StasisEnd"}, some.all())
		assert.Equal(t, []string{"StasisStart", "StasisEnd", "ChannelDtmfReceived", "Weird"}, all.all())
		assert.Equal(t, []string{"Weird" + weird}, unknown.all())
	})
}

// stasisEvent is satisfied by the two events whose only method of this kind it is.
type stasisEvent interface {
	Event
	isStasis()
}

func (*StasisStart) isStasis() {}
func (*StasisEnd) isStasis()   {}

func TestListenersThatCouldNeverHearAnything(t *testing.T) {
	type notAnEvent struct{ *StasisStart }
	c := offline(t)
	assert.PanicsWithValue(t, "ari: no event is a ari.notAnEvent", func() { On(c, noop[notAnEvent]) })
	assert.Panics(t, func() { Subscribe[notAnEvent](c) })
	assert.Panics(t, func() { On[Event](c, nil) })
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		var got bag[string]
		release := make(chan struct{})
		stop := On(c, func(_ context.Context, ev *ChannelVarset) error {
			got.add("begun " + ev.Value)
			<-release
			got.add("done " + ev.Value)
			return nil
		})
		On(c, into(&got, func(ev *ChannelVarset) string { return "other " + ev.Value }))
		c.receive(varsetFrame("c1", "1"), varsetFrame("c1", "2"), varsetFrame("c1", "3"))
		synctest.Wait()
		stop() // It doesn't wait for the one that runs.
		stop()
		assert.Zero(t, c.Stats().Waiting)
		c.receive(varsetFrame("c1", "4"))
		close(release)
		synctest.Wait()
		assert.ElementsMatch(t, []string{"begun 1", "done 1", "other 1", "other 2", "other 3", "other 4"}, got.all())
		assert.Zero(t, c.Stats().Running)
	})
}

func TestHandlerStopsItselfAndRegistersAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		var got bag[string]
		var stop func()
		queued := make(chan struct{})
		stop = On(c, func(_ context.Context, ev *ChannelVarset) error {
			got.add("first " + ev.Value)
			<-queued
			stop()
			On(c, into(&got, func(ev *ChannelVarset) string { return "second " + ev.Value }))
			return nil
		})
		c.receive(varsetFrame("c1", "1"), varsetFrame("c1", "2"))
		close(queued)
		synctest.Wait()
		c.receive(varsetFrame("c1", "3"))
		synctest.Wait()
		assert.Equal(t, []string{"first 1", "second 3"}, got.all())
	})
}

func TestBadFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		var errs bag[error]
		c := offline(t, WithLogger(book.logger()), WithErrorHandler(func(_ context.Context, err error) { errs.add(err) }))
		var got bag[string]
		On(c, into(&got, func(ev *ChannelDtmfReceived) string { return ev.Digit }))
		long := `{"type":"` + strings.Repeat("x", 10_000)
		c.receive(`{"type":"ChannelDtmfReceived","channel":`, `{"message":"no type"}`, long, dtmfFrame("c1", "1"))
		synctest.Wait()
		assert.Equal(t, []string{"1"}, got.all())
		require.Len(t, errs.all(), 3)
		for _, err := range errs.all() {
			var bad *FrameError
			require.ErrorAs(t, err, &bad)
			assert.LessOrEqual(t, len(bad.Frame), maxFrameShown)
		}
		assert.EqualError(t, errs.all()[0], "ari: bad event: the frame ends too early at offset 40")
		assert.EqualError(t, errs.all()[1], "ari: bad event: the event has no type at offset 21")
		assert.Len(t, book.with("skipped a bad event"), 3)
		assert.EqualValues(t, 3, c.Stats().BadFrames)
	})
}

// What enters without a channel is nobody's call, least of all that of the channel that it replaces.
func TestStasisStartWithoutAChannelIsABadFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs bag[error]
		c := offline(t, WithErrorHandler(func(_ context.Context, err error) { errs.add(err) }))
		var got bag[string]
		c.OnStasisStart(into(&got, func(ev *StasisStart) string { return ev.Channel.ID }))
		c.receive(
			`{"type":"StasisStart","args":[]`+frameTail,
			`{"type":"StasisStart","args":[],"replace_channel":`+channelJSON("c1", "Up")+frameTail,
			`{"type":"StasisStart","args":[],"channel":{"id":17,"name":"x"}`+frameTail,
			startFrame("c2"),
		)
		synctest.Wait()
		assert.Equal(t, []string{"c2"}, got.all())
		assert.Equal(t, 1, c.Stats().Calls)
		require.Len(t, errs.all(), 3)
		for i, want := range []string{"channel is missing", "channel is missing", "channel.id is not a text"} {
			assert.EqualError(t, errs.all()[i], "ari: bad event: StasisStart: "+want)
		}
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

// Everything at once, for the race detector: handlers and subscriptions come and
// go while frames arrive.
func TestConcurrentUse(t *testing.T) {
	c := offline(t)
	var wg sync.WaitGroup
	var finished atomic.Bool
	for g := range 8 {
		wg.Go(func() {
			id := fmt.Sprint("c", g%4)
			for i := 0; !finished.Load(); i++ {
				stop := On(c, noop[Event])
				sub := Subscribe[Event](c.ARI().Channel(id))
				all := Subscribe[*ChannelVarset](c)
				lf := c.expects(kindChannel, id, entityKey{})
				lf.settle(nil)
				ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
				_, err := sub.Next(ctx)
				if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrEnded) {
					t.Error(err)
				}
				_, _ = lf.wait(ctx, stageEnded)
				cancel()
				lf.drop()
				all.Close()
				sub.Close()
				stop()
				_ = c.Stats()
			}
		})
	}
	for i := range 3000 {
		id := fmt.Sprint("c", i%4)
		c.receive(startFrame(id), varsetFrame(id, "v"), endFrame(id), destroyedFrame(id))
		runtime.Gosched()
	}
	finished.Store(true)
	wg.Wait()
	assert.Zero(t, c.Stats().Listeners)
}

// FuzzReceive feeds frames to a client that listens to everything. Whatever comes, it
// must neither panic nor keep anything.
func FuzzReceive(f *testing.F) {
	for _, frame := range []string{
		startFrame("c1"), endFrame("c1"), destroyedFrame("c1"), enteredBridgeFrame("b1", "c1"), `{"type":"New","channel":{"id":""}}`,
		playbackFrame("PlaybackFinished", "p1", "channel:c1", "done"), recordingFrame("RecordingFailed", "r1", "bridge:b1", "failed"),
		`{"type":"StasisStart","channel":null,"application":"hello"}`, `{"type":"ApplicationReplaced","application":"hello"}`,
		`{"type":"EndpointStateChange","endpoint":{"technology":"PJSIP","resource":"a\u0000"}}`, `{"type":"Connected"}`, `{"type":"UnknownEvent"}`,
	} {
		f.Add([]byte(frame))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		c := offline(t)
		On(c, noop[Event])
		c.OnStasisStart(func(ctx context.Context, _ *StasisStart) error { <-ctx.Done(); return nil })
		sub := Subscribe[Event](c.ARI().Channel("c1"))
		c.ARI().expect(expectation{kind: kindPlayback, id: "p1", on: c.ARI().key(kindChannel, "c1")}).settle(nil)
		c.first().receive(Frame{Data: frame})
		c.receive(startFrame("c1"), string(frame), endFrame("c1"), destroyedFrame("c1"))
		if sub.Err() == nil {
			t.Error("the subscription has not ended")
		}
		if n := c.Stats().Listeners; n != 0 {
			t.Errorf("%d listeners are left", n)
		}
	})
}

// On a move to where the channel is, the old stay's StasisEnd comes first, mostly with the new one's time.
func TestMoveIntoTheSameApplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		var stays bag[context.Context]
		var ends bag[bool]
		c.OnStasisStart(func(ctx context.Context, _ *StasisStart) error { stays.add(ctx); return nil })
		c.OnStasisEnd(func(_ context.Context, ev *StasisEnd) error { ends.add(ev.Synthetic()); return nil })
		c.receive(startFrame("c1"))
		synctest.Wait()
		c.receive(at(1, endFrame("c1")), at(1, startFrame("c1")))
		synctest.Wait()
		require.Len(t, stays.all(), 2)
		require.ErrorIs(t, context.Cause(stays.all()[0]), ErrLeftStasis)
		require.NoError(t, stays.all()[1].Err())
		assert.Equal(t, []bool{false}, ends.all())
		c.receive(at(2, endFrame("c1")))
		require.ErrorIs(t, context.Cause(stays.all()[1]), ErrLeftStasis)
		assert.Zero(t, c.Stats().Calls)
	})
}

// A command that fails since the call has ended is no failure of the handler, even if the end is read only then.
func TestHandlerFailsShortlyBeforeTheCallEnds(t *testing.T) {
	gone := &Error{Operation: "channelsAnswer", StatusCode: 404, Message: "Channel not found"}
	const never = time.Hour
	for name, tt := range map[string]struct {
		err   error
		panic any
		after time.Duration // when the call's end is read
		want  time.Duration // when the failure is reported; 0: never
	}{
		"command":                  {err: gone, after: endLag / 2},
		"command, wrapped":         {err: fmt.Errorf("greet: %w", gone), after: endLag / 2},
		"wait":                     {err: &EndError{Reason: ErrEnded}, after: endLag / 2},
		"playback":                 {err: &playbackError{}, after: endLag / 2},
		"recording":                {err: &recordingError{}, after: endLag / 2},
		"no such thing":            {err: ErrNotFound, after: endLag / 2},
		"at the same time":         {err: gone, after: time.Nanosecond},
		"the call goes on":         {err: gone, after: never, want: endLag},
		"the call ends later":      {err: gone, after: 2 * endLag, want: endLag},
		"not of this package":      {err: errTest, after: endLag / 2, want: time.Nanosecond},
		"panic with such an error": {panic: gone, after: endLag / 2, want: time.Nanosecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var (
					book     logBook
					reported bag[time.Duration]
					began    = time.Now()
				)
				c := offline(t, WithLogger(book.logger()), WithErrorHandler(func(_ context.Context, err error) {
					assert.ErrorContains(t, err, "*ari.StasisStart")
					reported.add(max(time.Since(began), time.Nanosecond))
				}))
				c.OnStasisStart(func(context.Context, *StasisStart) error {
					if tt.panic != nil {
						panic(tt.panic)
					}
					return tt.err
				})
				c.receive(startFrame("c1"))
				time.Sleep(tt.after)
				c.receive(endFrame("c1"))
				synctest.Wait()
				if tt.want > 0 {
					assert.Equal(t, []time.Duration{tt.want}, reported.all())
					assert.Len(t, book.with("handler failed"), 1)
					assert.EqualValues(t, 1, c.Stats().Failed)
					return
				}
				assert.Empty(t, reported.all())
				assert.Empty(t, book.with("level=ERROR"))
				assert.Len(t, book.with("handler ended with its context"), 1)
				assert.Zero(t, c.Stats().Failed)
			})
		})
	}
}

// Nothing waits for the end of a call whose handler has failed: no event, no other handler, not the client's end.
func TestFailedHandlerHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			seen     bag[string]
			reported bag[error]
			began    = time.Now()
		)
		c := offline(t, WithErrorHandler(func(_ context.Context, err error) { reported.add(err) }))
		On(c, func(_ context.Context, ev Event) error {
			seen.add(ev.Header().Type)
			return ErrNotFound
		})
		c.receive(startFrame("c1"), dtmfFrame("c1", "1"), startFrame("c2"))
		synctest.Wait()
		assert.ElementsMatch(t, []string{"StasisStart", "ChannelDtmfReceived", "StasisStart"}, seen.all())
		assert.Len(t, reported.all(), 1) // Handlers of other events don't live with a call.
		assert.Zero(t, time.Since(began))
		require.NoError(t, c.Close(t.Context()))
		assert.Zero(t, time.Since(began))
		assert.Len(t, reported.all(), 1)
	})
}

// The error handler may close the client, from wherever it is called.
func TestErrorHandlerClosesTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *Client
		closed := make(chan error, 1)
		c = offline(t, WithErrorHandler(func(ctx context.Context, _ error) { closed <- c.Close(ctx) }))
		c.OnStasisStart(func(context.Context, *StasisStart) error { return ErrNotFound })
		began := time.Now()
		c.receive(startFrame("c1"))
		require.NoError(t, <-closed)
		assert.Equal(t, endLag, time.Since(began))
	})
}
