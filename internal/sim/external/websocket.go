package external

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/pbx"
)

const (
	maxText    = 128     // of a command; longer ones are dropped
	maxMessage = 1 << 16 // of any message
)

// Codes that Asterisk ends a websocket with.
const (
	goingAway   = 1001
	normalClose = 1000
)

// A websocketLeg is a program that exchanges sound by chan_websocket. All but what says otherwise is guarded by the lock of the PBX.
type websocketLeg struct {
	leg
	id       string
	format   string
	size     int
	json     bool
	noAnswer bool
	params   string // of the URI that is connected to
	client   *Client

	taken     bool
	conn      *websocket.Conn
	queue     *media.Queue
	closeCode int
	phase     time.Time
	beating   bool
}

// WebSocketOptions are what the dial string says.
type WebSocketOptions struct {
	ID, Format string
	Options    string // such as f(json)n
	Section    string // of websocket_client.conf; "" waits for a connection
}

// WebSocket makes the far end of a channel; it needs the lock.
func (l *Legs) WebSocket(ch *pbx.Channel, o WebSocketOptions) {
	g := &websocketLeg{leg: newLeg(l, ch, o.Format), id: o.ID, format: o.Format, size: media.FrameBytes(o.Format), phase: l.p.Now()}
	g.queue = media.NewQueue(g.size)
	for _, opt := range parseOptions(o.Options) {
		switch opt.name {
		case 'f':
			g.json = strings.EqualFold(opt.value, "json")
		case 'n':
			g.noAnswer = true
		case 'p':
			g.size, g.queue = 0, media.NewQueue(0)
		case 'v':
			g.params = strings.ReplaceAll(opt.value, ",", "&")
		}
	}
	if o.Section != "" {
		c, _ := l.Client(o.Section)
		g.client, g.taken = &c, true
	} else {
		l.mu.Lock()
		l.waiting[o.ID] = g
		l.mu.Unlock()
	}
	ch.Leg = g
}

type option struct {
	name  byte
	value string
}

// parseOptions reads letters, some with a value in parentheses.
func parseOptions(text string) (all []option) {
	for text != "" {
		o := option{name: text[0]}
		text = text[1:]
		if strings.HasPrefix(text, "(") {
			o.value, text, _ = strings.Cut(text[1:], ")")
		}
		all = append(all, o)
	}
	return all
}

// Called is Asterisk's call: a program that is to connect answers by doing so.
func (g *websocketLeg) Called() {
	switch {
	case g.client == nil:
	case g.conn == nil:
		g.ch.Hangup(pbx.Hangup{Cause: 3, Silent: true})
	default:
		g.began()
	}
}

// accept takes the program's connection.
func (g *websocketLeg) accept(w http.ResponseWriter, r *http.Request) {
	f := g.all.fault()
	if f.Absent {
		<-r.Context().Done()
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"media"}, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		g.all.p.Mu.Lock()
		g.taken = false
		g.all.p.Mu.Unlock()
		return
	}
	g.all.wg.Add(1)
	defer g.all.wg.Done()
	if f.Late > 0 {
		select {
		case <-time.After(f.Late):
		case <-g.out.closed:
		}
	}
	g.all.p.Mu.Lock()
	if g.over {
		g.all.p.Mu.Unlock()
		_ = conn.CloseNow() // That is all that can be done.
		return
	}
	g.conn = conn
	g.began()
	g.all.p.Mu.Unlock()
	g.serve() //nolint:contextcheck // It ends with the connection.
}

// began tells the program what the channel is like, and answers.
func (g *websocketLeg) began() {
	g.tell(g.start())
	if !g.noAnswer {
		g.ch.CalleeAnswers()
	}
}

// serve reads what the program sends until the connection ends.
func (g *websocketLeg) serve() {
	g.all.wg.Go(g.write)
	g.conn.SetReadLimit(maxMessage)
	for {
		typ, message, err := g.conn.Read(context.Background()) // It ends with the connection.
		if err != nil {
			cause := 38
			if websocket.CloseStatus(err) >= 0 {
				cause = 16
			}
			g.hangup(pbx.Hangup{Cause: cause, TechCause: goingAway, Forgotten: true})
			return
		}
		g.dawdle()
		g.all.p.Mu.Lock()
		if !g.over {
			if typ == websocket.MessageText {
				g.command(strings.TrimSpace(string(message)))
			} else {
				g.report(g.queue.Media(message))
			}
			g.beat()
		}
		g.all.p.Mu.Unlock()
	}
}

