package ari

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
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

func (*StasisEnd) isStasis() {}

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
