package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ari-go/ari/pkg/media/internal/resample"
)

// ErrClosed is why a stream ended that was closed by its user.
var ErrClosed = errors.New("media: stream closed")

// ErrMediaLost is why a stream ended whose connection with Asterisk broke, or whose media channel was hung up.
var ErrMediaLost = errors.New("media: connection for media lost")

const (
	// markEvery is after how many frames a mark is asked for, where Asterisk keeps a queue.
	markEvery = 10

	// idleAhead is how many frames may be in Asterisk's queue of what must not be late: live audio, and the background.
	idleAhead = 3

	// statusPatience is how long Asterisk may take to say what was in its queue.
	statusPatience = 250 * time.Millisecond

	// mostFrames is how many frames are written at once.
	mostFrames = 12

	// stallLimit is how long a write may take before the connection is taken for dead.
	stallLimit = 150 * frameTime
)

// A Stream is a call's audio: what the caller says, and what the caller hears. [Open] makes one. Its methods may be
// called by several goroutines at once.
type Stream struct {
	rate   int // the user's
	leg    leg
	queued queuedLeg // the leg, if Asterisk keeps a queue behind it
	player *player
	heard  *hearing
	log    *slog.Logger
	ahead  int // frames in Asterisk's queue
	fade   int // samples of the leg
	own    *Listener

	// Life.
	ctx    context.Context //nolint:containedctx // It is the stream's life.
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	done   chan struct{}
	clean  func() error // frees what is in Asterisk
	cleanE error
	wiring *wiring

	// Speaking: with speak held, so that what is written is in order.
	speak     sync.Mutex
	clock     queueClock
	flushing  *flush
	asked     []*flush // for what the answers to status come, in order
	gen       uint32   // of marks: those from before a flush say nothing
	xoff      bool
	open      bool      // the channel is where it can be heard
	due       time.Time // of the next frame, where we keep the clock
	frames    []int16
	sinceMark int

	liveMu        sync.Mutex
	liveResampler *resample.Resampler
	liveOut       []int16

	pulse *pulse
	kick  chan struct{}

	// Listening: of the goroutine that reads.
	resampler *resample.Resampler
	resampled []int16
	turns     atomic.Pointer[turnKeeper]
	tap       atomic.Pointer[Tap]

	calls callQueue
	on    callbacks
	stats counters
}

// A flush is the emptying of Asterisk's queue: when it is known how much was in it, all is done that waits for that.
type flush struct {
	sent    int64
	gen     uint32
	then    []func()
	done    chan struct{} // nil for a mere question
	by      Evidence
	timeout *time.Timer
}

// streamConfig is what a stream needs beside its leg.
type streamConfig struct {
	rate    int
	history time.Duration
	ahead   time.Duration
	fade    time.Duration
	log     *slog.Logger
	pacer   any
	clean   func() error
}

