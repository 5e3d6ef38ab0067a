package arisim

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// Arisim opens websockets to a program by itself.
func TestOutbound(t *testing.T) {
	server, err := ari.NewServer("ivr")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close(context.Background())) })
	server.OnCall(func(ctx context.Context, call *ari.StasisStart) error { return call.Channel.Answer(ctx) })
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	c := open(t, "-app", "ivr", "-outbound", "ws"+strings.TrimPrefix(web.URL, "http"), "-outbound-per-call", "-outbound-commands", "1")
	c.sees("application ivr")
	c.types("call 1000")
	c.sees("[1] is answered")
	c.types("hangup 1")
	c.sees("[1] is over")
}
