package ari

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const registeredFrame = `{"type":"ApplicationRegistered","application":"hello","asterisk_id":"a1","timestamp":"2026-11-25T02:11:08.294+0000"}`

// A calledServer is a server for "hello" that listens, and what its handlers got.
type calledServer struct {
	*Server
	book   logBook
	events bag[Event]
	url    string // ws://...
}

func newCalledServer(t *testing.T, opts ...ServerOption) *calledServer {
	t.Helper()
	c := &calledServer{}
	server, err := NewServer("hello", append([]ServerOption{WithLogger(c.book.logger())}, opts...)...)
	require.NoError(t, err)
	c.Server = server
	On(server.Client, func(_ context.Context, ev Event) error {
		if _, ok := ev.(*Connected); !ok {
			c.events.add(ev)
		}
		return nil
	})
	t.Cleanup(func() { require.NoError(t, server.Close(context.Background())) })
	return c
}

func (c *calledServer) listen(t *testing.T) {
	t.Helper()
	web := httptest.NewServer(c)
	t.Cleanup(web.Close)
	c.url = "ws" + strings.TrimPrefix(web.URL, "http")
}

// callIn opens a websocket as Asterisk does.
func callIn(t *testing.T, url string, header http.Header, protocols ...string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	conn, resp, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{HTTPHeader: header, Subprotocols: protocols})
	if resp != nil && resp.Body != nil && err != nil {
		_ = resp.Body.Close()
	}
	if conn != nil {
		t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return conn, resp, err
}

func basic(user, password string) http.Header {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return r.Header
}

// A stranger's handshake is refused and logged, without what he has sent.
func TestServerRefusesStrangers(t *testing.T) {
	c := newCalledServer(t, WithAuthenticator(func(_ *http.Request, user, password string) bool { return user == "pbx" && password == "s3cret" }))
	c.listen(t)
	for name, try := range map[string]struct {
		header    http.Header
		protocols []string
		status    int
	}{
		"nobody":              {nil, []string{"ari"}, http.StatusUnauthorized},
		"wrong user":          {basic("pabx", "s3cret"), []string{"ari"}, http.StatusUnauthorized},
		"wrong password":      {basic("pbx", "hunter2"), []string{"ari"}, http.StatusUnauthorized},
		"stranger's protocol": {basic("pbx", "s3cret"), []string{"chat", "media"}, http.StatusBadRequest},
	} {
		_, resp, err := callIn(t, c.url, try.header, try.protocols...)
		require.Error(t, err, name)
		assert.Equal(t, try.status, resp.StatusCode, name)
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		req, err := http.NewRequestWithContext(t.Context(), method, "http"+strings.TrimPrefix(c.url, "ws"), strings.NewReader("x"))
		require.NoError(t, err)
		req.SetBasicAuth("pbx", "s3cret")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		_ = resp.Body.Close()
		assert.GreaterOrEqual(t, resp.StatusCode, 400)
	}
	require.Eventually(t, func() bool { return len(c.book.with("a websocket was refused")) == 6 }, 5*time.Second, time.Millisecond)
	assert.Empty(t, c.book.with("hunter2"))
	assert.Empty(t, c.book.with("s3cret"))
	assert.Zero(t, c.sockets.Load())
	assert.Zero(t, c.handshakes.Load())

	for _, protocols := range [][]string{{"ari"}, nil, {"other", "ari"}} {
		_, _, err := callIn(t, c.url, basic("pbx", "s3cret"), protocols...)
		require.NoError(t, err)
	}
	assert.Empty(t, c.events.all())
}

