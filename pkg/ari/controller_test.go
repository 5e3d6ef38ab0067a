package ari

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
)

// seen is a request as it came over the wire.
type seen struct {
	line        string // method and URI, still encoded
	contentType string
	body        string
}

// recorder is a server that notes what it gets and answers what it is told.
type recorder struct {
	*httptest.Server
	mu     sync.Mutex
	seen   []seen
	answer http.HandlerFunc
}

func newRecorder(t *testing.T, answer http.HandlerFunc, changes ...func(*http.Server)) *recorder {
	t.Helper()
	w := &recorder{answer: answer}
	w.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		w.seen = append(w.seen, seen{r.Method + " " + r.RequestURI, r.Header.Get("Content-Type"), string(body)})
		w.mu.Unlock()
		w.answer(rw, r)
	}))
	for _, change := range changes {
		change(w.Config)
	}
	w.Start()
	t.Cleanup(w.Close)
	return w
}

func (w *recorder) last(t *testing.T) seen {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.NotEmpty(t, w.seen, "no request came")
	return w.seen[len(w.seen)-1]
}

func (w *recorder) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen)
}

// controller returns a controller under a base path that isn't the usual one, so that absolute paths show.
func (w *recorder) controller(t *testing.T, opts ...ControllerOption) *Controller {
	t.Helper()
	c, err := NewController(w.URL+"/pbx1/ari/", append([]ControllerOption{WithBasicAuth("user", "s3cret")}, opts...)...)
	require.NoError(t, err)
	c.application = "hello"
	return c
}

func answerJSON(status int, body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.Header().Set("Server", "Asterisk/22.10.1~dfsg")
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	}
}

func noContent(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNoContent) }

func TestRequestsOnTheWire(t *testing.T) {
	ctx := t.Context()
	long := strings.Repeat("x", 4000)
	tests := []struct {
		name string
		do   func(c *Controller) error
		want seen
	}{
		{
			"plain",
			func(c *Controller) error { return c.Channel("c1").Answer(ctx) },
			seen{"POST /pbx1/ari/channels/c1/answer", "", ""},
		},
		{
			"an id with everything that means something in a URL",
			func(c *Controller) error { return c.Channel("a/b+c;d@e f%g,é?#").Ring(ctx) },
			seen{"POST /pbx1/ari/channels/a%2Fb%2Bc%3Bd@e%20f%25g%2C%C3%A9%3F%23/ring", "", ""},
		},
		{
			"a query value with everything that means something in a URL",
			func(c *Controller) error { return c.Channel("c1").SetVariable(ctx, "X", "1+1=2 & é%/,;") },
			seen{"POST /pbx1/ari/channels/c1/variable?variable=X&value=1%2B1%3D2+%26+%C3%A9%25%2F%2C%3B", "", ""},
		},
		{
			"an empty value is sent where it means something",
			func(c *Controller) error { return c.Channel("c1").SetVariable(ctx, "X", "") },
			seen{"POST /pbx1/ari/channels/c1/variable?variable=X&value=", "", ""},
		},
		{
			"zero options are not sent",
			func(c *Controller) error { return c.Channel("c1").ContinueWith(ctx, ContinueOptions{Extension: "100"}) },
			seen{"POST /pbx1/ari/channels/c1/continue?extension=100", "", ""},
		},
		{
			"a list is one parameter",
			func(c *Controller) error { return c.Bridge("b1").AddChannel(ctx, "c1", "c2") },
			seen{"POST /pbx1/ari/bridges/b1/addChannel?channel=c1,c2", "", ""},
		},
		{
			"a list item with a comma goes into the body",
			func(c *Controller) error {
				return c.Bridge("b1").AddChannelWith(ctx, AddChannelOptions{Role: "participant", Mute: true}, "c,1", "c 2")
			},
			seen{"POST /pbx1/ari/bridges/b1/addChannel", "application/json", `{"channel":["c,1","c 2"],"mute":true,"role":"participant"}`},
		},
		{
			"what is longer than the request line goes into the body, typed",
			func(c *Controller) error {
				return c.Channel("c1").SendDTMFWith(ctx, long, SendDTMFOptions{Between: 120 * time.Millisecond})
			},
			seen{"POST /pbx1/ari/channels/c1/dtmf", "application/json", `{"between":120,"dtmf":"` + long + `"}`},
		},
		{
			"times are rounded up to the wire's unit",
			func(c *Controller) error {
				return c.Channel("c1").DialWith(ctx, DialOptions{Timeout: 1500 * time.Millisecond})
			},
			seen{"POST /pbx1/ari/channels/c1/dial?timeout=2", "", ""},
		},
		{
			"a negative time means none",
			func(c *Controller) error { return c.Channel("c1").DialWith(ctx, DialOptions{Timeout: -time.Second}) },
			seen{"POST /pbx1/ari/channels/c1/dial?timeout=-1", "", ""},
		},
		{
			"a body of the operation's own joins the query",
			func(c *Controller) error {
				return c.SendUserEvent(ctx, "my event", UserEventOptions{
					Application: "hello",
					Source:      []string{"channel:a,b"}, Variables: map[string]any{"n": 1},
				})
			},
			seen{"POST /pbx1/ari/events/user/my%20event", "application/json", `{"application":"hello","source":["channel:a,b"],"variables":{"n":1}}`},
		},
		{
			"the shorthands",
			func(c *Controller) error {
				return errors.Join(c.AnswerChannel(ctx, "c1"), c.StopChannel(ctx, "c1"), c.BridgeAddChannel(ctx, "b1", "c1"), c.StopBridge(ctx, "b1"))
			},
			seen{"DELETE /pbx1/ari/bridges/b1", "", ""},
		},
		{
			"hang up for a reason",
			func(c *Controller) error { return c.Channel("c1").Hangup(ctx, HangupReasonBusy) },
			seen{"DELETE /pbx1/ari/channels/c1?reason=busy", "", ""},
		},
		{
			"hang up with a code",
			func(c *Controller) error { return c.Channel("c1").HangupWithCode(ctx, 21) },
			seen{"DELETE /pbx1/ari/channels/c1?reason_code=21", "", ""},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newRecorder(t, noContent)
			require.NoError(t, test.do(w.controller(t)))
			assert.Equal(t, test.want, w.last(t))
		})
	}
}

