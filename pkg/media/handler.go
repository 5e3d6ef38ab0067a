package media

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/coder/websocket"

	"github.com/ari-go/ari/pkg/ari"
)

// secretParameter is the URI's parameter that holds a call's secret.
const secretParameter = "secret"

// A WebSocketHandler is where Asterisk connects to by websocket, for any number of calls: see [Options]. Each call is told
// by a secret that was made for it alone and is good for one connection; who has none gets 403. It is an http.Handler,
// for a server of yours.
type WebSocketHandler struct {
	mu       sync.Mutex
	expected map[string]chan *websocket.Conn
}

// ServeHTTP takes a connection of Asterisk's.
func (h *WebSocketHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secret := r.URL.Query().Get(secretParameter)
	h.mu.Lock()
	ch := h.expected[secret]
	delete(h.expected, secret)
	h.mu.Unlock()
	if ch == nil {
		http.Error(w, "nobody waits for this call", http.StatusForbidden)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{"media"}, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return // It has been answered.
	}
	ch <- conn
}

func (h *WebSocketHandler) expect() (string, chan *websocket.Conn) {
	secret, ch := rand.Text(), make(chan *websocket.Conn, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.expected == nil {
		h.expected = make(map[string]chan *websocket.Conn)
	}
	h.expected[secret] = ch
	return secret, ch
}

// forget takes an expectation back, and closes the connection if it has come meanwhile.
func (h *WebSocketHandler) forget(secret string, ch chan *websocket.Conn) {
	h.mu.Lock()
	_, waiting := h.expected[secret]
	delete(h.expected, secret)
	h.mu.Unlock()
	if waiting {
		return
	}
	select {
	case conn := <-ch:
		_ = conn.CloseNow()
	default:
	}
}

// awaitWebSocket makes a media channel for which Asterisk connects to our handler.
func (w *wiring) awaitWebSocket(ctx context.Context) (*Stream, error) {
	if w.opts.Section == "" {
		return nil, errors.New("media: a Handler needs the Section of websocket_client.conf that leads to it")
	}
	secret, coming := w.opts.Handler.expect()
	defer w.opts.Handler.forget(secret, coming)
	create := ari.ExternalMediaOptions{
		ChannelID: w.id, Format: w.opts.Format, ExternalHost: w.opts.Section,
		Transport: ari.TransportWebsocket, Encapsulation: ari.EncapsulationNone, ConnectionType: ari.ConnectionTypeClient,
		TransportData: "v(" + secretParameter + "=" + secret + ")",
	}
	if w.json {
		create.TransportData = "f(json)" + create.TransportData
	}
	s, err := connectBack(ctx, w, create, coming, func(conn *websocket.Conn) (leg, error) {
		starting, cancel := context.WithTimeout(ctx, introductionTime)
		defer cancel()
		l, err := w.websocketLeg(starting, conn)
		if err != nil {
			_ = conn.CloseNow()
			return nil, fmt.Errorf("media: %w", err)
		}
		return l, nil
	})
	if err != nil {
		return nil, err
	}
	return w.entered(ctx, s, w.ctrl.Channel(w.id))
}

var _ http.Handler = (*WebSocketHandler)(nil)
