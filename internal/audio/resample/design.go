package resample

import "math"

// Of the filters: what passes is 90 % of the band, what would fold back into it is kept out, all of it.
const (
	passEdge   = 0.9
	passRipple = 0.02    // ±0.17 dB
	stopRipple = 0.00075 // -62.5 dB: of all images or aliases together
)

// lowpass designs a filter of an odd number of taps for the band up to cutoff, a fraction of the sample rate below one half.
// The number of taps is one more than a multiple of 2*step, so that the filter's delay is a multiple of step. images is
// how many of them add up.
func lowpass(cutoff float64, step, images int) []float64 {
	width := cutoff * (1 - passEdge)
	stopRipple := stopRipple / math.Sqrt(float64(max(images, 1)))
	if cutoff < 0.04 { // Odd rates, of sound files.
		return windowed(cutoff, width, step, -20*math.Log10(stopRipple))
	}
	// Bellanger's and Kaiser's estimate for filters whose ripples are all alike.
	n := (-10*math.Log10(passRipple*stopRipple)-13)/(14.6*width) + 1
	half := int(math.Ceil(n/2/float64(step))) * step
	return equiripple(half, cutoff*passEdge, cutoff, passRipple/stopRipple)
}

// windowed is a sinc under a Kaiser window: longer than need be, but as good as any where the filter has thousands of taps.
func windowed(cutoff, width float64, step int, attenuation float64) []float64 {
	half := int(math.Ceil((attenuation-7.95)/(14.36*width)/2/float64(step))) * step
	beta := 0.1102 * (attenuation - 8.7)
	middle := cutoff - width/2
	taps := make([]float64, 2*half+1)
	for i := range taps {
		t := float64(i - half)
		w := bessel(beta*math.Sqrt(1-t*t/float64(half*half))) / bessel(beta)
		if t == 0 {
			taps[i] = 2 * middle * w
			continue
		}
		taps[i] = math.Sin(2*math.Pi*middle*t) / (math.Pi * t) * w
	}
	return taps
}

// bessel is the modified Bessel function of the first kind and order 0.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= x / 2 / k * (x / 2 / k)
		sum += term
	}
	return sum
}

// A point is a frequency where the filter is looked at, as x = cos(2πf), with what it should do there and how much that weighs.
type point struct{ x, want, weight float64 }

// equiripple is the exchange algorithm of Remez, after Parks and McClellan: among all filters of 2*half+1 taps the one
// with the least greatest error, the stop band's weighted.
func equiripple(half int, pass, stop, weight float64) []float64 {
	grid := make([]point, 0, 16*(half+2))
	density := 16 * float64(half+2) / (pass + 0.5 - stop)
	for _, b := range []struct{ from, to, want, weight float64 }{{0, pass, 1, 1}, {stop, 0.5, 0, weight}} {
		n := max(int((b.to-b.from)*density), 2)
		for i := range n + 1 {
			f := b.from + (b.to-b.from)*float64(i)/float64(n)
			grid = append(grid, point{math.Cos(2 * math.Pi * f), b.want, b.weight})
		}
	}
	extremes := make([]int, half+2)
	for i := range extremes {
		extremes[i] = i * (len(grid) - 1) / (half + 1)
	}
	errs := make([]float64, len(grid))
	var fit interpolation
	for range 60 {
		fit = newInterpolation(grid, extremes)
		for i, p := range grid {
			errs[i] = (fit.at(p.x) - p.want) * p.weight
		}
		next := exchange(errs, half+2)
		if next == nil {
			break
		}
		worst := 0.0
		for _, i := range next {
			worst = max(worst, math.Abs(errs[i]))
		}
		extremes = next
		if worst <= math.Abs(fit.ripple)*1.001 {
			break
		}
	}
	return fit.taps(half)
}

// exchange finds where the error is greatest: n places with alternating signs. It returns nil if there aren't that many.
func exchange(errs []float64, n int) []int {
	var found []int
	for i, e := range errs {
		if i > 0 && math.Abs(errs[i-1]) > math.Abs(e) && (errs[i-1] > 0) == (e > 0) ||
			i < len(errs)-1 && math.Abs(errs[i+1]) > math.Abs(e) && (errs[i+1] > 0) == (e > 0) {
			continue
		}
		last := len(found) - 1
		if last >= 0 && (errs[found[last]] > 0) == (e > 0) {
			if math.Abs(e) > math.Abs(errs[found[last]]) {
				found[last] = i
			}
			continue
		}
		found = append(found, i)
	}
	for len(found) > n { // Only the ends may go: the signs go on alternating.
		if math.Abs(errs[found[0]]) < math.Abs(errs[found[len(found)-1]]) {
			found = found[1:]
		} else {
			found = found[:len(found)-1]
		}
	}
	if len(found) < n {
		return nil
	}
	return found
}

// An interpolation is the polynomial through points whose errors are all alike, but for their signs.
type interpolation struct {
	x, y, w []float64
	ripple  float64
}

func newInterpolation(grid []point, extremes []int) interpolation {
	n := len(extremes)
	f := interpolation{x: make([]float64, n-1), y: make([]float64, n-1), w: make([]float64, n-1)}
	var above, below float64
	sign := 1.0
	for k, at := range extremes {
		p := grid[at]
		g := 1.0
		for j, other := range extremes {
			if j != k {
				g /= 2 * (p.x - grid[other].x)
			}
		}
		above += g * p.want
		below += sign * g / p.weight
		sign = -sign
	}
	f.ripple = above / below
	sign = 1
	for k := range f.x {
		p := grid[extremes[k]]
		f.x[k], f.y[k] = p.x, p.want-sign*f.ripple/p.weight
		sign = -sign
	}
	for k := range f.w {
		f.w[k] = 1
		for j := range f.x {
			if j != k {
				f.w[k] /= 2 * (f.x[k] - f.x[j])
			}
		}
	}
	return f
}

func (f *interpolation) at(x float64) float64 {
	var above, below float64
	for k, xk := range f.x {
		if math.Abs(x-xk) < 1e-12 {
			return f.y[k]
		}
		c := f.w[k] / (x - xk)
		above += c * f.y[k]
		below += c
	}
	return above / below
}

// taps samples the polynomial around the circle and transforms back.
func (f *interpolation) taps(half int) []float64 {
	n := 2*half + 1
	response := make([]float64, half+1)
	for k := range response {
		response[k] = f.at(math.Cos(2 * math.Pi * float64(k) / float64(n)))
	}
	taps := make([]float64, n)
	for i := range taps {
		sum := response[0]
		for k := 1; k <= half; k++ {
			sum += 2 * response[k] * math.Cos(2*math.Pi*float64(k)*float64(i-half)/float64(n))
		}
		taps[i] = sum / float64(n)
	}
	return taps
}