func TestVariablesGoIntoTheBody(t *testing.T) {
	w := newRecorder(t, answerJSON(200, `{"id":"b1"}`))
	_, err := w.controller(t).CreateBridge(t.Context(), CreateBridgeOptions{
		BridgeID: "b1", Type: "mixing", Variables: map[string]string{"A": "1"}, ReportedVariables: map[string]string{"B": "2"},
	})
	require.NoError(t, err)
	assert.Equal(t, seen{
		"POST /pbx1/ari/bridges/b1?type=mixing", "application/json",
		`{"variables":{"A":"1","B":{"value":"2","report_events":true}}}`,
	}, w.last(t))
}

func TestIDsAreOurs(t *testing.T) {
	w := newRecorder(t, answerJSON(200, `{"id":"x","name":"x"}`))
	c := w.controller(t)
	ctx := t.Context()
	for name, do := range map[string]func() error{
		"POST /pbx1/ari/channels/ari-":                     func() error { _, err := c.Originate(ctx, OriginateOptions{Endpoint: "X/1"}); return err },
		"POST /pbx1/ari/bridges/ari-":                      func() error { _, err := c.CreateBridge(ctx, CreateBridgeOptions{}); return err },
		"POST /pbx1/ari/channels/c1/play/ari-":             func() error { _, err := c.Channel("c1").Play(ctx, "sound:a"); return err },
		"POST /pbx1/ari/bridges/b1/play/ari-":              func() error { _, err := c.Bridge("b1").Play(ctx, "sound:a"); return err },
		"POST /pbx1/ari/channels/c1/snoop/ari-":            func() error { _, err := c.Channel("c1").Snoop(ctx, SnoopOptions{Spy: SnoopDirectionIn}); return err },
		"POST /pbx1/ari/channels/c1/record?name=ari-":      func() error { _, err := c.Channel("c1").Record(ctx, "", "wav"); return err },
		"POST /pbx1/ari/channels/create?endpoint=X%2F1&ap": func() error { _, err := c.CreateChannel(ctx, CreateChannelOptions{Endpoint: "X/1"}); return err },
	} {
		require.NoError(t, do(), name)
		assert.True(t, strings.HasPrefix(w.last(t).line, name), "want %s..., have %s", name, w.last(t).line)
	}
	_, err := c.CreateChannel(ctx, CreateChannelOptions{Endpoint: "X/1"})
	require.NoError(t, err)
	assert.Contains(t, w.last(t).line, "channelId=ari-")
	_, err = c.CreateExternalMedia(ctx, ExternalMediaOptions{ExternalHost: "h:1", Format: "ulaw"})
	require.NoError(t, err)
	assert.Contains(t, w.last(t).line, "channelId=ari-")
	assert.Contains(t, w.last(t).line, "app=hello")
}

