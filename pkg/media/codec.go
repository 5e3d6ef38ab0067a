package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/coder/websocket"
)

// A Codec codes audio of a format that this package doesn't know, such as Opus. Its methods are called by one goroutine at a time, but for Encode and
// Decode, which may run side by side.
type Codec interface {
	// Rate is the sample rate: 8000, 16000, 24000 or 48000 Hz.
	Rate() int

	// Encode appends a frame of 20 ms.
	Encode(frame []byte, pcm []int16) ([]byte, error)

	// Decode puts the samples of a frame, of 20 ms at most, into pcm, and returns how many they are.
	Decode(pcm []int16, frame []byte) (int, error)
}

// websocketLeg makes the leg of a connection.
func (w *wiring) websocketLeg(ctx context.Context, conn *websocket.Conn) (leg, error) {
	if w.opts.NewCodec == nil {
		l, _, err := startWebsocketLeg(ctx, conn)
		return l, err
	}
	codec, err := w.opts.NewCodec()
	if err != nil {
		return nil, fmt.Errorf("media: %s: %w", w.opts.Format, err)
	}
	if linearFormat(codec.Rate()) == "" {
		return nil, fmt.Errorf("%w: a codec of %d Hz", ErrUnsupported, codec.Rate())
	}
	l, ev, err := startWebsocket(ctx, conn)
	if err != nil {
		return nil, err
	}
	if ev.FrameSize != 0 {
		return nil, fmt.Errorf("%w: frames of %s don't pass as they are", ErrUnsupported, ev.Format)
	}
	return &frameLeg{ws: l, codec: codec}, nil
}

const (
	// statusEvery is after how many frames a frameLeg asks for the length of the queue: five seconds.
	statusEvery = 250

	// mostPassing and fewPassing are how many frames may be in that queue, and down to how many it is brought: two clocks are never the same.
	mostPassing = 5
	fewPassing  = 2
)

// A frameLeg speaks with a chan_websocket whose format Asterisk can't cut into frames: each message is one, and passes as it is. Such a queue can be
// neither emptied nor marked, so it is kept short: the clock is ours, as with AudioSocket.
type frameLeg struct {
	ws    *websocketLeg
	codec Codec

	frames int          // written
	skip   atomic.Int64 // to be left out
}

func (l *frameLeg) rate() int { return l.codec.Rate() }

func (l *frameLeg) read(pcm []int16) (int, legEvent, error) {
	for {
		typ, r, err := l.ws.conn.Reader(context.Background())
		if err != nil {
			return 0, legEvent{}, websocketError(err)
		}
		if typ == websocket.MessageText {
			ev, err := l.ws.readControl(r)
			switch {
			case err == nil && ev.kind == legStatus:
				if ev.queue > mostPassing {
					l.skip.Store(int64(ev.queue - fewPassing))
				}
			case err != nil || ev.kind != legNothing:
				return 0, ev, err
			}
			continue
		}
		n, err := io.ReadFull(r, l.ws.buf)
		if err == nil {
			return 0, legEvent{}, fmt.Errorf("media: websocket: a frame of more than %d bytes", n)
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, legEvent{}, websocketError(err)
		}
		samples, err := l.codec.Decode(pcm, l.ws.buf[:n])
		if err != nil {
			return 0, legEvent{kind: legError}, nil //nolint:nilerr // One bad frame doesn't end a call; it is counted.
		}
		if samples > 0 {
			return samples, legEvent{}, nil
		}
	}
}

func (l *frameLeg) write(pcm []int16) error {
	if l.frames++; l.frames%statusEvery == 0 {
		if err := l.ws.status(); err != nil {
			return err
		}
	}
	if l.skip.Load() > 0 {
		l.skip.Add(-1)
		return nil
	}
	l.ws.mu.Lock()
	defer l.ws.mu.Unlock()
	for frame := l.rate() / 50; len(pcm) > 0; {
		n := min(frame, len(pcm))
		var err error
		if l.ws.out, err = l.codec.Encode(l.ws.out[:0], pcm[:n]); err != nil {
			return fmt.Errorf("media: coding: %w", err)
		}
		if err := l.ws.conn.Write(context.Background(), websocket.MessageBinary, l.ws.out); err != nil {
			return websocketError(err)
		}
		pcm = pcm[n:]
	}
	return nil
}

func (l *frameLeg) close() error { return l.ws.close() }
