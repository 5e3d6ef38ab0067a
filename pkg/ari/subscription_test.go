package ari

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
)

func TestSubscriptionIsAliveFromTheCallOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		sub := Subscribe[*ChannelDtmfReceived](c.ARI().Channel("c1"))
		c.receive(dtmfFrame("c1", "1"), dtmfFrame("c2", "x"), varsetFrame("c1", "v"), dtmfFrame("c1", "2"))
		for _, want := range []string{"1", "2"} {
			ev, err := sub.Next(t.Context())
			require.NoError(t, err)
			assert.Equal(t, want, ev.Digit)
		}
		var got bag[string]
		go func() {
			ev, err := sub.Next(t.Context())
			if err == nil {
				got.add(ev.Digit)
			}
		}()
		synctest.Wait()
		assert.Empty(t, got.all())
		c.receive(dtmfFrame("c1", "3"))
		synctest.Wait()
		assert.Equal(t, []string{"3"}, got.all())
		require.NoError(t, sub.Err())
	})
}

func TestSubscriptionNextEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		sub := Subscribe[Event](c)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errTest)
		defer cancel()
		began := time.Now()
		_, err := sub.Next(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errTest)
		assert.Equal(t, time.Second, time.Since(began))
		require.NoError(t, sub.Err())
	})
}

func TestSubscriptionTryNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported bag[error]
		c := offline(t, WithEventBuffer(2), WithErrorHandler(func(_ context.Context, err error) { reported.add(err) }))
		sub := Subscribe[*ChannelDtmfReceived](c.ARI().Channel("c1"))
		_, ok := sub.TryNext()
		assert.False(t, ok)
		c.receive(dtmfFrame("c1", "1"), dtmfFrame("c1", "2"), dtmfFrame("c1", "3")) // one too many
		for _, want := range []string{"1", "2"} {
			ev, ok := sub.TryNext()
			require.True(t, ok)
			assert.Equal(t, want, ev.Digit)
		}
		_, ok = sub.TryNext()
		assert.False(t, ok)
		assert.Zero(t, c.Stats().Waiting)
		synctest.Wait()
		assert.Len(t, reported.all(), 1)
		c.receive(dtmfFrame("c1", "4"), destroyedFrame("c1"))
		require.ErrorIs(t, sub.Err(), ErrChannelDestroyed)
		ev, ok := sub.TryNext() // what is left
		require.True(t, ok)
		assert.Equal(t, "4", ev.Digit)
		_, ok = sub.TryNext()
		assert.False(t, ok)
	})
}

// What can't be meant is told at once, instead of never giving an event: a mistake in the program by a panic, one in its
// data by an error.
func TestSubscribeToNothing(t *testing.T) {
	c := offline(t)
	var none *Channel
	assert.PanicsWithValue(t, "ari: Subscribe: the scope is nil (<nil>)", func() { Subscribe[Event](nil) })
	assert.PanicsWithValue(t, "ari: Subscribe: the scope is nil (*ari.Channel)", func() { Subscribe[Event](none) })

	ctrl := c.ARI()
	for want, scope := range map[string]Scope{
		"channel":      ctrl.Channel(""),
		"bridge":       ctrl.Bridge(""),
		"playback":     ctrl.Playback(""),
		"recording":    ctrl.LiveRecording(""),
		"endpoint":     ctrl.Endpoint("PJSIP", ""),
		"device state": ctrl.DeviceState(""),
	} {
		sub := Subscribe[Event](scope)
		_, err := sub.Next(t.Context())
		require.ErrorIs(t, err, ErrInvalid)
		require.EqualError(t, err, "ari: Subscribe: invalid request: the "+want+" has no id")
		require.Equal(t, err, sub.Err())
		_, ok := sub.TryNext()
		assert.False(t, ok)
		sub.Close()
	}
	assert.Zero(t, c.Stats().Listeners)
}

