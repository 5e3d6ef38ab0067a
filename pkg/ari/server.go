package ari

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// A Server takes the websockets that Asterisk opens: since 20.15, 21.10, 22.5 it does so by itself, and the program needs no
// open port on Asterisk's side. A server is a [Client] too, with the same handlers, subscriptions and life; instead of
// dialling Asterisk, it is an http.Handler that waits to be called:
//
//	server, err := ari.NewServer("hello", ari.WithAuthenticator(check))
//	server.OnCall(...)
//	go server.ListenAndServe(ctx, ":9000") // or http.Handle("/ari", server)
//	err = server.Run(ctx)
//
// Asterisk opens either one websocket that stays (connection_type persistent), or one for each call (per_call_config);
// [OutboundConfig] writes the configuration for both. Which one it is, and for which of the server's applications, is told by
// the first event that comes.
//
// A websocket that stays belongs to one Asterisk, known by its asterisk_id. When it is lost, Asterisk keeps the events for
// the next one; calls that are in the application when it is opened for the first time get a [StasisStart] that is
// [EventHeader.Resumed].
//
// One for each call is a session of its own: its application has the channel's name in it, as in "hello:PJSIP/alice-00000001", and
// stands wherever ARI wants an application. It ends with its call. When a server is lost, Asterisk opens another websocket,
// perhaps to another server, where the call gets a StasisStart that is Resumed.
//
// Commands go over the websockets, unless [WithAsteriskURL] says where HTTP is. What may wait for what plays on a channel (to
// answer it, to set its variables, to put it into a bridge or take it out) needs another websocket, for the application
// [Server.CommandApplication]; without it these fail with [ErrNoCommandSocket].
//
// When another program takes an application over, its calls end here with [ErrReplaced], which goes to the error handler; the
// server goes on with other Asterisks, and with this one when it opens another websocket.
type Server struct {
	*Client

	cfg        *serverConfig
	sockets    atomic.Int64 // open ones
	handshakes atomic.Int64 // connections that aren't websockets of a known application yet

	commands  sync.WaitGroup // websockets for commands
	closing   chan struct{}  // closed when no handler has commands any more
	closeOnce sync.Once

	mu      sync.Mutex
	closed  bool // no other websocket for commands is taken
	sources map[sourceKey]*acceptedSource
	peers   map[string]*peer // by asterisk_id
}

// A sourceKey tells what a session of a server is about: an Asterisk, or one call of it.
type sourceKey struct{ asterisk, call string }

// NewServer makes a server for a Stasis application. [WithApplications] adds others.
func NewServer(application string, opts ...ServerOption) (*Server, error) {
	cfg, err := newServerConfig(application, opts)
	if err != nil {
		return nil, err
	}
	return &Server{
		Client: newBareClient(&cfg.config).observed(), cfg: cfg,
		sources: make(map[sourceKey]*acceptedSource), peers: make(map[string]*peer), closing: make(chan struct{}),
	}, nil
}

// CommandApplication is the application for whose websockets Asterisk's configuration should have a section or several, each
// with a number added: they carry commands that may wait.
func (s *Server) CommandApplication() string { return s.cfg.applications[0] + commandSuffix }

// ARI returns the controller that commands the first Asterisk, or call, that is there; nil while there is none. In a handler,
// [Channel.Controller] and [EventHeader.Controller] are the right ones.
func (s *Server) ARI() *Controller {
	for _, c := range s.Controllers() {
		return c
	}
	return nil
}

