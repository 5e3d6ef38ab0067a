package ari

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

const (
	// maxDialled is how many websockets are opened for commands that may wait. Each has one of these under way.
	maxDialled = 16

	// idlePing is after how long without a command a websocket is tested before it gets one: a network may have forgotten it.
	idlePing     = 5 * time.Second
	idlePingTime = 2 * time.Second
)

// A dialledPool opens websockets for commands that may wait, when they are needed. Each has an application of its own, which
// no channel ever enters.
type dialledPool struct {
	source *websocketSource
	slots  chan struct{} // has a token for each command under way

	mu   sync.Mutex
	idle []*dialledSocket            // that nobody uses, the last used last
	open map[*dialledSocket]struct{} // all
	over error                       // why none is opened any more
}

// A dialledSocket is one of them.
type dialledSocket struct {
	*commandSocket
	conn Connection
	used time.Time
	gone chan struct{} // closed when nothing is read from it any more
}

func newDialledPool(source *websocketSource) *dialledPool {
	return &dialledPool{source: source, slots: make(chan struct{}, maxDialled), open: make(map[*dialledSocket]struct{})}
}

// take implements commandPool.
func (p *dialledPool) take(ctx context.Context) (*commandSocket, func(), error) {
	if err := take(ctx, p.slots); err != nil {
		return nil, nil, err
	}
	sock, err := p.ready(ctx)
	if err != nil {
		<-p.slots
		return nil, nil, err
	}
	return sock.commandSocket, func() {
		p.giveBack(sock)
		<-p.slots
	}, nil
}

// ready returns a websocket that works: one that is there, or another.
func (p *dialledPool) ready(ctx context.Context) (*dialledSocket, error) {
	for {
		sock, err := p.pop()
		if err != nil {
			return nil, err
		}
		if sock == nil {
			return p.dial(ctx)
		}
		if sock.alive() && (time.Since(sock.used) < idlePing || pings(ctx, sock.conn)) {
			return sock, nil
		}
		if ctx.Err() != nil {
			p.giveBack(sock)
			return nil, ctxError(ctx)
		}
		sock.conn.Abort()
	}
}

func pings(ctx context.Context, conn Connection) bool {
	ctx, cancel := context.WithTimeout(ctx, idlePingTime)
	defer cancel()
	return conn.Ping(ctx) == nil
}

func (p *dialledPool) pop() (*dialledSocket, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over != nil {
		return nil, errors.Join(errNoSocket, p.over)
	}
	n := len(p.idle)
	if n == 0 {
		return nil, nil
	}
	sock := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return sock, nil
}

// giveBack takes a websocket whose command is over. One whose command was given up is still busy with it, and of no use
// to the next one.
func (p *dialledPool) giveBack(sock *dialledSocket) {
	if !sock.quiet() {
		sock.conn.Abort()
		return
	}
	sock.used = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over == nil {
		p.idle = append(p.idle, sock)
	}
}

// dial opens a websocket.
func (p *dialledPool) dial(ctx context.Context) (*dialledSocket, error) {
	conn, err := p.source.dial(ctx, "ari-commands-"+rand.Text())
	if err != nil {
		return nil, err
	}
	sock := &dialledSocket{commandSocket: newCommandSocket(conn), conn: conn, gone: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over != nil {
		conn.Abort()
		return nil, errors.Join(errNoSocket, p.over)
	}
	p.open[sock] = struct{}{}
	go p.read(sock)
	return sock, nil
}

// read takes answers until the websocket ends.
func (p *dialledPool) read(sock *dialledSocket) {
	defer close(sock.gone)
	err := readAnswers(sock.conn, sock.commandSocket)
	sock.end(err)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, sock)
}

// readAnswers reads a connection that only answers come by.
func readAnswers(conn Connection, sock *commandSocket) error {
	for {
		frame, err := conn.Read()
		if err != nil {
			conn.Abort()
			return err
		}
		if isAnswerFrame(frame.Data) {
			sock.answer(frame.Data)
		}
		newReceipt(frame.Handled).release()
	}
}

// end implements commandPool.
func (p *dialledPool) end(reason error) {
	for _, sock := range p.all() {
		sock.end(reason)
		sock.conn.Abort()
	}
}

func (p *dialledPool) all() []*dialledSocket {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*dialledSocket
	for sock := range p.open {
		all = append(all, sock)
	}
	return all
}

// close ends the pool, and takes leave of Asterisk.
func (p *dialledPool) close(ctx context.Context, reason error) {
	p.mu.Lock()
	p.over, p.idle = reason, nil
	p.mu.Unlock()
	var wg sync.WaitGroup
	for _, sock := range p.all() {
		wg.Go(func() {
			takeLeave(ctx, sock.conn)
			<-sock.gone
		})
	}
	wg.Wait()
}
