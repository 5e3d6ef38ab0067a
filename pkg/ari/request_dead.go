package ari

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// liveness is what the chain needs to know of the session whose Asterisk it commands.
type liveness interface {
	// dead returns nil, or why Asterisk has been found dead: no command is sent then, and those under way have been
	// ended by sever.
	dead() error

	// failed tells that a command got no answer. That puts the session's connection in doubt, too.
	failed(err error)

	// revived returns when commands are worth sending again after one got no answer, or with an error when none will be.
	revived(ctx context.Context) error

	// background runs what goes on after a request has returned, with a context that ends with the client. Closing the
	// client waits for it.
	background(f func(ctx context.Context))
}

// aloneTime bounds what goes on after a request of a controller without a session has returned.
const aloneTime = time.Minute

// alone is a controller's without a session. Nobody tells it that Asterisk is dead.
type alone struct{}

func (alone) dead() error                       { return nil }
func (alone) failed(error)                      {}
func (alone) revived(ctx context.Context) error { return ctx.Err() }

func (alone) background(f func(ctx context.Context)) {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), aloneTime)
		defer cancel()
		f(ctx)
	}()
}

// sever ends all requests under way, of an Asterisk that has been found dead. Those to come end by themselves for as long
// as the session's dead says so; so tell it there before.
func (c *chain) sever(reason error) {
	if c.conns != nil {
		c.conns.closeAll()
	}
	c.roads.sever(reason)
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
		if err := c.life.dead(); err != nil { // The end before this generation's may have been for this request.
			cancel(err)
			return nil, err
		}
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
