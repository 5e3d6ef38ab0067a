package ari

import (
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.client(WithApplications("second app", "hello"), WithSubscribeAll())
		var got bag[string]
		On(c, func(_ context.Context, ev Event) error {
			got.add(ev.Header().Type)
			if up, ok := ev.(*Connected); ok {
				assert.False(t, up.Resumed)
			}
			return nil
		})
		assert.False(t, c.Stats().Connected)
		require.NoError(t, c.Connect(t.Context()))
		require.NoError(t, a.send(startFrame("c1")))
		synctest.Wait()
		assert.ElementsMatch(t, []string{"Connected", "StasisStart"}, got.all())
		assert.True(t, c.Stats().Connected)
		assert.EqualValues(t, 1, c.Stats().Connections)
		assert.EqualValues(t, 1, c.Stats().Frames)

		assert.Equal(t, []string{"/ari/events?app=hello,second+app&subscribeAll=true"}, a.uris)
		header := a.headers[0]
		assert.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("user:secret")), header.Get("Authorization"))
		assert.Equal(t, "ari", header.Get("Sec-WebSocket-Protocol"))
		assert.Empty(t, header.Get("Sec-WebSocket-Extensions"))
		assert.Zero(t, a.requested("POST"), "there is nothing to restore on the first connection")

		require.NoError(t, c.Connect(t.Context())) // again
		assert.Equal(t, 1, a.connections())
		require.NoError(t, c.Close(t.Context()))
		require.ErrorIs(t, c.Connect(t.Context()), ErrClosed)
	})
}

func TestConnectErrors(t *testing.T) {
	respond := func(code int, contentType, body string) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	page := func(text string) string {
		return "<!DOCTYPE HTML><html><head><title>Title</title></head><body><h1>Heading</h1><p>" + text + "</p></body></html>"
	}
	for name, tt := range map[string]struct {
		refuse func(http.ResponseWriter) bool
		down   error
		is     error
		want   string
	}{
		"wrong password":      {refuse: respond(401, "application/json", `{"message":"Authentication required"}`), is: ErrUnauthorized, want: "Authentication required"},
		"forbidden":           {refuse: respond(403, "text/html", page("not you")), is: ErrForbidden, want: "403"},
		"starting":            {refuse: respond(503, "text/html", page("Asterisk not ready")), want: "503"},
		"another path":        {refuse: respond(404, "text/html", page("The requested URL was not found")), is: ErrNoARI, want: "404 Not Found: http://asterisk:8088/ari (/ari may be missing from the base URL, or ARI be disabled)"},
		"another server":      {refuse: respond(200, "text/html", page("welcome")), want: "not an Asterisk at http://asterisk:8088/ari"},
		"asterisk's own page": {refuse: respond(500, "text/html", page("Stasis app registration failed")), want: "Stasis app registration failed"},
		"asterisk's message":  {refuse: respond(400, "application/json", `{"message":"HTTP request is missing param: [app]"}`), want: "HTTP request is missing param: [app]"},
		"proxy's page": {refuse: func(w http.ResponseWriter) bool {
			w.Header().Set("Server", "nginx")
			return respond(502, "text/html", page("Bad"))(w)
		}, want: "not an Asterisk at"},
		"nobody there": {down: syscall.ECONNREFUSED, is: syscall.ECONNREFUSED, want: "ari: connect to http://asterisk:8088/ari: dial tcp: connection refused"},
		"silence":      {refuse: func(http.ResponseWriter) bool { time.Sleep(time.Minute); return true }, is: context.DeadlineExceeded, want: "no answer for 10s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAsterisk(t)
				a.refuse, a.down = tt.refuse, tt.down
				c := a.client()
				began := time.Now()
				err := c.Run(t.Context())
				require.ErrorContains(t, err, tt.want)
				if tt.is != nil {
					require.ErrorIs(t, err, tt.is)
				}
				for _, secret := range []string{"secret", "user", base64.StdEncoding.EncodeToString([]byte("user:secret"))} {
					assert.NotContains(t, err.Error(), secret)
				}
				assert.LessOrEqual(t, time.Since(began), handshakeTimeout)
				dials := 1
				if name == "silence" {
					dials = 2 // It is asked whether it answers commands.
				}
				assert.Len(t, a.dials, dials)
				require.NoError(t, c.Err()) // It may be tried again.
				a.set(func() { a.refuse, a.down = nil, nil })
				require.NoError(t, c.Connect(t.Context()))
				require.NoError(t, c.Close(t.Context()))
				time.Sleep(time.Minute)
			})
		})
	}
}

func TestConnectEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		a.refuse = func(http.ResponseWriter) bool { time.Sleep(time.Minute); return true }
		c := a.client()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, c.Connect(ctx), context.DeadlineExceeded)
		require.NoError(t, c.Run(ctx)) // Its end is what Run was to wait for.
		assert.Equal(t, time.Second, time.Since(began))
		time.Sleep(time.Minute)
	})
}

func TestRun(t *testing.T) {
	for name, end := range map[string]func(c *Client, cancel context.CancelFunc){
		"context ends": func(_ *Client, cancel context.CancelFunc) { cancel() },
		"closed":       func(c *Client, _ context.CancelFunc) { _ = c.Close(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAsterisk(t)
				c := a.client()
				var done bag[error]
				c.OnStasisStart(func(ctx context.Context, _ *StasisStart) error {
					<-ctx.Done()
					time.Sleep(time.Second)
					done.add(context.Cause(ctx))
					return nil
				})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var result bag[error]
				go func() { result.add(c.Run(ctx)) }()
				synctest.Wait()
				require.NoError(t, a.send(startFrame("c1")))
				synctest.Wait()
				require.NoError(t, c.Err())
				go end(c, cancel)
				synctest.Wait()
				assert.Empty(t, result.all())
				require.ErrorIs(t, c.Err(), ErrClosed)
				<-c.Done()
				time.Sleep(time.Second)
				synctest.Wait()
				assert.Equal(t, []error{nil}, result.all())
				assert.Equal(t, []error{ErrClosed}, done.all())
				require.ErrorIs(t, c.Run(t.Context()), ErrClosed)
			})
		})
	}
}

func TestRunDrainsForALimitedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		a := newAsterisk(t)
		c := a.client(WithCloseTimeout(3*time.Second), WithLogger(book.logger()))
		release := make(chan struct{})
		c.OnStasisStart(func(context.Context, *StasisStart) error { <-release; return nil })
		ctx, cancel := context.WithCancel(t.Context())
		var result bag[error]
		go func() { result.add(c.Run(ctx)) }()
		synctest.Wait()
		require.NoError(t, a.send(startFrame("c1")))
		synctest.Wait()
		cancel()
		time.Sleep(3*time.Second - 1)
		synctest.Wait()
		assert.Empty(t, result.all())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.Equal(t, []error{nil}, result.all())
		assert.Len(t, book.with("1 handlers still running"), 1)
		close(release)
	})
}

func TestReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.client(WithApplications("second"))
		var events, calls bag[string]
		On(c, into(&events, func(ev *ApplicationReplaced) string { return ev.Application }))
		c.OnStasisStart(func(ctx context.Context, _ *StasisStart) error {
			<-ctx.Done()
			calls.add(context.Cause(ctx).Error())
			return nil
		})
		sub := Subscribe[*StasisEnd](c)
		var result bag[error]
		go func() { result.add(c.Run(t.Context())) }()
		synctest.Wait()
		replaced := `{"type":"ApplicationReplaced"` + frameTail
		require.NoError(t, a.send(startFrame("c1"), inApp("another", replaced)))
		synctest.Wait()
		require.NoError(t, c.Err())
		require.NoError(t, a.send(inApp("second", replaced)))
		synctest.Wait()
		require.Len(t, result.all(), 1)
		require.ErrorIs(t, result.all()[0], ErrReplaced)
		require.EqualError(t, result.all()[0], "ari: application taken over by another client: second")
		require.ErrorIs(t, c.Err(), ErrReplaced)
		require.ErrorIs(t, sub.Err(), ErrReplaced)
		require.ErrorIs(t, c.Connect(t.Context()), ErrReplaced)
		assert.ElementsMatch(t, []string{"another", "second"}, events.all())
		assert.Equal(t, []string{"ari: application taken over by another client: second"}, calls.all())
		time.Sleep(time.Hour)
		assert.Equal(t, 1, a.connections())
	})
}

// A client whose handlers stop for a minute, while Asterisk sends as fast as it
// can and cuts off who doesn't take a frame within 100 ms, stays connected.
func TestSlowHandlersDoNotCostTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected(WithErrorHandler(func(context.Context, error) { time.Sleep(time.Minute) }))
		var starts bag[string]
		c.OnStasisStart(func(_ context.Context, ev *StasisStart) error {
			time.Sleep(time.Minute)
			starts.add(ev.Channel.ID)
			return nil
		})
		On(c, func(context.Context, Event) error { time.Sleep(time.Minute); return nil })
		big := varsetFrame("c1", strings.Repeat("x", 3000))
		require.NoError(t, a.send(slices.Repeat([]string{big}, 5000)...))
		require.NoError(t, a.send(startFrame("c1"), startFrame("c2")))
		time.Sleep(90 * time.Second)
		synctest.Wait()
		assert.ElementsMatch(t, []string{"c1", "c2"}, starts.all())
		assert.EqualValues(t, 5002, c.Stats().Frames)
		assert.Equal(t, 1, a.connections())
		assert.Positive(t, c.Stats().Lost)
		require.NoError(t, c.Close(t.Context()))
	})
}

func TestNewClientRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		url  string
		app  string
		opts []Option
		want string
	}{
		"no URL":               {"", "hello", nil, "ari: the base URL is empty"},
		"no scheme":            {"127.0.0.1:8088/ari", "hello", nil, `ari: base URL "127.0.0.1:8088/ari": it must begin with http:// or https://`},
		"another scheme":       {"ws://127.0.0.1:8088/ari", "hello", nil, `ari: base URL "ws://127.0.0.1:8088/ari": it must begin with http:// or https://`},
		"no host":              {"http:///ari", "hello", nil, `ari: base URL "http:///ari": it has no host`},
		"query":                {"http://h/ari?api_key=u:p", "hello", nil, `it must end with the path`},
		"password in bad URL":  {"http://user:sec ret@h:x/ari", "hello", nil, `ari: base URL "http://***@h:x/ari": it is malformed`},
		"slash in password":    {"http://user:sec/ret@h/ari", "hello", nil, `ari: base URL "http://***@h/ari": it is malformed`},
		"bad port":             {"http://h:port/ari", "hello", nil, `invalid port ":port" after host`},
		"no application":       {"http://h/ari", "", nil, "ari: the application name is empty"},
		"comma in application": {"http://h/ari", "a,b", nil, `ari: the application name "a,b" has a comma in it`},
		"no second one":        {"http://h/ari", "a", []Option{WithApplications("")}, "ari: the application name is empty"},
		"no user":              {"http://h/ari", "a", []Option{WithBasicAuth("", "secret")}, "ari: the user name is empty"},
		"colon in user":        {"http://h/ari", "a", []Option{WithBasicAuth("u:x", "secret")}, "ari: the user name has a colon in it"},
		"buffer":               {"http://h/ari", "a", []Option{WithEventBuffer(0)}, "ari: an event buffer of 0 makes no sense"},
		"keepalive":            {"http://h/ari", "a", []Option{WithKeepalive(time.Second, 0)}, "ari: a keepalive of 1s with time-out 0s makes no sense"},
		"TLS twice":            {"http://h/ari", "a", []Option{WithTLSConfig(nil), WithHTTPClient(http.DefaultClient)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewClient(tt.url, tt.app, tt.opts...)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "sec")
		})
	}
}

func TestBaseURL(t *testing.T) {
	for base, want := range map[string]string{
		"http://h:8088/ari":           "ws://h:8088/ari/events?app=hello",
		"http://h:8088/ari/":          "ws://h:8088/ari/events?app=hello",
		"https://h/prefix/ari//":      "wss://h/prefix/ari/events?app=hello",
		"http://[::1]:8088/a%2Fb/ari": "ws://[::1]:8088/a%2Fb/ari/events?app=hello",
		"http://u:p@h/ari":            "ws://h/ari/events?app=hello",
	} {
		cfg, err := newConfig(base, []Option{WithApplications("hello")})
		require.NoError(t, err)
		assert.Equal(t, want, newWebsocketSource(cfg).url)
	}
	cfg, err := newConfig("http://u%3A:p%20w@h/ari", nil)
	require.NoError(t, err)
	header := make(http.Header)
	cfg.authorize(header)
	assert.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("u::p w")), header.Get("Authorization"))
}

func TestNewClientFromEnv(t *testing.T) {
	t.Setenv("ARI_URL", "")
	t.Setenv("ARI_APPLICATION", "hello")
	t.Setenv("ARI_USERNAME", "user")
	t.Setenv("ARI_PASSWORD", "secret")
	_, err := NewClientFromEnv()
	require.EqualError(t, err, "ari: the environment variable ARI_URL is not set")
	t.Setenv("ARI_URL", "http://h/ari")
	c, err := NewClientFromEnv()
	require.NoError(t, err)
	assert.Equal(t, "user:secret", c.cfg.user.String())
	assert.Equal(t, []string{"hello"}, c.cfg.applications)
	c, err = NewClientFromEnv(WithBasicAuth("other", "x"))
	require.NoError(t, err)
	assert.Equal(t, "other:x", c.cfg.user.String())
}

// Asterisk's port for TLS closes a connection that speaks plain HTTP without a word.
func TestConnectToATLSPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096)) // what isn't a handshake
			_ = conn.Close()
		}
	}()
	c, err := NewClient("http://"+listener.Addr().String()+"/ari", "hello", WithLogger(quiet))
	require.NoError(t, err)
	require.ErrorContains(t, c.Connect(t.Context()), "https://")
	require.NoError(t, c.Close(t.Context()))
}
