package ari

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Client receives the events of a Stasis application over a websocket and hands them to handlers and subscriptions. Its
// [Controller] sends commands. It can hold the applications of several Asterisks: see [Client.Add].
//
// All methods may be called by several goroutines at once.
type Client struct {
	cfg      *config
	hub      *hub
	handlers handlerTable
	born     time.Time

	starting chan struct{} // holds a token while one Connect is at work
	done     chan struct{}
	draining atomic.Bool

	mu       sync.Mutex
	sessions []*session // the first one is that of NewClient, unless it has ended
	lastID   sessionID
	started  bool  // Connect has been successful
	err      error // why the client ended

	ctrl *Controller // of the first session
}

// NewClient makes a client of the Asterisk whose ARI is at baseURL, such as "http://127.0.0.1:8088/ari", for a Stasis
// application. It does not connect yet: register handlers, then call [Client.Run].
//
// User and password may be part of the URL; they are not sent or shown as such.
func NewClient(baseURL, application string, opts ...Option) (*Client, error) {
	cfg, err := newConfig(baseURL, append([]Option{WithApplications(application)}, opts...))
	if err != nil {
		return nil, err
	}
	if err := cfg.checkApplications(); err != nil {
		return nil, err
	}
	return newClient(cfg), nil
}

// NewClientFromEnv makes a client from the environment: ARI_URL (the base URL), ARI_APPLICATION, ARI_USERNAME and
// ARI_PASSWORD. Options come after these and can replace user and password.
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

func newClient(cfg *config) *Client {
	c := newBareClient(cfg)
	c.ctrl = c.add(cfg).ctrl
	return c.observed()
}

// newBareClient makes a client without any session.
func newBareClient(cfg *config) *Client {
	c := &Client{
		cfg:      cfg,
		hub:      newHub(cfg),
		born:     time.Now(),
		starting: make(chan struct{}, 1),
		done:     make(chan struct{}),
	}
	c.handlers.lists = make([]atomic.Pointer[[]*handler], len(c.hub.registry.kinds))
	return c
}

// add makes a session and holds it.
func (c *Client) add(cfg *config) *session {
	src := cfg.source
	if src == nil {
		src = newWebsocketSource(cfg)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hold(cfg, c, src)
}

// hold makes a session and holds it. Call it with mu held.
func (c *Client) hold(cfg *config, up upper, src Source) *session {
	c.lastID++
	s := newSession(c.lastID, c.hub, up, cfg, src)
	c.sessions = append(c.sessions, s)
	return s
}

// addAccepted holds a session whose connections come by themselves, unless the client has ended.
func (c *Client) addAccepted(cfg *config, up upper, src Source, prepare func(*session)) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	s := c.hold(cfg, up, src)
	prepare(s)
	return s, nil
}

// dialled returns the sessions whose connections are made here.
func (c *Client) dialled() []*session {
	return slices.DeleteFunc(c.all(), func(s *session) bool { return s.accepts() })
}

// Add adds another Asterisk to the client, or another application of the same one: the same handlers get its events, each
// event and object knows where it comes from ([EventHeader.Controller], [Channel.Controller]), and equal ids of two
// Asterisks don't meet. The returned controller commands it.
//
// Before Connect or Run, Add is enough: they connect with all. On a client that is connected, call [Client.Connect] again.
func (c *Client) Add(baseURL, application string, opts ...SessionOption) (*Controller, error) {
	all := []Option{WithApplications(application)}
	for _, opt := range opts {
		all = append(all, opt)
	}
	cfg, err := newConfig(baseURL, all)
	if err != nil {
		return nil, err
	}
	if err := cfg.checkApplications(); err != nil {
		return nil, err
	}
	cfg.log, cfg.errorHandler = c.cfg.log, c.cfg.errorHandler
	if err := c.Err(); err != nil {
		return nil, err
	}
	return c.add(cfg).ctrl, nil
}

// Remove takes an Asterisk away from the client, by the controller that Add has returned, or [Client.ARI]. It disconnects,
// and ends what waits for its events: calls with [ErrClosed]. The calls themselves stay in Asterisk.
func (c *Client) Remove(ctrl *Controller) error {
	for _, s := range c.all() {
		if s.ctrl == ctrl {
			s.remove()
			return nil
		}
	}
	return annotate("remove", fmt.Errorf("%w: the controller is none of this client's", ErrInvalid))
}

