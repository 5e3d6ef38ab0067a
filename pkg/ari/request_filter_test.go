package ari

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An event filter is never set while an application is read.
func TestFilterIsSetAlone(t *testing.T) {
	var reading, setting atomic.Int32
	w := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
		mine, others := &reading, &setting
		if strings.HasSuffix(r.URL.Path, "/eventFilter") {
			mine, others = &setting, &reading
			assert.Zero(t, mine.Load())
		}
		mine.Add(1)
		defer mine.Add(-1)
		assert.Zero(t, others.Load(), r.URL.Path)
		answerJSON(http.StatusOK, `{"name":"hello"}`)(rw, r)
	})
	c := w.controller(t)
	app := c.Application("hello")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { _, err := app.Filter(t.Context(), EventFilter{}); assert.NoError(t, err) })
		wg.Go(func() { _, err := app.Refresh(t.Context()); assert.NoError(t, err) })
		wg.Go(func() { _, err := app.Subscribe(t.Context(), "channel:"); assert.NoError(t, err) })
		wg.Go(func() { _, err := app.Unsubscribe(t.Context(), "channel:"); assert.NoError(t, err) })
	}
	wg.Wait()
}

func TestApplicationsAreReadSideBySide(t *testing.T) {
	var both sync.WaitGroup
	both.Add(2)
	w := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
		both.Done()
		both.Wait() // for the other one
		answerJSON(http.StatusOK, `{"name":"hello"}`)(rw, r)
	})
	app := w.controller(t).Application("hello")
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { _, err := app.Refresh(t.Context()); assert.NoError(t, err) })
	}
	wg.Wait()
}

func TestGateAndContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFilterGate()
		read, err := g.enter(t.Context())
		require.NoError(t, err)
		hurry, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = g.enterAlone(hurry)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Len(t, g.passing, 1, "who gives up leaves nothing behind")
		assert.Empty(t, g.alone)
		read()
		set, err := g.enterAlone(t.Context())
		require.NoError(t, err)
		_, err = g.enter(hurry)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Nil(t, g.entrance(opChannelsAnswer))
		set()
		assert.Empty(t, g.passing)
		assert.Empty(t, g.alone)
	})
}