func TestNotSent(t *testing.T) {
	w := newRecorder(t, noContent)
	c := w.controller(t)
	ctx := t.Context()
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"empty id":           {c.Channel("").Answer(ctx), `"channelsAnswer|channelId`},
		"dots":               {c.Channel("..").Answer(ctx), `".."`},
		"dot":                {c.Bridge(".").Stop(ctx), `"."`},
		"no list":            {c.Bridge("b1").AddChannel(ctx), `"channel" is required`},
		"list of nothing":    {c.Bridge("b1").AddChannel(ctx, ""), `"channel" is required`},
		"no variables":       {c.Channel("c1").SetVariables(ctx, nil), `"variables" of the body is required`},
		"an empty item":      {c.Bridge("b1").AddChannel(ctx, "c1", "", "c2"), "/pbx1/ari/bridges/b1/addChannel|\"channel\" has an empty item"},
		"no required text":   {c.Channel("c1").Move(ctx, ""), `"app" is required`},
		"generated client":   {second(c.API().ChannelsMoveWithResponse(ctx, "c1", &gen.ChannelsMoveParams{})), `"app" is required`},
		"generated empty id": {second(c.API().ChannelsAnswerWithResponse(ctx, "")), "empty id"},
	} {
		var e *Error
		require.ErrorAs(t, test.err, &e, name)
		assert.ErrorIs(t, test.err, ErrInvalid, name)
		assert.Zero(t, e.StatusCode, name)
		for want := range strings.SplitSeq(strings.Trim(test.want, "|"), "|") {
			assert.Contains(t, test.err.Error(), strings.TrimPrefix(want, `"channelsAnswer`), name)
		}
	}
	assert.Zero(t, w.count(), "a request was sent")
}

func second[T any](_ T, err error) error { return err }

func TestRequiredParameterMayStandInTheBody(t *testing.T) {
	w := newRecorder(t, noContent)
	_, err := w.controller(t).API().EventsUserEventWithBody(t.Context(), "e", &gen.EventsUserEventParams{}, "application/json",
		strings.NewReader(`{"application":"hello"}`))
	require.NoError(t, err)
	assert.Equal(t, 1, w.count())
}

func TestErrors(t *testing.T) {
	statuses := map[int]error{
		400: ErrInvalid, 401: ErrUnauthorized, 403: ErrForbidden, 404: ErrNotFound, 409: ErrConflict, 412: ErrPreconditionFailed,
		413: ErrTooLarge, 422: ErrUnprocessable, 500: ErrInternal, 501: ErrNotImplemented, 503: ErrUnavailable,
	}
	for status := range statuses {
		w := newRecorder(t, answerJSON(status, `{"message":"No such luck"}`))
		err := w.controller(t).Channel("c1").Answer(t.Context())
		var e *Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, &Error{
			Operation: "channelsAnswer", Method: "POST", Path: "/pbx1/ari/channels/c1/answer", StatusCode: status, Message: "No such luck",
		}, e)
		for other, s := range statuses {
			assert.Equal(t, other == status, errors.Is(fmt.Errorf("wrapped: %w", err), s), "%d against %d", status, other)
		}
		assert.Contains(t, err.Error(), "channelsAnswer (POST /pbx1/ari/channels/c1/answer)")
		assert.Contains(t, err.Error(), "No such luck")
	}
	for status, message := range map[int]string{409: "Channel not in Stasis application", 422: "Channel not in Stasis application"} {
		e := &Error{StatusCode: status, Message: message}
		require.ErrorIs(t, e, ErrNotInStasis)
		require.ErrorIs(t, e, statuses[status])
	}
	assert.NotErrorIs(t, &Error{StatusCode: 409, Message: "Bridge with id 'b' already exists"}, ErrNotInStasis)
}

