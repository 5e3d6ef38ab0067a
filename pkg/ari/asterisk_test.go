package ari

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// first is the client's first session.
func (c *Client) first() *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sessions[0]
}

// expects is the life of something that a request of the client's first session is about to make; a channel is in the
// application "hello" by then.
func (c *Client) expects(kind entityKind, id string, on entityKey) *follower {
	f, _ := c.first().expect(expectation{kind: kind, id: id, on: on, app: "hello"}).(*follower)
	return f
}

// originates is expects for a channel that Asterisk subscribes the application to.
func (c *Client) originates(id string) *follower {
	f, _ := c.first().expect(expectation{kind: kindChannel, id: id, app: "hello", subscribed: true}).(*follower)
	return f
}

// A channelState is a channel of the small asterisk.
type channelState struct {
	state   string // "Up" when answered
	app     string // the dialplan application that it executes
	appData string // and that application's arguments
}

// offline makes a client that doesn't connect: its frames come from receive. It is
// closed when the test ends.
func offline(t testing.TB, opts ...Option) *Client {
	t.Helper()
	c, err := NewClient("http://asterisk:8088/ari", "hello", append([]Option{WithLogger(quiet)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	c.first().state.set(phaseInStep) // as if it were connected
	return c
}

func (c *Client) receive(frames ...string) {
	for _, frame := range frames {
		c.first().receive(Frame{Data: []byte(stamped(frame))})
	}
}

// Frames as Asterisk sends them.

// An asterisk is a small one in memory, for the connection's tests: the event
// websocket and what a resync asks for. It runs in a synctest bubble.
type asterisk struct {
	t      *testing.T
	srv    *http.Server
	accept chan net.Conn
	http   *http.Client

	mu       sync.Mutex
	refuse   func(w http.ResponseWriter) bool // answers a handshake instead
	down     error                            // what dialling meets
	sockets  []*websocket.Conn
	wires    []*wireConn
	dials    []time.Time
	headers  []http.Header
	uris     []string
	requests []string // other than the handshake
	fail     func(method, path string) int
	hook     func(method, path string)
	onPong   func(payload string)

	channels  map[string]channelState
	bridges   []string
	playbacks map[string]bool
	sources   map[string][]string // by application
	unknown   string              // a source that it refuses
	noApps    int                 // so many of the next requests about one find none
	mute      int                 // so many of the next connections bring no user events
	filters   map[string]string
}

// A wireConn is one connection, on the server's side. When it is frozen, what the
// server writes is lost.
type wireConn struct {
	net.Conn
	frozen atomic.Bool
}

func (w *wireConn) Write(p []byte) (int, error) {
	if w.frozen.Load() {
		return len(p), nil
	}
	return w.Conn.Write(p)
}

type pipeListener struct {
	accept chan net.Conn
	done   chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error { l.once.Do(func() { close(l.done) }); return nil }

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// newAsterisk starts one, and stops it when the test ends.
func newAsterisk(t *testing.T) *asterisk {
	a := &asterisk{
		t:         t,
		accept:    make(chan net.Conn),
		channels:  make(map[string]channelState),
		playbacks: make(map[string]bool),
		sources:   make(map[string][]string),
		filters:   make(map[string]string),
	}
	a.srv = &http.Server{Handler: a}
	listener := &pipeListener{accept: a.accept, done: make(chan struct{})}
	transport := &http.Transport{DialContext: a.dial}
	a.http = &http.Client{Transport: transport}
	go a.srv.Serve(listener) //nolint:errcheck // It ends with the test.
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		a.drop()
		require.NoError(t, a.srv.Close())
	})
	return a
}

func (a *asterisk) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	a.mu.Lock()
	a.dials = append(a.dials, time.Now())
	down := a.down
	a.mu.Unlock()
	if down != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: down}
	}
	ours, theirs := net.Pipe()
	w := &wireConn{Conn: theirs}
	select {
	case a.accept <- w:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	a.mu.Lock()
	a.wires = append(a.wires, w)
	a.mu.Unlock()
	return ours, nil
}

