package media

import (
	"crypto/rand"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/ari-go/ari/pkg/media/internal/audiosocket"
)

const (
	// introductionTime is how long a connection may take to say which call it is for.
	introductionTime = 5 * time.Second

	// mostStrangers is how many connections may be about to say so at once.
	mostStrangers = 256
)

// An AudioSocketListener is a port that Asterisk connects to, for any number of calls: each is told by a UUID that was
// made for it alone, and is good for one connection. Others are closed.
type AudioSocketListener struct {
	listener   net.Listener
	advertised string
	wg         sync.WaitGroup
	slots      chan struct{}

	mu       sync.Mutex
	closed   bool
	expected map[[16]byte]chan audioSocketConn
	pending  map[net.Conn]struct{}
}

type audioSocketConn struct {
	conn net.Conn
	in   *audiosocket.Reader
}

// ListenAudioSocket opens a port, such as "192.0.2.7:9092". advertised is the address and port that Asterisk connects
// to, if that is another one.
func ListenAudioSocket(address, advertised string) (*AudioSocketListener, error) {
	listener, err := net.Listen("tcp", address) //nolint:noctx // It doesn't wait.
	if err != nil {
		return nil, fmt.Errorf("media: AudioSocket: %w", err)
	}
	return NewAudioSocketListener(listener, advertised), nil
}

// NewAudioSocketListener takes connections from a listener of yours: it is closed with it.
func NewAudioSocketListener(listener net.Listener, advertised string) *AudioSocketListener {
	if advertised == "" {
		advertised = listener.Addr().String()
	}
	l := &AudioSocketListener{
		listener: listener, advertised: advertised, slots: make(chan struct{}, mostStrangers),
		expected: make(map[[16]byte]chan audioSocketConn), pending: make(map[net.Conn]struct{}),
	}
	l.wg.Go(l.accept)
	return l
}

// Addr is the address that it listens on.
func (l *AudioSocketListener) Addr() net.Addr { return l.listener.Addr() }

// Close closes the port. Streams that have connected go on.
func (l *AudioSocketListener) Close() error {
	err := l.listener.Close()
	l.mu.Lock()
	l.closed = true
	for conn := range l.pending {
		_ = conn.Close()
	}
	l.mu.Unlock()
	l.wg.Wait()
	return err
}

// expect makes a UUID, and returns where the connection comes that names it.
func (l *AudioSocketListener) expect() (chan audioSocketConn, [16]byte, error) {
	var id [16]byte
	rand.Read(id[:])          // It never fails.
	id[6] = id[6]&0x0f | 0x40 // Version 4, of random numbers.
	id[8] = id[8]&0x3f | 0x80
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, id, fmt.Errorf("media: AudioSocket: %w", net.ErrClosed)
	}
	ch := make(chan audioSocketConn, 1)
	l.expected[id] = ch
	return ch, id, nil
}

// forget takes an expectation back, and closes the connection if it has come meanwhile.
func (l *AudioSocketListener) forget(id [16]byte, ch chan audioSocketConn) {
	l.mu.Lock()
	delete(l.expected, id)
	l.mu.Unlock()
	select {
	case c := <-ch:
		_ = c.conn.Close()
	default:
	}
}

func (l *AudioSocketListener) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			l.mu.Lock()
			closed := l.closed
			l.mu.Unlock()
			if closed || !isTemporary(err) {
				return
			}
			time.Sleep(10 * time.Millisecond) // Too many open files, say.
			continue
		}
		select {
		case l.slots <- struct{}{}:
			l.wg.Go(func() {
				defer func() { <-l.slots }()
				l.introduce(conn)
			})
		default:
			_ = conn.Close()
		}
	}
}

func isTemporary(err error) bool {
	ne, ok := err.(interface{ Temporary() bool })
	return ok && ne.Temporary()
}

// introduce reads a connection's first packet, and hands it to who waits for it.
func (l *AudioSocketListener) introduce(conn net.Conn) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		_ = conn.Close()
		return
	}
	l.pending[conn] = struct{}{}
	l.mu.Unlock()
	_ = conn.SetReadDeadline(time.Now().Add(introductionTime))
	in := newAudioSocketReader(conn)
	kind, payload, err := in.Next()
	_ = conn.SetReadDeadline(time.Time{})

	l.mu.Lock()
	delete(l.pending, conn)
	var ch chan audioSocketConn
	if err == nil && kind == audiosocket.UUID {
		id := [16]byte(payload)
		ch = l.expected[id]
		delete(l.expected, id)
	}
	if ch != nil {
		ch <- audioSocketConn{conn, in}
	}
	l.mu.Unlock()
	if ch == nil {
		_ = conn.Close()
	}
}

func formatUUID(id [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
