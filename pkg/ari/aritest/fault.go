package aritest

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// A faultListener wraps the connections that it accepts, so that they can be disturbed.
type faultListener struct {
	net.Listener
	limit int

	mu    sync.Mutex
	conns map[*faultConn]struct{}
	down  bool // new connections are closed at once
	ended bool
}

func newFaultListener(l net.Listener, limit int) *faultListener {
	return &faultListener{Listener: l, limit: limit, conns: map[*faultConn]struct{}{}}
}

// Accept waits for a connection. Those beyond the limit are closed without a word, as Asterisk does.
func (l *faultListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		full := l.limit > 0 && len(l.conns) >= l.limit
		if l.down || l.ended || full {
			l.mu.Unlock()
			_ = c.Close() // That is all that can be done.
			continue
		}
		f := &faultConn{Conn: c, listener: l, closed: make(chan struct{}), thawed: closedChannel()}
		l.conns[f] = struct{}{}
		l.mu.Unlock()
		return f, nil
	}
}

func closedChannel() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// cut closes all connections at once.
func (l *faultListener) cut() {
	l.mu.Lock()
	conns := make([]*faultConn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

// A faultConn is a connection that can be frozen, slowed down or cut.
type faultConn struct {
	net.Conn
	listener *faultListener
	closed   chan struct{}
	once     sync.Once

	mu         sync.Mutex
	thawed     chan struct{} // closed unless it is frozen
	frozen     bool
	delay      time.Duration // before each read and write
	conflicted bool          // a request on it has asked for an id that was taken
	cutAfter   int           // closes after that many more bytes were written; 0 is never
}

func (c *faultConn) Close() error {
	var err error
	c.once.Do(func() {
		close(c.closed)
		err = c.Conn.Close()
		c.listener.mu.Lock()
		delete(c.listener.conns, c)
		c.listener.mu.Unlock()
	})
	return err
}

// hold waits while the connection is frozen or slow.
func (c *faultConn) hold() {
	c.mu.Lock()
	thawed, delay := c.thawed, c.delay
	c.mu.Unlock()
	select {
	case <-thawed:
	case <-c.closed:
		return
	}
	if delay > 0 {
		t := time.NewTimer(delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-c.closed:
		}
	}
}

// Read reads what the client sent, unless the connection is frozen.
func (c *faultConn) Read(b []byte) (int, error) {
	c.hold()
	n, err := c.Conn.Read(b)
	if err == nil {
		c.hold() // It may have been frozen while it waited.
	}
	return n, err
}

// Write sends to the client, unless the connection is frozen, and closes it where it is to be cut.
func (c *faultConn) Write(b []byte) (int, error) {
	c.hold()
	c.mu.Lock()
	cut := c.cutAfter
	if cut > len(b) {
		c.cutAfter -= len(b)
		cut = 0
	}
	c.mu.Unlock()
	if cut > 0 {
		n, err := c.Conn.Write(b[:cut])
		_ = c.Close()
		if err == nil {
			err = net.ErrClosed
		}
		return n, err
	}
	return c.Conn.Write(b)
}

func (c *faultConn) freeze(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case on && !c.frozen:
		c.thawed = make(chan struct{})
	case !on && c.frozen:
		close(c.thawed)
	}
	c.frozen = on
}

// isFaulty reports whether the connection is slow or frozen on purpose, so that nobody should lose patience with it.
func (c *faultConn) isFaulty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frozen || c.delay > 0
}

// Faults are what can go wrong on the server's side, when a test wants it.
type Faults struct{ s *Server }

// Faults returns the means to disturb the server.
func (s *Server) Faults() Faults { return Faults{s} }

// sockets are the event websockets' connections.
func (f Faults) sockets() []*wsConn {
	p := f.s.pbx
	p.mu.Lock()
	defer p.mu.Unlock()
	conns := make([]*wsConn, 0, len(p.conns))
	for c := range p.conns {
		conns = append(conns, c)
	}
	return conns
}

// DropEvents closes all event websockets at once, without a close frame.
func (f Faults) DropEvents() {
	for _, c := range f.sockets() {
		if c.raw != nil {
			_ = c.raw.Close()
		}
	}
}

