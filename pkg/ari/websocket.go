package ari

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// handshakeTimeout is how long a connection attempt may take. A stopped Asterisk
// lets its kernel accept connections without end.
const handshakeTimeout = 10 * time.Second

// subprotocol is what Asterisk calls ARI over a websocket.
const subprotocol = "ari"

// A websocketSource dials Asterisk's event websocket.
type websocketSource struct {
	cfg    *config
	client http.Client
	base   string // without credentials and parameters
	url    string // without credentials
}

func newWebsocketSource(cfg *config) *websocketSource {
	u := cfg.base.JoinPath("events")
	u.Scheme = "ws" + strings.TrimPrefix(u.Scheme, "http")
	s := &websocketSource{cfg: cfg, client: *cfg.http, base: u.String()}
	s.url = s.urlFor(cfg.applications, cfg.subscribeAll)
	s.client.Timeout = 0 // It would go on after the handshake.
	if cfg.ownTransport {
		// Not to queue behind commands when all connections are busy.
		s.client.Transport = newTransport(cfg.tls)
		// Commands don't follow redirects either.
		s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return s
}

// urlFor is the URL of a websocket for applications.
func (s *websocketSource) urlFor(apps []string, all bool) string {
	escaped := make([]string, len(apps))
	for i, app := range apps {
		escaped[i] = url.QueryEscape(app)
	}
	u := s.base + "?app=" + strings.Join(escaped, ",")
	if all {
		u += "&subscribeAll=true"
	}
	return u
}

// String implements [Source].
func (s *websocketSource) String() string { return s.cfg.base.String() }

// Next implements [Source].
func (s *websocketSource) Next(ctx context.Context) (Connection, error) {
	conn, err := s.open(ctx, s.url)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// dial opens a websocket for another application than those of the session.
func (s *websocketSource) dial(ctx context.Context, app string) (*websocketConn, error) {
	return s.open(ctx, s.urlFor([]string{app}, false))
}

func (s *websocketSource) open(ctx context.Context, target string) (*websocketConn, error) {
	dialCtx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn := &websocketConn{}
	dialCtx = httptrace.WithClientTrace(dialCtx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { conn.setNet(info.Conn) },
	})
	header := make(http.Header)
	s.cfg.authorize(header)
	ws, resp, err := websocket.Dial(dialCtx, target, &websocket.DialOptions{
		HTTPClient:   &s.client,
		HTTPHeader:   header,
		Subprotocols: []string{subprotocol},
	})
	if err != nil {
		// Asterisk may answer a refused handshake twice. The second answer must not
		// be taken for that to another request.
		conn.closeNet()
		return nil, s.dialError(ctx, dialCtx, resp, err)
	}
	ws.SetReadLimit(-1) // Asterisk's events have no limit either
	conn.ws = ws
	return conn, nil
}

// dialError makes a failed handshake clear.
func (s *websocketSource) dialError(ctx, dialCtx context.Context, resp *http.Response, err error) error {
	where := s.String()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("ari: connect to %s: %w", where, ctxError(ctx))
	case dialCtx.Err() != nil:
		return fmt.Errorf("ari: connect to %s: no answer for %s: %w", where, handshakeTimeout, context.DeadlineExceeded)
	case resp == nil:
		// Without the address, which *url.Error repeats and redirects may change.
		if urlErr, ok := errors.AsType[*url.Error](err); ok {
			err = urlErr.Err
		}
		if died(err) && s.cfg.base.Scheme == "http" {
			return fmt.Errorf("ari: connect to %s: %w (%s)", where, err, hintTLS)
		}
		return fmt.Errorf("ari: connect to %s: %w", where, err)
	case resp.StatusCode == http.StatusSwitchingProtocols:
		return fmt.Errorf("ari: connect to %s: %w", where, err)
	}
	body, _ := io.ReadAll(resp.Body) // in memory, and cut to 1 KB
	refusal := newError("connect", http.MethodGet, "/events", resp.StatusCode, resp.Header, body)
	if isRedirect(resp.StatusCode) {
		return refusal
	}
	if resp.StatusCode == http.StatusNotFound {
		refusal.Message, refusal.hint, refusal.err = where, hintNoARI, ErrNoARI
	} else if !looksLikeAsterisk(resp) {
		refusal.Message = "not an Asterisk at " + where
	} else if reason := paragraph(body); reason != "" {
		refusal.Message = reason
	}
	return refusal
}

// paragraph returns the first paragraph of a page of HTML. That is where
// Asterisk's HTTP server gives its reason; the title only repeats the status.
func paragraph(page []byte) string {
	_, rest, _ := bytes.Cut(page, []byte("<p>"))
	text, _, ok := bytes.Cut(rest, []byte("</p>"))
	if !ok {
		return ""
	}
	return string(text)
}

// looksLikeAsterisk judges the answer to a refused handshake. ARI answers in JSON,
// Asterisk's HTTP server in HTML.
func looksLikeAsterisk(resp *http.Response) bool {
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusServiceUnavailable:
		return true // It may be a proxy's, but says what to do about it.
	case code < 400:
		return false
	}
	return !isPage(resp.Header.Get("Content-Type")) ||
		strings.HasPrefix(resp.Header.Get("Server"), "Asterisk")
}

// A websocketConn is a websocket connection.
type websocketConn struct {
	ws  *websocket.Conn
	buf []byte

	mu  sync.Mutex
	net net.Conn // what ws runs on, if the HTTP client tells
}

func (c *websocketConn) setNet(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.net = conn
}

// Buffers that are bigger than this aren't kept for the next frame.
const maxKeptBuffer = 1 << 20

// Read implements [Connection].
func (c *websocketConn) Read() (Frame, error) {
	data, err := c.read()
	return Frame{Data: data}, err
}

func (c *websocketConn) read() ([]byte, error) {
	// A context that can end would cost several allocations a frame. The reader
	// is stopped by closing the connection.
	_, r, err := c.ws.Reader(context.Background())
	if err != nil {
		return nil, err
	}
	buf := c.buf[:0]
	if cap(buf) == 0 || cap(buf) > maxKeptBuffer {
		buf = make([]byte, 0, 4096)
	}
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			c.buf = buf
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// Send implements [Sender].
func (c *websocketConn) Send(ctx context.Context, message []byte) error {
	return c.ws.Write(ctx, websocket.MessageText, message)
}

// Ping implements [Connection].
func (c *websocketConn) Ping(ctx context.Context) error { return c.ws.Ping(ctx) }

// Close implements [Connection].
func (c *websocketConn) Close(ctx context.Context) {
	stop := context.AfterFunc(ctx, c.Abort)
	defer stop()
	_ = c.ws.Close(websocket.StatusNormalClosure, "")
}

// Abort implements [Connection].
func (c *websocketConn) Abort() {
	// While ws.Close waits for an answer, CloseNow would wait for ws.Close. The
	// connection below has no such manners.
	c.closeNet()
	_ = c.ws.CloseNow()
}

func (c *websocketConn) closeNet() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.net != nil {
		_ = c.net.Close()
	}
}
