package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari/aritest"
)

// An agent comes by telephone, and gets the caller who waits already; another caller gives up.
func TestCentre(t *testing.T) {
	srv := aritest.NewServer(t, aritest.WithSpeed(50))
	client := srv.Client()
	client.OnCall(newCentre().serve)
	require.NoError(t, client.Connect(t.Context()))
	agent := srv.Endpoint("PJSIP/200", aritest.Answers(time.Second))

	caller := srv.Call("1000", aritest.From("100"))
	require.NoError(t, caller.WaitHeard(t.Context(), "sound:vm-enter-num-to-call"))
	caller.SendDTMF("1")
	require.NoError(t, caller.WaitHeard(t.Context(), "moh:default"))

	login := srv.Call("1001", aritest.From("200"), aritest.Into(srv.App, "agent"))
	require.NoError(t, login.WaitHeard(t.Context(), "sound:agent-user"))
	login.SendDTMF("*1")
	require.NoError(t, login.WaitEnded(t.Context()))

	_, err := agent.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, caller.WaitBridged(t.Context(), 2))
	other := srv.Call("1000", aritest.From("101"))
	require.NoError(t, other.WaitHeard(t.Context(), "sound:vm-enter-num-to-call"))
	other.SendDTMF("1")
	require.NoError(t, other.WaitHeard(t.Context(), "moh:default"))
	other.SendDTMF("#")
	require.NoError(t, other.WaitEnded(t.Context()))
	caller.Hangup()
	require.NoError(t, srv.WaitIdle(t.Context()))
}
