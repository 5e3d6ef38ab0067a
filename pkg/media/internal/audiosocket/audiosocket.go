// Package audiosocket reads and writes Asterisk's AudioSocket protocol: packets of a byte for the kind, two for the
// length, and the payload, over TCP.
package audiosocket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Kind is a packet's kind.
type Kind uint8

// The kinds of packets. Asterisk takes only Hangup and audio, and ends the channel at any other, and at an empty one.
const (
	Hangup Kind = 0x00
	UUID   Kind = 0x01 // 16 bytes; the first packet from Asterisk
	DTMF   Kind = 0x03 // one character; since Asterisk 20.14, 21.9, 22.4
	Audio  Kind = 0x10 // 16-bit samples, little-endian, 8 kHz; the kinds that follow are of other rates
	Error  Kind = 0xff
)

// HeaderSize is the size of a packet's header.
const HeaderSize = 3

// rates are those of the kinds from Audio on. All but the first since Asterisk 20.17, 21.12, 22.7, 23.1.
var rates = [...]int{8000, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000}

// ErrProtocol is returned for what isn't the protocol.
var ErrProtocol = errors.New("audiosocket: not the protocol")

// AudioOf returns the kind of audio packets of a rate.
func AudioOf(rate int) (Kind, error) {
	for i, r := range rates {
		if r == rate {
			return Audio + Kind(i), nil
		}
	}
	return 0, fmt.Errorf("audiosocket: there is no audio of %d Hz", rate)
}

// Rate returns the sample rate of a kind, 0 if it isn't audio.
func (k Kind) Rate() int {
	if k < Audio || int(k-Audio) >= len(rates) {
		return 0
	}
	return rates[k-Audio]
}

// A Reader reads packets.
type Reader struct {
	r    io.Reader
	head [HeaderSize]byte
	buf  []byte
}

// NewReader returns a reader. Since it asks for the header and the payload apart, r should be buffered.
func NewReader(r io.Reader) *Reader { return &Reader{r: r, buf: make([]byte, 4096)} }

// Next reads the next packet. Its payload is valid until the next call. At the connection's end between two packets it
// returns io.EOF.
func (r *Reader) Next() (Kind, []byte, error) {
	if _, err := io.ReadFull(r.r, r.head[:]); err != nil {
		return 0, nil, err
	}
	kind, n := Kind(r.head[0]), int(binary.BigEndian.Uint16(r.head[1:]))
	if kind.Rate() == 0 && (n > 16 || kind != Hangup && kind != UUID && kind != DTMF && kind != Error) {
		return 0, nil, fmt.Errorf("%w: a packet of kind %#x with %d bytes", ErrProtocol, uint8(kind), n)
	}
	if cap(r.buf) < n {
		r.buf = make([]byte, n)
	}
	payload := r.buf[:n]
	if _, err := io.ReadFull(r.r, payload); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	if kind == UUID && n != 16 || kind == DTMF && n != 1 || kind.Rate() != 0 && n%2 != 0 {
		return 0, nil, fmt.Errorf("%w: a packet of kind %#x with %d bytes", ErrProtocol, uint8(kind), n)
	}
	return kind, payload, nil
}

// AppendHeader appends the header of a packet with n bytes. A packet has to be written at once: Asterisk ends the
// channel when it waits in the middle of one for longer than 5 ms.
func AppendHeader(b []byte, kind Kind, n int) []byte {
	return append(b, byte(kind), byte(n>>8), byte(n)) //nolint:gosec // Both bytes of a length.
}
