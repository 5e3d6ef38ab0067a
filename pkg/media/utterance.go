package media

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// ErrStopped is returned by [Utterance.Wait] for an utterance that was stopped before its end.
var ErrStopped = errors.New("media: utterance stopped")

// Evidence says how it is known what was heard.
type Evidence string

const (
	// ByStatus means that Asterisk said how much was still in its queue when it was emptied. It is right to a frame of 20 ms.
	ByStatus Evidence = "status"
	// ByMark means that a mark behind it came back from Asterisk when it had been played.
	ByMark Evidence = "mark"
	// ByClock means that it was sent when it was due, to an Asterisk that keeps no queue; or Asterisk didn't say in time.
	ByClock Evidence = "clock"
)

// Heard is how much of an utterance has gone out to the caller.
type Heard struct {
	Duration time.Duration
	Samples  int64 // at the stream's rate
	By       Evidence
}

// An Utterance is something that is said: its samples come from a source, wait in a queue of the stream, and go out
// one after the other. Its methods may be called by several goroutines at once.
type Utterance struct {
	s       *Stream
	fade    int // samples
	started atomic.Bool

	done   chan struct{}
	cancel context.CancelCauseFunc // of the source's context
	space  chan struct{}           // the source may go on; of size 1

	// Below: with the player's lock. Positions count the samples at the rate of the frames.
	ring    sampleRing // samples from base to end
	base    int64      // up to here it has been heard
	next    int64      // up to here it has been put into frames
	end     int64      // up to here the source has given samples
	ended   bool       // the source has no more
	said    bool       // nothing of it will come into further frames, unless they are taken back
	paused  bool
	stopped bool
	starved bool
	volume  float32 // what the user set
	ramp    ramp
	marks   []userMark
	err     error
	by      Evidence
	final   *Heard // what Stop has found
}

// A ramp changes the loudness bit by bit, so that nothing clicks.
type ramp struct {
	gain, step float32
	left       int
	then       rampEnd
}

type rampEnd uint8

const (
	thenGoOn rampEnd = iota
	thenPause
	thenStop
)

type userMark struct {
	at int64
	f  func()
}

type mixState uint8

const (
	mixFull    mixState = iota // as much as was wanted
	mixEnded                   // the utterance is over
	mixPaused                  // it has come to rest
	mixStarved                 // the source is late
)

// ready reports whether there is enough for a frame. An utterance that begins, or has run dry, waits for a bit more, so
// that it doesn't stutter. One whose source has ended, or that fades out, needs nothing.
func (u *Utterance) ready(frame int) bool {
	have := int(u.end - u.next)
	if u.ended || u.ramp.then != thenGoOn {
		return true
	}
	if u.next == 0 || u.starved {
		return have >= prebufferFrames*frame
	}
	return have >= frame
}

// prebufferFrames is how much of a source there must be before it is begun.
const prebufferFrames = 2

// mix adds the next samples to out.
func (u *Utterance) mix(out []float32) (int, mixState) {
	if !u.ready(len(out)) {
		u.starved = u.next > 0
		return 0, mixStarved
	}
	u.starved = false
	n := int(min(int64(len(out)), u.end-u.next))
	if u.ramp.then != thenGoOn {
		n = min(n, u.ramp.left)
	}
	first, second := u.ring.at(u.next, n)
	for _, pcm := range [2][]int16{first, second} {
		k := u.mixRamp(out, pcm)
		mixInto(out[k:], pcm[k:], u.volume)
		out = out[len(pcm):]
	}
	u.next += int64(n)
	switch {
	case u.ramp.then != thenGoOn && (u.ramp.left == 0 || u.next == u.end):
		pause := u.ramp.then == thenPause
		u.ramp = ramp{}
		if pause {
			u.paused = true
			return n, mixPaused
		}
		u.said, u.end = true, u.next
		return n, mixEnded
	case u.next == u.end && u.ended:
		u.said = true
		return n, mixEnded
	case len(out) > 0: // Less than was wanted.
		return n, mixStarved
	default:
		return n, mixFull
	}
}

// mixRamp mixes what the ramp goes over, and returns how many samples these were.
func (u *Utterance) mixRamp(out []float32, pcm []int16) int {
	n := min(u.ramp.left, len(pcm))
	for i, x := range pcm[:n] {
		u.ramp.gain += u.ramp.step
		out[i] += u.volume * max(u.ramp.gain, 0) * float32(x)
	}
	u.ramp.left -= n
	return n
}

// fadeOut lets the utterance end, or rest, after a ramp; it returns the position where it will. Without anything to
// fade it happens at once.
func (u *Utterance) fadeOut(then rampEnd) int64 {
	n := min(int64(u.fade), u.end-u.next)
	if u.next == 0 || n <= 0 || u.paused {
		u.ramp = ramp{}
		if then == thenPause {
			u.paused = true
		} else {
			u.said, u.paused, u.end = true, false, u.next
		}
		return u.next
	}
	gain := float32(1)
	if u.ramp.left > 0 {
		gain = u.ramp.gain
	}
	u.ramp = ramp{gain: gain, step: -gain / float32(n), left: int(n), then: then}
	return u.next + n
}

// fadeIn takes the utterance up again.
func (u *Utterance) fadeIn() {
	u.paused = false
	u.ramp = ramp{}
	if u.next > 0 && u.fade > 0 {
		u.ramp = ramp{step: 1 / float32(u.fade), left: u.fade}
	}
}

// rewind takes back what was put into frames that won't be heard.
func (u *Utterance) rewind() {
	u.next = u.base
	u.said = false
	switch {
	case u.stopped:
		u.fadeOut(thenStop)
	case u.ramp.then == thenPause:
		u.fadeOut(thenPause)
	}
}

