package ari

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A stage is something that happens once in an entity's life.
type stage uint8

const (
	stageAnswered stage = 1 << iota // a channel is up
	stageEntered                    // a channel is in one of the client's applications
	stageLeft                       // a channel that was in one of them no longer is
	stageEnded                      // it is over, or nothing more will be heard of it
)

// An outcome is how a life ended, or what is known of it so far.
type outcome struct {
	// Event is the event that ended it: a *PlaybackFinished, *RecordingFinished,
	// *RecordingFailed, *ChannelDestroyed, *StasisEnd or *BridgeDestroyed. It is nil
	// when no event told of the end.
	Event Event

	// State is the state in a playback's or recording's last event: "done",
	// "failed", "canceled".
	State string

	// CutOff is why a playback or recording has failed, if that is the hangup of its channel.
	CutOff error

	// Cause and CauseText are the hangup cause of a destroyed channel.
	Cause     int
	CauseText string
}

// A life follows one entity from the request that makes it, or from the moment
// when somebody starts to wait for it, to its end. It costs no goroutine, and
// leaves the index by itself when the entity ends.
//
// For a command that makes something:
//
//	lf := ctrl.expect(kindPlayback, id, on)  // before the request
//	... the request ...
//	if err != nil { lf.drop(); return nil, err }
//	lf.made()
//	return &Playback{..., life: lf}, nil
//
// For a handle that was made from an id:
//
//	lf, err := ctrl.watch(ctx, kindChannel, id) // asks Asterisk whether it exists
//	if err != nil { return err }
//	defer lf.drop()
//	out, err := lf.wait(ctx, stageEnded)
//
// Its methods may be called on nil, which is what a controller without a client
// gets: then waiting fails with [ErrNoEvents].
type life struct {
	l   *link
	at  places
	gen uint64 // the connection's generation when it was made

	// originated says that Asterisk subscribes the application to this channel, so that its events go on after it
	// has left the application.
	originated bool

	mu      sync.Mutex // never held while user code runs
	tool    bool       // a channel that is no call: external media, or a snoop
	pending bool       // the request that makes the entity is under way
	doubt   bool       // a resync came while it was pending
	reached stage
	out     outcome
	err     error         // why it ended
	wake    chan struct{} // closed at the next change; nil if nobody waits
}

// expect starts the life of an entity that a request is about to make. on is the
// channel or bridge that a playback or recording runs on, else the zero key.
func (c *Controller) expect(kind entityKind, id string, on entityKey) *life {
	return c.link.expect(kind, id, on)
}

// expectChannel is expect for a channel that is made for an application; without one for the dialplan. It returns nil if
// nobody would tell of such a channel.
func (c *Controller) expectChannel(id, app string) *life {
	if c.link == nil || !c.link.begun.Load() || !c.link.ours(app) && !c.link.hears(kindChannel, id) {
		return nil
	}
	return c.expect(kindChannel, id, entityKey{})
}

// expectOriginated is expectChannel where Asterisk subscribes the application to the channel, and so tells of its end
// even if it has left by then.
func (c *Controller) expectOriginated(id, app string) *life {
	lf := c.expectChannel(id, app)
	if lf != nil && c.link.ours(app) {
		lf.mu.Lock()
		defer lf.mu.Unlock()
		if lf.err == nil {
			lf.originated = true
			c.link.memory.originate(id)
		}
	}
	return lf
}

func (l *link) expect(kind entityKind, id string, on entityKey) *life {
	if l == nil {
		return nil
	}
	p := l.places(places{own: entityKey{kind: kind, id: id}, parent: on})
	lf := &life{l: l, at: p, gen: l.gen.Load(), pending: true}
	l.c.index.add(lf)
	return lf
}

// watch starts a life of an entity that should exist already, and asks Asterisk
// what has become of it so far. If it doesn't exist, watch fails with an error
// that is [ErrNotFound].
func (c *Controller) watch(ctx context.Context, kind entityKind, id string) (*life, error) {
	if c.link == nil || !c.link.begun.Load() {
		return nil, ErrNoEvents
	}
	lf := c.link.expect(kind, id, entityKey{})
	lf.made()
	if kind == kindChannel && !lf.l.inApplication(id) {
		if err := c.hear(ctx, kind, id); err != nil {
			lf.drop()
			return nil, err
		}
	}
	// Asked only now, so that whatever happens after the answer is not missed.
	if err := lf.l.ask(ctx, lf); err != nil {
		lf.drop()
		return nil, err
	}
	return lf, nil
}

// toolOf marks the life of a channel that the client makes for its own purposes.
func toolOf(lf *life) *life {
	if lf != nil {
		lf.mu.Lock()
		defer lf.mu.Unlock()
		lf.tool = true
	}
	return lf
}

// failed drops the life of what a request has failed to make. Without an answer it may come to be nevertheless, for as
// long as it takes to take it back, and then it must be known for what it is.
func (lf *life) failed(err error) {
	if e, ok := errors.AsType[*Error](err); ok && e.StatusCode == 0 && lf.isTool() {
		time.AfterFunc(2*undoTimeout, lf.drop)
		return
	}
	lf.drop()
}

func (lf *life) isTool() bool {
	if lf == nil {
		return false
	}

	lf.mu.Lock()
	defer lf.mu.Unlock()
	return lf.tool
}

// hear subscribes the client's application to an object, unless it hears of it anyway, so that whoever waits for the
// object's events doesn't wait for ever. It leaves it to others to tell that there is no such object.
func (c *Controller) hear(ctx context.Context, kind entityKind, id string) error {
	l := c.link
	if l == nil || !l.begun.Load() || l.hears(kind, id) {
		return nil
	}
	_, err := c.Application("").Subscribe(ctx, kind.String()+":"+id)
	if isRefusal(err) {
		return nil
	}
	return err
}

