// Package resample changes the sample rate of 16-bit audio as it comes, in chunks of any size.
//
// It is a polyphase filter: what lies above the lower of both rates' bands is kept out by 60 dB, 90 % of the band pass
// with a ripple of less than 0.5 dB. After n samples in, exactly ceil(n*to/from) have come out, however they were cut.
package resample

import (
	"fmt"
	"sync"
)

// block is how many samples are filtered at once.
const block = 960

// A Resampler is one stream's filter with its memory.
type Resampler struct {
	bank *bank
	work []float32 // the last bank.taps-1 samples, then up to a block of new ones
	next int       // index in work, by phases of the bank: the time of the next output times up
	skip int       // outputs still to be left out at the beginning
}

// A bank is the filter of a pair of rates, split by phase.
type bank struct {
	up, down int         // as prime as possible
	taps     int         // of each phase
	phases   [][]float32 // in the order of the samples that they are multiplied with
	delay    int         // in samples of the output
}

var banks sync.Map // of [2]int to func() *bank

// New returns a resampler, which delays by Delay samples.
func New(from, to int) (*Resampler, error) {
	if from < 1000 || to < 1000 || from > 384000 || to > 384000 {
		return nil, fmt.Errorf("no rates to convert between: %d and %d Hz", from, to)
	}
	d := gcd(from, to)
	up, down := to/d, from/d
	if up > 1000 || down > 1000 {
		return nil, fmt.Errorf("%d Hz is no rate to make %d Hz of", from, to)
	}
	made, _ := banks.LoadOrStore([2]int{up, down}, sync.OnceValue(func() *bank { return newBank(up, down) }))
	b := made.(func() *bank)() //nolint:forcetypeassert // Nothing else is in it.
	return &Resampler{bank: b, work: make([]float32, b.taps-1, b.taps-1+block), next: (b.taps - 1) * b.up}, nil
}

// NewAligned returns a resampler for a whole sound: it takes its own delay away at the beginning, and Flush gives what
// is missing at the end.
func NewAligned(from, to int) (*Resampler, error) {
	r, err := New(from, to)
	if err == nil {
		r.skip = r.bank.delay
	}
	return r, err
}

func newBank(up, down int) *bank {
	if up == 1 && down == 1 {
		return &bank{up: 1, down: 1, taps: 1, phases: [][]float32{{1}}}
	}
	cutoff := 0.5 / float64(max(up, down))
	taps := lowpass(cutoff, down, min(up, 8)-1)
	b := &bank{up: up, down: down, taps: (len(taps) + up - 1) / up, delay: (len(taps) - 1) / 2 / down}
	for phase := range up {
		p := make([]float32, b.taps)
		for i := phase; i < len(taps); i += up {
			p[b.taps-1-i/up] = float32(taps[i] * float64(up))
		}
		b.phases = append(b.phases, p)
	}
	return b
}

// Delay is by how many samples the output comes later than the input: those that it adds, at the output's rate.
func (r *Resampler) Delay() int { return r.bank.delay }

// Room is how many samples n samples can become at most.
func (r *Resampler) Room(n int) int { return (n*r.bank.up)/r.bank.down + 1 }

// Process filters src, and returns how many samples it wrote to dst, which must have Room for them.
func (r *Resampler) Process(dst, src []int16) int {
	n := 0
	for len(src) > 0 {
		k := min(len(src), block)
		at := len(r.work)
		r.work = r.work[:at+k]
		for i, s := range src[:k] {
			r.work[at+i] = float32(s)
		}
		src = src[k:]
		n += r.filter(dst[n:])
	}
	return n
}

// Flush filters silence until all that came in has come out.
func (r *Resampler) Flush(dst []int16) int {
	silence := make([]int16, r.bank.delay*r.bank.down/r.bank.up+1)
	out := make([]int16, r.Room(len(silence)))
	n := r.Process(out, silence)
	return copy(dst, out[:min(n, r.bank.delay)])
}

func (r *Resampler) filter(dst []int16) int {
	b := r.bank
	n, next, end := 0, r.next, len(r.work)*b.up
	for ; r.skip > 0 && next < end; next += b.down {
		r.skip--
	}
	for ; next < end; next += b.down {
		at := next / b.up
		phase, window := b.phases[next-at*b.up], r.work[at-b.taps+1:at+1]
		if second := next + b.down; second < end {
			// The next output mostly has the same samples, or the same factors: both at once save a quarter of what is to be loaded.
			at2 := second / b.up
			phase2 := second - at2*b.up
			switch {
			case at2 == at:
				x, y := dotTwo(window, phase, b.phases[phase2])
				dst[n], dst[n+1] = Round(x), Round(y)
				n, next = n+2, second
				continue
			case phase2 == next-at*b.up:
				x, y := dotTwo(phase, window, r.work[at2-b.taps+1:at2+1])
				dst[n], dst[n+1] = Round(x), Round(y)
				n, next = n+2, second
				continue
			}
		}
		dst[n] = Round(dot(phase, window))
		n++
	}
	gone := len(r.work) - b.taps + 1
	copy(r.work, r.work[gone:])
	r.work, r.next = r.work[:b.taps-1], next-gone*b.up
	return n
}

// dot is the sum of products, in four sums that don't wait for each other.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+8 <= len(a); i += 8 {
		x, y := (*[8]float32)(a[i:]), (*[8]float32)(b[i:]) // One check of bounds for all eight.
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
		s0 += x[4] * y[4]
		s1 += x[5] * y[5]
		s2 += x[6] * y[6]
		s3 += x[7] * y[7]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + (s2 + s3)
}

// dotTwo is dot of a and b, and of a and c: to the last bit, since it depends on how a sound is cut which outputs are made together.
func dotTwo(a, b, c []float32) (float32, float32) {
	b, c = b[:len(a)], c[:len(a)]
	var s0, s1, s2, s3, t0, t1, t2, t3 float32
	i := 0
	for ; i+8 <= len(a); i += 8 {
		x, y, z := (*[8]float32)(a[i:]), (*[8]float32)(b[i:]), (*[8]float32)(c[i:])
		s0 += x[0] * y[0]
		t0 += x[0] * z[0]
		s1 += x[1] * y[1]
		t1 += x[1] * z[1]
		s2 += x[2] * y[2]
		t2 += x[2] * z[2]
		s3 += x[3] * y[3]
		t3 += x[3] * z[3]
		s0 += x[4] * y[4]
		t0 += x[4] * z[4]
		s1 += x[5] * y[5]
		t1 += x[5] * z[5]
		s2 += x[6] * y[6]
		t2 += x[6] * z[6]
		s3 += x[7] * y[7]
		t3 += x[7] * z[7]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
		t0 += a[i] * c[i]
	}
	return s0 + s1 + (s2 + s3), t0 + t1 + (t2 + t3)
}

// Round rounds to the nearest sample, and limits what is too loud.
func Round(x float32) int16 {
	switch {
	case x >= 32767:
		return 32767
	case x <= -32768:
		return -32768
	case x < 0:
		return int16(x - 0.5)
	default:
		return int16(x + 0.5)
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
