package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari/aritest"
)

func TestCampaign(t *testing.T) {
	srv := aritest.NewServer(t)
	t.Setenv("ARI_URL", srv.URL)
	t.Setenv("ARI_APPLICATION", srv.App)
	t.Setenv("ARI_USERNAME", srv.Username)
	t.Setenv("ARI_PASSWORD", srv.Password)
	srv.Sound("auth-thankyou", 10*time.Millisecond)
	thanked := make(chan error, 1)
	srv.Endpoint("PJSIP/alice").OnCall(func(call *aritest.Call) {
		if call.WaitHeard(t.Context(), "sound:vm-tohearenv") == nil {
			call.SendDTMF("1")
		}
		thanked <- call.WaitHeard(t.Context(), "sound:auth-thankyou")
	})
	srv.Endpoint("PJSIP/bob", aritest.Refuses(0, 603))
	require.NoError(t, run(t.Context(), nil, "PJSIP/alice", "PJSIP/bob"))
	require.NoError(t, <-thanked)
	require.NoError(t, srv.WaitIdle(t.Context()))
}
