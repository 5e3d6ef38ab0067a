package ari

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
)

// liveness is what the chain needs to know of the session whose Asterisk it commands.
type liveness interface {
	// dead returns nil, or why Asterisk has been found dead: no command is sent then, and those under way have been
	// ended by sever.
	dead() error

	// failed tells that a command got no answer. That puts the session's connection in doubt, too.
	failed(err error)

	// background runs what goes on after a request has returned. Closing the session waits for it.
	background(f func())
}

// alone is a controller's without a session. Nobody tells it that Asterisk is dead.
type alone struct{}

func (alone) dead() error         { return nil }
func (alone) failed(error)        {}
func (alone) background(f func()) { go f() }

// sever ends all requests under way, of an Asterisk that has been found dead. Those to come end by themselves for as long
// as the session's dead says so; so tell it there before.
func (c *chain) sever(reason error) {
	if c.conns != nil {
		c.conns.closeAll()
	}
	c.severed.end(reason)
}

// severed is the end of all requests that are under way on a transport that isn't ours, whose connections can't be
// closed.
type severed struct{ current atomic.Pointer[generation] }

// A generation is the requests between two ends.
type generation struct {
	ctx context.Context //nolint:containedctx // It is an end that many wait for.
	end context.CancelCauseFunc
}

func (s *severed) renew() *generation {
	ctx, end := context.WithCancelCause(context.Background())
	return s.current.Swap(&generation{ctx, end})
}

func (s *severed) end(reason error) { s.renew().end(reason) }

// severable makes a request end with its generation.
func (c *chain) severable(next Doer) Doer {
	return DoerFunc(func(req *http.Request) (*http.Response, error) {
		if c.life == (alone{}) {
			return next.Do(req)
		}
		ctx, cancel := context.WithCancelCause(req.Context())
		gen := c.severed.current.Load().ctx
		stop := context.AfterFunc(gen, func() { cancel(context.Cause(gen)) })
		release := func() {
			stop()
			cancel(nil)
		}
		resp, err := next.Do(req.WithContext(ctx))
		if err != nil {
			release()
			return nil, err
		}
		resp.Body = &releasingBody{resp.Body, release}
		return resp, nil
	})
}

// A releasingBody lets go of what an answer needs once it has been read.
type releasingBody struct {
	io.ReadCloser
	release func()
}

func (b *releasingBody) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}
