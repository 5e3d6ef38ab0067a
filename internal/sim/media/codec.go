package media

import (
	"encoding/binary"
	"strings"

	"github.com/ari-go/ari/internal/audio/g711"
	"github.com/ari-go/ari/internal/audio/g722"
)

// linear are the rates of Asterisk's formats of linear samples.
var linear = map[string]int{
	"slin": 8000, "slin12": 12000, "slin16": 16000, "slin24": 24000, "slin32": 32000, "slin44": 44100, "slin48": 48000, "slin96": 96000, "slin192": 192000,
}

// wide are the rates of other formats that have more than 8 kHz.
var wide = map[string]int{"g722": 16000, "opus": 48000}

// RateOf is the sample rate of a format, or of the best of several with | between them.
func RateOf(formats string) int {
	best := 8000
	for format := range strings.SplitSeq(formats, "|") {
		best = max(best, linear[format], wide[format])
	}
	return best
}

// FrameBytes is how many bytes a frame of 20 ms has; 0 for formats whose frames pass as they are.
func FrameBytes(format string) int {
	switch format {
	case "ulaw", "alaw", "g722":
		return 160
	case "gsm":
		return 33
	case "ilbc":
		return 38
	default:
		return linear[format] / 50 * 2
	}
}

// A Codec turns the bytes of a format into sound and back. It has a memory, so each stream has its own.
type Codec struct {
	Format    string
	Rate      int
	BigEndian bool // linear samples, as by RTP

	law       *g711.Law
	enc       g722.Encoder
	dec       g722.Decoder
	converter Converter // of what is encoded
}

// NewCodec makes a codec of a format of Asterisk's.
func NewCodec(format string, bigEndian bool) *Codec {
	c := &Codec{Format: format, Rate: RateOf(format), BigEndian: bigEndian}
	switch format {
	case "ulaw":
		c.law = g711.MuLaw()
	case "alaw":
		c.law = g711.ALaw()
	}
	return c
}

// passes reports whether frames of the codec pass as they are.
func (c *Codec) passes() bool { return c.law == nil && c.Format != "g722" && linear[c.Format] == 0 }

// Decode makes a frame of bytes.
func (c *Codec) Decode(raw []byte) Frame {
	f := Frame{Rate: c.Rate}
	switch {
	case c.law != nil:
		f.PCM = make([]int16, len(raw))
		c.law.Decode(f.PCM, raw)
	case c.Format == "g722":
		f.PCM = make([]int16, 2*len(raw))
		c.dec.Decode(f.PCM, raw)
	case linear[c.Format] > 0:
		f.PCM = make([]int16, len(raw)/2)
		for i := range f.PCM {
			f.PCM[i] = int16(c.order().Uint16(raw[2*i:])) //nolint:gosec // The same 16 bits.
		}
	default:
		f.Format, f.Raw = c.Format, raw
	}
	return f
}

func (c *Codec) order() binary.ByteOrder {
	if c.BigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// Encode makes bytes of a frame, which may have another rate. Nothing comes of a frame that isn't decoded and is of another format, nor of
// any sound where frames pass as they are.
func (c *Codec) Encode(f Frame) []byte {
	if f.Raw != nil || c.passes() {
		if f.Format == c.Format {
			return f.Raw
		}
		return nil
	}
	pcm := c.converter.Convert(f, c.Rate)
	var raw []byte
	switch {
	case c.law != nil:
		raw = make([]byte, len(pcm))
		c.law.Encode(raw, pcm)
	case c.Format == "g722":
		raw = make([]byte, len(pcm)/2)
		c.enc.Encode(raw, pcm[:len(pcm)&^1])
	default:
		raw = make([]byte, 0, 2*len(pcm))
		for _, x := range pcm {
			if c.BigEndian {
				raw = append(raw, byte(x>>8), byte(x)) //nolint:gosec // Both halves.
			} else {
				raw = append(raw, byte(x), byte(x>>8)) //nolint:gosec // Both halves.
			}
		}
	}
	return raw
}
