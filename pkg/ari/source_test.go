package ari

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A handedOut is a source whose connections a test hands out.
type handedOut chan *scripted

func (s handedOut) Next(ctx context.Context) (Connection, error) {
	select {
	case conn, ok := <-s:
		if !ok {
			return nil, ErrSourceEnded
		}
		return conn, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (handedOut) String() string { return "a test" }

// A scripted is a connection whose frames a test sends.
type scripted struct {
	frames chan Frame
	gone   chan struct{}
	once   sync.Once
}

func newScripted() *scripted { return &scripted{frames: make(chan Frame), gone: make(chan struct{})} }

func (c *scripted) Read() (Frame, error) {
	select {
	case f := <-c.frames:
		return f, nil
	case <-c.gone:
		return Frame{}, io.EOF
	}
}

func (c *scripted) Ping(context.Context) error { return nil }

func (c *scripted) Close(context.Context) { c.Abort() }

func (c *scripted) Abort() { c.once.Do(func() { close(c.gone) }) }

// sourced makes a client that is connected by a source, and knows of one call.
func sourced(t *testing.T, a *asterisk, opts ...Option) (c *Client, src handedOut, conn *scripted) {
	t.Helper()
	return sourcedBy(t, a, func(src Source) Source { return src }, opts...)
}

// sourcedBy is sourced by a source that something is done to.
func sourcedBy(
	t *testing.T, a *asterisk, wrap func(Source) Source, opts ...Option,
) (c *Client, src handedOut, conn *scripted) {
	t.Helper()
	src, conn = make(handedOut, 1), newScripted()
	src <- conn
	a.fail = func(_, path string) int {
		if path == "/channels" || path == "/bridges" || path == "/applications/hello" {
			return 0
		}
		return 500 // so that nobody can know whether events come
	}
	c = a.client(append(opts, WithSource(wrap(src)))...)
	require.NoError(t, c.Connect(t.Context()))
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	return c, src, conn
}

// What comes from a source reaches handlers, and the next connection is taken when one ends.
func TestSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c, src, conn := sourced(t, a)
		starts := Subscribe[*StasisStart](c)
		up := Subscribe[*Connected](c)
		conn.frames <- Frame{Data: []byte(startFrame("c1"))}
		ev, err := starts.Next(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "c1", ev.Channel.ID)
		assert.Same(t, c.ARI(), ev.Controller())

		a.set(func() {
			a.channels["c1"] = inStasis("hello")
			a.sources["hello"] = []string{"channel:c1"}
		})
		next := newScripted()
		src <- next
		conn.Abort()
		back, err := up.Next(t.Context())
		require.NoError(t, err)
		assert.True(t, back.Resumed)
		assert.Empty(t, back.Ended)
		next.frames <- Frame{Data: []byte(startFrame("c2"))}
		ev, err = starts.Next(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "c2", ev.Channel.ID)
		assert.Zero(t, a.connections(), "nothing dials a websocket")
	})
}

// When no connection follows, what is known of that Asterisk ends. The client goes on, with others perhaps.
func TestSourceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, src, conn := sourced(t, newAsterisk(t))
		ctrl, session := c.ARI(), c.first()
		var causes bag[error]
		c.OnStasisStart(func(ctx context.Context, _ *StasisStart) error {
			<-ctx.Done()
			causes.add(context.Cause(ctx))
			return nil
		})
		conn.frames <- Frame{Data: []byte(startFrame("c1"))}
		synctest.Wait()
		sub, onCall := Subscribe[Event](ctrl.Channel("c2")), Subscribe[Event](ctrl.Channel("c1"))
		ends := Subscribe[*StasisEnd](c)
		all := Subscribe[*Disconnected](c)
		lf := c.expects(kindPlayback, "p1", entityKey{})
		lf.settle(nil)
		pending := c.expects(kindPlayback, "p2", entityKey{})
		close(src)
		conn.Abort()
		_, err := all.Next(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.Len(t, causes.all(), 1)
		require.ErrorIs(t, causes.all()[0], ErrClosed)
		require.ErrorIs(t, sub.Err(), ErrClosed)
		require.ErrorIs(t, onCall.Err(), ErrClosed)
		assert.Equal(t, []string{"StasisEnd"}, waitingTypes(ends))
		_, err = lf.wait(t.Context(), stageEnded)
		require.ErrorIs(t, err, ErrClosed)
		pending.settle(nil) // Its request was under way.
		_, err = pending.wait(t.Context(), stageEnded)
		require.ErrorIs(t, err, ErrClosed)
		assert.Empty(t, c.Controllers())
		require.ErrorIs(t, context.Cause(session.ctx), ErrClosed, "the client keeps nothing of it")
		require.NoError(t, c.Err())
		require.NoError(t, all.Err())
		require.ErrorIs(t, ctrl.WaitConnected(t.Context()), ErrClosed)
		require.NoError(t, c.WaitConnected(t.Context()), "there is nothing to wait for")
		assert.Equal(t, 2, c.Stats().Listeners, "those of the client")
		_, err = ctrl.Channel("c1").WaitEnd(t.Context())
		require.ErrorIs(t, err, ErrNoEvents)
	})
}

func TestSourceEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := make(handedOut)
		close(src)
		c := newAsterisk(t).client(WithSource(src))
		require.ErrorIs(t, c.Connect(t.Context()), ErrSourceEnded)
		require.NoError(t, c.Close(t.Context()))
	})
}

// A frame is acknowledged once, when nobody has anything to do with it any more.
func TestFrameIsAcknowledged(t *testing.T) {
	handled := func(c *Client, frame string) *atomic.Int32 {
		var n atomic.Int32
		c.first().receive(Frame{Data: []byte(stamped(frame)), Handled: func() { n.Add(1) }})
		return &n
	}
	count := func(t *testing.T, n *atomic.Int32, want int32, msg string) {
		t.Helper()
		synctest.Wait()
		assert.Equal(t, want, n.Load(), msg)
	}
	for name, test := range map[string]func(t *testing.T, c *Client){
		"nobody listens": func(t *testing.T, c *Client) {
			count(t, handled(c, dtmfFrame("c1", "1")), 1, "at once")
			count(t, handled(c, startFrame("c1")), 1, "at once")
		},
		"it can't be read": func(t *testing.T, c *Client) {
			count(t, handled(c, `{"type":`), 1, "cut off")
			count(t, handled(c, `nothing`), 1, "no JSON")
			count(t, handled(c, `{"type":"StasisStart"}`), 1, "no channel")
		},
		"it is the same again": func(t *testing.T, c *Client) {
			c.OnStasisStart(noop[*StasisStart])
			frame := stamped(startFrame("c1"))
			count(t, handled(c, frame), 1, "first")
			count(t, handled(c, frame), 1, "second")
		},
		"handlers and a subscription": func(t *testing.T, c *Client) {
			first, second := make(chan struct{}), make(chan struct{})
			On(c, func(context.Context, *ChannelDtmfReceived) error { <-first; return nil })
			On(c, func(context.Context, *ChannelDtmfReceived) error { <-second; return errTest })
			sub := Subscribe[*ChannelDtmfReceived](c)
			n := handled(c, dtmfFrame("c1", "1"))
			count(t, n, 0, "all have it")
			close(first)
			_, err := sub.Next(t.Context())
			require.NoError(t, err)
			count(t, n, 0, "one handler has it")
			close(second)
			count(t, n, 1, "nobody has it")
		},
		"a handler panics": func(t *testing.T, c *Client) {
			On(c, func(context.Context, *ChannelDtmfReceived) error { panic("no") })
			count(t, handled(c, dtmfFrame("c1", "1")), 1, "")
		},
		"fetched without waiting": func(t *testing.T, c *Client) {
			sub := Subscribe[*ChannelDtmfReceived](c)
			n := handled(c, dtmfFrame("c1", "1"))
			count(t, n, 0, "it waits")
			_, ok := sub.TryNext()
			require.True(t, ok)
			count(t, n, 1, "")
		},
		"there is no room": func(t *testing.T, c *Client) {
			sub := Subscribe[*ChannelDtmfReceived](c)
			kept := []*atomic.Int32{handled(c, dtmfFrame("c1", "1")), handled(c, dtmfFrame("c1", "2"))}
			count(t, handled(c, dtmfFrame("c1", "3")), 1, "thrown away")
			sub.Close()
			for _, n := range kept {
				count(t, n, 1, "the subscription is closed")
			}
			count(t, handled(c, dtmfFrame("c1", "4")), 1, "nobody listens any more")
		},
		"a handler is unregistered": func(t *testing.T, c *Client) {
			hold := make(chan struct{})
			stop := On(c, func(context.Context, *ChannelDtmfReceived) error { <-hold; return nil })
			runs, waits := handled(c, dtmfFrame("c1", "1")), handled(c, dtmfFrame("c1", "2"))
			synctest.Wait()
			stop()
			count(t, waits, 1, "dropped")
			count(t, runs, 0, "it runs")
			close(hold)
			count(t, runs, 1, "it has returned")
		},
		"a call lasts": func(t *testing.T, c *Client) {
			c.OnCall(func(ctx context.Context, _ *StasisStart) error { <-ctx.Done(); return nil })
			n := handled(c, startFrame("c1"))
			count(t, n, 0, "the call lasts")
			count(t, handled(c, endFrame("c1")), 1, "nobody listens to that")
			count(t, n, 1, "the call is over")
		},
		"the client ends": func(t *testing.T, c *Client) {
			sub := Subscribe[*ChannelDtmfReceived](c)
			n := handled(c, dtmfFrame("c1", "1"))
			require.NoError(t, c.Close(t.Context()))
			count(t, n, 0, "it can still be fetched")
			_, err := sub.Next(t.Context())
			require.NoError(t, err)
			count(t, n, 1, "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, offline(t, WithEventBuffer(2))) })
		})
	}
}

