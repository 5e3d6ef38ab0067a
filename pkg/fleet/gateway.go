package fleet

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A GatewayConfig says which Asterisk a gateway stands beside.
type GatewayConfig struct {
	// Node is the name of the Asterisk on the bus: it must stay the same, and be no other's.
	Node string

	// URL is the base URL of its ARI, as "http://127.0.0.1:8088/ari"; Username and Password are those of its ari.conf.
	URL, Username, Password string

	// Applications are the Stasis applications whose calls are handed out.
	Applications []string

	// Logger is where the gateway logs; nil is [slog.Default].
	Logger *slog.Logger

	// HTTPClient sends commands to Asterisk; nil is one that respects Asterisk's limits.
	HTTPClient *http.Client
}

// GatewayStats are counters since the gateway's start.
type GatewayStats struct {
	Calls    int    // that are there now
	Offered  uint64 // calls
	Events   uint64 // published, a call's end included
	Requests uint64 // sent to Asterisk
	Repeated uint64 // commands that came again, and were answered without doing them again
	Stale    uint64 // commands that were refused since another worker had, or has had, the call
	Outages  uint64 // times that the connection to Asterisk was lost, and events with it perhaps
	Lost     uint64 // events that the event stream did not confirm
}

// A Gateway holds the ARI connection of one Asterisk, brings its calls and events onto the bus, and carries out the commands of the
// worker that has the call, of no other.
type Gateway struct {
	cfg    GatewayConfig
	nc     *nats.Conn
	js     jetstream.JetStream
	state  jetstream.KeyValue
	client *ari.Client
	epoch  string
	send   *sender
	log    *slog.Logger

	offered, events, requests, repeated, stale, outages, lost atomic.Uint64

	mu     sync.Mutex
	calls  map[string]*call  // by root channel
	owners map[thing][]*call // what belongs to which call; a bridge may belong to several
	work   sync.WaitGroup    // commands
	ready  chan struct{}     // closed when commands are taken
	once   sync.Once
	trace  func(call, token, id string) // gets each request that goes to Asterisk; for tests
}

// A thing is a channel or a bridge.
type thing struct{ kind, id string }

func channelOf(id string) thing { return thing{"channel", id} }

func bridgeOf(id string) thing { return thing{"bridge", id} }

// NewGateway makes a gateway. [Prepare] must have made the streams. The connection to NATS stays the caller's.
func NewGateway(ctx context.Context, nc *nats.Conn, cfg GatewayConfig) (*Gateway, error) {
	if cfg.Node == "" {
		return nil, errors.New("fleet: the gateway's node has no name")
	}
	if len(cfg.Applications) == 0 {
		return nil, errors.New("fleet: the gateway has no application")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	opts := []ari.Option{
		ari.WithApplications(cfg.Applications[1:]...), ari.WithAdoption(), ari.WithLogger(cfg.Logger), ari.WithEventBuffer(eventBuffer),
	}
	if cfg.Username != "" {
		opts = append(opts, ari.WithBasicAuth(cfg.Username, cfg.Password))
	}
	client, err := ari.NewClient(cfg.URL, cfg.Applications[0], opts...)
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		cfg: cfg, nc: nc, client: client, epoch: rand.Text(), send: newSender(cfg), log: cfg.Logger.With("node", cfg.Node),
		calls: make(map[string]*call), owners: make(map[thing][]*call), ready: make(chan struct{}),
	}
	g.js, err = jetstream.New(nc, jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, m *nats.Msg, err error) {
		g.lost.Add(1)
		g.log.Error("the event stream did not take an event", "subject", m.Subject, "error", err)
	}))
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	if g.state, err = g.js.KeyValue(ctx, stateBucket); err != nil {
		return nil, fmt.Errorf("fleet: bucket %s: %w", stateBucket, err)
	}
	return g, nil
}

// eventBuffer is how many events may wait to be published.
const eventBuffer = 1 << 16

// Ready returns a channel that is closed when the gateway has connected to Asterisk for the first time and takes commands.
func (g *Gateway) Ready() <-chan struct{} { return g.ready }

// Stats returns the counters.
func (g *Gateway) Stats() GatewayStats {
	g.mu.Lock()
	n := 0
	for _, k := range g.calls {
		if !k.over {
			n++
		}
	}
	g.mu.Unlock()
	return GatewayStats{
		Calls: n, Offered: g.offered.Load(), Events: g.events.Load(), Requests: g.requests.Load(),
		Repeated: g.repeated.Load(), Stale: g.stale.Load(), Outages: g.outages.Load(), Lost: g.lost.Load(),
	}
}

