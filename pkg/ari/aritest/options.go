package aritest

import (
	"fmt"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// An Option changes how a [Server] works.
type Option func(*options) error

type options struct {
	version      ari.Version
	app          string
	user, secret string
	reader       string // may only read
	readerSecret string
	addr         string
	inMemory     bool
	tls          bool
	speed        float64
	writeTimeout time.Duration
	keepAlive    time.Duration
	sessionLimit int
	channelVars  []string
	entityID     string
	name         string
	dialplan     []string
}

func defaultOptions() options {
	return options{
		version:      ari.Version{Major: 22, Minor: 10, Patch: 1},
		app:          "hello",
		user:         "asterisk",
		secret:       "asterisk",
		reader:       "reader",
		readerSecret: "reader",
		addr:         "127.0.0.1:0",
		speed:        1,
		keepAlive:    15 * time.Second,
		sessionLimit: 100,
		entityID:     "02:00:00:00:00:01",
		name:         "aritest",
	}
}

// atLeast reports whether the version is one of these releases or a later one of its branch. The last release
// stands for all newer branches too.
func (o *options) atLeast(first ...string) bool {
	for i, text := range first {
		v, err := ari.ParseVersion(text)
		if err != nil {
			panic(err)
		}
		if v.Major == o.version.Major || i == len(first)-1 && o.version.Major > v.Major {
			return o.version.Compare(v) >= 0
		}
	}
	return false
}

// WithVersion makes the server act as another version of Asterisk, such as "16.28.0": it has that version's operations,
// and names it in the Server header. The default is 22.10.1.
func WithVersion(version string) Option {
	return func(o *options) error {
		v, err := ari.ParseVersion(version)
		o.version = v
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
	return func(o *options) error { o.user, o.secret = name, password; return nil }
}

// WithReadOnlyUser sets the user that may only read. The default is "reader" with the password "reader".
func WithReadOnlyUser(name, password string) Option {
	return func(o *options) error { o.reader, o.readerSecret = name, password; return nil }
}

// WithAddr sets the TCP address to listen on. The default is a free port of the loopback address.
func WithAddr(addr string) Option {
	return func(o *options) error { o.addr = addr; return nil }
}

// InMemory makes the server listen on nothing but memory, so that it works within a bubble of testing/synctest. Only the HTTP
// client of [Server.HTTPClient], which [Server.Client] and [Server.Controller] use, reaches it.
func InMemory() Option {
	return func(o *options) error { o.inMemory = true; return nil }
}

// WithTLS makes the server listen for TLS too, at [Server.TLSURL], with a certificate that [Server.CAPool] trusts. It can't be [InMemory].
func WithTLS() Option {
	return func(o *options) error { o.tls = true; return nil }
}

// WithSpeed makes simulated time pass faster: with 10, a sound of a second plays for a tenth of a second.
func WithSpeed(factor float64) Option {
	return func(o *options) error {
		if factor <= 0 {
			return fmt.Errorf("a speed of %v makes no sense", factor)
		}
		o.speed = factor
		return nil
	}
}

// WithWriteTimeout sets how long writing a frame to an event websocket may take before the connection is dropped. The default
// is Asterisk's, 100 ms; [InMemory], where nothing stands between the two sides, it is 5 s.
func WithWriteTimeout(d time.Duration) Option {
	return func(o *options) error { o.writeTimeout = d; return nil }
}

// WithSessionLimit sets how many connections are served at the same time; more are closed without an answer. The default is
// Asterisk's, 100; 0 is no limit.
func WithSessionLimit(n int) Option {
	return func(o *options) error { o.sessionLimit = n; return nil }
}

// WithKeepAlive sets how long a connection may be idle between two requests. The default is Asterisk's, 15 s.
func WithKeepAlive(d time.Duration) Option {
	return func(o *options) error { o.keepAlive = d; return nil }
}

// WithChannelVars names the variables that channels show in every event and answer, as the setting channelvars of ari.conf does.
func WithChannelVars(names ...string) Option {
	return func(o *options) error { o.channelVars = names; return nil }
}

// WithDialplan adds extensions, written as in Asterisk's extensions.conf. See [Server.Extension] for what is understood.
func WithDialplan(text string) Option {
	return func(o *options) error { o.dialplan = append(o.dialplan, text); return nil }
}
