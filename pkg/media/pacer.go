package media

import (
	"sync"
	"sync/atomic"
	"time"
)

// pacerSlots is how many groups of streams a pacer serves within a frame's time, so that they don't all wake at once.
const pacerSlots = 4

// A pacer wakes streams every 20 ms. It goes by deadlines that are fixed from its start on, so that lateness doesn't add
// up. It runs while it has streams, and never waits for one: a stream that is still busy is left out.
//
// There is one for each Asterisk connection, in practice one for a process: a ticker for each stream would cost a
// quarter more, and one for all processes's connections couldn't live in two test bubbles of virtual time.
type pacer struct {
	mu      sync.Mutex
	slots   [pacerSlots][]*pulse
	streams int
	over    chan struct{} // closed when the last stream has gone

	late latencies
}

// A pulse is a stream's place in a pacer.
type pulse struct {
	tick   chan struct{} // of size 1
	slot   int
	missed atomic.Int64 // times when the stream was still busy

	inRow   int    // of them, one after the other
	stalled func() // called once, by a goroutine of its own, when that goes on for stallLimit
}

var pacers = struct {
	sync.Mutex

	of map[any]*pacer
}{of: make(map[any]*pacer)}

// startPulse begins to wake a stream; stopPulse ends it. The key says which pacer.
func startPulse(key any, stalled func()) *pulse {
	pacers.Lock()
	p := pacers.of[key]
	if p == nil {
		p = &pacer{over: make(chan struct{})}
		pacers.of[key] = p
	}
	pl := &pulse{tick: make(chan struct{}, 1), stalled: stalled}
	p.mu.Lock()
	for i := range p.slots {
		if len(p.slots[i]) < len(p.slots[pl.slot]) {
			pl.slot = i
		}
	}
	p.slots[pl.slot] = append(p.slots[pl.slot], pl)
	p.streams++
	first := p.streams == 1
	p.mu.Unlock()
	pacers.Unlock()
	if first {
		go p.run()
	}
	return pl
}

func stopPulse(key any, pl *pulse) {
	pacers.Lock()
	defer pacers.Unlock()
	p := pacers.of[key]
	p.mu.Lock()
	defer p.mu.Unlock()
	slot := p.slots[pl.slot]
	for i, other := range slot {
		if other == pl {
			slot[i] = slot[len(slot)-1]
			slot[len(slot)-1] = nil
			p.slots[pl.slot] = slot[:len(slot)-1]
			break
		}
	}
	if p.streams--; p.streams == 0 {
		delete(pacers.of, key)
		close(p.over)
	}
}

func (p *pacer) run() {
	const beat = frameTime / pacerSlots
	next := time.Now()
	timer := time.NewTimer(beat)
	defer timer.Stop()
	for slot := 0; ; slot = (slot + 1) % pacerSlots {
		next = next.Add(beat)
		wait := time.Until(next)
		if wait < -10*frameTime {
			next = time.Now() // The process, or the machine, stood still.
		}
		timer.Reset(max(wait, 0))
		select {
		case <-timer.C:
		case <-p.over:
			return
		}
		p.mu.Lock()
		p.late.add(time.Since(next))
		for _, pl := range p.slots[slot] {
			pl.wake()
		}
		p.mu.Unlock()
	}
}

func (pl *pulse) wake() {
	select {
	case pl.tick <- struct{}{}:
		pl.inRow = 0
	default:
		pl.missed.Add(1)
		if pl.inRow++; pl.inRow == int(stallLimit/frameTime) {
			go pl.stalled()
		}
	}
}

// latencies counts durations by size, up to 1, 2, 5, 10, 20, 50, 100 ms, and beyond.
type latencies struct {
	counts [8]int64
}

var latencyBounds = [7]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond,
	20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
}

func (l *latencies) add(d time.Duration) {
	for i, bound := range latencyBounds {
		if d <= bound {
			l.counts[i]++
			return
		}
	}
	l.counts[len(latencyBounds)]++
}
