package rtp_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/test/asterisk/rtp"
)

func peers(t *testing.T) (context.Context, *rtp.Peer, *rtp.Peer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	a, err := rtp.Listen(0)
	require.NoError(t, err)
	t.Cleanup(a.Close)
	b, err := rtp.Listen(0)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return ctx, a, b
}

func TestSound(t *testing.T) {
	t.Parallel()
	ctx, a, b := peers(t)
	to := a.Connect(b.Port())
	to.Play(rtp.Tone(440, time.Second))
	from, err := b.Accept(ctx)
	require.NoError(t, err)
	require.NoError(t, from.AwaitSound(ctx))
	// The mean of a sine is 2/pi of its peak, which is half of the scale.
	assert.InDelta(t, 32767/2*2/3.14159, from.Level(), 500)

	to.Play(rtp.Silence(time.Second))
	require.NoError(t, from.Await(ctx, func(s *rtp.Stream) bool { return s.Level() == 0 }))
	require.NoError(t, from.AwaitPackets(ctx, 3))

	// What comes back on the same path is the same stream.
	from.Play(rtp.Tone(440, time.Second))
	require.NoError(t, to.AwaitSound(ctx))
}

func TestDigits(t *testing.T) {
	t.Parallel()
	ctx, a, b := peers(t)
	to, from := a.Connect(b.Port()), b.Connect(a.Port())
	to.Play(rtp.Silence(time.Second))
	require.NoError(t, to.Dial(ctx, "112*#AD"))
	require.NoError(t, from.AwaitDigits(ctx, "112*#AD"))
	require.NoError(t, to.Dial(ctx, ""))
	require.Error(t, to.Dial(ctx, "12x"))
}

func TestClose(t *testing.T) {
	t.Parallel()
	ctx, a, b := peers(t)
	stream := a.Connect(b.Port())
	done := make(chan error, 2)
	go func() { done <- stream.AwaitPackets(ctx, 1) }()
	go func() {
		_, err := a.Accept(ctx)
		done <- err
	}()
	a.Close()
	a.Close()
	require.ErrorIs(t, <-done, rtp.ErrClosed)
	require.ErrorIs(t, <-done, rtp.ErrClosed)
	require.ErrorIs(t, stream.Dial(ctx, "1"), rtp.ErrClosed)

	ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	_, err := b.Accept(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
