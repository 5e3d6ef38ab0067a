package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Errors of a call's commands, and causes of its context's end.
var (
	// ErrLost says that the call isn't this worker's any more: another one has taken it over, or it could not be held.
	ErrLost = errors.New("fleet: the call is another worker's")

	// ErrNoGateway says that the call's gateway isn't on the bus.
	ErrNoGateway = errors.New("fleet: the gateway is away")
)

// A ClientConfig says how a worker works. Fields that are zero have their defaults.
type ClientConfig struct {
	// Capacity is how many calls the worker has at most; 0 is any number.
	Capacity int

	// Lease is how long a worker may say nothing before its calls are offered to others; the default is 6 s. All workers of
	// an application must have the same.
	Lease time.Duration

	// Logger is where the worker logs; nil is [slog.Default].
	Logger *slog.Logger

	// Options are those of the [ari.Client], such as [ari.WithHandlerInterceptor].
	Options []ari.Option
}

// ClientStats are counters since the client was made.
type ClientStats struct {
	Calls     int    // that it has now
	Taken     uint64 // calls
	TakenOver uint64 // calls that another worker had before, or that were there before their gateway
	Lost      uint64 // calls that went to other workers, or could not be held
	Refused   uint64 // commands, since the call was another worker's
	Gaps      uint64 // times that events were missing, and fetched from the stream
}

// A Client is a worker: an [ari.Client] whose calls come from the bus, one session for each. Run is the client's own; Connect
// does nothing.
type Client struct {
	*ari.Client

	cfg    ClientConfig
	app    string
	nc     *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	offers jetstream.Consumer
	http   *http.Client // which is never used
	log    *slog.Logger

	taken, takenOver, lost, refused, gaps atomic.Uint64

	draining chan struct{} // closed when no new call is taken
	drainOne sync.Once

	mu      sync.Mutex
	calls   map[*ari.Controller]*Call
	changed chan struct{} // closed when there is one call less
	work    sync.WaitGroup
}

// NewClient makes a worker for an application's calls, on whatever Asterisk they are. [Prepare] must have made the streams. The
// connection to NATS stays the caller's.
func NewClient(ctx context.Context, nc *nats.Conn, application string, cfg ClientConfig) (*Client, error) {
	if application == "" {
		return nil, errors.New("fleet: the application has no name")
	}
	if cfg.Lease < 0 || cfg.Lease > 0 && cfg.Lease < 100*time.Millisecond {
		return nil, fmt.Errorf("fleet: a lease of %s makes no sense", cfg.Lease)
	}
	if cfg.Lease == 0 {
		cfg.Lease = defaultLease
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	c := &Client{
		cfg: cfg, app: application, nc: nc, http: &http.Client{}, log: cfg.Logger,
		draining: make(chan struct{}), calls: make(map[*ari.Controller]*Call), changed: make(chan struct{}),
	}
	opts := append([]ari.Option{ari.WithLogger(cfg.Logger)}, cfg.Options...)
	var err error
	if c.Client, err = ari.NewEmptyClient(append(opts, ari.WithHandlerInterceptor(c.around))...); err != nil {
		return nil, err
	}
	if c.js, err = jetstream.New(nc); err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	if c.stream, err = c.js.Stream(ctx, eventStream); err != nil {
		return nil, fmt.Errorf("fleet: stream %s: %w", eventStream, err)
	}
	c.offers, err = c.js.CreateOrUpdateConsumer(ctx, offerStream, jetstream.ConsumerConfig{
		Durable: "workers-" + word(application), FilterSubject: "ari1.offer." + word(application) + ".*",
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: cfg.Lease, MaxAckPending: mostOffers,
	})
	if err != nil {
		return nil, fmt.Errorf("fleet: offers of %s: %w", application, err)
	}
	return c, nil
}

// mostOffers is how many calls an application's workers have at most.
const mostOffers = 50_000

// Stats returns the counters.
func (c *Client) Stats() ClientStats {
	c.mu.Lock()
	n := len(c.calls)
	c.mu.Unlock()
	return ClientStats{
		Calls: n, Taken: c.taken.Load(), TakenOver: c.takenOver.Load(), Lost: c.lost.Load(),
		Refused: c.refused.Load(), Gaps: c.gaps.Load(),
	}
}

// Call returns the call that an event belongs to: nil for one that isn't, or no longer, this worker's.
func (c *Client) Call(ev ari.Event) *Call { return c.callOf(ev.Controller()) }

func (c *Client) callOf(ctrl *ari.Controller) *Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[ctrl]
}

// around counts the handlers that a call has running.
func (c *Client) around(ctx context.Context, inv ari.Invocation, next func(context.Context) error) error {
	if k := c.callOf(inv.Event.Controller()); k != nil {
		k.count(&k.handlers, 1)
		defer k.count(&k.handlers, -1)
	}
	return next(ctx)
}

// Run takes calls until ctx ends, or the client is drained or closed. Then it hands the calls that it still has to other workers,
// ends their handlers, and returns when these have returned.
func (c *Client) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	go func() {
		select {
		case <-c.Done():
			cancel()
		case <-stop:
		}
	}()
	defer close(stop)
	c.work.Go(func() { c.renewAll(ctx) })
	c.work.Go(func() { c.take(ctx) })
	err := c.Client.Run(ctx)
	cancel()
	c.work.Wait()
	return err
}

