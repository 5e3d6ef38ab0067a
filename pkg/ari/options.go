package ari

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Defaults of the options.
const (
	defaultEventBuffer  = 512
	defaultKeepalive    = 10 * time.Second
	defaultCloseTimeout = 10 * time.Second
)

// An Option changes how a [Client] works. There are three kinds, each part of the next: a [ControllerOption] is about
// requests, and all that a [Controller] alone takes; a [SessionOption] is about the connection to one Asterisk; the others
// are about a client as a whole.
type Option interface{ apply(cfg *config) error }

// A SessionOption is an [Option] about the connection to one Asterisk.
type SessionOption interface {
	Option
	ofSession()
}

// A ControllerOption is a [SessionOption] about requests. It is all that [NewController] takes.
type ControllerOption interface {
	SessionOption
	ofController()
}

type (
	clientOption     func(*config) error
	sessionOption    func(*config) error
	controllerOption func(*config) error
)

func (o clientOption) apply(cfg *config) error     { return o(cfg) }
func (o sessionOption) apply(cfg *config) error    { return o(cfg) }
func (o controllerOption) apply(cfg *config) error { return o(cfg) }

func (sessionOption) ofSession()       {}
func (controllerOption) ofSession()    {}
func (controllerOption) ofController() {}

// WithBasicAuth sets the user and password of ari.conf. They are sent in the
// Authorization header only.
func WithBasicAuth(username, password string) ControllerOption {
	return controllerOption(func(cfg *config) error {
		if username == "" {
			return errors.New("the user name is empty")
		}
		if strings.Contains(username, ":") {
			return errors.New("the user name has a colon in it")
		}
		cfg.user = url.UserPassword(username, password)
		return nil
	})
}

// WithCleartextCredentials lets user and password go to any host without TLS. By default they go in clear text to this
// machine only, and with a warning in the log to a private address or a name without a domain; for any other http URL
// with a user, NewClient and NewController fail.
func WithCleartextCredentials() ControllerOption {
	return controllerOption(func(cfg *config) error {
		cfg.cleartext = true
		return nil
	})
}

// WithTLSConfig sets the TLS configuration for https URLs: own certificate
// authorities, a client certificate. Without it, the server's certificate is
// verified against the system's authorities.
func WithTLSConfig(tlsConfig *tls.Config) ControllerOption {
	return controllerOption(func(cfg *config) error {
		cfg.tls = tlsConfig.Clone()
		return nil
	})
}

// WithHTTPClient sets the HTTP client for everything: requests, and the
// websocket's handshake. It brings its own TLS configuration and its own
// limits. Asterisk closes connections that were idle for 15 s, and serves 100 at
// a time unless told otherwise; the client's transport should stay below both.
func WithHTTPClient(client *http.Client) ControllerOption {
	return controllerOption(func(cfg *config) error {
		cfg.http = client
		return nil
	})
}

// WithInterceptor puts a link of one's own into the chain that every command goes through: for tracing, measuring, logging
// or refusing. It gets the next Doer and returns one that calls it, or doesn't:
//
//	ari.WithInterceptor(func(next ari.Doer) ari.Doer {
//		return ari.DoerFunc(func(req *http.Request) (*http.Response, error) {
//			start := time.Now()
//			resp, err := next.Do(req)
//			log.Println(ari.RequestInfoOf(req).Operation, time.Since(start), err)
//			return resp, err
//		})
//	})
//
// An interceptor stands at the head of the chain and is called once for a command, however often that is sent. Several
// are called in the order of the options. It sees the request before it has been checked and encoded for Asterisk, without
// credentials; its context is the command's, and what it puts into the header or the context is passed on.
// [RequestInfoOf] tells the operation. What it gets back is the outcome: an answer whose status is a success, its body
// unread, or an error, which is an [*Error] also where Asterisk has answered. The time that it measures has the
// waiting for a free connection in it, and all attempts. The client's own commands, such as those after a reconnect, pass it
// too. It is called by many goroutines at once.
func WithInterceptor(interceptor func(next Doer) Doer) ControllerOption {
	return controllerOption(func(cfg *config) error {
		if interceptor == nil {
			return errors.New("the interceptor is nil")
		}
		cfg.interceptors = append(cfg.interceptors, interceptor)
		return nil
	})
}

