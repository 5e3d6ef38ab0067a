package ari

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of the connections that we keep to Asterisk, whose own are: closed after 15 s idle, 100 at a time. The websocket
// counts among these too.
const (
	idleTimeout = 10 * time.Second
	maxConns    = 64
)

func newTransport(tlsConfig *tls.Config) *http.Transport {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     tlsConfig,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxConnsPerHost:     maxConns,
		MaxIdleConnsPerHost: maxConns,
		IdleConnTimeout:     idleTimeout,
		DisableCompression:  true, // Asterisk doesn't compress.
		Protocols:           new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true) // Asterisk has nothing else, and a websocket needs it.
	return t
}

// transport is what requests are sent with.
func (cfg *requestConfig) transport() Doer {
	if cfg.ownTransport {
		return direct{cfg.http.Transport}
	}
	return cfg.http
}

// direct sends requests without an [http.Client], which takes time for cookies and redirects. Asterisk has neither, and a
// command that follows a redirect as a GET would do something else.
type direct struct{ http.RoundTripper }

func (d direct) Do(req *http.Request) (*http.Response, error) { return d.RoundTrip(req) }

// conns are the open connections of our own transport. They are known, so that they can be closed under the requests of
// an Asterisk that has stopped answering: that costs a request nothing.
type conns struct {
	dialer net.Dialer
	dead   func() error // see liveness

	mu   sync.Mutex
	open map[*conn]struct{}
}

func newConns() *conns { return &conns{open: make(map[*conn]struct{})} }

// A conn is one of them.
type conn struct {
	net.Conn
	all *conns
}

func (s *conns) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := s.dead(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	raw, err := s.dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := &conn{raw, s}
	s.mu.Lock()
	s.open[c] = struct{}{}
	s.mu.Unlock()
	if err := s.dead(); err != nil { // since closeAll may have been before
		_ = c.Close()
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return c, nil
}

func (c *conn) Close() error {
	c.all.mu.Lock()
	delete(c.all.open, c)
	c.all.mu.Unlock()
	return c.Conn.Close()
}

func (s *conns) closeAll() {
	s.mu.Lock()
	open := s.open
	s.open = make(map[*conn]struct{})
	s.mu.Unlock()
	for c := range open {
		_ = c.Conn.Close()
	}
}
