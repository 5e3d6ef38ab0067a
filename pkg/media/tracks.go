package media

const (
	// liveFrames is how much live audio can wait; beyond that the oldest goes.
	liveFrames = 8

	// liveWindow is for how many frames there must have been more than enough before some of it goes.
	liveWindow = 50
)

// A liveTrack is audio that comes at its own pace and must not get late: another call's, say. What comes is played as
// soon as it can be. Where the sender's clock is faster than ours, what piles up is taken out, a frame at a time, by
// blending one frame into the next: so the delay stays what it was.
type liveTrack struct {
	frame   int
	ring    []int16
	from    int64
	to      int64
	least   int // the least that waited lately
	window  int
	dropped int64 // samples
	blended []float32
}

func newLiveTrack(frame int) liveTrack {
	return liveTrack{frame: frame, ring: make([]int16, liveFrames*frame), blended: make([]float32, frame), least: liveFrames * frame}
}

func (t *liveTrack) waiting() int { return int(t.to - t.from) }

func (t *liveTrack) push(pcm []int16) {
	size := int64(len(t.ring))
	for _, x := range pcm {
		t.ring[t.to%size] = x
		t.to++
	}
	if over := t.to - t.from - size; over > 0 {
		t.from += over
		t.dropped += over
	}
}

// mix adds a frame to out, if there is one.
func (t *liveTrack) mix(out []float32) bool {
	if t.waiting() < t.frame {
		t.least = 0
		return false
	}
	size := int64(len(t.ring))
	for i := range out {
		t.blended[i] = float32(t.ring[(t.from+int64(i))%size])
	}
	t.from += int64(t.frame)
	if t.tooMuch() {
		for i := range out {
			part := float32(i) / float32(t.frame)
			next := float32(t.ring[(t.from+int64(i))%size])
			t.blended[i] += part * (next - t.blended[i])
		}
		t.from += int64(t.frame)
		t.dropped += int64(t.frame)
	}
	for i, x := range t.blended {
		out[i] += x
	}
	return true
}

// tooMuch reports, once in a while, that a frame has been waiting all the time.
func (t *liveTrack) tooMuch() bool {
	t.least = min(t.least, t.waiting())
	if t.window++; t.window < liveWindow {
		return false
	}
	too := t.least >= t.frame
	t.window, t.least = 0, t.waiting()
	return too
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
	if len(t.loop) == 0 || t.gain == 0 && t.target == 0 {
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

func (t *ambientTrack) rewind(samples int) {
	if n := len(t.loop); n > 0 && (t.gain > 0 || t.target > 0) {
		t.at = ((t.at-samples)%n + n) % n
	}
}
