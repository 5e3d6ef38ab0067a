package ari

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// busy is a small Asterisk whose commands wait until something is deleted, and a controller with as many connections as
// there are by default. It runs in a bubble.
func busy(t *testing.T) (c *Controller, under func() int) {
	t.Helper()
	a := newAsterisk(t)
	a.http.Transport.(*http.Transport).MaxConnsPerHost = maxConns
	var mu sync.Mutex
	waiting := 0
	freed := make(chan struct{})
	free := sync.OnceFunc(func() { close(freed) })
	t.Cleanup(free)
	a.hook = func(method, _ string) {
		switch method {
		case http.MethodDelete:
			free()
		case http.MethodPost:
			mu.Lock()
			waiting++
			mu.Unlock()
			<-freed
		}
	}
	c, err := NewController("http://asterisk:8088/ari", WithHTTPClient(a.http), WithLogger(quiet))
	require.NoError(t, err)
	return c, func() int {
		mu.Lock()
		defer mu.Unlock()
		return waiting
	}
}

// Commands that wait behind a playback leave room for others, and for the one that ends the playback.
func TestWaitingCommandsLeaveRoom(t *testing.T) {
	ctx := context.Background()
	for name, wait := range map[string]func(c *Controller) error{
		"answer":         func(c *Controller) error { return c.AnswerChannel(ctx, "c1") },
		"set a variable": func(c *Controller) error { return c.Channel("c1").SetVariable(ctx, "X", "1") },
		"set variables":  func(c *Controller) error { return c.Channel("c1").SetVariables(ctx, map[string]string{"X": "1"}) },
		"into a bridge":  func(c *Controller) error { return c.BridgeAddChannel(ctx, "b1", "c1") },
		"out of it":      func(c *Controller) error { return c.Bridge("b1").RemoveChannel(ctx, "c1") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, under := busy(t)
				var wg sync.WaitGroup
				for range 2 * maxConns {
					wg.Go(func() { _ = wait(c) })
				}
				synctest.Wait()
				assert.Equal(t, maxWaiting, under())
				hurry, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				_, err := c.Channels(hurry)
				require.NoError(t, err, "what doesn't wait goes on")
				require.ErrorIs(t, c.Playback("p1").Stop(hurry), ErrNotFound, "it was sent")
				wg.Wait()
				assert.Equal(t, 2*maxConns, under(), "all were sent in the end")
			})
		})
	}
}

// Even when everything else hangs something can be ended.
func TestEndingHasAReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, under := busy(t)
		ctx := context.Background()
		var wg sync.WaitGroup
		for range 2 * maxConns {
			wg.Go(func() { _, _ = c.Originate(ctx, OriginateOptions{Endpoint: "Local/1"}) })
		}
		synctest.Wait()
		assert.Equal(t, maxOrdinary, under())
		hurry, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		require.ErrorIs(t, c.StopChannel(hurry, "c1"), ErrNotFound)
		wg.Wait()
	})
}

func TestWhoGivesUpWaitingLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimits()
		for range maxWaiting {
			require.NoError(t, l.enter(t.Context(), true))
		}
		hurry, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, l.enter(hurry, true), context.DeadlineExceeded)
		for range maxOrdinary - maxWaiting {
			require.NoError(t, l.enter(t.Context(), false))
		}
		l.leave(true)
		require.NoError(t, l.enter(t.Context(), false)) // in place of it
		require.ErrorIs(t, l.enter(hurry, true), context.DeadlineExceeded)
		assert.Len(t, l.waiting, maxWaiting-1)
		assert.Len(t, l.ordinary, maxOrdinary)
	})
}

// A transport that panics takes no room for good, and closes no gate.
func TestPanickingTransport(t *testing.T) {
	panics := func(next Doer) Doer {
		return DoerFunc(func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.RawQuery, "panic") {
				panic("of the test")
			}
			return next.Do(req)
		})
	}
	w := newRecorder(t, answerJSON(http.StatusOK, `{"id":"x","name":"x"}`))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // Whoever finds no room must not wait for ever.
	defer cancel()
	for name, do := range map[string]func(c *Controller, name string) error{
		"filter":   func(c *Controller, name string) error { return second(c.Application(name).Filter(ctx, EventFilter{})) },
		"gate":     func(c *Controller, name string) error { return second(c.Application(name).Subscribe(ctx, name)) },
		"waiting":  func(c *Controller, name string) error { return c.Channel("c").SetVariable(ctx, "X", name) },
		"ordinary": func(c *Controller, name string) error { return second(c.Channel("c").Variable(ctx, name)) },
		"making":   func(c *Controller, name string) error { return second(c.Channel("c").Play(ctx, name)) },
		"bridge": func(c *Controller, name string) error {
			return second(c.CreateBridge(ctx, CreateBridgeOptions{Name: name}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.controller(t, WithTransport(panics))
			if name == "filter" { // It has no query.
				c = w.controller(t, WithTransport(func(next Doer) Doer {
					return DoerFunc(func(req *http.Request) (*http.Response, error) {
						if strings.HasSuffix(req.URL.Path, "/panic/eventFilter") {
							panic("of the test")
						}
						return next.Do(req)
					})
				}))
			}
			for range 2 * maxConns {
				assert.Panics(t, func() { _ = do(c, "panic") }, "in the caller's goroutine, where it can be caught")
			}
			require.NoError(t, do(c, "fine"), "there is room")
		})
	}
}
