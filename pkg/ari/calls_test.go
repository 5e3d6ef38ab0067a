package ari

import (
	"context"
	"fmt"
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
