package ari

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
)

// Client receives the events of a Stasis application over a websocket and hands
// them to handlers and subscriptions. Its [Controller] sends commands.
//
// All methods may be called by several goroutines at once.
type Client struct {
	cfg      *config
	log      *slog.Logger
	ctrl     *Controller
	link     *link
	registry *eventRegistry

	handlers handlerTable
	index    index
	counters counters
	waiting  atomic.Int64 // events in all queues
	workers  workers
	reports  reporter

	ctx    context.Context // ends with the client; parent of all handlers' contexts
	cancel context.CancelCauseFunc

	starting chan struct{} // holds a token while one Connect is at work
	done     chan struct{}

	mu      sync.Mutex
	started bool
	err     error // why the client ended
}

// NewClient makes a client of the Asterisk whose ARI is at baseURL, such as
// "http://127.0.0.1:8088/ari", for a Stasis application. It does not connect yet:
// register handlers, then call [Client.Run].
//
// User and password may be part of the URL; they are not sent or shown as such.
func NewClient(baseURL, application string, opts ...Option) (*Client, error) {
	opts = append([]Option{WithApplications(application)}, opts...)
	cfg, err := newConfig(baseURL, opts)
	if err != nil {
		return nil, err
	}
	if err := cfg.checkApplications(); err != nil {
		return nil, err
	}
	return newClient(cfg, newController(cfg), newWebsocketSource(cfg)), nil
}

// NewClientFromEnv makes a client from the environment: ARI_URL (the base URL),
// ARI_APPLICATION, ARI_USERNAME and ARI_PASSWORD. Options come after these and
// can replace user and password.
func NewClientFromEnv(opts ...Option) (*Client, error) {
	for _, name := range []string{"ARI_URL", "ARI_APPLICATION"} {
		if os.Getenv(name) == "" {
			return nil, fmt.Errorf("ari: the environment variable %s is not set", name)
		}
	}
	if user := os.Getenv("ARI_USERNAME"); user != "" {
		opts = append([]Option{WithBasicAuth(user, os.Getenv("ARI_PASSWORD"))}, opts...)
	}
	return NewClient(os.Getenv("ARI_URL"), os.Getenv("ARI_APPLICATION"), opts...)
}

func newClient(cfg *config, ctrl *Controller, src eventSource) *Client {
	r := registry()
	c := &Client{
		cfg:      cfg,
		log:      cfg.log,
		ctrl:     ctrl,
		registry: r,
		index:    newIndex(),
		starting: make(chan struct{}, 1),
		done:     make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.handlers.lists = make([]atomic.Pointer[[]*handler], len(r.kinds))
	c.reports.c = c
	c.link = &link{
		c:      c,
		id:     1,
		ctrl:   ctrl,
		src:    src,
		api:    ctrl,
		ended:  make(chan struct{}),
		ready:  make(chan struct{}),
		calls:  make(map[string][]*call),
		ghosts: make(map[ghost]struct{}),

		departed: make(map[ghost]struct{}),

		echoName: newEchoName(),
		awaited:  make(map[string]chan struct{}),
	}
	c.link.memory.all = cfg.subscribeAll
	ctrl.link = c.link
	ctrl.attach(linkLife{c.link})
	if len(cfg.subscriptions) > 0 {
		ctrl.rememberSubscribed(ctrl.application, cfg.subscriptions...)
	}
	return c
}

// ARI returns the controller that commands this client's Asterisk.
func (c *Client) ARI() *Controller { return c.ctrl }

// Connect connects, and returns when events flow, those of [WithSubscriptions]
// included. From then on the client keeps the connection until [Client.Close]; ctx
// bounds only the attempt. The first attempt's failure is returned at once: a
// refusal as an [*Error], which may be [ErrUnauthorized] or [ErrForbidden]. Connect
// may then be called again. When ctx ends while the client is already subscribing,
// it goes on with that: call Connect again, or Close.
//
// When the client has connected before, Connect does nothing. After its end it
// returns what Err does.
func (c *Client) Connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(c.ctx, func() { cancel(c.Err()) }) //nolint:contextcheck // Close must interrupt an attempt, too.
	defer stop()

	select {
	case c.starting <- struct{}{}:
		defer func() { <-c.starting }()
	case <-ctx.Done():
		return c.attemptError(ctxError(ctx))
	}
	c.mu.Lock()
	started, err := c.started, c.err
	c.mu.Unlock()
	if err != nil {
		return err
	}
	if !started {
		if err := c.start(ctx); err != nil {
			return err
		}
	}
	select {
	case <-c.link.ready:
		return nil
	case <-ctx.Done():
		if trouble := c.link.trouble.Load(); trouble != nil {
			return c.attemptError(fmt.Errorf("%w: %w", ctxError(ctx), *trouble))
		}
		return c.attemptError(ctxError(ctx))
	}
}

