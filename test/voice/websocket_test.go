package voice_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/test/voice"
)

// A program exchanges messages with chan_websocket, without any help.
type program struct {
	t    *testing.T
	ch   *ari.Channel
	id   string // of the connection
	conn *websocket.Conn
	json bool

	mu     sync.Mutex
	texts  []string
	frames [][]byte
	over   error
	news   chan struct{}
}

// mediaURL is where chan_websocket waits.
func mediaURL(ctrl *ari.Controller, id string) string {
	base := strings.TrimSuffix(ctrl.API().ClientInterface.(*gen.Client).Server, "/ari/")
	return strings.Replace(base, "http", "ws", 1) + "/media/" + id
}

func newProgram(t *testing.T, ctrl *ari.Controller, format, options string) *program {
	t.Helper()
	ch, err := ctrl.CreateExternalMedia(t.Context(), ari.ExternalMediaOptions{
		Format: format, TransportData: options,
		Transport: ari.TransportWebsocket, Encapsulation: ari.EncapsulationNone, ConnectionType: ari.ConnectionTypeServer,
	})
	require.NoError(t, err)
	p := &program{t: t, ch: ch, id: ch.ChannelVars["MEDIA_WEBSOCKET_CONNECTION_ID"], json: strings.Contains(options, "json"), news: make(chan struct{})}
	p.conn, _, err = websocket.Dial(t.Context(), mediaURL(ctrl, p.id), &websocket.DialOptions{HTTPClient: ctrl.HTTPClient(), Subprotocols: []string{"media"}})
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.read()
	}()
	t.Cleanup(func() {
		_ = p.conn.CloseNow()
		<-done
	})
	return p
}

func (p *program) read() {
	for {
		typ, data, err := p.conn.Read(context.Background())
		p.mu.Lock()
		switch {
		case err != nil:
			p.over = err
		case typ == websocket.MessageText:
			p.texts = append(p.texts, string(data))
		default:
			p.frames = append(p.frames, data)
		}
		close(p.news)
		p.news = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// await waits for a condition of what has come.
func (p *program) await(condition func() bool) {
	p.t.Helper()
	for {
		p.mu.Lock()
		ok, news, over := condition(), p.news, p.over
		p.mu.Unlock()
		if ok {
			return
		}
		require.NoError(p.t, over)
		select {
		case <-news:
		case <-p.t.Context().Done():
			require.Fail(p.t, "it never came")
		}
	}
}

// next waits for the next text, and takes it. Members that are of this channel alone are left out.
func (p *program) next() string {
	p.t.Helper()
	var text string
	p.await(func() bool {
		if len(p.texts) == 0 {
			return false
		}
		text, p.texts = p.texts[0], p.texts[1:]
		return true
	})
	for _, own := range []string{p.ch.ID, p.ch.Name, p.id} {
		text = strings.ReplaceAll(text, own, "X")
	}
	return text
}

// event waits for the next text, which must be of a name, and returns its members.
func (p *program) event(name string) map[string]any {
	p.t.Helper()
	members := make(map[string]any)
	require.NoError(p.t, json.Unmarshal([]byte(p.next()), &members))
	require.Equal(p.t, name, members["event"])
	return members
}

func (p *program) heard() int { return len(p.all()) }

// all are the frames that have come; await's conditions, which hold the lock, look at them themselves.
func (p *program) all() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.frames)
}

// ended is how the connection has ended.
func (p *program) ended() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.over
}

func (p *program) send(command string, id ...string) {
	p.t.Helper()
	text := command
	if p.json {
		text = fmt.Sprintf(`{"command":%q}`, command)
		if len(id) > 0 {
			text = fmt.Sprintf(`{"command":%q,"correlation_id":%q}`, command, id[0])
		}
	} else if len(id) > 0 {
		text += " " + id[0]
	}
	require.NoError(p.t, p.conn.Write(p.t.Context(), websocket.MessageText, []byte(text)))
}

func (p *program) say(frames int, size int) {
	p.t.Helper()
	require.NoError(p.t, p.conn.Write(p.t.Context(), websocket.MessageBinary, bytes.Repeat([]byte{1}, frames*size)))
}

const startJSON = `{"event":"MEDIA_START","connection_id":"X","channel":"X","channel_id":"X","format":%q,"optimal_frame_size":%d,"ptime":20,` +
	`"channel_variables":{"MEDIA_WEBSOCKET_CONNECTION_ID":"X","MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE":"%[2]d"}}`

func bridged(t *testing.T, ctrl *ari.Controller, channels ...*ari.Channel) *ari.Bridge {
	t.Helper()
	b, err := ctrl.CreateBridge(t.Context(), ari.CreateBridgeOptions{Type: "mixing,dtmf_events"})
	require.NoError(t, err)
	for _, ch := range channels {
		require.NoError(t, ch.WaitStasis(t.Context()))
		require.NoError(t, b.AddChannel(t.Context(), ch.ID))
	}
	t.Cleanup(func() { _ = b.Stop(context.Background()) })
	return b
}

