package ari

import (
	"context"
	"time"
)

// An Invocation is one call of a handler, as a [HandlerInterceptor] sees it.
type Invocation struct {
	// Handler is the handler's event type, such as "*ari.StasisStart".
	Handler string

	// Event is the event that it handles.
	Event Event

	// Entity is whose lane the handler runs in; zero where the event has no entity.
	Entity Entity

	// Waited is how long the event has waited for the handler.
	Waited time.Duration
}

// A HandlerInterceptor stands around each call of each handler. It calls next, once, with ctx or one made of it, and
// returns next's error or another. Its own time counts as the handler's. See [WithHandlerInterceptor].
type HandlerInterceptor func(ctx context.Context, inv Invocation, next func(context.Context) error) error
