package applications

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// An Outbound is a websocket that Asterisk opens by itself: a section of ari.conf and one of websocket_client.conf.
type Outbound struct {
	Name         string
	URI          string
	Apps         []string
	PerCall      bool // one for each call, instead of one that stays
	SubscribeAll bool

	Username, Password string      // that are shown to the server
	User               http.Header // who requests on it are from

	Timeout  time.Duration // of a handshake
	Interval time.Duration // between attempts
	Attempts int           // of a call's

	Transport *http.Transport
}

// An outbound is a websocket that is opened again and again: one that stays, or that of one call.
type outbound struct {
	sockets *Sockets
	o       *Outbound
	apps    []string
	lost    func() // of a call's: called, without the lock, when all attempts have failed
	cancel  context.CancelFunc

	mu     sync.Mutex
	socket *socket  // nil while there is none
	kept   [][]byte // what came meanwhile
	closed bool
}

// errClosedByUs ends what waits for a connection.
var errClosedByUs = errors.New("the websocket isn't wanted any more")

// An outboundConnKey is the context key of where a dial puts the connection that it has made.
type outboundConnKey struct{}

// NoteConn tells a websocket's dialling of the connection that it got.
func NoteConn(ctx context.Context, c net.Conn) {
	if p, ok := ctx.Value(outboundConnKey{}).(*net.Conn); ok {
		*p = c
	}
}

// Open keeps a websocket that stays, from now on. It needs the lock.
func (s *Sockets) Open(o *Outbound) {
	c := s.newOutbound(o, slices.Clone(o.Apps), nil)
	for _, name := range c.apps {
		s.registry.Connect(name, c, o.SubscribeAll)
	}
	s.start(c, nil)
}

// newOutbound makes one. It needs the lock.
func (s *Sockets) newOutbound(o *Outbound, apps []string, lost func()) *outbound {
	c := &outbound{sockets: s, o: o, apps: apps, lost: lost}
	s.outbounds[c] = struct{}{}
	return c
}

// start runs it; first is called, without the lock, with the outcome of the first connection.
func (s *Sockets) start(c *outbound, first func(error)) {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	s.running.Go(func() {
		defer cancel()
		c.run(ctx, first)
	})
}

// End closes all websockets that Asterisk has opened, and waits for that. It mustn't be called with the lock held.
func (s *Sockets) End() {
	s.lock.Lock()
	for c := range s.outbounds {
		c.cancel()
	}
	s.lock.Unlock()
	s.running.Wait()
}

// Forget ends the websockets of calls, as a restart does, and what those that stay have kept. It needs the lock.
func (s *Sockets) forgetOutbounds() {
	for c := range s.outbounds {
		if c.lost != nil {
			c.cancel()
			delete(s.outbounds, c)
			continue
		}
		c.mu.Lock()
		c.kept = nil
		c.mu.Unlock()
		for _, name := range c.apps {
			s.registry.Connect(name, c, c.o.SubscribeAll)
		}
	}
}

// Unregister takes an application off a websocket that stays. It needs the lock.
func (s *Sockets) Unregister(name, app string) bool {
	for c := range s.outbounds {
		i := slices.Index(c.apps, app)
		if c.o.Name != name || i < 0 || c.lost != nil {
			continue
		}
		if a := s.registry.App(app); a != nil {
			a.Send(s.registry.Event("ApplicationUnregistered"))
		}
		c.apps = slices.Delete(slices.Clone(c.apps), i, i+1)
		s.registry.disconnect(app, c)
		s.changed()
		return true
	}
	return false
}

// run keeps the connection.
func (c *outbound) run(ctx context.Context, first func(error)) {
	defer c.over()
	for failed := 0; ctx.Err() == nil; {
		sock, err := c.dial(ctx)
		if err != nil {
			failed++
			if c.lost != nil && failed >= c.o.Attempts {
				break
			}
			if !rest(ctx, c.o.Interval) {
				break
			}
			continue
		}
		failed = 0
		c.attach(sock)
		if first != nil {
			first(nil)
			first = nil
		}
		stop := context.AfterFunc(ctx, func() { _ = sock.ws.Close(websocket.StatusNormalClosure, "") })
		reading, cancel := context.WithCancel(WithConn(context.WithoutCancel(ctx), sock.raw))
		go sock.write(reading)
		sock.read(reading)
		cancel()
		stop()
		c.detach()
		sock.gone()
	}
	switch {
	case first != nil:
		first(errClosedByUs)
	case c.lost != nil && ctx.Err() == nil:
		c.lost()
	}
}

