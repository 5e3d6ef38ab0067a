package rtp

import (
	"math"
	"time"
)

// SampleRate is the sampling rate of all sound here, in hertz.
const SampleRate = 8000

// ulawSilence is the sample 0.
const ulawSilence = 0xff

// Tone is a sine tone of half the full volume, as G.711 µ-law.
func Tone(frequency float64, length time.Duration) []byte {
	out := make([]byte, int(length.Seconds()*SampleRate))
	for i := range out {
		out[i] = ulaw(int(math.MaxInt16 / 2 * math.Sin(2*math.Pi*frequency*float64(i)/SampleRate)))
	}
	return out
}

// Silence is silence, as G.711 µ-law.
func Silence(length time.Duration) []byte {
	out := make([]byte, int(length.Seconds()*SampleRate))
	for i := range out {
		out[i] = ulawSilence
	}
	return out
}

// ulaw encodes a 16-bit sample by G.711: the sign, the number of the segment, and four bits of where in the segment it is, all inverted.
func ulaw(sample int) byte {
	const (
		bias = 0x84
		clip = math.MaxInt16 - bias
	)
	var sign byte
	if sample < 0 {
		sign, sample = 0x80, -sample
	}
	sample = min(sample, clip) + bias
	segment := 7
	for mask := 0x4000; segment > 0 && sample&mask == 0; mask >>= 1 {
		segment--
	}
	return ^(sign | byte(segment)<<4 | byte(sample>>(segment+3))&0x0f) //nolint:gosec // Four bits are left of the sample.
}

// level is the volume of µ-law sound: the mean of its samples' absolute values.
func level(samples []byte) int {
	if len(samples) == 0 {
		return 0
	}
	sum := 0
	for _, s := range samples {
		s = ^s
		segment := s >> 4 & 7
		sum += (int(s&0x0f)<<3+0x84)<<segment - 0x84
	}
	return sum / len(samples)
}
