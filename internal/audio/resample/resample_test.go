package resample_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/internal/audio/resample"
)

var rates = []int{8000, 16000, 24000, 48000}

// pairs calls test for every pair of different rates, and some that WAV files have.
func pairs(t *testing.T, test func(t *testing.T, from, to int)) {
	t.Helper()
	t.Parallel()
	run := func(from, to int) {
		t.Run(fmt.Sprintf("%d to %d", from, to), func(t *testing.T) {
			t.Parallel()
			test(t, from, to)
		})
	}
	for _, from := range rates {
		for _, to := range rates {
			if from != to {
				run(from, to)
			}
		}
	}
	run(44100, 16000)
	run(22050, 8000)
	run(22050, 48000)
	run(11025, 16000)
	run(32000, 24000)
}

func sine(rate, n int, f, amplitude float64) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*f*float64(i)/float64(rate))))
	}
	return out
}

// level is the amplitude of a frequency in a signal, by correlation under a window.
func level(rate int, pcm []int16, f float64) float64 {
	var re, im, sum float64
	for i, s := range pcm {
		x := float64(i) / float64(len(pcm))
		w := 0.35875 - 0.48829*math.Cos(2*math.Pi*x) + 0.14128*math.Cos(4*math.Pi*x) - 0.01168*math.Cos(6*math.Pi*x)
		re += w * float64(s) * math.Cos(2*math.Pi*f*float64(i)/float64(rate))
		im += w * float64(s) * math.Sin(2*math.Pi*f*float64(i)/float64(rate))
		sum += w
	}
	return 2 * math.Hypot(re, im) / sum
}

func rms(pcm []int16) float64 {
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return math.Sqrt(sum / float64(len(pcm)))
}

func process(t *testing.T, from, to int, pcm []int16) []int16 {
	t.Helper()
	r, err := resample.New(from, to)
	require.NoError(t, err)
	out := make([]int16, r.Room(len(pcm)))
	return out[:r.Process(out, pcm)]
}

// Sines up to 90 % of the lower band come through with a ripple below 0.5 dB, from the quietest to the loudest, and
// nothing else comes out with them: aliases and images are below -60 dB.
func TestPassBand(t *testing.T) {
	pairs(t, func(t *testing.T, from, to int) {
		const amplitude = 20000.0
		band := float64(min(from, to)) / 2
		low, high := math.Inf(1), math.Inf(-1)
		for _, part := range []float64{0.01, 0.1, 0.25, 0.5, 0.7, 0.8, 0.85, 0.88, 0.9} {
			f := 2 * math.Floor(part*band/2) // Whole waves in half a second.
			out := process(t, from, to, sine(from, from, f, amplitude))
			out = out[to/2:]
			db := 20 * math.Log10(level(to, out, f)/amplitude)
			low, high = min(low, db), max(high, db)
			// What is left when the sine is taken away.
			var re, im float64
			for i, s := range out {
				re += float64(s) * math.Cos(2*math.Pi*f*float64(i)/float64(to)) * 2 / float64(len(out))
				im += float64(s) * math.Sin(2*math.Pi*f*float64(i)/float64(to)) * 2 / float64(len(out))
			}
			rest := make([]int16, len(out))
			for i, s := range out {
				rest[i] = s - int16(math.Round(re*math.Cos(2*math.Pi*f*float64(i)/float64(to))+im*math.Sin(2*math.Pi*f*float64(i)/float64(to))))
			}
			assert.Less(t, 20*math.Log10(rms(rest)*math.Sqrt2/amplitude), -60.0, "what else comes out at %.0f Hz", f)
		}
		assert.Less(t, high-low, 0.5, "ripple")
		assert.Less(t, math.Abs(high), 0.25)
		assert.Less(t, math.Abs(low), 0.3)
	})
}

