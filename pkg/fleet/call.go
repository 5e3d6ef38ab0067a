package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Call is a call that a worker has: a channel that has come into the application by itself, and what workers have made for it.
type Call struct {
	c     *Client
	offer offer
	token uint64
	msg   jetstream.Msg
	has   claimed
	feed  *feed
	sub   *nats.Subscription
	ctrl  *ari.Controller

	joined chan struct{} // closed when the session is known
	gone   chan struct{} // closed when the call isn't this worker's any more
	once   sync.Once

	mu       sync.Mutex
	renewed  time.Time // when the worker last knew that the call is its own
	handlers int       // that run
	frames   int       // that somebody has to do with
	idle     chan struct{}
	state    []byte
}

// errOver says that an offered call is over.
var errOver = errors.New("fleet: the call is over")

func newCall(c *Client, o offer, tok uint64, msg jetstream.Msg) *Call {
	k := &Call{
		c: c, offer: o, token: tok, msg: msg,
		joined: make(chan struct{}), gone: make(chan struct{}), idle: make(chan struct{}, 1), renewed: time.Now(),
	}
	k.feed = newFeed(k)
	return k
}

// ID is that of the call's root channel.
func (k *Call) ID() string { return k.offer.Call }

// Node is the name of the Asterisk that has the call.
func (k *Call) Node() string { return k.offer.Node }

// Token is the fencing token: each worker of the call has a greater one than the one before.
func (k *Call) Token() uint64 { return k.token }

// Takeovers is how many workers have had the call before.
func (k *Call) Takeovers() int { return k.has.Claims }

// Bridges are the ids of the bridges that the call's workers had made when this one took it over; Channels those of its
// channels, the root first, if it still was there.
func (k *Call) Bridges() []string { return slices.Clone(k.has.Bridges) }

// Channels returns the ids of the call's channels: see Bridges.
func (k *Call) Channels() []string { return slices.Clone(k.has.Channels) }

// Lost reports whether the call isn't this worker's any more: it is over, or another worker's.
func (k *Call) Lost() bool { return k.isGone() }

// Save keeps v, as JSON, for whoever takes the call over. It fails with [ErrLost] if somebody has.
func (k *Call) Save(ctx context.Context, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("fleet: save: %w", err)
	}
	m := k.message(kindSave)
	m.Data = data
	if _, err = k.ask(ctx, m); err != nil {
		return fmt.Errorf("fleet: save: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state = data
	return nil
}

// Load reads what was saved last, by this worker or the one before, into v. It reports whether there is something.
func (k *Call) Load(v any) (bool, error) {
	k.mu.Lock()
	data := k.state
	k.mu.Unlock()
	if data == nil {
		return false, nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return false, fmt.Errorf("fleet: load: %w", err)
	}
	return true, nil
}

// History reads the call's events from its beginning to now, those included that other workers got. Their objects have no
// controller. It has at least those that have been read here: it waits for them if the stream doesn't have them yet.
func (k *Call) History(ctx context.Context) ([]ari.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, fillPatience)
	defer cancel()
	wanted := k.feed.latest()
	for pause := fillPause; ; pause *= 2 {
		list, last, err := k.history(ctx)
		if err == nil && last >= wanted {
			return list, nil
		}
		if err != nil || !sleep(ctx, pause) {
			return nil, fmt.Errorf("fleet: history: events %d to %d are not in the stream: %w", last+1, wanted, errors.Join(err, ctx.Err()))
		}
	}
}

func (k *Call) history(ctx context.Context) (list []ari.Event, last uint64, err error) {
	err = k.read(ctx, func(seq uint64, data []byte, end bool) bool {
		last = seq
		if end {
			return false
		}
		if ev, err := ari.DecodeEvent(data); err == nil {
			list = append(list, ev)
		}
		return true
	})
	return list, last, err
}

// sleep waits, and reports false when ctx ends.
func sleep(ctx context.Context, d time.Duration) bool {
	await(ctx, nil, d)
	return ctx.Err() == nil
}

// readMost is how many events are fetched from the stream at once.
const readMost = 500

// read reads the call's events that the stream has, until do returns false. One request for each event would be too slow when many
// calls are taken over at once.
func (k *Call) read(ctx context.Context, do func(seq uint64, data []byte, end bool) bool) error {
	cons, err := k.c.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubject: eventSubject(k.offer.App, k.offer.Node, k.offer.Call), AckPolicy: jetstream.AckNonePolicy,
		MemoryStorage: true, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return err
	}
	defer func() { _ = k.c.stream.DeleteConsumer(context.WithoutCancel(ctx), cons.CachedInfo().Name) }()
	for {
		batch, err := cons.FetchNoWait(readMost)
		if err != nil {
			return err
		}
		n := 0
		for m := range batch.Messages() {
			n++
			header := m.Headers()
			seq, err := strconv.ParseUint(header.Get(headerSeq), 10, 64)
			if err != nil || header.Get(headerEpoch) != k.offer.Epoch || seq < k.has.First {
				continue
			}
			if !do(seq, m.Data(), header.Get(headerEnd) != "") {
				return nil
			}
		}
		if err := batch.Error(); err != nil || n == 0 {
			return err
		}
	}
}

