package ari

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
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

func TestRequiredParameterMayStandInTheBody(t *testing.T) {
	w := newRecorder(t, noContent)
	_, err := w.controller(t).API().EventsUserEventWithBody(t.Context(), "e", &gen.EventsUserEventParams{}, "application/json",
		strings.NewReader(`{"application":"hello"}`))
	require.NoError(t, err)
	assert.Equal(t, 1, w.count())
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
