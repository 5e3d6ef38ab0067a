package asterisk_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/test/asterisk"
	"github.com/ari-go/ari/test/asterisk/internal/plain"
	"github.com/ari-go/ari/test/asterisk/rtp"
)

// Asterisk opens websockets of its own: one for events, one for a call's media.
func TestWebsocketsOfAsterisk(t *testing.T) {
	t.Parallel()
	type message struct {
		path, protocol, user, password, text string
	}
	messages := make(chan message, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"ari", "media"}})
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		user, password, _ := r.BasicAuth()
		for {
			kind, data, err := conn.Read(r.Context())
			if err != nil {
				return
			}
			if kind == websocket.MessageText {
				select {
				case messages <- message{r.URL.Path, conn.Subprotocol(), user, password, string(data)}:
				default:
				}
			}
		}
	}))
	t.Cleanup(server.Close)
	base := strings.Replace(server.URL, "http://", "ws://", 1)
	inst := asterisk.Start(t, asterisk.Options{
		Outbound: []asterisk.Outbound{{
			WebsocketClient: asterisk.WebsocketClient{Name: "events", URI: base + "/events", Username: "pbx", Password: "pbx-secret"},
			Apps:            []string{"home"},
		}},
		Clients: []asterisk.WebsocketClient{{Name: "bot", URI: base + "/bot", PerCall: true}},
	})
	t.Cleanup(server.CloseClientConnections)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	await := func(part string) message {
		for {
			select {
			case m := <-messages:
				if strings.Contains(m.text, part) {
					return m
				}
			case <-ctx.Done():
				require.Fail(t, "no message", part)
			}
		}
	}
	m := await(`"ApplicationRegistered"`)
	assert.Equal(t, message{"/events", "ari", "pbx", "pbx-secret", m.text}, m)
	assert.Contains(t, m.text, `"home"`)

	status, body := plain.Do(t, inst, http.MethodPost,
		"/channels/externalMedia?app=home&external_host=bot&transport=websocket&encapsulation=none&connection_type=client&format=ulaw")
	require.Equal(t, http.StatusOK, status, body)
	m = await("MEDIA_START")
	assert.Equal(t, "/bot", m.path)
	assert.Equal(t, "media", m.protocol)
}

// Media go out to, and come in from, a peer by RTP.
func TestExternalMedia(t *testing.T) {
	t.Parallel()
	asterisk.Each(t, func(t *testing.T, version string) {
		inst := asterisk.Start(t, asterisk.Options{Version: version, Own: true})
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		peer, err := rtp.Listen(0)
		require.NoError(t, err)
		t.Cleanup(peer.Close)
		ari := plain.Connect(t, inst, "media")
		ari.Do(http.MethodPost, "/channels/externalMedia?app=media&channelId=m&format=ulaw&external_host="+peer.Addr())
		ari.Await("StasisStart")
		ari.Do(http.MethodPost, "/channels/m/play?media=sound:hello-world")
		stream, err := peer.Accept(ctx)
		require.NoError(t, err)
		require.NoError(t, stream.AwaitSound(ctx))
		ari.Await("PlaybackFinished")
		ari.Do(http.MethodPost, "/channels/m/moh")
		require.NoError(t, stream.AwaitSound(ctx))
	})
}
