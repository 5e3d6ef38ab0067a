package ari

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Interceptors stand around a handler, the first one outermost, and see what it is called with.
func TestHandlerInterceptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var order bag[string]
		var seen bag[Invocation]
		around := func(name string) HandlerInterceptor {
			return func(ctx context.Context, inv Invocation, next func(context.Context) error) error {
				order.add(name + " before")
				seen.add(inv)
				err := next(context.WithValue(ctx, key{}, name))
				order.add(name + " after")
				return err
			}
		}
		c := offline(t, WithHandlerInterceptor(around("outer")), WithHandlerInterceptor(around("inner")))
		On(c, func(ctx context.Context, _ *ChannelDtmfReceived) error {
			order.add("handler in " + ctx.Value(key{}).(string))
			time.Sleep(time.Second)
			return nil
		})
		c.receive(dtmfFrame("c1", "1"), dtmfFrame("c1", "2"))
		time.Sleep(time.Minute)
		once := []string{"outer before", "inner before", "handler in inner", "inner after", "outer after"}
		assert.Equal(t, append(once, once...), order.all())
		require.Len(t, seen.all(), 4)
		for i, inv := range seen.all() {
			assert.Equal(t, "*ari.ChannelDtmfReceived", inv.Handler)
			assert.Equal(t, Entity{"channel", "c1"}, inv.Entity)
			assert.Equal(t, []string{"1", "1", "2", "2"}[i], inv.Event.(*ChannelDtmfReceived).Digit)
			assert.Equal(t, time.Duration(i/2)*time.Second, inv.Waited, "the second one waits for the first one")
		}
	})
}

// What an interceptor returns counts, and its panic is the handler's.
func TestHandlerInterceptorsDecideTheOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs, inside bag[error]
		var handled bag[string]
		c := offline(t,
			WithErrorHandler(func(_ context.Context, err error) { errs.add(err) }),
			WithHandlerInterceptor(func(ctx context.Context, inv Invocation, next func(context.Context) error) error {
				err := next(ctx)
				inside.add(err)
				switch ev := inv.Event.(*ChannelDtmfReceived); ev.Digit {
				case "1":
					return nil
				case "2":
					return context.DeadlineExceeded
				case "3":
					panic("interceptor")
				}
				return err
			}))
		On(c, func(_ context.Context, ev *ChannelDtmfReceived) error {
			handled.add(ev.Digit)
			if ev.Digit == "4" {
				panic(errTest)
			}
			return errTest
		})
		c.receive(dtmfFrame("c1", "1"), dtmfFrame("c1", "2"), dtmfFrame("c1", "3"), dtmfFrame("c1", "4"), dtmfFrame("c1", "5"))
		synctest.Wait()
		assert.Equal(t, []string{"1", "2", "3", "4", "5"}, handled.all())
		assert.Equal(t, []error{errTest, errTest, errTest, errTest}, inside.all(), "a panic passes it by")
		require.Len(t, errs.all(), 4)
		require.ErrorIs(t, errs.all()[0], context.DeadlineExceeded)
		require.NotErrorIs(t, errs.all()[0], errTest)
		var panicked *PanicError
		require.ErrorAs(t, errs.all()[1], &panicked)
		assert.Equal(t, "interceptor", panicked.Value)
		require.ErrorAs(t, errs.all()[2], &panicked)
		assert.Equal(t, errTest, panicked.Value)
		require.ErrorIs(t, errs.all()[3], errTest)
		assert.EqualValues(t, 4, c.Stats().Failed)
	})
}

// An interceptor that doesn't call next keeps the event from the handler, and the call's end comes all the same.
func TestHandlerInterceptorKeepsAnEventBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t, WithHandlerInterceptor(func(context.Context, Invocation, func(context.Context) error) error { return nil }))
		c.OnStasisStart(func(context.Context, *StasisStart) error {
			t.Error("it was called")
			return nil
		})
		c.receive(startFrame("c1"), endFrame("c1"))
		synctest.Wait()
		assert.Zero(t, c.Stats().Calls)
	})
}

