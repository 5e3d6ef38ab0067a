package voice_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/media/internal/voice"
)

const frame = 320

func rms(pcm []int16) float64 {
	sum := 1e-9
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return 10 * math.Log10(sum/float64(len(pcm))/(32768*32768))
}

// vowel is a sum of harmonics of 120 Hz, with formants, at a level in dB.
func vowel(at int, db float64) []int16 {
	out := make([]int16, frame)
	a := 32768 * math.Pow(10, db/20) * math.Sqrt2 / 2.2
	for i := range out {
		t := float64(at*frame+i) / 16000
		x := 0.0
		for h := 1; h < 20; h++ {
			f := 120 * float64(h)
			g := 1/(1+(f-600)/200*(f-600)/200) + 0.5/(1+(f-1200)/200*(f-1200)/200) + 0.2
			x += g * math.Sin(2*math.Pi*f*t)
		}
		out[i] = int16(a * x / 2)
	}
	return out
}

func hiss(r *rand.Rand, db float64) []int16 {
	out := make([]int16, frame)
	for i := range out {
		out[i] = int16(32768 * math.Pow(10, db/20) * r.NormFloat64() / 1)
	}
	return out
}

func mix(a, b []int16) []int16 {
	out := make([]int16, len(a))
	for i := range a {
		out[i] = int16(max(min(int(a[i])+int(b[i]), 32767), -32768))
	}
	return out
}

// Speech is heard over noise of any level that is 12 dB below it; noise isn't, once it has been heard for a while.
func TestDetector(t *testing.T) {
	t.Parallel()
	for _, noise := range []float64{-80, -60, -50, -40, -30} {
		t.Run(fmt.Sprint(noise), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, uint64(-noise)))
			var d voice.Detector
			for range 400 {
				pcm := hiss(r, noise)
				d.Voice(pcm, 16000, rms(pcm))
			}
			wrong := 0
			for range 500 {
				if pcm := hiss(r, noise); d.Voice(pcm, 16000, rms(pcm)) {
					wrong++
				}
			}
			assert.LessOrEqual(t, wrong, 5, "noise taken for speech")
			right := 0
			for i := range 100 {
				pcm := mix(vowel(i, max(noise+12, -45)), hiss(r, noise))
				if d.Voice(pcm, 16000, rms(pcm)) {
					right++
				}
			}
			assert.GreaterOrEqual(t, right, 90, "speech not heard")
		})
	}
}

// Digital silence isn't speech, and neither is what comes right behind it, if it is quiet.
func TestSilence(t *testing.T) {
	t.Parallel()
	var d voice.Detector
	for range 100 {
		require.False(t, d.Voice(make([]int16, frame), 16000, -100))
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		pcm := hiss(r, -60)
		require.False(t, d.Voice(pcm, 16000, rms(pcm)))
	}
}

func TestFlatness(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	for _, rate := range []int{8000, 16000, 48000} {
		tone, noise := make([]int16, rate/50), make([]int16, rate/50)
		sum := 0.0
		for range 50 {
			for i := range tone {
				tone[i] = int16(8000 * math.Sin(2*math.Pi*1000*float64(i)/float64(rate)))
				noise[i] = int16(3000 * r.NormFloat64())
			}
			sum += voice.Flatness(noise, rate) / 50
		}
		assert.Less(t, voice.Flatness(tone, rate), 0.05, "%d", rate)
		assert.InDelta(t, 0.5, sum, 0.15, "%d", rate)
	}
}

func TestTurns(t *testing.T) {
	t.Parallel()
	names := map[voice.Change]string{voice.Started: "start", voice.Paused: "pause", voice.Resumed: "resume", voice.Ended: "end"}
	for name, c := range map[string]struct{ in, want string }{
		"nothing":         {"..........", ""},
		"too short":       {"vv...vv...vv..........", ""},
		"a click":         {"..v..........", ""},
		"a turn":          {"..vvvv..........", "4 start 3, 8 pause 3, 13 end 8"},
		"a gap in it":     {"v.vvvv..........", "2 start 3, 8 pause 3, 13 end 8"},
		"a pause in it":   {"vvvv....vvv..........", "2 start 3, 6 pause 3, 8 resume 1, 13 pause 3, 18 end 8"},
		"two turns":       {"vvv........vvv........", "2 start 3, 5 pause 3, 10 end 8, 13 start 3, 16 pause 3, 21 end 8"},
		"goes on":         {"vvvvvvvvvvvvvvvvvv", "2 start 3"},
		"short gaps only": {"vvvv..vvv..vvv..vv", "2 start 3"},
	} {
		turns := voice.Turns{Start: 3, Pause: 3, End: 8}
		got := ""
		for i, x := range c.in {
			change, ago := turns.Next(x == 'v')
			if change != voice.Unchanged {
				if got != "" {
					got += ", "
				}
				got += fmt.Sprintf("%d %s %d", i, names[change], ago)
			}
		}
		assert.Equal(t, c.want, got, name)
	}
}

func BenchmarkDetector(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	pcm := hiss(r, -50)
	var d voice.Detector
	b.ReportAllocs()
	for b.Loop() {
		d.Voice(pcm, 16000, -41)
	}
}
