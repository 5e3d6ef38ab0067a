// Package rtp is the media side of a telephone for tests: it sends sound and digits as RTP, and tells what it hears.
package rtp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	// PayloadULaw is the payload type of µ-law sound.
	PayloadULaw = 0
	// PayloadEvent is the payload type of digits (RFC 4733), as the telephones here offer it.
	PayloadEvent = 101

	interval     = 20 * time.Millisecond
	frameSamples = SampleRate / int(time.Second/interval)
	headerSize   = 12
	// digitFrames is how long a digit lasts: 100 ms, beyond what Asterisk takes for the shortest possible.
	digitFrames = 5
	// endFrames is how often the end of a digit is told, since packets can be lost.
	endFrames = 3
	// gapFrames is the silence between two digits.
	gapFrames = 3
)

const digits = "0123456789*#ABCD"

// ErrClosed is returned when a peer is closed while it is waited for.
var ErrClosed = errors.New("rtp: the peer is closed")

// Peer is a port that media is sent to, and from.
type Peer struct {
	conn   *net.UDPConn
	closed chan struct{}
	wg     sync.WaitGroup

	mu      sync.Mutex
	streams map[netip.AddrPort]*Stream
	news    chan *Stream
}

// Listen opens a peer at a port of the loopback address, or at one that the system chooses for port 0.
func Listen(port int) (*Peer, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return nil, fmt.Errorf("rtp: %w", err)
	}
	p := &Peer{conn: conn, closed: make(chan struct{}), streams: make(map[netip.AddrPort]*Stream), news: make(chan *Stream, 64)}
	p.wg.Add(1)
	go p.read()
	return p, nil
}

// Addr is the peer's address.
func (p *Peer) Addr() string { return p.conn.LocalAddr().String() }

// Port is the peer's port.
func (p *Peer) Port() int { return p.conn.LocalAddr().(*net.UDPAddr).Port } //nolint:forcetypeassert // It was opened for UDP.

// Close ends all streams.
func (p *Peer) Close() {
	p.mu.Lock()
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	p.mu.Unlock()
	_ = p.conn.Close()
	p.wg.Wait()
}

// Connect returns the stream between the peer and a port of the loopback address.
func (p *Peer) Connect(port int) *Stream {
	stream, _ := p.stream(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))) //nolint:gosec // A port.
	return stream
}

// Accept waits for the next stream that the other side begins.
func (p *Peer) Accept(ctx context.Context) (*Stream, error) {
	select {
	case stream := <-p.news:
		return stream, nil
	case <-p.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("rtp: nobody has sent anything: %w", context.Cause(ctx))
	}
}

func (p *Peer) stream(remote netip.AddrPort) (stream *Stream, isNew bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if stream, ok := p.streams[remote]; ok {
		return stream, false
	}
	stream = &Stream{
		peer: p, remote: remote, changed: make(chan struct{}),
		ssrc: rand.Uint32(), sequence: uint16(rand.Uint32()), timestamp: rand.Uint32(), //nolint:gosec // No secrets.
	}
	p.streams[remote] = stream
	select {
	case <-p.closed:
	default:
		p.wg.Add(1)
		go stream.send()
	}
	return stream, true
}

func (p *Peer) read() {
	defer p.wg.Done()
	buf := make([]byte, 2048)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		select {
		case <-p.closed:
			return
		default:
		}
		if err != nil {
			continue // The other side's port was closed: calls end that way.
		}
		if n < headerSize || buf[0]>>6 != 2 {
			continue
		}
		stream, isNew := p.stream(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		stream.receive(buf[:n])
		if isNew {
			select {
			case p.news <- stream:
			default:
			}
		}
	}
}

// Stream is the media between a peer and one other side.
type Stream struct {
	peer   *Peer
	remote netip.AddrPort

	// What sending goes on from; only its goroutine knows it.
	ssrc      uint32
	sequence  uint16
	timestamp uint32

	mu      sync.Mutex
	changed chan struct{} // Closed, and made anew, when anything below has changed.
	sound   []byte
	dialled []*digit
	packets int
	last    []byte
	heard   strings.Builder
	event   uint32 // The timestamp of the digit heard last.
	began   bool   // A digit was heard.
}

// digit is one that is to be sent.
type digit struct {
	code  byte
	frame int
	sent  chan struct{}
}

// Play sends µ-law sound, over and over, until it is given another. Nil stops it.
func (s *Stream) Play(sound []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sound = sound
}

// Dial sends digits, as events by RFC 4733, and returns when they were sent.
func (s *Stream) Dial(ctx context.Context, number string) error {
	var last *digit
	s.mu.Lock()
	for _, r := range number {
		code := strings.IndexRune(digits, r)
		if code < 0 {
			s.mu.Unlock()
			return fmt.Errorf("rtp: %q is no digit", r)
		}
		last = &digit{code: byte(code), sent: make(chan struct{})} //nolint:gosec // An index of a short string.
		s.dialled = append(s.dialled, last)
	}
	s.mu.Unlock()
	if last == nil {
		return nil
	}
	select {
	case <-last.sent:
		return nil
	case <-s.peer.closed:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("rtp: dial: %w", context.Cause(ctx))
	}
}

