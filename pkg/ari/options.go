package ari

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
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
type Option interface {
	ServerOption
	apply(cfg *config) error
}

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

// A sessionConfig says what a session does on its connections.
type sessionConfig struct {
	applications     []string
	subscribeAll     bool
	subscriptions    []string
	adopt            bool
	sweep            bool
	source           Source          // nil: the websocket
	call             string          // of a session about one call: its channel's name
	channels         func() []string // nil: all that there are
	reconnect        ReconnectOptions
	keepalive        time.Duration
	keepaliveTimeout time.Duration
}

// A config is what the options and the base URL make together.
type config struct {
	requestConfig
	sessionConfig

	// For a client only.
	errorHandler        func(context.Context, error)
	handlerInterceptors []HandlerInterceptor
	observers           []Observer
	eventBuffer         int
	closeTimeout        time.Duration
	drainFor            time.Duration
	drainTarget         ContinueOptions
}

// newConfig puts base URL and options together.
func newConfig(baseURL string, opts []Option) (*config, error) {
	base, user, err := parseBase(baseURL)
	if err != nil {
		return nil, err
	}
	cfg := &config{
		requestConfig: requestConfig{base: base, user: user},
		sessionConfig: sessionConfig{
			reconnect:        ReconnectOptions{}.withDefaults(),
			keepalive:        defaultKeepalive,
			keepaliveTimeout: defaultKeepalive,
		},
		eventBuffer:  defaultEventBuffer,
		closeTimeout: defaultCloseTimeout,
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
