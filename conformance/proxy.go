package conformance

import (
	"errors"
	"io"
	"net"
	"net/url"
	"sync"

	"github.com/stretchr/testify/require"
)

// proxy passes connections on to a server, until it is cut.
type proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
	wg    sync.WaitGroup
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
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{conn, target}, {target, conn}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
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
