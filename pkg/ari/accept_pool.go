package ari

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// commandSocketPatience is how long a command waits for a websocket that Asterisk has not opened: it opens several one
// after the other.
const commandSocketPatience = 2 * time.Second

// An acceptedPool has the websockets that Asterisk has opened for commands. All sessions with that Asterisk share it.
type acceptedPool struct {
	app string // the application of which Asterisk should open some

	mu      sync.Mutex
	sockets []*commandSocket
	changed chan struct{} // closed when there is another one
}

func newAcceptedPool(app string) *acceptedPool {
	return &acceptedPool{app: app, changed: make(chan struct{})}
}

func (p *acceptedPool) add(sock *commandSocket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sockets = append(p.sockets, sock)
	close(p.changed)
	p.changed = make(chan struct{})
}

// take implements commandPool. It returns the websocket that has least to do.
func (p *acceptedPool) take(ctx context.Context) (*commandSocket, func(), error) {
	t := time.NewTimer(commandSocketPatience)
	defer t.Stop()
	for {
		sock, changed := p.best()
		if sock != nil {
			return sock, func() {}, nil
		}
		select {
		case <-changed:
		case <-t.C:
			return nil, nil, fmt.Errorf("%w: Asterisk opens none for the application %q", ErrNoCommandSocket, p.app)
		case <-ctx.Done():
			return nil, nil, ctxError(ctx)
		}
	}
}

func (p *acceptedPool) best() (*commandSocket, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var best *commandSocket
	least := 0
	alive := p.sockets[:0]
	for _, sock := range p.sockets {
		load, ok := sock.load()
		if !ok {
			continue
		}
		alive = append(alive, sock)
		if best == nil || load < least {
			best, least = sock, load
		}
	}
	clear(p.sockets[len(alive):])
	p.sockets = alive
	return best, p.changed
}

// end implements commandPool. The requests of a session that has found Asterisk dead end by themselves; the others' are
// none of its business.
func (*acceptedPool) end(error) {}

// close implements commandPool, for one session: others may need the websockets.
func (*acceptedPool) close(context.Context, error) {}
