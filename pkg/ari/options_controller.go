package ari

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
)

// Options about requests: all that a controller alone takes.

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