func (a *asterisk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "Asterisk/22.10.1")
	if r.URL.Path == "/ari/events" {
		a.events(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	path := strings.TrimPrefix(r.URL.Path, "/ari")
	a.mu.Lock()
	a.requests = append(a.requests, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
	fail, hook := a.fail, a.hook
	a.mu.Unlock()
	if hook != nil {
		hook(r.Method, path)
	}
	if fail != nil {
		if code := fail(r.Method, path); code != 0 {
			a.answer(w, code, map[string]string{"message": "refused by the test"})
			return
		}
	}
	if name, ok := strings.CutPrefix(path, "/events/user/"); ok {
		a.userEvent(r.URL.Query().Get("application"), name)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	a.mu.Lock()
	code, v := a.rest(r, path, string(body))
	a.mu.Unlock()
	a.answer(w, code, v)
}

func (a *asterisk) userEvent(app, name string) {
	a.mu.Lock()
	ws, mute := a.sockets[len(a.sockets)-1], a.mute > 0
	a.mute--
	a.mu.Unlock()
	if !mute {
		_ = a.sendOn(ws, inApp(app, `{"type":"ChannelUserevent","eventname":"`+name+`","userevent":{"eventname":"`+name+`"}`+frameTail))
	}
}

func (a *asterisk) answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func (a *asterisk) rest(r *http.Request, path, body string) (int, any) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	switch {
	case path == "/channels":
		list := []any{}
		for _, id := range slices.Sorted(maps.Keys(a.channels)) {
			list = append(list, a.channel(id))
		}
		return 200, list
	case parts[0] == "channels":
		if _, ok := a.channels[parts[1]]; ok {
			return 200, a.channel(parts[1])
		}
	case path == "/bridges":
		list := []any{}
		for _, id := range a.bridges {
			list = append(list, json.RawMessage(bridgeJSON(id)))
		}
		return 200, list
	case parts[0] == "playbacks":
		if a.playbacks[parts[1]] {
			return 200, map[string]string{"id": parts[1], "state": "playing"}
		}
	case parts[0] == "applications" && a.noApps > 0:
		a.noApps--
	case path == "/applications":
		list := []any{}
		for _, name := range slices.Sorted(maps.Keys(a.sources)) {
			list = append(list, a.application(name))
		}
		return 200, list
	case parts[0] == "applications" && len(parts) == 2:
		return 200, a.application(parts[1])
	case parts[0] == "applications" && parts[2] == "subscription":
		for s := range strings.SplitSeq(r.URL.Query().Get("eventSource"), ",") {
			if s == a.unknown { // Those before it stay subscribed to.
				return 422, map[string]string{"message": "unknown source"}
			}
			if slices.Contains(a.sources[parts[1]], s) {
				continue
			}
			a.sources[parts[1]] = append(a.sources[parts[1]], s)
		}
		return 200, a.application(parts[1])
	case parts[0] == "applications" && parts[2] == "eventFilter":
		a.filters[parts[1]] = body
		return 200, a.application(parts[1])
	}
	return 404, map[string]string{"message": "not found"}
}

func (a *asterisk) channel(id string) any {
	ch := a.channels[id]
	return map[string]any{
		"id": id, "state": ch.state, "name": "Local/x", "creationtime": "2026-11-23T00:41:40.100+0000",
		"dialplan": map[string]any{"app_name": ch.app, "app_data": ch.appData, "context": "default", "exten": "hello", "priority": 3},
	}
}

func (a *asterisk) application(name string) any {
	lists := map[string][]string{"channel": {}, "bridge": {}, "endpoint": {}, "deviceState": {}}
	for _, s := range a.sources[name] {
		if topic, ok := topicOfAll[s]; ok {
			s = topic
		}
		kind, id, _ := strings.Cut(s, ":")
		lists[kind] = append(lists[kind], id)
	}
	return map[string]any{
		"name": name, "channel_ids": lists["channel"], "bridge_ids": lists["bridge"], "endpoint_ids": lists["endpoint"],
		"device_names": lists["deviceState"], "events_allowed": []any{}, "events_disallowed": []any{},
	}
}

func (a *asterisk) events(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.headers = append(a.headers, r.Header.Clone())
	a.uris = append(a.uris, r.URL.RequestURI())
	refuse := a.refuse
	a.mu.Unlock()
	if refuse != nil && refuse(w) {
		return
	}
	if r.URL.Query().Get("subscribeAll") == "true" {
		a.mu.Lock()
		for app := range strings.SplitSeq(r.URL.Query().Get("app"), ",") {
			if len(a.sources[app]) == 0 { // An application that is there already stays as it is.
				a.sources[app] = slices.Clone(allSources)
			}
		}
		a.mu.Unlock()
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{"ari"},
		OnPongReceived: func(_ context.Context, payload []byte) {
			if a.onPong != nil {
				a.onPong(string(payload))
			}
		},
	})
	if err != nil {
		return
	}
	ws.SetReadLimit(-1)
	a.mu.Lock()
	a.sockets = append(a.sockets, ws)
	a.mu.Unlock()
	for { // Answers pings. Asterisk ignores what else comes.
		if _, _, err := ws.Read(context.Background()); err != nil {
			return
		}
	}
}

// connections returns how many there have been.
func (a *asterisk) connections() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.sockets)
}