// A source that fails for a while is tried again.
func TestSourceFailsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		fails := func(src Source) Source { return failing{src, new(atomic.Int32)} }
		c, src, conn := sourcedBy(t, newAsterisk(t), fails, WithLogger(book.logger()))
		up := Subscribe[*Connected](c)
		conn.Abort()
		src <- newScripted()
		_, err := up.Next(t.Context())
		require.NoError(t, err)
		assert.Len(t, book.with("cannot connect to Asterisk yet"), 3)
	})
}

// A failing source fails three times after the first connection.
type failing struct {
	Source
	tried *atomic.Int32
}

func (s failing) Next(ctx context.Context) (Connection, error) {
	if n := s.tried.Add(1); 1 < n && n <= 4 {
		return nil, errors.New("the bus is away")
	}
	return s.Source.Next(ctx)
}

// A source whose attempts take too long says nothing about Asterisk: it is asked.
func TestSlowSource(t *testing.T) {
	for _, answers := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var book logBook
			a := newAsterisk(t)
			isLate := func(src Source) Source { return late{src, new(atomic.Int32)} }
			c, src, conn := sourcedBy(t, a, isLate, WithLogger(book.logger()))
			fail := a.fail
			a.set(func() {
				a.fail = func(method, path string) int {
					if path == "/asterisk/ping" && !answers {
						time.Sleep(time.Minute)
					}
					return fail(method, path)
				}
			})
			up := Subscribe[*Connected](c)
			conn.Abort()
			time.Sleep(30 * time.Second)
			_, err := c.ARI().Channels(t.Context())
			if answers {
				require.NoError(t, err)
				assert.NotEmpty(t, book.with("attempts to connect get no answer, although commands do"))
			} else {
				require.ErrorIs(t, err, ErrConnection)
			}
			src <- newScripted()
			_, err = up.Next(t.Context())
			require.NoError(t, err)
			_, err = c.ARI().Channels(t.Context())
			require.NoError(t, err)
			time.Sleep(time.Minute) // What was asked has its answer.
		})
	}
}

// A late source takes too long three times after the first connection.
type late struct {
	Source
	tried *atomic.Int32
}

func (s late) Next(ctx context.Context) (Connection, error) {
	if n := s.tried.Add(1); 1 < n && n <= 4 {
		time.Sleep(10 * time.Second)
		return nil, context.DeadlineExceeded
	}
	return s.Source.Next(ctx)
}
