package applications

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// maxFrame is the longest message that a client may send, maxName the longest name of an application.
const (
	maxFrame = 65535
	maxName  = 73
)

// Sockets are the event websockets.
type Sockets struct {
	registry *Registry
	lock     sync.Locker // of the simulated Asterisk
	opts     SocketOptions
	changed  func() // called, with the lock held, when an application came or went
	serve    server // requests that come by websockets

	open      map[*socket]struct{}
	outbounds map[*outbound]struct{}
	running   sync.WaitGroup // outbounds
	alter     func([]byte) [][]byte
	locked    map[string]bool // applications that have locked up
}

// SocketOptions are how websockets work.
type SocketOptions struct {
	WriteTimeout time.Duration // how long writing a frame may take before the connection is dropped
	Rest         bool          // whether requests may come by them
}

// A server answers a request. The path is that behind /ari, still encoded.
type server func(w http.ResponseWriter, req *http.Request, path string, query url.Values, body []byte, contentType string)

// NewSockets makes a place for websockets; the lock is that of the registry.
func NewSockets(r *Registry, lock sync.Locker, o SocketOptions, changed func()) *Sockets {
	return &Sockets{registry: r, lock: lock, opts: o, changed: changed, open: map[*socket]struct{}{}, outbounds: map[*outbound]struct{}{}, locked: map[string]bool{}}
}

// Handle sets who answers requests that come by websockets.
func (s *Sockets) Handle(f server) { s.serve = f }

// Change sets a function through which all frames of events go, or nil. It needs the lock.
func (s *Sockets) Change(alter func([]byte) [][]byte) { s.alter = alter }

// LockUp makes an application lock up: handshakes for it are never answered. It needs the lock.
func (s *Sockets) LockUp(app string) { s.locked[app] = true }

// Reset forgets all websockets, as a restart does. It needs the lock.
func (s *Sockets) Reset() {
	s.open = map[*socket]struct{}{}
	clear(s.locked)
	s.forgetOutbounds()
}

// Connections are the connections under the websockets, nil for those that aren't known.
func (s *Sockets) Connections() []net.Conn {
	s.lock.Lock()
	defer s.lock.Unlock()
	conns := make([]net.Conn, 0, len(s.open))
	for c := range s.open {
		if c.raw != nil {
			conns = append(conns, c.raw)
		}
	}
	return conns
}

// A slowConn is a connection that may be slow on purpose, so that nobody should lose patience with it.
type slowConn interface{ IsFaulty() bool }

// A connKey is the context key of the connection that a request came by.
type connKey struct{}

// ConnOf is the connection that a request came by, or nil.
func ConnOf(req *http.Request) net.Conn {
	c, _ := req.Context().Value(connKey{}).(net.Conn)
	return c
}

// WithConn adds the connection that requests come by to their context.
func WithConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// A socket is an event websocket.
type socket struct {
	sockets *Sockets
	ws      *websocket.Conn
	raw     net.Conn // nil where it isn't known
	auth    http.Header
	apiKey  string
	apps    []string // in the order of the request

	mu     sync.Mutex
	queue  [][]byte
	wake   chan struct{}
	closed bool
}

// Enqueue puts a frame into the connection's queue. It never blocks.
func (c *socket) Enqueue(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.queue = append(c.queue, frame)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Deliver puts an event's frame into the queue, as faults have it.
func (c *socket) Deliver(frame []byte) {
	if c.sockets.alter == nil {
		c.Enqueue(frame)
		return
	}
	for _, changed := range c.sockets.alter(frame) {
		c.Enqueue(changed)
	}
}

// Upgrade opens an event websocket. A refusal has a status and a text.
func (s *Sockets) Upgrade(w http.ResponseWriter, req *http.Request, apps []string, all bool, apiKey string) (status int, refusal string) {
	if !strings.EqualFold(req.Header.Get("Upgrade"), "websocket") {
		return http.StatusUpgradeRequired, ""
	}
	if len(apps) == 0 {
		return http.StatusBadRequest, "HTTP request is missing param: [app]"
	}
	for _, name := range apps {
		if len(name) > maxName {
			return http.StatusInternalServerError, ""
		}
	}
	c := &socket{sockets: s, apps: apps, wake: make(chan struct{}, 1), auth: http.Header{}, apiKey: apiKey, raw: ConnOf(req)}
	if auth := req.Header.Get("Authorization"); auth != "" {
		c.auth.Set("Authorization", auth)
	}
	s.lock.Lock()
	if slices.ContainsFunc(apps, func(name string) bool { return s.locked[name] }) {
		s.lock.Unlock()
		<-req.Context().Done()
		return 0, ""
	}
	s.open[c] = struct{}{}
	for _, name := range apps {
		s.registry.Connect(name, c, all)
	}
	s.changed()
	s.lock.Unlock()
	defer c.gone()

	ws, err := websocket.Accept(w, req, &websocket.AcceptOptions{
		Subprotocols:       []string{"ari"},
		InsecureSkipVerify: true, // Asterisk refuses no origin.
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return 0, "" // Accept has answered.
	}
	c.ws = ws
	ws.SetReadLimit(maxFrame)
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	go c.write(ctx)
	c.read(ctx)
	return 0, ""
}

// gone takes the applications from the connection.
func (c *socket) gone() {
	c.mu.Lock()
	c.closed = true
	c.queue = nil
	c.mu.Unlock()
	if c.ws != nil {
		_ = c.ws.CloseNow() // It is gone anyway.
	}
	s := c.sockets
	s.lock.Lock()
	defer s.lock.Unlock()
	delete(s.open, c)
	for _, name := range c.apps {
		s.registry.disconnect(name, c)
	}
	s.changed()
}

// TakeOver gives an application to a connection that nothing comes out of. It needs the lock.
func (s *Sockets) TakeOver(app string) {
	s.registry.Connect(app, &socket{sockets: s, apps: []string{app}, wake: make(chan struct{}, 1), closed: true}, false)
}

// write sends the frames of the queue. A client that is too slow is dropped.
func (c *socket) write(ctx context.Context) {
	for {
		c.mu.Lock()
		queue := c.queue
		c.queue = nil
		c.mu.Unlock()
		for _, frame := range queue {
			if !c.writeFrame(ctx, frame) {
				_ = c.ws.CloseNow()
				return
			}
		}
		if len(queue) > 0 {
			continue
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
	}
}

func (c *socket) writeFrame(ctx context.Context, frame []byte) bool {
	if slow, ok := c.raw.(slowConn); !ok || !slow.IsFaulty() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.sockets.opts.WriteTimeout)
		defer cancel()
	}
	return c.ws.Write(ctx, websocket.MessageText, frame) == nil
}

// read serves requests that come by the websocket, until it ends.
func (c *socket) read(ctx context.Context) {
	for {
		kind, message, err := c.ws.Read(ctx)
		if err != nil {
			return
		}
		if kind == websocket.MessageText && c.sockets.opts.Rest {
			c.request(ctx, message)
		}
	}
}

// A MemoryResponse keeps what a handler answers.
type MemoryResponse struct {
	header http.Header
	Status int
	body   bytes.Buffer
}

// NewMemoryResponse makes a place for an answer.
func NewMemoryResponse() *MemoryResponse { return &MemoryResponse{header: http.Header{}} }

// Header returns the headers.
func (w *MemoryResponse) Header() http.Header { return w.header }

// WriteHeader keeps the status.
func (w *MemoryResponse) WriteHeader(status int) {
	if w.Status == 0 {
		w.Status = status
	}
}

// Write keeps a part of the body.
func (w *MemoryResponse) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
