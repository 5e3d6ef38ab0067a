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

func (b blockingLog) Enabled(context.Context, slog.Level) bool { return true }

func (b blockingLog) Handle(context.Context, slog.Record) error { <-b.release; return nil }

func (b blockingLog) WithAttrs([]slog.Attr) slog.Handler { return b }

func (b blockingLog) WithGroup(string) slog.Handler { return b }

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
		before := goroutines(t)
		for i := range 1000 {
			c.receive(varsetFrame(fmt.Sprint("c", i), "v"))
		}
		synctest.Wait()
		assert.LessOrEqual(t, goroutines(t), before)
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
