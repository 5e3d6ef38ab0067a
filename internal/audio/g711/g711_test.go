package g711_test

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/internal/audio/g711"
)

// Decision values by the recommendation's tables 1a and 2a: µ-law's are 0, 1, 3, ... 31, 35, ... 95, 103, ... 8159 in
// units of a quarter of a 16-bit step, A-law's 0, 2, 4, ... 64, 68, ... 128, 136, ... 4096 in units of an eighth.
func decisions(first, step float64, counts []int, unit float64) []float64 {
	values := []float64{0}
	next := first
	for _, count := range counts {
		for range count {
			values = append(values, next*unit)
			next += step
		}
		next += step // Up to here it was counted with the old step, from here on with twice that.
		step *= 2
	}
	return values
}

func muLawDecisions() []float64 { return decisions(1, 2, []int{16, 16, 16, 16, 16, 16, 16, 16}, 4) }
func aLawDecisions() []float64  { return decisions(2, 2, []int{32, 16, 16, 16, 16, 16, 16}, 8) }

// What the standard says of the ends: Table 2a's and 1a's first, last and turning values.
func TestKnownValues(t *testing.T) {
	t.Parallel()
	decode := func(l *g711.Law, code byte) int16 {
		var out [1]int16
		l.Decode(out[:], []byte{code})
		return out[0]
	}
	mu, a := g711.MuLaw(), g711.ALaw()
	for code, want := range map[byte]int16{0xff: 0, 0xfe: 8, 0x80: 32124, 0x00: -32124, 0x7f: 0, 0x7e: -8, 0xf0: 120, 0xef: 132, 0x8f: 16764} {
		assert.Equal(t, want, decode(mu, code), "µ-law %#x", code)
	}
	for code, want := range map[byte]int16{0xd5: 8, 0x55: -8, 0xaa: 32256, 0x2a: -32256, 0xda: 248, 0xc5: 264, 0xf5: 528} {
		assert.Equal(t, want, decode(a, code), "A-law %#x", code)
	}
}

// Each of the 65,536 samples gets the code of the interval that it is in.
func TestDecisionValues(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		law    *g711.Law
		values []float64
		last   float64
		invert byte
	}{
		"mu": {g711.MuLaw(), muLawDecisions(), 8159 * 4, 0x7f},
		"a":  {g711.ALaw(), aLawDecisions(), 4096 * 8, 0x55},
	} {
		require.Len(t, c.values, 129, name)
		require.InDelta(t, c.last, c.values[128], 0, name)
		for s := -32768; s <= 32767; s++ {
			var code [1]byte
			c.law.Encode(code[:], []int16{int16(s)})
			n := int((code[0] ^ c.invert) & 0x7f)
			m := math.Abs(float64(s))
			if c.values[n] > m || n < 127 && c.values[n+1] <= m || (s >= 0) != (code[0]&0x80 != 0) {
				require.Fail(t, "wrong interval", "%s: %d became %#x", name, s, code[0])
			}
		}
	}
}

// The levels of all codes by checksum of what FFmpeg 5.1 decodes from the bytes 0 to 255.
func TestSameLevelsAsFFmpeg(t *testing.T) {
	t.Parallel()
	codes := make([]byte, 256)
	for i := range codes {
		codes[i] = byte(i)
	}
	for name, c := range map[string]struct {
		law  *g711.Law
		want uint32
	}{"mu": {g711.MuLaw(), 0xc847a9f}, "a": {g711.ALaw(), 0x9d764657}} {
		var levels [256]int16
		c.law.Decode(levels[:], codes)
		var raw []byte
		for _, l := range levels {
			raw = binary.LittleEndian.AppendUint16(raw, uint16(l))
		}
		assert.Equal(t, c.want, crc32.ChecksumIEEE(raw), name)
	}
}

// Decoding and encoding again gives the same code, but for µ-law's negative zero.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, law := range map[string]*g711.Law{"mu": g711.MuLaw(), "a": g711.ALaw()} {
		for i := range 256 {
			var pcm [1]int16
			var code [1]byte
			law.Decode(pcm[:], []byte{byte(i)})
			law.Encode(code[:], pcm[:])
			if name == "mu" && i == 0x7f {
				assert.Equal(t, byte(0xff), code[0])
				continue
			}
			assert.Equal(t, byte(i), code[0], "%s", name)
		}
	}
}

func BenchmarkG711(b *testing.B) {
	law := g711.MuLaw()
	pcm, codes := make([]int16, 160), make([]byte, 160)
	for i := range pcm {
		pcm[i] = int16(i * 397)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			law.Encode(codes, pcm)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			law.Decode(pcm, codes)
		}
	})
}
