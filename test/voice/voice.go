// Package voice runs tests of applications that speak with callers on a simulated Asterisk, in virtual time and without a network, and on real
// ones: the test is the same.
package voice

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/media"
	"github.com/ari-go/ari/test/asterisk"
)

// simulatedDialplan is what the test needs of the real ones' dialplan.
const simulatedDialplan = `
[default]
exten = _app-.,1,Stasis(${EXTEN:4})
 same = n,Hangup()
`

// A Line is an Asterisk to make calls on.
type Line struct {
	Version string
	// Simulated is the server, unless it is a real Asterisk.
	Simulated *aritest.Server
	// Real is the Asterisk, unless it is simulated.
	Real *asterisk.Instance

	callers int
}

// Each runs a test on simulated Asterisks, each in a bubble of virtual time, and on real ones of the same versions. Those of the latter are skipped
// where tests of real Asterisks are.
func Each(t *testing.T, versions []string, test func(t *testing.T, l *Line)) {
	t.Helper()
	for _, version := range versions {
		t.Run("simulated "+version, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				test(t, Simulated(t, version))
			})
		})
		t.Run("real "+version, func(t *testing.T) {
			t.Parallel()
			test(t, &Line{Version: version, Real: asterisk.Start(t, asterisk.Options{Version: version})})
		})
	}
}

// Simulated starts a simulated Asterisk in memory, such as "22".
func Simulated(t *testing.T, version string) *Line {
	t.Helper()
	full := map[string]string{"22": "22.10.1", "16": "16.28.0"}[version]
	srv := aritest.NewServer(t, aritest.InMemory(), aritest.WithVersion(full), aritest.WithDialplan(simulatedDialplan))
	return &Line{Version: version, Simulated: srv}
}

// Client is a client for an application, which is connected until the test ends.
func (l *Line) Client(t *testing.T, app string) *ari.Client {
	t.Helper()
	var client *ari.Client
	if l.Simulated != nil {
		client = l.Simulated.ClientFor(app)
	} else {
		var err error
		client, err = ari.NewClient(l.Real.URL, app, ari.WithBasicAuth(l.Real.Username, l.Real.Password))
		require.NoError(t, err)
	}
	require.NoError(t, client.Connect(t.Context()))
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	return client
}

// Dial calls an application, and returns the caller's channel and what the caller hears and says. It ends with the test at the latest.
func (l *Line) Dial(t *testing.T, app string, opts media.Options) (*ari.Channel, *media.Stream) {
	t.Helper()
	l.callers++ // Each has an application of its own.
	ch, err := l.Client(t, fmt.Sprintf("%s-caller-%d", app, l.callers)).ARI().Originate(t.Context(), ari.OriginateOptions{Endpoint: "Local/app-" + app + "@default"})
	require.NoError(t, err)
	require.NoError(t, ch.WaitStasis(t.Context()))
	phone, err := media.Open(t.Context(), ch, opts)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = phone.Close()
		_ = ch.Stop(context.Background())
	})
	return ch, phone
}

// Network is where the Asterisk finds programs, and they find it.
func (l *Line) Network() aritest.Network {
	if l.Simulated != nil {
		return l.Simulated.Network()
	}
	return machine{}
}

// machine is this machine's network.
type machine struct{}

func (machine) Host(context.Context, string) (string, error) { return "127.0.0.1", nil }

func (machine) Dial(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

func (machine) Listen(ctx context.Context, address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

func (machine) ListenPacket(ctx context.Context, address string) (net.PacketConn, error) {
	return (&net.ListenConfig{}).ListenPacket(ctx, "udp", address)
}

// Serve serves HTTP until the test ends, and returns the server's host and a client that reaches it.
func (l *Line) Serve(t *testing.T, handler http.Handler) (host string, client *http.Client) {
	t.Helper()
	network := l.Network()
	listener, err := network.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) { return network.Dial(ctx, address) }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-served
	})
	return listener.Addr().String(), &http.Client{Transport: transport}
}