// A subscription ends when its scope does, after what it holds.
func TestSubscriptionEndsWithItsScope(t *testing.T) {
	channel := func(c *Client) Scope { return c.ARI().Channel("c1") }
	bridge := func(c *Client) Scope { return c.ARI().Bridge("b1") }
	playback := func(c *Client) Scope { return c.ARI().Playback("p1") }
	recording := func(c *Client) Scope { return c.ARI().LiveRecording("r1") }
	everything := func(c *Client) Scope { return c }
	onChannel := func(c *Client) Scope {
		return &Playback{Playback: gen.Playback{ID: "p1", TargetURI: "channel:c1"}, ctrl: c.ARI()}
	}
	ofChannel := func(c *Client) Scope {
		return &LiveRecording{LiveRecording: gen.LiveRecording{Name: "r1", TargetURI: "channel:c1"}, ctrl: c.ARI()}
	}
	for name, tt := range map[string]struct {
		scope  func(*Client) Scope
		opts   []Option
		frames []string
		events int
		want   error // nil: it goes on
	}{
		"channel destroyed":         {channel, nil, []string{dtmfFrame("c1", "1"), destroyedFrame("c1")}, 2, ErrChannelDestroyed},
		"channel left":              {channel, nil, []string{dtmfFrame("c1", "1"), endFrame("c1")}, 2, ErrLeftStasis},
		"channel left, hearing all": {channel, []Option{WithSubscribeAll()}, []string{endFrame("c1")}, 1, nil},
		"channel moved between our applications": {
			channel,
			[]Option{WithApplications("other")},
			[]string{startFrame("c1"), inApp("other", startFrame("c1")), endFrame("c1")},
			3, nil,
		},
		"other channel":            {channel, nil, []string{endFrame("c2"), destroyedFrame("c2")}, 0, nil},
		"bridge destroyed":         {bridge, nil, []string{bridgeFrame("BridgeDestroyed", "b1")}, 1, ErrEnded},
		"bridge, channel left":     {bridge, nil, []string{enteredBridgeFrame("b1", "c1"), destroyedFrame("c1")}, 1, nil},
		"playback finished":        {playback, nil, []string{playbackFrame("PlaybackFinished", "p1", "channel:c1", "done")}, 1, ErrEnded},
		"playback goes on":         {playback, nil, []string{playbackFrame("PlaybackStarted", "p1", "channel:c1", "playing")}, 1, nil},
		"playback's channel":       {onChannel, nil, []string{dtmfFrame("c1", "1"), destroyedFrame("c1")}, 0, ErrChannelDestroyed},
		"recording finished":       {recording, nil, []string{recordingFrame("RecordingFinished", "r1", "channel:c1", "done")}, 1, ErrEnded},
		"recording failed":         {recording, nil, []string{recordingFrame("RecordingFailed", "r1", "bridge:b1", "failed")}, 1, ErrEnded},
		"recording's channel":      {ofChannel, nil, []string{dtmfFrame("c1", "1"), destroyedFrame("c1")}, 0, ErrChannelDestroyed},
		"recording's channel left": {ofChannel, nil, []string{endFrame("c1")}, 0, ErrLeftStasis},
		"everything never ends":    {everything, nil, []string{startFrame("c1"), endFrame("c1"), destroyedFrame("c1")}, 3, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := offline(t, tt.opts...)
				sub := Subscribe[Event](tt.scope(c))
				c.receive(tt.frames...)
				for range tt.events {
					_, err := sub.Next(t.Context())
					require.NoError(t, err)
				}
				if tt.want == nil {
					require.NoError(t, sub.Err())
					_, more := sub.TryNext()
					assert.False(t, more, "more events than expected")
					return
				}
				_, err := sub.Next(t.Context())
				require.ErrorIs(t, err, tt.want)
				require.ErrorIs(t, err, ErrEnded)
				require.NotErrorIs(t, err, ErrGap)
				assert.Equal(t, err, sub.Err())
				assert.Zero(t, c.Stats().Listeners)
				sub.Close()
				require.ErrorIs(t, sub.Err(), tt.want)
			})
		})
	}
}

