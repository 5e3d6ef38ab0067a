package ari

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCloseBeforeConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.client()
		sub := Subscribe[Event](c)
		require.NoError(t, c.Close(t.Context()))
		require.NoError(t, c.Close(t.Context()))
		require.ErrorIs(t, c.Connect(t.Context()), ErrClosed)
		require.ErrorIs(t, c.Run(t.Context()), ErrClosed)
		_, err := sub.Next(t.Context())
		require.ErrorIs(t, err, ErrClosed)
		require.NotErrorIs(t, err, ErrEnded)
		require.ErrorIs(t, Subscribe[Event](c.ARI().Channel("c1")).Err(), ErrClosed)
		assert.Empty(t, a.dials)
	})
}

func TestCloseInterruptsConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		a.refuse = func(http.ResponseWriter) bool { time.Sleep(time.Minute); return true }
		c := a.client()
		var got bag[error]
		for range 2 {
			go func() { got.add(c.Connect(context.Background())) }()
		}
		synctest.Wait()
		began := time.Now()
		require.NoError(t, c.Close(t.Context()))
		synctest.Wait()
		assert.Equal(t, []error{ErrClosed, ErrClosed}, got.all())
		assert.Zero(t, time.Since(began))
		time.Sleep(time.Minute)
	})
}

// Close ends contexts, hands out what was read, waits for handlers, and takes
// leave of Asterisk.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		before := goroutines(t)
		var got bag[string]
		c.OnStasisStart(func(ctx context.Context, _ *StasisStart) error {
			<-ctx.Done()
			got.add("start: " + context.Cause(ctx).Error())
			return nil
		})
		On(c, func(ctx context.Context, ev *ChannelDtmfReceived) error {
			if ev.Digit == "1" {
				<-ctx.Done()
			}
			got.add(ev.Digit)
			return nil
		})
		sub := Subscribe[*ChannelDtmfReceived](c.ARI().Channel("c1"))
		require.NoError(t, a.send(startFrame("c1"), dtmfFrame("c1", "1"), dtmfFrame("c1", "2")))
		synctest.Wait()
		require.NoError(t, c.Close(t.Context()))
		assert.ElementsMatch(t, []string{"start: ari: closed", "1", "2"}, got.all())
		assert.Zero(t, c.Stats().Running)
		assert.Zero(t, c.Stats().Listeners)
		assert.False(t, c.Stats().Connected)
		for range 2 {
			_, err := sub.Next(t.Context())
			require.NoError(t, err)
		}
		_, err := sub.Next(t.Context())
		require.ErrorIs(t, err, ErrClosed)
		synctest.Wait()
		assert.Less(t, goroutines(t), before)
	})
}

func TestCloseGivesUpOnHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.client()
		require.NoError(t, c.Connect(t.Context()))
		release := make(chan struct{})
		var got bag[string]
		On(c, func(_ context.Context, ev *ChannelVarset) error { <-release; got.add(ev.Value); return nil })
		require.NoError(t, a.send(varsetFrame("c1", "1"), varsetFrame("c1", "2"), varsetFrame("c2", "3")))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		err := c.Close(ctx)
		require.EqualError(t, err, "ari: close: 2 handlers still running: context deadline exceeded")
		assert.Equal(t, 5*time.Second, time.Since(began))
		began = time.Now()
		err = c.Close(context.Background()) // Not for ever.
		require.ErrorContains(t, err, "2 handlers still running")
		assert.Equal(t, defaultCloseTimeout, time.Since(began))
		close(release)
		synctest.Wait()
		assert.ElementsMatch(t, []string{"1", "3"}, got.all())
		require.NoError(t, c.Close(t.Context()))
	})
}

func TestCloseFromInsideAHandler(t *testing.T) {
	for name, tt := range map[string]struct {
		derive func(context.Context) (context.Context, context.CancelFunc)
		limit  time.Duration
	}{
		"its context": {func(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} }, 0},
		"one derived from it": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, 0},
		"one without its values": {func(context.Context) (context.Context, context.CancelFunc) { return context.Background(), func() {} }, defaultCloseTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAsterisk(t)
				c := a.client()
				require.NoError(t, c.Connect(t.Context()))
				var took bag[time.Duration]
				closing := func(ctx context.Context) {
					ctx, cancel := tt.derive(ctx)
					defer cancel()
					began := time.Now()
					_ = c.Close(ctx)
					took.add(time.Since(began))
				}
				// Two at once, which must not wait for each other.
				c.OnStasisStart(func(ctx context.Context, _ *StasisStart) error { closing(ctx); return nil })
				On(c, func(ctx context.Context, _ *StasisStart) error { closing(ctx); return nil })
				require.NoError(t, a.send(startFrame("c1")))
				<-c.Done()
				time.Sleep(time.Minute)
				synctest.Wait()
				assert.Equal(t, []time.Duration{tt.limit, tt.limit}, took.all())
				require.NoError(t, c.Close(t.Context()))
			})
		})
	}
}

func TestCloseFromInsideAHandlerWaitsForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.client()
		require.NoError(t, c.Connect(t.Context()))
		var order bag[string]
		On(c, func(ctx context.Context, _ *StasisStart) error {
			err := c.Close(ctx)
			order.add("closed")
			return err
		})
		On(c, func(ctx context.Context, _ *StasisStart) error {
			<-ctx.Done()
			time.Sleep(time.Second)
			order.add("other")
			return nil
		})
		require.NoError(t, a.send(startFrame("c1")))
		<-c.Done()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"other", "closed"}, order.all())
	})
}

func TestCloseFromInsideTheErrorHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		var c *Client
		var closed bag[error]
		c = a.client(WithErrorHandler(func(ctx context.Context, _ error) { closed.add(c.Close(ctx)) }))
		require.NoError(t, c.Connect(t.Context()))
		require.NoError(t, a.send(`{broken`))
		synctest.Wait()
		assert.Equal(t, []error{nil}, closed.all())
	})
}

// An Asterisk that doesn't answer our leave can't hold Close up for long.
func TestCloseOfAHalfOpenConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.client()
		require.NoError(t, c.Connect(t.Context()))
		a.freeze()
		began := time.Now()
		require.NoError(t, c.Close(t.Context()))
		assert.LessOrEqual(t, time.Since(began), closeTimeout)
	})
}
