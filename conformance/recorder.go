package conformance

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// recorder is the transport of a scenario's clients. It notes what goes through it.
type recorder struct {
	transport *http.Transport
	base      string // the path of the base URL
	server    Server
	coverage  *Coverage

	mu       sync.Mutex
	lines    []line
	made     []made
	requests int
	// While it records, a request waits until no event has come for a while: then each time the same events come before it.
	calm  time.Duration
	heard time.Time
}

// line is something that was sent or received.
type line struct {
	Dir string `json:"dir"`
	// Operation is the id of the operation that a request or response belongs to, N the number of the request.
	Operation string `json:"operation,omitempty"`
	N         int    `json:"n,omitempty"`
	// Of a request.
	Method string              `json:"method,omitempty"`
	Path   string              `json:"path,omitempty"`
	Query  map[string][]string `json:"query,omitempty"`
	// Of a response.
	Status int    `json:"status,omitempty"`
	Type   string `json:"content_type,omitempty"`
	Length int    `json:"length,omitempty"` // of a body that isn't JSON
	// Of all three, if it is JSON. Text is the body of a response that is text.
	Body json.RawMessage `json:"body,omitempty"`
	Text string          `json:"text,omitempty"`
}

// made is something that a request has made: a channel or a bridge.
type made struct{ kind, id string }

// RoundTrip sends a request and notes it, its response, and the events that come after a switch to a websocket.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := line{Dir: "request", Method: req.Method, Path: req.URL.EscapedPath()}
	if req.URL.RawQuery != "" {
		sent.Query, _ = url.ParseQuery(req.URL.RawQuery)
	}
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		_ = req.Body.Close()
		if err != nil {
			return nil, err
		}
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
		sent.Body = asJSON(body)
	}
	if err := r.await(req.Context()); err != nil {
		return nil, err
	}
	op := r.operation(req)
	if op != nil {
		sent.Operation = op.id
	}
	r.mu.Lock()
	r.requests++
	sent.N = r.requests
	r.lines = append(r.lines, sent)
	r.mu.Unlock()

	resp, err := r.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	got := line{Dir: "response", Operation: sent.Operation, N: sent.N, Status: resp.StatusCode, Type: resp.Header.Get("Content-Type")}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		r.note(got)
		if op != nil {
			r.coverage.operation(op.id, resp.StatusCode)
		}
		if rwc, ok := resp.Body.(io.ReadWriteCloser); ok {
			resp.Body = &tap{ReadWriteCloser: rwc, received: frames{frame: r.frame}, sent: frames{frame: r.sentFrame}}
		}
		return resp, nil
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	switch got.Body = asJSON(body); {
	case got.Body != nil:
	case strings.HasPrefix(got.Type, "text/"):
		got.Text = string(body)
	default:
		got.Length = len(body)
	}
	r.note(got)
	if op != nil {
		r.coverage.operation(op.id, resp.StatusCode)
		r.noteMade(op, resp.StatusCode, body)
	}
	return resp, nil
}