// begin claims the call and starts its session.
func (k *Call) begin(ctx context.Context) error {
	var err error
	// Before the claim, so that what the claim's answer doesn't count comes here.
	k.sub, err = k.c.nc.Subscribe(eventSubject(k.offer.App, k.offer.Node, k.offer.Call), k.feed.message)
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	if err := k.claim(ctx); err != nil {
		_ = k.sub.Unsubscribe()
		return err
	}
	k.state = k.has.State
	opts := []ari.SessionOption{
		ari.WithSource(k.feed), ari.WithTransport(k.transport), ari.WithHTTPClient(k.c.http), ari.WithKeepalive(0, time.Second),
		ari.WithChannels(k.Channels), ari.WithLogger(k.c.log),
	}
	if k.has.Resumed {
		opts = append(opts, ari.WithAdoption())
		k.feed.begin(k.has.Seq + 1) //nolint:contextcheck // What is missing is fetched for the call, however long the caller lasts.
	} else {
		k.feed.begin(k.has.First) //nolint:contextcheck // What is missing is fetched for the call, however long the caller lasts.
		k.feed.reaches(k.has.Seq) //nolint:contextcheck // What is missing is fetched for the call, however long the caller lasts.
	}
	k.ctrl, err = k.c.Join(ctx, "http://fleet.invalid/ari", k.offer.App, opts...)
	if err != nil {
		_ = k.sub.Unsubscribe()
		return err
	}
	k.c.mu.Lock()
	k.c.calls[k.ctrl] = k
	k.c.mu.Unlock()
	k.c.taken.Add(1)
	if k.has.Resumed {
		k.c.takenOver.Add(1)
	}
	close(k.joined)
	return nil
}

func (k *Call) claim(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, k.c.cfg.Lease)
	defer cancel()
	m := k.message(kindClaim)
	m.Header.Set(headerEpoch, k.offer.Epoch)
	reply, err := k.ask(ctx, m)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(reply.Data, &k.has); err != nil {
		return fmt.Errorf("fleet: claim: %w", err)
	}
	return nil
}

// attend has the call until it ends, is lost, or the client ends.
func (k *Call) attend(ctx context.Context) {
	defer func() {
		k.c.mu.Lock()
		delete(k.c.calls, k.ctrl)
		close(k.c.changed)
		k.c.changed = make(chan struct{})
		k.c.mu.Unlock()
	}()
	select {
	case <-k.feed.over:
		k.awaitIdle(ctx)
		if !k.isGone() {
			_ = k.msg.Ack()
		}
	case <-k.gone:
		k.c.lost.Add(1)
	case <-ctx.Done():
		<-k.c.Done() // Handlers' contexts have ended.
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closePatience)
		k.awaitIdle(closing)
		cancel()
		_ = k.msg.Nak()
	}
	_ = k.sub.Unsubscribe()
	_ = k.c.Remove(k.ctrl) //nolint:contextcheck // What ends with the session isn't bound to who ends it.
	k.lose("")
}

// closePatience is how long a call that is handed over waits for its handlers.
const closePatience = 10 * time.Second

// idleGrace is how long a call that is over waits for events that somebody has subscribed to and doesn't fetch.
const idleGrace = time.Second

// awaitIdle waits for the call's handlers.
func (k *Call) awaitIdle(ctx context.Context) {
	grace := time.NewTimer(idleGrace)
	defer grace.Stop()
	expired := false
	for {
		k.mu.Lock()
		idle := k.handlers == 0 && (k.frames == 0 || expired)
		k.mu.Unlock()
		if idle {
			return
		}
		select {
		case <-k.idle:
		case <-grace.C:
			expired = true
		case <-k.gone:
			return
		case <-ctx.Done():
			return
		}
	}
}

// count changes one of the counters on which awaitIdle waits.
func (k *Call) count(n *int, by int) {
	k.mu.Lock()
	*n += by
	k.mu.Unlock()
	select {
	case k.idle <- struct{}{}:
	default:
	}
}

// lose ends the call here, without a word to anybody.
func (k *Call) lose(why string) {
	k.once.Do(func() {
		if why != "" {
			k.c.log.Warn("a call is lost to this worker", "call", k.offer.Call, "node", k.offer.Node, "reason", why)
		}
		close(k.gone)
	})
}

func (k *Call) isGone() bool {
	select {
	case <-k.gone:
		return true
	default:
		return false
	}
}

// sure notes that the call was this worker's at that time, and how far its events are.
func (k *Call) sure(at time.Time, seq uint64) {
	k.mu.Lock()
	k.renewed = at
	k.mu.Unlock()
	k.feed.reaches(seq)
}

// unsure gives the call up when it may be another worker's by now.
func (k *Call) unsure(err error) {
	k.mu.Lock()
	late := time.Since(k.renewed) >= k.c.cfg.Lease
	k.mu.Unlock()
	if late {
		k.lose(fmt.Sprintf("no answer from the gateway: %v", err))
	}
}
