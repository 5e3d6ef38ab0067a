package media

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/ari-go/ari/internal/audio/resample"
)

// ErrTapped is returned by Tap for a stream that is being recorded already.
var ErrTapped = errors.New("media: the stream has a tap already")

const (
	// tapDelay is how much later than the sound it is written: by then it is known what was heard.
	tapDelay = time.Second

	// tapSlack is how far a side may be from its place in time before silence is put in, or something left out.
	tapSlack = 60 * time.Millisecond

	// tapMost is how much of a side may wait while the file can't be written; beyond that it is lost.
	tapMost = 10 * time.Second
)

// A Tap records a call as a stereo WAV file: the caller on the left, what the caller has heard on the right, in time with
// each other.
type Tap struct {
	s     *Stream
	w     *WAVWriter
	begun time.Time
	stop  chan struct{}
	once  sync.Once
	done  chan struct{}
	err   error

	mu      sync.Mutex
	written int64 // samples of each side
	sides   [2]tapSide

	resampler *resample.Resampler // of the right side
	resampled []int16
}

// A tapSide is what waits to be written of one side; it begins where the file ends.
type tapSide struct{ pcm []int16 }

// Tap records the call to w from now on, until Close or the stream's end. If w can be rewound its head is completed
// then; otherwise the head gives no length. What is written lags behind by a second.
func (s *Stream) Tap(w io.Writer) (*Tap, error) {
	file, err := NewWAVWriter(w, s.rate, 2)
	if err != nil {
		return nil, err
	}
	t := &Tap{s: s, w: file, begun: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
	if s.rate != s.player.rate {
		if t.resampler, err = resample.New(s.player.rate, s.rate); err != nil {
			return nil, err
		}
		t.resampled = make([]int16, t.resampler.Room(s.player.frame))
	}
	if !s.tap.CompareAndSwap(nil, t) {
		return nil, ErrTapped
	}
	s.player.mu.Lock()
	s.player.keepFrames()
	s.player.mu.Unlock()
	go t.run()
	return t, nil
}

// Close ends the recording and completes the file. It returns the first error of writing.
func (t *Tap) Close() error {
	t.once.Do(func() { close(t.stop) })
	<-t.done
	return t.err
}

func (t *Tap) run() {
	defer close(t.done)
	ticker := time.NewTicker(tapDelay / 5)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			t.write(time.Since(t.begun) - tapDelay)
			continue
		case <-t.stop:
		case <-t.s.done:
		}
		break
	}
	t.s.tap.Store(nil)
	t.write(time.Since(t.begun))
	if err := t.w.Close(); err != nil && t.err == nil {
		t.err = err
	}
}

// write writes up to a moment. What hasn't come is silence.
func (t *Tap) write(until time.Duration) {
	t.mu.Lock()
	n := int(int64(until)*int64(t.s.rate)/int64(time.Second) - t.written)
	if n <= 0 {
		t.mu.Unlock()
		return
	}
	out := make([]int16, 2*n)
	for i := range t.sides {
		side := &t.sides[i]
		k := min(n, len(side.pcm))
		for j, x := range side.pcm[:k] {
			out[2*j+i] = x
		}
		side.pcm = append(side.pcm[:0], side.pcm[k:]...)
	}
	t.written += int64(n)
	t.mu.Unlock()
	if err := t.w.WriteSamples(out); err != nil && t.err == nil {
		t.err = err
	}
}

// add puts samples that began at a moment into their place. Small differences of clocks are none: samples follow each
// other as they came, until a side is too far from its place.
func (t *Tap) add(i int, pcm []int16, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	side := &t.sides[i]
	rate := int64(t.s.rate)
	place := int64(at.Sub(t.begun))*rate/int64(time.Second) - t.written
	slack := int64(tapSlack) * rate / int64(time.Second)
	end := int64(len(side.pcm))
	if gap := place - end; gap > slack {
		side.pcm = append(side.pcm, make([]int16, min(gap, int64(tapMost/time.Second)*rate))...)
	} else if gap < -slack {
		return // Too late: its place has been written, or is taken.
	}
	if int64(len(side.pcm)) < int64(tapMost/time.Second)*rate {
		side.pcm = append(side.pcm, pcm...)
	}
}

// caller takes a frame of the caller's.
func (t *Tap) caller(f Frame) { t.add(0, f.PCM, f.Time.Add(-frameTime)) }

// heardFrame takes a frame that the caller has heard, from a moment on.
func (t *Tap) heardFrame(pcm []int16, at time.Time) {
	if t.resampler != nil {
		pcm = t.resampled[:t.resampler.Process(t.resampled, pcm)]
	}
	t.add(1, pcm, at)
}