// free gives the room of what has been heard to the source.
func (u *Utterance) free(end int64) {
	if end <= u.base {
		return
	}
	u.base = end
	select {
	case u.space <- struct{}{}:
	default:
	}
}

func (u *Utterance) markWithin(from, to int64) bool {
	return slices.ContainsFunc(u.marks, func(m userMark) bool { return m.at > from && m.at <= to })
}

func (u *Utterance) takeMarks(end int64) []func() {
	var due []func()
	u.marks = slices.DeleteFunc(u.marks, func(m userMark) bool {
		if m.at > end {
			return false
		}
		due = append(due, m.f)
		return true
	})
	return due
}

// finish is called once, without the lock, when it is over.
func (u *Utterance) finish() {
	u.cancel(ErrStopped)
	close(u.done)
	u.s.kickOff()
}

// feed puts samples of the source into the ring, as there is room. It ends with an error when the utterance is over.
func (u *Utterance) feed(ctx context.Context, pcm []int16) error {
	p := u.s.player
	for len(pcm) > 0 {
		p.mu.Lock()
		room := int64(len(u.ring.buf)) - (u.end - u.base)
		n := min(int64(len(pcm)), room)
		u.ring.put(u.end, pcm[:n])
		over := u.stopped || u.said && n > 0
		if !over {
			u.end += n
		}
		p.mu.Unlock()
		if over {
			return ErrStopped
		}
		pcm = pcm[n:]
		if n > 0 && u.started.CompareAndSwap(false, true) {
			u.s.kickOff()
		}
		if len(pcm) == 0 {
			return nil
		}
		select {
		case <-u.space:
		case <-u.done:
			return ErrStopped
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// sourceEnded takes note that no more comes. An error of the source's ends the utterance after what it gave.
func (u *Utterance) sourceEnded(err error) {
	p := u.s.player
	p.mu.Lock()
	u.ended = true
	if u.err == nil && !u.stopped {
		u.err = err
	}
	if u.next == u.end && !u.said && !u.paused {
		u.said, p.markWanted = true, true
		if u.base == u.next {
			p.complete(u) // All of it has been heard already.
		}
	}
	p.unlock()
	u.s.kickOff()
}

// over reports whether nothing can change any more. It is called with the player's lock.
func (u *Utterance) over() bool {
	select {
	case <-u.done:
		return true
	default:
		return u.stopped || u.ended && u.base == u.end
	}
}

// Done is closed when the utterance is over: heard to its end, or stopped.
func (u *Utterance) Done() <-chan struct{} { return u.done }

// Wait waits until the utterance has been heard to its end, and returns nil then. It fails with [ErrStopped] if it was
// stopped, with the source's error if that failed (what came before is played), with the stream's if that ended, and
// with ctx's cause.
func (u *Utterance) Wait(ctx context.Context) error {
	select {
	case <-u.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	u.s.player.mu.Lock()
	defer u.s.player.mu.Unlock()
	if u.stopped && u.err == nil {
		return ErrStopped
	}
	return u.err
}

// Heard is how much has been heard by now. While it plays on a transport where Asterisk keeps a queue, it is what is
// known for certain, which may be up to 200 ms behind.
func (u *Utterance) Heard() Heard {
	u.s.player.mu.Lock()
	defer u.s.player.mu.Unlock()
	return u.heardSoFar()
}

func (u *Utterance) heardSoFar() Heard {
	if u.final != nil {
		return *u.final
	}
	return u.heardAt(u.base, u.by)
}

func (u *Utterance) heardAt(at int64, by Evidence) Heard {
	rate := int64(u.s.player.rate)
	return Heard{
		Duration: time.Duration(at * int64(time.Second) / rate),
		Samples:  at * int64(u.s.rate) / rate,
		By:       by,
	}
}

// Mark calls f when the utterance has been heard up to a position; at once, if it has been already. Never, if it ends
// before. f is called by the goroutine that calls all functions of the stream's user, one after the other. A position
// that has been sent to Asterisk already may be told of up to 200 ms late.
func (u *Utterance) Mark(position time.Duration, f func()) {
	p := u.s.player
	at := max(int64(position)*int64(p.rate)/int64(time.Second), 1)
	p.mu.Lock()
	if at <= u.base {
		p.notify(f)
	} else {
		u.marks = append(u.marks, userMark{at, f})
	}
	p.unlock()
}

// SetGain changes the loudness: 1 leaves it as it is, 0 is silence. What has been sent to Asterisk already keeps its own.
func (u *Utterance) SetGain(gain float64) {
	u.s.player.mu.Lock()
	u.volume = float32(max(gain, 0))
	u.s.player.mu.Unlock()
}

// Stop ends the utterance at once, after a fade of a few milliseconds, and tells how much of it the caller has heard.
// What waits behind it goes on. Stopping twice, or after its end, changes nothing.
func (u *Utterance) Stop() Heard { return u.s.halt(u, thenStop) }

// Pause lets the utterance rest, after a fade of a few milliseconds, and tells how much the caller has heard. Nothing
// is lost: Resume goes on with the next sample. What waits behind it in the queue waits on.
func (u *Utterance) Pause() Heard { return u.s.halt(u, thenPause) }

// Resume goes on after Pause.
func (u *Utterance) Resume() {
	p := u.s.player
	p.mu.Lock()
	if u.paused || u.ramp.then == thenPause {
		u.fadeIn()
	}
	p.unlock()
	u.s.kickOff()
}
