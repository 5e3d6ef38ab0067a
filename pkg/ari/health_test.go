package ari

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func probed(c *Client, method, path string) int {
	w := httptest.NewRecorder()
	c.HealthHandler().ServeHTTP(w, httptest.NewRequest(method, path, http.NoBody))
	return w.Code
}

// Probes tell ready from alive, through the whole life of a client.
func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.client()
		assert.Equal(t, "new", c.Health().Connections[0].State)
		assert.Equal(t, http.StatusServiceUnavailable, probed(c, "GET", "/readyz"))
		assert.Equal(t, http.StatusOK, probed(c, "GET", "/x/livez"))

		require.NoError(t, c.Connect(t.Context()))
		assert.True(t, c.Health().Ready)
		assert.Equal(t, http.StatusOK, probed(c, "HEAD", "/readyz"))
		assert.Equal(t, http.StatusMethodNotAllowed, probed(c, "POST", "/readyz"))

		require.NoError(t, c.Drain(t.Context()))
		assert.Equal(t, http.StatusServiceUnavailable, probed(c, "GET", "/readyz"))
		assert.Equal(t, http.StatusOK, probed(c, "GET", "/livez"))

		require.NoError(t, c.Close(t.Context()))
		assert.False(t, c.Health().Alive)
		assert.Equal(t, http.StatusServiceUnavailable, probed(c, "GET", "/livez"))
	})
}

type observerKey struct{}

// An observer sees each event once, gives a call's handlers their context, and its panic harms nobody.
func TestObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var types, channels, frames []string
		var stats func() Stats
		var life context.Context
		c := offline(t, WithOptions(WithObserver(Observer{
			Start: func(ctx context.Context, s func() Stats) { life, stats = ctx, s },
			Call: func(ctx context.Context, start *StasisStart) context.Context {
				return context.WithValue(ctx, observerKey{}, start.Channel.ID)
			},
			Frame: func(ctrl *Controller, frame []byte) {
				frames = append(frames, string(frame))
				assert.NotNil(t, ctrl)
				panic("of the observer")
			},
			Event: func(ev ObservedEvent) {
				types, channels = append(types, ev.Type()), append(channels, ev.ID("channel"))
				assert.Equal(t, ev.Type(), ev.Event().Header().Type)
				panic("of the observer")
			},
		}), WithObserver(Observer{})))
		var seen bag[any]
		c.OnStasisStart(func(ctx context.Context, _ *StasisStart) error {
			seen.add(ctx.Value(observerKey{}))
			<-ctx.Done()
			return nil
		})
		sent := []string{"no JSON", at(1, startFrame("c1")), at(1, startFrame("c1")), at(2, endFrame("c1"))}
		for _, frame := range sent {
			c.first().receive(Frame{Data: []byte(frame)})
			synctest.Wait()
		}
		assert.Equal(t, []any{"c1"}, seen.all())
		assert.Equal(t, []string{"StasisStart", "StasisEnd"}, types)
		assert.Equal(t, []string{"c1", "c1"}, channels)
		assert.Equal(t, sent, frames)
		assert.EqualValues(t, 4, stats().Frames)
		require.NoError(t, life.Err())
		require.NoError(t, c.Close(t.Context()))
		assert.Error(t, life.Err())
	})
}

func TestWithOptionsRefusesNil(t *testing.T) {
	_, err := NewClient("http://127.0.0.1:8088/ari", "app", WithOptions(nil))
	assert.ErrorContains(t, err, "nil")
}