// A channel that has just gone can't go into a bridge. Other operations' 400 is about their parameters.
func TestChannelGoneFromBridge(t *testing.T) {
	body := []byte(`{"message":"Channel not found"}`)
	for operation, gone := range map[string]bool{"bridgesAddChannel": true, "bridgesRemoveChannel": true, "bridgesSetVideoSource": false, "channelsMove": false} {
		assert.NotNil(t, operationByID(operation), operation)
		err := newError(operation, "POST", "/ari/bridges/b/addChannel", 400, nil, body)
		require.ErrorIs(t, err, ErrInvalid, operation)
		assert.Equal(t, gone, errors.Is(err, ErrNotFound), operation)
	}
	err := newError("bridgesAddChannel", "POST", "/ari/bridges/b/addChannel", 400, nil, []byte(`{"message":"Channel parameter is required"}`))
	require.NotErrorIs(t, err, ErrNotFound)
}

func TestErrorBodies(t *testing.T) {
	for name, test := range map[string]struct {
		contentType, body, want string
	}{
		"message":         {"application/json", `{"message":"Channel not found"}`, "Channel not found"},
		"error":           {"application/json", `{"error":"Allocation failed"}`, "Allocation failed"},
		"HTML":            {"text/html", "<html><head><title>502 Bad Gateway</title></head><body>...", "502 Bad Gateway"},
		"Asterisk's HTML": {"text/html", "<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1>\n<p>Nothing here.</p>", "Nothing here."},
		"HTML untitled":   {"text/html", "<h1>Oops</h1>", "<h1>Oops</h1>"},
		"empty":           {"", "", ""},
		"text":            {"text/plain", "try\nagain", "try again"},
		"not an object":   {"application/json", `["x"]`, `["x"]`},
		"long":            {"text/plain", strings.Repeat("é", 300), strings.Repeat("é", 60) + "..."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRecorder(t, func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Type", test.contentType)
				rw.WriteHeader(http.StatusBadGateway)
				_, _ = io.WriteString(rw, test.body)
			})
			err := w.controller(t).Channel("c1").Answer(t.Context())
			var e *Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, http.StatusBadGateway, e.StatusCode)
			assert.Equal(t, test.want, e.Message)
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"empty": {answerJSON(200, ""), "the answer is empty"},
		"HTML": {func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(rw, "<title>Login</title>")
		}, `the answer is "text/html" instead of JSON: <title>Login</title>`},
		"another type": {answerJSON(200, `["a"]`), `["a"]`},
		"cut off by Content-Length": {func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			rw.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(rw, `{"id":"c`)
		}, "the answer broke off"},
		"cut off": {answerJSON(200, `{"id":"c`), "isn't the JSON that was expected"},
	} {
		t.Run(name, func(t *testing.T) {
			ch, err := newRecorder(t, test.answer).controller(t).Channel("c1").Refresh(t.Context())
			assert.Nil(t, ch)
			require.ErrorIs(t, err, ErrProtocol)
			var e *Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, 200, e.StatusCode)
			assert.Contains(t, err.Error(), test.want)
			assert.Contains(t, err.Error(), "channelsGet (GET /pbx1/ari/channels/c1)")
		})
	}
}

// A command that follows a redirect would become a GET, and do something else.
func TestRedirectsAreErrors(t *testing.T) {
	w := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "https://user:secret@pbx.example"+r.URL.Path, http.StatusMovedPermanently)
	})
	client, err := NewClient(w.URL+"/ari", "hello", WithBasicAuth("asterisk", "asterisk"))
	require.NoError(t, err)
	for name, do := range map[string]func() error{
		"connect": func() error { return client.Connect(t.Context()) },
		"answer":  func() error { return client.ARI().Channel("c1").Answer(t.Context()) },
		"list":    func() error { _, err := client.ARI().Channels(t.Context()); return err },
	} {
		err := do()
		var refusal *Error
		require.ErrorAs(t, err, &refusal, name)
		assert.Equal(t, http.StatusMovedPermanently, refusal.StatusCode, name)
		assert.Contains(t, err.Error(), "redirected to https://user:xxxxx@pbx.example/ari/", name)
		assert.NotContains(t, err.Error(), "secret", name)
	}
	assert.Equal(t, 3, w.count(), "nothing was sent elsewhere")
	require.NoError(t, client.Close(t.Context()))
}

