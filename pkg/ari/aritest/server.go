package aritest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/pkg/ari"
)

// A Server is a simulated Asterisk. All methods may be called by any goroutine.
type Server struct {
	// URL is the base URL of its REST interface, such as "http://127.0.0.1:41234/ari".
	URL string
	// App is the Stasis application of Client, and of calls that nothing else is said of.
	App string
	// Username and Password may do everything, ReadOnlyUsername and ReadOnlyPassword may only read.
	Username, Password, ReadOnlyUsername, ReadOnlyPassword string
	// TLSURL is the base URL over TLS, and CAPool trusts its certificate. They are there with the option WithTLS.
	TLSURL string
	CAPool *x509.CertPool

	pbx      *pbx
	router   *router
	http     *http.Server
	listener *faultListener
	secure   *faultListener // for TLS, or nil
	pipe     *pipeListener  // nil on TCP
	client   *http.Client
	serving  sync.WaitGroup
	closing  sync.Once

	// For a test's clean-up.
	mu      sync.Mutex
	clients []*ari.Client
}

// NewServer starts a simulated Asterisk that ends with the test, and the clients that it made with it.
func NewServer(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	s, err := Start(opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Start starts a simulated Asterisk without a test. It must be closed.
func Start(opts ...Option) (*Server, error) {
	o := defaultOptions()
	for _, opt := range opts {
		if err := opt(&o); err != nil {
			return nil, fmt.Errorf("aritest: %w", err)
		}
	}
	if o.writeTimeout == 0 {
		o.writeTimeout = 100 * time.Millisecond
		if o.inMemory {
			o.writeTimeout = 5 * time.Second
		}
	}
	s := &Server{
		App: o.app, Username: o.user, Password: o.secret, ReadOnlyUsername: o.reader, ReadOnlyPassword: o.readerSecret,
	}
	var listener net.Listener
	if o.inMemory {
		s.pipe = newPipeListener()
		listener = s.pipe
		s.URL = "http://asterisk.test:8088/ari"
	} else {
		var err error
		if listener, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", o.addr); err != nil {
			return nil, fmt.Errorf("aritest: %w", err)
		}
		s.URL = "http://" + listener.Addr().String() + "/ari"
	}
	s.pbx = newPBX(o)
	for _, text := range o.dialplan {
		s.pbx.dialplan.parse(text)
	}
	s.pbx.reset()
	s.router = newRouter(s.pbx, &operations{p: s.pbx})
	s.router.ops = nil
	s.listener = newFaultListener(listener, o.sessionLimit)
	s.http = &http.Server{
		Handler:           s.faults(s.router),
		IdleTimeout:       o.keepAlive,
		ReadHeaderTimeout: 30 * time.Second,
		MaxHeaderBytes:    1 << 20,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
	}
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP1(true)
	s.client = &http.Client{Transport: s.transport()}
	if o.tls {
		if err := s.listenTLS(); err != nil {
			return nil, errors.Join(err, listener.Close())
		}
	}
	s.serving.Go(func() {
		_ = s.http.Serve(s.listener) // It ends by Close.
	})
	return s, nil
}

// listenTLS adds TLS.
func (s *Server) listenTLS() error {
	cert, pool, err := certificate()
	if err != nil {
		return fmt.Errorf("aritest: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("aritest: %w", err)
	}
	s.TLSURL, s.CAPool = "https://"+listener.Addr().String()+"/ari", pool
	s.secure = newFaultListener(tls.NewListener(listener, &tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
	}), s.pbx.opts.sessionLimit)
	s.serving.Go(func() {
		_ = s.http.Serve(s.secure) // It ends by Close.
	})
	return nil
}

// connKey is the context key of a request's connection.
type connKey struct{}

// transport makes connections to the server.
func (s *Server) transport() *http.Transport {
	t := &http.Transport{MaxConnsPerHost: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: 10 * time.Second}
	if s.pipe != nil {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return s.pipe.dial(ctx) }
	}
	return t
}

// HTTPClient is an HTTP client that reaches the server, also one that is [InMemory].
func (s *Server) HTTPClient() *http.Client { return s.client }

