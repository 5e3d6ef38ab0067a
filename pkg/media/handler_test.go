package media

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/test/asterisk"
)

// Only who knows a call's secret gets in, and only once.
func TestHandlerSecrets(t *testing.T) {
	t.Parallel()
	h := new(WebSocketHandler)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	base := strings.Replace(server.URL, "http", "ws", 1)
	dial := func(query string) (*websocket.Conn, int) {
		conn, resp, err := websocket.Dial(t.Context(), base+query, nil)
		if err != nil {
			return nil, resp.StatusCode
		}
		t.Cleanup(func() { _ = conn.CloseNow() })
		return conn, resp.StatusCode
	}
	secret, coming := h.expect()
	for _, query := range []string{"", "?secret=", "?secret=wrong", "?other=" + secret} {
		_, status := dial(query)
		assert.Equal(t, http.StatusForbidden, status, query)
	}
	conn, status := dial("?secret=" + secret)
	require.Equal(t, http.StatusSwitchingProtocols, status)
	_ = (<-coming).CloseNow()
	_, _, err := conn.Read(t.Context())
	require.Error(t, err)
	_, status = dial("?secret=" + secret)
	assert.Equal(t, http.StatusForbidden, status, "a second time")
	secret, coming = h.expect()
	h.forget(secret, coming)
	_, status = dial("?secret=" + secret)
	assert.Equal(t, http.StatusForbidden, status, "forgotten")
	// One that comes when nobody waits any more is closed.
	secret, coming = h.expect()
	conn, _ = dial("?secret=" + secret)
	require.Eventually(t, func() bool { return len(coming) == 1 }, 10*time.Second, time.Millisecond)
	h.forget(secret, coming)
	_, _, err = conn.Read(t.Context())
	require.Error(t, err)
}

// Asterisk connects to a server of ours.
func TestHandler(t *testing.T) {
	t.Parallel()
	h := new(WebSocketHandler)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	inst := asterisk.Start(t, asterisk.Options{Clients: []asterisk.WebsocketClient{
		{Name: "bot", URI: strings.Replace(server.URL, "http", "ws", 1) + "/media", PerCall: true},
	}})
	t.Cleanup(server.CloseClientConnections)
	client, err := ari.NewClient(inst.URL, "handler", ari.WithBasicAuth(inst.Username, inst.Password))
	require.NoError(t, err)
	require.NoError(t, client.Connect(t.Context()))
	t.Cleanup(func() { _ = client.Close(ari.Cleanup(t.Context())) })
	l := &line{client, client.ARI(), inst}
	p := l.phone(t, "slin16")
	s, err := Open(t.Context(), p.ch, Options{Handler: h, Section: "bot"})
	require.NoError(t, err)
	said := noise(1, 16000)
	u, err := s.Say(t.Context(), Samples(16000, said))
	require.NoError(t, err)
	require.NoError(t, u.Wait(t.Context()))
	p.await(t, func(frames []phoneFrame) bool {
		_, n := find(samplesOf(frames), said)
		return n == len(said)
	})
	require.NoError(t, s.Close())
	_, err = Open(t.Context(), p.ch, Options{Handler: h})
	require.ErrorContains(t, err, "Section")
	_, err = Open(t.Context(), p.ch, Options{Handler: h, Section: "nowhere"})
	require.ErrorIs(t, err, ari.ErrInvalid)
	p.hangup()
	requireNothingLeft(t, l.ctrl)
}
