package conformance

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

const (
	// scenarioTime is how long a scenario may take, unless it says otherwise.
	scenarioTime = 45 * time.Second
	// awaitTime is how long is waited for one thing to happen.
	awaitTime = 15 * time.Second
	// calm is how long no event must have come before a request is sent that is recorded.
	calm = 60 * time.Millisecond
)

// scenario is one of the suite.
type scenario struct {
	// name is also the name of its application and of its recording.
	name string
	run  func(s *S)
	// needs are the features without which it is skipped, since the version from which on it makes sense.
	needs []Feature
	since string
	// options are more of the client's.
	options []ari.Option
	// alone keeps others from running at the same time, since it sees, or changes, what is the whole endpoint's. It also keeps those apart that set an
	// event filter and that read applications: at once, these crash a real Asterisk.
	alone bool
	// unrecorded scenarios have no recording: what they send and receive is never twice the same.
	unrecorded bool
	// limit replaces scenarioTime.
	limit time.Duration
}

// scenarios are all of the suite, in the order in which they were written down.
var scenarios []scenario

// everything subscribes to all events but device states, with which a real Asterisk can lock up.
var everything = []ari.Option{ari.WithSubscriptions("channel:", "bridge:", "endpoint:")}

// register adds scenarios to the suite. Each file of scenarios does so when the program starts.
func register(more ...scenario) struct{} {
	scenarios = append(scenarios, more...)
	return struct{}{}
}

// A Config says how the suite is run.
type Config struct {
	// Workers is how many scenarios run at the same time, 4 by default.
	Workers int
	// Record is the folder that recordings are written to; without it, nothing is recorded. They are made one by one.
	Record string
	// Coverage counts what is exercised.
	Coverage *Coverage
	// Transport is how commands and events go. By another one than the usual, some scenarios don't run, and with Sample only a few do.
	Transport Transport
	Sample    bool
	// Switchboard takes the websockets of [Called].
	Switchboard *Switchboard
	// Known are scenarios that don't pass on this endpoint, with the reason. They are skipped.
	Known map[string]string
}

// Run runs all scenarios, each as a subtest.
func Run(t *testing.T, env Env, cfg Config) {
	t.Helper()
	if cfg.Coverage == nil {
		cfg.Coverage = NewCoverage(t, t.Name())
	}
	workers := cfg.Workers
	if workers == 0 {
		workers = 4
	}
	if cfg.Record != "" {
		workers = 1
	}
	c := cfg.Coverage
	c.version = env.Server().Version
	ran := make(map[string]bool)
	var lockedUp atomic.Bool // so that not every scenario waits for its end
	var mu sync.Mutex
	one := func(sc scenario) {
		t.Run(sc.name, func(t *testing.T) {
			mu.Lock()
			ran[sc.name] = true
			mu.Unlock()
			if reason := cfg.Known[sc.name]; reason != "" {
				t.Skip(reason)
			}
			if reason := cfg.leaves(sc); reason != "" {
				t.Skip(reason)
			}
			if lockedUp.Load() {
				t.Fatal("not run: the endpoint has locked up")
			}
			defer func() {
				if t.Failed() && !answers(env.Server()) {
					lockedUp.Store(true)
					t.Error("the endpoint has locked up: it doesn't even list its applications any more")
				}
			}()
			play(t, env, sc, cfg)
			mu.Lock()
			defer mu.Unlock()
			c.scenarios++
			if t.Failed() {
				c.failed++
			}
		})
	}
	sorted := slices.Clone(scenarios)
	slices.SortStableFunc(sorted, func(a, b scenario) int { return strings.Compare(a.name, b.name) })
	for _, sc := range sorted {
		if sc.alone {
			one(sc)
		}
	}
	// A scenario mostly waits, so that more of them than there are processors can run at the same time; and t.Parallel would leave that to a flag.
	queue := make(chan scenario)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for sc := range queue {
				one(sc)
			}
		})
	}
	// Those that take longest begin first.
	slices.SortStableFunc(sorted, func(a, b scenario) int { return int(b.limit - a.limit) })
	for _, sc := range sorted {
		if !sc.alone {
			queue <- sc
		}
	}
	close(queue)
	wg.Wait()
	c.complete = len(ran) == len(scenarios) && len(cfg.Known) == 0 && !slices.ContainsFunc(scenarios, func(sc scenario) bool {
		return slices.ContainsFunc(sc.needs, func(f Feature) bool { return env.Lacks(f) != "" })
	})
	// On somebody else's endpoint, what is there may be somebody else's, too.
	if !t.Failed() && env.Lacks(Own) == "" {
		nothingLeft(t, env)
	}
}