func TestWebSocketStart(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, func(t *testing.T, l *voice.Line) {
		ctrl := l.Client(t, "start").ARI()
		for format, size := range map[string]int{"ulaw": 160, "slin": 320, "slin16": 640, "slin24": 960, "slin48": 1920, "g722": 160, "gsm": 33, "opus": 0} {
			p := newProgram(t, ctrl, format, "f(json)")
			assert.JSONEq(t, fmt.Sprintf(startJSON, format, size), p.next())
		}
		p := newProgram(t, ctrl, "slin", "")
		assert.Equal(t, "MEDIA_START connection_id:X channel:X channel_id:X format:slin optimal_frame_size:320 ptime:20", p.next())

		_, resp, err := websocket.Dial(t.Context(), mediaURL(ctrl, p.id), &websocket.DialOptions{HTTPClient: ctrl.HTTPClient()})
		require.Error(t, err)
		assert.Equal(t, http.StatusConflict, resp.StatusCode)
		_, resp, err = websocket.Dial(t.Context(), mediaURL(ctrl, "nobody"), &websocket.DialOptions{HTTPClient: ctrl.HTTPClient()})
		require.Error(t, err)
		assert.Equal(t, http.StatusNotFound, resp.StatusCode)
	})
}

func TestWebSocketCommands(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, func(t *testing.T, l *voice.Line) {
		ctrl := l.Client(t, "commands").ARI()
		p, plain := newProgram(t, ctrl, "slin", "f(json)"), newProgram(t, ctrl, "slin", "")
		p.event("MEDIA_START")
		plain.next()
		b := bridged(t, ctrl, p.ch, plain.ch)

		p.send("NONSENSE") // Nothing comes of it.
		p.send("GET_STATUS")
		assert.Equal(t, `{"event":"STATUS","channel_id":"X","queue_length":0,"xon_level":800,"xoff_level":900,"queue_full":false,"bulk_media":false,"media_paused":false}`, p.next())
		plain.send("GET_STATUS")
		assert.Equal(t, "STATUS channel_id:X queue_length:0 xon_level:800 xoff_level:900 queue_full:false bulk_media:false media_paused:false", plain.next())
		require.NoError(t, p.conn.Write(t.Context(), websocket.MessageText, []byte("no JSON")))
		assert.Equal(t, `{"event":"ERROR","channel_id":"X","error_text":"Unable to parse JSON command"}`, p.next())
		require.NoError(t, p.conn.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat("x", 129)))) // Too long to be looked at.

		// Marks stand between frames; a mark without an id is one, too.
		p.say(3, 320)
		p.send("MARK_MEDIA", "m1")
		p.say(2, 320)
		p.send("MARK_MEDIA")
		p.send("REPORT_QUEUE_DRAINED")
		assert.Equal(t, `{"event":"MEDIA_MARK_PROCESSED","channel_id":"X","correlation_id":"m1"}`, p.next())
		assert.Equal(t, `{"event":"MEDIA_MARK_PROCESSED","channel_id":"X","correlation_id":""}`, p.next())
		assert.Equal(t, `{"event":"QUEUE_DRAINED","channel_id":"X"}`, p.next())
		plain.await(func() bool { return len(plain.frames) == 5 })
		plain.send("MARK_MEDIA", "m2")
		assert.Equal(t, "MEDIA_MARK_PROCESSED m2", plain.next())

		// Paused, nothing goes on.
		p.send("PAUSE_MEDIA")
		p.say(4, 320)
		p.send("MARK_MEDIA", "m3")
		p.send("GET_STATUS")
		status := p.event("STATUS")
		assert.Equal(t, []any{4.0, true}, []any{status["queue_length"], status["media_paused"]})
		assert.Equal(t, 5, plain.heard())
		p.send("CONTINUE_MEDIA")
		p.event("MEDIA_MARK_PROCESSED")
		plain.await(func() bool { return len(plain.frames) == 9 })

		// Without buffering the rest of a message is lost; with it the rest waits for more, and at the end it is a short frame.
		p.say(1, 500)
		p.send("START_MEDIA_BUFFERING")
		p.say(1, 300)
		p.say(1, 300)
		p.send("STOP_MEDIA_BUFFERING", "b1")
		assert.Equal(t, "b1", p.event("MEDIA_BUFFERING_COMPLETED")["correlation_id"])
		plain.await(func() bool { return len(plain.frames) == 12 })
		assert.Len(t, plain.all()[11], 280)

		// Flushed marks are forgotten; the wish to hear that the queue is empty isn't.
		p.say(20, 320)
		p.send("MARK_MEDIA", "lost")
		p.send("REPORT_QUEUE_DRAINED")
		p.send("FLUSH_MEDIA")
		p.send("GET_STATUS")
		assert.Zero(t, p.event("STATUS")["queue_length"])
		p.event("QUEUE_DRAINED")

		// Digits of the bridge, and those that are sent to the channel.
		require.NoError(t, plain.ch.SendDTMF(t.Context(), "5"))
		assert.Equal(t, "DTMF_END digit:5 channel_id:X", plain.next())
		require.NoError(t, p.ch.SendDTMF(t.Context(), "#"))
		assert.Equal(t, `{"event":"DTMF_END","channel_id":"X","digit":"#"}`, p.next())
		require.NoError(t, b.Stop(t.Context()))
	})
}

