package media

import (
	"encoding/binary"
	"net/netip"
)

// PayloadTypes are those of Asterisk's formats. What is above 34 Asterisk sends, but doesn't take.
var PayloadTypes = map[string]byte{
	"ulaw": 0, "gsm": 3, "alaw": 8, "g722": 9, "slin": 10, "g729": 18, "opus": 107, "slin16": 118, "slin12": 122, "slin24": 123, "slin48": 126,
}

const (
	rtpHeader  = 12
	highestPT  = 34
	rtpProbe   = 4  // packets of somebody else that are dropped before they are taken
	rtpReorder = 50 // how far behind a packet is late; further behind, the sequence has begun anew
)

// An RTP is the RTP of one channel: what it sends, and what it takes.
type RTP struct {
	Peer netip.AddrPort // where it sends to

	codec     *Codec
	seq       uint16
	timestamp uint32
	ssrc      uint32

	decoders map[byte]*Codec
	began    bool
	last     uint16
	stranger netip.AddrPort
	strange  int // packets of the stranger in a row
}

// NewRTP makes the RTP of a channel.
func NewRTP(format string, peer netip.AddrPort, seed uint32) *RTP {
	return &RTP{Peer: peer, codec: NewCodec(format, true), seq: uint16(seed), ssrc: seed*2654435761 + 1, decoders: map[byte]*Codec{}} //nolint:gosec // Any will do.
}

// Packet makes the next packet of a frame, or none.
func (r *RTP) Packet(f Frame) []byte {
	raw := r.codec.Encode(f)
	if len(raw) == 0 {
		return nil
	}
	p := make([]byte, rtpHeader, rtpHeader+len(raw))
	p[0], p[1] = 0x80, PayloadTypes[r.codec.Format]
	r.seq++
	r.timestamp += r.step(len(raw))
	binary.BigEndian.PutUint16(p[2:], r.seq)
	binary.BigEndian.PutUint32(p[4:], r.timestamp)
	binary.BigEndian.PutUint32(p[8:], r.ssrc)
	return append(p, raw...)
}

// step is how far a packet moves the time stamp. That of G.722 counts 8 kHz.
func (r *RTP) step(bytes int) uint32 {
	if linear[r.codec.Format] > 0 {
		bytes /= 2
	}
	return uint32(bytes) //nolint:gosec // It is short.
}

// Take makes a frame of a datagram, if Asterisk takes it.
func (r *RTP) Take(from netip.AddrPort, p []byte) (Frame, bool) {
	if len(p) <= rtpHeader || p[0]>>6 != 2 || !r.trusts(from) {
		return Frame{}, false
	}
	pt := p[1] & 0x7f
	format := ""
	for name, known := range PayloadTypes {
		if known == pt && pt <= highestPT {
			format = name
		}
	}
	if format == "" {
		return Frame{}, false
	}
	seq := binary.BigEndian.Uint16(p[2:])
	if behind := r.last - seq; r.began && behind < rtpReorder {
		return Frame{}, false // It came before, or is too late.
	}
	r.began, r.last = true, seq
	dec := r.decoders[pt]
	if dec == nil {
		dec = NewCodec(format, true)
		r.decoders[pt] = dec
	}
	return dec.Decode(append([]byte(nil), p[rtpHeader:]...)), true
}

// trusts reports whether packets from there are taken: those of the peer, and those of somebody else after some in a row.
func (r *RTP) trusts(from netip.AddrPort) bool {
	if from == r.Peer {
		return true
	}
	if from != r.stranger {
		r.stranger, r.strange = from, 0
	}
	r.strange++
	return r.strange > rtpProbe
}