// play runs one scenario.
func play(t *testing.T, env Env, sc scenario, cfg Config) {
	server := env.Server()
	if sc.since != "" && compareVersions(server.Version, sc.since) < 0 {
		t.Skipf("since Asterisk %s", sc.since)
	}
	for _, f := range sc.needs {
		if reason := env.Lacks(f); reason != "" {
			t.Skipf("%s: %s", f, reason)
		}
	}
	limit := sc.limit
	if limit == 0 {
		limit = scenarioTime
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	s := &S{T: t, Env: env, Ctx: ctx, cfg: cfg, name: sc.name}
	if cfg.Record != "" && !sc.unrecorded {
		t.Cleanup(func() {
			if !t.Failed() && !t.Skipped() {
				require.NoError(t, s.save(cfg.Record))
			}
		})
	}
	t.Cleanup(s.cleanUp)
	s.recorder = s.newRecorder(env.Server(), nil)
	if cfg.Record != "" && !sc.unrecorded {
		s.recorder.calm = calm
	}
	if cfg.Transport == Called {
		s.App = s.answerCalls(appPrefix+sc.name, sc.options...)
	} else {
		s.App = s.connect(appPrefix+sc.name, sc.options...)
	}
	sc.run(s)
	s.ok(s.recorder.await(ctx)) // What is still to come belongs to the recording, too.
}

// S is a scenario while it runs: what it runs on, and the application that is its own.
type S struct {
	*testing.T
	Env
	*App
	// Ctx ends when the scenario has taken too long.
	Ctx context.Context //nolint:containedctx // It lives as long as the scenario.

	cfg      Config
	name     string
	recorder *recorder
	apps     []*App
	own      bool // Env is the scenario's own, and ends with it
}

// newRecorder returns a transport to a server.
func (s *S) newRecorder(server Server, tlsConfig *tls.Config) *recorder {
	base, err := url.Parse(server.URL)
	require.NoError(s, err)
	transport := &http.Transport{TLSClientConfig: tlsConfig, MaxConnsPerHost: 32, MaxIdleConnsPerHost: 32, IdleConnTimeout: 10 * time.Second}
	s.Cleanup(transport.CloseIdleConnections)
	return &recorder{transport: transport, base: base.Path, server: server, coverage: s.cfg.Coverage}
}

// version is the endpoint's.
func (s *S) version() string { return s.Server().Version }

// from reports whether the endpoint's version is at least this one. Of several, each is that of one branch, and the last one stands for newer branches too.
func (s *S) from(since ...string) bool {
	branch, _, _ := strings.Cut(s.version(), ".")
	for _, first := range since {
		if strings.HasPrefix(first+".", branch+".") {
			return compareVersions(s.version(), first) >= 0
		}
	}
	return compareVersions(s.version(), since[len(since)-1]) >= 0
}

// supports reports whether the endpoint has an operation.
func (s *S) supports(operation string) bool {
	ok, err := s.ARI.Supports(s.Ctx, operation)
	require.NoError(s, err)
	return ok
}

// id makes an id of the scenario's own. No other scenario's may begin with it: Asterisk would take it for taken.
func (s *S) id(suffix string) string {
	s.Helper()
	id := s.name + "-" + suffix
	for _, other := range scenarios {
		if other.name != s.name && strings.HasPrefix(other.name, id) {
			require.Fail(s, "an id that isn't the scenario's own", "those of scenario %s begin with %s", other.name, id)
		}
	}
	return id
}

// An App is an application that is connected, and what it has heard.
type App struct {
	// AppName is its name.
	AppName string
	Client  *ari.Client
	ARI     *ari.Controller

	s   *S
	log *eventLog
}

func (p *App) app() *App { return p }

// newClient makes a client that isn't connected yet.
func (s *S) newClient(app string, opts ...ari.Option) *App {
	server := s.Server()
	defaults := append([]ari.Option{
		ari.WithBasicAuth(server.Username, server.Password),
		ari.WithHTTPClient(&http.Client{Transport: s.recorder}),
	}, s.defaults()...)
	client, err := ari.NewClient(server.URL, app, append(defaults, opts...)...)
	require.NoError(s, err)
	return s.listen(client, app, client.Close)
}

var quietLog = slog.New(slog.DiscardHandler)

// listen begins to take down what a client hears. The client is closed with the scenario.
func (s *S) listen(client *ari.Client, app string, end func(context.Context) error) *App {
	p := &App{AppName: app, Client: client, ARI: client.ARI(), s: s, log: newEventLog()}
	events := ari.Subscribe[ari.Event](client)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ev, err := range events.All(context.Background()) {
			if err != nil {
				return
			}
			p.log.add(ev)
		}
	}()
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), awaitTime)
		defer cancel()
		if err := end(ctx); err != nil {
			s.Errorf("close: %v", err)
		}
		<-done
		if s.Failed() {
			s.Logf("what %s heard:\n%s", app, p.log)
		}
	})
	s.apps = append(s.apps, p)
	return p
}