// rest waits, and reports whether ctx is still alive.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *outbound) dial(ctx context.Context) (*socket, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	var raw net.Conn
	header := http.Header{}
	if c.o.Username != "" && c.o.Password != "" {
		r := http.Request{Header: header}
		r.SetBasicAuth(c.o.Username, c.o.Password)
	}
	ws, resp, err := websocket.Dial(context.WithValue(ctx, outboundConnKey{}, &raw), c.o.URI, &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport:     c.o.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		HTTPHeader: header, Subprotocols: []string{"ari"}, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		if resp != nil && resp.Body != nil {
			_ = resp.Body.Close()
		}
		return nil, err
	}
	ws.SetReadLimit(maxFrame)
	return &socket{sockets: c.sockets, ws: ws, raw: raw, auth: c.o.User, apps: c.apps, wake: make(chan struct{}, 1)}, nil
}

// attach sends what was kept, and then that the applications are registered. One that somebody else has is taken back.
func (c *outbound) attach(sock *socket) {
	s := c.sockets
	s.lock.Lock()
	defer s.lock.Unlock()
	sock.apps = c.apps
	s.open[sock] = struct{}{}
	c.mu.Lock()
	for _, frame := range c.kept {
		sock.Enqueue(frame)
	}
	c.kept, c.socket = nil, sock
	c.mu.Unlock()
	for _, name := range c.apps {
		s.registry.Connect(name, c, c.o.SubscribeAll && c.lost == nil)
		s.registry.App(name).Send(s.registry.Event("ApplicationRegistered"))
	}
	s.changed()
}

func (c *outbound) detach() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.socket = nil
}

// over takes the applications away.
func (c *outbound) over() {
	c.mu.Lock()
	c.closed, c.kept = true, nil
	c.mu.Unlock()
	s := c.sockets
	s.lock.Lock()
	defer s.lock.Unlock()
	delete(s.outbounds, c)
	for _, name := range c.apps {
		s.registry.disconnect(name, c)
	}
	s.changed()
}

// Enqueue implements Conn.
func (c *outbound) Enqueue(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
	case c.socket != nil:
		c.socket.Enqueue(frame)
	default:
		c.kept = append(c.kept, frame)
	}
}

// Deliver implements Conn.
func (c *outbound) Deliver(frame []byte) {
	if c.sockets.alter == nil {
		c.Enqueue(frame)
		return
	}
	for _, changed := range c.sockets.alter(frame) {
		c.Enqueue(changed)
	}
}

// A PerCall opens a websocket for each call that enters one of its applications.
type PerCall struct {
	sockets *Sockets
	o       *Outbound
	calls   map[string]*outbound // by the application's full name
}

// NewPerCall makes one. It needs the lock.
func (s *Sockets) NewPerCall(o *Outbound) *PerCall {
	return &PerCall{sockets: s, o: o, calls: map[string]*outbound{}}
}

// Serves reports whether an application's calls have websockets of their own.
func (p *PerCall) Serves(app string) bool { return slices.Contains(p.o.Apps, app) }

// Connect opens a channel's. It needs the lock; ready is called with it, with the application's full name, which is "" if
// nobody has taken the websocket, and lost when it has gone for good.
func (p *PerCall) Connect(app, channel string, ready func(full string), lost func()) {
	full := app + ":" + channel
	s := p.sockets
	if len(full) > maxName {
		ready("")
		return
	}
	locked := func(f func()) {
		s.lock.Lock()
		defer s.lock.Unlock()
		f()
	}
	c := s.newOutbound(p.o, []string{full}, func() { locked(lost) })
	p.calls[full] = c
	s.start(c, func(err error) {
		locked(func() {
			if err != nil {
				delete(p.calls, full)
				ready("")
				return
			}
			ready(full)
		})
	})
}

// Close takes leave of a call's server. It needs the lock.
func (p *PerCall) Close(full string) {
	if c := p.calls[full]; c != nil {
		delete(p.calls, full)
		c.cancel()
	}
}
