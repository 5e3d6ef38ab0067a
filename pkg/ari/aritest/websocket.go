package aritest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// maxFrame is the longest message that a client may send.
const maxFrame = 65535

// A wsConn is an event websocket.
type wsConn struct {
	p      *pbx
	router *router
	ws     *websocket.Conn
	raw    *faultConn // nil where the connection isn't one of ours
	auth   http.Header
	apiKey string
	apps   []string // in the order of the request

	mu     sync.Mutex
	queue  [][]byte
	wake   chan struct{}
	closed bool
}

// enqueue puts a frame into the connection's queue. It never blocks.
func (c *wsConn) enqueue(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.queue = append(c.queue, frame)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// deliver puts an event's frame into the queue, as faults have it.
func (c *wsConn) deliver(frame []byte) {
	if c.p.alter == nil {
		c.enqueue(frame)
		return
	}
	for _, changed := range c.p.alter(frame) {
		c.enqueue(changed)
	}
}

// upgrade opens an event websocket.
func (r *router) upgrade(w http.ResponseWriter, req *http.Request, apps []string, all bool, apiKey string) {
	if !strings.EqualFold(req.Header.Get("Upgrade"), "websocket") {
		r.failHTML(w, http.StatusUpgradeRequired, "")
		return
	}
	if len(apps) == 0 {
		r.failHTML(w, http.StatusBadRequest, "HTTP request is missing param: [app]")
		return
	}
	c := &wsConn{p: r.p, router: r, apps: apps, wake: make(chan struct{}, 1), auth: http.Header{}, apiKey: apiKey}
	if auth := req.Header.Get("Authorization"); auth != "" {
		c.auth.Set("Authorization", auth)
	}
	c.raw, _ = req.Context().Value(connKey{}).(*faultConn)

	p := r.p
	p.mu.Lock()
	for _, name := range apps {
		if len(name) > 73 {
			p.mu.Unlock()
			r.failHTML(w, http.StatusInternalServerError, "")
			return
		}
	}
	p.conns[c] = struct{}{}
	for _, name := range apps {
		p.connect(name, c, all)
	}
	p.signal()
	p.mu.Unlock()
	defer c.gone()

	ws, err := websocket.Accept(w, req, &websocket.AcceptOptions{
		Subprotocols:       []string{"ari"},
		InsecureSkipVerify: true, // Asterisk refuses no origin.
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return // Accept has answered.
	}
	c.ws = ws
	ws.SetReadLimit(maxFrame)
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	go c.write(ctx)
	c.read(ctx)
}

// gone takes the applications from the connection.
func (c *wsConn) gone() {
	c.mu.Lock()
	c.closed = true
	c.queue = nil
	c.mu.Unlock()
	if c.ws != nil {
		_ = c.ws.CloseNow() // It is gone anyway.
	}
	p := c.p
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	for _, name := range c.apps {
		if a := p.apps[name]; a != nil && a.conn == c {
			p.disconnect(a)
		}
	}
	p.signal()
}

// write sends the frames of the queue. A client that is too slow is dropped.
func (c *wsConn) write(ctx context.Context) {
	for {
		c.mu.Lock()
		queue := c.queue
		c.queue = nil
		c.mu.Unlock()
		for _, frame := range queue {
			if !c.writeFrame(ctx, frame) {
				_ = c.ws.CloseNow()
				return
			}
		}
		if len(queue) > 0 {
			continue
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
	}
}

func (c *wsConn) writeFrame(ctx context.Context, frame []byte) bool {
	if c.raw == nil || !c.raw.isFaulty() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.p.opts.writeTimeout)
		defer cancel()
	}
	return c.ws.Write(ctx, websocket.MessageText, frame) == nil
}

// read serves requests that come by the websocket, until it ends.
func (c *wsConn) read(ctx context.Context) {
	for {
		kind, message, err := c.ws.Read(ctx)
		if err != nil {
			return
		}
		if kind == websocket.MessageText && c.p.has.restOverWebsocket {
			c.request(ctx, message)
		}
	}
}

// A restRequest is a request that comes by the websocket.
type restRequest struct {
	Type          string          `json:"type"`
	TransactionID json.RawMessage `json:"transaction_id"`
	RequestID     json.RawMessage `json:"request_id"`
	Method        string          `json:"method"`
	URI           string          `json:"uri"`
	ContentType   string          `json:"content_type"`
	Query         json.RawMessage `json:"query_strings"`
	Body          json.RawMessage `json:"message_body"`
}

// text is a JSON string's text, and nothing for anything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func (c *wsConn) request(ctx context.Context, message []byte) {
	var r restRequest
	if err := json.Unmarshal(message, &r); err != nil {
		c.respond(restRequest{}, http.StatusBadRequest, "Failed to parse request message JSON", nil)
		return
	}
	bad := func(message string) {
		c.respond(r, http.StatusBadRequest, http.StatusText(http.StatusBadRequest), object(field{"message", message}))
	}
	switch {
	case r.Type != "RESTRequest":
		bad("Missing or unknown message type")
		return
	case r.Method == "":
		bad("Missing 'method' in request")
		return
	case r.URI == "":
		bad("Missing 'uri' in request")
		return
	}
	path, rawQuery, _ := strings.Cut(r.URI, "?")
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		bad("Error parsing request query")
		return
	}
	if len(r.Query) > 0 {
		var pairs []struct {
			Name  *string `json:"name"`
			Value *string `json:"value"`
		}
		if err := json.Unmarshal(r.Query, &pairs); err != nil {
			bad("Invalid 'query_strings'")
			return
		}
		for _, pair := range pairs {
			if pair.Name == nil || pair.Value == nil {
				bad("Invalid 'query_strings'")
				return
			}
			query.Add(*pair.Name, *pair.Value)
		}
	}
	body := []byte(text(r.Body))
	if len(body) > 0 && r.ContentType != "application/json" && r.ContentType != "application/x-www-form-urlencoded" {
		bad("Unsupported content type")
		return
	}
	if path == "events" {
		bad("The events resource can't be requested over a websocket")
		return
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, "http://websocket/", nil)
	if err != nil {
		bad("Invalid method")
		return
	}
	req.Header = c.auth.Clone()
	if c.apiKey != "" {
		query.Set("api_key", c.apiKey)
	}
	w := &memoryResponse{header: http.Header{}}
	if strings.HasPrefix(path, "/") {
		path = "" // Asterisk finds no operation there.
	} else {
		path = "/" + path
	}
	c.router.serve(w, req, path, query, body, r.ContentType)
	if media := w.header.Get("Content-Type"); w.body.Len() > 0 && media != "application/json" {
		c.respond(r, http.StatusNotAcceptable, http.StatusText(http.StatusNotAcceptable), nil)
		return
	}
	c.respond(r, w.status, http.StatusText(w.status), w.body.Bytes())
}

// respond sends the answer to a request.
func (c *wsConn) respond(r restRequest, status int, reason string, body []byte) {
	uri, _, _ := strings.Cut(r.URI, "?")
	fields := []field{
		{"transaction_id", text(r.TransactionID)},
		{"request_id", text(r.RequestID)},
		{"status_code", status},
		{"reason_phrase", reason},
		{"uri", uri},
	}
	if len(body) > 0 {
		fields = append(fields, field{"content_type", "application/json"}, field{"message_body", string(body)})
	}
	p := c.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.apps[c.apps[0]]; a != nil {
		// It goes to this connection, even if another one has the application now.
		if e := p.event("RESTResponse", fields...); !a.disallowedTypes[e.typ] && (len(a.allowedTypes) == 0 || a.allowedTypes[e.typ]) {
			c.enqueue(e.frame(a.name))
		}
	}
}

// A memoryResponse keeps what a handler answers.
type memoryResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *memoryResponse) Header() http.Header { return w.header }

func (w *memoryResponse) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *memoryResponse) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// closeGrace is how long a connection may take to be closed in good order.
const closeGrace = time.Second
