package conformance

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// A Transport is how commands and events go between a scenario's client and the endpoint.
type Transport string

// The transports.
const (
	// Usual is HTTP for commands, and a websocket for events that the client opens.
	Usual Transport = ""
	// Websocket is that websocket for both.
	Websocket Transport = "websocket"
	// Called is websockets for both that the endpoint opens: see [Switchboard].
	Called Transport = "called"
)

// A Switchboard is where an endpoint opens websockets to, one for each scenario's application and one for its commands.
type Switchboard struct {
	mu      sync.Mutex
	servers map[string]http.Handler // by path
}

// NewSwitchboard makes one that nobody listens at.
func NewSwitchboard() *Switchboard { return &Switchboard{servers: make(map[string]http.Handler)} }

// ServeHTTP gives a websocket to the scenario that it is for, if that runs.
func (b *Switchboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	h := b.servers[strings.TrimPrefix(r.URL.Path, "/")]
	b.mu.Unlock()
	if h == nil {
		http.Error(w, "nobody is there", http.StatusServiceUnavailable)
		return
	}
	h.ServeHTTP(w, r)
}

func (b *Switchboard) set(app string, h http.Handler) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h == nil {
		delete(b.servers, app)
		return
	}
	b.servers[app] = h
}

// Outbound are the websockets that an endpoint must open to a switchboard at an address.
func (cfg Config) Outbound(addr string) []Outbound {
	var all []Outbound
	for _, sc := range scenarios {
		if cfg.leaves(sc) != "" {
			continue
		}
		app := appPrefix + sc.name
		for _, name := range []string{app, app + "-commands-1", app + "-commands-2"} {
			all = append(all, Outbound{Name: name, URI: "ws://" + addr + "/" + app, Apps: []string{name}})
		}
	}
	return all
}

// appPrefix is how the scenarios' applications begin.
const appPrefix = "conf-"

// sample is what runs by another transport than the usual one where time is short: each kind of command, and what may wait.
var sample = map[string]bool{
	"application-subscriptions": true, "bridge-errors": true, "bridging-one-call": true,
	"continue-and-back": true, "create-and-dial": true, "create-invalid": true, "external-media": true, "handler-context": true, "incoming-caller-hangs-up": true,
	"moves-between-applications": true, "originate-with-variables": true, "playback-blocks-commands": true, "playback-control": true, "prompt": true,
	"recording-blocks-bridge": true, "rest-errors": true, "rest-lists-with-commas": true, "rest-odd-ids": true, "snoop": true, "user-events": true,
	"variables-many": true,
}

// leaves says why a scenario isn't run by the transport, or "".
func (cfg Config) leaves(sc scenario) string {
	switch {
	case cfg.Transport == Usual:
		return ""
	case cfg.Sample && !sample[sc.name]:
		return "it isn't in the sample"
	case cfg.Transport == Websocket:
		return ""
	default:
		return notCalled[sc.name]
	}
}

// notCalled are those that need HTTP.
var notCalled = map[string]string{
	"recording-stored": "the file of a recording goes by HTTP only",
	"variables-long":   "a message may have 8 KB",
}

// transportOptions are what makes commands of a scenario's clients go by the transport.
func (s *S) transportOptions() []ari.Option {
	if s.cfg.Transport == Usual {
		return nil
	}
	return []ari.Option{ari.WithCommands(ari.CommandsWebsocket), ari.WithInterceptor(s.noting)}
}

// noting notes commands that the recorder doesn't see.
func (s *S) noting(next ari.Doer) ari.Doer {
	return ari.DoerFunc(func(req *http.Request) (*http.Response, error) {
		op := s.recorder.operation(req)
		resp, err := next.Do(req)
		if op == nil {
			return resp, err
		}
		var refused *ari.Error
		switch {
		case errors.As(err, &refused) && refused.StatusCode != 0:
			s.recorder.coverage.operation(op.id, refused.StatusCode)
		case err == nil:
			s.recorder.coverage.operation(op.id, resp.StatusCode)
			if makers[op.id] != "" {
				body, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				resp.Body = io.NopCloser(bytes.NewReader(body))
				s.recorder.noteMade(op, resp.StatusCode, body)
			}
		}
		return resp, err
	})
}

// answerCalls makes a scenario's own application one whose websockets the endpoint opens.
func (s *S) answerCalls(app string, opts ...ari.Option) *App {
	var all []ari.ServerOption
	for _, opt := range append(s.defaults(), opts...) {
		all = append(all, opt)
	}
	server, err := ari.NewServer(app, all...)
	require.NoError(s, err)
	p := s.listen(server.Client, app, server.Close)
	s.cfg.Switchboard.set(app, server)
	s.Cleanup(func() { s.cfg.Switchboard.set(app, nil) })
	require.NoError(s, p.Client.Connect(s.Ctx))
	for server.ARI() == nil {
		require.NoError(s, pause(s.Ctx), "the endpoint opens no websocket")
	}
	require.NoError(s, server.WaitConnected(s.Ctx))
	p.ARI = server.ARI()
	return p
}

// defaults are the options of all clients.
func (s *S) defaults() []ari.Option {
	return append([]ari.Option{ari.WithLogger(quietLog), ari.WithEventBuffer(10_000)}, s.transportOptions()...)
}
