package ari

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// join gives a client without any Asterisk a session about some of a's channels.
func join(t *testing.T, c *Client, a *asterisk, src Source, channels ...string) (*Controller, error) {
	t.Helper()
	return c.Join(t.Context(), "http://asterisk:8088/ari", "hello", WithHTTPClient(a.http), WithBasicAuth("user", "secret"),
		WithSource(src), WithAdoption(), WithChannels(func() []string { return channels }))
}

func emptyClient(t *testing.T) *Client {
	t.Helper()
	c, err := NewEmptyClient(WithLogger(quiet))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	require.NoError(t, c.Connect(t.Context()))
	return c
}

// Two sessions in one application: each adopts its own channels, and ends by itself.
func TestSessionsAboutSomeChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		a.set(func() {
			for _, id := range []string{"c1", "c2", "c3"} {
				a.channels[id] = inStasis("hello")
			}
			a.sources["hello"] = []string{"channel:c1", "channel:c2", "channel:c3"}
		})
		c := emptyClient(t)
		assert.Nil(t, c.ARI())
		var entered bag[string]
		causes := make(chan error, 2)
		c.OnCall(func(ctx context.Context, call *StasisStart) error {
			assert.True(t, call.Resumed())
			entered.add(call.Channel.ID)
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return nil
		})
		var ctrls [2]*Controller
		var conns [2]*scripted
		for i, id := range []string{"c1", "c3"} {
			src := make(handedOut, 1)
			conns[i] = newScripted()
			src <- conns[i]
			close(src)
			var err error
			ctrls[i], err = join(t, c, a, src, id, "gone")
			require.NoError(t, err)
			require.NoError(t, ctrls[i].WaitConnected(t.Context()))
		}
		synctest.Wait()
		assert.ElementsMatch(t, []string{"c1", "c3"}, entered.all())
		assert.Zero(t, a.requested("GET /ari/channels?"), "nobody lists all channels")

		require.NoError(t, c.Remove(ctrls[0]))
		require.ErrorIs(t, <-causes, ErrClosed)
		assert.Equal(t, ctrls[1:], c.Controllers())
		conns[1].Abort()
		require.ErrorIs(t, <-causes, ErrClosed)
		synctest.Wait()
		assert.Empty(t, c.Controllers())
	})
}

// A session that can't be started leaves nothing behind.
func TestJoinFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := emptyClient(t)
		_, err := join(t, c, a, refusing{errTest})
		require.ErrorIs(t, err, errTest)
		assert.Empty(t, c.Controllers())
		_, err = c.Join(t.Context(), "nonsense", "hello")
		require.Error(t, err)
		_, err = c.Join(t.Context(), "http://asterisk/ari", "hello", WithChannels(nil))
		require.ErrorContains(t, err, "nil")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = c.Join(ctx, "http://asterisk/ari", "hello", WithSource(make(handedOut)))
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, c.Close(t.Context()))
		_, err = join(t, c, a, refusing{errors.New("not asked")})
		require.ErrorIs(t, err, ErrClosed)
	})
}

// A refusing source has no connection to give.
type refusing struct{ err error }

func (s refusing) Next(context.Context) (Connection, error) { return nil, s.err }

func (refusing) String() string { return "a test" }
