package media

import (
	"sync"
	"time"
)

// A Digit is a key that the caller has pressed.
type Digit struct {
	// Key is 0 to 9, *, #, or A to D.
	Key byte

	// Time is when it was told.
	Time time.Time
}

// callbacks are what the user wants to be told.
type callbacks struct {
	mu     sync.Mutex
	digits []func(Digit)
}

// OnDigit calls f for each key that the caller presses. All functions that a stream calls are called by one goroutine,
// one after the other; they may call the stream's methods.
//
// They come by the transport; where that carries none (RTP, and AudioSocket before Asterisk 20.14, 21.9, 22.4), by the
// events of the call, which needs a connected client and a bridge whose type has dtmf_events in it. None comes twice.
func (s *Stream) OnDigit(f func(Digit)) {
	s.on.mu.Lock()
	defer s.on.mu.Unlock()
	s.on.digits = append(s.on.digits, f)
}

func (s *Stream) digit(key byte, now time.Time) {
	s.stats.digits.Add(1)
	s.on.mu.Lock()
	defer s.on.mu.Unlock()
	for _, f := range s.on.digits {
		s.calls.add(func() { f(Digit{key, now}) })
	}
}

// A callQueue holds the calls of the user's functions until their goroutine comes to them.
type callQueue struct {
	mu    sync.Mutex
	calls []func()
	wake  chan struct{}
}

func (q *callQueue) add(f func()) {
	q.mu.Lock()
	q.calls = append(q.calls, f)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *callQueue) take() []func() {
	q.mu.Lock()
	defer q.mu.Unlock()
	calls := q.calls
	q.calls = nil
	return calls
}

func (s *Stream) callLoop() {
	defer close(s.called)
	for {
		select {
		case <-s.calls.wake:
			for _, f := range s.calls.take() {
				f()
			}
		case <-s.ctx.Done():
			return
		}
	}
}