func TestErrorsShowNoCredentials(t *testing.T) {
	c, err := NewController("http://user:s3cret@127.0.0.1:1/ari")
	require.NoError(t, err)
	err = c.Channel("c1").SetVariable(t.Context(), "PIN", "4711")
	require.Error(t, err)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Error("failed", "error", err)
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), log.String()} {
		assert.NotContains(t, text, "s3cret")
		assert.NotContains(t, text, "4711", "values of the query don't belong in an error")
	}
	assert.Contains(t, log.String(), "operation=channelsSetChannelVar")
}

func TestNoAnswer(t *testing.T) {
	c, err := NewController("http://127.0.0.1:1/ari")
	require.NoError(t, err)
	err = c.Channel("c1").Answer(t.Context())
	require.ErrorIs(t, err, ErrConnection)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = c.Channel("c1").Answer(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrConnection)
	require.NotErrorIs(t, c.Channel("").Answer(t.Context()), ErrConnection)
}

func TestContextEnds(t *testing.T) {
	arrived := make(chan struct{})
	w := newRecorder(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	err := w.controller(t).Channel("c1").Answer(ctx)
	require.ErrorIs(t, err, context.Canceled)
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "channelsAnswer", e.Operation)
}

// A server that closes the first connections without an answer, as Asterisk does above its limit.
func TestDyingConnections(t *testing.T) {
	for method, test := range map[string]struct {
		do    func(context.Context, *Controller) error
		again bool
	}{
		"GET":    {func(ctx context.Context, c *Controller) error { _, err := c.Channel("c1").Refresh(ctx); return err }, true},
		"DELETE": {func(ctx context.Context, c *Controller) error { return c.Channel("c1").StopMOH(ctx) }, true},
		"POST":   {func(ctx context.Context, c *Controller) error { return c.Channel("c1").Answer(ctx) }, false},
	} {
		t.Run(method, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			t.Cleanup(func() { _ = l.Close() })
			var accepted atomic.Int32
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						defer func() { _ = conn.Close() }()
						buf := make([]byte, 4096)
						_, _ = conn.Read(buf)
						if accepted.Add(1) >= tries {
							_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"id\":\"c1\"}")
						}
					}()
				}
			}()
			c, err := NewController("http://" + l.Addr().String() + "/ari")
			require.NoError(t, err)
			err = test.do(t.Context(), c)
			if test.again {
				require.NoError(t, err)
				assert.EqualValues(t, tries, accepted.Load())
				return
			}
			require.Error(t, err, "a POST may have been executed, so it must not be sent twice")
			assert.EqualValues(t, 1, accepted.Load())
		})
	}
}

func TestManyCommandsStayUnderTheLimit(t *testing.T) {
	var open, most atomic.Int32
	w := newRecorder(t, noContent, func(s *http.Server) {
		s.ConnState = func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				n := open.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
			case http.StateClosed, http.StateHijacked:
				open.Add(-1)
			default:
			}
		}
	})
	c := w.controller(t)
	var wg sync.WaitGroup
	for range 300 {
		wg.Go(func() { assert.NoError(t, c.Channel("c1").Answer(t.Context())) })
	}
	wg.Wait()
	assert.Equal(t, 300, w.count())
	assert.LessOrEqual(t, most.Load(), int32(maxConns))
}

