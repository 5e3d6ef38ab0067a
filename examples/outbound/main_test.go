package main

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// A call is answered and goes on when the program is started again, with one websocket for all and with one for each.
func TestOutbound(t *testing.T) {
	for name, perCall := range map[string]bool{"persistent": false, "per call": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			addr := l.Addr().String()
			run := func(l net.Listener) (*ari.Server, *ari.Subscription[*ari.StasisStart]) {
				server, err := newServer()
				require.NoError(t, err)
				starts := ari.Subscribe[*ari.StasisStart](server)
				go func() { _ = server.Serve(t.Context(), l) }()
				return server, starts
			}
			server, _ := run(l)
			uri := "ws://" + addr + "/"
			srv := aritest.NewServer(t, aritest.WithOutbound(
				aritest.Outbound{Name: "hello", URI: uri, Apps: []string{"hello"}, PerCall: perCall, Username: user, Password: password, Attempts: 20},
				aritest.Outbound{Name: "commands", URI: uri, Apps: []string{server.CommandApplication() + "-1"}, Username: user, Password: password},
			))
			call := srv.Call("1000")
			require.NoError(t, call.WaitAnswered(t.Context()))
			require.NoError(t, server.Close(t.Context()))
			_ = l.Close() // It may be closed already.

			l, err = net.Listen("tcp", addr)
			require.NoError(t, err)
			server, starts := run(l)
			start, err := starts.Next(t.Context())
			require.NoError(t, err)
			require.True(t, start.Resumed())
			call.Hangup()
			require.NoError(t, srv.WaitIdle(t.Context()))
			require.NoError(t, server.Close(t.Context()))
		})
	}
	require.NoError(t, write("ws://127.0.0.1:9000/", true))
}
