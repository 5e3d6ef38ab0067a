package ari

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const collided = `{"error":"Allocation failed"}`

// What is played to a bridge and meets another one is sent again, with the same id and the same body, as long as it is that.
func TestPlaysThatCollideAreSentAgain(t *testing.T) {
	long := "sound:" + strings.Repeat("x", 5000) // goes into the body
	for name, test := range map[string]struct {
		failures int
		status   int
		body     string
		want     error
		requests int
	}{
		"once":            {1, http.StatusInternalServerError, collided, nil, 2},
		"twice":           {2, http.StatusInternalServerError, collided, nil, 3},
		"always":          {9, http.StatusInternalServerError, collided, ErrInternal, 3},
		"another failure": {9, http.StatusInternalServerError, `{"message":"Internal error"}`, ErrInternal, 1},
		"another status":  {9, http.StatusConflict, collided, ErrConflict, 1},
	} {
		t.Run(name, func(t *testing.T) {
			failures := test.failures
			w := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
				if failures--; failures >= 0 {
					answerJSON(test.status, test.body)(rw, r)
					return
				}
				answerJSON(http.StatusCreated, `{"id":"p","media_uri":"sound:x","target_uri":"bridge:b","state":"queued"}`)(rw, r)
			})
			_, err := w.controller(t).Bridge("b").PlayWith(t.Context(), BridgePlayOptions{PlaybackID: "p"}, long)
			require.ErrorIs(t, err, test.want)
			require.Equal(t, test.requests, w.count())
			for _, s := range w.seen {
				assert.Equal(t, w.seen[0], s)
				assert.Contains(t, s.body, long)
			}
		})
	}
}

// Nothing else that could not be made is sent again.
func TestOnlyPlaysToBridgesAreSentAgain(t *testing.T) {
	for name, command := range map[string]func(ctx context.Context, c *Controller) error{
		"play to a channel": func(ctx context.Context, c *Controller) error { return second(c.Channel("c").Play(ctx, "sound:x")) },
		"originate": func(ctx context.Context, c *Controller) error {
			return second(c.Originate(ctx, OriginateOptions{Endpoint: "X/1", ChannelID: "c"}))
		},
		"record": func(ctx context.Context, c *Controller) error { return second(c.Bridge("b").Record(ctx, "r", "wav")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newRecorder(t, answerJSON(http.StatusInternalServerError, collided))
			require.ErrorIs(t, command(t.Context(), w.controller(t)), ErrInternal)
			assert.Equal(t, 1, w.count())
		})
	}
}

// Who has given up waits for no other attempt.
func TestPlaysThatCollideEndWithTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		attempts := 0
		send := playAgain(DoerFunc(func(*http.Request) (*http.Response, error) {
			attempts++
			cancel()
			return &http.Response{StatusCode: http.StatusInternalServerError, Body: io.NopCloser(strings.NewReader(collided))}, nil
		}))
		req, err := http.NewRequestWithContext(&request{Context: ctx, op: opBridgesPlay}, http.MethodPost, "http://h/", http.NoBody)
		require.NoError(t, err)
		resp, err := send.Do(req)
		require.NoError(t, err)
		body, err := readWhole(resp)
		require.NoError(t, err)
		assert.Equal(t, collided, string(body), "the answer can still be read")
		assert.Equal(t, 1, attempts)
	})
}
