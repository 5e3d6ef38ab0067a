package aritest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// A place is where application servers listen in memory, one after the other.
type place struct {
	mu     sync.Mutex
	conns  chan net.Conn // of the server that listens; nil: nobody does
	closed chan struct{}
}

func (p *place) dial(ctx context.Context) (net.Conn, error) {
	p.mu.Lock()
	conns, closed := p.conns, p.closed
	p.mu.Unlock()
	if conns == nil {
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	}
	ours, theirs := net.Pipe()
	select {
	case conns <- theirs:
		return ours, nil
	case <-closed:
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// listen returns a listener that dial reaches until it is closed.
func (p *place) listen() net.Listener {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns, p.closed = make(chan net.Conn), make(chan struct{})
	return &placeListener{p: p, conns: p.conns, closed: p.closed}
}

type placeListener struct {
	p      *place
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *placeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *placeListener) Close() error {
	l.once.Do(func() {
		l.p.mu.Lock()
		defer l.p.mu.Unlock()
		l.p.conns = nil
		close(l.closed)
	})
	return nil
}

func (*placeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// serve runs an application server at a place until the test ends or the returned function is called.
func (p *place) serve(t *testing.T, s *ari.Server) (stop func()) {
	t.Helper()
	served, ran := make(chan error, 1), make(chan error, 1)
	l := p.listen()
	go func() { served <- s.Serve(context.Background(), l) }()
	go func() { ran <- s.Run(context.Background()) }()
	stop = sync.OnceFunc(func() {
		assert.NoError(t, s.Close(context.Background()))
		assert.NoError(t, <-served)
		assert.NoError(t, <-ran)
	})
	t.Cleanup(stop)
	return stop
}

// outbound are websockets that a simulated Asterisk opens to a place: for the application "hello", and for commands.
func (p *place) outbound(perCall bool) aritest.Option {
	return aritest.WithOutbound(
		aritest.Outbound{Name: "calls", URI: "ws://place/", Apps: []string{"hello"}, PerCall: perCall, Username: "pbx", Password: "secret", Dial: p.dial},
		aritest.Outbound{Name: "commands", URI: "ws://place/", Apps: []string{"hello-commands-1"}, Username: "pbx", Password: "secret", Dial: p.dial},
	)
}

func newServer(t *testing.T, opts ...ari.ServerOption) *ari.Server {
	t.Helper()
	s, err := ari.NewServer("hello", append([]ari.ServerOption{
		quiet, ari.WithAuthenticator(func(_ *http.Request, user, password string) bool { return user == "pbx" && password == "secret" }),
	}, opts...)...)
	require.NoError(t, err)
	return s
}

// serving makes handlers that serve calls as long as they last, and tell of them.
func serving(t *testing.T, s *ari.Server) (calls chan *ari.StasisStart, ends chan error) {
	t.Helper()
	calls, ends = make(chan *ari.StasisStart, 2000), make(chan error, 2000)
	s.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		err := func() error {
			ch := call.Channel
			if err := ch.Answer(ctx); err != nil {
				return err
			}
			b, err := ch.Controller().CreateBridge(ctx, ari.CreateBridgeOptions{})
			if err != nil {
				return err
			}
			defer func() { assert.NoError(t, b.Stop(ari.Cleanup(ctx))) }()
			if err := b.AddChannel(ctx, ch.ID); err != nil {
				return err
			}
			calls <- call
			<-ctx.Done()
			return context.Cause(ctx)
		}()
		ends <- err
		return nil
	})
	return calls, ends
}

// A call is served over websockets that Asterisk opens, and gets its handler back when the program is started again.
func TestServer(t *testing.T) {
	for _, perCall := range []bool{false, true} {
		t.Run(fmt.Sprintf("perCall=%v", perCall), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var p place
				s := newServer(t)
				calls, ends := serving(t, s)
				stop := p.serve(t, s)
				srv := aritest.NewServer(t, aritest.InMemory(), p.outbound(perCall))
				began := time.Now()
				call := srv.Call("1000")
				start := <-calls
				assert.False(t, start.Resumed())
				app := "hello"
				if perCall {
					app = "hello:" + start.Channel.Name
					assert.GreaterOrEqual(t, time.Since(began), 500*time.Millisecond)
				}
				assert.Equal(t, app, start.Application)
				leg, err := start.Channel.Controller().Originate(soon(t), ari.OriginateOptions{Endpoint: "Local/1000@elsewhere"})
				if err == nil {
					_ = leg.Stop(soon(t))
				}

				stop()
				require.ErrorIs(t, <-ends, ari.ErrClosed)
				time.Sleep(300 * time.Millisecond)
				again := newServer(t)
				calls, ends = serving(t, again)
				p.serve(t, again)
				resumed := <-calls
				assert.True(t, resumed.Resumed())
				assert.Equal(t, start.Channel.ID, resumed.Channel.ID)
				assert.Equal(t, app, resumed.Application)

				call.Hangup()
				require.ErrorIs(t, <-ends, ari.ErrLeftStasis)
				require.NoError(t, srv.WaitIdle(soon(t)))
				time.Sleep(5 * time.Second)
				left := 1
				if perCall {
					left = 0
				}
				assert.Len(t, again.Controllers(), left, "what is about one call ends with it")
			})
		})
	}
}