// The logger of a handler's context names what the event is about.
func TestLoggerNamesTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		c := offline(t, WithLogger(book.logger()))
		say := func(ctx context.Context) { Logger(ctx).InfoContext(ctx, "it is here") }
		c.OnStasisStart(func(ctx context.Context, _ *StasisStart) error {
			say(ctx)
			say(Cleanup(ctx))
			return nil
		})
		On(c, func(ctx context.Context, _ *BridgeDestroyed) error { say(ctx); return nil })
		On(c, func(ctx context.Context, _ *DeviceStateChanged) error { say(ctx); return nil })
		On(c, func(ctx context.Context, _ *Disconnected) error { say(ctx); return nil })
		c.receive(startFrame("c1"))
		synctest.Wait()
		c.receive(bridgeFrame("BridgeDestroyed", "b1"))
		synctest.Wait()
		c.receive(deviceFrame("Stasis:x"))
		synctest.Wait()
		c.first().disconnected(errTest, 0)
		synctest.Wait()
		lines := book.with("it is here")
		require.Len(t, lines, 5)
		for i, want := range []string{"channel=c1", "channel=c1", "bridge=b1", "device_state=Stasis:x"} {
			assert.Contains(t, lines[i], want)
		}
		assert.NotContains(t, lines[4], "=c1")
	})
	var out bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	defer slog.SetDefault(old)
	Logger(t.Context()).Info("nobody's")
	assert.Contains(t, out.String(), "nobody's")
}

// What a filter lets pass for the client's own sake reaches none of its user's handlers and subscriptions, but does what
// the client needs it for.
func TestFilteredEventsAreTheClientsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected(WithApplications("other"))
		var got, calls bag[string]
		On(c, into(&got, func(ev Event) string { return ev.Header().Type }))
		c.OnCall(into(&calls, func(ev *StasisStart) string { return ev.Application }))
		sub := Subscribe[Event](c)
		filter := func(f EventFilter) {
			t.Helper()
			_, err := c.ARI().Application("").Filter(t.Context(), f)
			require.NoError(t, err)
		}
		filter(EventFilter{Allowed: []string{"ChannelVarset", "StasisEnd"}})
		lf := c.expects(kindPlayback, "p1", entityKey{})
		lf.settle(nil)
		onChannel := Subscribe[Event](c.ARI().Channel("c1"))
		require.NoError(t, a.send(
			startFrame("c1"), varsetFrame("c1", "x"),
			playbackFrame("PlaybackFinished", "p1", "channel:c1", "done"), endFrame("c1"),
		))
		synctest.Wait()
		want := []string{"ChannelVarset", "StasisEnd"}
		assert.Equal(t, want, waitingTypes(sub))
		assert.ElementsMatch(t, want, got.all())
		assert.Equal(t, want, waitingTypes(onChannel))
		require.ErrorIs(t, onChannel.Err(), ErrLeftStasis)
		assert.Empty(t, calls.all())
		_, err := lf.wait(t.Context(), stageEnded)
		require.NoError(t, err, "the client lives by it")

		// The other application has no filter.
		require.NoError(t, a.send(inApp("other", startFrame("c2"))))
		synctest.Wait()
		assert.Equal(t, []string{"other"}, calls.all())
		assert.Equal(t, []string{"StasisStart"}, waitingTypes(sub))

		filter(EventFilter{Disallowed: []string{"StasisEnd"}})
		require.NoError(t, a.send(startFrame("c3"), endFrame("c3")))
		synctest.Wait()
		assert.Equal(t, []string{"StasisStart"}, waitingTypes(sub))
		filter(EventFilter{})
		require.NoError(t, a.send(startFrame("c4"), endFrame("c4")))
		synctest.Wait()
		assert.Equal(t, []string{"StasisStart", "StasisEnd"}, waitingTypes(sub))
	})
}
