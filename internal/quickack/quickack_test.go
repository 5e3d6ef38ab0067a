package quickack_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/internal/quickack"
)

// It harms neither a connection nor what is none.
func TestNow(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	dialled, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	accepted, err := l.Accept()
	require.NoError(t, err)
	c := quickack.Of(accepted)
	require.NotZero(t, c)
	c.Now()
	_, err = dialled.Write([]byte("x"))
	require.NoError(t, err)
	_, err = accepted.Read(make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, accepted.Close())
	c.Now()
	require.NoError(t, dialled.Close())

	ours, theirs := net.Pipe()
	quickack.Of(ours).Now()
	require.Zero(t, quickack.Of(theirs))
	require.Zero(t, quickack.Of(nil))
}
