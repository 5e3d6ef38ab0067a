package aritest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// A request that crashes a release is answered, unless the fault is asked for.
func TestKnownFaultsCrash(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault     aritest.KnownFault
		path      string
		unfaulted int
	}{
		"variable of a bridge":  {aritest.CrashOnBridgeVariableWithoutName, "/bridges/b/variable?value=1", 400},
		"function of a channel": {aritest.CrashOnFunctionWithoutValue, "/channels/c/variable?variable=CHANNEL(language)", 204},
		"move":                  {aritest.CrashOnMoveWithoutApplication, "/channels/c/move", 204},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, faults := range [][]aritest.KnownFault{nil, {c.fault}} {
				srv := aritest.NewServer(t, aritest.WithKnownFaults(faults...), aritest.WithSpeed(100))
				client := srv.Client()
				require.NoError(t, client.Connect(t.Context()))
				srv.Call("1000", aritest.WithChannelID("c"))
				_, err := srv.Controller().CreateBridge(t.Context(), ari.CreateBridgeOptions{BridgeID: "b"})
				require.NoError(t, err)
				down := ari.Subscribe[*ari.Disconnected](client)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+c.path, http.NoBody)
				require.NoError(t, err)
				req.SetBasicAuth(srv.Username, srv.Password)
				resp, err := http.DefaultTransport.RoundTrip(req)
				if faults == nil {
					require.NoError(t, err)
					require.Equal(t, c.unfaulted, resp.StatusCode)
					require.NoError(t, resp.Body.Close())
					require.Len(t, srv.Channels(), 1)
					continue
				}
				if err == nil {
					_ = resp.Body.Close()
				}
				require.Error(t, err)
				_, err = down.Next(t.Context())
				require.NoError(t, err)
				require.NoError(t, srv.WaitIdle(t.Context()), "nothing has survived")
			}
		})
	}
}

func TestKnownFaultLocksUp(t *testing.T) {
	t.Parallel()
	for _, all := range []bool{false, true} {
		srv := aritest.NewServer(t, aritest.WithKnownFaults(aritest.LockUpAfterSubscribeAll))
		var opts []ari.Option
		if all {
			opts = append(opts, ari.WithSubscribeAll())
		}
		client := srv.Client(opts...)
		require.NoError(t, client.Connect(t.Context()))
		require.NoError(t, client.Close(t.Context()))
		ctrl := srv.Controller(ari.WithHTTPClient(&http.Client{Timeout: 300 * time.Millisecond, Transport: &http.Transport{}}))
		answers := func() bool {
			_, err := ctrl.Ping(t.Context())
			return err == nil
		}
		if all {
			require.Eventually(t, func() bool { return !answers() }, 10*time.Second, time.Millisecond)
		} else {
			require.NoError(t, srv.Wait(t.Context(), func() bool { return srv.AwaitApp(expired(), srv.App) != nil }))
			require.True(t, answers())
		}
		srv.Faults().Thaw()
	}
}

// A reason to hang up that a release doesn't know is refused.
func TestHangupReasonsOfReleases(t *testing.T) {
	t.Parallel()
	for version, taken := range map[string]bool{"16.1.0": false, "16.2.0": true, "15.7.4": false, "22.10.1": true} {
		srv := aritest.NewServer(t, aritest.WithVersion(version))
		client := srv.Client()
		require.NoError(t, client.Connect(t.Context()))
		srv.Call("1000", aritest.WithChannelID("c"))
		err := srv.Controller().Channel("c").Hangup(t.Context(), ari.HangupReasonRejected)
		if taken {
			require.NoError(t, err, version)
			continue
		}
		require.Error(t, err, version)
		require.NoError(t, srv.Controller().Channel("c").Hangup(t.Context(), ari.HangupReasonBusy), version)
	}
}
