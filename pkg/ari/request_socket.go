package ari

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxMessage is the longest message that is sent to Asterisk: it ends a connection on which one comes in more than ten
	// pieces, and a network cuts a longer one into more.
	maxMessage = 8 << 10

	// maxOutstanding is how many requests are under way on one websocket.
	maxOutstanding = 256

	// sendTimeout bounds how long the network may take to take a message over.
	sendTimeout = 10 * time.Second
)

var (
	// errNoSocket is the error of a request that was not sent since there is no connection.
	errNoSocket = errors.New("ari: no websocket to Asterisk is open")

	// errUnanswered is the error of a request that may have been carried out: its websocket ended before the answer.
	errUnanswered = errors.New("ari: the websocket ended before the answer")

	errLongMessage = fmt.Errorf("%w: a message to Asterisk may have %d bytes", ErrTooLarge, maxMessage)
)

// A Sender is a [Connection] that takes commands too: see [WithCommands].
type Sender interface {
	// Send sends one message. It is called by one goroutine at a time.
	Send(ctx context.Context, message []byte) error
}

// A commandSocket is a websocket that requests go over. Asterisk carries them out one after the other and answers in that
// order. What waits there, waits for all that is behind it.
type commandSocket struct {
	sender Sender
	room   chan struct{} // has a token for each request under way

	mu      sync.Mutex
	waiting map[uint64]*exchange
	queue   []*exchange // not sent yet
	writing bool        // somebody sends the queue
	last    uint64      // the newest request
	sent    []uint64    // what Asterisk has not answered, the oldest first; what was given up before it was sent isn't there
	over    error       // why nothing is sent any more
}

// An exchange is a request on its way over a websocket.
type exchange struct {
	id      uint64
	message []byte
	sent    bool
	gone    bool // nobody waits any more
	done    chan socketAnswer
}

// A socketAnswer is an answer, or why there is none.
type socketAnswer struct {
	response restResponse
	err      error
}

// A restRequest is a request as Asterisk wants it.
type restRequest struct {
	Type        string `json:"type"`
	RequestID   string `json:"request_id"`
	Method      string `json:"method"`
	URI         string `json:"uri"`
	ContentType string `json:"content_type,omitempty"`
	Body        string `json:"message_body,omitempty"`
}

// A restResponse is an answer as Asterisk sends it.
type restResponse struct {
	RequestID   string `json:"request_id"`
	Status      int    `json:"status_code"`
	Reason      string `json:"reason_phrase"`
	ContentType string `json:"content_type"`
	Body        string `json:"message_body"`
}

func newCommandSocket(sender Sender) *commandSocket {
	return &commandSocket{sender: sender, room: make(chan struct{}, maxOutstanding), waiting: make(map[uint64]*exchange)}
}

// messageOf makes the message of a request, without its id.
func messageOf(req *http.Request, basePath string) (*restRequest, error) {
	m := &restRequest{
		Type: "RESTRequest", Method: req.Method,
		URI: strings.TrimPrefix(strings.TrimPrefix(req.URL.EscapedPath(), basePath), "/"),
	}
	if req.URL.RawQuery != "" {
		m.URI += "?" + req.URL.RawQuery
	}
	body, err := bodyOf(req)
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		m.ContentType, m.Body = "application/json", string(body)
		if kind := req.Header.Get("Content-Type"); strings.HasPrefix(kind, "application/x-www-form-urlencoded") {
			m.ContentType = "application/x-www-form-urlencoded"
		}
	}
	return m, nil
}

// bodyOf reads a request's body, and leaves it for another transport where that is possible.
func bodyOf(req *http.Request) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	body := req.Body
	if req.GetBody != nil {
		var err error
		if body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	defer body.Close()
	return io.ReadAll(body)
}

// encode makes the message's text. < and > stay as they are, which is shorter.
func (m *restRequest) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// do sends a request and waits for its answer. What is cancelled is forgotten; Asterisk may carry it out nevertheless,
// unless it was still waiting to be sent.
func (c *commandSocket) do(req *http.Request, m *restRequest) (*http.Response, error) {
	ctx := req.Context()
	if err := take(ctx, c.room); err != nil {
		return nil, err
	}
	defer func() { <-c.room }()
	x, err := c.begin(m) //nolint:contextcheck // What writes, writes for all.
	if err != nil {
		return nil, err
	}
	select {
	case a := <-x.done:
		if a.err != nil {
			return nil, a.err
		}
		return a.response.http(req), nil
	case <-ctx.Done():
		c.forget(x)
		return nil, ctxError(ctx)
	}
}