func TestSubscriptionStaysWhereTheChannelIsSubscribedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		c.first().wanted.add("hello", []string{"channel:c1"})
		sub := Subscribe[Event](c.ARI().Channel("c1"))
		c.receive(startFrame("c1"), endFrame("c1"))
		require.NoError(t, sub.Err())
		c.first().wanted.remove("hello", []string{"channel:c1"})
		c.receive(at(2, startFrame("c1")), at(3, endFrame("c1")))
		require.ErrorIs(t, sub.Err(), ErrLeftStasis)
	})
}

func TestSubscriptionAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		ch := c.ARI().Channel("c1")
		sub := Subscribe[Event](ch)
		c.receive(startFrame("c1"), dtmfFrame("c1", "1"), endFrame("c1"))
		var types []string
		for ev, err := range sub.All(t.Context()) {
			require.NoError(t, err) // A regular end is none.
			types = append(types, ev.Header().Type)
		}
		assert.Equal(t, []string{"StasisStart", "ChannelDtmfReceived", "StasisEnd"}, types)

		sub = Subscribe[Event](ch)
		c.receive(dtmfFrame("c1", "1"), dtmfFrame("c1", "2"))
		for _, err := range sub.All(t.Context()) {
			require.NoError(t, err)
			break
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var errs []error
		for _, err := range sub.All(ctx) {
			errs = append(errs, err)
		}
		require.Len(t, errs, 2)
		require.NoError(t, errs[0])
		require.ErrorIs(t, errs[1], context.DeadlineExceeded)
		require.NoError(t, sub.Err())
		sub.Close()
		for _, err := range sub.All(t.Context()) {
			require.ErrorIs(t, err, ErrClosed)
		}
	})
}

func TestSubscriptionOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		var errs bag[error]
		c := offline(t, WithEventBuffer(10), WithLogger(book.logger()),
			WithErrorHandler(func(_ context.Context, err error) { errs.add(err) }))
		sub := Subscribe[Event](c.ARI().Channel("c1"))
		for range 2 {
			for i := range 30 {
				c.receive(varsetFrame("c1", fmt.Sprint(i)))
			}
			c.receive(startFrame("c1"))
			assert.Len(t, waitingTypes(sub), 11)
			synctest.Wait()
		}
		require.Len(t, errs.all(), 2)
		var overflow *OverflowError
		require.ErrorAs(t, errs.all()[0], &overflow)
		assert.Equal(t, "subscription to ari.Event", overflow.Listener)
		assert.Equal(t, Entity{"channel", "c1"}, overflow.Entity)
		assert.EqualValues(t, 40, c.Stats().Lost)
		assert.Len(t, book.with("falls behind"), 2)
	})
}

func TestSubscriptionCaughtUpIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		c := offline(t, WithEventBuffer(1), WithLogger(book.logger()))
		sub := Subscribe[Event](c)
		c.receive(varsetFrame("c1", "1"), varsetFrame("c1", "2"), varsetFrame("c1", "3"))
		_, err := sub.Next(t.Context())
		require.NoError(t, err)
		synctest.Wait()
		require.Len(t, book.with("caught up"), 1)
		assert.Contains(t, book.with("caught up")[0], "lost=2")
	})
}

func TestSubscriptionSharedByManyWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		sub := Subscribe[*ChannelVarset](c)
		var got bag[string]
		for range 10 {
			go func() {
				for ev, err := range sub.All(context.Background()) {
					if err != nil {
						return
					}
					got.add(ev.Value)
				}
			}()
		}
		synctest.Wait()
		var want []string
		for i := range 100 {
			want = append(want, fmt.Sprint(i))
			c.receive(varsetFrame("c1", fmt.Sprint(i)))
		}
		synctest.Wait()
		assert.ElementsMatch(t, want, got.all())
		sub.Close()
		synctest.Wait()
	})
}

