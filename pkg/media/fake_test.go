package media

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A fakeAsterisk is the other end of a leg for tests in virtual time: it takes a frame from its queue every 20 ms, as
// chan_websocket does, or passes what comes on at once, as AudioSocket and RTP do. It keeps what the caller heard.
type fakeAsterisk struct {
	hertz   int
	queues  bool
	canMark bool
	silent  bool // it doesn't answer questions
	forget  bool // it doesn't tell of marks

	mu       sync.Mutex
	queue    []any // []int16, or markID
	length   int   // frames in queue
	most     int
	heard    []heardFrame
	xoff     bool
	dropped  int
	say      chan legReply
	closed   chan struct{}
	writeErr error
	stuck    chan struct{} // writes wait until it is closed
	once     sync.Once
}

type heardFrame struct {
	pcm  []int16
	time time.Time
}

type markID struct {
	frames     int64
	generation uint32
}

type legReply struct {
	pcm []int16
	ev  legEvent
	err error
}

func newFakeAsterisk(hertz int, queues bool) *fakeAsterisk {
	f := &fakeAsterisk{hertz: hertz, queues: queues, canMark: true, say: make(chan legReply, 4096), closed: make(chan struct{})}
	if queues {
		go f.play()
	}
	return f
}

// play is Asterisk's clock. Its beat isn't that of the pacer.
func (f *fakeAsterisk) play() {
	select {
	case <-time.After(7 * time.Millisecond):
	case <-f.closed:
		return
	}
	ticker := time.NewTicker(frameTime)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			f.beat()
		case <-f.closed:
			return
		}
	}
}

func (f *fakeAsterisk) beat() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.queue) > 0 {
		first := f.queue[0]
		f.queue = f.queue[1:]
		if id, ok := first.(markID); ok {
			if f.forget {
				continue
			}
			f.tell(legEvent{kind: legMark, frames: id.frames, generation: id.generation})
			continue
		}
		f.length--
		f.heard = append(f.heard, heardFrame{first.([]int16), time.Now()})
		break
	}
	if f.xoff && f.length < 800 {
		f.xoff = false
		f.tell(legEvent{kind: legXOn})
	}
}

func (f *fakeAsterisk) tell(ev legEvent) { f.say <- legReply{ev: ev} }

func (f *fakeAsterisk) rate() int { return f.hertz }

func (f *fakeAsterisk) read(pcm []int16) (int, legEvent, error) {
	select {
	case r := <-f.say:
		return copy(pcm, r.pcm), r.ev, r.err
	case <-f.closed:
		return 0, legEvent{}, io.EOF
	}
}

func (f *fakeAsterisk) write(pcm []int16) error {
	f.mu.Lock()
	stuck := f.stuck
	f.mu.Unlock()
	if stuck != nil {
		select {
		case <-stuck:
		case <-f.closed:
			return errFakeClosed
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for frame := range slices.Chunk(pcm, f.hertz/50) {
		switch {
		case !f.queues:
			f.heard = append(f.heard, heardFrame{slices.Clone(frame), time.Now()})
		case f.length >= 1000:
			f.dropped++
		default:
			f.queue = append(f.queue, slices.Clone(frame))
			f.length++
			f.most = max(f.most, f.length)
			if f.length == 900 {
				f.xoff = true
				f.tell(legEvent{kind: legXOff})
			}
		}
	}
	return f.writeErr
}

var errFakeClosed = errors.New("closed")

func (f *fakeAsterisk) mark(frames int64, generation uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, markID{frames, generation})
	return nil
}

func (f *fakeAsterisk) marks() bool { return f.canMark }

func (f *fakeAsterisk) status() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.silent {
		f.tell(legEvent{kind: legStatus, queue: f.length})
	}
	return nil
}

func (f *fakeAsterisk) flush() error {
	_ = f.status()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue, f.length = nil, 0
	return nil
}

func (f *fakeAsterisk) close() error {
	f.once.Do(func() { close(f.closed) })
	return nil
}

// samples is what the caller heard, without the silence before and behind.
func (f *fakeAsterisk) samples() []int16 {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []int16
	for _, h := range f.heard {
		all = append(all, h.pcm...)
	}
	first := slices.IndexFunc(all, func(x int16) bool { return x != 0 })
	if first < 0 {
		return nil
	}
	last := len(all)
	for all[last-1] == 0 {
		last--
	}
	return all[first:last]
}

func (f *fakeAsterisk) frames() []heardFrame {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.heard)
}

// numbers are the greatest length of the queue, and what it had no room for.
func (f *fakeAsterisk) numbers() (most, dropped int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.most, f.dropped
}

// plainLeg hides the methods of a queue.
type plainLeg struct{ f *fakeAsterisk }

func (l plainLeg) rate() int                             { return l.f.rate() }
func (l plainLeg) read(p []int16) (int, legEvent, error) { return l.f.read(p) }
func (l plainLeg) write(p []int16) error                 { return l.f.write(p) }
func (l plainLeg) close() error                          { return l.f.close() }

// fakeStream opens a stream on a fake Asterisk.
func fakeStream(t *testing.T, hertz, rate int, queues bool, opts Options) (*fakeAsterisk, *Stream) {
	t.Helper()
	f := newFakeAsterisk(hertz, queues)
	return f, streamOn(t, f, rate, opts)
}

func streamOn(t *testing.T, f *fakeAsterisk, rate int, opts Options) *Stream {
	t.Helper()
	opts, err := opts.withDefaults()
	require.NoError(t, err)
	var l leg = f
	if !f.queues {
		l = plainLeg{f}
	}
	s, err := newStream(context.Background(), l, streamConfig{
		rate: rate, history: opts.History, ahead: opts.LookAhead, fade: opts.Fade, log: slog.New(slog.DiscardHandler), pacer: f,
	})
	require.NoError(t, err)
	s.opened()
	t.Cleanup(func() { _ = s.Close() })
	return s
}
