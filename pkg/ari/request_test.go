package ari

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A tap is an interceptor or transport that notes what passes it.
type tap struct {
	name  string
	calls *[]string
}

func (p tap) link(next Doer) Doer {
	return DoerFunc(func(req *http.Request) (*http.Response, error) {
		info := RequestInfoOf(req)
		auth := ""
		if req.Header.Get("Authorization") != "" {
			auth = " authorized"
		}
		*p.calls = append(*p.calls, strings.Join([]string{p.name, info.Operation, info.ID("channelId"), req.URL.RawQuery}, " ")+auth)
		return next.Do(req)
	})
}

// Interceptors are called once for a command, in their order, before it is encoded; transports for each attempt, with all
// that is sent.
func TestInterceptorsAndTransports(t *testing.T) {
	w := newRecorder(t, noContent)
	var calls []string
	attempts := 0
	dies := func(next Doer) Doer {
		return DoerFunc(func(req *http.Request) (*http.Response, error) {
			attempts++
			assert.Equal(t, attempts, RequestInfoOf(req).Attempt())
			if attempts < tries {
				return nil, syscall.ECONNRESET
			}
			return next.Do(req)
		})
	}
	after := 0
	counts := func(next Doer) Doer {
		return DoerFunc(func(req *http.Request) (*http.Response, error) {
			assert.Zero(t, RequestInfoOf(req).Attempt())
			resp, err := next.Do(req)
			after = RequestInfoOf(req).Attempt()
			return resp, err
		})
	}
	c := w.controller(t, WithInterceptor(counts), WithInterceptor(tap{"first", &calls}.link), WithInterceptor(tap{"second", &calls}.link),
		WithTransport(dies), WithTransport(tap{"transport", &calls}.link))
	require.NoError(t, c.Channel("a/b+c").StopMOH(t.Context()))
	assert.Equal(t, []string{
		"first channelsStopMoh a/b+c ", "second channelsStopMoh a/b+c ",
		"transport channelsStopMoh a/b+c  authorized", "transport channelsStopMoh a/b+c  authorized", "transport channelsStopMoh a/b+c  authorized",
	}, calls)
	assert.Equal(t, tries, after)
	assert.Equal(t, "DELETE /pbx1/ari/channels/a%2Fb%2Bc/moh", w.last(t).line)
}

func TestInterceptorSeesTheOutcome(t *testing.T) {
	w := newRecorder(t, answerJSON(http.StatusNotFound, `{"message":"Channel not found"}`))
	var outcomes []error
	var operations []string
	c := w.controller(t, WithInterceptor(func(next Doer) Doer {
		return DoerFunc(func(req *http.Request) (*http.Response, error) {
			type key struct{}
			req = req.WithContext(context.WithValue(req.Context(), key{}, 1)) // as a tracer does
			req.Header.Set("Traceparent", "00-x")
			resp, err := next.Do(req)
			outcomes, operations = append(outcomes, err), append(operations, RequestInfoOf(req).Operation)
			return resp, err
		})
	}))
	ctx := t.Context()
	require.ErrorIs(t, c.AnswerChannel(ctx, "c1"), ErrNotFound)
	require.ErrorIs(t, second(c.API().ChannelsRingWithResponse(ctx, "c1")), ErrNotFound)
	require.ErrorIs(t, c.BridgeAddChannel(ctx, "b1"), ErrInvalid)
	assert.Equal(t, []string{"channelsAnswer", "channelsRing", "bridgesAddChannel"}, operations)
	for i, want := range []error{ErrNotFound, ErrNotFound, ErrInvalid} {
		var e *Error
		require.ErrorAs(t, outcomes[i], &e)
		require.ErrorIs(t, e, want)
	}
	assert.Equal(t, 2, w.count())
}

