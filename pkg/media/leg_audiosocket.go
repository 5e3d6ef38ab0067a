package media

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/ari-go/ari/pkg/media/internal/audiosocket"
)

// An audioSocketLeg speaks AudioSocket. Asterisk keeps no queue: each packet goes on at once.
type audioSocketLeg struct {
	conn  net.Conn
	in    *audiosocket.Reader
	kind  audiosocket.Kind // of audio, both ways
	frame int              // samples
	out   []byte
	rest  []byte // of a packet: not yet read
}

// newAudioSocketLeg takes over a connection whose first packet, the UUID, has been read by in.
func newAudioSocketLeg(conn net.Conn, in *audiosocket.Reader, rate int) (*audioSocketLeg, error) {
	kind, err := audiosocket.AudioOf(rate)
	if err != nil {
		return nil, err
	}
	return &audioSocketLeg{conn: conn, in: in, kind: kind, frame: rate / 50}, nil
}

func newAudioSocketReader(conn net.Conn) *audiosocket.Reader {
	return audiosocket.NewReader(bufio.NewReaderSize(conn, 8<<10))
}

func (l *audioSocketLeg) rate() int { return l.kind.Rate() }

func (l *audioSocketLeg) read(pcm []int16) (int, legEvent, error) {
	for {
		if n := parsePCM(pcm, l.rest); n > 0 {
			l.rest = l.rest[2*n:]
			return n, legEvent{}, nil
		}
		kind, payload, err := l.in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return 0, legEvent{}, io.EOF
		case err != nil:
			return 0, legEvent{}, fmt.Errorf("media: AudioSocket: %w", err)
		case kind == l.kind:
			l.rest = payload
		case kind.Rate() != 0:
			return 0, legEvent{}, fmt.Errorf("media: AudioSocket: audio of %d Hz came, where %d were asked for", kind.Rate(), l.rate())
		case kind == audiosocket.DTMF:
			return 0, legEvent{kind: legDigit, digit: payload[0]}, nil
		case kind == audiosocket.Hangup:
			return 0, legEvent{}, io.EOF
		default:
			return 0, legEvent{kind: legError}, nil
		}
	}
}

// write sends a packet for each frame, each by one write: Asterisk ends the channel when it waits in the middle of one.
func (l *audioSocketLeg) write(pcm []int16) error {
	for len(pcm) > 0 {
		n := min(len(pcm), l.frame)
		l.out = audiosocket.AppendHeader(l.out[:0], l.kind, 2*n)
		l.out = appendPCM(l.out, pcm[:n])
		if _, err := l.conn.Write(l.out); err != nil {
			return fmt.Errorf("media: AudioSocket: %w", err)
		}
		pcm = pcm[n:]
	}
	return nil
}

func (l *audioSocketLeg) close() error { return l.conn.Close() }
