package ari

import (
	"encoding/json"
	"net/http"
	"strings"
)

// Stats returns the client's figures, of all its Asterisks together. It may be called at any time.
func (c *Client) Stats() Stats {
	n := &c.hub.counters
	stats := Stats{
		Connected:   true,
		Connections: n.connections.Load(),
		Frames:      n.frames.Load(),
		Bytes:       n.bytes.Load(),
		BadFrames:   n.bad.Load(),
		Decoded:     n.decoded.Load(),
		Lost:        c.hub.budget.Lost(),
		Failed:      n.failed.Load(),
		Waiting:     c.hub.budget.Waiting(),
		Running:     int(c.hub.workers.active.Load()),
		Listeners:   c.hub.index.len(),
	}
	for _, s := range c.all() {
		stats.Connected = stats.Connected && s.flowing()
		stats.Calls += s.callCount()
	}
	return stats
}

// observed tells observers that the client has been made.
func (c *Client) observed() *Client {
	for _, o := range c.hub.observers {
		if o.Start != nil {
			c.hub.reports.protect(c.hub.ctx, func() { o.Start(c.hub.ctx, c.Stats) })
		}
	}
	return c
}

// A Health says how a client stands, for whoever starts programs and sends calls to them.
type Health struct {
	// Alive is false when the client has ended, so that only a new one helps.
	Alive bool `json:"alive"`

	// Ready says that the client is alive, doesn't drain, and is in step with each of its Asterisks. A [Server] to which none
	// has connected is ready, too: they come only to who is.
	Ready bool `json:"ready"`

	// Draining is true after [Client.Drain].
	Draining bool `json:"draining"`

	// Connections are those to the client's Asterisks.
	Connections []ConnectionHealth `json:"connections"`
}

// A ConnectionHealth says how the connection to one Asterisk stands.
type ConnectionHealth struct {
	// Source is where the connection comes from. It has no password in it.
	Source string `json:"source"`

	// Applications are those whose events come by it.
	Applications []string `json:"applications"`

	// State is "new" (never connected), "settling" (connected, what was missed is being found out), "in step", "doubtful" (a
	// command got no answer), "down" (lost, being made again) or "ended".
	State string `json:"state"`

	// Calls is the number of channels known to be in the applications.
	Calls int `json:"calls"`
}

// Health returns how the client stands. It asks nobody and doesn't wait, so it may be called as often as one likes.
func (c *Client) Health() Health {
	h := Health{Alive: c.Err() == nil, Draining: c.draining.Load(), Connections: []ConnectionHealth{}}
	h.Ready = h.Alive && !h.Draining
	for _, s := range c.all() {
		p := s.state.now()
		h.Ready = h.Ready && p == phaseInStep
		h.Connections = append(h.Connections, ConnectionHealth{
			Source: s.src.String(), Applications: append([]string{}, s.apps...), State: p.String(), Calls: s.callCount(),
		})
	}
	return h
}

// HealthHandler answers the probes of an orchestrator or a load balancer with [Client.Health] as JSON. A path that ends with
// /livez asks whether the client is alive, any other one whether it is ready. Yes is status 200, no is 503.
//
//	http.Handle("/readyz", client.HealthHandler())
//	http.Handle("/livez", client.HealthHandler())
func (c *Client) HealthHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		h := c.Health()
		status, yes := http.StatusOK, h.Ready
		if strings.HasSuffix(r.URL.Path, "/livez") {
			yes = h.Alive
		}
		if !yes {
			status = http.StatusServiceUnavailable
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(h) // Who asked may have gone.
	})
}