// DropEventsInFrame closes all event websockets after n bytes of the next frame.
func (f Faults) DropEventsInFrame(n int) {
	for _, c := range f.sockets() {
		if c.raw != nil {
			c.raw.mu.Lock()
			c.raw.cutAfter = max(n, 1)
			c.raw.mu.Unlock()
		}
	}
}

// FreezeEvents makes all event websockets half-open: nothing is read and nothing written, not even a pong, and they stay open.
func (f Faults) FreezeEvents() {
	for _, c := range f.sockets() {
		if c.raw != nil {
			c.raw.freeze(true)
		}
	}
}

// ThawEvents ends what FreezeEvents began.
func (f Faults) ThawEvents() {
	for _, c := range f.sockets() {
		if c.raw != nil {
			c.raw.freeze(false)
		}
	}
}

// SlowEvents delays each read and write of all event websockets. 0 ends that.
func (f Faults) SlowEvents(delay time.Duration) {
	for _, c := range f.sockets() {
		if c.raw != nil {
			c.raw.mu.Lock()
			c.raw.delay = delay
			c.raw.mu.Unlock()
		}
	}
}

// SendRaw sends a frame of any content to an application: an unknown event, broken JSON, something huge.
func (f Faults) SendRaw(app string, frame []byte) {
	p := f.s.pbx
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.activeApp(app); a != nil {
		a.conn.enqueue(slices.Clone(frame))
	}
}

// SendEvent sends an event of any type, with members of its own, to an application. Type, time stamp and the rest are added.
func (f Faults) SendEvent(app, typ string, members map[string]any) {
	p := f.s.pbx
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.activeApp(app); a != nil {
		fields := make([]field, 0, len(members))
		for name, value := range members {
			fields = append(fields, field{name, value})
		}
		slices.SortFunc(fields, func(x, y field) int { return strings.Compare(x.name, y.name) })
		a.send(p.event(typ, fields...))
	}
}

// Alter sets a function through which all frames go that are sent to event websockets: it gets a frame and returns those to
// send instead, so that frames can be lost, doubled, changed or kept back for later. Nil ends that.
func (f Faults) Alter(alter func(frame []byte) [][]byte) {
	p := f.s.pbx
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alter = alter
}

// Duplicate doubles each frame of a type.
func (f Faults) Duplicate(typ string) {
	f.Alter(func(frame []byte) [][]byte {
		if frameType(frame) == typ {
			return [][]byte{frame, frame}
		}
		return [][]byte{frame}
	})
}

// Lose drops the frames of a type.
func (f Faults) Lose(typ string) {
	f.Alter(func(frame []byte) [][]byte {
		if frameType(frame) == typ {
			return nil
		}
		return [][]byte{frame}
	})
}

// AddUnknownFields adds members to each event and its objects that no version knows.
func (f Faults) AddUnknownFields() {
	f.Alter(func(frame []byte) [][]byte {
		var v any
		if json.Unmarshal(frame, &v) != nil {
			return [][]byte{frame}
		}
		addUnknown(v)
		changed, err := json.Marshal(v)
		if err != nil {
			return [][]byte{frame}
		}
		return [][]byte{changed}
	})
}

func addUnknown(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			addUnknown(member)
		}
		v["x_unknown"] = map[string]any{"list": []any{1, "two", nil}}
	case []any:
		for _, item := range v {
			addUnknown(item)
		}
	}
}

// Reorder keeps the frames of a channel back until n others have been sent: order between entities isn't promised.
func (f Faults) Reorder(channelID string, n int) {
	var held [][]byte
	var passed int
	f.Alter(func(frame []byte) [][]byte {
		if frameChannel(frame) == channelID && passed < n {
			held = append(held, frame)
			return nil
		}
		passed++
		if passed < n || held == nil {
			return [][]byte{frame}
		}
		all := append([][]byte{frame}, held...)
		held = nil
		return all
	})
}

func frameType(frame []byte) string {
	var e struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(frame, &e) != nil {
		return ""
	}
	return e.Type
}

func frameChannel(frame []byte) string {
	var e struct {
		Channel struct {
			ID string `json:"id"`
		} `json:"channel"`
	}
	if json.Unmarshal(frame, &e) != nil {
		return ""
	}
	return e.Channel.ID
}

