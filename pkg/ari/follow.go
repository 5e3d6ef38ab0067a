package ari

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A keeper is what a follower needs of its session.
type keeper interface {
	// generation counts the connections made.
	generation() uint64

	// recheck asks Asterisk, behind, about an entity that nothing was heard of for a while.
	recheck(f *follower)

	// flowing reports whether events come.
	flowing() bool

	// gone notes that nothing more is expected of a channel that the client has made, or wanted to make.
	gone(channel string)
}

// A follower is a [life] that stands in the index. It leaves it by itself when the entity ends.
type follower struct {
	keeper keeper
	index  *index
	at     places
	gen    uint64 // the session's generation when it was made

	// origin is how the client has made the channel, if it has.
	origin origin

	// entersOwn says that the channel enters one of the client's applications when it is answered.
	entersOwn bool

	mu      sync.Mutex // never held while user code runs
	pending bool       // the request that makes the entity is under way
	doubt   bool       // a gap came while it was pending
	reached stage
	out     outcome

	dialed     bool          // the channel is being called, or was
	dialStatus string        // how that went, so far
	wake       chan struct{} // closed at the next change; nil if nobody waits
}

// An origin is how a channel has come into being, as far as the client knows.
type origin uint8

const (
	fromOutside origin = iota // it is a call that came in, or somebody else's
	madeHere                  // the client has made it
)

// settle implements life.
func (f *follower) settle(err error) {
	if err != nil {
		f.failed(err)
		return
	}
	f.mu.Lock()
	f.pending = false
	doubt := f.doubt && f.out.End == nil
	f.mu.Unlock()
	if doubt {
		f.keeper.recheck(f)
	}
}

// failed drops the life of what a request has failed to make. Without an answer it may come to be nevertheless, for as
// long as it takes to take it back, and then it must be known for what it is.
func (f *follower) failed(err error) {
	if e, ok := errors.AsType[*Error](err); ok && e.StatusCode == 0 && f.origin == madeHere {
		time.AfterFunc(2*undoTimeout, f.drop)
		return
	}
	f.drop()
}

// drop ends the life without a word: the request failed, or nobody will wait.
func (f *follower) drop() {
	f.index.remove(f)
	f.end(ErrClosed)
}

// giveUp implements life.
func (f *follower) giveUp() {
	if !f.keeper.flowing() {
		return
	}
	f.index.remove(f)
	f.mu.Lock()
	if f.out.End == nil {
		f.out.State = string(PlaybackStateFailed)
	}
	f.mu.Unlock()
	f.end(&EndError{Entity: f.at.own.entity(), Reason: ErrEnded})
}

// wait implements life.
func (f *follower) wait(ctx context.Context, stages stage) (outcome, error) {
	for {
		f.mu.Lock()
		out, reached := f.out, f.reached&stages != 0
		wake := f.wake
		if wake == nil && !reached && out.End == nil {
			wake = make(chan struct{})
			f.wake = wake
		}
		f.mu.Unlock()
		switch {
		case reached:
			return out, nil
		case out.End != nil:
			return out, out.End
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return out, ctxError(ctx)
		}
	}
}

// ending is why the life ended; nil if it hasn't.
func (f *follower) ending() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.out.End
}

func (f *follower) places() places { return f.at }

// older reports whether the follower was there before a generation, and can be judged: one whose request is still under
// way can't, and is told that a gap has passed it by.
func (f *follower) older(gen uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gen < gen && f.pending {
		f.doubt = true
		return false
	}
	return f.gen < gen
}

func (f *follower) wants(k *eventKind) interest {
	switch f.at.own.kind {
	case kindChannel:
		switch k.role {
		case roleStasisStart, roleChannelStateChange, roleDial:
			return wantsScan
		case roleStasisEnd, roleChannelDestroyed:
			return wantsEvent
		default:
		}
	case kindPlayback:
		if k.role == rolePlaybackFinished {
			return wantsEvent
		}
	case kindRecording:
		if k.role == roleRecordingFinished {
			return wantsEvent
		}
	case kindBridge:
		if k.role == roleBridgeDestroyed {
			return wantsEvent
		}
	default:
	}
	return notWanted
}