// A connection that is lost comes back, and nobody is without a handler, nor has one that has ended.
func TestServerLosesItsConnections(t *testing.T) {
	for _, perCall := range []bool{false, true} {
		t.Run(fmt.Sprintf("perCall=%v", perCall), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var p place
				s := newServer(t)
				calls, ends := serving(t, s)
				p.serve(t, s)
				srv := aritest.NewServer(t, aritest.InMemory(), p.outbound(perCall))
				var all []*aritest.Call
				for range 20 {
					all = append(all, srv.Call("1000"))
				}
				for range all {
					<-calls
				}
				for range 5 {
					srv.Faults().DropEvents()
					time.Sleep(time.Second)
				}
				select {
				case err := <-ends:
					t.Fatal("a call has lost its handler", err)
				case c := <-calls:
					t.Fatal("a call has got a second handler", c.Channel.ID)
				default:
				}
				for i, call := range all {
					if i%2 == 0 {
						srv.Faults().DropEvents()
					}
					call.Hangup()
					require.Error(t, <-ends)
				}
				require.NoError(t, srv.WaitIdle(soon(t)))
			})
		})
	}
}

// What Asterisk has kept while there was no connection comes in order, and all of it.
func TestServerGetsWhatWasKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p place
		srv := aritest.NewServer(t, aritest.InMemory(), p.outbound(false))
		const n = 20_000
		for i := range n {
			srv.Faults().SendEvent("hello", "ChannelUserevent", map[string]any{"eventname": fmt.Sprint(i), "userevent": map[string]any{}})
		}
		gone := srv.Call("1000") // It comes and goes while nobody is there.
		time.Sleep(time.Second)
		gone.Hangup()
		there := srv.Call("1000")
		time.Sleep(time.Second)

		s := newServer(t, ari.WithEventBuffer(n))
		var got atomic.Int64
		ari.On(s.Client, func(_ context.Context, ev *ari.ChannelUserevent) error {
			if want := fmt.Sprint(got.Add(1) - 1); ev.EventName != want {
				t.Errorf("got %s instead of %s", ev.EventName, want)
			}
			return nil
		})
		var starts, ends sync.Map
		s.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
			starts.Store(call.Channel.ID, call.Resumed())
			<-ctx.Done()
			ends.Store(call.Channel.ID, true)
			return nil
		})
		p.serve(t, s)
		time.Sleep(5 * time.Second)
		assert.EqualValues(t, n, got.Load())
		_, ended := ends.Load(gone.ChannelID())
		assert.True(t, ended, "its handler has ended with it")
		resumed, ok := starts.Load(there.ChannelID())
		assert.True(t, ok)
		assert.Equal(t, false, resumed, "its StasisStart was kept")
		_, ended = ends.Load(there.ChannelID())
		assert.False(t, ended)
		there.Hangup()
		require.NoError(t, srv.WaitIdle(soon(t)))
	})
}

// Several Asterisks have nothing to do with each other.
func TestServerOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p place
		s := newServer(t)
		calls, ends := serving(t, s)
		p.serve(t, s)
		var servers []*aritest.Server
		for i := range 3 {
			servers = append(servers, aritest.NewServer(t, aritest.InMemory(), p.outbound(false), aritest.WithEntityID(fmt.Sprintf("02:00:00:00:00:0%d", i+1))))
		}
		var all []*aritest.Call
		for _, srv := range servers {
			all = append(all, srv.Call("1000"))
		}
		controllers := make(map[*ari.Controller]bool)
		for range all {
			controllers[(<-calls).Controller()] = true
		}
		assert.Len(t, controllers, 3)

		// Another program takes over the application of one.
		srv := servers[0]
		srv.Faults().TakeOver("hello")
		require.ErrorIs(t, <-ends, ari.ErrReplaced)
		time.Sleep(10 * time.Second)
		assert.Empty(t, ends)
		assert.NoError(t, s.Err())
		for i, call := range all {
			call.Hangup()
			if i > 0 {
				require.ErrorIs(t, <-ends, ari.ErrLeftStasis)
			}
		}
	})
}

// Without a websocket for commands, what may wait fails, and says why.
func TestServerWithoutCommandSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p place
		s := newServer(t)
		failed := make(chan error, 1)
		s.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
			failed <- call.Channel.Answer(ctx)
			return call.Channel.Ring(ctx)
		})
		p.serve(t, s)
		srv := aritest.NewServer(t, aritest.InMemory(), aritest.WithOutbound(aritest.Outbound{
			URI: "ws://place/", Apps: []string{"hello"}, Username: "pbx", Password: "secret", Dial: p.dial,
		}))
		call := srv.Call("1000")
		err := <-failed
		require.ErrorIs(t, err, ari.ErrNoCommandSocket)
		require.ErrorContains(t, err, "hello-commands")
		require.NoError(t, call.WaitRinging(soon(t)))
		call.Hangup()
	})
}

// A thousand calls at once, each with a websocket of its own, are served, get their handlers back when the program is started
// again, and leave nothing behind.
func TestServerOfAThousandCalls(t *testing.T) {
	const n = manyCalls / 5
	synctest.Test(t, func(t *testing.T) {
		var p place
		s := newServer(t)
		calls, ends := serving(t, s)
		stop := p.serve(t, s)
		srv := aritest.NewServer(t, aritest.InMemory(), p.outbound(true))
		var all []*aritest.Call
		for range n {
			all = append(all, srv.Call("1000"))
		}
		for range all {
			<-calls
		}
		stop()
		for range all {
			require.ErrorIs(t, <-ends, ari.ErrClosed)
		}
		again := newServer(t)
		calls, ends = serving(t, again)
		p.serve(t, again)
		for range all {
			assert.True(t, (<-calls).Resumed())
		}
		for _, call := range all {
			call.Hangup()
		}
		for range all {
			require.ErrorIs(t, <-ends, ari.ErrLeftStasis)
		}
		require.NoError(t, srv.WaitIdle(soon(t)))
		time.Sleep(10 * time.Second)
		assert.Empty(t, again.Controllers())
	})
}