// await waits until events have stopped coming.
func (r *recorder) await(ctx context.Context) error {
	for {
		r.mu.Lock()
		left := r.calm - time.Since(r.heard)
		r.mu.Unlock()
		if left <= 0 {
			return nil
		}
		select {
		case <-time.After(left):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// asJSON returns a body if it is JSON, else nil.
func asJSON(body []byte) json.RawMessage {
	if len(bytes.TrimSpace(body)) == 0 || !json.Valid(body) {
		return nil
	}
	return body
}

// moveTo forgets everything, since another server is used from now on.
func (r *recorder) moveTo(server Server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server, r.lines, r.made = server, nil, nil
}

func (r *recorder) operation(req *http.Request) *operation {
	path, ok := strings.CutPrefix(req.URL.EscapedPath(), r.base)
	if !ok {
		return nil
	}
	return r.coverage.description.find(req.Method, path)
}

func (r *recorder) note(l line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, l)
}

// makers are the operations that make channels and bridges.
var makers = map[string]string{
	"channelsOriginate": "channel", "channelsOriginateWithId": "channel", "channelsCreate": "channel", "channelsExternalMedia": "channel",
	"channelsSnoopChannel": "channel", "channelsSnoopChannelWithId": "channel", "bridgesCreate": "bridge", "bridgesCreateWithId": "bridge",
}

// noteMade notes what has to be cleaned up.
func (r *recorder) noteMade(op *operation, status int, body []byte) {
	kind := makers[op.id]
	if kind == "" || status >= 300 {
		return
	}
	var object struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(body, &object) == nil && object.ID != "" {
		r.mu.Lock()
		r.made = append(r.made, made{kind, object.ID})
		r.mu.Unlock()
	}
}

// frame notes a text frame of an event websocket.
func (r *recorder) frame(data []byte) {
	r.note(line{Dir: "event", Body: bytes.Clone(data)})
	r.mu.Lock()
	r.heard = time.Now()
	r.mu.Unlock()
	r.coverage.event(typeOf(data))
}

// sentFrame notes a text frame that went to Asterisk.
func (r *recorder) sentFrame(data []byte) {
	r.note(line{Dir: "sent", Body: asJSON(bytes.Clone(data))})
}

// typeOf is an event's type; what isn't an event has none.
func typeOf(frame []byte) string {
	var event struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(frame, &event) != nil {
		return ""
	}
	return event.Type
}

// recorded returns what was noted so far.
func (r *recorder) recorded() ([]line, []made) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]line(nil), r.lines...), append([]made(nil), r.made...)
}

// A tap reads along what goes over a websocket, and reports the text frames of both sides.
type tap struct {
	io.ReadWriteCloser
	received, sent frames
}

// Read reads, and looks at what it has read.
func (t *tap) Read(p []byte) (int, error) {
	n, err := t.ReadWriteCloser.Read(p)
	t.received.add(p[:n])
	return n, err
}

// Write writes, and looks at what it writes before that: the answer must not be noted first.
func (t *tap) Write(p []byte) (int, error) {
	t.sent.add(p)
	return t.ReadWriteCloser.Write(p)
}

// frames takes text frames out of one direction of a websocket.
type frames struct {
	frame func([]byte)

	buf     []byte
	message []byte
	text    bool
}

func (f *frames) add(data []byte) {
	f.buf = append(f.buf, data...)
	for f.next() {
	}
}

// next takes one frame (RFC 6455, 5.2) off the front. A client masks its frames, a server doesn't.
func (f *frames) next() bool {
	const (
		fin, opcode, masked = 0x80, 0x0f, 0x80
		continuation        = 0
		text, control       = 1, 8
		maskSize            = 4
	)
	if len(f.buf) < 2 {
		return false
	}
	size, start := int(f.buf[1]&0x7f), 2
	switch size {
	case 126:
		start = 4
	case 127:
		start = 10
	}
	if len(f.buf) < start {
		return false
	}
	switch size {
	case 126:
		size = int(binary.BigEndian.Uint16(f.buf[2:]))
	case 127:
		size = int(binary.BigEndian.Uint64(f.buf[2:])) //nolint:gosec // Nobody sends that much.
	}
	mask := f.buf[1]&masked != 0
	if mask {
		start += maskSize
	}
	if len(f.buf) < start+size {
		return false
	}
	head, payload := f.buf[0], f.buf[start:start+size]
	if mask {
		for i := range payload {
			payload[i] ^= f.buf[start-maskSize+i%maskSize]
		}
	}
	switch kind := head & opcode; {
	case kind >= control:
	case kind == continuation:
		f.message = append(f.message, payload...)
	default:
		f.text = kind == text
		f.message = append(f.message[:0], payload...)
	}
	if head&opcode < control && head&fin != 0 && f.text {
		f.frame(f.message)
	}
	f.buf = append(f.buf[:0], f.buf[start+size:]...)
	return true
}

// summary is a line for people who look for what went wrong.
func (l line) summary() string {
	switch l.Dir {
	case "request":
		return fmt.Sprintf("%d> %s %s %v %s", l.N, l.Method, l.Path, l.Query, cut(l.Body))
	case "response":
		return fmt.Sprintf("%d< %d %s%s", l.N, l.Status, cut(l.Body), l.Text)
	case "sent":
		return "   > " + cut(l.Body)
	default:
		return "   " + cut(l.Body)
	}
}

func cut(body []byte) string {
	const most = 600
	if len(body) > most {
		return string(body[:most]) + "..."
	}
	return string(body)
}