// WithTransport sets what sends requests. It gets the transport that there would be otherwise, and returns the one to be
// used: another one for all requests, one that looks at what is sent, or one that chooses by the operation:
//
//	ari.WithTransport(func(http ari.Doer) ari.Doer {
//		return ari.DoerFunc(func(req *http.Request) (*http.Response, error) {
//			if ari.RequestInfoOf(req).Operation == "channelsPlayWithId" {
//				return bus.Do(req)
//			}
//			return http.Do(req)
//		})
//	})
//
// A transport stands at the end of the chain and is called for each attempt, with the request as Asterisk is meant to get
// it, credentials included. It returns an answer of whatever status, or an error if there is none; it must return
// when the request's context ends. It may not change the request. If the option is given several times, each gets what the
// one before it returned.
//
// It is for commands only: the client's websocket is dialled by itself.
func WithTransport(transport func(next Doer) Doer) ControllerOption {
	return controllerOption(func(cfg *config) error {
		if transport == nil {
			return errors.New("the transport is nil")
		}
		cfg.transports = append(cfg.transports, transport)
		return nil
	})
}

// WithLogger sets where the client logs. The default is [slog.Default]. A log
// handler that blocks does not block the reader of the event connection.
func WithLogger(logger *slog.Logger) ControllerOption {
	return controllerOption(func(cfg *config) error {
		cfg.log = logger
		return nil
	})
}

// WithSubscribeAll subscribes the application to all events of Asterisk, not only
// to those of channels that are in it.
//
// Device states are among them, and with these comes a risk: Asterisk 20.16 to 22.10
// at least, where nothing is known of newer ones, can lock up when the connection
// ends just while a device, any channel's for example, changes its state. Whoever
// doesn't need device states is better off with [WithSubscriptions].
func WithSubscribeAll() SessionOption {
	return sessionOption(func(cfg *config) error {
		cfg.subscribeAll = true
		return nil
	})
}

// WithSubscriptions subscribes the application, the first one if there are several, to
// more events than those of the channels in it, on each connection: "channel:ID",
// "bridge:ID", "endpoint:TECH/RESOURCE", "deviceState:NAME"; without an id, as in
// "channel:", all of that kind. What doesn't exist is left out, and logged. See
// [Application.Subscribe] for subscriptions at run time.
func WithSubscriptions(sources ...string) SessionOption {
	return sessionOption(func(cfg *config) error {
		for _, source := range sources {
			kind, _, ok := strings.Cut(source, ":")
			if !ok || !slices.Contains(allSources, kind+":") {
				return fmt.Errorf("%q is no event source: it must begin with %s", source, strings.Join(allSources, ", "))
			}
		}
		cfg.subscriptions = append(cfg.subscriptions, sources...)
		return nil
	})
}

// WithAdoption makes channels that are in the client's applications already when it connects for the first time enter
// them anew: each gets a synthetic [StasisStart], and [Connected] lists them. Asterisk keeps such channels when a program
// ends, and tells its successor nothing of them.
func WithAdoption() SessionOption {
	return sessionOption(func(cfg *config) error {
		cfg.adopt = true
		return nil
	})
}

// WithApplications adds further Stasis applications to the connection. An event
// that several of them are subscribed to comes once for each; the header's
// Application tells which.
func WithApplications(more ...string) SessionOption {
	return sessionOption(func(cfg *config) error {
		cfg.applications = append(cfg.applications, more...)
		return nil
	})
}

// WithErrorHandler sets a function that gets what goes wrong apart from any call
// that could return it: a [*HandlerError], [*OverflowError] or [*FrameError], or a
// failure to restore subscriptions after a gap. It is all logged too. The function
// may be called by several goroutines at once.
func WithErrorHandler(h func(context.Context, error)) Option {
	return clientOption(func(cfg *config) error {
		cfg.errorHandler = h
		return nil
	})
}

// WithReconnect says how a lost connection is tried again. Fields that are zero
// have their defaults.
func WithReconnect(o ReconnectOptions) SessionOption {
	return sessionOption(func(cfg *config) error {
		cfg.reconnect = o.withDefaults()
		return nil
	})
}

// WithKeepalive says how often the connection is tested with a ping, and how long
// Asterisk may take to answer; both are 10 s by default. A connection that has
// died without a word is noticed within the sum of both. An interval of 0 turns
// this off.
func WithKeepalive(interval, timeout time.Duration) SessionOption {
	return sessionOption(func(cfg *config) error {
		if interval < 0 || interval > 0 && timeout <= 0 {
			return fmt.Errorf("a keepalive of %s with time-out %s makes no sense", interval, timeout)
		}
		cfg.keepalive, cfg.keepaliveTimeout = interval, timeout
		return nil
	})
}

// WithEventBuffer sets how many events may wait in each queue: for one handler
// and one entity, or for one subscription. The default is 512. All queues
// together hold 128 times as many; when they do, each still takes a few, so that
// nobody suffers from others that have fallen behind. Beyond these limits events are
// thrown away, as [OverflowError] says.
func WithEventBuffer(n int) Option {
	return clientOption(func(cfg *config) error {
		if n < 1 {
			return fmt.Errorf("an event buffer of %d makes no sense", n)
		}
		cfg.eventBuffer = n
		return nil
	})
}

