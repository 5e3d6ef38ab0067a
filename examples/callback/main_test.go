package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// start runs the program, with bob's telephone as it is said, and returns when alice has answered and bob is called.
func start(t *testing.T, bob aritest.Behaviour) (srv *aritest.Server, a, b *aritest.Call, result chan error) {
	srv = aritest.NewServer(t)
	t.Setenv("ARI_URL", srv.URL)
	t.Setenv("ARI_APPLICATION", srv.App)
	t.Setenv("ARI_USERNAME", srv.Username)
	t.Setenv("ARI_PASSWORD", srv.Password)
	first, second := srv.Endpoint("PJSIP/alice", aritest.Answers(0)), srv.Endpoint("PJSIP/bob", bob)
	result = make(chan error, 1)
	go func() { result <- run(t.Context(), "PJSIP/alice", "PJSIP/bob") }()
	a, err := first.Next(t.Context())
	require.NoError(t, err)
	b, err = second.Next(t.Context())
	require.NoError(t, err)
	return srv, a, b, result
}

func TestConnected(t *testing.T) {
	srv, a, b, result := start(t, aritest.Answers(0))
	require.NoError(t, a.WaitBridged(t.Context(), 2))
	b.Hangup()
	require.NoError(t, a.WaitEnded(t.Context()))
	if err := <-result; err != nil { // Bob was faster than the answer to addChannel.
		require.ErrorIs(t, err, ari.ErrEnded)
	}
	require.NoError(t, srv.WaitIdle(t.Context()))
}

// The first party hangs up while the second one's telephone rings.
func TestFirstGivesUp(t *testing.T) {
	srv, a, b, result := start(t, aritest.Rings())
	a.Hangup()
	require.NoError(t, b.WaitEnded(t.Context()))
	require.ErrorIs(t, <-result, ari.ErrEnded)
	require.NoError(t, srv.WaitIdle(t.Context()))
}

func TestSecondRefuses(t *testing.T) {
	srv, a, _, result := start(t, aritest.Busy())
	err := <-result
	require.ErrorIs(t, err, ari.ErrBusy)
	require.ErrorContains(t, err, "PJSIP/bob is busy")
	require.NoError(t, a.WaitEnded(t.Context()))
	require.NoError(t, srv.WaitIdle(t.Context()))
}