// The queue tells when it is nearly full, drops what doesn't go in, and tells when there is room again.
func TestWebSocketQueue(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, func(t *testing.T, l *voice.Line) {
		ctrl := l.Client(t, "queue").ARI()
		p := newProgram(t, ctrl, "slin", "f(json)")
		p.event("MEDIA_START")
		p.send("PAUSE_MEDIA")
		for range 110 {
			p.say(10, 320)
		}
		p.send("GET_STATUS")
		p.event("MEDIA_XOFF")
		status := p.event("STATUS")
		assert.Equal(t, []any{1000.0, true}, []any{status["queue_length"], status["queue_full"]})
		p.send("FLUSH_MEDIA")
		p.send("GET_STATUS")
		status = p.event("STATUS")
		assert.Equal(t, []any{0.0, true}, []any{status["queue_length"], status["queue_full"]}, "until the next beat")
		p.send("CONTINUE_MEDIA")
		p.event("MEDIA_XON")

		// What is said before anybody hears it is gone.
		p.say(5, 320)
		p.send("REPORT_QUEUE_DRAINED")
		p.event("QUEUE_DRAINED")
		other := newProgram(t, ctrl, "slin", "f(json)")
		bridged(t, ctrl, p.ch, other.ch)
		p.say(2, 320)
		other.await(func() bool { return len(other.frames) == 2 })
	})
}

// Three in a bridge hear each other, and silence while nobody speaks.
func TestWebSocketMix(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, func(t *testing.T, l *voice.Line) {
		ctrl := l.Client(t, "mix").ARI()
		var all []*program
		for range 3 {
			all = append(all, newProgram(t, ctrl, "slin", "f(json)"))
		}
		bridged(t, ctrl, all[0].ch, all[1].ch, all[2].ch)
		all[0].await(func() bool { return len(all[0].frames) > 10 })
		loud := func(frames [][]byte) (n int) {
			for _, f := range frames {
				if !bytes.Equal(f, make([]byte, len(f))) {
					n++
				}
			}
			return n
		}
		assert.Zero(t, loud(all[0].all()))
		all[0].say(10, 320)
		for _, p := range all[1:] {
			p.await(func() bool { return loud(p.frames) >= 10 })
		}
		assert.Zero(t, loud(all[0].all()), "nobody hears himself")
	})
}

// How a connection ends, and what is told of it.
func TestWebSocketEnds(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, func(t *testing.T, l *voice.Line) {
		ctrl := l.Client(t, "ends").ARI()
		for name, c := range map[string]struct {
			end    func(p *program)
			causes []int // without and with a bridge
			code   websocket.StatusCode
		}{
			"closed": {func(p *program) { _ = p.conn.Close(websocket.StatusNormalClosure, "") }, []int{0, 16}, 0},
			"gone":   {func(p *program) { _ = p.conn.CloseNow() }, []int{0, 38}, 0},
			"hangup": {func(p *program) { p.send("HANGUP") }, []int{0, 16}, websocket.StatusNormalClosure},
			"by ARI": {func(p *program) { _ = p.ch.Stop(context.Background()) }, []int{16, 16}, websocket.StatusNormalClosure},
			"busy":   {func(p *program) { _ = p.ch.Hangup(context.Background(), "busy") }, []int{17, 17}, 0},
		} {
			for i, cause := range c.causes {
				p := newProgram(t, ctrl, "slin", "f(json)")
				require.NoError(t, p.ch.WaitStasis(t.Context()))
				if i == 1 {
					other := newProgram(t, ctrl, "slin", "f(json)")
					bridged(t, ctrl, p.ch, other.ch)
				}
				p.event("MEDIA_START")
				c.end(p)
				end, err := p.ch.WaitEnd(t.Context())
				require.NoError(t, err, name)
				assert.Equal(t, cause, end.Cause, "%s, bridged: %v", name, i == 1)
				if c.code != 0 {
					p.await(func() bool { return p.over != nil })
					assert.Equal(t, c.code, websocket.CloseStatus(p.ended()), name)
				}
			}
		}
	})
}
