package bridger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/examples/bridging/bridger"
	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// When the program ends, nobody is left in silence, and nothing is left over.
func TestEndOfProgram(t *testing.T) {
	srv := aritest.NewServer(t)
	client := srv.Client()
	app := &bridger.App{Media: ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:10000", Format: "ulaw"}}
	client.OnCall(app.Serve)
	require.NoError(t, client.Connect(t.Context()))
	caller := srv.Call("1000")
	require.NoError(t, caller.WaitBridged(t.Context(), 2))
	require.NoError(t, client.Close(t.Context()))
	require.NoError(t, caller.WaitEnded(t.Context()))
	require.NoError(t, srv.WaitIdle(t.Context()))
}

func TestFailure(t *testing.T) {
	srv := aritest.NewServer(t)
	client := srv.Client()
	app := &bridger.App{Media: ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:10000", Format: "nonsense"}}
	client.OnCall(app.Serve)
	require.NoError(t, client.Connect(t.Context()))
	require.NoError(t, srv.Call("1000").WaitEnded(t.Context()))
	require.NoError(t, srv.WaitIdle(t.Context()))
}