func (a *asterisk) socket() *websocket.Conn {
	synctest.Wait() // The client may know of a connection before we do.
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sockets[len(a.sockets)-1]
}

// send sends frames, and like Asterisk gives a client up that doesn't take one
// within 100 ms.
func (a *asterisk) send(frames ...string) error { return a.sendOn(a.socket(), frames...) }

func (a *asterisk) sendOn(ws *websocket.Conn, frames ...string) error {
	for _, frame := range frames {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		err := ws.Write(ctx, websocket.MessageText, []byte(stamped(frame)))
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// drop cuts all connections.
func (a *asterisk) drop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.wires {
		_ = w.Close()
	}
	a.wires = nil
}

// hang cuts all connections, and leaves the next handshake without an answer.
func (a *asterisk) hang() {
	var answers atomic.Bool
	a.set(func() {
		a.refuse = func(http.ResponseWriter) bool {
			if answers.Swap(true) {
				return false
			}
			time.Sleep(2 * handshakeTimeout)
			return true
		}
	})
	a.drop()
}

// takeOver tells the client that its application has been taken over.
func (a *asterisk) takeOver(app string) error {
	return a.send(inApp(app, `{"type":"ApplicationReplaced"`+frameTail))
}

func (a *asterisk) freeze() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.wires {
		w.frozen.Store(true)
	}
}

// set changes the asterisk's state.
func (a *asterisk) set(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

func (a *asterisk) requested(part string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.requests {
		if strings.Contains(r, part) {
			n++
		}
	}
	return n
}

// inStasis is a channel in the application.
func inStasis(app string) channelState {
	return channelState{state: "Up", app: "Stasis", appData: app + ",a,b"}
}

// client makes a client of this asterisk that isn't connected yet.
func (a *asterisk) client(opts ...Option) *Client {
	a.t.Helper()
	opts = append([]Option{WithLogger(quiet), WithHTTPClient(a.http), WithBasicAuth("user", "secret")}, opts...)
	c, err := NewClient("http://asterisk:8088/ari/", "hello", opts...)
	require.NoError(a.t, err)
	return c
}

// connected makes a client that is connected, and closes it when the test ends.
func (a *asterisk) connected(opts ...Option) *Client {
	a.t.Helper()
	c := a.client(opts...)
	require.NoError(a.t, c.Connect(context.Background()))
	synctest.Wait()
	a.t.Cleanup(func() { require.NoError(a.t, c.Close(context.Background())) })
	return c
}

// reconnect drops the connection and waits until events flow again.
func (a *asterisk) reconnect() {
	a.t.Helper()
	before := a.connections()
	a.drop()
	require.Eventually(a.t, func() bool { return a.connections() > before }, time.Minute, 100*time.Millisecond)
	synctest.Wait()
}