// begin puts a request in line.
func (c *commandSocket) begin(m *restRequest) (*exchange, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over != nil {
		return nil, fmt.Errorf("%w: %w", errNoSocket, c.over)
	}
	m.RequestID = strconv.FormatUint(c.last+1, 10)
	message, err := m.encode()
	if err != nil {
		return nil, err
	}
	if len(message) > maxMessage {
		return nil, errLongMessage
	}
	c.last++
	x := &exchange{id: c.last, message: message, done: make(chan socketAnswer, 1)}
	c.waiting[x.id] = x
	c.queue = append(c.queue, x)
	if !c.writing {
		c.writing = true
		go c.write()
	}
	return x, nil
}

// write sends what is in line. Its goroutine lives only while there is something: the network may keep it waiting, which
// must keep nobody from giving up.
func (c *commandSocket) write() {
	for {
		x := c.next()
		if x == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
		err := c.sender.Send(ctx, x.message)
		cancel()
		if err != nil {
			c.end(err)
		}
	}
}

func (c *commandSocket) next() *exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 && c.over == nil {
		x := c.queue[0]
		c.queue = c.queue[1:]
		if !x.gone {
			x.sent = true
			c.sent = append(c.sent, x.id)
			return x
		}
		delete(c.waiting, x.id)
	}
	c.queue, c.writing = nil, false
	return nil
}

func (c *commandSocket) forget(x *exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x.gone = true
	delete(c.waiting, x.id)
}

// answer takes an answer of Asterisk's. One without an id is to the oldest request that isn't answered: Asterisk has not
// understood it.
func (c *commandSocket) answer(frame []byte) {
	var r restResponse
	if json.Unmarshal(frame, &r) != nil {
		return
	}
	id, err := strconv.ParseUint(r.RequestID, 10, 64)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.RequestID == "" && len(c.sent) > 0 {
		id, err = c.sent[0], nil
	}
	i := slices.Index(c.sent, id)
	if err != nil || i < 0 {
		return // None of ours, or answered before.
	}
	c.sent = c.sent[i+1:] // Asterisk keeps the order.
	if x := c.waiting[id]; x != nil {
		delete(c.waiting, id)
		x.done <- socketAnswer{response: r}
	}
}

// end ends all requests. Those that were not sent are known not to have been carried out; of the others, nobody can tell.
func (c *commandSocket) end(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over != nil {
		return
	}
	c.over = reason
	for id, x := range c.waiting {
		delete(c.waiting, id)
		err := errNoSocket
		if x.sent {
			err = errUnanswered
		}
		x.done <- socketAnswer{err: fmt.Errorf("%w: %w", err, bareEnd(reason))}
	}
}

// bareEnd is the reason of a connection's end, without what would be taken for a connection on which a request may be
// sent again.
func bareEnd(reason error) error {
	if reason == nil || died(reason) {
		return errors.New("the connection is lost")
	}
	return reason
}

// quiet reports whether Asterisk has answered all that was sent.
func (c *commandSocket) quiet() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over == nil && c.outstanding() == 0
}

// load is how many requests Asterisk has not answered, and whether more can be sent.
func (c *commandSocket) load() (outstanding int, alive bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return min(c.outstanding(), maxOutstanding), c.over == nil
}

// outstanding is how many requests are under way, or about to be. Call it with mu held.
func (c *commandSocket) outstanding() int {
	n := len(c.sent)
	for _, x := range c.queue {
		if !x.gone {
			n++
		}
	}
	return n
}

func (c *commandSocket) alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over == nil
}

// http makes an answer of HTTP.
func (r *restResponse) http(req *http.Request) *http.Response {
	resp := &http.Response{
		Status: strconv.Itoa(r.Status) + " " + r.Reason, StatusCode: r.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Body: http.NoBody, Request: req,
	}
	if r.Body != "" {
		resp.Header.Set("Content-Type", r.ContentType)
		whole := &wholeBody{data: []byte(r.Body)}
		whole.unread.Reset(whole.data)
		resp.Body, resp.ContentLength = whole, int64(len(r.Body))
	}
	return resp
}
