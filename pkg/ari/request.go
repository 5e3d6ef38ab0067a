package ari

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
)

// A Doer sends one request and returns its answer. [*http.Client] is one. What is done to every request is a chain of
// Doers, each of which calls the next one; see [WithInterceptor] and [WithTransport].
type Doer interface {
	Do(req *http.Request) (*http.Response, error)
}

// DoerFunc is a function that is a [Doer].
type DoerFunc func(req *http.Request) (*http.Response, error)

// Do calls f.
func (f DoerFunc) Do(req *http.Request) (*http.Response, error) { return f(req) }

// A chainLink makes a Doer that does its part before and after the next one.
type chainLink = func(next Doer) Doer

// A chain stands between the generated client and the transport. All that a request owes to Asterisk's ways is in its
// links, once, for every transport. Here is what they share.
type chain struct {
	first    Doer
	server   server
	life     liveness
	conns    *conns // those of our own transport
	severed  severed
	mine     func(id string) bool // tells ids that nobody else uses; nil if none is known
	roads    *roads
	basePath string // the path of the base URL without a slash at its end, such as /ari
	log      *slog.Logger
}

func newChain(cfg *requestConfig) *chain {
	c := &chain{life: alone{}, conns: cfg.conns, basePath: cfg.base.EscapedPath(), log: cfg.log}
	c.severed.renew()
	if c.conns != nil {
		c.conns.dead = func() error { return c.life.dead() }
	}
	c.roads = newRoads(cfg, c)
	c.first = linked(c.links(cfg), c.roads.transport())
	return c
}

// links is all that is done to a request, in the order in which it comes to it: what is above playAgain once for a
// command, what is below sendAgain for each attempt.
func (c *chain) links(cfg *requestConfig) []chainLink {
	links := []chainLink{findOperation(c.basePath)}
	links = append(links, cfg.interceptors...)
	links = append(links,
		before(
			refuseInvalid(c.basePath),
			refuseMistakable(&c.server),
			fitLine,
			escapePlus,
			authorize(cfg.authorization()),
		),
		cfg.sharedGate().link,
		cfg.sharedLimits().link,
		finishLeaving(c.basePath),
		c.explain,
		c.undoAbandoned,
		playAgain,
		c.sendAgain,
	)
	if !cfg.ownTransport || len(cfg.transports) > 0 {
		links = append(links, c.severable)
	}
	for _, transport := range slices.Backward(cfg.transports) {
		links = append(links, transport) // The last one gets what the others have made.
	}
	return links
}

// before makes one link of steps that only look at a request, or change it, before it goes on. (A link each would be as
// good, but deepens the stack, which a goroutine that sends its first request must grow.)
func before(steps ...func(req *http.Request) error) chainLink {
	return func(next Doer) Doer {
		return DoerFunc(func(req *http.Request) (*http.Response, error) {
			for _, step := range steps {
				if err := step(req); err != nil {
					return nil, err
				}
			}
			return next.Do(req)
		})
	}
}

// linked puts links before a transport; the first one gets a request first.
func linked(links []chainLink, transport Doer) Doer {
	for _, link := range slices.Backward(links) {
		transport = link(transport)
	}
	return transport
}

// Do implements gen.HttpRequestDoer.
func (c *chain) Do(req *http.Request) (*http.Response, error) { return c.first.Do(req) }

// A request is the context of one request. It carries the operation through the chain.
type request struct {
	context.Context //nolint:containedctx // It is a context.
	op              *operation
	begun           bool         // It is in the chain.
	attempts        atomic.Int32 // how often it has been sent so far
	undo            func()       // takes back what it has made
}

type requestKey struct{}

func (r *request) Value(key any) any {
	if key == (requestKey{}) {
		return r
	}
	return r.Context.Value(key)
}

func (r *request) itself() *request { return r }

// requestIn returns the request that ctx is, by itself or as the greater part of it; nil if it is none.
func requestIn(ctx context.Context) *request {
	if r, ok := ctx.(interface{ itself() *request }); ok {
		return r.itself()
	}
	return nil
}

// requestOf returns the request that ctx belongs to.
func requestOf(ctx context.Context) *request {
	if r := requestIn(ctx); r != nil {
		return r
	}
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}