// Drain takes no new calls, and returns when those that are there have ended, or, with ctx's error, when ctx has: Run's end hands
// them over then.
func (c *Client) Drain(ctx context.Context) error {
	c.drainOne.Do(func() { close(c.draining) })
	for {
		c.mu.Lock()
		n, changed := len(c.calls), c.changed
		c.mu.Unlock()
		if n == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("fleet: drain: %d calls are left: %w", n, ctx.Err())
		}
	}
}

// How offers are fetched.
const (
	fetchMost = 64
	fetchWait = time.Second
	fetchRest = 200 * time.Millisecond // after a failure
)

// take fetches offers, as long as there is room for calls.
func (c *Client) take(ctx context.Context) {
	var calls sync.WaitGroup
	defer calls.Wait()
	var under atomic.Int64 // calls, and offers that may become some
	ended := make(chan struct{}, 1)
	for c.wanted(ctx) {
		room := fetchMost
		if c.cfg.Capacity > 0 {
			room = min(room, c.cfg.Capacity-int(under.Load()))
		}
		if room <= 0 {
			select {
			case <-ended:
			case <-ctx.Done():
			case <-c.draining:
			}
			continue
		}
		batch, err := c.offers.Fetch(room, jetstream.FetchMaxWait(fetchWait))
		if err != nil {
			await(ctx, c.draining, fetchRest)
			continue
		}
		for msg := range batch.Messages() {
			under.Add(1)
			calls.Go(func() {
				c.serve(ctx, msg)
				under.Add(-1)
				select {
				case ended <- struct{}{}:
				default:
				}
			})
		}
		if batch.Error() != nil && !errors.Is(batch.Error(), nats.ErrTimeout) {
			await(ctx, c.draining, fetchRest)
		}
	}
}

// wanted reports whether new calls are.
func (c *Client) wanted(ctx context.Context) bool {
	select {
	case <-c.draining:
		return false
	default:
		return ctx.Err() == nil
	}
}

// serve has a call from its offer to its end.
func (c *Client) serve(ctx context.Context, msg jetstream.Msg) {
	var o offer
	meta, err := msg.Metadata()
	if err == nil {
		err = json.Unmarshal(msg.Data(), &o)
	}
	if err != nil {
		c.log.Error("an offer can't be read", "error", err)
		_ = msg.Term()
		return
	}
	if !c.wanted(ctx) {
		_ = msg.Nak()
		return
	}
	k := newCall(c, o, token(meta.Sequence.Stream, meta.NumDelivered), msg)
	switch err := k.begin(ctx); {
	case err == nil:
		k.attend(ctx)
	case errors.Is(err, errOver):
		_ = msg.Ack()
	case errors.Is(err, ErrLost): // The offer has been delivered to another one.
	default:
		c.log.Warn("cannot take a call", "call", o.Call, "node", o.Node, "error", err)
		_ = msg.NakWithDelay(c.cfg.Lease / 6) //nolint:mnd // It is tried again soon, but not in a hurry.
	}
}

// renewAll says, again and again, that the worker still has its calls, and asks whether it has.
func (c *Client) renewAll(ctx context.Context) {
	tick := time.NewTicker(c.cfg.Lease / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		byNode := make(map[string][]*Call)
		c.mu.Lock()
		for _, k := range c.calls {
			byNode[k.offer.Node] = append(byNode[k.offer.Node], k)
		}
		c.mu.Unlock()
		var nodes sync.WaitGroup
		for node, calls := range byNode {
			nodes.Go(func() { c.renew(ctx, node, calls) })
		}
		nodes.Wait()
	}
}

// renew does so for one node.
func (c *Client) renew(ctx context.Context, node string, calls []*Call) {
	const atOnce = 1000
	for len(calls) > 0 {
		some := calls[:min(atOnce, len(calls))]
		calls = calls[len(some):]
		list := make([]held, len(some))
		began := time.Now()
		for i, k := range some {
			_ = k.msg.InProgress() // If it fails, so does the request that follows.
			list[i] = held{k.offer.Call, k.token}
		}
		answers, err := c.askRenewal(ctx, node, list)
		for i, k := range some {
			switch {
			case err != nil || i >= len(answers):
				k.unsure(err)
			case answers[i].Refused != "":
				k.lose("the gateway refuses: " + answers[i].Refused)
			default:
				k.sure(began, answers[i].Seq) //nolint:contextcheck // What is missing is fetched for the call, however long the caller lasts.
			}
		}
	}
}

func (c *Client) askRenewal(ctx context.Context, node string, list []held) ([]renewed, error) {
	data, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	m := nats.NewMsg(commandSubject(node))
	m.Header.Set(headerKind, kindRenew)
	m.Data = data
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Lease/4)
	defer cancel()
	reply, err := c.nc.RequestMsgWithContext(ctx, m)
	if err != nil {
		return nil, err
	}
	var answers []renewed
	return answers, json.Unmarshal(reply.Data, &answers)
}
