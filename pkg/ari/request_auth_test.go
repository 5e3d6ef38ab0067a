package ari

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// In clear text, user and password go to this machine only, and to a private network with a warning.
func TestCleartextCredentials(t *testing.T) {
	for url, want := range map[string]reach{
		"http://127.0.0.1:8088/ari":          reachLoopback,
		"http://127.1.2.3/ari":               reachLoopback,
		"http://[::1]:8088/ari":              reachLoopback,
		"http://[::ffff:127.0.0.1]:8088/ari": reachLoopback,
		"http://localhost:8088/ari":          reachLoopback,
		"http://PBX.localhost./ari":          reachLoopback,
		"http://10.0.0.1/ari":                reachPrivate,
		"http://172.31.0.1/ari":              reachPrivate,
		"http://192.168.0.1/ari":             reachPrivate,
		"http://100.100.0.1/ari":             reachPrivate,
		"http://[fd00::1]/ari":               reachPrivate,
		"http://[fe80::1]/ari":               reachPrivate,
		"http://asterisk:8088/ari":           reachPrivate,
		"http://pbx.example.internal/ari":    reachPrivate,
		"http://172.32.0.1/ari":              reachAnywhere,
		"http://192.0.2.1/ari":               reachAnywhere,
		"http://[2001:db8::1]/ari":           reachAnywhere,
		"http://pbx.example.com:8088/ari":    reachAnywhere,
		"http://localhost.example.com/ari":   reachAnywhere,
	} {
		var book logBook
		options := []ControllerOption{WithLogger(book.logger()), WithBasicAuth("asterisk", "s3cret")}
		_, err := NewController(url, options...)
		if want == reachAnywhere {
			require.ErrorContains(t, err, "in clear text", url)
			assert.NotContains(t, err.Error(), "s3cret")
		} else {
			require.NoError(t, err, url)
		}
		warned := book.with("in clear text")
		assert.Equal(t, want == reachPrivate, len(warned) == 1, url)
		assert.Empty(t, book.with("s3cret"))
		before := len(warned)

		for _, allowed := range [][]ControllerOption{append(options, WithCleartextCredentials()), {WithLogger(book.logger())}} {
			_, err = NewController(url, allowed...)
			require.NoError(t, err, url)
		}
		_, err = NewController("https"+url[len("http"):], options...)
		require.NoError(t, err, url)
		assert.Len(t, book.with("in clear text"), before, "no warning where it is allowed, or there is nothing to see")
	}
	_, err := NewClient("http://user:s3cret@pbx.example.com/ari", "hello")
	require.ErrorContains(t, err, "in clear text")
	assert.NotContains(t, err.Error(), "s3cret")
}

// A port for TLS closes the connection when it hears HTTP; Asterisk says nothing at all.
func TestPortForTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_ = conn.Close()
		}
	}()
	c, err := NewController("http://" + l.Addr().String() + "/ari")
	require.NoError(t, err)
	err = c.AnswerChannel(t.Context(), "c1")
	require.ErrorIs(t, err, ErrConnection)
	require.ErrorContains(t, err, "https://")
	c.chain.server.note(map[string][]string{"Server": {"Asterisk/22.10.1"}})
	err = c.AnswerChannel(t.Context(), "c1")
	require.ErrorIs(t, err, ErrConnection)
	assert.NotContains(t, err.Error(), "https://", "it has answered before")
}