func TestVersions(t *testing.T) {
	for text, want := range map[string]Version{
		"22.10.1":                   {22, 10, 1},
		"Asterisk/16.28.0~dfsg-0":   {16, 28, 0},
		"Asterisk/certified/20.7-1": {20, 7, 0},
		"certified-18.9-cert5":      {18, 9, 0},
		"GIT-20-1a2b3c4":            {20, tip, 0},
		"GIT-20.5.0-1a2b3c4":        {20, 5, 0},
		"GIT-certified/22.8-1a2b3c": {22, 8, 0},
		"Asterisk/GIT-master-abc":   {newestBranch, tip, 0},
	} {
		v, err := ParseVersion(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, v, text)
	}
	for _, text := range []string{"", "23", "GIT-", "GIT-mastery", "SVN-x", "nginx/1.2"} {
		_, err := ParseVersion(text)
		assert.Error(t, err, text)
	}
	progress := opChannelsProgress.since // 20.16, 21.11, 22.6, 23.0
	for text, want := range map[string]bool{
		"12.0.0": false, "16.30.1": false, "19.8.0": false, "20.15.2": false, "20.16.0": true, "20.20.0": true, "21.10.9": false,
		"21.11.0": true, "22.5.0": false, "22.6.0": true, "23.0.0": true, "24.0.0": true, "99.0.0": true,
	} {
		v, err := ParseVersion(text)
		require.NoError(t, err)
		assert.Equal(t, want, progress.have(v), text)
	}
	claim := opEventsClaimChannel.since // not in 21
	assert.False(t, claim.have(Version{21, 99, 0}))
	assert.True(t, claim.have(Version{22, 10, 0}))
	assert.Equal(t, "20.16, 21.11 or 22.6", progress.String())
	assert.Equal(t, "12.0", opChannelsAnswer.since.String())
}

func serverVersion(v string, answer http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Server", "Asterisk/"+v)
		answer(rw, r)
	}
}

func TestUnsupported(t *testing.T) {
	missing := func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(rw, `{"message":"Resource not found"}`)
	}
	ctx := t.Context()

	w := newRecorder(t, serverVersion("16.28.0", missing))
	err := w.controller(t).Channel("c1").Progress(ctx)
	require.ErrorIs(t, err, ErrUnsupported)
	assert.NotErrorIs(t, err, ErrNotFound, "it is not the channel that is missing")
	assert.Contains(t, err.Error(), "it needs Asterisk 20.16, 21.11 or 22.6, this is 16.28.0")

	w = newRecorder(t, serverVersion("22.10.1", missing))
	err = w.controller(t).Channel("c1").Progress(ctx)
	assert.NotErrorIs(t, err, ErrUnsupported)
	assert.ErrorIs(t, err, ErrNotFound)
}

func TestOldAsteriskGetsNoMistakablePath(t *testing.T) {
	ctx := t.Context()
	info := func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, `{"system":{"version":"13.38.3"}}`)
	}
	for name, answer := range map[string]http.HandlerFunc{
		"version in the header": serverVersion("13.38.3", info),
		"version asked for":     info,
	} {
		t.Run(name, func(t *testing.T) {
			w := newRecorder(t, answer)
			_, err := w.controller(t).CreateChannel(ctx, CreateChannelOptions{Endpoint: "X/1"})
			require.ErrorIs(t, err, ErrUnsupported)
			assert.Contains(t, err.Error(), "14.0")
			_, err = w.controller(t).CreateExternalMedia(ctx, ExternalMediaOptions{Format: "ulaw"})
			require.ErrorIs(t, err, ErrUnsupported)
			for _, s := range w.seen {
				assert.Equal(t, "GET /pbx1/ari/asterisk/info?only=system", s.line)
			}
		})
	}
}

// A version that can't be told is no reason to refuse a command.
func TestVersionThatCannotBeTold(t *testing.T) {
	ctx := t.Context()
	for name, info := range map[string]http.HandlerFunc{
		"no version": func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, `{"system":{"version":"of my own"}}`)
		},
		"not allowed": func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusForbidden) },
	} {
		w := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/asterisk/info") {
				info(rw, r)
				return
			}
			_, _ = io.WriteString(rw, `{"id":"c1"}`)
		})
		c := w.controller(t)
		for range 3 {
			_, err := c.CreateChannel(ctx, CreateChannelOptions{Endpoint: "X/1"})
			require.NoError(t, err, name)
		}
		require.NoError(t, c.Channel("c1").HangupWithCode(ctx, 21), name)
		assert.Equal(t, 5, w.count(), "it is asked for once")
		_, err := c.Supports(ctx, "channelsProgress")
		require.Error(t, err, name)
	}
}

