package conformance_test

import (
	"context"
	"flag"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/conformance"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/test/asterisk"
)

// allTransports makes the whole suite run by each transport.
var allTransports = flag.Bool("transports.all", false, "run the whole suite by each transport, instead of a sample")

// switchboard listens for websockets that an endpoint opens.
func switchboard(t *testing.T) (board *conformance.Switchboard, addr string) {
	t.Helper()
	board = conformance.NewSwitchboard()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	web := &http.Server{Handler: board, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = web.Serve(l) }()
	t.Cleanup(func() { _ = web.Close() })
	return board, l.Addr().String()
}

// TestSimulatorTransports runs the suite on the simulator by the other transports.
func TestSimulatorTransports(t *testing.T) {
	t.Parallel()
	const version = "22.10.1"
	t.Run("websocket", func(t *testing.T) {
		t.Parallel()
		conformance.Run(t, newSimulator(t, version), conformance.Config{Transport: conformance.Websocket, Sample: !*allTransports})
	})
	t.Run("called", func(t *testing.T) {
		t.Parallel()
		board, addr := switchboard(t)
		cfg := conformance.Config{Transport: conformance.Called, Switchboard: board, Sample: !*allTransports}
		var all []aritest.Outbound
		for _, o := range cfg.Outbound(addr) {
			all = append(all, aritest.Outbound{Name: o.Name, URI: o.URI, Apps: o.Apps, Interval: time.Second})
		}
		conformance.Run(t, newSimulator(t, version, aritest.WithOutbound(all...)), cfg)
	})
}

// TestAsteriskTransports runs a sample of the suite, or the whole, on a real Asterisk by the other transports.
func TestAsteriskTransports(t *testing.T) {
	t.Run("websocket", func(t *testing.T) {
		inst := asterisk.Start(t, asterisk.Options{Own: true, Dialplan: dialplan, WriteTimeout: writeTimeout})
		conformance.Run(t, &asteriskEnv{inst: inst}, conformance.Config{Transport: conformance.Websocket, Sample: !*allTransports})
	})
	t.Run("called", func(t *testing.T) {
		if !*allTransports {
			t.Skip("22.10.1 crashed in three of seven runs, when a websocket that it has opened ends just as a channel is hung up: -transports.all")
		}
		board, addr := switchboard(t)
		cfg := conformance.Config{Transport: conformance.Called, Switchboard: board, Sample: !*allTransports}
		opts := asterisk.Options{Own: true, Dialplan: dialplan, WriteTimeout: writeTimeout}
		for _, o := range cfg.Outbound(addr) {
			opts.Outbound = append(opts.Outbound, asterisk.Outbound{
				WebsocketClient: asterisk.WebsocketClient{Name: o.Name, URI: o.URI, Interval: time.Second}, Apps: o.Apps,
			})
		}
		conformance.Run(t, &asteriskEnv{inst: asterisk.Start(t, opts)}, cfg)
	})
}
