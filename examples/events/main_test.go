package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

func TestDescribe(t *testing.T) {
	srv := aritest.NewServer(t)
	client := srv.Client()
	events := ari.Subscribe[ari.Event](client)
	require.NoError(t, client.Connect(t.Context()))
	await := func(text string) {
		t.Helper()
		for {
			ev, err := events.Next(t.Context())
			require.NoError(t, err, "nothing says %q", text)
			if strings.Contains(describe(ev), text) {
				return
			}
		}
	}
	caller := srv.Call("1000")
	await("entered " + srv.App)
	caller.SendDTMF("5")
	await("pressed 5")
	srv.Faults().SendEvent(srv.App, "SomethingNew", map[string]any{"x": 1})
	await("SomethingNew, which this SDK doesn't know")
	caller.Hangup()
	require.NoError(t, srv.WaitIdle(t.Context()))
}