// Run serves until ctx ends. It fails if the first attempt to connect with Asterisk does, or when another program takes an
// application over. Calls stay in Asterisk; the next gateway of the node offers them again.
func (g *Gateway) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all := ari.Subscribe[ari.Event](g.client)
	sub, err := g.nc.Subscribe(commandSubject(g.cfg.Node), func(m *nats.Msg) {
		g.work.Go(func() { g.command(ctx, m) })
	})
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	var pump sync.WaitGroup
	pump.Go(func() { g.pump(ctx, all) })
	pump.Go(func() { g.sweep(ctx) })
	err = g.client.Run(ctx)
	cancel()
	_ = sub.Unsubscribe()
	pump.Wait()
	g.work.Wait()
	return err
}

// pump brings all events onto the bus, one after the other.
func (g *Gateway) pump(ctx context.Context, all *ari.Subscription[ari.Event]) {
	for {
		ev, err := all.Next(ctx)
		if err != nil {
			return
		}
		switch ev := ev.(type) {
		case *ari.Connected:
			g.connected(ctx, ev)
		case *ari.Disconnected:
			g.outages.Add(1)
		default:
			g.event(ctx, ev)
		}
	}
}

// connected forgets, after a gap, channels that were awaited and are not there: nobody would tell of their end.
func (g *Gateway) connected(ctx context.Context, ev *ari.Connected) {
	g.once.Do(func() { close(g.ready) })
	if !ev.Resumed {
		return
	}
	list, err := g.client.ARI().Channels(ctx)
	if err != nil {
		g.log.Warn("cannot list channels after a gap", "error", err)
		return
	}
	there := make(map[string]bool, len(list))
	for _, ch := range list {
		there[ch.ID] = true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, k := range g.calls {
		for id := range k.members {
			if !there[id] {
				g.leaves(k, id, true)
			}
		}
	}
}

// event publishes an event to each call that it is about.
func (g *Gateway) event(ctx context.Context, ev ari.Event) {
	frame := []byte(ev.Header().Raw())
	if frame == nil { // Made by the client, in place of one that was lost.
		var err error
		if frame, err = json.Marshal(ev); err != nil {
			g.log.Error("cannot write an event", "type", ev.Header().Type, "error", err)
			return
		}
	}
	about := thingsIn(frame)
	start, isStart := ev.(*ari.StasisStart)

	g.mu.Lock()
	defer g.mu.Unlock()
	if isStart {
		g.enters(ctx, start)
	}
	for _, k := range g.touched(about) {
		g.publish(k, frame, false)
	}
	switch ev := ev.(type) {
	case *ari.StasisEnd:
		g.left(ev.Channel, false)
	case *ari.ChannelDestroyed:
		g.left(ev.Channel, true)
	default:
	}
}

// touched returns the calls to which any of these things belong. Call it with mu held.
func (g *Gateway) touched(about []thing) []*call {
	var list []*call
	seen := make(map[*call]bool)
	for _, x := range about {
		for _, k := range g.owners[x] {
			if !seen[k] && !k.over {
				seen[k] = true
				list = append(list, k)
			}
		}
	}
	return list
}

// publish gives a call's subject its next message. Call it with mu held, so that the order is that of the counter.
func (g *Gateway) publish(k *call, frame []byte, end bool) {
	k.seq++
	m := nats.NewMsg(eventSubject(k.app, g.cfg.Node, k.id))
	m.Header.Set(headerEpoch, g.epoch)
	m.Header.Set(headerSeq, fmt.Sprint(k.seq))
	if end {
		m.Header.Set(headerEnd, "1")
	}
	m.Data = frame
	g.events.Add(1)
	if _, err := g.js.PublishMsgAsync(m); err != nil {
		g.lost.Add(1)
		g.log.Error("cannot publish an event", "call", k.id, "error", err)
	}
}

// thingsIn finds the channels and bridges that an event is about.
func thingsIn(frame []byte) []thing {
	var members map[string]json.RawMessage
	if json.Unmarshal(frame, &members) != nil {
		return nil
	}
	var about []thing
	for name, raw := range members {
		if len(raw) == 0 || raw[0] != '{' {
			continue
		}
		var has struct {
			ID        string `json:"id"`
			TargetURI string `json:"target_uri"`
		}
		if json.Unmarshal(raw, &has) != nil {
			continue
		}
		kind, id, isTarget := strings.Cut(has.TargetURI, ":")
		switch {
		case isTarget:
			about = append(about, thing{kind, id})
		case has.ID == "":
		case strings.Contains(name, "bridge"):
			about = append(about, bridgeOf(has.ID))
		default: // channel, peer, caller, forwarded, replace_channel, ...
			about = append(about, channelOf(has.ID))
		}
	}
	return about
}

// leftGrace is how long after the last channel's StasisEnd its ChannelDestroyed may come.
const leftGrace = time.Second
