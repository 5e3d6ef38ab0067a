package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari/aritest"
)

func TestBridging(t *testing.T) {
	srv := aritest.NewServer(t)
	t.Setenv("ARI_URL", srv.URL)
	t.Setenv("ARI_APPLICATION", srv.App)
	t.Setenv("ARI_USERNAME", srv.Username)
	t.Setenv("ARI_PASSWORD", srv.Password)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	result := make(chan error, 1)
	go func() { result <- run(ctx, "127.0.0.1:10000") }()
	require.NoError(t, srv.AwaitApp(t.Context(), srv.App))
	caller := srv.Call("1000")
	require.NoError(t, caller.WaitBridged(t.Context(), 2))
	caller.Hangup()
	require.NoError(t, srv.WaitIdle(t.Context()))
	stop()
	require.NoError(t, <-result)
}
