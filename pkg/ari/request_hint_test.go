package ari

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Where Asterisk's answer doesn't say which argument is at fault, ours says which may be. The answers are those of 22.10.1
// and 16.28.0.
func TestErrorHints(t *testing.T) {
	const internal = `{"message":"An internal error prevented this request from being handled"}`
	uuid := "40325ec8-5efd-4bd3-8052-53576e581d13"
	media := func(o ExternalMediaOptions) func(context.Context, *Controller) error {
		return func(ctx context.Context, c *Controller) error { return second(c.CreateExternalMedia(ctx, o)) }
	}
	add := func(ids ...string) func(context.Context, *Controller) error {
		return func(ctx context.Context, c *Controller) error { return c.BridgeAddChannel(ctx, "b1", ids...) }
	}
	socket := ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "slin", Encapsulation: EncapsulationAudiosocket, Transport: TransportTCP, Data: uuid}
	noUUID, unknownHost := socket, socket
	noUUID.Data = "nouuid"
	unknownHost.ExternalHost, unknownHost.ChannelID = "nowhere.invalid:9", "mine"
	for name, test := range map[string]struct {
		do     func(context.Context, *Controller) error
		status int
		body   string
		want   string
	}{
		"unknown technology": {func(ctx context.Context, c *Controller) error {
			return second(c.Originate(ctx, OriginateOptions{Endpoint: "X/1"}))
		}, 500, `{"error":"Allocation failed"}`, hintNoAllocation},
		"unknown technology, create": {func(ctx context.Context, c *Controller) error {
			return second(c.CreateChannel(ctx, CreateChannelOptions{Endpoint: "X/1"}))
		}, 500, `{"error":"Allocation failed"}`, hintNoAllocation},
		"another failure": {func(ctx context.Context, c *Controller) error {
			return second(c.CreateChannel(ctx, CreateChannelOptions{Endpoint: "X/1"}))
		}, 500, `{"error":"Failure"}`, ""},
		"another operation": {func(ctx context.Context, c *Controller) error { return second(c.Channel("c").Refresh(ctx)) }, 500, `{"error":"Allocation failed"}`, ""},
		"no such channel":   {func(ctx context.Context, c *Controller) error { return second(c.Channel("c").Refresh(ctx)) }, 404, `{"message":"Channel not found"}`, ""},

		"media format":          {media(ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "nonsense"}), 500, internal, `the format "nonsense" is unknown`},
		"media host":            {media(ExternalMediaOptions{ExternalHost: "nowhere.invalid:9", Format: "ulaw"}), 500, internal, `the host "nowhere.invalid" is unknown, or the format "ulaw" is unknown`},
		"media host, 16":        {media(ExternalMediaOptions{ExternalHost: "nowhere.invalid:9", Format: "ulaw"}), 500, `{"error":"Allocation failed"}`, `the host "nowhere.invalid" is unknown`},
		"media UUID":            {media(noUUID), 500, internal, `data must be a UUID, "nouuid" is none`},
		"media nobody listens":  {media(socket), 500, internal, `nobody listens at 127.0.0.1:9, or the format "slin" is unknown`},
		"media, all but a UUID": {media(unknownHost), 500, internal, `the host "nowhere.invalid" is unknown, or nobody listens at nowhere.invalid:9, or the format "slin" is unknown, or the id "mine" is taken`},
		"media that says it":    {media(ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "x"}), 400, `{"message":"Provided format (x) was not found"}`, ""},

		"bridge type": {func(ctx context.Context, c *Controller) error {
			return second(c.CreateBridge(ctx, CreateBridgeOptions{Type: "mixing,holding"}))
		}, 500, `{"message":"Unable to create bridge"}`, `the type "mixing,holding" has an attribute that is unknown, or two that contradict each other`},
		"no channel":            {add("c1"), 400, `{"message":"Channel not found"}`, `channel "c1"`},
		"none of two":           {add("c1", "c,2"), 400, `{"message":"Channel not found"}`, `one of the channels "c1", "c,2"`},
		"channel not in Stasis": {add("c1"), 422, `{"message":"Channel not in Stasis application"}`, `channel "c1"`},
		"no bridge":             {add("c1"), 404, `{"message":"Bridge not found"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet && r.URL.Path == "/pbx1/ari/asterisk/info" {
					answerJSON(http.StatusOK, `{}`)(rw, r)
					return
				}
				rw.WriteHeader(test.status)
				_, _ = io.WriteString(rw, test.body)
			})
			err := test.do(t.Context(), w.controller(t))
			var e *Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, test.want, e.hint)
			if test.want != "" {
				assert.ErrorContains(t, err, "("+test.want+")")
				assert.Contains(t, e.LogValue().String(), "hint="+e.hint)
			}
		})
	}
}

func TestUUIDs(t *testing.T) {
	assert.True(t, isUUID("40325ec8-5efd-4bd3-8052-53576E581D13"))
	for _, text := range []string{"", "40325ec85efd4bd3805253576e581d13", "40325ec8-5efd-4bd3-8052-53576e581d1g", "40325ec8-5efd-4bd3-8052_53576e581d13"} {
		assert.False(t, isUUID(text), text)
	}
}
