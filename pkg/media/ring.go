package media

// A sampleRing holds the samples between two positions; a position is the number of samples before it.
type sampleRing struct{ buf []int16 }

func newSampleRing(n int) sampleRing { return sampleRing{make([]int16, n)} }

// at returns the samples from a position on, n of them, in two parts: the second is what lies behind the ring's end.
func (r sampleRing) at(position int64, n int) (first, second []int16) {
	i := int(position % int64(len(r.buf)))
	if i+n <= len(r.buf) {
		return r.buf[i : i+n], nil
	}
	k := len(r.buf) - i
	return r.buf[i:], r.buf[:n-k]
}

// put copies samples to a position.
func (r sampleRing) put(position int64, pcm []int16) {
	first, second := r.at(position, len(pcm))
	n := copy(first, pcm)
	copy(second, pcm[n:])
}

// mixInto adds samples to out.
func mixInto(out []float32, pcm []int16, gain float32) {
	out = out[:len(pcm)]
	for i, x := range pcm {
		out[i] += gain * float32(x)
	}
}
