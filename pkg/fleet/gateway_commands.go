package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// An execution is a command that is carried out once, however often it comes.
type execution struct {
	done  chan struct{}
	reply *nats.Msg // nil when it is no longer kept
}

const (
	// answersKept is how many answers of one call are kept for commands that come again.
	answersKept = 64

	// claimPatience is how long a claim waits for the commands that the call's last worker has under way.
	claimPatience = time.Second

	// saveTimeout bounds the keeping of a state.
	saveTimeout = 5 * time.Second
)

// command carries out what a worker asks for.
func (g *Gateway) command(ctx context.Context, m *nats.Msg) {
	var reply *nats.Msg
	switch kind := m.Header.Get(headerKind); kind {
	case kindClaim:
		reply = g.claim(ctx, m)
	case kindRenew:
		reply = g.renew(m)
	case kindRequest, kindSave:
		reply = g.carryOut(ctx, m, kind)
	default:
		reply = refuse(refusedFault, "unknown kind of command: "+kind)
	}
	if reply == nil || ctx.Err() != nil { // The worker will ask again, or another gateway.
		return
	}
	again := nats.NewMsg(m.Reply) // The answer is shared with whoever asks again.
	again.Header, again.Data = reply.Header, reply.Data
	if err := g.nc.PublishMsg(again); err != nil {
		g.log.Warn("cannot answer a worker", "error", err)
	}
}

func refuse(reason, why string) *nats.Msg {
	m := nats.NewMsg("")
	m.Header.Set(headerRefused, reason)
	m.Data = []byte(why)
	return m
}

func answer(v any) *nats.Msg {
	data, err := json.Marshal(v)
	if err != nil {
		return refuse(refusedFault, err.Error())
	}
	m := nats.NewMsg("")
	m.Data = data
	return m
}

// claim gives a call to the worker that has got its offer. Whoever had it before can't do anything with it any more.
func (g *Gateway) claim(ctx context.Context, m *nats.Msg) *nats.Msg {
	tok, err := strconv.ParseUint(m.Header.Get(headerToken), 10, 64)
	if err != nil {
		return refuse(refusedFault, "the token is no number")
	}
	g.mu.Lock()
	k := g.calls[m.Header.Get(headerCall)]
	if k == nil || k.over || m.Header.Get(headerEpoch) != g.epoch {
		g.mu.Unlock()
		return refuse(refusedCall, "there is no such call")
	}
	if tok < k.token {
		g.mu.Unlock()
		g.stale.Add(1)
		return refuse(refusedToken, "another worker has the call")
	}
	if tok > k.token {
		k.token = tok
		k.claims++
	}
	idle := k.awaitIdle()
	g.mu.Unlock()
	await(ctx, idle, claimPatience)
	g.mu.Lock()
	defer g.mu.Unlock()
	if k.token != tok || k.over {
		return refuse(refusedToken, "another worker has the call")
	}
	return answer(claimed{
		Seq: k.seq, First: k.first, Channels: k.channels(), Bridges: slices.Sorted(maps.Keys(k.bridges)),
		Resumed: k.resumed || k.claims > 1, State: k.state, Claims: k.claims - 1,
	})
}

// awaitIdle returns what is closed when no command of the call is under way. Call it with mu held.
func (k *call) awaitIdle() <-chan struct{} {
	if k.idle == nil {
		k.idle = make(chan struct{})
	}
	idle := k.idle
	if k.running == 0 {
		close(k.idle)
		k.idle = nil
	}
	return idle
}

// await waits for c's end, not for ever.
func await(ctx context.Context, c <-chan struct{}, atMost time.Duration) {
	t := time.NewTimer(atMost)
	defer t.Stop()
	select {
	case <-c:
	case <-t.C:
	case <-ctx.Done():
	}
}

// renew tells a worker which of its calls are still its own, and how far their events are.
func (g *Gateway) renew(m *nats.Msg) *nats.Msg {
	var list []held
	if err := json.Unmarshal(m.Data, &list); err != nil {
		return refuse(refusedFault, err.Error())
	}
	answers := make([]renewed, len(list))
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, h := range list {
		switch k := g.calls[h.Call]; {
		case k == nil:
			answers[i].Refused = refusedCall
		case k.token != h.Token:
			answers[i].Refused = refusedToken
		default:
			answers[i].Seq = k.seq
		}
	}
	return answer(answers)
}

