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