func (f *follower) offer(in *inbound) {
	if f.wants(in.kind) == wantsEvent && in.stays {
		return
	}
	state := in.state(f.at.own)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wants(in.kind) == wantsEvent {
		f.out.Event = in.ev
	}
	switch in.kind.role {
	case roleStasisStart:
		f.reach(stageEntered)
		if state == "Up" {
			f.reach(stageAnswered)
		}
	case roleChannelStateChange:
		if state == "Up" {
			f.reach(stageAnswered)
		}
	case roleDial:
		if in.scan == nil {
			return
		}
		if peer := in.scan.Object("peer"); peer != nil && string(in.scan.Text(peer.ID)) == f.at.own.id {
			f.dialed, f.dialStatus = true, string(in.scan.Text(in.scan.Dialed))
		}
	case roleStasisEnd:
		f.reach(stageLeft)
	case rolePlaybackFinished, roleRecordingFinished:
		f.out.State = state
		if state == "failed" { // of both
			f.out.CutOff = in.cutOff
		}
	default:
	}
}

// caughtUp tells a life what its channel has been through, as Asterisk shows it after a gap or when it is asked.
func (f *follower) caughtUp(up, entered, inStasis bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if up {
		f.reach(stageAnswered)
	}
	if entered {
		f.reach(stageEntered)
	}
	if f.reached&stageEntered != 0 && !inStasis {
		f.reach(stageLeft)
	}
}

// reach notes stages. Call it with mu held.
func (f *follower) reach(s stage) {
	s |= f.reached
	if s&stageAnswered != 0 && (!f.entersOwn || s&stageEntered != 0) {
		s |= stageReady
	}
	if s != f.reached {
		f.reached = s
		f.changed()
	}
}

// changed wakes those who wait. Call it with mu held.
func (f *follower) changed() {
	if f.wake != nil {
		close(f.wake)
		f.wake = nil
	}
}

// end is the listener's end: the entity has ended, or what it runs on has, or nobody will hear of it any more.
func (f *follower) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.out.End != nil {
		return
	}
	if destroyed, ok := errors.AsType[*EndError](err); ok && errors.Is(destroyed.Reason, ErrChannelDestroyed) && f.at.own.kind == kindChannel {
		err = f.tellsMore(destroyed)
	}
	f.out.End = err
	if f.origin == madeHere {
		f.keeper.gone(f.at.own.id)
	}
	if ended, ok := errors.AsType[*EndError](err); ok && errors.Is(err, ErrEnded) && ended.Entity == f.at.own.entity() {
		f.reached |= stageEnded
		if f.reached&stageEntered != 0 {
			f.reached |= stageLeft
		}
	}
	f.changed()
}

// tellsMore completes why a channel is gone by what was heard of calling it: the near half of a Local channel whose far
// half was busy has no cause of its own. Call it with mu held.
func (f *follower) tellsMore(end *EndError) *EndError {
	more := *end
	more.DialStatus = f.dialStatus
	if more.Cause == 0 {
		more.Cause = causeOfDialing(f.dialStatus)
		more.unreached = f.origin == madeHere && !f.dialed && f.reached&stageAnswered == 0
	}
	return &more
}

// An ender is a listener that only waits for the end of a channel's stay, for a context.
type ender struct {
	at     places
	gen    uint64 // the session's generation when it was made
	cancel context.CancelCauseFunc
}

func (e *ender) older(gen uint64) bool { return e.gen < gen }

func (e *ender) places() places { return e.at }

func (e *ender) wants(k *eventKind) interest {
	if k.role == roleStasisEnd {
		return wantsScan
	}
	return notWanted
}

func (e *ender) offer(in *inbound) {
	if !in.stays {
		e.cancel(in.endError(kindChannel, ErrLeftStasis))
	}
}

func (e *ender) end(err error) { e.cancel(err) }
