package aritest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/ari-go/ari/internal/sim"
)

// An Outbound is an event websocket that the server opens by itself to an application's server: what a section of
// outbound_websocket in ari.conf, and its websocket_client, say. See [ari.Server].
type Outbound struct {
	// Name is the section's name.
	Name string
	// URI is the application's server, such as "ws://127.0.0.1:9000/".
	URI string
	// Apps are its Stasis applications.
	Apps []string
	// PerCall opens a websocket for each call, instead of one that stays. A call enters its application half a second later then, as
	// with Asterisk: see [WithCallPoll].
	PerCall bool
	// SubscribeAll subscribes the applications to everything; not with PerCall.
	SubscribeAll bool
	// Username and Password are shown to the application's server.
	Username, Password string
	// ReadOnly gives the requests on the websocket the rights of the user that may only read.
	ReadOnly bool
	// Timeout is how long an attempt to connect may take, Interval how long after a failed one the next one is made; both are
	// 500 ms by default. Attempts is how many are made for a call, 4 by default; a websocket that stays is tried for ever.
	Timeout, Interval time.Duration
	Attempts          int
	// TLS is used with wss: the authority that the application's server is trusted by, and a client certificate.
	TLS *tls.Config
	// Dial makes connections to the application's server; nil is TCP. With it, a server that is [InMemory] reaches one that
	// is in memory too.
	Dial func(ctx context.Context) (net.Conn, error)
}

// WithOutbound makes the server open event websockets by itself, as Asterisk does since 20.15, 21.10, 22.5.
func WithOutbound(all ...Outbound) Option {
	return func(o *options) error {
		if !o.Config.Version.AtLeast("20.15", "21.10", "22.5", "23.0") {
			return errors.New("this version opens no websockets")
		}
		for i := range all {
			if err := checkOutbound(&all[i]); err != nil {
				return err
			}
			o.Outbound = append(o.Outbound, sim.Outbound(all[i]))
		}
		return nil
	}
}

func checkOutbound(out *Outbound) error {
	switch {
	case out.URI == "" || len(out.Apps) == 0:
		return fmt.Errorf("the websocket %q has no URI or no application", out.Name)
	case out.PerCall && out.SubscribeAll:
		return fmt.Errorf("the websocket %q is for single calls and for everything", out.Name)
	}
	return nil
}

// WithCallPoll sets how often the server looks whether the websocket of a call is there, which delays each call. The default is
// Asterisk's, 500 ms of simulated time.
func WithCallPoll(d time.Duration) Option {
	return func(o *options) error {
		o.Config.CallPoll = d
		return nil
	}
}

// Unregister takes an application off a websocket that the server has opened, as a change of the configuration does. It
// reports whether it was there.
func (f Faults) Unregister(name, app string) bool { return f.s.sim.Unregister(name, app) }

// LoseApplication takes an application from the connection that has it, which stays open and gets nothing any more: so it can be
// with Asterisk when a connection is made just while an older one ends.
func (f Faults) LoseApplication(app string) { f.s.sim.LoseApplication(app) }

// LockUp makes an application lock up inside the server, until Restart: connections to it are never answered, while commands
// are. So it can be with Asterisk after a connection has ended that heard of all device states.
func (f Faults) LockUp(app string) { f.s.sim.LockUp(app) }