// carryOut carries a command out unless that has been done, or is being done: then it waits for the same answer.
func (g *Gateway) carryOut(ctx context.Context, m *nats.Msg, kind string) *nats.Msg {
	id := m.Header.Get(headerID)
	g.mu.Lock()
	k := g.calls[m.Header.Get(headerCall)]
	if k == nil || id == "" {
		g.mu.Unlock()
		return refuse(refusedCall, "there is no such call")
	}
	if m.Header.Get(headerToken) != strconv.FormatUint(k.token, 10) {
		g.mu.Unlock()
		g.stale.Add(1)
		return refuse(refusedToken, "another worker has the call")
	}
	if x := k.requests[id]; x != nil {
		g.mu.Unlock()
		return g.again(ctx, x)
	}
	x := &execution{done: make(chan struct{})}
	k.requests[id] = x
	k.running++
	if g.trace != nil && kind == kindRequest {
		g.trace(k.id, m.Header.Get(headerToken), id)
	}
	g.mu.Unlock()

	var reply *nats.Msg
	if kind == kindSave {
		reply = g.save(ctx, k, m)
	} else {
		reply = g.request(ctx, k, m)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keepAnswer(k, x, reply)
	return reply
}

// again answers a command that has come before.
func (g *Gateway) again(ctx context.Context, x *execution) *nats.Msg {
	g.repeated.Add(1)
	select {
	case <-x.done:
	case <-ctx.Done():
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if x.reply == nil {
		return refuse(refusedFault, "it has been carried out, but its answer isn't kept any more")
	}
	return x.reply
}

// keepAnswer notes a command's answer, and drops old ones. Call it with mu held.
func (g *Gateway) keepAnswer(k *call, x *execution, reply *nats.Msg) {
	x.reply = reply
	close(x.done)
	k.answered = append(k.answered, x)
	if len(k.answered) > answersKept {
		k.answered[0].reply = nil
		k.answered = slices.Delete(k.answered, 0, 1)
	}
	k.running--
	if k.running == 0 && k.idle != nil {
		close(k.idle)
		k.idle = nil
	}
}

// save keeps a call's state, for the worker that may take it over.
func (g *Gateway) save(ctx context.Context, k *call, m *nats.Msg) *nats.Msg {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	if _, err := g.state.Put(ctx, stateKey(g.cfg.Node, k.id), m.Data); err != nil {
		return refuse(refusedFault, err.Error())
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	k.state = slices.Clone(m.Data)
	return answer(struct{}{})
}

// request sends a worker's request to Asterisk.
func (g *Gateway) request(ctx context.Context, k *call, m *nats.Msg) *nats.Msg {
	method, path := m.Header.Get(headerMethod), m.Header.Get(headerPath)
	if !strings.HasPrefix(path, "/") {
		return refuse(refusedFault, "the path doesn't begin with /")
	}
	made := thingsMade(method, path, m.Data)
	g.mu.Lock()
	fresh := g.expect(k, made)
	g.mu.Unlock()
	g.requests.Add(1)
	reply, err := g.send.do(ctx, method, path, m, g.nc.MaxPayload())
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		reply = refuse(refusedFault, err.Error())
	}
	if status, _ := strconv.Atoi(reply.Header.Get(headerStatus)); status >= 400 {
		g.mu.Lock()
		g.unexpect(k, fresh)
		g.mu.Unlock()
	}
	return reply
}

// expect makes what a request is about to make the call's, so that its events come there from the first one on. It returns what is
// new. Call it with mu held.
func (g *Gateway) expect(k *call, made []thing) []thing {
	var fresh []thing
	for _, x := range made {
		if slices.Contains(g.owners[x], k) {
			continue
		}
		fresh = append(fresh, x)
		if x.kind == "bridge" {
			k.bridges[x.id] = true
			g.own(k, x)
		} else {
			g.join(k, x.id, awaited)
		}
	}
	return fresh
}

// unexpect takes back what Asterisk has refused to make. Call it with mu held.
func (g *Gateway) unexpect(k *call, fresh []thing) {
	for _, x := range fresh {
		if x.kind == "bridge" {
			delete(k.bridges, x.id)
			g.disown(k, x)
		} else if k.members[x.id] == awaited {
			g.leaves(k, x.id, true)
		}
	}
}

// thingsMade finds the channels and bridges that a request makes: their ids are the worker's choice.
func thingsMade(method, path string, body []byte) []thing {
	if method != "POST" {
		return nil
	}
	u, err := url.Parse(path)
	if err != nil {
		return nil
	}
	var made []thing
	add := func(kind, id string) {
		if id != "" {
			made = append(made, thing{kind, id})
		}
	}
	fields := make(map[string]json.RawMessage)
	_ = json.Unmarshal(body, &fields) // A body without these has none.
	value := func(name string) (id string) {
		if id = u.Query().Get(name); id == "" {
			_ = json.Unmarshal(fields[name], &id)
		}
		return id
	}
	add("channel", value("channelId"))
	add("channel", value("otherChannelId"))
	add("channel", value("snoopId"))
	add("bridge", value("bridgeId"))
	parts := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i := range parts {
		if parts[i], err = url.PathUnescape(parts[i]); err != nil {
			return made
		}
	}
	switch {
	case len(parts) == 2 && parts[0] == "channels" && parts[1] != "create" && parts[1] != "externalMedia":
		add("channel", parts[1])
	case len(parts) == 2 && parts[0] == "bridges":
		add("bridge", parts[1])
	case len(parts) == 4 && parts[0] == "channels" && parts[2] == "snoop":
		add("channel", parts[3])
	}
	return made
}

var errTooBig = errors.New("the answer is too big for the bus")