// A config is what the options and the base URL make together.
type config struct {
	base *url.URL // without user, query and trailing slash
	user *url.Userinfo
	tls  *tls.Config
	http *http.Client
	log  *slog.Logger

	cleartext    bool // User and password may go anywhere without TLS.
	interceptors []chainLink
	transports   []chainLink

	// For a client only.
	applications     []string
	subscribeAll     bool
	subscriptions    []string
	adopt            bool
	errorHandler     func(context.Context, error)
	reconnect        ReconnectOptions
	keepalive        time.Duration
	keepaliveTimeout time.Duration
	eventBuffer      int
	closeTimeout     time.Duration
	drainFor         time.Duration
	drainTarget      ContinueOptions
	source           Source // nil: the websocket
	sweep            bool

	handlerInterceptors []HandlerInterceptor

	ownTransport bool   // http is made here, so we close its connections
	conns        *conns // those of our own transport
}

// newConfig puts base URL and options together.
func newConfig(baseURL string, opts []Option) (*config, error) {
	base, user, err := parseBase(baseURL)
	if err != nil {
		return nil, err
	}
	cfg := &config{
		base:             base,
		user:             user,
		reconnect:        ReconnectOptions{}.withDefaults(),
		keepalive:        defaultKeepalive,
		keepaliveTimeout: defaultKeepalive,
		eventBuffer:      defaultEventBuffer,
		closeTimeout:     defaultCloseTimeout,
	}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt.apply(cfg); err != nil {
			return nil, fmt.Errorf("ari: %w", err)
		}
	}
	if cfg.log == nil {
		cfg.log = slog.Default()
	}
	if err := cfg.checkCredentials(); err != nil {
		return nil, err
	}
	if cfg.http == nil {
		transport := newTransport(cfg.tls)
		cfg.conns = newConns()
		transport.DialContext = cfg.conns.dial
		cfg.http = &http.Client{Transport: transport}
		cfg.ownTransport = true
	} else if cfg.tls != nil {
		return nil, errors.New("ari: WithTLSConfig has no effect beside WithHTTPClient; configure the client's transport")
	}
	return cfg, nil
}

// settles reports whether there is something to do on the first connection before it is ready.
func (cfg *config) settles() bool {
	return cfg.subscribeAll || len(cfg.subscriptions) > 0 || cfg.adopt || cfg.sweep
}

// checkApplications makes sure of what the connection needs to be named.
func (cfg *config) checkApplications() error {
	for _, app := range cfg.applications {
		if app == "" {
			return errors.New("ari: the application name is empty")
		}
		if strings.Contains(app, ",") {
			return fmt.Errorf("ari: the application name %q has a comma in it", app)
		}
	}
	var unique []string
	for _, app := range cfg.applications {
		if !slices.Contains(unique, app) {
			unique = append(unique, app)
		}
	}
	cfg.applications = unique
	return nil
}

// parseBase reads a base URL. No error shows a password.
func parseBase(raw string) (*url.URL, *url.Userinfo, error) {
	if raw == "" {
		return nil, nil, errors.New("ari: the base URL is empty")
	}
	bad := func(why string) error {
		return fmt.Errorf("ari: base URL %q: %s", withoutUser(raw), why)
	}
	u, err := url.Parse(raw)
	if err != nil {
		why := "it is malformed"
		var parseErr *url.Error
		if !strings.Contains(raw, "://") {
			why = "it must begin with http:// or https://"
		} else if errors.As(err, &parseErr) && !strings.Contains(raw, "@") {
			why = parseErr.Err.Error()
		}
		return nil, nil, bad(why)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, nil, bad("it must begin with http:// or https://")
	case u.Hostname() == "":
		return nil, nil, bad("it has no host")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, nil, bad("it must end with the path, as in http://host:8088/ari")
	}
	user := u.User
	u.User = nil
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u, user, nil
}

// withoutUser strips what may be credentials from a URL that may be malformed.
func withoutUser(raw string) string {
	at := strings.LastIndex(raw, "@")
	if at < 0 {
		return raw
	}
	scheme := ""
	if i := strings.Index(raw, "://"); i >= 0 && i < at {
		scheme = raw[:i+3]
	}
	return scheme + "***" + raw[at:]
}

// authorize sets a request's credentials.
func (cfg *config) authorize(h http.Header) {
	if cfg.user == nil {
		return
	}
	password, _ := cfg.user.Password()
	r := http.Request{Header: h}
	r.SetBasicAuth(cfg.user.Username(), password)
}

// authorization is the Authorization header of requests, or "".
func (cfg *config) authorization() string {
	header := make(http.Header)
	cfg.authorize(header)
	return header.Get("Authorization")
}
