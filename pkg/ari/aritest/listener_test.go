package aritest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari/aritest"
)

// A listener is an event websocket without any client's help.
type listener struct {
	t  *testing.T
	ws *websocket.Conn

	mu     sync.Mutex
	frames []frame
	news   chan struct{}
	ended  bool
}

// A frame is an event as it came.
type frame struct {
	raw     string
	members map[string]any
}

func (f frame) text(path ...string) string {
	var v any = f.members
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		v = m[name]
	}
	if s, ok := v.(string); ok {
		return s
	}
	return fmt.Sprint(v)
}

// label is an event in short: its type, whose it is, and what makes the difference.
func (f frame) label() string {
	typ := f.text("type")
	parts := []string{typ}
	switch typ {
	case "Dial":
		parts = append(parts, f.text("peer", "id"), f.text("dialstatus"))
	case "ChannelVarset":
		parts = append(parts, f.text("channel", "id"), f.text("variable")+"="+f.text("value"))
	case "ChannelStateChange":
		parts = append(parts, f.text("channel", "id"), f.text("channel", "state"))
	case "ChannelDestroyed", "ChannelHangupRequest":
		parts = append(parts, f.text("channel", "id"), f.text("cause"))
	case "ChannelDialplan":
		parts = append(parts, f.text("channel", "id"), f.text("dialplan_app"))
	case "ChannelDtmfReceived":
		parts = append(parts, f.text("channel", "id"), f.text("digit"))
	case "PlaybackStarted", "PlaybackContinuing", "PlaybackFinished":
		parts = append(parts, f.text("playback", "media_uri"), f.text("playback", "state"))
	case "RecordingStarted", "RecordingFinished", "RecordingFailed":
		parts = append(parts, f.text("recording", "name"), f.text("recording", "state"))
	case "ChannelEnteredBridge", "ChannelLeftBridge":
		parts = append(parts, f.text("channel", "id"), f.text("bridge", "id"))
	case "BridgeCreated", "BridgeDestroyed":
		parts = append(parts, f.text("bridge", "id"))
	case "DeviceStateChanged":
		parts = append(parts, f.text("device_state", "state"))
	default:
		if id := f.text("channel", "id"); id != "<nil>" && id != "" {
			parts = append(parts, id)
		}
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// listen opens an event websocket for applications.
func listen(t *testing.T, srv *aritest.Server, query string) *listener {
	t.Helper()
	ws, resp, err := websocket.Dial(soon(t), srv.URL+"/events?"+query, &websocket.DialOptions{
		HTTPClient: srv.HTTPClient(), HTTPHeader: basic(srv.Username, srv.Password),
	})
	require.NoError(t, err)
	if resp.Body != nil {
		require.NoError(t, resp.Body.Close())
	}
	ws.SetReadLimit(-1)
	l := &listener{t: t, ws: ws, news: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.read(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		_ = ws.CloseNow() // The server may have closed it.
		<-done
	})
	return l
}

func basic(user, password string) http.Header {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return r.Header
}

func (l *listener) read(ctx context.Context) {
	for {
		_, raw, err := l.ws.Read(ctx)
		l.mu.Lock()
		if err != nil {
			l.ended = true
		} else {
			f := frame{raw: string(raw)}
			_ = json.Unmarshal(raw, &f.members) // Some tests send what is no JSON.
			l.frames = append(l.frames, f)
		}
		close(l.news)
		l.news = make(chan struct{})
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// until waits until a condition of what has come holds.
func (l *listener) until(what string, condition func() bool) {
	l.t.Helper()
	ctx := soon(l.t)
	for {
		l.mu.Lock()
		ok, news := condition(), l.news
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-news:
		case <-ctx.Done():
			require.Failf(l.t, "never came", "%s; there were %q", what, l.labels())
		}
	}
}

// await waits for an event with this label and returns it.
func (l *listener) await(label string) frame {
	l.t.Helper()
	var found frame
	l.until(label, func() bool {
		for _, f := range l.frames {
			if f.label() == label {
				found = f
				return true
			}
		}
		return false
	})
	return found
}

func (l *listener) labels() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	labels := make([]string, len(l.frames))
	for i, f := range l.frames {
		labels[i] = f.label()
	}
	return labels
}

// only are the labels of the events of these types.
func (l *listener) only(types ...string) []string {
	var some []string
	for _, label := range l.labels() {
		for _, typ := range types {
			if label == typ || strings.HasPrefix(label, typ+" ") {
				some = append(some, label)
			}
		}
	}
	return some
}

func (l *listener) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frames = nil
}

// do sends a request and returns status, body and headers. A body goes out as JSON.
func do(t *testing.T, srv *aritest.Server, method, path string, body ...string) (int, string, http.Header) {
	t.Helper()
	var content io.Reader
	if len(body) > 0 {
		content = strings.NewReader(body[0])
	}
	req, err := http.NewRequestWithContext(soon(t), method, srv.URL+path, content)
	require.NoError(t, err)
	req.SetBasicAuth(srv.Username, srv.Password)
	if content != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := srv.HTTPClient().Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text), resp.Header
}

func ok(t *testing.T, srv *aritest.Server, method, path string, body ...string) string {
	t.Helper()
	status, text, _ := do(t, srv, method, path, body...)
	require.Less(t, status, 300, "%s %s: %s", method, path, text)
	return text
}

func request(t *testing.T, srv *aritest.Server, method, path string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
	require.NoError(t, err)
	req.SetBasicAuth(srv.Username, srv.Password)
	return req
}
