package ari

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
)

// Asterisk 22.10.1 crashes when a function of the dialplan is set without a value, and 16.28 too when a channel is moved
// without an application.
func TestWhatCrashesAsteriskIsNotSent(t *testing.T) {
	w := newRecorder(t, noContent)
	ctx := t.Context()
	api := w.controller(t).API()
	withBody := func(body string) gen.RequestEditorFn {
		return func(_ context.Context, req *http.Request) error {
			req.Header.Set("Content-Type", "application/json")
			req.ContentLength = int64(len(body))
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
			req.Body, _ = req.GetBody()
			return nil
		}
	}
	set := func(variable string, edit ...gen.RequestEditorFn) error {
		return second(api.ChannelsSetChannelVarWithResponse(ctx, "c1", &gen.ChannelsSetChannelVarParams{Variable: variable}, edit...))
	}
	move := func(edit ...gen.RequestEditorFn) error {
		return second(api.ChannelsMoveWithResponse(ctx, "c1", &gen.ChannelsMoveParams{}, edit...))
	}
	for name, err := range map[string]error{
		"function without a value": set("CHANNEL(language)"),
		"function with a null":     set("CHANNEL(language)", withBody(`{"value":null}`)),
		"function with a number":   set("CHANNEL(language)", withBody(`{"value":1}`)),
		"nowhere":                  move(),
		"to null":                  move(withBody(`{"app":null}`)),
		"to a number":              move(withBody(`{"app":1}`)),
	} {
		require.ErrorIs(t, err, ErrInvalid, name)
		assert.ErrorContains(t, err, "not sent: ", name)
	}
	assert.Zero(t, w.count())

	value := ""
	for name, err := range map[string]error{
		"variable without a value":       set("X"),
		"function with a value":          set("CHANNEL(language)", withBody(`{"value":"de"}`)),
		"function with the empty value":  second(api.ChannelsSetChannelVarWithResponse(ctx, "c1", &gen.ChannelsSetChannelVarParams{Variable: "CHANNEL(language)", Value: &value})),
		"the method sends the empty one": w.controller(t).Channel("c1").SetVariable(ctx, "CHANNEL(language)", ""),
		"move by the body":               move(withBody(`{"app":"a"}`)),
	} {
		require.NoError(t, err, name)
	}
	assert.Equal(t, 5, w.count())
}
