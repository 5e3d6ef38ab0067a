package ari

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A loss is told, retried through whatever a restarting Asterisk answers, and the
// return is told, too.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		a := newAsterisk(t)
		c := a.connected(WithLogger(book.logger()))
		var events bag[Event]
		On(c, into(&events, func(ev Event) Event { return ev }))
		up := Subscribe[*Connected](c)

		answers := []int{503, 401, 404}
		a.set(func() {
			a.down = syscall.ECONNREFUSED
			a.refuse = func(w http.ResponseWriter) bool {
				if len(answers) == 0 {
					return false
				}
				w.WriteHeader(answers[0])
				answers = answers[1:]
				return true
			}
		})
		began := time.Now()
		a.drop()
		synctest.Wait()
		require.Len(t, events.all(), 1)
		down, ok := events.all()[0].(*Disconnected)
		require.True(t, ok)
		require.ErrorContains(t, down.Err, "ari: connection to http://asterisk:8088/ari: ")
		assert.Equal(t, began, down.Timestamp.Time)
		assert.False(t, c.Stats().Connected)
		time.Sleep(time.Minute)
		a.set(func() { a.down = nil })

		ev, err := up.Next(t.Context())
		require.NoError(t, err)
		assert.True(t, ev.Resumed)
		assert.Equal(t, time.Since(began), ev.Gap)
		assert.Empty(t, ev.Ended)
		assert.Empty(t, answers)
		assert.True(t, c.Stats().Connected)
		assert.EqualValues(t, 2, c.Stats().Connections)
		require.NoError(t, a.send(startFrame("c1")))
		synctest.Wait()
		require.Len(t, events.all(), 3)
		assert.Same(t, ev, events.all()[1])
		assert.Len(t, book.with("connection to Asterisk lost"), 1)
		assert.Len(t, book.with("connected to Asterisk"), 2)
		assert.GreaterOrEqual(t, len(book.with("cannot connect to Asterisk yet")), 4)
		assert.Empty(t, book.with("secret"))
	})
}

func TestReconnectBacksOff(t *testing.T) {
	o := ReconnectOptions{Min: 100 * time.Millisecond, Max: 10 * time.Second, Factor: 3}.withDefaults()
	seen := make([]time.Duration, 12)
	for range 1000 {
		delays := o.delays()
		for n := range seen {
			seen[n] = max(seen[n], delays())
		}
	}
	limit := o.Min
	for n, longest := range seen { // Full jitter: anything up to the limit.
		assert.LessOrEqual(t, longest, limit, n)
		assert.Greater(t, longest, limit*9/10, n)
		limit = min(limit*3, o.Max)
	}
	o = ReconnectOptions{Min: time.Hour}.withDefaults()
	assert.Equal(t, time.Hour, o.Max)
	assert.LessOrEqual(t, o.delays()(), time.Hour)
}

// A server that takes connections only to drop them is not hammered.
func TestReconnectBacksOffFromFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected(WithReconnect(ReconnectOptions{Min: time.Second, Max: time.Minute}))
		a.set(func() { a.refuse = func(http.ResponseWriter) bool { panic(http.ErrAbortHandler) } })
		a.drop()
		time.Sleep(time.Hour)
		a.mu.Lock()
		first := len(a.dials)
		a.refuse = nil
		a.mu.Unlock()
		assert.Less(t, first, 240)
		assert.Greater(t, first, 60)
		require.Eventually(t, func() bool { return c.Stats().Connected }, time.Hour, time.Second)

		before := len(a.dials)
		for range 20 {
			require.Eventually(t, func() bool { return c.Stats().Connected }, time.Hour, 10*time.Millisecond)
			a.drop()
			synctest.Wait()
		}
		began := a.dials[before]
		assert.Greater(t, time.Since(began), 3*time.Minute)
	})
}

// A connection lost in the middle of a frame, or with a close frame.
func TestReconnectAfterBrokenFrameAndAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		var errs bag[error]
		On(c, into(&errs, func(ev *Disconnected) error { return ev.Err }))
		var got bag[string]
		On(c, into(&got, func(ev *ChannelDtmfReceived) string { return ev.Digit }))

		w, err := a.socket().Writer(t.Context(), websocket.MessageText)
		require.NoError(t, err)
		_, err = w.Write([]byte(dtmfFrame("c1", "1")[:200]))
		require.NoError(t, err)
		a.reconnect()
		require.NoError(t, a.send(dtmfFrame("c1", "2")))
		synctest.Wait()
		require.Len(t, errs.all(), 1)
		assert.Equal(t, []string{"2"}, got.all())
		assert.Zero(t, c.Stats().BadFrames)

		before := a.connections()
		require.NoError(t, a.socket().Close(websocket.StatusGoingAway, "shutdown"))
		require.Eventually(t, func() bool { return a.connections() > before }, time.Minute, time.Second)
		require.Len(t, errs.all(), 2)
		require.ErrorContains(t, errs.all()[1], "StatusGoingAway")
	})
}

