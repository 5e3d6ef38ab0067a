package media

import (
	"time"
)

const (
	// markEvery is after how many frames a mark is asked for, where Asterisk keeps a queue.
	markEvery = 10

	// idleAhead is how many frames may be in Asterisk's queue of what must not be late: live audio, and the background.
	idleAhead = 3

	// markSlack is how many frames a mark's way back may take: more than that isn't sent ahead in the belief that Asterisk,
	// which may have stood still, has taken what it should have.
	markSlack = 10

	// markPatience is how long after it should have come a mark is waited for.
	markPatience = 2 * time.Second

	// statusPatience is how long Asterisk may take to say what was in its queue.
	statusPatience = 250 * time.Millisecond

	// mostFrames is how many frames are written at once.
	mostFrames = 12

	// stallLimit is how long a write may take before the connection is taken for dead.
	stallLimit = 150 * frameTime
)

// A flush is the emptying of Asterisk's queue: when it is known how much was in it, all is done that waits for that.
type flush struct {
	sent    int64
	gen     uint32
	then    []func()
	done    chan struct{} // nil for a mere question
	by      Evidence
	timeout *time.Timer
}

// speakLoop sends what is due, whenever the pacer or something new wakes it.
func (s *Stream) speakLoop() {
	if err := s.send(time.Now(), false); err != nil { // An Asterisk that hears nothing can come to a standstill.
		s.lost(err)
		return
	}
	var watch watchman
	for {
		kicked := false
		select {
		case <-s.pulse.tick:
			watch.beat(s)
		case <-s.kick:
			kicked = true
		case <-s.ctx.Done():
			return
		}
		if k := s.turns.Load(); k != nil && !kicked {
			k.idle(time.Now(), s.calls.add)
		}
		if err := s.send(time.Now(), kicked); err != nil {
			s.lost(err)
			return
		}
	}
}

func (s *Stream) send(now time.Time, kicked bool) error {
	s.speak.Lock()
	defer s.speak.Unlock()
	if s.queued == nil {
		if passed, err := s.passLive(now); passed || kicked || err != nil {
			return err // The clock is ours: nothing else goes out before its time.
		}
		return s.sendDue(now)
	}
	if s.flushing != nil || s.xoff || !s.open {
		return nil
	}
	return s.sendAhead(now)
}

// liveGrace is how late live audio may be before silence takes its place.
const liveGrace = frameTime

// passLive passes live audio on as soon as it has come, on a leg where nothing waits and while nothing else is to be heard:
// then the clock is that of whoever speaks, and waiting for ours would only add to the delay.
func (s *Stream) passLive(now time.Time) (passed bool, err error) {
	p := s.player
	for s.open && err == nil {
		p.mu.Lock()
		if p.live.waiting() < p.frame || p.current() != nil || p.ambient.sounds() {
			p.mu.Unlock()
			return passed, nil
		}
		p.confirm(p.sent)
		frame := s.frames[:p.frame]
		s.took(p.next(frame, true), now, false)
		p.unlock()
		err = s.leg.write(frame)
		s.due = now.Add(frameTime + liveGrace)
		passed = true
	}
	return passed, err
}

// sendDue sends the frames whose time has come, on a leg where nothing waits: one, mostly.
func (s *Stream) sendDue(now time.Time) error {
	p := s.player
	if s.due.IsZero() || now.Sub(s.due) > 5*frameTime {
		if !s.due.IsZero() {
			s.stats.stalls.Add(1)
		}
		s.due = now
	}
	// Woken a little before its time, since the pacer's beat and the stream's needn't agree to the microsecond.
	for !now.Add(frameTime / 4).Before(s.due) {
		s.due = s.due.Add(frameTime)
		p.mu.Lock()
		p.confirm(p.sent)
		frame := s.frames[:p.frame]
		if !s.open {
			clear(frame)
		} else {
			f := p.next(frame, true)
			s.took(f, now, f.starved)
		}
		p.unlock()
		if err := s.leg.write(frame); err != nil {
			return err
		}
	}
	return nil
}

// sendAhead fills Asterisk's queue as far as it may be filled.
func (s *Stream) sendAhead(now time.Time) error {
	p := s.player
	for {
		n, markDue := 0, false
		p.mu.Lock()
		depth := s.clock.depth(now)
		s.stats.depth.Store(int64(depth))
		if p.full() || p.heard < p.sent && s.clock.emptyFor(now) > markPatience {
			// Asterisk owes us marks. It has never been seen, but nobody shall wait for ever.
			p.by = ByClock
			p.confirm(s.clock.dequeued(now))
			p.by = ByMark
			s.stats.errors.Add(1)
		}
		for n < mostFrames && !markDue && !p.full() {
			if s.queued.marks() && p.sent-p.heard >= int64(s.ahead+markEvery+markSlack) {
				break
			}
			limit := idleAhead
			if p.speechReady() {
				limit = s.ahead
			}
			if depth+n >= limit {
				break
			}
			f := p.next(s.frames[n*p.frame:(n+1)*p.frame], false)
			s.took(f, now, f.starved && depth+n == 0)
			if !f.sound {
				markDue = markDue || f.notable
				break
			}
			n++
			s.sinceMark++
			markDue = f.notable || s.sinceMark >= markEvery
		}
		if p.markWanted {
			markDue, p.markWanted = true, false
		}
		sent := p.sent
		p.unlock()
		if n > 0 {
			if err := s.leg.write(s.frames[:n*p.frame]); err != nil {
				return err
			}
			s.clock.send(n, now)
		}
		if markDue {
			s.sinceMark = 0
			if err := s.askWhenHeard(sent); err != nil {
				return err
			}
		}
		if n == 0 {
			return nil
		}
	}
}

