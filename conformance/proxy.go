package conformance

import (
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/require"
)

// proxy passes connections on to a server, until it is cut.
type proxy struct {
	listener net.Listener
	target   string

	mu     sync.Mutex
	cut    bool
	conns  map[net.Conn]struct{}
	stalls []*atomic.Bool // of the connections that there have been: nothing is passed on any more
	wg     sync.WaitGroup
}

// proxied returns a proxy to the scenario's server, and the base URL by which it is reached.
func (s *S) proxied() (*proxy, string) {
	s.Helper()
	u, err := url.Parse(s.Server().URL)
	s.ok(err)
	listener, err := (&net.ListenConfig{}).Listen(s.Ctx, "tcp", "127.0.0.1:0")
	s.ok(err)
	p := &proxy{listener: listener, target: u.Host, conns: make(map[net.Conn]struct{})}
	p.wg.Go(p.accept)
	s.Cleanup(func() {
		require.NoError(s, listener.Close())
		p.sever(true)
		p.wg.Wait()
	})
	u.Host = listener.Addr().String()
	return p, u.String()
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		p.wg.Go(func() { p.serve(conn) })
	}
}

func (p *proxy) serve(conn net.Conn) {
	target, err := net.Dial("tcp", p.target) //nolint:noctx // It ends with the proxy.
	if err != nil {
		_ = conn.Close()
		return
	}
	if !p.add(conn, target) {
		_, _ = conn.Close(), target.Close()
		return
	}
	defer p.remove(conn, target)
	stalled := p.stallable()
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{conn, target}, {target, conn}} {
		go func() {
			_, _ = io.Copy(valve{pair[0], stalled}, pair[1])
			done <- struct{}{}
		}()
	}
	<-done
	_, _ = conn.Close(), target.Close()
	<-done
}

func (p *proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return false
	}
	for _, c := range conns {
		p.conns[c] = struct{}{}
	}
	return true
}

func (p *proxy) remove(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
	}
}

// A valve passes on what is written to it until it is closed, and swallows it from then on.
type valve struct {
	to     io.Writer
	closed *atomic.Bool
}

func (v valve) Write(b []byte) (int, error) {
	if v.closed.Load() {
		return len(b), nil
	}
	return v.to.Write(b)
}

func (p *proxy) stallable() *atomic.Bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	stalled := new(atomic.Bool)
	p.stalls = append(p.stalls, stalled)
	return stalled
}

// stall makes the connections that are there half open: both sides hold them for alive, and nothing comes through. Those
// that come later are as they should be.
func (p *proxy) stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, stalled := range p.stalls {
		stalled.Store(true)
	}
	p.stalls = nil
}

// sever cuts all connections, and those that come, or lets them pass again.
func (p *proxy) sever(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	if cut {
		for c := range p.conns {
			_ = c.Close()
		}
	}
}