// write sends what is in the outbox, and closes the connection at the end.
func (g *websocketLeg) write() {
	g.out.pump(func(p packet) error {
		typ := websocket.MessageBinary
		if p.text {
			typ = websocket.MessageText
		}
		if piece := g.all.fault().Piece; piece > 0 {
			return writePieces(g.conn, typ, p.data, piece)
		}
		return g.conn.Write(context.Background(), typ, p.data)
	})
	<-g.out.closed
	g.all.p.Mu.Lock()
	code := g.closing()
	g.all.p.Mu.Unlock()
	_ = g.conn.Close(code, "") // Whoever has gone isn't told.
}

// closing is the code that the connection is closed with.
func (g *websocketLeg) closing() websocket.StatusCode {
	if g.closeCode != 0 {
		return websocket.StatusCode(g.closeCode)
	}
	return normalClose
}

// writePieces sends a message in frames of a few bytes.
func writePieces(conn *websocket.Conn, typ websocket.MessageType, data []byte, piece int) error {
	w, err := conn.Writer(context.Background(), typ)
	if err != nil {
		return err
	}
	for len(data) > 0 {
		n := min(piece, len(data))
		if _, err := w.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return w.Close()
}

// Sounds sends what is to be heard.
func (g *websocketLeg) Sounds(f media.Frame) {
	if raw := g.codec.Encode(f); len(raw) > 0 && g.conn != nil && !g.over {
		g.send(packet{data: raw})
	}
}

// Gets tells the program of a digit.
func (g *websocketLeg) Gets(digit string) {
	if g.conn == nil {
		return
	}
	if g.json {
		g.tell(g.object("DTMF_END", "digit", digit))
	} else {
		g.tell("DTMF_END digit:" + digit + " channel_id:" + g.ch.ID)
	}
}

// Over ends the connection.
func (g *websocketLeg) Over(techCause int) {
	if !g.end() {
		return
	}
	g.closeCode = techCause
	g.all.mu.Lock()
	delete(g.all.waiting, g.id)
	g.all.mu.Unlock()
}

func (g *websocketLeg) tell(text string) { g.send(packet{data: []byte(text), text: true}) }

// beat takes frames from the queue, each at its time, while there is anything in it. The beats go on in between, unheard.
func (g *websocketLeg) beat() {
	if g.beating || g.over || g.conn == nil || g.queue.Idle() {
		return
	}
	g.beating = true
	now := g.all.p.Now()
	g.phase = now.Add(pbx.FrameTime - now.Sub(g.phase)%pbx.FrameTime)
	g.all.p.Beat(g.phase, g.next)
}

func (g *websocketLeg) next() {
	g.beating = false
	if g.over {
		return
	}
	frame, events := g.queue.Beat()
	g.report(events)
	if frame != nil {
		g.ch.Deliver(g.codec.Decode(frame))
	}
	g.beat()
}

func (g *websocketLeg) report(events []media.QueueEvent) {
	for _, ev := range events {
		marked := ev.Name == media.Mark || ev.Name == media.Buffered
		switch {
		case g.json && marked:
			g.tell(g.object(ev.Name, "correlation_id", ev.ID))
		case g.json:
			g.tell(g.object(ev.Name))
		case marked && ev.ID != "":
			g.tell(ev.Name + " " + ev.ID)
		default:
			g.tell(ev.Name)
		}
	}
}

// object is an event as JSON: names and values.
func (g *websocketLeg) object(event string, more ...any) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"event":%q,"channel_id":%s`, event, quote(g.ch.ID))
	for i := 0; i+1 < len(more); i += 2 {
		fmt.Fprintf(&b, `,%q:%s`, more[i], quote(more[i+1]))
	}
	return b.String() + "}"
}

func quote(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return `""` // There is no such value.
	}
	return string(text)
}

// start is the first message.
func (g *websocketLeg) start() string {
	if g.json {
		return fmt.Sprintf(`{"event":"MEDIA_START","connection_id":%s,"channel":%s,"channel_id":%s,"format":%s,"optimal_frame_size":%d,"ptime":20,`+
			`"channel_variables":{"MEDIA_WEBSOCKET_CONNECTION_ID":%s,"MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE":"%d"}}`,
			quote(g.id), quote(g.ch.Name()), quote(g.ch.ID), quote(g.format), g.size, quote(g.id), g.size)
	}
	return fmt.Sprintf("MEDIA_START connection_id:%s channel:%s channel_id:%s format:%s optimal_frame_size:%d ptime:20",
		g.id, g.ch.Name(), g.ch.ID, g.format, g.size)
}

// fail tells of a command that can't be carried out.
func (g *websocketLeg) fail(text string) {
	if g.json {
		g.tell(g.object("ERROR", "error_text", text))
	} else {
		g.tell("ERROR channel_id:" + g.ch.ID + " error_text:" + text)
	}
}

// command carries a text message out. What isn't known isn't answered.
func (g *websocketLeg) command(text string) {
	if text == "" || len(text) > maxText {
		return
	}
	name, id, _ := strings.Cut(text, " ")
	if g.json {
		var c struct {
			Command string `json:"command"`
			ID      string `json:"correlation_id"`
		}
		if json.Unmarshal([]byte(text), &c) != nil {
			g.fail("Unable to parse JSON command")
			return
		}
		name, id = c.Command, c.ID
	}
	switch name {
	case "ANSWER":
		g.ch.CalleeAnswers()
	case "HANGUP":
		g.ch.Hangup(pbx.Hangup{Cause: 16, TechCause: normalClose, Forgotten: true})
	case "GET_STATUS":
		g.tell(g.status())
	case "START_MEDIA_BUFFERING", "STOP_MEDIA_BUFFERING", "MARK_MEDIA", "FLUSH_MEDIA", "REPORT_QUEUE_DRAINED", "PAUSE_MEDIA", "CONTINUE_MEDIA":
		if g.size == 0 {
			g.fail(name + " not supported in passthrough mode")
			return
		}
		g.control(name, id)
	}
}

func (g *websocketLeg) control(name, id string) {
	q := g.queue
	switch name {
	case "START_MEDIA_BUFFERING":
		q.Bulk = true
	case "STOP_MEDIA_BUFFERING":
		g.report(q.StopBulk(id))
	case "MARK_MEDIA":
		q.Mark(id)
	case "FLUSH_MEDIA":
		q.Flush()
	case "REPORT_QUEUE_DRAINED":
		q.ReportDrained()
	case "PAUSE_MEDIA":
		q.Paused = true
	case "CONTINUE_MEDIA":
		q.Paused = false
	}
}

func (g *websocketLeg) status() string {
	q := g.queue
	if g.json {
		return g.object("STATUS", "queue_length", q.Len(), "xon_level", media.XOnLevel, "xoff_level", media.XOffLevel,
			"queue_full", q.Full, "bulk_media", q.Bulk, "media_paused", q.Paused)
	}
	return fmt.Sprintf("STATUS channel_id:%s queue_length:%d xon_level:%d xoff_level:%d queue_full:%t bulk_media:%t media_paused:%t",
		g.ch.ID, q.Len(), media.XOnLevel, media.XOffLevel, q.Full, q.Bulk, q.Paused)
}

// Attempts of a connection that Asterisk makes for one call.
const (
	attempts    = 4
	attemptTime = 500 * time.Millisecond
)

// errUnreachable says that a program couldn't be connected to.
var errUnreachable = errors.New("external: nobody there")

// Dial connects to the program of a section; it is called without the lock. Asterisk never gives a persistent connection up, and makes no other
// channel meanwhile.
func (l *Legs) Dial(ctx context.Context, section, options string) (*websocket.Conn, error) {
	c, _ := l.Client(section)
	target, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	for _, opt := range parseOptions(options) {
		if opt.name == 'v' {
			target.RawQuery = strings.Trim(target.RawQuery+"&"+strings.ReplaceAll(opt.value, ",", "&"), "&")
		}
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
		return l.network.Dial(ctx, addr)
	}}
	for i := 1; ; i++ {
		if !l.fault().Absent {
			conn, resp, err := websocket.Dial(ctx, target.String(), &websocket.DialOptions{
				HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{"media"}, CompressionMode: websocket.CompressionDisabled,
			})
			if err == nil {
				return conn, nil
			}
			if resp != nil && resp.Body != nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		}
		if i == attempts && !c.Persistent {
			return nil, errUnreachable
		}
		if i == 1 && c.Persistent {
			l.freeze(1)
			defer l.freeze(-1)
		}
		select {
		case <-time.After(attemptTime):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (l *Legs) freeze(by int) {
	l.p.Mu.Lock()
	defer l.p.Mu.Unlock()
	if by > 0 {
		l.p.Freeze()
	} else {
		l.p.Thaw()
	}
}

// Connected gives a channel the connection that Dial has made, unless it has gone; it needs the lock.
func Connected(ch *pbx.Channel, conn *websocket.Conn) bool {
	g, ok := ch.Leg.(*websocketLeg)
	if !ok || g.over {
		_ = conn.CloseNow() // That is all that can be done.
		return false
	}
	g.conn = conn
	g.all.wg.Go(g.serve)
	return true
}