// Entities of two connections are strangers, whatever their ids.
func TestEntitiesBelongToTheirConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		sub := Subscribe[Event](c.ARI().Channel("c1"))
		_, err := c.Add("http://other:8088/ari", "hello")
		require.NoError(t, err)
		other := c.all()[1]
		other.receive(Frame{Data: []byte(startFrame("c1"))})
		other.receive(Frame{Data: []byte(destroyedFrame("c1"))})
		require.NoError(t, sub.Err())
		assert.Empty(t, waitingTypes(sub))
	})
}

// What nobody fetches from a subscription that has ended doesn't count as waiting for ever.
func TestEndedSubscriptionsTakeNothingFromOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t, WithEventBuffer(2))
		var first *Subscription[Event]
		for i := range 200 {
			id := fmt.Sprint("c", i)
			c.receive(startFrame(id))
			sub := Subscribe[Event](c.ARI().Channel(id))
			if first == nil {
				first = sub
			}
			c.receive(dtmfFrame(id, "1"), endFrame(id), destroyedFrame(id))
		}
		assert.Zero(t, c.Stats().Listeners)
		assert.Zero(t, c.Stats().Waiting)
		assert.Equal(t, []string{"ChannelDtmfReceived", "StasisEnd"}, waitingTypes(first), "it still holds what it held")
		first.Close()
		assert.Zero(t, c.Stats().Waiting)
	})
}

// A listener that nobody reads can't make others lose events.
func TestUnreadSubscriptionStarvesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t, WithEventBuffer(2))
		idle := Subscribe[*StasisStart](c)
		defer idle.Close()
		for i := range 2 * 128 {
			id := fmt.Sprint("c", i)
			c.receive(startFrame(id), endFrame(id))
		}
		sub := Subscribe[*ChannelDtmfReceived](c.ARI().Channel("new"))
		c.receive(dtmfFrame("new", "7"))
		assert.Equal(t, []string{"ChannelDtmfReceived"}, waitingTypes(sub))
		sub.Close()
	})
}

// The end of the loop's own context is no regular end of what the subscription is about.
func TestAllHandsOverTheEndOfItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		var errs, alive bag[error]
		c.OnStasisStart(func(ctx context.Context, _ *StasisStart) error {
			sub := Subscribe[Event](c.ARI().Bridge("b1"))
			defer sub.Close()
			for _, err := range sub.All(ctx) {
				errs.add(err)
			}
			alive.add(sub.Err())
			return nil
		})
		c.receive(startFrame("c1"))
		synctest.Wait()
		c.receive(endFrame("c1"))
		synctest.Wait()
		assert.Equal(t, []error{nil}, alive.all())
		require.Len(t, errs.all(), 1)
		require.ErrorIs(t, errs.all()[0], context.Canceled)
	})
}

// A handler that waits with its own context for the event that ends it gets the event.
func TestLastEventComesBeforeTheEndOfTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		var got bag[string]
		c.OnStasisStart(func(ctx context.Context, ev *StasisStart) error {
			for ev, err := range Subscribe[Event](ev.Channel).All(ctx) {
				if err != nil {
					return err
				}
				got.add(ev.Header().Type)
			}
			return nil
		})
		for i := range 50 {
			c.receive(startFrame(fmt.Sprint("c", i)))
		}
		synctest.Wait()
		for i := range 50 {
			c.receive(endFrame(fmt.Sprint("c", i)))
		}
		synctest.Wait()
		assert.Len(t, got.all(), 50)
	})
}

func TestSubscriptionOfAnotherApplicationKeepsNothingAlive(t *testing.T) {
	c := offline(t)
	c.first().wanted.add("other", []string{"channel:"})
	sub := Subscribe[Event](c.ARI().Channel("c1"))
	c.receive(startFrame("c1"), endFrame("c1"))
	require.ErrorIs(t, sub.Err(), ErrLeftStasis)
}
