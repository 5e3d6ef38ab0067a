package applications

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/ari-go/ari/internal/sim/wire"
)

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

// str is a JSON string's text, and nothing for anything else.
func str(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func (c *socket) request(ctx context.Context, message []byte) {
	var r restRequest
	if err := json.Unmarshal(message, &r); err != nil {
		c.respond(restRequest{}, http.StatusBadRequest, "Failed to parse request message JSON", nil)
		return
	}
	bad := func(message string) {
		c.respond(r, http.StatusBadRequest, http.StatusText(http.StatusBadRequest), wire.Object(wire.F("message", message)))
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
	body := []byte(str(r.Body))
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
	w := NewMemoryResponse()
	if strings.HasPrefix(path, "/") {
		path = "" // Asterisk finds no operation there.
	} else {
		path = "/" + path
	}
	c.sockets.serve(w, req, path, query, body, r.ContentType)
	if media := w.header.Get("Content-Type"); w.body.Len() > 0 && media != "application/json" {
		c.respond(r, http.StatusNotAcceptable, http.StatusText(http.StatusNotAcceptable), nil)
		return
	}
	c.respond(r, w.Status, http.StatusText(w.Status), w.body.Bytes())
}

// respond sends the answer to a request.
func (c *socket) respond(r restRequest, status int, reason string, body []byte) {
	uri, _, _ := strings.Cut(r.URI, "?")
	fields := []wire.Field{
		wire.F("transaction_id", str(r.TransactionID)),
		wire.F("request_id", str(r.RequestID)),
		wire.F("status_code", status),
		wire.F("reason_phrase", reason),
		wire.F("uri", uri),
	}
	if len(body) > 0 {
		fields = append(fields, wire.F("content_type", "application/json"), wire.F("message_body", string(body)))
	}
	s := c.sockets
	s.lock.Lock()
	defer s.lock.Unlock()
	if a := s.registry.App(c.apps[0]); a != nil {
		// It goes to this connection, even if another one has the application now.
		if e := s.registry.Event("RESTResponse", fields...); a.wants(e.Type) {
			c.Enqueue(e.Frame(a.name))
		}
	}
}