// all returns the sessions.
func (c *Client) all() []*session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sessions)
}

// ARI returns the controller that commands this client's Asterisk; with several, the first one's. In a handler,
// [Channel.Controller] and [EventHeader.Controller] are the right ones however many there are.
func (c *Client) ARI() *Controller { return c.ctrl }

// Controllers returns those of all the client's Asterisks, in the order in which they were added.
func (c *Client) Controllers() []*Controller {
	var list []*Controller
	for _, s := range c.all() {
		list = append(list, s.ctrl)
	}
	return list
}

// scope implements Scope: everything.
func (c *Client) scope() scope {
	if c == nil {
		return scope{}
	}
	return scope{feed: c}
}

// listeners and generation make a client an audience.
func (c *Client) listeners() *hub { return c.hub }

func (c *Client) generation() uint64 { return 0 }

func (c *Client) over() bool { return false } // Its end ends all listeners, and all that will come.

// Connect connects, and returns when events flow, those of [WithSubscriptions] included. From then on the client keeps the
// connection until [Client.Close]; ctx bounds only the attempt. The first attempt's failure is returned at once: a refusal
// as an [*Error], which may be [ErrUnauthorized] or [ErrForbidden]. Connect may then be called again. When ctx ends while
// the client is already subscribing, it goes on with that: call Connect again, or Close.
//
// What has connected before is left alone. After the client's end Connect returns what Err does.
func (c *Client) Connect(ctx context.Context) error {
	ctx, stop := c.whileAlive(ctx)
	defer stop()
	select {
	case c.starting <- struct{}{}:
		defer func() { <-c.starting }()
	case <-ctx.Done():
		return c.attemptError(ctxError(ctx))
	}
	if err := c.Err(); err != nil {
		return err
	}
	sessions := c.dialled()
	if err := c.start(ctx, sessions); err != nil {
		return c.attemptError(err)
	}
	for _, s := range sessions {
		if err := s.state.awaitReady(ctx); err != nil {
			return c.attemptError(err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = true
	return nil
}

// whileAlive returns a context that ends with the client, too.
func (c *Client) whileAlive(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.hub.ctx, func() { cancel(c.Err()) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// start makes the first connections.
func (c *Client) start(ctx context.Context, sessions []*session) error {
	errs := make([]error, len(sessions))
	var wg sync.WaitGroup
	for i, s := range sessions {
		wg.Go(func() { errs[i] = s.start(ctx) })
	}
	wg.Wait()
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// attemptError prefers the client's end to what that did to an attempt.
func (c *Client) attemptError(err error) error {
	if ended := c.Err(); ended != nil {
		return ended
	}
	return err
}

// WaitConnected returns when the client is connected and in step with each of its Asterisks, and nothing casts doubt on
// that: at once if it is so already. A command that got no answer casts doubt until another one is answered. It fails with
// ctx's error when ctx ends, and with what Err says when the client ends.
func (c *Client) WaitConnected(ctx context.Context) error {
	for _, s := range c.all() {
		if _, err := c.waitConnected(ctx, s); err != nil {
			return err
		}
	}
	return c.Err()
}

// waitConnected returns when the session is in step, or has ended.
func (c *Client) waitConnected(ctx context.Context, s *session) (phase, error) {
	ctx, stop := c.whileAlive(ctx)
	defer stop()
	p, err := s.state.await(ctx, func(p phase) bool { return p == phaseInStep || p == phaseEnded })
	if err != nil {
		return p, c.attemptError(err)
	}
	return p, nil
}

// WaitConnected is [Client.WaitConnected] for this controller's Asterisk alone. Without a client it fails with
// [ErrNoEvents], and with [ErrClosed] once no other connection follows: see [Client.Remove] and [ErrSourceEnded].
func (c *Controller) WaitConnected(ctx context.Context) error {
	if c == nil || c.api == nil {
		return errNoController
	}
	s, ok := c.session()
	if !ok {
		return ErrNoEvents
	}
	client, ok := s.upper.(*Client)
	if !ok {
		return ErrNoEvents
	}
	p, err := client.waitConnected(ctx, s)
	if err == nil && p == phaseEnded {
		return client.attemptError(ErrClosed)
	}
	return err
}

// Run connects, unless Connect has done so, and hands out events until ctx ends or the client is closed. Then it drains the
// client if [WithDrain] says so, closes it, waits for handlers as long as [WithCloseTimeout] says, and returns nil.
//
// It returns an error when the first attempt to connect fails, and then the client is as it was before, except that those of
// several Asterisks that let it in stay connected: call Run again, or Close; when the client
// has been closed before Run was called ([ErrClosed]); and when the application was taken over ([ErrReplaced]). A lost
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
		c.drainAtEnd(context.WithoutCancel(ctx))
	case <-c.done:
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.closeTimeout)
	defer cancel()
	if err := c.Close(closing); err != nil {
		c.cfg.log.WarnContext(closing, "closed with handlers still running", "error", err)
	}
	if err := c.Err(); !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}

// drainAtEnd does at Run's end what WithDrain says.
func (c *Client) drainAtEnd(ctx context.Context) {
	if c.cfg.drainFor <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.drainFor)
	defer cancel()
	if err := c.Drain(ctx); err != nil {
		c.cfg.log.WarnContext(ctx, "not all calls ended in time", "error", err)
	}
}

// Close ends the client. It disconnects, ends the contexts of all handlers, ends all subscriptions and waits, and then
// waits for the handlers to return. What was already read is still handed to them. When ctx ends before that, the rest is
// dropped, and Close returns an error that says how many handlers still run. If ctx has no end of its own,
// [WithCloseTimeout] bounds the waiting.
//
// A handler may call Close. Called with the handler's context, Close does not wait for that handler; the context's end,
// which Close brings about, doesn't bound it.
//
// Close may be called more than once, and on a client that never connected.
func (c *Client) Close(ctx context.Context) error {
	self := c.hub.workers.ownWorker(ctx)
	if deadline, ok := ctx.Deadline(); self != nil && ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(context.WithoutCancel(ctx), deadline)
		defer cancel()
	} else if self != nil || ctx.Done() == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), c.cfg.closeTimeout)
		defer cancel()
	}
	c.end(ErrClosed)
	for _, s := range c.all() {
		if !s.roads().bySocket() { // Otherwise handlers need the connection to clean up.
			s.roads().release()
			s.wait()
		}
	}
	left := c.hub.workers.wait(ctx, self)
	for _, s := range c.all() {
		s.roads().release()
		s.wait()
	}
	for h := range c.handlers.all() {
		h.lanes.Stop()
	}
	for _, s := range c.all() {
		s.cfg.closeIdle()
	}
	if left > 0 {
		return fmt.Errorf("ari: close: %d handlers still running: %w", left, ctx.Err())
	}
	return nil
}

