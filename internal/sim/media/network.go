package media

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// A PacketConn sends and receives datagrams, as *net.UDPConn does.
type PacketConn interface {
	net.PacketConn
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
}

// A Network is where Asterisk and the programs that it exchanges media with find each other: this machine's own, or one in memory.
type Network interface {
	// Dial connects to a program.
	Dial(ctx context.Context, address string) (net.Conn, error)

	// Listen and ListenPacket open a port; a port of 0 is any that is free.
	Listen(ctx context.Context, address string) (net.Listener, error)
	ListenPacket(ctx context.Context, address string) (net.PacketConn, error)
}

// Machine is this machine's network.
type Machine struct{}

// Dial connects to a program by TCP.
func (Machine) Dial(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

// Listen opens a port for TCP.
func (Machine) Listen(ctx context.Context, address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

// ListenPacket opens a port for UDP.
func (Machine) ListenPacket(_ context.Context, address string) (net.PacketConn, error) {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	return net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
}

// Memory is a network of one machine that exists in memory only, so that time may be virtual.
type Memory struct {
	mu   sync.Mutex
	next uint16 // the last port that was given out
	tcp  map[uint16]*memoryListener
	udp  map[uint16]*memoryPort
}

// Host is where programs are: on this machine.
func (*Memory) Host(context.Context, string) (string, error) { return loopback.String(), nil }

// NewMemory makes a network in memory.
func NewMemory() *Memory {
	return &Memory{next: 40000, tcp: map[uint16]*memoryListener{}, udp: map[uint16]*memoryPort{}}
}

var (
	errRefused = &net.OpError{Op: "dial", Net: "memory", Err: errors.New("connection refused")}
	errInUse   = errors.New("address already in use")
)

// portOf is the port of an address; the host doesn't matter where there is one only.
func portOf(address string) (uint16, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return uint16(n), err
}

// port finds a port that isn't taken; it needs the lock.
func (m *Memory) port(address string, taken func(uint16) bool) (uint16, error) {
	port, err := portOf(address)
	if err != nil {
		return 0, err
	}
	if port != 0 {
		if taken(port) {
			return 0, &net.OpError{Op: "listen", Net: "memory", Err: errInUse}
		}
		return port, nil
	}
	for {
		m.next++
		if m.next < 1024 {
			m.next = 1024
		}
		if !taken(m.next) {
			return m.next, nil
		}
	}
}

// Dial connects to a listener.
func (m *Memory) Dial(ctx context.Context, address string) (net.Conn, error) {
	port, err := portOf(address)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	l := m.tcp[port]
	m.mu.Unlock()
	if l == nil {
		return nil, errRefused
	}
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, errRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Listen opens a port.
func (m *Memory) Listen(_ context.Context, address string) (net.Listener, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	port, err := m.port(address, func(p uint16) bool { return m.tcp[p] != nil })
	if err != nil {
		return nil, err
	}
	l := &memoryListener{m: m, port: port, conns: make(chan net.Conn, 64), closed: make(chan struct{})}
	m.tcp[port] = l
	return l, nil
}

type memoryListener struct {
	m      *Memory
	port   uint16
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() {
		l.m.mu.Lock()
		delete(l.m.tcp, l.port)
		l.m.mu.Unlock()
		close(l.closed)
	})
	return nil
}

func (l *memoryListener) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(loopback, l.port))
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// ListenPacket opens a port for datagrams.
func (m *Memory) ListenPacket(_ context.Context, address string) (net.PacketConn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	port, err := m.port(address, func(p uint16) bool { return m.udp[p] != nil })
	if err != nil {
		return nil, err
	}
	p := &memoryPort{m: m, port: port, in: make(chan datagram, 512), closed: make(chan struct{})}
	m.udp[port] = p
	return p, nil
}

// A memoryPort receives datagrams. Like a socket's, its buffer is bounded, and what doesn't go in is lost.
type memoryPort struct {
	m      *Memory
	port   uint16
	in     chan datagram
	closed chan struct{}
	once   sync.Once
}

type datagram struct {
	from netip.AddrPort
	data []byte
}

func (p *memoryPort) addr() netip.AddrPort { return netip.AddrPortFrom(loopback, p.port) }

func (p *memoryPort) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case d := <-p.in:
		return copy(b, d.data), d.from, nil
	case <-p.closed:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

func (p *memoryPort) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	select {
	case <-p.closed:
		return 0, net.ErrClosed
	default:
	}
	p.m.mu.Lock()
	peer := p.m.udp[to.Port()]
	p.m.mu.Unlock()
	if peer == nil {
		return len(b), nil
	}
	select {
	case peer.in <- datagram{p.addr(), append([]byte(nil), b...)}:
	default:
	}
	return len(b), nil
}

func (p *memoryPort) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.ReadFromUDPAddrPort(b)
	return n, net.UDPAddrFromAddrPort(from), err
}

func (p *memoryPort) WriteTo(b []byte, to net.Addr) (int, error) {
	addr, err := netip.ParseAddrPort(to.String())
	if err != nil {
		return 0, err
	}
	return p.WriteToUDPAddrPort(b, addr)
}

// There are no deadlines: nobody here sets one.
func (*memoryPort) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (*memoryPort) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (*memoryPort) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

func (p *memoryPort) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(p.addr()) }

func (p *memoryPort) Close() error {
	p.once.Do(func() {
		p.m.mu.Lock()
		delete(p.m.udp, p.port)
		p.m.mu.Unlock()
		close(p.closed)
	})
	return nil
}
