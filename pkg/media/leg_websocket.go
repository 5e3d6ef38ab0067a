package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/coder/websocket"

	"github.com/ari-go/ari/pkg/media/internal/chanws"
)

// maxMessage is the longest message that is sent. Asterisk reads a message in at most ten pieces, and a proxy may cut it
// into pieces of 1,400 bytes.
const maxMessage = 8 << 10

// A websocketLeg speaks with Asterisk's chan_websocket. Asterisk keeps a queue of up to 1,000 frames and takes one from
// it each 20 ms.
//
// Contexts of the connection never end: one that can would cost eight allocations for each frame. Closing it ends all.
type websocketLeg struct {
	conn    *websocket.Conn
	codec   codec
	control chanws.Control
	canMark bool

	message io.Reader // a binary message that hasn't been read to its end
	buf     []byte
	pending []byte // of buf: not yet decoded

	mu  sync.Mutex // of writing
	out []byte
}

// startWebsocketLeg waits for Asterisk's first message, which says what it will be like.
func startWebsocketLeg(ctx context.Context, conn *websocket.Conn) (*websocketLeg, chanws.Event, error) {
	l, ev, err := startWebsocket(ctx, conn)
	if err != nil {
		return nil, ev, err
	}
	l.codec, err = newCodec(ev.Format, false)
	return l, ev, err
}

// startWebsocket does it without a codec.
func startWebsocket(ctx context.Context, conn *websocket.Conn) (*websocketLeg, chanws.Event, error) {
	conn.SetReadLimit(1 << 20)
	typ, text, err := conn.Read(ctx)
	if err != nil {
		return nil, chanws.Event{}, fmt.Errorf("media: websocket: no %s: %w", chanws.Start, err)
	}
	ev, control, err := chanws.Parse(text)
	if err != nil || typ != websocket.MessageText || ev.Name != chanws.Start {
		return nil, ev, fmt.Errorf("media: websocket: the first message is no %s", chanws.Start)
	}
	// Marks came with JSON, which we ask for where there is both.
	return &websocketLeg{conn: conn, control: control, canMark: control == chanws.JSON, buf: make([]byte, 8<<10)}, ev, nil
}

func (l *websocketLeg) rate() int { return l.codec.rate() }

func (l *websocketLeg) read(pcm []int16) (int, legEvent, error) {
	for {
		if len(l.pending) > 0 {
			if n := l.codec.decode(pcm, l.pending); n > 0 {
				l.pending = l.pending[l.codec.bytes(n):]
				return n, legEvent{}, nil
			}
			l.pending = nil // Half a sample.
		}
		if l.message == nil {
			typ, r, err := l.conn.Reader(context.Background())
			if err != nil {
				return 0, legEvent{}, websocketError(err)
			}
			if typ == websocket.MessageText {
				ev, err := l.readControl(r)
				if err != nil || ev.kind != legNothing {
					return 0, ev, err
				}
				continue
			}
			l.message = r
		}
		n, err := io.ReadFull(l.message, l.buf)
		l.pending = l.buf[:n]
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			l.message = nil
		case err != nil:
			return 0, legEvent{}, websocketError(err)
		}
	}
}

func websocketError(err error) error {
	if websocket.CloseStatus(err) == websocket.StatusNormalClosure {
		return io.EOF // The channel was hung up.
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("media: websocket: %w", err)
}

func (l *websocketLeg) readControl(r io.Reader) (legEvent, error) {
	n, err := io.ReadFull(r, l.buf)
	if err == nil {
		return legEvent{}, fmt.Errorf("media: websocket: a control message of more than %d bytes", len(l.buf))
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return legEvent{}, websocketError(err)
	}
	ev, _, err := chanws.Parse(l.buf[:n])
	if err != nil {
		return legEvent{}, nil //nolint:nilerr // A message of a newer Asterisk's, maybe. It says nothing to us.
	}
	switch ev.Name {
	case chanws.DTMFEnd:
		if len(ev.Digit) == 1 {
			return legEvent{kind: legDigit, digit: ev.Digit[0]}, nil
		}
	case chanws.Status:
		return legEvent{kind: legStatus, queue: ev.QueueLength}, nil
	case chanws.MarkProcessed:
		if frames, generation, ok := parseMark(ev.CorrelationID); ok {
			return legEvent{kind: legMark, frames: frames, generation: generation}, nil
		}
	case chanws.XOff:
		return legEvent{kind: legXOff}, nil
	case chanws.XOn:
		return legEvent{kind: legXOn}, nil
	case chanws.Failure:
		return legEvent{kind: legError}, nil
	}
	return legEvent{}, nil
}

// write sends frames in messages of at most 8 KB.
func (l *websocketLeg) write(pcm []int16) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := maxMessage / l.codec.bytes(l.rate()/50) * (l.rate() / 50)
	for len(pcm) > 0 {
		n := min(len(pcm), most)
		l.out = l.codec.append(l.out[:0], pcm[:n])
		if err := l.conn.Write(context.Background(), websocket.MessageBinary, l.out); err != nil {
			return websocketError(err)
		}
		pcm = pcm[n:]
	}
	return nil
}

func (l *websocketLeg) command(command, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = l.control.AppendCommand(l.out[:0], command, id)
	if err := l.conn.Write(context.Background(), websocket.MessageText, l.out); err != nil {
		return websocketError(err)
	}
	return nil
}

func (l *websocketLeg) marks() bool { return l.canMark }

func (l *websocketLeg) mark(frames int64, generation uint32) error {
	return l.command(chanws.Mark, strconv.FormatUint(uint64(generation), 36)+"."+strconv.FormatInt(frames, 36))
}

func parseMark(id string) (frames int64, generation uint32, ok bool) {
	first, second, _ := strings.Cut(id, ".")
	g, err1 := strconv.ParseUint(first, 36, 32)
	f, err2 := strconv.ParseInt(second, 36, 64)
	return f, uint32(g), err1 == nil && err2 == nil && f >= 0
}

func (l *websocketLeg) status() error { return l.command(chanws.GetStatus, "") }

// flush asks for the length first: what is still there when the queue is emptied hasn't been heard. Both commands are
// carried out one right after the other.
func (l *websocketLeg) flush() error {
	if err := l.status(); err != nil {
		return err
	}
	return l.command(chanws.Flush, "")
}

func (l *websocketLeg) close() error { return l.conn.CloseNow() }
