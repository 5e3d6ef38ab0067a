package menu_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/examples/ivr/menu"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

const greeting = "sound:vm-enter-num-to-call"

func start(t *testing.T) (*aritest.Server, *aritest.Endpoint) {
	srv := aritest.NewServer(t)
	operator := srv.Endpoint("PJSIP/operator", aritest.Answers(0))
	client := srv.Client()
	client.OnCall((&menu.App{Operator: "PJSIP/operator"}).Serve)
	require.NoError(t, client.Connect(t.Context()))
	return srv, operator
}

func TestTransfer(t *testing.T) {
	srv, operator := start(t)
	caller := srv.Call("1000", aritest.From("Alice <100>"))
	require.NoError(t, caller.WaitHeard(t.Context(), greeting))
	caller.SendDTMF("1")
	_, err := operator.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, caller.WaitBridged(t.Context(), 2))
	caller.Hangup()
	require.NoError(t, srv.WaitIdle(t.Context())) // Nothing is left over, the operator neither.
}

func TestHangupInTheMiddle(t *testing.T) {
	srv, _ := start(t)
	caller := srv.Call("1000")
	require.NoError(t, caller.WaitHeard(t.Context(), greeting))
	caller.Hangup()
	require.NoError(t, srv.WaitIdle(t.Context()))
}

func TestWrongDigitsThenTheRightOne(t *testing.T) {
	srv, operator := start(t)
	caller := srv.Call("1000")
	require.NoError(t, caller.WaitHeard(t.Context(), greeting))
	caller.SendDTMF("91") // Callers who know the menu don't wait for it.
	_, err := operator.Next(t.Context())
	require.NoError(t, err)
	caller.Hangup()
	require.NoError(t, srv.WaitIdle(t.Context()))
}

// A caller whose operator doesn't answer is not left in silence.
func TestOperatorIsBusy(t *testing.T) {
	srv := aritest.NewServer(t)
	srv.Endpoint("PJSIP/operator", aritest.Busy())
	client := srv.Client()
	client.OnCall((&menu.App{Operator: "PJSIP/operator"}).Serve)
	require.NoError(t, client.Connect(t.Context()))
	caller := srv.Call("1000")
	require.NoError(t, caller.WaitHeard(t.Context(), greeting))
	caller.SendDTMF("1")
	require.NoError(t, caller.WaitEnded(t.Context()))
	require.NoError(t, srv.WaitIdle(t.Context()))
}