// end makes the client end, for this reason unless it has one already. It doesn't wait for anything.
func (c *Client) end(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = reason
	c.hub.cancel(reason)
	c.hub.index.close(reason)
	close(c.done)
}

// Done returns a channel that is closed when the client has ended: by Close or Run, or because its application was taken
// over. Handlers may still be running.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns nil before Done is closed, then why the client ended: [ErrClosed], or an error that is [ErrReplaced] and
// names the application.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// uptime is how long the client has been there.
func (c *Client) uptime() time.Duration { return time.Since(c.born) }

// What a client is to its sessions: upper.

// handles implements upper.
func (c *Client) handles(k *eventKind) bool { return len(c.handlers.of(k)) > 0 }

// handle implements upper.
func (c *Client) handle(in *inbound, ctx context.Context) { //nolint:revive // ctx belongs to the event.
	t := task{ev: in.ev, ctx: ctx}
	t.call = ctx != nil && !in.madeHere
	if len(c.cfg.handlerInterceptors) > 0 {
		t.queued = c.uptime()
	}
	place := laneKind{in.session, in.lane.kind}
	for _, h := range c.handlers.of(in.kind) {
		if h.callsOnly && in.madeHere {
			continue
		}
		t.receipt = in.receipt.hold()
		if t.call {
			c.hub.calls.start()
		}
		h.lanes.Offer(place, in.lane.id, t, in.kind.vital)
	}
}

// drains implements upper.
func (c *Client) drains() bool { return c.draining.Load() }

// replaced implements upper.
func (c *Client) replaced(app string) {
	c.hub.reports.log(slog.LevelError, "application taken over by another client", "application", app)
	c.end(fmt.Errorf("%w: %s", ErrReplaced, app))
}

// sessionEnded implements upper.
func (c *Client) sessionEnded(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions = slices.DeleteFunc(c.sessions, func(other *session) bool { return other == s })
}
