package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/ivr"
)

// A caller finds 100 busy and leaves a message, which 100 hears; another one is connected with 101.
func TestAttendant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		store := &ivr.MemoryStore{}
		a := &attendant{pins: map[string]string{"100": "1234", "101": "4321"}, store: store}
		client := srv.Client()
		client.OnCall(a.serve)
		require.NoError(t, client.Connect(t.Context()))
		srv.Endpoint("PJSIP/100", aritest.Busy())
		srv.Endpoint("PJSIP/101")
		srv.Sound("vm-intro", 10*time.Millisecond)

		dial := func(digits string) *aritest.Call {
			call := srv.Call("1000", aritest.From("Ada <200>"))
			require.NoError(t, call.WaitHeard(t.Context(), "sound:vm-enter-num-to-call"))
			call.SendDTMF(digits)
			return call
		}
		caller := dial("100")
		require.NoError(t, caller.WaitRecording(t.Context()))
		caller.Speak(3 * time.Second)
		time.Sleep(3 * time.Second) // of the bubble's time: as long as he speaks
		caller.Hangup()
		require.Eventually(t, func() bool {
			messages, err := store.Messages(t.Context(), "100")
			return err == nil && len(messages) == 1 && messages[0].Number == "200"
		}, 10*time.Second, 10*time.Millisecond)
		owner := dial("*")
		require.NoError(t, owner.WaitHeard(t.Context(), "sound:vm-login"))
		owner.SendDTMF("100")
		require.NoError(t, owner.WaitHeard(t.Context(), "sound:vm-password"))
		owner.SendDTMF("1234")
		require.NoError(t, owner.WaitHeard(t.Context(), "sound:vm-youhave"))
		owner.Hangup()

		caller = dial("101")
		require.NoError(t, caller.WaitBridged(t.Context(), 2))
		caller.Hangup()
		require.NoError(t, srv.WaitIdle(t.Context()))
	})
}
