package aritest

import (
	"fmt"
	"time"

	"github.com/ari-go/ari/internal/sim"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/release"
	"github.com/ari-go/ari/internal/sim/resources"
	"github.com/ari-go/ari/pkg/ari"
)

// An Option changes how a [Server] works.
type Option func(*options) error

type options struct {
	sim.Options
	app      string
	patience time.Duration
}

func defaultOptions() options {
	return options{
		app:      "hello",
		patience: defaultPatience,
		Options: sim.Options{
			Config: pbx.Config{
				Version:  release.Version{Major: 22, Minor: 10, Patch: 1},
				Speed:    1,
				EntityID: "02:00:00:00:00:01",
				Name:     "aritest",
			},
			Users:        resources.Users{Name: "asterisk", Password: "asterisk", Reader: "reader", ReaderPassword: "reader"},
			Addr:         "127.0.0.1:0",
			KeepAlive:    15 * time.Second,
			SessionLimit: 100,
		},
	}
}

// WithVersion makes the server act as another version of Asterisk, such as "16.28.0": it has that version's operations,
// and names it in the Server header. The default is 22.10.1.
func WithVersion(version string) Option {
	return func(o *options) error {
		v, err := ari.ParseVersion(version)
		o.Config.Version = release.Version(v)
		return err
	}
}

// WithApp sets the Stasis application of [Server.Client], which is also the one that calls to extensions that the dialplan
// doesn't have lead to. The default is "hello".
func WithApp(name string) Option {
	return func(o *options) error { o.app = name; return nil }
}

// WithUser sets the user that may do everything. The default is "asterisk" with the password "asterisk".
func WithUser(name, password string) Option {
	return func(o *options) error { o.Users.Name, o.Users.Password = name, password; return nil }
}

// WithReadOnlyUser sets the user that may only read. The default is "reader" with the password "reader".
func WithReadOnlyUser(name, password string) Option {
	return func(o *options) error { o.Users.Reader, o.Users.ReaderPassword = name, password; return nil }
}

// WithAddr sets the TCP address to listen on. The default is a free port of the loopback address.
func WithAddr(addr string) Option {
	return func(o *options) error { o.Addr = addr; return nil }
}

// InMemory makes the server listen on nothing but memory, so that it works within a bubble of testing/synctest. Only the HTTP
// client of [Server.HTTPClient], which [Server.Client] and [Server.Controller] use, reaches it.
func InMemory() Option {
	return func(o *options) error { o.InMemory = true; return nil }
}

// WithTLS makes the server listen for TLS too, at [Server.TLSURL], with a certificate that [Server.CAPool] trusts. It can't be [InMemory].
func WithTLS() Option {
	return func(o *options) error { o.TLS = true; return nil }
}

// WithSpeed makes simulated time pass faster: with 10, a sound of a second plays for a tenth of a second.
func WithSpeed(factor float64) Option {
	return func(o *options) error {
		if factor <= 0 {
			return fmt.Errorf("a speed of %v makes no sense", factor)
		}
		o.Config.Speed = factor
		return nil
	}
}

// WithWriteTimeout sets how long writing a frame to an event websocket may take before the connection is dropped. The default
// is Asterisk's, 100 ms; [InMemory], where nothing stands between the two sides, it is 5 s.
func WithWriteTimeout(d time.Duration) Option {
	return func(o *options) error { o.WriteTimeout = d; return nil }
}

// WithSessionLimit sets how many connections are served at the same time; more are closed without an answer. The default is
// Asterisk's, 100; 0 is no limit.
func WithSessionLimit(n int) Option {
	return func(o *options) error { o.SessionLimit = n; return nil }
}

// WithKeepAlive sets how long a connection may be idle between two requests. The default is Asterisk's, 15 s.
func WithKeepAlive(d time.Duration) Option {
	return func(o *options) error { o.KeepAlive = d; return nil }
}

// WithChannelVars names the variables that channels show in every event and answer, as the setting channelvars of ari.conf does.
func WithChannelVars(names ...string) Option {
	return func(o *options) error { o.Config.ChannelVars = names; return nil }
}

// defaultPatience is how long a wait lasts of which nothing else is said.
const defaultPatience = 30 * time.Second

// WithPatience sets how long waits last whose context has no deadline, such as that of [testing.T.Context]: then they fail, and say what has not come.
// The default is 30 s; 0 stands for ever. It is no simulated time: [WithSpeed] doesn't shorten it.
func WithPatience(d time.Duration) Option {
	return func(o *options) error { o.patience = d; return nil }
}

// WithDialplan adds extensions, written as in Asterisk's extensions.conf. See [Server.Extension] for what is understood.
func WithDialplan(text string) Option {
	return func(o *options) error { o.Dialplan = append(o.Dialplan, text); return nil }
}

// A KnownFault is one that real releases of Asterisk have. The server plays none that it isn't asked for.
type KnownFault int

// The known faults, as Asterisk 22.10.1 has them. One that crashes it is a [Faults.Restart] of a second, and the request gets no answer; after one that
// lets it stand still it is as after [Faults.Freeze]. Package ari refuses the requests that it can tell, so that they take another client to be sent.
const (
	// CrashOnBridgeVariableWithoutName crashes it when a variable of a bridge is set without a name.
	CrashOnBridgeVariableWithoutName = KnownFault(sim.BridgeVariableWithoutName)
	// CrashOnFunctionWithoutValue crashes it when the dialplan function CHANNEL, as in CHANNEL(language), is set without a value.
	CrashOnFunctionWithoutValue = KnownFault(sim.FunctionWithoutValue)
	// CrashOnMoveWithoutApplication crashes it when a channel is moved and no application is named.
	CrashOnMoveWithoutApplication = KnownFault(sim.MoveWithoutApplication)
	// LockUpAfterSubscribeAll lets it stand still for good when a connection ends that was made with subscribeAll. A real one does so only if a device's
	// state changes at that moment.
	LockUpAfterSubscribeAll = KnownFault(sim.LockUpAfterDevices)
	// FailPlaysAtOnce lets a play to a bridge where nothing plays take 10 ms, and answers 500 to those that come to the same bridge meanwhile.
	// They make nothing. A real one, 16.28 as well, does so to one of two in every second or third case. Package ari sends them again.
	FailPlaysAtOnce = KnownFault(sim.PlaysCollide)
)

// WithKnownFaults lets the server have faults of real releases, to see how a program does with them.
func WithKnownFaults(faults ...KnownFault) Option {
	return func(o *options) error {
		for _, f := range faults {
			o.Known = append(o.Known, sim.KnownFault(f))
		}
		return nil
	}
}

// WithEntityID sets the asterisk_id of the server's events, by which several servers are told apart.
func WithEntityID(id string) Option {
	return func(o *options) error { o.Config.EntityID = id; return nil }
}
