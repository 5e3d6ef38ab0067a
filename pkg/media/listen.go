package media

import (
	"context"
	"iter"
	"math"
	"slices"
	"sync"
	"time"
)

// A Frame is 20 ms of what the caller said.
type Frame struct {
	// PCM are the samples. They are valid until the listener's next frame.
	PCM []int16

	// Position counts the samples before it, from the stream's beginning. Where frames were missed, it jumps.
	Position int64

	// Time is when it had come.
	Time time.Time

	// Level is its loudness in dB below full scale: 0 is a square wave as loud as can be, -96 or less is silence.
	Level float64
}

// hearing keeps the last seconds of what came, for all who listen, each at its own pace.
type hearing struct {
	rate  int
	frame int

	mu        sync.Mutex
	pcm       []int16 // as many frames as heads
	heads     []frameHead
	count     int64 // frames that have come so far
	partial   int   // samples of the next frame that have come
	listeners []*Listener
	missed    int64
	err       error // why nothing more comes
}

type frameHead struct {
	time  time.Time
	level float64
}

func newHearing(rate int, history time.Duration) *hearing {
	frames := max(int(history/frameTime), 8)
	return &hearing{rate: rate, frame: rate / 50, pcm: make([]int16, frames*rate/50), heads: make([]frameHead, frames)}
}

func (h *hearing) slot(n int64) ([]int16, *frameHead) {
	i := int(n % int64(len(h.heads)))
	return h.pcm[i*h.frame : (i+1)*h.frame], &h.heads[i]
}

// push takes samples, and calls complete with each frame that they complete.
func (h *hearing) push(pcm []int16, now time.Time, complete func(Frame)) {
	for len(pcm) > 0 {
		h.mu.Lock()
		slot, head := h.slot(h.count)
		n := copy(slot[h.partial:], pcm)
		pcm = pcm[n:]
		h.partial += n
		if h.partial < h.frame {
			h.mu.Unlock()
			return
		}
		h.partial = 0
		*head = frameHead{now, level(slot)}
		f := Frame{slot, h.count * int64(h.frame), now, head.level}
		h.count++
		for _, l := range h.listeners {
			l.notify()
		}
		h.mu.Unlock()
		complete(f) // Its slot comes again only after seconds, and only by the caller.
	}
}

// end lets all who listen read what there is, and then fail.
func (h *hearing) end(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		h.err = err
	}
	for _, l := range h.listeners {
		l.notify()
	}
}

func (h *hearing) listen() *Listener {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := &Listener{h: h, next: h.count, wake: make(chan struct{}, 1), pcm: make([]int16, h.frame)}
	h.listeners = append(h.listeners, l)
	return l
}

// level is the loudness of samples in dB below full scale.
func level(pcm []int16) float64 {
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	if sum == 0 {
		return -100
	}
	return 10 * math.Log10(sum/float64(len(pcm))/(32768*32768))
}

// A Listener reads what the caller says, from the moment when it was made, at its own pace. One that falls behind by
// more than the stream's history misses what is older. Its methods may not be called by several goroutines at once.
type Listener struct {
	h      *hearing
	next   int64
	wake   chan struct{}
	pcm    []int16
	missed int64
	closed bool // with the lock of hearing
}

func (l *Listener) notify() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// ReadFrame waits for the next frame. It fails with ctx's cause, and with the stream's error when that has ended and
// all frames have been read.
func (l *Listener) ReadFrame(ctx context.Context) (Frame, error) {
	for {
		l.h.mu.Lock()
		if over := l.h.count - l.next - int64(len(l.h.heads)-1); over > 0 {
			l.next += over
			l.missed += over
			l.h.missed += over
		}
		if l.next < l.h.count {
			slot, head := l.h.slot(l.next)
			copy(l.pcm, slot)
			f := Frame{l.pcm, l.next * int64(l.h.frame), head.time, head.level}
			l.next++
			l.h.mu.Unlock()
			return f, nil
		}
		err := l.h.err
		if l.closed {
			err = ErrClosed
		}
		l.h.mu.Unlock()
		if err != nil {
			return Frame{}, err
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
			return Frame{}, context.Cause(ctx)
		}
	}
}

// Frames ranges over all frames to come. The last pair has the error with which it ended.
func (l *Listener) Frames(ctx context.Context) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		for {
			f, err := l.ReadFrame(ctx)
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// Missed is how many frames the listener has missed because it was too slow.
func (l *Listener) Missed() int64 {
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	return l.missed
}

// Close ends it; a ReadFrame that waits fails with [ErrClosed].
func (l *Listener) Close() {
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	l.closed = true
	l.h.listeners = slices.DeleteFunc(l.h.listeners, func(other *Listener) bool { return other == l })
	l.notify()
}

// last copies the last samples that have come, at most as many as are kept.
func (h *hearing) last(d time.Duration) []int16 {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := min(int64(d/frameTime), int64(len(h.heads)-1), h.count)
	out := make([]int16, 0, n*int64(h.frame))
	for i := h.count - n; i < h.count; i++ {
		slot, _ := h.slot(i)
		out = append(out, slot...)
	}
	return out
}

// A frameReader reads frames as 16-bit little-endian bytes.
type frameReader struct {
	ctx  context.Context //nolint:containedctx // An io.Reader has no other place for it.
	l    *Listener
	rest []byte
	buf  []byte
}

func (r *frameReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.rest) == 0 {
		f, err := r.l.ReadFrame(r.ctx)
		if err != nil {
			return 0, err
		}
		r.buf = appendPCM(r.buf[:0], f.PCM)
		r.rest = r.buf
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
