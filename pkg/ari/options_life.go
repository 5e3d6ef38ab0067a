package ari

import "time"

// WithSource makes the client get its connections from a source of its own instead of dialling Asterisk's websocket. The
// base URL is still where commands go, unless [WithTransport] says otherwise.
func WithSource(src Source) SessionOption {
	return sessionOption(func(cfg *config) error {
		cfg.source = src
		return nil
	})
}

// WithSweep ends, when the client connects for the first time, what an earlier run of the program has made on Asterisk and
// left there, having been killed: its bridges, the channels that it originated or created, its external media and snoops.
// Their ids tell whose they are, by the name of the application and the run; ids of your own are never touched, nor is
// anything of another application. Callers from outside are not swept: see [WithAdoption].
func WithSweep() SessionOption {
	return sessionOption(func(cfg *config) error {
		cfg.sweep = true
		return nil
	})
}

// WithDrain makes [Client.Run] drain the client when its context has ended, for at most d, before it closes it: new calls
// go on in the dialplan, and those that are there may finish. See [Client.Drain]. Without it, Run closes at once.
func WithDrain(d time.Duration) Option {
	return clientOption(func(cfg *config) error {
		cfg.drainFor = d
		return nil
	})
}

// WithDrainTarget says where in the dialplan a draining client sends new calls: by default to the next priority.
func WithDrainTarget(target ContinueOptions) Option {
	return clientOption(func(cfg *config) error {
		cfg.drainTarget = target
		return nil
	})
}

// WithCloseTimeout sets how long Run waits at its end for handlers to return, and how long Close does if its context has
// no end. The default is 10 s.
func WithCloseTimeout(d time.Duration) Option {
	return clientOption(func(cfg *config) error {
		cfg.closeTimeout = d
		return nil
	})
}

// WithHandlerInterceptor adds a function that stands around each call of each handler. The first one is the outermost.
func WithHandlerInterceptor(intercept HandlerInterceptor) Option {
	return clientOption(func(cfg *config) error {
		cfg.handlerInterceptors = append(cfg.handlerInterceptors, intercept)
		return nil
	})
}

// closeIdle closes the connections that are not in use, if they are ours.
func (cfg *config) closeIdle() {
	if cfg.ownTransport {
		cfg.http.CloseIdleConnections()
	}
}
