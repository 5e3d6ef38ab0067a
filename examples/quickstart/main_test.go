package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// start runs the program in the background, on a simulated Asterisk whose telephone PJSIP/1001 behaves as it is said.
func start(t *testing.T, phone aritest.Behaviour) (srv *aritest.Server, called *aritest.Endpoint, result chan error) {
	srv = aritest.NewServer(t)
	t.Setenv("ARI_URL", srv.URL)
	t.Setenv("ARI_APPLICATION", srv.App)
	t.Setenv("ARI_USERNAME", srv.Username)
	t.Setenv("ARI_PASSWORD", srv.Password)
	called = srv.Endpoint("PJSIP/1001", phone)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	result = make(chan error, 1)
	go func() { result <- run(ctx, "PJSIP/1001") }()
	return srv, called, result
}

func TestAnswered(t *testing.T) {
	srv, called, result := start(t, aritest.Answers(0))
	phone, err := called.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, phone.WaitBridged(t.Context(), 2))
	caller := srv.Call("1000") // served besides
	require.NoError(t, caller.WaitBridged(t.Context(), 2))
	caller.Hangup()
	phone.Hangup()
	require.NoError(t, srv.WaitIdle(t.Context()))
	if err := <-result; err != nil { // The phone was faster than the answer to addChannel.
		require.ErrorIs(t, err, ari.ErrEnded)
	}
}

func TestBusy(t *testing.T) {
	srv, _, result := start(t, aritest.Busy())
	require.ErrorIs(t, <-result, ari.ErrBusy)
	require.NoError(t, srv.WaitIdle(t.Context()))
}
