package ari

import "context"

// A gate keeps requests apart that Asterisk doesn't survive side by side: one that sets an application's event filter
// frees what others that read the application are looking at (seen on 16.28 and 22.10). It can do so only for the
// requests of one controller.
type gate struct {
	passing chan struct{} // has a token for each request that passes
	alone   chan struct{} // has one while a request waits to be alone, or is
}

// maxPassing is how many requests pass a gate at once.
const maxPassing = 16

func newGate() *gate {
	return &gate{passing: make(chan struct{}, maxPassing), alone: make(chan struct{}, 1)}
}

// enter lets a request of an operation pass, when it may. leave must be called when it has been answered.
func (g *gate) enter(ctx context.Context, op *operation) (leave func(), err error) {
	switch op {
	case opApplicationsFilter:
		return g.enterAlone(ctx)
	case opApplicationsList, opApplicationsGet, opApplicationsSubscribe, opApplicationsUnsubscribe:
		return func() { <-g.passing }, take(ctx, g.passing)
	default:
		return func() {}, nil
	}
}

func (g *gate) enterAlone(ctx context.Context) (leave func(), err error) {
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

// take puts a token into a channel when there is room.
func take(ctx context.Context, tokens chan struct{}) error {
	select {
	case tokens <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctxError(ctx)
	}
}