// What doesn't begin as Asterisk's does is closed, and reaches nobody.
func TestServerRefusesWhatIsNoAsterisk(t *testing.T) {
	for name, first := range map[string]string{
		"no JSON":               "hello",
		"no object":             `["ApplicationRegistered"]`,
		"no type":               `{"application":"hello"}`,
		"no application":        `{"type":"ApplicationRegistered"}`,
		"another application":   `{"type":"ApplicationRegistered","application":"hell","asterisk_id":"a1"}`,
		"another one's call":    `{"type":"ApplicationRegistered","application":"hell:PJSIP/alice-00000001","asterisk_id":"a1"}`,
		"too long":              `{"type":"ApplicationRegistered","application":"hello","asterisk_id":"` + strings.Repeat("a", maxFirstFrame) + `"}`,
		"another one's command": `{"type":"ApplicationRegistered","application":"hell-commands-1","asterisk_id":"a1"}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := newCalledServer(t)
			c.listen(t)
			conn, _, err := callIn(t, c.url, nil, "ari")
			require.NoError(t, err)
			require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte(first)))
			_, _, err = conn.Read(t.Context())
			require.Error(t, err)
			require.Eventually(t, func() bool { return c.sockets.Load() == 0 && c.handshakes.Load() == 0 }, 5*time.Second, time.Millisecond)
			require.Eventually(t, func() bool { return len(c.book.with("a websocket was refused")) == 1 }, 5*time.Second, time.Millisecond)
			assert.Empty(t, c.events.all())
			assert.Empty(t, c.Controllers())
			assert.Empty(t, c.peers)
		})
	}
}

// A message that is too long ends its connection, and nothing else.
func TestServerEndsAConnectionWithAnOversizedFrame(t *testing.T) {
	c := newCalledServer(t, WithServerLimits(ServerLimits{Frame: 100_000}))
	c.listen(t)
	conn, _, err := callIn(t, c.url, nil, "ari")
	require.NoError(t, err)
	require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte(registeredFrame)))
	require.Eventually(t, func() bool { return len(c.events.all()) == 1 }, 5*time.Second, time.Millisecond)
	long := `{"type":"ChannelUserevent","application":"hello","eventname":"` + strings.Repeat("x", 100_000) + `"}`
	require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte(long)))
	for {
		if _, _, err = conn.Read(t.Context()); err != nil {
			break
		}
	}
	require.Eventually(t, func() bool { return c.sockets.Load() == 0 }, 5*time.Second, time.Millisecond)

	conn, _, err = callIn(t, c.url, nil, "ari")
	require.NoError(t, err)
	require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte(registeredFrame)))
	require.Eventually(t, func() bool { return len(c.book.with("resumed=true")) > 0 }, 5*time.Second, time.Millisecond)
}

// There are no more websockets than the limits allow.
func TestServerLimits(t *testing.T) {
	c := newCalledServer(t, WithServerLimits(ServerLimits{Sockets: 3, Handshakes: 2}))
	c.listen(t)
	var open []*websocket.Conn
	dial := func() (*websocket.Conn, int) {
		conn, resp, _ := callIn(t, c.url, nil, "ari")
		return conn, resp.StatusCode
	}
	for range 2 { // They say nothing.
		conn, status := dial()
		require.Equal(t, http.StatusSwitchingProtocols, status)
		open = append(open, conn)
	}
	_, status := dial()
	require.Equal(t, http.StatusServiceUnavailable, status)
	for i, conn := range open {
		require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte(strings.Replace(registeredFrame, "a1", fmt.Sprint("a", i), 1))))
	}
	require.Eventually(t, func() bool { return c.handshakes.Load() == 0 }, 5*time.Second, time.Millisecond)
	conn, status := dial()
	require.Equal(t, http.StatusSwitchingProtocols, status)
	_, status = dial()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.NoError(t, conn.CloseNow())
	require.Eventually(t, func() bool { return c.sockets.Load() == 2 }, 5*time.Second, time.Millisecond)
}

// A listener of connections in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (*pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (l *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	l.conns <- theirs
	return ours
}

// Ten thousand connections that never become a websocket are closed, and nothing of them stays.
func TestServerKeepsNothingOfHalfOpenHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalledServer(t)
		l := newPipes()
		served := make(chan error, 1)
		go func() { served <- c.Serve(t.Context(), l) }()
		before := goroutines(t)
		var conns []net.Conn
		for i := range 10_000 {
			conn := l.dial()
			conns = append(conns, conn)
			if i%2 == 0 {
				_ = conn.SetWriteDeadline(time.Now().Add(time.Millisecond))
				_, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n"))
			}
		}
		time.Sleep(2 * headerTimeout)
		synctest.Wait()
		assert.LessOrEqual(t, goroutines(t), before)
		for _, conn := range conns {
			_ = conn.SetReadDeadline(time.Now().Add(time.Second))
			buf := make([]byte, 256)
			for {
				if _, err := conn.Read(buf); err != nil {
					require.NotErrorIs(t, err, context.DeadlineExceeded)
					break
				}
			}
			_ = conn.Close()
		}
		assert.Zero(t, c.handshakes.Load())

		// Those that become a websocket and say nothing are closed as well.
		conn, err := dialPipe(t, l)
		require.NoError(t, err)
		time.Sleep(2 * identifyTimeout)
		synctest.Wait()
		assert.Zero(t, c.sockets.Load())
		_ = conn.CloseNow()
		require.NoError(t, c.Close(t.Context()))
		require.NoError(t, <-served)
	})
}

func dialPipe(t *testing.T, l *pipes) (*websocket.Conn, error) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return l.dial(), nil },
	}}
	conn, resp, err := websocket.Dial(t.Context(), "ws://server/", &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{"ari"}})
	if resp != nil && resp.Body != nil && err != nil {
		_ = resp.Body.Close()
	}
	return conn, err
}

// A server stands behind a reverse proxy as well.
func TestServerBehindAReverseProxy(t *testing.T) {
	c := newCalledServer(t)
	c.listen(t)
	target, err := url.Parse("http" + strings.TrimPrefix(c.url, "ws"))
	require.NoError(t, err)
	proxy := httptest.NewServer(httputil.NewSingleHostReverseProxy(target))
	t.Cleanup(proxy.Close)
	conn, resp, err := callIn(t, "ws"+strings.TrimPrefix(proxy.URL, "http"), nil, "ari")
	require.NoError(t, err)
	assert.Empty(t, resp.Header.Get("Sec-Websocket-Extensions"), "Asterisk takes none")
	assert.Equal(t, "Upgrade", resp.Header.Get("Connection"), "Asterisk takes nothing else")
	require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte(registeredFrame)))
	require.Eventually(t, func() bool { return len(c.events.all()) == 1 }, 5*time.Second, time.Millisecond)
}

// An authority makes certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.pool = x509.NewCertPool()
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) issue(t *testing.T, name string, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, key.Public(), a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Only an Asterisk whose certificate is trusted gets in.
func TestServerAsksForCertificates(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	until := time.Now().Add(time.Hour)
	c := newCalledServer(t,
		WithServerTLS(&tls.Config{Certificates: []tls.Certificate{ours.issue(t, "server", until)}, ClientCAs: ours.pool, MinVersion: tls.VersionTLS12}),
		WithClientCertificates(func(cert *x509.Certificate) bool { return cert.Subject.CommonName == "pbx" }))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- c.Serve(ctx, l) }()
	dial := func(certs ...tls.Certificate) error {
		conn, resp, err := websocket.Dial(t.Context(), "wss://"+l.Addr().String(), &websocket.DialOptions{
			HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ours.pool, Certificates: certs, MinVersion: tls.VersionTLS12}}},
		})
		if resp != nil && resp.Body != nil && err != nil {
			_ = resp.Body.Close()
		}
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = conn.CloseNow() })
		return conn.Write(t.Context(), websocket.MessageText, []byte(registeredFrame))
	}
	for name, certs := range map[string][]tls.Certificate{
		"none":            nil,
		"expired":         {ours.issue(t, "pbx", time.Now().Add(-time.Hour))},
		"a stranger's":    {theirs.issue(t, "pbx", until)},
		"somebody else's": {ours.issue(t, "other", until)},
	} {
		require.Error(t, dial(certs...), name)
	}
	assert.Empty(t, c.Controllers())
	require.NoError(t, dial(ours.issue(t, "pbx", until)))
	require.Eventually(t, func() bool { return len(c.events.all()) == 1 }, 5*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-served)
}

// Options that contradict each other.
func TestServerOptions(t *testing.T) {
	for name, opts := range map[string][]ServerOption{
		"a source":         {WithSource(make(handedOut))},
		"HTTP to nowhere":  {WithCommands(CommandsHTTP)},
		"a negative limit": {WithServerLimits(ServerLimits{Sockets: -1})},
		"no time":          {WithReturn(0, time.Second)},
		"two transports":   {WithHTTPClient(http.DefaultClient), WithTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12})},
	} {
		_, err := NewServer("hello", opts...)
		require.Error(t, err, name)
	}
	_, err := NewServer("")
	require.Error(t, err)
	s, err := NewServer("hello", nil, WithAsteriskURL(func(*http.Request) string { return "" }))
	require.NoError(t, err)
	assert.Nil(t, s.ARI())
	assert.Equal(t, "hello-commands", s.CommandApplication())
	_, err = s.ARI().Channels(t.Context())
	require.Error(t, err, "there is no Asterisk")
	require.NoError(t, s.Close(t.Context()))
	require.ErrorIs(t, s.Connect(t.Context()), ErrClosed)
}

// Whatever comes first is refused, or tells whose connection it is; whatever comes later harms nothing.
func FuzzAcceptedFrames(f *testing.F) {
	f.Add([]byte(registeredFrame), []byte(`{"type":"StasisStart"}`))
	f.Add([]byte(`{"type":"ApplicationRegistered","application":"hello:PJSIP/a-1","asterisk_id":"a1"}`), []byte(startFrame("c1")))
	f.Add([]byte(`{"type":"ApplicationRegistered","application":"hello-commands-1"}`), []byte(`{"type":"RESTResponse","request_id":"1","status_code":204}`))
	f.Add([]byte(`{`), []byte(`{"type":"RESTResponse","request_id":"","message_body":7}`))
	f.Fuzz(func(t *testing.T, first, later []byte) {
		id, err := readIdentity(first)
		if err == nil && (id.Type == "" || id.Application == "") {
			t.Fatal("nobody's connection was taken")
		}
		c := &acceptedConn{app: "hello", entered: id.Channel.Name, apps: make(map[string]struct{}), registered: make(chan struct{}), started: make(chan struct{})}
		c.look(first)
		c.look(later)
		sock := newCommandSocket(nothingSent{})
		x, err := sock.begin(&restRequest{Method: http.MethodGet, URI: "asterisk/ping"})
		if err != nil {
			t.Fatal(err)
		}
		sock.answer(first)
		sock.answer(later)
		sock.end(io.EOF)
		if a := <-x.done; a.err == nil {
			_ = a.response.http(&http.Request{}).Body.Close()
		}
	})
}

type nothingSent struct{}

func (nothingSent) Send(context.Context, []byte) error { return nil }
