package ari

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCleanup(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		clean := Cleanup(ctx)
		cancel()
		assert.Equal(t, "value", clean.Value(key{}))
		time.Sleep(time.Hour) // The call lasts.
		require.NoError(t, clean.Err(), "its time begins with its use")
		deadline, ok := clean.Deadline()
		assert.True(t, ok)
		assert.Equal(t, time.Now().Add(cleanupTime), deadline)

		child, stop := context.WithTimeout(clean, time.Minute)
		defer stop()
		time.Sleep(cleanupTime - 1)
		require.NoError(t, child.Err())
		<-clean.Done()
		synctest.Wait()
		require.ErrorIs(t, clean.Err(), context.DeadlineExceeded)
		require.ErrorIs(t, child.Err(), context.DeadlineExceeded)
	})
}

// A context that is made of it is enough of a use.
func TestCleanupOfADerivedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		child, stop := context.WithCancel(Cleanup(t.Context()))
		defer stop()
		<-child.Done()
		assert.ErrorIs(t, child.Err(), context.DeadlineExceeded)
	})
}

// What isn't used leaves nothing behind, and neither does what ends in time: no goroutine, which synctest would wait for.
func TestCleanupLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		Cleanup(t.Context())
		_, stop := context.WithCancel(Cleanup(t.Context()))
		stop()
	})
}
