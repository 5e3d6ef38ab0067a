package media

import "math"

// noiseGenerator makes white noise between -1 and 1, the same for the same seed.
func noiseGenerator(seed uint32) func() float64 {
	state := seed
	return func() float64 {
		state = state*1664525 + 1013904223
		return float64(int32(state)) / (1 << 31) //nolint:gosec // All bits are as good.
	}
}

// amplitude is a level in dB below full scale as a sample's value.
func amplitude(level float64) float64 { return 32768 * math.Pow(10, level/20) }