// Where the connection is cut at the boundary of a read, the websocket library takes that for the end of the frame.
func TestCutFrameIsNoBadFrame(t *testing.T) {
	frame := varsetFrame("c1", strings.Repeat("x", 20_000))
	for _, cut := range []int{0, 1, 125, 4096, 8192, len(frame) - 1} {
		synctest.Test(t, func(t *testing.T) {
			a := newAsterisk(t)
			var errs bag[error]
			c := a.connected(WithErrorHandler(func(_ context.Context, err error) { errs.add(err) }))
			wire := a.wires[len(a.wires)-1]
			_, err := wire.Conn.Write(append([]byte{0x81, 126, byte(len(frame) >> 8), byte(len(frame))}, frame[:cut]...))
			require.NoError(t, err)
			synctest.Wait()
			require.NoError(t, wire.Close())
			require.Eventually(t, func() bool { return a.connections() == 2 && c.Stats().Connected }, time.Minute, time.Second)
			require.NoError(t, a.send(dtmfFrame("c1", "2")))
			synctest.Wait()
			assert.Empty(t, errs.all(), cut)
			assert.Zero(t, c.Stats().BadFrames, cut)
		})
	}
}

func TestHalfOpenConnectionIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		const interval, timeout = 7 * time.Second, 3 * time.Second
		c := a.connected(WithKeepalive(interval, timeout))
		down := Subscribe[*Disconnected](c)
		time.Sleep(time.Hour) // It holds as long as pings are answered.
		require.Empty(t, waitingTypes(down))
		a.freeze()
		began := time.Now()
		ev, err := down.Next(t.Context())
		require.NoError(t, err)
		assert.LessOrEqual(t, time.Since(began), interval+timeout)
		require.ErrorIs(t, ev.Err, errSilent)
		require.EqualError(t, ev.Err, "ari: Asterisk has stopped answering: no sign of life for 3s")
		require.Eventually(t, func() bool { return c.Stats().Connected }, time.Minute, time.Second)
	})
}

// While Asterisk is busy with a request it answers no pings; but events come.
func TestLatePongIsForgivenWhileEventsCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &deafSource{frames: make(chan string)}
		cfg, err := newConfig("http://asterisk/ari", []Option{
			WithApplications("hello"), WithLogger(quiet), WithKeepalive(10*time.Second, 5*time.Second),
		})
		require.NoError(t, err)
		cfg.source = src
		c := newClient(cfg)
		require.NoError(t, c.Connect(t.Context()))
		for range 20 {
			time.Sleep(4 * time.Second)
			src.frames <- varsetFrame("c1", "v")
		}
		assert.True(t, c.Stats().Connected)
		time.Sleep(15 * time.Second)
		synctest.Wait()
		assert.False(t, c.Stats().Connected)
		require.NoError(t, c.Close(t.Context()))
	})
}

// A deafSource never answers a ping, and can be dialled once.
type deafSource struct {
	frames chan string
	once   sync.Once
	closed chan struct{}
}

func (s *deafSource) String() string { return "deaf" }

func (s *deafSource) Next(context.Context) (Connection, error) {
	err := errTest
	s.once.Do(func() { s.closed = make(chan struct{}); err = nil })
	return s, err
}

func (s *deafSource) Read() (Frame, error) {
	select {
	case frame := <-s.frames:
		return Frame{Data: []byte(frame)}, nil
	case <-s.closed:
		return Frame{}, errors.New("closed")
	}
}

func (s *deafSource) Ping(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
func (s *deafSource) Close(context.Context)          { s.Abort() }
func (s *deafSource) Abort() {
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
}

func TestCloseWhileReconnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.client()
		require.NoError(t, c.Connect(t.Context()))
		a.set(func() { a.refuse = func(http.ResponseWriter) bool { time.Sleep(time.Minute); return true } })
		a.drop()
		time.Sleep(5 * time.Second)
		began := time.Now()
		require.NoError(t, c.Close(t.Context()))
		assert.Zero(t, time.Since(began))
		time.Sleep(time.Hour)
	})
}

// Never a pong that wasn't asked for.
func TestNoUnsolicitedPong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		var pongs bag[string]
		a.onPong = func(payload string) { pongs.add(payload) }
		a.connected(WithKeepalive(time.Second, time.Second))
		time.Sleep(time.Minute + time.Second/2) // between two pings of the client
		assert.Empty(t, pongs.all())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.NoError(t, a.socket().Ping(ctx))
		assert.Len(t, pongs.all(), 1)
	})
}

