package ari

import (
	"context"
	"net/http"
)

// A filterGate keeps requests apart that Asterisk doesn't survive side by side: one that sets an application's event
// filter frees what others that read the application are looking at (seen on 16.28 and 22.10). It can do so only for the
// requests of one controller.
type filterGate struct {
	passing chan struct{} // has a token for each request that passes
	alone   chan struct{} // has one while a request waits to be alone, or is
}

// maxPassing is how many requests pass a gate at once.
const maxPassing = 16

func newFilterGate() *filterGate {
	return &filterGate{passing: make(chan struct{}, maxPassing), alone: make(chan struct{}, 1)}
}

func (g *filterGate) link(next Doer) Doer {
	return DoerFunc(func(req *http.Request) (*http.Response, error) {
		enter := g.entrance(requestOf(req.Context()).op)
		if enter == nil {
			return next.Do(req)
		}
		return through(enter, next, req)
	})
}

func through(enter func(context.Context) (func(), error), next Doer, req *http.Request) (*http.Response, error) {
	leave, err := enter(req.Context())
	if err != nil {
		return nil, err
	}
	defer leave() // also when a transport panics
	return next.Do(req)
}

// entrance returns how an operation enters the gate; nil if it needn't.
func (g *filterGate) entrance(op *operation) func(context.Context) (leave func(), err error) {
	switch op {
	case opApplicationsFilter:
		return g.enterAlone
	case opApplicationsList, opApplicationsGet, opApplicationsSubscribe, opApplicationsUnsubscribe:
		return g.enter
	default:
		return nil
	}
}

func (g *filterGate) enter(ctx context.Context) (leave func(), err error) {
	return func() { <-g.passing }, take(ctx, g.passing)
}

func (g *filterGate) enterAlone(ctx context.Context) (leave func(), err error) {
	if err := take(ctx, g.alone); err != nil {
		return nil, err
	}
	taken := 0
	leave = func() {
		for range taken {
			<-g.passing
		}
		<-g.alone
	}
	for range maxPassing {
		if err := take(ctx, g.passing); err != nil {
			leave()
			return nil, err
		}
		taken++
	}
	return leave, nil
}