// start makes the first connection.
func (c *Client) start(ctx context.Context) error {
	conn, err := c.link.dial(ctx)
	if err != nil {
		return c.attemptError(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		conn.abort()
		return c.err
	}
	c.started = true
	c.link.begun.Store(true)
	go c.link.run(conn)
	return nil
}

// WaitConnected returns when the client is connected and in step with Asterisk: at once if it is, else with the next
// [Connected]. It fails with ctx's error when ctx ends, and with what Err says when the client ends.
func (c *Client) WaitConnected(ctx context.Context) error {
	sub := Subscribe[*Connected](c, c)
	defer sub.Close()
	if c.link.inStep.Load() {
		return nil
	}
	_, err := sub.Next(ctx)
	return err
}

// attemptError prefers the client's end to what that did to an attempt.
func (c *Client) attemptError(err error) error {
	if ended := c.Err(); ended != nil {
		return ended
	}
	return err
}

// Run connects, unless Connect has done so, and hands out events until ctx ends or
// the client is closed. Then it closes the client, waits for handlers as long as
// [WithDrainTimeout] says, and returns nil.
//
// It returns an error when the first attempt to connect fails, and then the client
// is as it was before; when the client has been closed before Run was called
// ([ErrClosed]); and when the application was taken over ([ErrReplaced]). A lost
// connection is no error: Run tries to get it back.
func (c *Client) Run(ctx context.Context) error {
	if err := c.Err(); err != nil {
		return err
	}
	if err := c.Connect(ctx); err != nil && ctx.Err() == nil && c.Err() == nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-c.done:
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.drain)
	defer cancel()
	if err := c.Close(drain); err != nil {
		c.log.WarnContext(drain, "closed with handlers still running", "error", err)
	}
	if err := c.Err(); !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}

// Close ends the client. It disconnects, ends the contexts of all handlers, ends
// all subscriptions and waits, and then waits for the handlers to return. What was
// already read is still handed to them. When ctx ends before that, the rest is
// dropped, and Close returns an error that says how many handlers still run. If
// ctx has no end of its own, [WithDrainTimeout] bounds the waiting.
//
// A handler may call Close. Called with the handler's context, Close does not wait
// for that handler; the context's end, which Close brings about, doesn't bound it.
//
// Close may be called more than once, and on a client that never connected.
func (c *Client) Close(ctx context.Context) error {
	self := c.workerOf(ctx)
	if deadline, ok := ctx.Deadline(); self != nil && ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(context.WithoutCancel(ctx), deadline)
		defer cancel()
	} else if self != nil || ctx.Done() == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), c.cfg.drain)
		defer cancel()
	}
	c.end(ErrClosed)

	c.mu.Lock()
	started := c.started
	c.mu.Unlock()
	if started {
		<-c.link.ended // within closeTimeout
	}
	left := c.workers.wait(ctx, self)
	for h := range c.handlers.all() {
		h.stop()
	}
	if c.cfg.ownTransport {
		c.cfg.http.CloseIdleConnections()
	}
	if left > 0 {
		return fmt.Errorf("ari: close: %d handlers still running: %w", left, ctx.Err())
	}
	return nil
}

// end makes the client end, for this reason unless it has one already. It doesn't
// wait for anything.
func (c *Client) end(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = reason
	c.cancel(reason)
	c.index.close(reason)
	close(c.done)
}

// Done returns a channel that is closed when the client has ended: by Close or Run,
// or because its application was taken over. Handlers may still be running.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns nil before Done is closed, then why the client ended: [ErrClosed], or
// an error that is [ErrReplaced] and names the application.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// background runs f on a goroutine of the client's, for which Close waits.
func (l *link) background(f func(context.Context)) {
	l.c.workers.start()
	go func() {
		defer l.c.workers.done()
		f(l.c.ctx)
	}()
}

// linkLife is what the chain of requests knows of the connection.
type linkLife struct{ l *link }

func (linkLife) dead() error           { return nil }
func (linkLife) failed(error)          {}
func (s linkLife) background(f func()) { s.l.background(func(context.Context) { f() }) }

// replaced ends the client because another one has taken an application over.
func (l *link) replaced(app string) {
	l.c.reports.log(slog.LevelError, "application taken over by another client", "application", app)
	l.c.end(fmt.Errorf("%w: %s", ErrReplaced, app))
}
