// Package voice tells speech from noise, and makes turns of it.
package voice

import "math"

// A Detector tells frame by frame whether somebody speaks, by loudness and spectrum. It adapts to the noise: what stays
// the same for some seconds is noise, however loud it is.
//
// The zero value is ready.
type Detector struct {
	floor  float64 // the noise's level in dB
	recent float64 // the least level of the last seconds
	since  int
	begun  bool
}

const (
	// margin is how much louder than the noise speech is, sure how much louder needs no other proof.
	margin = 6.0
	sure   = 15.0

	// least is below what level nothing counts as speech.
	least = -55.0

	// flat is above what flatness a spectrum is that of noise: white noise has 0.56, vowels are below 0.2.
	flat = 0.35

	// riseFrames is after how many frames a level that never was lower is taken for the noise: three seconds.
	riseFrames = 150
)

// Voice reports whether a frame of 20 ms, with its level in dB below full scale, is speech.
func (d *Detector) Voice(pcm []int16, rate int, level float64) bool {
	d.adapt(level)
	above := level - d.floor
	switch {
	case level < least || above < margin:
		return false
	case above >= sure:
		return true
	default:
		return Flatness(pcm, rate) < flat
	}
}

// Floor is the level that is taken for the noise.
func (d *Detector) Floor() float64 { return d.floor }

func (d *Detector) adapt(level float64) {
	level = max(level, -90)
	if !d.begun {
		d.begun, d.floor, d.recent = true, min(level, -50), level
	}
	if level < d.floor {
		d.floor += 0.3 * (level - d.floor)
	} else if level < d.floor+margin {
		d.floor += 0.02 * (level - d.floor)
	}
	// The floor rises to the least level of the last seconds.
	d.recent = min(d.recent, level)
	if d.since++; d.since >= riseFrames {
		d.floor = max(d.floor, d.recent)
		d.since, d.recent = 0, level
	}
}

// bins is the size of the transform: 16 ms at 8 kHz.
const bins = 128

// Flatness is the spectral flatness of a frame between 300 and 3,400 Hz: the ratio of the geometric and the arithmetic
// mean of its power. It is 1 for a click, about 0.56 for noise, and near 0 for a tone.
func Flatness(pcm []int16, rate int) float64 {
	step := max(rate/8000, 1)
	var re, im [bins]float64
	n := min(bins, len(pcm)/step)
	for i := range n {
		sum := 0.0
		for _, s := range pcm[i*step : (i+1)*step] { // The mean is filter enough to look at a band.
			sum += float64(s)
		}
		w := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(n))
		re[i] = w * sum / float64(step)
	}
	transform(&re, &im)
	const from, to = 300 * bins / 8000, 3400 * bins / 8000
	var logs, sum float64
	for i := from; i < to; i++ {
		p := re[i]*re[i] + im[i]*im[i] + 1
		logs += math.Log(p)
		sum += p
	}
	count := float64(to - from)
	return math.Exp(logs/count) / (sum / count)
}

// transform is a fast Fourier transform in place.
func transform(re, im *[bins]float64) {
	for i, j := 1, 0; i < bins; i++ {
		bit := bins >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		j ^= bit
		if i < j {
			re[i], re[j] = re[j], re[i]
			im[i], im[j] = im[j], im[i]
		}
	}
	for size := 2; size <= bins; size <<= 1 {
		stepR, stepI := math.Cos(2*math.Pi/float64(size)), -math.Sin(2*math.Pi/float64(size))
		for start := 0; start < bins; start += size {
			wr, wi := 1.0, 0.0
			for k := start; k < start+size/2; k++ {
				o := k + size/2
				tr, ti := wr*re[o]-wi*im[o], wr*im[o]+wi*re[o]
				re[o], im[o] = re[k]-tr, im[k]-ti
				re[k], im[k] = re[k]+tr, im[k]+ti
				wr, wi = wr*stepR-wi*stepI, wr*stepI+wi*stepR
			}
		}
	}
}
