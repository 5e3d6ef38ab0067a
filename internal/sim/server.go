package sim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ari-go/ari/internal/sim/applications"
	"github.com/ari-go/ari/internal/sim/external"
	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/phones"
	"github.com/ari-go/ari/internal/sim/resources"
)

// An Server is a simulated Asterisk that listens.
type Server struct {
	URL    string
	TLSURL string // "" without TLS
	CAPool *x509.CertPool

	opts     Options
	pbx      *pbx.PBX
	Network  *phones.Network
	Media    *external.Legs
	sockets  *applications.Sockets
	faults   *requestFaults
	http     *http.Server
	listener *faultListener
	secure   *faultListener // for TLS, or nil
	pipe     *pipeListener  // nil on TCP
	memory   *media.Memory  // nil on TCP
	Client   *http.Client
	serving  sync.WaitGroup
	closing  sync.Once
}

// Start starts a simulated Asterisk.
func Start(o Options) (*Server, error) {
	s := &Server{opts: o}
	var listener net.Listener
	var network media.Network = media.Machine{}
	if o.InMemory {
		s.memory = media.NewMemory()
		network = s.memory // In a bubble of synctest, time would stand still while a real one is waited for.
		s.pipe = newPipeListener()
		listener = s.pipe
		s.URL = "http://asterisk.test:8088/ari"
	} else {
		var err error
		if listener, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", o.Addr); err != nil {
			return nil, err
		}
		s.URL = "http://" + listener.Addr().String() + "/ari"
	}
	o.Config.PlaysCollide = slices.Contains(o.Known, PlaysCollide)
	s.pbx = pbx.New(o.Config)
	for _, text := range o.Dialplan {
		s.pbx.Dialplan.Parse(text)
	}
	s.pbx.Reset()
	s.Network = phones.NewNetwork(s.pbx)
	s.sockets = applications.NewSockets(s.pbx.Registry, &s.pbx.Mu, applications.SocketOptions{WriteTimeout: o.WriteTimeout, Rest: s.pbx.Has.RestOverWebsocket}, s.pbx.Signal)
	s.Media = external.New(s.pbx, network)
	s.faults = newRequestFaults()
	s.listener = newFaultListener(listener, o.SessionLimit)
	s.http = &http.Server{
		Handler:           s.knownFaults(s.faults.before(resources.NewRouter(s.pbx, s.sockets, s.Media, o.Users))),
		IdleTimeout:       o.KeepAlive,
		ReadHeaderTimeout: 30 * time.Second,
		MaxHeaderBytes:    1 << 20,
		ConnContext:       applications.WithConn,
	}
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP1(true)
	s.Client = &http.Client{Transport: s.transport()}
	if o.TLS {
		if err := s.listenTLS(); err != nil {
			return nil, errors.Join(err, listener.Close())
		}
	}
	s.serving.Go(func() {
		_ = s.http.Serve(s.listener) // It ends by close.
	})
	s.open(o.Outbound)
	return s, nil
}

// listenTLS adds TLS.
func (s *Server) listenTLS() error {
	cert, pool, err := certificate()
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.TLSURL, s.CAPool = "https://"+listener.Addr().String()+"/ari", pool
	s.secure = newFaultListener(tls.NewListener(listener, &tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
	}), s.opts.SessionLimit)
	s.serving.Go(func() {
		_ = s.http.Serve(s.secure) // It ends by close.
	})
	return nil
}

// A memoryTransport connects in memory, and is the network on which programs listen that Asterisk sends media to.
type memoryTransport struct {
	*http.Transport
	*media.Memory
}

// transport makes connections to the server.
func (s *Server) transport() http.RoundTripper {
	t := &http.Transport{MaxConnsPerHost: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: 10 * time.Second}
	if s.pipe != nil {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return s.pipe.dial(ctx) }
		return &memoryTransport{t, s.memory}
	}
	return t
}

// Do runs a function with the lock held.
func (s *Server) Do(f func(*pbx.PBX)) {
	s.pbx.Mu.Lock()
	defer s.pbx.Mu.Unlock()
	f(s.pbx)
}

// ErrClosed says that the server was closed while somebody waited.
var ErrClosed = errors.New("the server is closed")

// Wait waits until a condition holds, which is looked at, without the lock, whenever something has changed.
func (s *Server) Wait(ctx context.Context, condition func() bool) error {
	for {
		s.pbx.Mu.Lock()
		changed, closed := s.pbx.Changed, s.pbx.Closed
		s.pbx.Mu.Unlock()
		if condition() {
			return nil
		}
		if closed {
			return ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close ends the server and all its connections.
func (s *Server) Close() {
	s.closing.Do(func() {
		s.sockets.End()
		s.Do((*pbx.PBX).Close)
		s.listener.cut()
		if s.secure != nil {
			s.secure.cut()
		}
		_ = s.http.Close()
		s.serving.Wait()
		s.Media.Close()
		s.Client.CloseIdleConnections()
	})
}
