package fleet

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// testLease is short, so that tests are.
const testLease = 1500 * time.Millisecond

// soon bounds what a test waits for.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits for a condition that no event tells.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, time.Minute, 5*time.Millisecond, what)
}

// A rig is a bus, with Asterisks and their gateways on it.
type rig struct {
	t         *testing.T
	bus       *Bus
	asterisks []*aritest.Server
	gateways  []*Gateway
	book      *book
}

func newRig(t *testing.T, asterisks int) *rig {
	t.Helper()
	bus, err := StartBus("127.0.0.1", 0, t.TempDir())
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	r := &rig{t: t, bus: bus, book: newBook()}
	require.NoError(t, Prepare(soon(t), r.connect()))
	for i := range asterisks {
		srv := aritest.NewServer(t, aritest.WithWriteTimeout(time.Minute)) // since the machine may be busy
		r.asterisks = append(r.asterisks, srv)
		r.gateways = append(r.gateways, r.gateway(srv, string(rune('a'+i))))
	}
	return r
}

func (r *rig) connect(opts ...nats.Option) *nats.Conn {
	r.t.Helper()
	nc, err := nats.Connect(r.bus.URL(), opts...)
	require.NoError(r.t, err)
	r.t.Cleanup(nc.Close)
	return nc
}

// gateway starts one, and waits until it is ready.
func (r *rig) gateway(srv *aritest.Server, node string) *Gateway {
	r.t.Helper()
	g, err := NewGateway(soon(r.t), r.connect(), GatewayConfig{
		Node: node, URL: srv.URL, Username: srv.Username, Password: srv.Password, Applications: []string{srv.App}, Logger: quiet,
	})
	require.NoError(r.t, err)
	g.trace = func(call, token, id string) { r.book.request(node+"/"+call, token, id) }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		require.NoError(r.t, <-done)
	})
	select {
	case <-g.Ready():
	case <-soon(r.t).Done():
		r.t.Fatal("the gateway is not ready")
	}
	return g
}

// A worker is a client whose connection to the bus a test can cut.
type worker struct {
	*Client
	line *line
	stop func()
}

func (r *rig) worker(register func(c *Client), opts ...nats.Option) *worker {
	r.t.Helper()
	l := &line{}
	always := []nats.Option{nats.SetCustomDialer(l), nats.ReconnectWait(10 * time.Millisecond), nats.MaxReconnects(-1)}
	nc := r.connect(append(always, opts...)...)
	c, err := NewClient(soon(r.t), nc, r.asterisks[0].App, ClientConfig{Lease: testLease, Logger: quiet})
	require.NoError(r.t, err)
	register(c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	w := &worker{Client: c, line: l}
	w.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(r.t, <-done)
	})
	r.t.Cleanup(w.stop)
	return w
}

// kill cuts the worker off for good, without any goodbye.
func (w *worker) kill() { w.line.cut() }

// A line is how a worker reaches the bus.
type line struct {
	mu    sync.Mutex
	conns []net.Conn
	down  bool
}

// Dial implements nats.CustomDialer.
func (l *line) Dial(network, address string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errors.New("the line is cut")
	}
	conn, err := (&net.Dialer{}).DialContext(context.Background(), network, address)
	if err == nil {
		l.conns = append(l.conns, conn)
	}
	return conn, err
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for _, conn := range l.conns {
		_ = conn.Close()
	}
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}

// A book has what reached the Asterisks, and finds what must not.
type book struct {
	mu     sync.Mutex
	seen   map[string]bool
	latest map[string]string
	wrong  []string
}

func newBook() *book { return &book{seen: make(map[string]bool), latest: make(map[string]string)} }

func (b *book) request(call, token, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen[id] {
		b.wrong = append(b.wrong, "twice: "+id)
	}
	b.seen[id] = true
	if last := b.latest[call]; len(token) < len(last) || len(token) == len(last) && token < last {
		b.wrong = append(b.wrong, "an old token after "+last+": "+token)
	}
	b.latest[call] = token
}

func (b *book) check(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(t, b.wrong)
	require.NotEmpty(t, b.seen)
}

// digits are the keys that were pressed, in a call's events.
func digits(list []ari.Event) string {
	pressed := ""
	for _, ev := range list {
		if d, ok := ev.(*ari.ChannelDtmfReceived); ok {
			pressed += d.Digit
		}
	}
	return pressed
}