// An Asterisk that starts fails to tell its version, and may tell it later.
func TestVersionIsAskedForAgainAfterAFailure(t *testing.T) {
	asked := 0
	d := &server{ask: func(context.Context) (Version, error) {
		if asked++; asked == 1 {
			return Version{}, &Error{StatusCode: http.StatusServiceUnavailable}
		}
		return Version{16, 28, 0}, nil
	}}
	_, known := d.knownVersion(t.Context())
	assert.False(t, known)
	_, known = d.knownVersion(t.Context())
	assert.True(t, known)
}

func TestTooNewParameters(t *testing.T) {
	ctx := t.Context()
	w := newRecorder(t, serverVersion("16.28.0", func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusNotImplemented)
		_, _ = io.WriteString(rw, `{"message":"not supported"}`)
	}))
	c := w.controller(t)
	_, err := c.CreateExternalMedia(ctx, ExternalMediaOptions{Format: "ulaw", ExternalHost: "h:1", Encapsulation: EncapsulationAudiosocket})
	require.ErrorIs(t, err, ErrUnsupported)
	assert.ErrorContains(t, err, "encapsulation=audiosocket needs Asterisk 18.0, this is 16.28.0")
	_, err = c.CreateExternalMedia(ctx, ExternalMediaOptions{Format: "ulaw", ExternalHost: "h:1", Encapsulation: EncapsulationRTP})
	require.NotErrorIs(t, err, ErrUnsupported, "it knows this value, so it must be something else")

	before := w.count()
	require.ErrorIs(t, c.Channel("c1").HangupWithCode(ctx, 21), ErrUnsupported)
	assert.Equal(t, before, w.count(), "it would hang up with the normal cause")
}

// Asterisk takes 127 items of a list in the query.
func TestLongLists(t *testing.T) {
	w := newRecorder(t, noContent)
	ids := make([]string, maxItems)
	for i := range ids {
		ids[i] = fmt.Sprint("c", i)
	}
	require.NoError(t, w.controller(t).BridgeAddChannel(t.Context(), "b1", ids...))
	assert.Contains(t, w.last(t).line, "?channel=c0,c1,")
	require.NoError(t, w.controller(t).BridgeAddChannel(t.Context(), "b1", append(ids, "one more")...))
	assert.Equal(t, "POST /pbx1/ari/bridges/b1/addChannel", w.last(t).line)
	assert.Contains(t, w.last(t).body, `"c126","one more"]`)
}

// Asterisk wants another name to unsubscribe from all of a kind than to subscribe to it.
func TestUnsubscribeFromAll(t *testing.T) {
	w := newRecorder(t, answerJSON(http.StatusOK, `{"name":"hello"}`))
	client, err := NewClient(w.URL+"/ari", "hello")
	require.NoError(t, err)
	app := client.ARI().Application("")
	_, err = app.Subscribe(t.Context(), "channel:", "deviceState:", "bridge:b1")
	require.NoError(t, err)
	_, err = app.Unsubscribe(t.Context(), "channel:", "bridge:b1")
	require.NoError(t, err)
	assert.Equal(t, "DELETE /ari/applications/hello/subscription?eventSource=channel%3A__AST_CHANNEL_ALL_TOPIC,bridge%3Ab1", w.last(t).line)
	_, err = app.Unsubscribe(t.Context(), "deviceState:__AST_DEVICE_STATE_ALL_TOPIC")
	require.NoError(t, err)
	sources, _ := client.first().wanted.of("hello")
	assert.Empty(t, sources, "nothing is subscribed to again after a gap")
	require.NoError(t, client.Close(t.Context()))
}

func TestUnits(t *testing.T) {
	for d, want := range map[time.Duration]int{
		1: 1, time.Second: 1, time.Second + 1: 2, -time.Hour: -1, math.MaxInt32 * time.Second: math.MaxInt32, math.MaxInt64: math.MaxInt32,
	} {
		assert.Equal(t, want, *units(d, time.Second), d)
	}
	assert.Nil(t, units(0, time.Second))
}

