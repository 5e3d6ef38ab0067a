package ari

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
)

// A peer is an Asterisk that opens websockets to a server: what the sessions with it have in common.
type peer struct {
	asterisk string
	users    int // sessions and websockets for commands; under the server's mu
	pool     *acceptedPool
	gate     *filterGate
	limits   *limits
	direct   *requestConfig // how HTTP reaches it; nil: it doesn't
}

// peerOf returns the peer, for one more user. Call it with mu held.
func (s *Server) peerOf(r *http.Request, asterisk string) (*peer, error) {
	p := s.peers[asterisk]
	if p == nil {
		p = &peer{asterisk: asterisk, pool: newAcceptedPool(s.CommandApplication()), gate: newFilterGate(), limits: newLimits()}
		if err := s.direct(r, p); err != nil {
			return nil, err
		}
		s.peers[asterisk] = p
	}
	p.users++
	return p, nil
}

// direct finds out how HTTP reaches a peer.
func (s *Server) direct(r *http.Request, p *peer) error {
	if s.cfg.baseURL == nil {
		return nil
	}
	raw := s.cfg.baseURL(r)
	if raw == "" {
		if s.cfg.commands == CommandsHTTP {
			return errors.New("ari: nobody knows the URL of its HTTP interface")
		}
		return nil
	}
	base, user, err := parseBase(raw)
	if err != nil {
		return err
	}
	cfg := s.cfg.requestConfig
	cfg.base = base
	if user != nil {
		cfg.user = user
	}
	if err := cfg.checkCredentials(); err != nil {
		return err
	}
	if cfg.http == nil {
		cfg.http = &http.Client{
			Transport:     newTransport(cfg.tls),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	p.direct = &cfg
	return nil
}

// configure makes a session's requests go where the peer is.
func (p *peer) configure(cfg *config) {
	if p.direct != nil {
		cfg.requestConfig = *p.direct
		cfg.noHTTP = false
	}
	cfg.gate, cfg.limits = p.gate, p.limits
}

// release says that a session or a websocket doesn't need the peer any more.
func (s *Server) release(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letGo(p)
}

// letGo is release with mu held.
func (s *Server) letGo(p *peer) {
	p.users--
	if p.users > 0 {
		return
	}
	delete(s.peers, p.asterisk)
	if p.direct != nil && s.cfg.http == nil {
		p.direct.http.CloseIdleConnections()
	}
}

// An acceptedUpper is what a session whose connections Asterisk opens needs of its client.
type acceptedUpper struct {
	*Client
	server  *Server
	key     sourceKey
	source  *acceptedSource
	peer    *peer
	session *session
}

// replaced implements upper. The connection stays, since Asterisk would open it again and so take the application back: the
// two programs would fight. But what comes is none of ours.
func (u *acceptedUpper) replaced(app string) {
	u.source.deafen()
	err := fmt.Errorf("%w: %s of %s", ErrReplaced, app, u.source)
	u.hub.reports.fail("application taken over by another client", err, "application", app)
	u.hub.background(func(context.Context) { u.session.endAll(err) })
}

// sessionEnded implements upper.
func (u *acceptedUpper) sessionEnded(s *session) {
	u.Client.sessionEnded(s)
	u.server.mu.Lock()
	if u.server.sources[u.key] == u.source {
		delete(u.server.sources, u.key)
	}
	u.server.mu.Unlock()
	u.server.release(u.peer)
	u.hub.reports.log(slog.LevelDebug, "no other connection follows", "source", u.source.String())
}

// deafen makes a session hear nothing any more but answers to its commands. It ends with its connection.
func (s *acceptedSource) deafen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		s.current.deaf.Store(true)
		s.current.over.Store(true)
	}
}