// askWhenHeard asks to be told when all frames so far have been heard.
func (s *Stream) askWhenHeard(sent int64) error {
	if s.queued.marks() {
		return s.queued.mark(sent, s.gen)
	}
	s.asked = append(s.asked, &flush{sent: sent, gen: s.gen})
	return s.queued.status()
}

// took counts what a frame was like. It is called with the player's lock.
func (s *Stream) took(f filling, now time.Time, dry bool) {
	if f.speech {
		s.stats.spoke(now)
	}
	if dry {
		s.stats.underran(now)
	}
	if f.sound {
		s.stats.framesOut.Add(1)
	}
}

// halt stops or pauses an utterance.
func (s *Stream) halt(u *Utterance, then rampEnd) Heard { return s.haltAll([]*Utterance{u}, then)[0] }

// haltAll stops or pauses utterances, all at the same moment.
func (s *Stream) haltAll(all []*Utterance, then rampEnd) []Heard {
	p := s.player
	heard := make([]Heard, len(all))
	at := make([]int64, len(all))
	var live []int // of all, those that can still be halted
	s.speak.Lock()
	p.mu.Lock()
	for i, u := range all {
		if u.over() || then == thenPause && (u.paused || u.ramp.then != thenGoOn) {
			heard[i] = u.heardSoFar()
			continue
		}
		live = append(live, i)
		u.stopped = then == thenStop
	}
	fade := func() {
		for _, i := range live {
			u := all[i]
			at[i] = u.fadeOut(then)
			switch {
			case u.said && u.base == u.next:
				p.complete(u)
			case u.said:
				p.markWanted = true // The last of it is on its way.
			}
		}
	}
	by := p.by
	if s.queued == nil || p.sent == p.heard || len(live) == 0 {
		fade()
		p.unlock()
		s.speak.Unlock()
		s.kickOff()
	} else {
		p.unlock()
		f := s.flushQueue(fade)
		s.speak.Unlock()
		select {
		case <-f.done:
			by = f.by
		case <-s.ctx.Done(): // What was heard for certain.
			p.mu.Lock()
			for _, i := range live {
				at[i] = all[i].base
			}
			p.mu.Unlock()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range live {
		h := all[i].heardAt(at[i], by)
		heard[i] = h
		if then == thenStop {
			all[i].final = &h
		}
	}
	return heard
}

// flushQueue empties Asterisk's queue and calls then, with the player's lock, when it is known what was in it and all
// that wasn't heard has been taken back. It is called with speak held.
func (s *Stream) flushQueue(then func()) *flush {
	if s.flushing != nil {
		s.flushing.then = append(s.flushing.then, then)
		return s.flushing
	}
	f := &flush{sent: s.clock.sent, then: []func(){then}, done: make(chan struct{})}
	s.flushing = f
	s.asked = append(s.asked, f)
	s.gen++
	f.timeout = time.AfterFunc(statusPatience, func() {
		s.speak.Lock()
		defer s.speak.Unlock()
		if s.flushing == f {
			now := time.Now()
			s.flushed(f, s.clock.dequeued(now.Add(-statusPatience)), ByClock, now)
		}
	})
	if err := s.queued.flush(); err != nil {
		s.lost(err)
	}
	return f
}

// flushed is called, with speak held, when the first n frames are known to have been taken before the queue was emptied.
func (s *Stream) flushed(f *flush, n int64, by Evidence, now time.Time) {
	f.timeout.Stop()
	p := s.player
	p.mu.Lock()
	n = max(n, p.heard)
	s.clock.flushed(n, now)
	p.rewind(n)
	for _, then := range f.then {
		then()
	}
	p.unlock()
	f.by = by
	s.flushing = nil
	s.sinceMark = 0
	close(f.done)
	s.kickOff()
}

// event takes note of what the leg tells.
func (s *Stream) event(ev legEvent, now time.Time) {
	switch ev.kind {
	case legDigit:
		s.digit(ev.digit, now)
	case legMark:
		s.speak.Lock()
		if ev.generation == s.gen {
			s.clock.marked(ev.frames, now)
			s.confirm(ev.frames)
		}
		s.speak.Unlock()
	case legStatus:
		s.answered(ev.queue, now)
	case legXOff, legXOn:
		s.speak.Lock()
		s.xoff = ev.kind == legXOff
		s.speak.Unlock()
		s.kickOff()
	case legError:
		s.stats.errors.Add(1)
	case legNothing:
	}
	s.stats.lost.Add(int64(ev.lost))
}

// answered takes note of Asterisk's answer to the oldest question for its queue.
func (s *Stream) answered(queue int, now time.Time) {
	s.speak.Lock()
	defer s.speak.Unlock()
	if len(s.asked) == 0 {
		return
	}
	f := s.asked[0]
	s.asked = s.asked[1:]
	n := f.sent - int64(queue)
	switch {
	case f.done == nil: // Only a question.
		if f.gen == s.gen {
			s.clock.counted(f.sent, queue, now)
			s.confirm(n)
			if n < f.sent { // Ask on until all has been heard.
				s.player.mu.Lock()
				s.player.markWanted = true
				s.player.mu.Unlock()
			}
		}
	case s.flushing == f:
		s.flushed(f, n, ByStatus, now)
	}
}

func (s *Stream) confirm(n int64) {
	s.player.mu.Lock()
	s.player.confirm(n)
	s.player.unlock()
}