// bridgeStopped ends what waits for a bridge's events once it has been destroyed. Asterisk tells of that only where the
// application is subscribed to the bridge: its channels have left it by then.
func (l *link) bridgeStopped(id string) {
	if l == nil || l.hears(kindBridge, id) {
		return
	}
	key := entityKey{l.id, kindBridge, id}
	old := l.c.index.at(key)
	l.background(func(ctx context.Context) {
		sleep(ctx, endLag) // for the events that are on their way
		for _, x := range old {
			l.c.index.remove(x)
			x.end(&EndError{Entity: key.String(), Reason: ErrEnded})
		}
	})
}

// inApplication reports whether the client knows a channel as one that is in its application.
func (l *link) inApplication(channel string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.calls[channel]) > 0
}

// made tells that the request has succeeded.
func (lf *life) made() {
	if lf == nil {
		return
	}
	lf.mu.Lock()
	lf.pending = false
	doubt := lf.doubt && lf.reached&stageEnded == 0
	lf.mu.Unlock()
	if doubt {
		lf.l.background(func(ctx context.Context) { lf.l.check(ctx, lf) })
	}
}

// drop ends the life without a word: the request failed, or nobody will wait.
func (lf *life) drop() {
	if lf == nil {
		return
	}
	lf.l.c.index.remove(lf)
	lf.end(ErrClosed)
}

// fail ends the life of a playback that Asterisk has given up without a word.
func (lf *life) fail() {
	lf.l.c.index.remove(lf)
	lf.mu.Lock()
	if lf.err == nil {
		lf.out.State = string(PlaybackStateFailed)
	}
	lf.mu.Unlock()
	lf.end(&EndError{Entity: lf.at.own.String(), Reason: ErrEnded})
}

// wait returns when any of the stages has been reached. If the entity ends
// without, or if nobody can know, the error says so: an [*EndError], or the
// client's own end. Only what a regular end left behind, when stageEnded was
// waited for, comes without an error.
func (lf *life) wait(ctx context.Context, stages stage) (outcome, error) {
	if lf == nil {
		return outcome{}, ErrNoEvents
	}
	for {
		lf.mu.Lock()
		out, err, reached := lf.out, lf.err, lf.reached&stages != 0
		wake := lf.wake
		if wake == nil && !reached && err == nil {
			wake = make(chan struct{})
			lf.wake = wake
		}
		lf.mu.Unlock()
		switch {
		case reached:
			return out, nil
		case err != nil:
			return out, err
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return out, ctxError(ctx)
		}
	}
}

var errTooLong = errors.New("too long")

// waitAtMost is wait, and fails with errTooLong after some time.
func (lf *life) waitAtMost(ctx context.Context, d time.Duration, stages stage) (outcome, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d, errTooLong)
	defer cancel()
	return lf.wait(ctx, stages)
}

func (lf *life) places() places { return lf.at }

func (lf *life) wants(k *eventKind) interest {
	switch lf.at.own.kind {
	case kindChannel:
		switch k.role {
		case roleStasisStart, roleChannelStateChange:
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

func (lf *life) offer(in *inbound) {
	if lf.wants(in.kind) == wantsEvent && in.stays {
		return
	}
	state := in.state(lf.at.own)
	lf.mu.Lock()
	defer lf.mu.Unlock()
	if lf.wants(in.kind) == wantsEvent {
		lf.out.Event = in.ev
	}
	switch in.kind.role {
	case roleStasisStart:
		lf.reach(stageEntered)
		if state == "Up" {
			lf.reach(stageAnswered)
		}
	case roleChannelStateChange:
		if state == "Up" {
			lf.reach(stageAnswered)
		}
	case roleStasisEnd:
		lf.reach(stageLeft)
	case rolePlaybackFinished, roleRecordingFinished:
		lf.out.State = state
		if state == "failed" { // of both
			lf.out.CutOff = lf.l.cutOff(in)
		}
	case roleChannelDestroyed:
		if end := in.endError(kindChannel, ErrChannelDestroyed); !in.gap {
			lf.out.Cause, lf.out.CauseText = end.Cause, end.CauseText
		}
	default:
	}
}

// state is the state in which the event shows an entity.
func (in *inbound) state(key entityKey) string {
	if in.scan == nil {
		return ""
	}
	for _, ref := range in.kind.refs {
		m := ref.find(in.scan)
		if m == nil || ref.kind != key.kind {
			continue
		}
		id := m.ID
		if key.kind == kindRecording {
			id = m.Name
		}
		if string(in.scan.Text(id)) == key.id {
			return string(in.scan.Text(m.State))
		}
	}
	return ""
}

// reach notes stages. Call it with mu held.
func (lf *life) reach(s stage) {
	if lf.reached|s != lf.reached {
		lf.reached |= s
		lf.changed()
	}
}

// changed wakes those who wait. Call it with mu held.
func (lf *life) changed() {
	if lf.wake != nil {
		close(lf.wake)
		lf.wake = nil
	}
}

// end is the listener's end: the entity has ended, or what it runs on has, or
// nobody will hear of it any more.
func (lf *life) end(err error) {
	lf.mu.Lock()
	defer lf.mu.Unlock()
	if lf.err != nil {
		return
	}
	if lf.originated {
		lf.l.memory.forgetOriginated(lf.at.own.id)
	}
	lf.err = err
	var ended *EndError
	if errors.As(err, &ended) && errors.Is(err, ErrEnded) && ended.Entity == lf.at.own.String() {
		lf.reached |= stageEnded
		if lf.reached&stageEntered != 0 {
			lf.reached |= stageLeft
		}
	}
	lf.changed()
}
