package ari

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Options of a server.

// A ServerOption changes how a [Server] works. Every [Option] is one: those about the connection to one Asterisk then are
// about each connection.
type ServerOption interface{ applyToServer(cfg *serverConfig) error }

type serverOption func(*serverConfig) error

func (o clientOption) applyToServer(cfg *serverConfig) error     { return o(&cfg.config) }
func (o sessionOption) applyToServer(cfg *serverConfig) error    { return o(&cfg.config) }
func (o controllerOption) applyToServer(cfg *serverConfig) error { return o(&cfg.config) }
func (o serverOption) applyToServer(cfg *serverConfig) error     { return o(cfg) }

// A serverConfig is what a server's options make together.
type serverConfig struct {
	config

	baseURL      func(r *http.Request) string
	authenticate func(r *http.Request, username, password string) bool // nil: nobody has to say who he is
	certificate  func(cert *x509.Certificate) bool                     // nil: no certificate is asked for
	serverTLS    *tls.Config

	maxSockets    int
	maxHandshakes int
	maxFrame      int64
	resumeWithin  time.Duration
	forgetAfter   time.Duration
}

// Defaults of a server's options.
const (
	defaultMaxSockets    = 10_000
	defaultMaxHandshakes = 1_000
	defaultMaxFrame      = 16 << 20
	defaultResumeWithin  = 10 * time.Second
	defaultForgetAfter   = time.Hour
)

// WithAsteriskURL says where the HTTP interface of the Asterisk is that has opened a websocket, such as
// "http://10.0.0.5:8088/ari"; "" stands for nowhere. Without this option commands go over the websockets. With it they go by
// HTTP, with the user of [WithBasicAuth], and over the websockets only where HTTP can't be reached: see [WithCommands].
func WithAsteriskURL(of func(r *http.Request) string) ServerOption {
	return serverOption(func(cfg *serverConfig) error {
		cfg.baseURL = of
		return nil
	})
}

// WithAuthenticator makes a server ask Asterisk for a user and a password: those of the section in websocket_client.conf.
// The function says whether they are right. Without this option nobody is asked.
func WithAuthenticator(check func(r *http.Request, username, password string) bool) ServerOption {
	return serverOption(func(cfg *serverConfig) error {
		cfg.authenticate = check
		return nil
	})
}

// WithClientCertificates makes a server take websockets only from an Asterisk that shows a certificate which the server's TLS
// configuration has verified, and which the function, unless it is nil, accepts. [Server.Serve] asks for certificates; an
// http.Server of one's own needs tls.RequireAndVerifyClientCert or tls.VerifyClientCertIfGiven, and ClientCAs.
func WithClientCertificates(check func(cert *x509.Certificate) bool) ServerOption {
	return serverOption(func(cfg *serverConfig) error {
		if check == nil {
			check = func(*x509.Certificate) bool { return true }
		}
		cfg.certificate = check
		return nil
	})
}

// WithServerTLS sets the TLS configuration of [Server.Serve] and [Server.ListenAndServe]. ([WithTLSConfig] is for requests to
// Asterisk.)
func WithServerTLS(tlsConfig *tls.Config) ServerOption {
	return serverOption(func(cfg *serverConfig) error {
		cfg.serverTLS = tlsConfig.Clone()
		return nil
	})
}

// ServerLimits bound what others can make a server do. What is zero has its default.
type ServerLimits struct {
	// Sockets is how many websockets are open at once; 10,000 by default. With a websocket for each call, it bounds the calls.
	Sockets int

	// Handshakes is how many connections may be on their way to becoming a websocket, or a websocket that has not yet told
	// which application it is for; 1,000 by default. More are refused.
	Handshakes int

	// Frame is how long a message may be, in bytes; 16 MB by default. The first one of a websocket may have 64 KB.
	Frame int64
}

// WithServerLimits sets a server's limits.
func WithServerLimits(limits ServerLimits) ServerOption {
	return serverOption(func(cfg *serverConfig) error {
		if limits.Sockets < 0 || limits.Handshakes < 0 || limits.Frame < 0 {
			return errors.New("a limit is negative")
		}
		if limits.Sockets > 0 {
			cfg.maxSockets = limits.Sockets
		}
		if limits.Handshakes > 0 {
			cfg.maxHandshakes = limits.Handshakes
		}
		if limits.Frame > 0 {
			cfg.maxFrame = limits.Frame
		}
		return nil
	})
}

// WithReturn says how long a server waits for another websocket when one is lost: for that of a single call, 10 s by default,
// since Asterisk gives up after a few attempts; for one that stays, an hour. Then what belongs to it ends with [ErrClosed].
func WithReturn(call, asterisk time.Duration) ServerOption {
	return serverOption(func(cfg *serverConfig) error {
		if call <= 0 || asterisk <= 0 {
			return fmt.Errorf("to wait %s and %s makes no sense", call, asterisk)
		}
		cfg.resumeWithin, cfg.forgetAfter = call, asterisk
		return nil
	})
}

// noURL is the base URL of requests that go over a websocket only.
const noURL = "http://asterisk.invalid/ari"

func newServerConfig(application string, opts []ServerOption) (*serverConfig, error) {
	base, err := newConfig(noURL, []Option{WithApplications(application)})
	if err != nil {
		return nil, err
	}
	cfg := &serverConfig{
		config:     *base,
		maxSockets: defaultMaxSockets, maxHandshakes: defaultMaxHandshakes, maxFrame: defaultMaxFrame,
		resumeWithin: defaultResumeWithin, forgetAfter: defaultForgetAfter,
	}
	cfg.http, cfg.conns, cfg.ownTransport, cfg.noHTTP = nil, nil, false, true
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt.applyToServer(cfg); err != nil {
			return nil, fmt.Errorf("ari: %w", err)
		}
	}
	switch {
	case cfg.source != nil:
		return nil, errors.New("ari: WithSource makes no sense for a server, whose connections come by themselves")
	case cfg.commands == CommandsHTTP && cfg.baseURL == nil:
		return nil, errors.New("ari: commands by HTTP need WithAsteriskURL")
	case cfg.http != nil && cfg.tls != nil:
		return nil, errors.New("ari: WithTLSConfig has no effect beside WithHTTPClient; configure the client's transport")
	}
	if err := cfg.checkApplications(); err != nil {
		return nil, err
	}
	return cfg, nil
}