// Packets is how many packets have come.
func (s *Stream) Packets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.packets
}

// Level is how loud the sound of the last packet was, from 0 to 32767.
func (s *Stream) Level() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return level(s.last)
}

// Digits are the digits that were heard.
func (s *Stream) Digits() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard.String()
}

// Await waits until a condition holds; it looks again whenever a packet has come.
func (s *Stream) Await(ctx context.Context, condition func(*Stream) bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if condition(s) {
			return nil
		}
		select {
		case <-changed:
		case <-s.peer.closed:
			return ErrClosed
		case <-ctx.Done():
			return fmt.Errorf("rtp: %d packets, level %d, digits %q: %w", s.Packets(), s.Level(), s.Digits(), context.Cause(ctx))
		}
	}
}

// AwaitPackets waits until so many packets more have come.
func (s *Stream) AwaitPackets(ctx context.Context, more int) error {
	want := s.Packets() + more
	return s.Await(ctx, func(s *Stream) bool { return s.Packets() >= want })
}

// AwaitSound waits until a packet comes whose sound is louder than noise.
func (s *Stream) AwaitSound(ctx context.Context) error {
	return s.Await(ctx, func(s *Stream) bool { return s.Level() > 1000 })
}

// AwaitDigits waits until these digits have been heard, since the beginning.
func (s *Stream) AwaitDigits(ctx context.Context, number string) error {
	return s.Await(ctx, func(s *Stream) bool { return strings.HasPrefix(s.Digits(), number) })
}

func (s *Stream) receive(packet []byte) {
	payloadType := packet[1] & 0x7f
	timestamp := binary.BigEndian.Uint32(packet[4:])
	start := headerSize + 4*int(packet[0]&0x0f)
	if len(packet) < start {
		return
	}
	payload := packet[start:]

	s.mu.Lock()
	defer s.mu.Unlock()
	s.packets++
	switch {
	case payloadType == PayloadULaw:
		s.last = append(s.last[:0], payload...)
	case payloadType == PayloadEvent && len(payload) >= 4 && int(payload[0]) < len(digits):
		// All packets of one digit have the same timestamp.
		if !s.began || s.event != timestamp {
			s.began, s.event = true, timestamp
			s.heard.WriteByte(digits[payload[0]])
		}
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// send sends whatever there is to send, a packet each 20 ms.
func (s *Stream) send() {
	defer s.peer.wg.Done()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	position, speaking := 0, false
	for {
		select {
		case <-ticker.C:
		case <-s.peer.closed:
			return
		}
		s.mu.Lock()
		sound := s.sound
		var next *digit
		if len(s.dialled) > 0 {
			next = s.dialled[0]
		}
		s.mu.Unlock()

		switch {
		case next != nil:
			s.sendDigit(next)
			speaking = false
		case len(sound) > 0:
			frame := make([]byte, frameSamples)
			for i := range frame {
				frame[i] = sound[(position+i)%len(sound)]
			}
			position = (position + frameSamples) % len(sound)
			s.write(PayloadULaw, !speaking, s.timestamp, frame)
			s.timestamp += uint32(frameSamples)
			speaking = true
		default:
			s.timestamp += uint32(frameSamples)
			speaking = false
		}
	}
}

// sendDigit sends the next packet of a digit. The packets of its end go out together.
func (s *Stream) sendDigit(d *digit) {
	const endBit, volume = 0x80, 10
	d.frame++
	switch {
	case d.frame <= digitFrames:
		duration := d.frame * frameSamples
		packet := []byte{d.code, volume, byte(duration >> 8), byte(duration)} //nolint:gosec // The low byte is meant.
		count := 1
		if d.frame == digitFrames {
			packet[1] |= endBit
			count = endFrames
		}
		for range count {
			s.write(PayloadEvent, d.frame == 1, s.timestamp, packet)
		}
	case d.frame == digitFrames+gapFrames:
		s.timestamp += uint32((digitFrames + gapFrames) * frameSamples)
		s.mu.Lock()
		s.dialled = s.dialled[1:]
		s.mu.Unlock()
		close(d.sent)
	}
}

func (s *Stream) write(payloadType byte, mark bool, timestamp uint32, payload []byte) {
	packet := make([]byte, headerSize, headerSize+len(payload))
	packet[0] = 2 << 6
	packet[1] = payloadType
	if mark {
		packet[1] |= 0x80
	}
	binary.BigEndian.PutUint16(packet[2:], s.sequence)
	binary.BigEndian.PutUint32(packet[4:], timestamp)
	binary.BigEndian.PutUint32(packet[8:], s.ssrc)
	s.sequence++
	// Sending fails once the other side has gone, which is how calls end.
	_, _ = s.peer.conn.WriteToUDPAddrPort(append(packet, payload...), s.remote)
}