// After a reconnect, Asterisk may think that the application isn't there: it has
// taken it down together with the old connection. The client notices, and connects
// once more.
func TestConnectionWithoutEventsIsRenewed(t *testing.T) {
	hang := (*asterisk).hang
	for name, tt := range map[string]struct {
		lose    func(a *asterisk)
		mute    int // so many connections bring no events
		status  int // of sending one
		filter  bool
		renewed int
		log     string
	}{
		"all is well":                {lose: (*asterisk).drop},
		"all is well after silence":  {lose: hang},
		"no events":                  {lose: (*asterisk).drop, mute: 1, renewed: 1},
		"no events twice":            {lose: (*asterisk).freeze, mute: 2, renewed: 2},
		"no application":             {lose: hang, status: 404, renewed: maxRenewals, log: "an event filter may keep them back"},
		"never any":                  {lose: hang, mute: 99, renewed: maxRenewals, log: "an event filter may keep them back"},
		"may not ask":                {lose: (*asterisk).drop, status: 403, renewed: 0, log: "cannot make sure that events come"},
		"may not ask, after silence": {lose: hang, status: 403, renewed: 1, log: "cannot make sure that events come"},
		"a filter":                   {lose: (*asterisk).drop, filter: true, mute: 99, renewed: 0},
		"a filter, after silence":    {lose: (*asterisk).freeze, filter: true, mute: 99, renewed: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var book logBook
				a := newAsterisk(t)
				c := a.connected(WithKeepalive(10*time.Second, time.Second), WithLogger(book.logger()))
				if tt.filter {
					c.first().filtered("hello", []byte(`{"allowed":[{"type":"StasisStart"}],"disallowed":[]}`), nil)
				}
				a.set(func() {
					a.mute = tt.mute
					if tt.status != 0 {
						a.fail = func(_, path string) int {
							if strings.HasPrefix(path, "/events/user/") {
								return tt.status
							}
							return 0
						}
					}
				})
				events := Subscribe[Event](c)
				tt.lose(a)
				time.Sleep(time.Hour)
				assert.Equal(t, 2+tt.renewed, a.connections())
				assert.True(t, c.Stats().Connected)
				var want []string
				for range 1 + tt.renewed {
					want = append(want, "Disconnected", "Connected")
				}
				assert.Equal(t, want, waitingTypes(events)) // And nothing of the client's own.
				if tt.log != "" {
					assert.NotEmpty(t, book.with(tt.log))
				}
			})
		})
	}
}

// Where Asterisk is slow, any event of the application will do.
func TestConnectionWithOtherEventsIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		a.set(func() { a.mute = 99 })
		a.reconnect()
		for range 100 {
			time.Sleep(probeTimeout / 2)
			require.NoError(t, a.send(varsetFrame("c1", "v")))
		}
		assert.Equal(t, 2, a.connections())
		assert.True(t, c.Stats().Connected)
	})
}

// Where Asterisk doesn't know the application, that says nothing about its channels.
func TestConnectionWithoutItsApplicationIsRenewed(t *testing.T) {
	for _, opts := range [][]Option{nil, {WithSubscribeAll()}} {
		synctest.Test(t, func(t *testing.T) {
			a := newAsterisk(t)
			c := a.connected(opts...)
			require.NoError(t, a.send(startFrame("c1")))
			sub := Subscribe[*StasisEnd](c.ARI().Channel("c1"))
			a.set(func() {
				a.channels["c1"] = inStasis("hello")
				a.sources["hello"] = []string{"channel:c1"}
				a.noApps = 1
			})
			a.drop()
			time.Sleep(time.Hour)
			assert.Equal(t, 3, a.connections())
			assert.Equal(t, 1, c.Stats().Calls)
			require.NoError(t, sub.Err())
			assert.Empty(t, waitingTypes(sub))
		})
	}
}

// Asterisk may answer a handshake that was given up, and let it take the application
// from the connection that works. That isn't somebody else.
func TestReplacedByAGhost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected(WithApplications("second"))
		a.hang()
		require.Eventually(t, func() bool { return a.connections() == 2 }, time.Minute, time.Millisecond)
		require.NoError(t, a.takeOver("second"))
		require.Eventually(t, func() bool { return a.connections() == 3 }, time.Minute, time.Millisecond)
		time.Sleep(time.Hour)
		assert.Equal(t, 3, a.connections())
		require.NoError(t, c.Err())

		require.NoError(t, a.takeOver("second"))
		<-c.Done()
		require.ErrorIs(t, c.Err(), ErrReplaced)
	})
}

func TestGhostOfAFailedConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.client()
		a.hang()
		require.ErrorIs(t, c.Connect(t.Context()), context.DeadlineExceeded)
		require.NoError(t, c.Connect(t.Context()))
		require.NoError(t, a.takeOver("hello"))
		time.Sleep(time.Minute)
		assert.Equal(t, 2, a.connections())
		require.NoError(t, c.Close(t.Context()))
	})
}

func TestCloseWhileVerifying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, after := range []time.Duration{verifySoon / 2, verifySoon, verifySoon + probeTimeout/2, verifySoon + probeTimeout} {
			a := newAsterisk(t)
			c := a.client()
			require.NoError(t, c.Connect(t.Context()))
			a.set(func() { a.mute = 99 })
			a.reconnect()
			time.Sleep(after)
			require.NoError(t, c.Close(t.Context()))
			time.Sleep(time.Minute)
		}
	})
}