// A requestFault is what happens to requests.
type requestFault struct {
	match  func(*http.Request) bool
	times  int // how many requests are left; negative for ever
	delay  time.Duration
	status int  // 0: the request is carried out
	drop   bool // after it was carried out the connection is closed without an answer
}

// FailRequests answers the next n requests with a status, without carrying them out. The match says which requests are meant, as
// method and a part of the path: "POST /answer"; "" is all of them. A negative n is all of them for ever.
func (f Faults) FailRequests(match string, n, status int) {
	f.s.addFault(&requestFault{match: matching(match), times: n, status: status})
}

// DelayRequests delays the next n requests.
func (f Faults) DelayRequests(match string, n int, delay time.Duration) {
	f.s.addFault(&requestFault{match: matching(match), times: n, delay: delay})
}

// DropRequests carries the next n requests out, and closes their connections instead of answering.
func (f Faults) DropRequests(match string, n int) {
	f.s.addFault(&requestFault{match: matching(match), times: n, drop: true})
}

// Clear ends all faults of requests, and Alter.
func (f Faults) Clear() {
	p := f.s.pbx
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults, p.alter = nil, nil
}

func matching(match string) func(*http.Request) bool {
	method, part, ok := strings.Cut(match, " ")
	if !ok {
		method, part = "", match
	}
	return func(r *http.Request) bool {
		return r.URL.Path != "/ari/events" && (method == "" || r.Method == method) && strings.Contains(r.URL.Path, part)
	}
}

func (s *Server) addFault(f *requestFault) {
	s.pbx.mu.Lock()
	defer s.pbx.mu.Unlock()
	s.pbx.faults = append(s.pbx.faults, f)
}

// faults carries faults of requests out.
func (s *Server) faults(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := s.pbx.takeFault(r)
		if f == nil {
			next.ServeHTTP(w, r)
			return
		}
		if f.delay > 0 && !sleep(r.Context(), f.delay) {
			return
		}
		switch {
		case f.status != 0:
			w.Header().Set("Server", "Asterisk/"+s.pbx.opts.version.String())
			fail(w, f.status, "A fault that was asked for")
		case f.drop:
			next.ServeHTTP(&memoryResponse{header: http.Header{}}, r)
			panic(http.ErrAbortHandler)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *pbx) takeFault(r *http.Request) *requestFault {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, f := range p.faults {
		if f.times == 0 || !f.match(r) {
			continue
		}
		if f.times > 0 {
			f.times--
		}
		if f.times == 0 {
			p.faults = slices.Delete(slices.Clone(p.faults), i, i+1)
		}
		return f
	}
	return nil
}

// Down makes the server refuse connections and closes those that there are, until Up. What it knows stays.
func (f Faults) Down() {
	l := f.s.listener
	l.mu.Lock()
	l.down = true
	l.mu.Unlock()
	l.cut()
}

// Up ends Down.
func (f Faults) Up() {
	l := f.s.listener
	l.mu.Lock()
	l.down = false
	l.mu.Unlock()
}

// Restart is a restart of Asterisk: all connections are closed, and channels, bridges, applications and all else that isn't
// kept in files is lost without an event. It is down for some time.
func (f Faults) Restart(down time.Duration) {
	f.Down()
	p := f.s.pbx
	p.mu.Lock()
	calls := make([]*Call, 0, len(p.channels))
	for _, ch := range p.channelOrder {
		ch.hungup = true
		ch.flushSilently()
		if ch.call != nil {
			calls = append(calls, ch.call)
		}
	}
	p.reset()
	for _, c := range calls {
		c.ended(0)
	}
	p.mu.Unlock()
	if down > 0 {
		p.mu.Lock()
		p.after(down, f.Up)
		p.mu.Unlock()
		return
	}
	f.Up()
}

// TakeOver lets another connection take an application over, as a second instance of the program would.
func (f Faults) TakeOver(app string) {
	p := f.s.pbx
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.activeApp(app); a != nil {
		a.send(p.event("ApplicationReplaced"))
		a.conn = &wsConn{p: p, apps: []string{app}, wake: make(chan struct{}, 1), closed: true}
	}
}
