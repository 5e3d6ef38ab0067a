package sim

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/ari-go/ari/internal/sim/applications"
	"github.com/ari-go/ari/internal/sim/pbx"
)

// An Outbound is a websocket that the server opens by itself.
type Outbound struct {
	Name, URI             string
	Apps                  []string
	PerCall, SubscribeAll bool
	Username, Password    string
	ReadOnly              bool // requests on it are from the user that may only read
	Timeout, Interval     time.Duration
	Attempts              int
	TLS                   *tls.Config
	Dial                  func(ctx context.Context) (net.Conn, error) // nil: TCP
}

// errDown is why nothing is dialled.
var errDown = errors.New("the server is down")

// open makes the websockets that the options ask for.
func (s *Server) open(all []Outbound) {
	s.Do(func(p *pbx.PBX) {
		for i := range all {
			o := s.outbound(&all[i])
			if all[i].PerCall {
				p.CallDialers = append(p.CallDialers, s.sockets.NewPerCall(o))
			} else {
				s.sockets.Open(o)
			}
		}
	})
}

func (s *Server) outbound(o *Outbound) *applications.Outbound {
	user := http.Request{Header: http.Header{}}
	if o.ReadOnly {
		user.SetBasicAuth(s.opts.Users.Reader, s.opts.Users.ReaderPassword)
	} else {
		user.SetBasicAuth(s.opts.Users.Name, s.opts.Users.Password)
	}
	made := &applications.Outbound{
		Name: o.Name, URI: o.URI, Apps: o.Apps, PerCall: o.PerCall, SubscribeAll: o.SubscribeAll,
		Username: o.Username, Password: o.Password, User: user.Header,
		Timeout: or(o.Timeout, 500*time.Millisecond), Interval: or(o.Interval, 500*time.Millisecond), Attempts: max(o.Attempts, 1),
	}
	if o.Attempts == 0 {
		made.Attempts = 4
	}
	dial := o.Dial
	made.Transport = &http.Transport{
		TLSClientConfig: o.TLS, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			var c net.Conn
			var err error
			if dial != nil {
				c, err = dial(ctx)
			} else {
				c, err = (&net.Dialer{}).DialContext(ctx, network, addr)
			}
			if err != nil {
				return nil, err
			}
			f, err := s.listener.own(c)
			if err != nil {
				return nil, err
			}
			applications.NoteConn(ctx, f)
			return f, nil
		},
	}
	return made
}

func or(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// Unregister takes an application off a websocket that the server has opened.
func (s *Server) Unregister(name, app string) (ok bool) {
	s.Do(func(*pbx.PBX) { ok = s.sockets.Unregister(name, app) })
	return ok
}

// own makes a connection that was dialled one of the listener's, so that it can be disturbed as well.
func (l *faultListener) own(c net.Conn) (*faultConn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down || l.ended {
		return nil, errors.Join(errDown, c.Close())
	}
	f := &faultConn{Conn: c, listener: l, dialled: true, closed: make(chan struct{}), thawed: closedChannel()}
	f.freeze(l.frozen)
	l.conns[f] = struct{}{}
	l.dialled++
	return f, nil
}

// LoseApplication takes an application from the connection that has it.
func (s *Server) LoseApplication(app string) {
	s.Do(func(p *pbx.PBX) { p.Lose(app) })
}

// LockUp makes an application lock up.
func (s *Server) LockUp(app string) {
	s.Do(func(*pbx.PBX) { s.sockets.LockUp(app) })
}
