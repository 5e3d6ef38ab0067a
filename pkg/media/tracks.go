package media

const (
	// liveFrames is how much live audio can wait; beyond that the oldest goes.
	liveFrames = 8

	// liveWindow is for how many frames there must have been a frame more than enough before one goes. What is two frames
	// more than enough goes after half of that, and so on: a short standstill's backlog is gone after a second.
	liveWindow = 50
)

// A liveTrack is audio that comes at its own pace and must not get late: another call's, say. What comes is played as
// soon as it can be. Where the sender's clock is faster than ours, what piles up is taken out, a frame at a time, by
// blending one frame into the next: so the delay stays what it was.
type liveTrack struct {
	frame   int
	ring    sampleRing
	from    int64
	to      int64
	least   int // the least that waited lately
	window  int
	dropped int64 // samples
	blended []float32
}

func newLiveTrack(frame int) liveTrack {
	return liveTrack{frame: frame, ring: newSampleRing(liveFrames * frame), blended: make([]float32, frame), least: liveFrames * frame}
}

func (t *liveTrack) waiting() int { return int(t.to - t.from) }

// push adds samples, not more than the track can hold.
func (t *liveTrack) push(pcm []int16) {
	size := len(t.ring.buf)
	if over := len(pcm) - size; over > 0 {
		t.dropped += int64(over)
		pcm = pcm[over:]
	}
	t.ring.put(t.to, pcm)
	t.to += int64(len(pcm))
	if over := t.waiting() - size; over > 0 {
		t.from += int64(over)
		t.dropped += int64(over)
	}
}

// mix adds a frame to out, if there is one.
func (t *liveTrack) mix(out []float32) bool {
	if t.waiting() < t.frame {
		t.least = 0
		return false
	}
	if t.tooMuch() {
		t.blend(out)
		return true
	}
	first, second := t.take()
	mixInto(out, first, 1)
	mixInto(out[len(first):], second, 1)
	return true
}

// take takes a frame out.
func (t *liveTrack) take() (first, second []int16) {
	first, second = t.ring.at(t.from, t.frame)
	t.from += int64(t.frame)
	return first, second
}

// blend adds two frames as one: the first fades away while the second comes up.
func (t *liveTrack) blend(out []float32) {
	first, second := t.take()
	clear(t.blended)
	mixInto(t.blended, first, 1)
	mixInto(t.blended[len(first):], second, 1)
	first, second = t.take()
	for i := range out[:t.frame] {
		var next int16
		if i < len(first) {
			next = first[i]
		} else {
			next = second[i-len(first)]
		}
		part := float32(i) / float32(t.frame)
		out[i] += t.blended[i] + part*(float32(next)-t.blended[i])
	}
	t.dropped += int64(t.frame)
}

// tooMuch reports, once in a while, that a frame has been waiting all the time.
func (t *liveTrack) tooMuch() bool {
	t.least = min(t.least, t.waiting()-t.frame)
	t.window++
	excess := t.least / t.frame
	if excess*t.window < liveWindow && t.window < liveWindow {
		return false
	}
	t.window, t.least = 0, t.waiting()
	return excess > 0
}

// An ambientTrack sounds in the background, over and over.
type ambientTrack struct {
	loop   []int16
	gain   float32
	at     int
	target float32 // of gain, which moves slowly
}

// ambientStep changes the background's loudness from nothing to all within 50 ms at 16 kHz.
const ambientStep = 1.0 / 800

func (t *ambientTrack) mix(out []float32) bool {
	if !t.sounds() {
		return false
	}
	for i := range out {
		if t.gain < t.target {
			t.gain = min(t.gain+ambientStep, t.target)
		} else if t.gain > t.target {
			t.gain = max(t.gain-ambientStep, t.target)
		}
		out[i] += t.gain * float32(t.loop[t.at])
		if t.at++; t.at == len(t.loop) {
			t.at = 0
		}
	}
	return true
}

func (t *ambientTrack) sounds() bool { return len(t.loop) > 0 && (t.gain > 0 || t.target > 0) }

func (t *ambientTrack) rewind(samples int) {
	if n := len(t.loop); n > 0 && (t.gain > 0 || t.target > 0) {
		t.at = ((t.at-samples)%n + n) % n
	}
}