// connect makes a client and connects it.
func (s *S) connect(app string, opts ...ari.Option) *App {
	p := s.newClient(app, opts...)
	require.NoError(s, p.Client.Connect(s.Ctx))
	return p
}

// moveTo leaves the common endpoint for one of the scenario's own, with the same application.
func (s *S) moveTo(env OwnEnv, opts ...ari.Option) {
	s.Env, s.own = env, true
	s.recorder.moveTo(env.Server())
	s.App = s.connect(s.AppName, opts...)
}

// controller makes a controller without a websocket. Its options come after those that every client here has.
func (s *S) controller(opts ...ari.ControllerOption) *ari.Controller {
	server := s.Server()
	defaults := []ari.ControllerOption{ari.WithBasicAuth(server.Username, server.Password), ari.WithHTTPClient(&http.Client{Transport: s.recorder})}
	c, err := ari.NewController(server.URL, append(defaults, opts...)...)
	require.NoError(s, err)
	return c
}

// quiet is a controller whose requests are neither counted nor recorded. It keeps no connections, which would count against the server's limit.
func quiet(tb testing.TB, env Env) *ari.Controller {
	tb.Helper()
	server := env.Server()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	c, err := ari.NewController(server.URL, ari.WithBasicAuth(server.Username, server.Password), ari.WithHTTPClient(client))
	require.NoError(tb, err)
	return c
}

// cleanUp ends whatever the scenario has made and left.
func (s *S) cleanUp() {
	lines, all := s.recorder.recorded()
	if s.Failed() {
		var b strings.Builder
		for _, l := range lines {
			if l.Dir != "event" {
				b.WriteString(l.summary() + "\n")
			}
		}
		s.Logf("what was sent and answered:\n%s", b.String())
	}
	if s.own {
		return
	}
	for _, p := range s.apps {
		for _, id := range p.log.entered() {
			all = append(all, made{"channel", id})
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), awaitTime)
	defer cancel()
	c := quiet(s, s.Env)
	for _, m := range all {
		// Most of it is gone already.
		if m.kind == "channel" {
			_ = c.StopChannel(ctx, m.id)
		} else {
			_ = c.StopBridge(ctx, m.id)
		}
	}
	for _, m := range all {
		if err := gone(ctx, c, m); err != nil {
			s.Errorf("%s %s is left: %v", m.kind, m.id, err)
		}
	}
}

// gone waits until something no longer exists. There may be nobody left who would hear of its end, so it is asked for.
func gone(ctx context.Context, c *ari.Controller, m made) error {
	for {
		var err error
		switch m.kind {
		case "channel":
			_, err = c.Channel(m.id).Refresh(ctx)
		case "bridge":
			_, err = c.Bridge(m.id).Refresh(ctx)
		case "playback":
			_, err = c.Playback(m.id).Refresh(ctx)
		case "recording":
			_, err = c.LiveRecording(m.id).Refresh(ctx)
		}
		if err != nil {
			if errors.Is(err, ari.ErrNotFound) {
				return nil
			}
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// pause lies between two questions about the same thing, where no event tells.
func pause(ctx context.Context) error {
	select {
	case <-time.After(10 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// nothingLeft fails the test if the endpoint still has channels or bridges.
func nothingLeft(t *testing.T, env Env) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), awaitTime)
	defer cancel()
	c := quiet(t, env)
	for {
		channels, err := c.Channels(ctx)
		require.NoError(t, err)
		bridges, err := c.Bridges(ctx)
		require.NoError(t, err)
		if len(channels)+len(bridges) == 0 {
			return
		}
		if pause(ctx) != nil {
			for _, ch := range channels {
				t.Errorf("channel %s is left (%s, in %s %s)", ch.Name, ch.State, ch.Dialplan.AppName, ch.Dialplan.AppData)
			}
			for _, b := range bridges {
				t.Errorf("bridge %s %q is left", b.ID, b.Name)
			}
			return
		}
	}
}

// answers reports whether an endpoint still lists its applications. A real Asterisk that has locked up doesn't: see docs/asterisk-behaviour.md.
func answers(server Server) bool {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ctrl, err := ari.NewController(server.URL, ari.WithBasicAuth(server.Username, server.Password))
	if err != nil {
		return true
	}
	_, err = ctrl.Applications(ctx)
	return err == nil
}