func newStream(ctx context.Context, l leg, cfg streamConfig) (*Stream, error) {
	s := &Stream{
		rate: cfg.rate, leg: l, log: cfg.log, player: newPlayer(l.rate()), heard: newHearing(cfg.rate, cfg.history),
		ahead: max(int(cfg.ahead/frameTime), idleAhead), fade: int(int64(cfg.fade) * int64(l.rate()) / int64(time.Second)),
		done: make(chan struct{}), kick: make(chan struct{}, 1), clean: cfg.clean,
		frames: make([]int16, mostFrames*l.rate()/50),
	}
	if s.clean == nil {
		s.clean = func() error { return nil }
	}
	s.own = s.heard.listen()
	s.queued, _ = l.(queuedLeg)
	if s.queued != nil {
		s.player.by = ByMark
	}
	if l.rate() != cfg.rate {
		r, err := resample.New(l.rate(), cfg.rate)
		if err != nil {
			return nil, fmt.Errorf("media: %w", err)
		}
		s.resampler = r
		s.resampled = make([]int16, r.Room(maxRead))
	}
	s.calls.wake = make(chan struct{}, 1)
	s.player.notify = s.calls.add
	s.player.onHeard = func(pcm []int16, ago int) {
		if t := s.tap.Load(); t != nil {
			t.heardFrame(pcm, time.Now().Add(-time.Duration(ago)*frameTime))
		}
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.pulse = startPulse(cfg.pacer, func() { s.lost(fmt.Errorf("nothing could be written for %s", stallLimit)) })
	s.wg.Go(s.speakLoop)
	s.wg.Go(s.listenLoop)
	go s.callLoop() // Not waited for: what it calls may close the stream.
	go s.live(cfg.pacer)
	return s, nil
}

// live is the end of a stream's life.
func (s *Stream) live(pacer any) {
	<-s.ctx.Done()
	cause := context.Cause(s.ctx)
	if _, ok := s.leg.(*audioSocketLeg); ok {
		// First, since nobody speaks any more: Asterisk could wait for the next packet, with the channel's lock, and
		// hang up neither that nor any other.
		_ = s.leg.close()
	}
	s.cleanE = s.clean()
	_ = s.leg.close()
	stopPulse(pacer, s.pulse)
	s.heard.end(cause)
	s.player.mu.Lock()
	for _, u := range s.player.queue {
		if u.err == nil && !u.stopped {
			u.err = cause
		}
		s.player.after = append(s.player.after, u.finish)
	}
	s.player.queue = nil
	s.player.ended = true
	s.player.unlock()
	s.wg.Wait()
	close(s.done)
}

// opened lets audio out: the caller can hear it now. What was sent before would have been lost.
func (s *Stream) opened() {
	s.speak.Lock()
	s.open = true
	s.speak.Unlock()
	s.kickOff()
}

// Rate is the sample rate of what is read and written, in Hz.
func (s *Stream) Rate() int { return s.rate }

// Done is closed when the stream has ended and nothing of it is left.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Context ends when the stream does, with the reason as its cause.
func (s *Stream) Context() context.Context { return s.ctx }

// Err is why the stream has ended: [ErrClosed], [ErrMediaLost], the end of the call, or the cause of its context's end.
// It is nil while it lives.
func (s *Stream) Err() error { return context.Cause(s.ctx) }

// Close ends the stream: what is being said stops, the media channel is hung up, the bridge that was made for it is
// destroyed. The call itself lives on. It returns when nothing is left, and the error if Asterisk refused to clean up.
// It may be called more than once, and after the call has ended.
func (s *Stream) Close() error {
	s.cancel(ErrClosed)
	<-s.done
	return s.cleanE
}

// kickOff lets the stream look at once whether there is something to send.
func (s *Stream) kickOff() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// speakLoop sends what is due, whenever the pacer or something new wakes it.
func (s *Stream) speakLoop() {
	if err := s.send(time.Now()); err != nil { // An Asterisk that hears nothing can come to a standstill.
		s.lost(err)
		return
	}
	for {
		kicked := false
		select {
		case <-s.pulse.tick:
		case <-s.kick:
			kicked = true
		case <-s.ctx.Done():
			return
		}
		if kicked && s.queued == nil {
			continue // The clock is ours: nothing goes out before its time.
		}
		if k := s.turns.Load(); k != nil && !kicked {
			k.idle(time.Now(), s.calls.add)
		}
		if err := s.send(time.Now()); err != nil {
			s.lost(err)
			return
		}
	}
}

// lost ends the stream after an error of its leg's.
func (s *Stream) lost(err error) {
	if errors.Is(err, io.EOF) {
		err = errors.New("hung up")
	}
	s.cancel(fmt.Errorf("%w: %w", ErrMediaLost, err))
}

func (s *Stream) send(now time.Time) error {
	s.speak.Lock()
	defer s.speak.Unlock()
	if s.queued == nil {
		return s.sendDue(now)
	}
	if s.flushing != nil || s.xoff || !s.open {
		return nil
	}
	return s.sendAhead(now)
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
		for n < mostFrames && !markDue {
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

// maxRead is how many samples are read at once: 20 ms at 48 kHz.
const maxRead = 960

// listenLoop reads what Asterisk sends. It never waits for anybody but Asterisk.
func (s *Stream) listenLoop() {
	pcm := make([]int16, maxRead)
	for {
		n, ev, err := s.leg.read(pcm)
		now := time.Now()
		if err != nil {
			s.lost(err)
			return
		}
		if ev.kind != legNothing || ev.lost > 0 {
			s.event(ev, now)
		}
		if n > 0 {
			s.hear(pcm[:n], now)
		}
	}
}

func (s *Stream) hear(pcm []int16, now time.Time) {
	s.stats.heardAt.Store(now.UnixNano())
	if s.resampler != nil {
		n := s.resampler.Process(s.resampled, pcm)
		pcm = s.resampled[:n]
	}
	s.heard.push(pcm, now, s.heardFrame)
}

func (s *Stream) heardFrame(f Frame) {
	s.stats.framesIn.Add(1)
	if t := s.tap.Load(); t != nil {
		t.caller(f)
	}
	if k := s.turns.Load(); k != nil {
		k.frame(f, s.calls.add)
	}
}

// ReadFrame waits for the next 20 ms of what the caller says. The frame is valid until the next call. Frames that aren't
// read within the stream's history are lost, and counted in Stats. It fails with ctx's cause, or with the stream's error
// when that has ended. For several readers, or from several goroutines, see Listen.
func (s *Stream) ReadFrame(ctx context.Context) (Frame, error) { return s.own.ReadFrame(ctx) }

// Frames ranges over all frames to come, as [Listener.Frames] does.
func (s *Stream) Frames(ctx context.Context) iter.Seq2[Frame, error] { return s.own.Frames(ctx) }

// Listen returns a further reader of what the caller says, from now on.
func (s *Stream) Listen() *Listener { return s.heard.listen() }

// Last returns the last of what the caller said, as far as the stream's history goes.
func (s *Stream) Last(d time.Duration) []int16 { return s.heard.last(d) }

// Reader reads what the caller says from now on, as 16-bit little-endian samples.
func (s *Stream) Reader(ctx context.Context) io.Reader {
	return &frameReader{ctx: ctx, l: s.heard.listen()}
}