// An interceptor may refuse, answer by itself, ask something first, or try again.
func TestInterceptorsOfAllKinds(t *testing.T) {
	ctx := t.Context()
	w := newRecorder(t, answerJSON(http.StatusOK, `[]`))
	refuses := w.controller(t, WithInterceptor(func(Doer) Doer {
		return DoerFunc(func(*http.Request) (*http.Response, error) { return nil, errTest })
	}))
	err := refuses.AnswerChannel(ctx, "c1")
	require.ErrorIs(t, err, errTest)
	require.ErrorContains(t, err, "channelsAnswer")
	require.NotErrorIs(t, err, ErrConnection)
	require.ErrorContains(t, second(refuses.API().ChannelsAnswerWithResponse(ctx, "c1")), "channelsAnswer")
	assert.Zero(t, w.count())

	var asks *Controller
	nested := ""
	asks = w.controller(t, WithInterceptor(func(next Doer) Doer {
		return DoerFunc(func(req *http.Request) (*http.Response, error) {
			if RequestInfoOf(req).Operation == "channelsAnswer" {
				// With the context of this request, which belongs to another operation.
				if _, err := asks.API().ChannelsListWithResponse(req.Context()); err != nil {
					return nil, err
				}
			} else {
				nested = RequestInfoOf(req).Operation
			}
			return next.Do(req)
		})
	}))
	require.NoError(t, asks.AnswerChannel(ctx, "c1"))
	assert.Equal(t, "channelsList", nested)

	bodies := w.controller(t, WithInterceptor(func(next Doer) Doer {
		return DoerFunc(func(req *http.Request) (*http.Response, error) {
			resp, err := next.Do(req)
			if err != nil {
				return nil, err
			}
			_ = resp.Body.Close()
			return next.Do(req)
		})
	}))
	before := w.count()
	require.NoError(t, bodies.Channel("c1").SetVariables(ctx, map[string]string{"A": "1"}))
	assert.Equal(t, before+2, w.count())
	assert.Equal(t, w.seen[before], w.seen[before+1], "with its body")
}

// A policy sends an operation by another transport.
func TestTransportChosenByOperation(t *testing.T) {
	w := newRecorder(t, noContent)
	var bus []string
	c := w.controller(t, WithTransport(func(next Doer) Doer {
		return DoerFunc(func(req *http.Request) (*http.Response, error) {
			if info := RequestInfoOf(req); info.Operation == "channelsRing" {
				bus = append(bus, info.Operation)
				return &http.Response{StatusCode: http.StatusConflict, Body: http.NoBody, Header: http.Header{}}, nil
			}
			return next.Do(req)
		})
	}))
	require.ErrorIs(t, c.Channel("c1").Ring(t.Context()), ErrConflict)
	require.NoError(t, c.AnswerChannel(t.Context(), "c1"))
	assert.Equal(t, []string{"channelsRing"}, bus)
	assert.Equal(t, 1, w.count())
}

func TestRequestInfoOfStrangers(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://h/x", nil)
	require.NoError(t, err)
	assert.Equal(t, RequestInfo{}, RequestInfoOf(req))
	assert.Zero(t, RequestInfoOf(req).Attempt())
	assert.Empty(t, RequestInfoOf(req).ID("channelId"))
}

// What means nothing to a controller can't be given to one.
func TestKindsOfOptions(t *testing.T) {
	controller, session := reflect.TypeFor[ControllerOption](), reflect.TypeFor[SessionOption]()
	for _, test := range []struct {
		option                  Option
		ofController, ofSession bool
	}{
		{WithBasicAuth("u", "p"), true, true},
		{WithTLSConfig(nil), true, true},
		{WithCleartextCredentials(), true, true},
		{WithHTTPClient(nil), true, true},
		{WithLogger(nil), true, true},
		{WithInterceptor(nil), true, true},
		{WithTransport(nil), true, true},
		{WithSubscribeAll(), false, true},
		{WithSubscriptions(), false, true},
		{WithAdoption(), false, true},
		{WithApplications(), false, true},
		{WithReconnect(ReconnectOptions{}), false, true},
		{WithKeepalive(1, 1), false, true},
		{WithErrorHandler(nil), false, false},
		{WithEventBuffer(1), false, false},
		{WithCloseTimeout(1), false, false},
	} {
		kind := reflect.TypeOf(test.option)
		assert.Equal(t, test.ofController, kind.Implements(controller), kind)
		assert.Equal(t, test.ofSession, kind.Implements(session), kind)
	}
	for _, opt := range []ControllerOption{WithInterceptor(nil), WithTransport(nil)} {
		_, err := NewController("http://h/ari", opt)
		require.Error(t, err)
	}
	_, err := NewController("http://h/ari", nil)
	require.NoError(t, err, "none is none")
}