// What is above the band of the lower rate doesn't come through.
func TestAliases(t *testing.T) {
	pairs(t, func(t *testing.T, from, to int) {
		if from < to {
			return // There is nothing above; images are seen in TestPassBand.
		}
		for f := float64(to)/2 + 1; f < float64(from)/2; f += 397 {
			out := process(t, from, to, sine(from, from/8, f, 20000))
			assert.Less(t, 20*math.Log10(rms(out[len(out)/4:])*math.Sqrt2/20000), -60.0, "%.0f Hz", f)
		}
	})
}

// The same comes out, and as much, however the input is cut.
func TestChunks(t *testing.T) {
	pairs(t, func(t *testing.T, from, to int) {
		r := rand.New(rand.NewPCG(uint64(from), uint64(to)))
		pcm := make([]int16, from/2+r.IntN(100))
		for i := range pcm {
			pcm[i] = int16(r.IntN(60000) - 30000)
		}
		want := process(t, from, to, pcm)
		require.Len(t, want, (len(pcm)*to+from-1)/from)
		cut, err := resample.New(from, to)
		require.NoError(t, err)
		var got []int16
		for at := 0; at < len(pcm); {
			n := min(r.IntN(1+r.IntN(3000)), len(pcm)-at)
			out := make([]int16, cut.Room(n))
			got = append(got, out[:cut.Process(out, pcm[at:at+n])]...)
			at += n
			require.Len(t, got, (at*to+from-1)/from, "after %d", at)
		}
		require.Equal(t, want, got)
	})
}

// A whole sound stays in its place: aligned, there and back again, it is the same.
func TestAligned(t *testing.T) {
	pairs(t, func(t *testing.T, from, to int) {
		r, err := resample.NewAligned(from, to)
		require.NoError(t, err)
		pcm := sine(from, from/5+7, 440, 10000)
		out := make([]int16, r.Room(len(pcm))+r.Delay())
		n := r.Process(out, pcm)
		n += r.Flush(out[n:])
		require.Equal(t, (len(pcm)*to+from-1)/from, n)
		for i := to / 50; i < n-to/50; i++ {
			want := 10000 * math.Sin(2*math.Pi*440*float64(i)/float64(to))
			require.InDelta(t, want, float64(out[i]), 300, "sample %d", i) // The ripple, ±0.2 dB.
		}
	})
}

// The loudest square wave doesn't wrap around.
func TestOverload(t *testing.T) {
	t.Parallel()
	for _, to := range []int{8000, 24000, 48000} {
		pcm := make([]int16, 16000)
		for i := range pcm {
			pcm[i] = 32767
			if i/20%2 == 1 {
				pcm[i] = -32768
			}
		}
		out := process(t, 16000, to, pcm)
		for i := to / 100; i < len(out)-1; i++ {
			require.Less(t, math.Abs(float64(out[i+1])-float64(out[i])), 60000.0)
		}
		assert.Equal(t, int16(32767), maxOf(out))
	}
}

func maxOf(pcm []int16) int16 {
	m := pcm[0]
	for _, s := range pcm {
		m = max(m, s)
	}
	return m
}

func TestRates(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]int{{0, 8000}, {8000, 0}, {-8000, 8000}, {8000, 7999}, {500000, 8000}} {
		_, err := resample.New(pair[0], pair[1])
		assert.Error(t, err, "%v", pair)
	}
	same := process(t, 8000, 8000, []int16{1, -2, 3, 32767, -32768})
	assert.Equal(t, []int16{1, -2, 3, 32767, -32768}, same)
}

func BenchmarkResample(b *testing.B) {
	for _, from := range rates {
		for _, to := range rates {
			if from == to {
				continue
			}
			b.Run(fmt.Sprintf("%dto%d", from/1000, to/1000), func(b *testing.B) {
				r, err := resample.New(from, to)
				require.NoError(b, err)
				pcm := sine(from, from/50, 440, 10000)
				out := make([]int16, r.Room(len(pcm)))
				b.ReportAllocs()
				for b.Loop() {
					r.Process(out, pcm)
				}
			})
		}
	}
}