// options are what a client or controller of the server needs.
func (s *Server) options() []ari.ControllerOption {
	own := []ari.ControllerOption{ari.WithBasicAuth(s.Username, s.Password)}
	if s.pipe != nil {
		own = append(own, ari.WithHTTPClient(s.client), ari.WithCleartextCredentials())
	}
	return own
}

// Client makes a client for the application [Server.App]. It isn't connected; it is closed with the server.
func (s *Server) Client(opts ...ari.Option) *ari.Client {
	return s.ClientFor(s.App, opts...)
}

// ClientFor is like Client for another application.
func (s *Server) ClientFor(app string, opts ...ari.Option) *ari.Client {
	var all []ari.Option
	for _, own := range s.options() {
		all = append(all, own)
	}
	c, err := ari.NewClient(s.URL, app, append(all, opts...)...)
	if err != nil {
		panic(err) // an option that makes no sense
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients = append(s.clients, c)
	return c
}

// Controller makes a controller, which needs no application.
func (s *Server) Controller(opts ...ari.ControllerOption) *ari.Controller {
	c, err := ari.NewController(s.URL, append(s.options(), opts...)...)
	if err != nil {
		panic(err) // an option that makes no sense
	}
	return c
}

// Close ends the server and all its connections.
func (s *Server) Close() {
	s.closing.Do(func() {
		s.mu.Lock()
		clients := s.clients
		s.mu.Unlock()
		for _, c := range clients {
			ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
			_ = c.Close(ctx) // Handlers that don't return are the test's own fault.
			cancel()
		}
		s.pbx.mu.Lock()
		s.pbx.closed = true
		s.pbx.signal()
		s.pbx.mu.Unlock()
		s.listener.cut()
		if s.secure != nil {
			s.secure.cut()
		}
		_ = s.http.Close()
		s.serving.Wait()
		s.client.CloseIdleConnections()
	})
}

// Channels are all channels, in the order in which they came.
func (s *Server) Channels() []gen.Channel {
	s.pbx.mu.Lock()
	defer s.pbx.mu.Unlock()
	all := make([]gen.Channel, 0, len(s.pbx.channelOrder))
	for _, ch := range s.pbx.channelOrder {
		all = append(all, decode[gen.Channel](ch.json()))
	}
	return all
}

// Bridges are all bridges, in the order in which they came.
func (s *Server) Bridges() []gen.Bridge {
	s.pbx.mu.Lock()
	defer s.pbx.mu.Unlock()
	all := make([]gen.Bridge, 0, len(s.pbx.bridgeOrder))
	for _, b := range s.pbx.bridgeOrder {
		all = append(all, decode[gen.Bridge](b.json()))
	}
	return all
}

// Wait waits until a condition holds. It is looked at whenever something has changed in the server.
func (s *Server) Wait(ctx context.Context, condition func() bool) error {
	for {
		s.pbx.mu.Lock()
		changed, closed := s.pbx.changed, s.pbx.closed
		s.pbx.mu.Unlock()
		if condition() {
			return nil
		}
		if closed {
			return errors.New("aritest: the server is closed")
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("aritest: what was waited for has not come: %w", ctx.Err())
		}
	}
}

// WaitIdle waits until there is no channel and no bridge.
func (s *Server) WaitIdle(ctx context.Context) error {
	err := s.Wait(ctx, func() bool { return s.count() == [2]int{} })
	if err != nil {
		n := s.count()
		return fmt.Errorf("aritest: %d channels and %d bridges are left over: %w", n[0], n[1], err)
	}
	return nil
}

func (s *Server) count() [2]int {
	s.pbx.mu.Lock()
	defer s.pbx.mu.Unlock()
	return [2]int{len(s.pbx.channels), len(s.pbx.bridges)}
}

// AwaitApp waits until an application is connected.
func (s *Server) AwaitApp(ctx context.Context, app string) error {
	return s.Wait(ctx, func() bool {
		s.pbx.mu.Lock()
		defer s.pbx.mu.Unlock()
		return s.pbx.activeApp(app) != nil
	})
}