func TestSupports(t *testing.T) {
	w := newRecorder(t, serverVersion("22.5.0", answerJSON(200, `{"system":{"version":"22.5.0"}}`)))
	w.answer = func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Server", "Asterisk/22.5.0")
		_, _ = io.WriteString(rw, `{"system":{"version":"22.5.0"}}`)
	}
	c := w.controller(t)
	for op, want := range map[string]bool{"channelsAnswer": true, "channelsProgress": false, "channelsTransferProgress": true} {
		have, err := c.Supports(t.Context(), op)
		require.NoError(t, err)
		assert.Equal(t, want, have, op)
	}
	assert.Equal(t, 1, w.count(), "the version is asked for once")
	_, err := c.Supports(t.Context(), "channelsJump")
	assert.ErrorContains(t, err, `"channelsJump"`)
}

func TestStoredRecordingStreams(t *testing.T) {
	more := make(chan struct{})
	w := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "audio/wav")
		rw.Header().Set("Content-Length", "8")
		_, _ = io.WriteString(rw, "RIFF")
		rw.(http.Flusher).Flush()
		select {
		case <-more:
			_, _ = io.WriteString(rw, "data")
		case <-r.Context().Done():
		}
	})
	file, err := w.controller(t).StoredRecording("folder/rec 1").File(t.Context())
	require.NoError(t, err)
	defer file.Close()
	assert.Equal(t, "GET /pbx1/ari/recordings/stored/folder%2Frec%201/file", w.last(t).line)
	assert.Equal(t, "audio/wav", file.ContentType)
	assert.EqualValues(t, 8, file.Length)
	head := make([]byte, 4)
	_, err = io.ReadFull(file, head) // before the server has written the rest
	require.NoError(t, err)
	close(more)
	rest, err := io.ReadAll(file)
	require.NoError(t, err)
	assert.Equal(t, "RIFFdata", string(head)+string(rest))
}

func TestResultsAreBound(t *testing.T) {
	w := newRecorder(t, answerJSON(200, `[{"id":"c1","state":"Up","unheard_of":{"x":1}},{"id":"c2"}]`))
	channels, err := w.controller(t).Channels(t.Context())
	require.NoError(t, err)
	require.Len(t, channels, 2)
	assert.Equal(t, ChannelStateUp, channels[0].State)
	w.answer = noContent
	require.NoError(t, channels[1].Answer(t.Context()))
	assert.Equal(t, "POST /pbx1/ari/channels/c2/answer", w.last(t).line)
}

func TestFilterLetsOwnEventsPass(t *testing.T) {
	client, err := NewClient("http://127.0.0.1:1/ari", "hello")
	require.NoError(t, err)
	w := newRecorder(t, answerJSON(200, `{"name":"hello"}`))
	c := w.controller(t)
	c.feed = client.first()
	_, err = c.Application("").Filter(t.Context(), EventFilter{Allowed: []string{"ChannelDtmfReceived"}, Disallowed: []string{"StasisEnd", "ChannelVarset"}})
	require.NoError(t, err)
	var body struct{ Allowed, Disallowed []gen.EventTypeName }
	require.NoError(t, json.Unmarshal([]byte(w.last(t).body), &body))
	assert.Contains(t, body.Allowed, gen.EventTypeName{Type: "ChannelDtmfReceived"})
	for _, own := range ownEvents {
		assert.Contains(t, body.Allowed, gen.EventTypeName{Type: own})
	}
	assert.Equal(t, []gen.EventTypeName{{Type: "ChannelVarset"}}, body.Disallowed)

	_, err = c.Application("").Filter(t.Context(), EventFilter{})
	require.NoError(t, err)
	assert.JSONEq(t, `{"allowed":[],"disallowed":[]}`, w.last(t).body, "an empty filter resets both lists")
}

func TestBaseURLs(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:8088", "ftp://x/ari", "http:///ari", "http://h/ari?x=1", "http://u:s3cret@h:port/ari"} {
		_, err := NewController(bad)
		require.Error(t, err, bad)
		assert.NotContains(t, err.Error(), "s3cret")
	}
}
