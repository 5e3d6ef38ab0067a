package ari

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A command that makes its channel leave ends the handler's context before it is answered. It was carried out all the
// same.
func TestLeavingCommandsComeToTheirEnd(t *testing.T) {
	for name, leave := range map[string]func(ctx context.Context, ch *Channel) error{
		"stop":     func(ctx context.Context, ch *Channel) error { return ch.Stop(ctx) },
		"hang up":  func(ctx context.Context, ch *Channel) error { return ch.Hangup(ctx, HangupReasonBusy) },
		"continue": func(ctx context.Context, ch *Channel) error { return ch.Continue(ctx) },
		"move":     func(ctx context.Context, ch *Channel) error { return ch.Move(ctx, "other") },
		"redirect": func(ctx context.Context, ch *Channel) error { return ch.Redirect(ctx, "PJSIP/1") },
		"API": func(ctx context.Context, ch *Channel) error {
			return second(ch.ctrl.API().ChannelsHangupWithResponse(ctx, ch.ID, nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			const id = "a/b+c"
			end := &EndError{Entity: Entity{"channel", id}, Reason: ErrLeftStasis}
			for _, test := range []struct {
				cause  error
				status int
				want   error
			}{
				{end, http.StatusNoContent, nil},
				{end, http.StatusNotFound, ErrNotFound}, // It has ended for another reason; the answer counts.
				{&EndError{Entity: Entity{"channel", "other"}, Reason: ErrLeftStasis}, http.StatusNoContent, context.Canceled},
				{errTest, http.StatusNoContent, errTest},
				{ErrClosed, http.StatusNoContent, ErrClosed},
			} {
				ctx, cancel := context.WithCancelCause(t.Context())
				// The user's own limit, on top of the handler's.
				limited, stop := context.WithTimeout(ctx, time.Minute)
				w := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
					cancel(test.cause)
					if test.want != nil && test.status == http.StatusNoContent {
						<-r.Context().Done() // The request is given up.
					}
					rw.WriteHeader(test.status)
				})
				err := leave(limited, w.controller(t).Channel(id))
				stop()
				if test.want == nil {
					require.NoError(t, err)
					continue
				}
				require.ErrorIs(t, err, test.want)
				var e *Error
				require.ErrorAs(t, err, &e)
				assert.NotEmpty(t, e.Operation)
			}
		})
	}
}

// A command that is given when the channel has left already isn't sent.
func TestLeavingTooLate(t *testing.T) {
	w := newRecorder(t, noContent)
	ctx, cancel := context.WithCancelCause(t.Context())
	end := &EndError{Entity: Entity{"channel", "c1"}, Reason: ErrChannelDestroyed}
	cancel(end)
	err := w.controller(t).Channel("c1").Stop(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, ErrChannelDestroyed)
	assert.Zero(t, w.count())
}

// The channel has left, but no answer comes: that has an end.
func TestLeavingWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		silent := DoerFunc(func(req *http.Request) (*http.Response, error) {
			cancel(&EndError{Entity: Entity{"channel", "c1"}, Reason: ErrLeftStasis})
			<-req.Context().Done()
			return nil, req.Context().Err()
		})
		c, err := NewController("http://asterisk:8088/ari", WithTransport(func(Doer) Doer { return silent }))
		require.NoError(t, err)
		start := time.Now()
		err = c.Channel("c1").Stop(ctx)
		require.ErrorIs(t, err, ErrConnection)
		assert.Equal(t, leaveTimeout, time.Since(start))
	})
}

// What breaks while the channel leaves is a failure of the connection, not of the context.
func TestConnectionBreaksWhileLeaving(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	breaks := DoerFunc(func(*http.Request) (*http.Response, error) {
		cancel(&EndError{Entity: Entity{"channel", "c1"}, Reason: ErrLeftStasis})
		return nil, errTest
	})
	c, err := NewController("http://asterisk:8088/ari", WithTransport(func(Doer) Doer { return breaks }))
	require.NoError(t, err)
	err = c.Channel("c1").Stop(ctx)
	require.ErrorIs(t, err, ErrConnection)
	require.ErrorIs(t, err, errTest)
	require.NotErrorIs(t, err, context.Canceled)
	require.False(t, errors.Is(err, ErrLeftStasis))
	assert.False(t, strings.Contains(err.Error(), "canceled"))
}
