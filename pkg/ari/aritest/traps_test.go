package aritest_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// When Asterisk takes the application of a new connection down together with an old one, the client connects once more.
func TestZombieRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		client := srv.Client(quiet)
		require.NoError(t, client.Connect(soon(t)))
		srv.Faults().LoseApplication("hello")
		time.Sleep(3 * time.Second)
		require.NoError(t, client.WaitConnected(soon(t)))
		assert.EqualValues(t, 2, client.Stats().Connections)
		starts := ari.Subscribe[*ari.StasisStart](client)
		call := srv.Call("1000")
		_, err := starts.Next(soon(t))
		require.NoError(t, err)
		call.Hangup()
		time.Sleep(time.Minute)
		assert.EqualValues(t, 2, client.Stats().Connections)
	})
}

// A client unsubscribes from device states before it takes leave.
func TestDeviceStatesAreUnsubscribed(t *testing.T) {
	for name, opt := range map[string]ari.Option{
		"all":      ari.WithSubscribeAll(),
		"explicit": ari.WithSubscriptions("deviceState:", "channel:"),
		"named":    ari.WithSubscriptions("deviceState:Stasis:x"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := aritest.NewServer(t, aritest.InMemory())
				httpClient, paths := countHTTP(srv)
				client := srv.Client(quiet, opt, ari.WithHTTPClient(httpClient))
				require.NoError(t, client.Connect(soon(t)))
				require.NoError(t, client.Close(soon(t)))
				assert.True(t, slices.Contains(paths(), http.MethodDelete+" /ari/applications/hello/subscription"), paths())
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		httpClient, paths := countHTTP(srv)
		client := srv.Client(quiet, ari.WithSubscriptions("channel:"), ari.WithHTTPClient(httpClient))
		require.NoError(t, client.Connect(soon(t)))
		require.NoError(t, client.Close(soon(t)))
		assert.NotContains(t, paths(), http.MethodDelete+" /ari/applications/hello/subscription")
	})
}

// An application that has locked up inside Asterisk is told of as such, by the first attempt and by later ones.
func TestLockedUpApplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		told := make(chan error, 100)
		client := srv.Client(quiet, ari.WithErrorHandler(func(_ context.Context, err error) { told <- err }))
		require.NoError(t, client.Connect(soon(t)))
		srv.Faults().LockUp("hello")
		require.ErrorIs(t, srv.Client(quiet).Connect(soon(t)), ari.ErrLockedUp)
		srv.Faults().DropEvents()
		time.Sleep(time.Minute)
		_, err := client.ARI().Channels(soon(t))
		require.NoError(t, err, "commands go on")
		require.ErrorIs(t, <-told, ari.ErrLockedUp)
		srv.Faults().Restart(time.Second)
		require.NoError(t, client.WaitConnected(soon(t)))
	})
}
