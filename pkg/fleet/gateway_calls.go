package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/nats-io/nats.go/jetstream"
)

// A call is, to the gateway, a channel that has come into an application by itself, and what its workers have made for it since. The
// gateway's mu guards it.
type call struct {
	id      string // of the root channel
	app     string
	seq     uint64                // of the latest event
	first   uint64                // of its first event
	members map[string]membership // channels
	bridges map[string]bool
	resumed bool // It was in the application before the gateway.
	state   []byte
	over    bool
	ended   time.Time
	ending  *time.Timer

	token    uint64 // of the worker that has it; 0: none
	claims   int
	running  int           // commands under way
	idle     chan struct{} // closed when running is 0; nil if nobody waits
	requests map[string]*execution
	answered []*execution // whose answers are still there, oldest first
}

// A membership says how a channel belongs to a call.
type membership int

const (
	awaited membership = iota // A worker has asked Asterisk for it.
	inside                    // It is in the application.
	outside                   // It has left the application, and exists still.
)

// enters notes that a channel has come into an application: one that a call's worker has made, or a new call, which is offered. Call it
// with mu held.
func (g *Gateway) enters(ctx context.Context, start *ari.StasisStart) {
	id := start.Channel.ID
	found := false
	for _, k := range g.owners[channelOf(id)] {
		if !k.over {
			g.join(k, id, inside)
			found = true
		}
	}
	if found {
		return
	}
	k := &call{
		id: id, app: start.Application, resumed: start.Resumed(),
		members: make(map[string]membership), bridges: make(map[string]bool), requests: make(map[string]*execution),
	}
	if old := g.calls[id]; old != nil { // The channel has left, and come back.
		k.seq = old.seq
		g.forget(old)
	}
	k.first = k.seq + 1
	g.calls[id] = k
	g.join(k, id, inside)
	if k.resumed {
		g.recall(ctx, k)
	}
	g.offer(k)
}

// recall gets the state that an earlier gateway has kept. Call it with mu held.
func (g *Gateway) recall(ctx context.Context, k *call) {
	entry, err := g.state.Get(ctx, stateKey(g.cfg.Node, k.id))
	switch {
	case err == nil:
		k.state = entry.Value()
	case !errors.Is(err, jetstream.ErrKeyNotFound):
		g.log.Warn("cannot read a call's state", "call", k.id, "error", err)
	}
}

// offer makes a call look for a worker.
func (g *Gateway) offer(k *call) {
	data, err := json.Marshal(offer{Node: g.cfg.Node, App: k.app, Call: k.id, Epoch: g.epoch})
	if err == nil {
		_, err = g.js.PublishAsync(offerSubject(k.app, g.cfg.Node), data)
	}
	if err != nil {
		g.log.Error("cannot offer a call", "call", k.id, "error", err)
		return
	}
	g.offered.Add(1)
}

// join makes a channel a call's. Call it with mu held.
func (g *Gateway) join(k *call, id string, as membership) {
	k.members[id] = as
	g.own(k, channelOf(id))
	if k.ending != nil {
		k.ending.Stop()
		k.ending = nil
	}
}

func (g *Gateway) own(k *call, x thing) {
	if !slices.Contains(g.owners[x], k) {
		g.owners[x] = append(g.owners[x], k)
	}
}

func (g *Gateway) disown(k *call, x thing) {
	g.owners[x] = slices.DeleteFunc(g.owners[x], func(other *call) bool { return other == k })
	if len(g.owners[x]) == 0 {
		delete(g.owners, x)
	}
}

// left notes that a channel has left the application, or is gone. Call it with mu held.
func (g *Gateway) left(ch *ari.Channel, gone bool) {
	if ch == nil {
		return
	}
	for _, k := range slices.Clone(g.owners[channelOf(ch.ID)]) {
		g.leaves(k, ch.ID, gone)
	}
}

// leaves notes that of one call, and ends it if nothing of it is left. Call it with mu held.
func (g *Gateway) leaves(k *call, id string, gone bool) {
	if gone {
		delete(k.members, id)
		g.disown(k, channelOf(id))
	} else {
		k.members[id] = outside
	}
	for _, as := range k.members {
		if as != outside {
			return
		}
	}
	switch {
	case k.over:
	case len(k.members) == 0:
		g.end(k)
	case k.ending == nil:
		k.ending = time.AfterFunc(leftGrace, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			if k.ending != nil && !k.over {
				g.end(k)
			}
		})
	}
}

// end tells that a call is over. Commands for it, to clean up, are taken for a while. Call it with mu held.
func (g *Gateway) end(k *call) {
	if k.ending != nil {
		k.ending.Stop()
	}
	g.publish(k, nil, true)
	k.over, k.ended = true, time.Now()
}

// sweep forgets, now and then, calls that have been over for a while.
func (g *Gateway) sweep(ctx context.Context) {
	tick := time.NewTicker(endedKept / 12)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var over []*call
		g.mu.Lock()
		for _, k := range g.calls {
			if k.over && time.Since(k.ended) >= endedKept {
				over = append(over, k)
				g.forget(k)
			}
		}
		g.mu.Unlock()
		for _, k := range over {
			g.purge(ctx, k)
		}
	}
}

// forget drops all that is known of a call. Call it with mu held.
func (g *Gateway) forget(k *call) {
	if g.calls[k.id] == k {
		delete(g.calls, k.id)
	}
	for id := range k.members {
		g.disown(k, channelOf(id))
	}
	for id := range k.bridges {
		g.disown(k, bridgeOf(id))
	}
}

// purge removes from the bus what nobody needs of a call that is over.
func (g *Gateway) purge(ctx context.Context, k *call) {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	if err := g.state.Purge(ctx, stateKey(g.cfg.Node, k.id)); err != nil {
		g.log.Debug("cannot remove a call's state", "call", k.id, "error", err)
	}
	stream, err := g.js.Stream(ctx, eventStream)
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject(eventSubject(k.app, g.cfg.Node, k.id)))
	}
	if err != nil {
		g.log.Debug("cannot remove a call's events", "call", k.id, "error", err)
	}
}

// channels lists a call's channels, its root first. Call it with mu held.
func (k *call) channels() []string {
	list := []string{}
	if _, there := k.members[k.id]; there {
		list = append(list, k.id)
	}
	for _, id := range slices.Sorted(maps.Keys(k.members)) {
		if id != k.id && k.members[id] != awaited {
			list = append(list, id)
		}
	}
	return list
}
