package media

import (
	"errors"
	"fmt"

	"github.com/ari-go/ari/internal/audio/g711"
	"github.com/ari-go/ari/internal/audio/g722"
)

// A leg is one connection with Asterisk that carries a channel's audio both ways. read and write are each called by one
// goroutine at a time; close by any, and it makes the others return.
type leg interface {
	// rate is that of the samples, in Hz.
	rate() int

	// read waits for what comes next: samples, put into pcm, or an event.
	read(pcm []int16) (n int, ev legEvent, err error)

	// write sends whole frames.
	write(pcm []int16) error

	close() error
}

// A queuedLeg is one behind which Asterisk keeps a queue and takes a frame from it every 20 ms.
type queuedLeg interface {
	leg

	// mark asks for an event when all that was written before has been played.
	mark(frames int64, generation uint32) error

	// marks reports whether mark works with this Asterisk.
	marks() bool

	// status asks for the length of the queue.
	status() error

	// flush asks for the length of the queue and empties it.
	flush() error
}

// A legEvent is what a leg tells beside samples.
type legEvent struct {
	kind       legEventKind
	digit      byte
	queue      int    // frames in the queue
	frames     int64  // that the mark stands behind
	generation uint32 // of the mark
	lost       int    // packets whose samples are made up
}

type legEventKind uint8

const (
	legNothing legEventKind = iota
	legDigit
	legMark
	legStatus
	legXOff
	legXOn
	legError
)

// A codec turns samples into bytes and back. It may have a memory, one for each direction.
type codec interface {
	rate() int

	// bytes is how many bytes n samples are.
	bytes(n int) int

	append(raw []byte, pcm []int16) []byte
	decode(pcm []int16, raw []byte) int
}

// Formats by Asterisk's names.
var linearRates = map[string]int{"slin": 8000, "slin16": 16000, "slin24": 24000, "slin48": 48000}

func linearFormat(rate int) string {
	for name, r := range linearRates {
		if r == rate {
			return name
		}
	}
	return ""
}

// errFormat is returned for a format that this package can't code.
var errFormat = errors.New("media: a format that can't be coded here")

func newCodec(format string, bigEndian bool) (codec, error) {
	if rate := linearRates[format]; rate > 0 {
		return linear{rate, bigEndian}, nil
	}
	switch format {
	case "ulaw":
		return companded{g711.MuLaw()}, nil
	case "alaw":
		return companded{g711.ALaw()}, nil
	case "g722":
		return new(wideband), nil
	default:
		return nil, fmt.Errorf("%w: %q", errFormat, format)
	}
}

type linear struct {
	hertz     int
	bigEndian bool
}

func (c linear) rate() int       { return c.hertz }
func (c linear) bytes(n int) int { return 2 * n }

func (c linear) append(raw []byte, pcm []int16) []byte {
	if !c.bigEndian {
		return appendPCM(raw, pcm)
	}
	for _, s := range pcm {
		raw = append(raw, byte(s>>8), byte(s)) //nolint:gosec // Both halves.
	}
	return raw
}

func (c linear) decode(pcm []int16, raw []byte) int {
	if !c.bigEndian {
		return parsePCM(pcm, raw)
	}
	n := min(len(pcm), len(raw)/2)
	for i := range pcm[:n] {
		pcm[i] = int16(raw[2*i])<<8 | int16(raw[2*i+1])
	}
	return n
}

type companded struct{ law *g711.Law }

func (c companded) rate() int       { return 8000 }
func (c companded) bytes(n int) int { return n }

func (c companded) append(raw []byte, pcm []int16) []byte {
	n := len(raw)
	raw = grow(raw, len(pcm))
	c.law.Encode(raw[n:], pcm)
	return raw
}

func (c companded) decode(pcm []int16, raw []byte) int {
	n := min(len(pcm), len(raw))
	c.law.Decode(pcm, raw[:n])
	return n
}

type wideband struct {
	enc g722.Encoder
	dec g722.Decoder
}

func (c *wideband) rate() int       { return 16000 }
func (c *wideband) bytes(n int) int { return n / 2 }

func (c *wideband) append(raw []byte, pcm []int16) []byte {
	n := len(raw)
	raw = grow(raw, len(pcm)/2)
	c.enc.Encode(raw[n:], pcm)
	return raw
}

func (c *wideband) decode(pcm []int16, raw []byte) int {
	n := min(len(pcm)/2, len(raw))
	c.dec.Decode(pcm, raw[:n])
	return 2 * n
}

// grow makes a slice longer by n bytes of any content.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b[:len(b)+n]
	}
	return append(b, make([]byte, n)...)
}
