package aritest_test

import (
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
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

// Of plays at once to a bridge where nothing plays, one succeeds; the others have made nothing. Package ari sends them again.
func TestPlaysAtOnceCollide(t *testing.T) {
	const plays = 5
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory(), aritest.WithKnownFaults(aritest.FailPlaysAtOnce))
		ok(t, srv, "POST", "/bridges/b")
		ok(t, srv, "POST", "/bridges/other")
		statuses := make(chan int, plays)
		for i := range plays {
			go func() {
				status, text, _ := do(t, srv, "POST", "/bridges/b/play/p"+strconv.Itoa(i)+"?media=sound:hello-world")
				if status == 500 {
					assert.JSONEq(t, `{"error":"Allocation failed"}`, text)
					status, _, _ = do(t, srv, "GET", "/playbacks/p"+strconv.Itoa(i))
				}
				statuses <- status
			}()
		}
		ok(t, srv, "POST", "/bridges/other/play?media=sound:hello-world") // Another bridge has its own.
		count := map[int]int{}
		for range plays {
			count[<-statuses]++
		}
		require.Equal(t, map[int]int{201: 1, 404: plays - 1}, count)
		ok(t, srv, "POST", "/bridges/b/play?media=sound:hello-world") // It waits behind the winner.
	})
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory(), aritest.WithKnownFaults(aritest.FailPlaysAtOnce))
		client := srv.Client()
		require.NoError(t, client.Connect(t.Context()))
		bridge, err := client.ARI().CreateBridge(t.Context(), ari.CreateBridgeOptions{})
		require.NoError(t, err)
		outcomes := make(chan error, plays)
		for range plays {
			go func() {
				playback, err := bridge.Play(t.Context(), "sound:hello-world")
				if err == nil {
					err = playback.Wait(t.Context())
				}
				outcomes <- err
			}()
		}
		for range plays {
			require.NoError(t, <-outcomes)
		}
		require.NoError(t, client.Close(t.Context()))
	})
}
