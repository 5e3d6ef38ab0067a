package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

func TestDescribe(t *testing.T) {
	srv := aritest.NewServer(t)
	client := srv.Client()
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error { return call.Channel.Answer(ctx) })
	events := ari.Subscribe[ari.Event](client)
	require.NoError(t, client.Connect(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	await := func(text string) {
		t.Helper()
		for {
			ev, err := events.Next(ctx)
			require.NoError(t, err, "nothing says %q", text)
			if strings.Contains(describe(ev), text) {
				return
			}
		}
	}
	caller := srv.Call("1000")
	await("entered " + srv.App)
	require.NoError(t, caller.WaitAnswered(ctx)) // Asterisk passes no digits on before.
	caller.SendDTMF("5")
	await("pressed 5")
	srv.Faults().SendEvent(srv.App, "SomethingNew", map[string]any{"x": 1})
	await("SomethingNew, which this SDK doesn't know")
	caller.Hangup()
	require.NoError(t, srv.WaitIdle(t.Context()))
}