// ServeHTTP takes a websocket of Asterisk's. It returns when the websocket is one of a session's; that goes on.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.handshakes.Add(1) > int64(s.cfg.maxHandshakes) {
		s.handshakes.Add(-1)
		s.refuse(w, r, http.StatusServiceUnavailable, "too many handshakes at once")
		return
	}
	defer s.handshakes.Add(-1)
	if status, why := s.refusal(r); status != 0 {
		s.refuse(w, r, status, why)
		return
	}
	if s.sockets.Add(1) > int64(s.cfg.maxSockets) {
		s.sockets.Add(-1)
		s.refuse(w, r, http.StatusServiceUnavailable, "too many websockets")
		return
	}
	conn, err := acceptWebsocket(w, r)
	if err != nil {
		s.sockets.Add(-1)
		s.note(r, "it is no websocket", err)
		return
	}
	conn.gone = func() { s.sockets.Add(-1) }
	if err := s.take(r, conn); err != nil {
		s.note(r, "it is refused", err)
		conn.reject(err)
	}
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="ARI"`)
	}
	http.Error(w, why, status)
	s.note(r, why, nil)
}

// note logs what was refused. What a stranger has sent isn't in it.
func (s *Server) note(r *http.Request, why string, err error) {
	args := []any{"from", r.RemoteAddr, "reason", why}
	if err != nil {
		args = append(args, "error", err)
	}
	s.hub.reports.log(slog.LevelWarn, "a websocket was refused", args...)
}

// reject takes leave of a connection that nobody wants.
func (c *acceptedConn) reject(err error) {
	reason := err.Error()
	_ = c.ws.Close(websocket.StatusPolicyViolation, reason[:min(len(reason), maxCloseReason)])
	c.Abort()
	c.ended()
}

// maxCloseReason is how long the text of a close frame may be.
const maxCloseReason = 123

// take finds out whose a connection is, and hands it over.
func (s *Server) take(r *http.Request, conn *acceptedConn) error {
	if err := conn.identify(s.hub.ctx); err != nil {
		return err
	}
	conn.ws.SetReadLimit(s.cfg.maxFrame)
	base, channel, perCall := strings.Cut(conn.app, ":")
	switch {
	case slices.Contains(s.cfg.applications, conn.app):
		return s.hand(r, conn, sourceKey{asterisk: conn.asterisk})
	case perCall && slices.Contains(s.cfg.applications, base):
		conn.entered = channel
		return s.hand(r, conn, sourceKey{conn.asterisk, conn.app})
	case strings.HasPrefix(conn.app, s.CommandApplication()):
		return s.command(r, conn)
	}
	return fmt.Errorf("the application %.80q is none of this server's", conn.app)
}

// hand gives a connection to its session, or makes one.
func (s *Server) hand(r *http.Request, conn *acceptedConn, key sourceKey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if src := s.sources[key]; src != nil && src.offer(conn) {
		return nil
	}
	p, err := s.peerOf(r, conn.asterisk)
	if err != nil {
		return err
	}
	within := s.cfg.forgetAfter
	if key.call != "" {
		within = s.cfg.resumeWithin
	}
	src := newAcceptedSource(originOf(key, conn), key.call, within)
	up := &acceptedUpper{Client: s.Client, server: s, key: key, source: src, peer: p}
	session, err := s.addAccepted(s.sessionConfig(key, conn, p, src), up, src, func(session *session) {
		roads := session.roads()
		roads.pool = p.pool
		roads.untold.Store(true) // It is new enough for commands over the websocket.
		if key.call != "" {
			session.api = &callAsker{session.ctrl, key.call}
		}
		src.session, up.session = session, session
	})
	if err != nil {
		s.letGo(p)
		return err
	}
	s.sources[key] = src
	src.offer(conn)
	return session.start(s.hub.ctx)
}

// originOf says in logs where a session's connections come from.
func originOf(key sourceKey, conn *acceptedConn) string {
	if key.call != "" {
		return fmt.Sprintf("%s of Asterisk %s at %s", key.call, key.asterisk, conn.from)
	}
	return fmt.Sprintf("Asterisk %s at %s", key.asterisk, conn.from)
}

// sessionConfig is how a session works whose connections Asterisk opens.
func (s *Server) sessionConfig(key sourceKey, conn *acceptedConn, p *peer, src Source) *config {
	cfg := s.cfg.config
	p.configure(&cfg)
	cfg.source, cfg.adopt = src, true
	if key.call != "" {
		cfg.applications, cfg.call = []string{key.call}, conn.entered
		cfg.subscribeAll, cfg.sweep = false, false // Asterisk's configuration has the one; the other would end other servers' calls.
	}
	return &cfg
}

// command takes a websocket that commands go over.
func (s *Server) command(r *http.Request, conn *acceptedConn) error {
	p, err := s.commandPeer(r, conn)
	if err != nil {
		return err
	}
	sock := newCommandSocket(conn)
	p.pool.add(sock)
	s.hub.reports.log(slog.LevelInfo, "Asterisk has opened a websocket for commands", "from", conn.from, "asterisk", conn.asterisk)
	go func() {
		defer s.commands.Done()
		defer s.release(p)
		stop := context.AfterFunc(s.hub.ctx, func() {
			<-s.closing // Handlers need it to clean up.
			takeLeave(context.Background(), conn)
		})
		defer stop()
		alive := make(chan struct{})
		go s.testIdle(conn, sock, alive)
		err := readAnswers(conn, sock)
		close(alive)
		sock.end(err)
	}()
	return nil
}

// commandPeer returns whose websocket for commands a connection is. It is one more that [Server.Close] waits for.
func (s *Server) commandPeer(r *http.Request, conn *acceptedConn) (*peer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	p, err := s.peerOf(r, conn.asterisk)
	if err == nil {
		s.commands.Add(1)
	}
	return p, err
}

// testIdle pings a websocket for commands now and then while it has none: with one under way, the answer may be late.
func (s *Server) testIdle(conn *acceptedConn, sock *commandSocket, over <-chan struct{}) {
	if s.cfg.keepalive <= 0 {
		return
	}
	tick := time.NewTicker(s.cfg.keepalive)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		if load, _ := sock.load(); load > 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), s.cfg.keepaliveTimeout)
		err := conn.Ping(ctx)
		cancel()
		if load, _ := sock.load(); err != nil && load == 0 {
			conn.Abort()
			return
		}
	}
}

// Close ends the server as [Client.Close] does a client. Asterisk tries to open its websockets again, so that another
// server, or this program when it runs again, gets the calls.
func (s *Server) Close(ctx context.Context) error {
	err := s.Client.Close(ctx)
	s.closeOnce.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		close(s.closing)
	})
	s.commands.Wait()
	return err
}

// Run is [Client.Run] for a server. It doesn't wait for Asterisk.
func (s *Server) Run(ctx context.Context) error {
	err := s.Client.Run(ctx)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.closeTimeout)
	defer cancel()
	return errors.Join(err, s.Close(closing))
}

// ListenAndServe listens on a TCP address and serves until ctx ends or the server is closed: see [Server.Serve].
func (s *Server) ListenAndServe(ctx context.Context, addr string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("ari: %w", err)
	}
	return s.Serve(ctx, l)
}

// headerTimeout is how long a handshake may take.
const headerTimeout = 10 * time.Second

// Serve takes connections of a listener until ctx ends or the server is closed, and then returns nil; the websockets that
// are there stay until [Server.Close]. With [WithServerTLS] they are encrypted. Connections that don't become a websocket in
// time are closed, and so are those beyond the limit of handshakes.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var begun atomic.Int64
	web := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTimeout, IdleTimeout: headerTimeout, MaxHeaderBytes: 64 << 10,
		ErrorLog:  slog.NewLogLogger(s.cfg.log.Handler(), slog.LevelWarn),
		Protocols: new(http.Protocols),
		ConnState: func(conn net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				if begun.Add(1) > int64(s.cfg.maxHandshakes) {
					_ = conn.Close()
				}
			case http.StateHijacked, http.StateClosed:
				begun.Add(-1)
			default:
			}
		},
	}
	web.Protocols.SetHTTP1(true) // A websocket needs it.
	if s.cfg.serverTLS != nil {
		own := s.cfg.serverTLS.Clone()
		if s.cfg.certificate != nil && own.ClientAuth < tls.VerifyClientCertIfGiven {
			own.ClientAuth = tls.RequireAndVerifyClientCert
		}
		own.NextProtos = []string{"http/1.1"}
		l = tls.NewListener(l, own)
	}
	ctx, stop := s.whileAlive(ctx)
	defer stop()
	closing := context.AfterFunc(ctx, func() { _ = web.Close() })
	defer closing()
	if err := web.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("ari: %w", err)
	}
	return nil
}
