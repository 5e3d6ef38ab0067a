package media

import (
	"sync"
	"time"

	"github.com/ari-go/ari/internal/audio/resample"
)

const (
	// frameTime is how long a frame is: Asterisk's own, on all transports.
	frameTime = 20 * time.Millisecond

	// unconfirmed is how many frames may have been played without having been confirmed: two seconds, since marks can be
	// late.
	unconfirmed = 100

	// framePieces is how many utterances can share one frame.
	framePieces = 2
)

// A player makes the frames that a stream sends: the utterances one after the other, and with them live audio and what
// sounds in the background. It keeps what it has sent until it is known to be heard: so it can take back what was
// thrown away on the way, and tell how much was heard, to the sample.
//
// It knows no transport and no clock. Frames count from 0; sent of them have been made, heard of them are known to have
// been heard.
type player struct {
	rate  int // of the frames
	frame int // samples of each

	mu      sync.Mutex
	queue   []*Utterance // those not yet heard to their end
	sent    int64
	heard   int64
	records []frameRecord // a ring of what isn't known to be heard
	live    liveTrack
	ambient ambientTrack
	after   []func()     // to be called without the lock
	notify  func(func()) // hands over what calls the user; it never blocks
	by      Evidence     // how it is known what was heard
	mixing  []float32

	kept    []int16 // the last frames, where somebody wants to know them when they have been heard
	onHeard func(pcm []int16, ago int)

	ended      bool // the stream is over
	markWanted bool // a mark behind the last frame is due, since there may be no further frame to wait for
}

// A frameRecord says what a frame is made of.
type frameRecord struct {
	pieces [framePieces]piece
	n      int
}

// A piece is an utterance's part of a frame: up to which of its samples the frame goes.
type piece struct {
	u   *Utterance
	end int64
}

// newPlayer makes a player of which up to ahead frames can be on their way.
func newPlayer(rate, ahead int) *player {
	frame := rate / 50
	return &player{
		rate: rate, frame: frame, records: make([]frameRecord, ahead+unconfirmed), by: ByClock, notify: func(f func()) { f() },
		mixing: make([]float32, frame), live: newLiveTrack(frame),
	}
}

// unlock releases the lock and does what can't be done with it held.
func (p *player) unlock() {
	after := p.after
	p.after = nil
	p.mu.Unlock()
	for _, f := range after {
		f()
	}
}

// filling says what a frame has in it.
type filling struct {
	sound   bool // anything at all; if not, the frame is silence and wasn't counted
	speech  bool // a part of an utterance
	notable bool // an utterance ends in it, or a mark of the user's lies in it
	starved bool // an utterance should have been in it, but its source is late
}

// next makes the next frame. With always it makes, and counts, one of silence if there is nothing else. It is called
// with the lock held.
func (p *player) next(out []int16, always bool) filling {
	var f filling
	var rec frameRecord
	clear(p.mixing)
	for at := 0; at < p.frame && rec.n < framePieces; {
		u := p.current()
		if u == nil || u.paused {
			break
		}
		before := u.next
		n, state := u.mix(p.mixing[at:])
		if n > 0 {
			f.speech = true
			rec.pieces[rec.n] = piece{u, u.next}
			rec.n++
			f.notable = f.notable || u.markWithin(before, u.next)
		}
		at += n
		if state == mixStarved {
			f.starved = u.next > 0
			break
		}
		if state == mixPaused {
			f.notable = true
			break
		}
		if state == mixEnded {
			f.notable = true
			if u.base == u.next {
				p.complete(u) // It had nothing more to say, and all before that has been heard.
			}
		}
	}
	f.sound = f.speech
	if p.live.mix(p.mixing) {
		f.sound = true
	}
	if p.ambient.mix(p.mixing) {
		f.sound = true
	}
	if !f.sound && !always {
		return f
	}
	for i, x := range p.mixing {
		out[i] = resample.Round(x)
	}
	*p.record(p.sent) = rec
	if p.kept != nil {
		copy(p.keptFrame(p.sent), out)
	}
	p.sent++
	return f
}

func (p *player) record(n int64) *frameRecord { return &p.records[n%int64(len(p.records))] }

// full reports whether so much is unconfirmed that nothing more can be sent.
func (p *player) full() bool { return p.sent-p.heard >= int64(len(p.records)) }

// speechReady reports whether the next frame will be one of speech, so that it may be sent far ahead.
func (p *player) speechReady() bool {
	u := p.current()
	return u != nil && !u.paused && u.ready(p.frame)
}

// current is the utterance whose turn it is.
func (p *player) current() *Utterance {
	for _, u := range p.queue {
		if !u.said {
			return u
		}
	}
	return nil
}

// confirm takes note that the first n frames have been heard.
func (p *player) confirm(n int64) {
	for n = min(n, p.sent); p.heard < n; p.heard++ {
		rec := p.record(p.heard)
		for _, piece := range rec.pieces[:rec.n] {
			p.reached(piece.u, piece.end)
		}
		*rec = frameRecord{}
		if p.kept != nil {
			p.onHeard(p.keptFrame(p.heard), int(n-p.heard))
		}
	}
}

// keepFrames begins to keep frames for onHeard, which is called with each, and how many frames ago it began.
func (p *player) keepFrames() {
	if p.kept == nil {
		p.kept = make([]int16, len(p.records)*p.frame)
	}
}

func (p *player) keptFrame(n int64) []int16 {
	at := int(n%int64(len(p.kept)/p.frame)) * p.frame
	return p.kept[at : at+p.frame]
}

func (p *player) reached(u *Utterance, end int64) {
	u.free(end)
	u.by = p.by
	for _, f := range u.takeMarks(end) {
		p.notify(f)
	}
	if u.said && u.base == u.next {
		p.complete(u)
	}
}

// rewind takes back all but the first n frames: they won't be heard, and what was in them comes again.
func (p *player) rewind(n int64) {
	n = max(min(n, p.sent), p.heard)
	p.confirm(n)
	for at := n; at < p.sent; at++ {
		rec := p.record(at)
		for _, piece := range rec.pieces[:rec.n] {
			piece.u.rewind()
		}
		*rec = frameRecord{}
	}
	p.ambient.rewind(int(p.sent-n) * p.frame)
	p.sent = n
}

// complete takes an utterance out: it has been heard as far as it will be.
func (p *player) complete(u *Utterance) {
	for i, other := range p.queue {
		if other == u {
			p.queue = append(p.queue[:i:i], p.queue[i+1:]...)
			p.after = append(p.after, u.finish)
			return
		}
	}
}
