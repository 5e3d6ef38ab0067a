package sim

import (
	"net"
	"sync"
	"time"
)

// A faultListener wraps the connections that it accepts, so that they can be disturbed.
type faultListener struct {
	net.Listener
	limit int

	mu      sync.Mutex
	conns   map[*faultConn]struct{}
	dialled int  // how many of them were made here, which count for no limit
	down    bool // new connections are closed at once
	frozen  bool // new connections are frozen
	ended   bool
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
		full := l.limit > 0 && len(l.conns)-l.dialled >= l.limit
		if l.down || l.ended || full {
			l.mu.Unlock()
			_ = c.Close() // That is all that can be done.
			continue
		}
		f := &faultConn{Conn: c, listener: l, closed: make(chan struct{}), thawed: closedChannel()}
		f.freeze(l.frozen)
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
	dialled  bool // made here, rather than accepted
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
		if c.dialled {
			c.listener.dialled--
		}
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

// IsFaulty reports whether the connection is slow or frozen on purpose, so that nobody should lose patience with it.
func (c *faultConn) IsFaulty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frozen || c.delay > 0
}

// Conflicted reports whether a request on the connection has asked for an id that was taken, this one perhaps.
func (c *faultConn) Conflicted(now bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conflicted = c.conflicted || now
	return c.conflicted
}

// refuse makes the listener close new connections at once, or not any more.
func (l *faultListener) refuse(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = on
}

// freeze makes all connections stand still, those to come too, or thaws them.
func (l *faultListener) freeze(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frozen = on
	for c := range l.conns {
		c.freeze(on)
	}
}

// cutIn closes the connection when n more bytes have been written.
func (c *faultConn) cutIn(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cutAfter = n
}

// slow delays each read and write.
func (c *faultConn) slow(delay time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delay = delay
}
