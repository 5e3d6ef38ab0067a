package rtp

// MaxPayload is the longest payload that a Buffer keeps.
const MaxPayload = 1500

// slots is how many packets a Buffer can hold; a power of two.
const slots = 64

// A Buffer puts packets in order. A packet that comes in its turn goes through at once; when one is missing, those after
// it wait until Depth of them are there, and then it counts as lost. So packets in order aren't delayed at all, and it
// needs no clock.
//
// The zero value with a Depth is ready.
type Buffer struct {
	Depth int // how many packets wait for one that is missing; at most 32

	Lost      int64 // packets that never came, or too late
	Late      int64 // of them those that came too late
	Duplicate int64 // packets that came twice
	Resets    int64 // the sender began anew

	started bool
	ssrc    uint32
	next    uint16 // the sequence number whose turn it is
	held    int
	strange int // packets far away from next, one after the other
	slot    [slots]packet
}

type packet struct {
	full    bool
	h       Header
	n       int
	payload [MaxPayload]byte
}

// Push takes a packet. Pop has to be called until it has no more before the next Push.
func (b *Buffer) Push(h Header, payload []byte) {
	if !b.started || h.SSRC != b.ssrc {
		b.restart(h)
	}
	ahead := int(int16(h.Sequence - b.next)) //nolint:gosec // The distance, with its sign.
	switch {
	case ahead < 0 && ahead > -slots:
		b.Late++
		return
	case ahead < 0 || ahead >= slots/2:
		// Far off: a stray packet, or the sender has begun anew. The second of such says which.
		if b.strange++; b.strange < 2 {
			return
		}
		b.restart(h)
	}
	b.strange = 0
	p := &b.slot[h.Sequence%slots]
	if p.full {
		b.Duplicate++
		return
	}
	p.full, p.h = true, h
	p.n = copy(p.payload[:], payload)
	b.held++
}

func (b *Buffer) restart(h Header) {
	if b.started {
		b.Resets++
	}
	for i := range b.slot {
		b.slot[i].full = false
	}
	b.started, b.ssrc, b.next, b.held, b.strange = true, h.SSRC, h.Sequence, 0, 0
}

// Pop returns the packet whose turn it is. lost says that it has been given up: then there is neither header nor
// payload, and the caller fills the gap. The payload is valid until the next Push.
func (b *Buffer) Pop() (h Header, payload []byte, lost, ok bool) {
	if b.held == 0 {
		return h, nil, false, false
	}
	p := &b.slot[b.next%slots]
	if !p.full {
		if b.held < b.Depth {
			return h, nil, false, false
		}
		b.next++
		b.Lost++
		return h, nil, true, true
	}
	p.full = false
	b.held--
	b.next++
	return p.h, p.payload[:p.n], false, true
}
