package media

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/ari-go/ari/internal/audio/resample"
	"github.com/ari-go/ari/pkg/media/internal/rtp"
)

// The payload types that Asterisk has in its table, of those that it takes without a session description: it drops what
// is above 34. Signed linear is 11 in the standard, at 44.1 kHz, but 10 here.
var payloadTypes = map[string]uint8{"ulaw": 0, "alaw": 8, "g722": 9, "slin": 10}

// rtpDepth is how many packets wait for one that is missing: 60 ms.
const rtpDepth = 3

// An rtpLeg speaks RTP over a socket of ours. Asterisk keeps no queue.
type rtpLeg struct {
	conn   udpConn
	peer   netip.AddrPort
	codec  codec
	header rtp.Header
	step   uint32 // of the time stamp, for one frame; G.722's counts 8 kHz for history's sake
	out    []byte

	buf      []byte
	buffer   rtp.Buffer
	last     []int16 // the samples before, from which those of a lost packet are made
	conceals int     // lost packets one after the other
	rest     []byte

	strangers, wrong, late, duplicate atomic.Int64 // datagrams from somebody else, or no RTP; of another codec; of the buffer
}

func newRTPLeg(conn net.PacketConn, peer netip.AddrPort, format string) (*rtpLeg, error) {
	pt, ok := payloadTypes[format]
	if !ok {
		return nil, fmt.Errorf("%w by RTP both ways: %q", errFormat, format)
	}
	c, err := newCodec(format, true)
	if err != nil {
		return nil, err
	}
	fast, ok := conn.(udpConn)
	if !ok {
		fast = plainPacketConn{conn}
	}
	return &rtpLeg{
		conn: fast, peer: peer, codec: c, step: 160, buf: make([]byte, 2048), buffer: rtp.Buffer{Depth: rtpDepth},
		header: rtp.Header{
			Marker: true, PayloadType: pt,
			Sequence: uint16(rand.Uint32()), Timestamp: rand.Uint32(), SSRC: rand.Uint32(), //nolint:gosec // No secrets.
		},
	}, nil
}

func (l *rtpLeg) rate() int { return l.codec.rate() }

func (l *rtpLeg) read(pcm []int16) (int, legEvent, error) {
	for {
		if len(l.rest) > 0 {
			if n := l.codec.decode(pcm, l.rest); n > 0 {
				l.rest = l.rest[l.codec.bytes(n):]
				l.remember(pcm[:n])
				return n, legEvent{}, nil
			}
			l.rest = nil
		}
		_, payload, lost, ok := l.buffer.Pop()
		switch {
		case ok && lost:
			return l.conceal(pcm), legEvent{lost: 1}, nil
		case ok:
			l.rest, l.conceals = payload, 0
		default:
			if err := l.receive(); err != nil {
				return 0, legEvent{}, err
			}
		}
	}
}

// receive reads datagrams until one is a packet of our peer's.
func (l *rtpLeg) receive() error {
	for {
		n, from, err := l.conn.ReadFromUDPAddrPort(l.buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return io.EOF
		case err != nil:
			continue // Nobody listens at the peer's port: the channel is ending.
		}
		h, payload, err := rtp.Parse(l.buf[:n])
		if err != nil || netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) != l.peer {
			l.strangers.Add(1)
			continue
		}
		if h.PayloadType != l.header.PayloadType {
			l.wrong.Add(1)
			continue
		}
		l.buffer.Push(h, payload)
		l.late.Store(l.buffer.Late)
		l.duplicate.Store(l.buffer.Duplicate)
		return nil
	}
}

func (l *rtpLeg) remember(pcm []int16) { l.last = append(l.last[:0], pcm...) }

// conceal makes up the samples of a lost packet: the ones before once more, quieter each time.
func (l *rtpLeg) conceal(pcm []int16) int {
	n := min(len(l.last), len(pcm))
	if n == 0 {
		n = min(l.rate()/50, len(pcm))
		clear(pcm[:n])
		return n
	}
	l.conceals++
	for i := range pcm[:n] {
		fade := float32(n-i) / float32(n)
		if l.conceals > 1 {
			fade = 0
		}
		pcm[i] = resample.Round(fade * float32(l.last[n-1-i])) // Backwards, so that it goes on where the last one ended.
	}
	return n
}

func (l *rtpLeg) write(pcm []int16) error {
	frame := l.rate() / 50
	for len(pcm) > 0 {
		n := min(len(pcm), frame)
		l.out = rtp.AppendHeader(l.out[:0], l.header)
		l.out = l.codec.append(l.out, pcm[:n])
		l.header.Marker = false
		l.header.Sequence++
		l.header.Timestamp += l.step
		if _, err := l.conn.WriteToUDPAddrPort(l.out, l.peer); err != nil && errors.Is(err, net.ErrClosed) {
			return io.EOF // Other errors pass: a packet is lost.
		}
		pcm = pcm[n:]
	}
	return nil
}

func (l *rtpLeg) close() error { return l.conn.Close() }
