package g722_test

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/internal/audio/g722"
)

// speechLike is four seconds of everything: sines that sweep through both bands, noise, silence, full scale.
func speechLike() []int16 {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]int16, 4*16000)
	state := uint32(1)
	for i := range out {
		t := float64(i) / 16000
		switch {
		case t < 1.5:
			out[i] = int16(12000 * math.Sin(2*math.Pi*(100+2500*t)*t))
		case t < 2:
			out[i] = int16(r.IntN(20001) - 10000)
		case t < 2.5:
			out[i] = 0
		case t < 3:
			state = state*1664525 + 1013904223
			out[i] = int16(state >> 16)
		default:
			out[i] = int16(32767 * math.Sin(2*math.Pi*997*t))
		}
	}
	return out
}

// integers is a signal that needs no floating point, for checksums that hold on every machine: noise of changing loudness, and square waves.
func integers(n int) []int16 {
	out := make([]int16, n)
	state := uint32(1)
	for i := range out {
		state = state*1664525 + 1013904223
		out[i] = int16(state>>16) >> (i / 1600 % 12)
		if i/4000%3 == 2 {
			out[i] = int16(8000 - 16000*(i/17%2))
		}
	}
	return out
}

// The bytes that we make of a signal, and the samples of these bytes, as independent implementations make them.
func TestSameAsOthers(t *testing.T) {
	t.Parallel()
	pcm := integers(64000)
	var enc g722.Encoder
	code := make([]byte, len(pcm)/2)
	enc.Encode(code, pcm)
	assert.Equal(t, uint32(0x731c1e72), crc32.ChecksumIEEE(code), "encoded")
	var dec g722.Decoder
	out := make([]int16, len(pcm))
	dec.Decode(out, code)
	var raw []byte
	for _, s := range out {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(s))
	}
	assert.Equal(t, uint32(0x380af400), crc32.ChecksumIEEE(raw), "decoded")

	// Random bytes lead a decoder where no encoder would.
	wild := make([]byte, 32000)
	state := uint32(7)
	for i := range wild {
		state = state*1664525 + 1013904223
		wild[i] = byte(state >> 24)
	}
	dec = g722.Decoder{}
	dec.Decode(out[:2*len(wild)], wild)
	raw = raw[:0]
	for _, s := range out[:2*len(wild)] {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(s))
	}
	assert.Equal(t, uint32(0x53b35a07), crc32.ChecksumIEEE(raw), "decoded at random")
}

// A sine comes back as itself, delayed by the filters' 22 samples.
func TestQuality(t *testing.T) {
	t.Parallel()
	for _, f := range []float64{100, 440, 1000, 2000, 3000, 5000, 6500} {
		pcm := make([]int16, 16000)
		for i := range pcm {
			pcm[i] = int16(8000 * math.Sin(2*math.Pi*f*float64(i)/16000))
		}
		var enc g722.Encoder
		var dec g722.Decoder
		code, out := make([]byte, 8000), make([]int16, 16000)
		enc.Encode(code, pcm)
		dec.Decode(out, code)
		var signal, noise float64
		for i := 4000; i < 15000; i++ {
			d := float64(out[i+22]) - float64(pcm[i])
			signal += float64(pcm[i]) * float64(pcm[i])
			noise += d * d
		}
		snr := 10 * math.Log10(signal/noise)
		want := 30.0
		if f > 4000 {
			want = 10 // Two bits.
		}
		assert.Greater(t, snr, want, "%.0f Hz", f)
	}
}

// Chunks of any even size give the same.
func TestChunks(t *testing.T) {
	t.Parallel()
	pcm := speechLike()
	var whole, parts g722.Encoder
	want, got := make([]byte, len(pcm)/2), make([]byte, len(pcm)/2)
	whole.Encode(want, pcm)
	r := rand.New(rand.NewPCG(3, 4))
	for at := 0; at < len(pcm); {
		n := min(2*r.IntN(400), len(pcm)-at)
		parts.Encode(got[at/2:], pcm[at:at+n])
		at += n
	}
	require.Equal(t, want, got)
}

func BenchmarkG722(b *testing.B) {
	pcm, code := integers(320), make([]byte, 160)
	var enc g722.Encoder
	var dec g722.Decoder
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			enc.Encode(code, pcm)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			dec.Decode(pcm, code)
		}
	})
}
