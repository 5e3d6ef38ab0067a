package ari

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// What becomes of the things that objects stand for. The session that hears of it is above the objects; here is what they
// need of it.

// A stage is something that happens once in an entity's life.
type stage uint8

const (
	stageAnswered stage = 1 << iota // a channel is up
	stageEntered                    // a channel is in one of the client's applications
	stageReady                      // a channel is up, and in its application if it was made for one
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

	// End is why it ended: an [*EndError], or the client's own end. It is nil while it lives.
	End error
}

// A life follows one entity from the request that makes it, or from the moment when somebody starts to wait for it, to its
// end. It costs no goroutine.
//
// For a command that makes something:
//
//	l := ctrl.expect(expectation{kind: kindPlayback, id: id, on: key}) // before the request
//	... the request ...
//	l.settle(err)
//
// For a handle that was made from an id:
//
//	l, release, err := ctrl.watch(ctx, kindChannel, id) // asks Asterisk whether it exists
//	if err != nil { return err }
//	defer release()
//	out, err := l.wait(ctx, stageEnded)
type life interface {
	// settle tells how the request went that makes the entity.
	settle(err error)

	// wait returns when any of the stages has been reached. If the entity ends without, or if nobody can know, the error
	// says so: an [*EndError], or the client's own end. Only what a regular end left behind, when stageEnded was waited
	// for, comes without an error.
	wait(ctx context.Context, stages stage) (outcome, error)

	// giveUp ends the life of a playback that Asterisk has no more and never told of, unless events don't flow.
	giveUp()
}

// An expectation says what a request is about to make.
type expectation struct {
	kind entityKind
	id   string

	// on is the channel or bridge that a playback or recording runs on, else the zero key.
	on entityKey

	// app is the application that a channel is made for; "" is the dialplan.
	app string

	// subscribed says that Asterisk subscribes the application to the channel, and so tells of its end even if it has left
	// by then.
	subscribed bool
}

// A feed is what a controller and its objects need of the session whose events they have.
type feed interface {
	tracker
	observer
	subscriber
}

// A tracker knows what becomes of entities.
type tracker interface {
	// expect starts the life of an entity that a request is about to make; nil if nobody would tell of it.
	expect(e expectation) life

	// watch starts the life of an entity that should exist already, and asks Asterisk what has become of it so far. If it
	// doesn't exist, watch fails with an error that is [ErrNotFound].
	watch(ctx context.Context, kind entityKind, id string) (l life, release func(), err error)

	// ending returns a context that ends with parent, or with an entity, and then its cause is an [*EndError]; a channel's
	// stay in the application counts as its life. cancel must be called in the end.
	ending(parent context.Context, key entityKey) (ctx context.Context, cancel context.CancelFunc)

	// done returns a channel that is closed when an entity ends; a channel's stay in the application counts as its life.
	done(key entityKey) <-chan struct{}

	// begun reports whether events come, or will again.
	begun() bool

	// hear subscribes the client's application to an object, unless it hears of it anyway, so that whoever waits for the
	// object's events doesn't wait for ever. It leaves it to others to tell that there is no such object.
	hear(ctx context.Context, kind entityKind, id string) error
}

// An observer is told of commands whose effect no event tells, or tells too late.
type observer interface {
	// hangingUp notes that the client itself hangs a channel up, or, since that has failed, doesn't.
	hangingUp(channel string, ours bool)

	// sentAway notes that the client itself has sent a channel on in the dialplan.
	sentAway(channel string)

	// bridgeStopped ends what waits for a bridge's events once it has been destroyed.
	bridgeStopped(id string)

	// misfit notes that a part of an event could not be read.
	misfit(event string, err error)
}

// A subscriber remembers what an application has been told, and tells it again when Asterisk has forgotten it.
type subscriber interface {
	// subscribing notes that an application is about to be subscribed to sources, and unsubscribing that it is about to be
	// unsubscribed. settle tells how that went.
	subscribing(app string, sources []string) (settle func(error))
	unsubscribing(app string, sources []string) (settle func(error))

	// filtered notes the event filter of an application, as the body of the request that sets it, and the types that it
	// lets pass only because the client itself lives by them. A nil body is none.
	filtered(app string, body json.RawMessage, ownOnly []string)
}

// waitBriefly is life.wait, and fails with errTooLong after some time.
func waitBriefly(ctx context.Context, l life, d time.Duration, stages stage) (outcome, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d, errTooLong)
	defer cancel()
	return l.wait(ctx, stages)
}

var errTooLong = errors.New("too long")

// An unknownLife is that of an entity whose end nobody tells: waiting fails with [ErrNoEvents].
type unknownLife struct{}

func (unknownLife) settle(error) {}

func (unknownLife) wait(context.Context, stage) (outcome, error) { return outcome{}, ErrNoEvents }

func (unknownLife) giveUp() {}

// expect is the session's; without one nobody tells what becomes of anything.
func (c *Controller) expect(e expectation) life {
	if c == nil || c.feed == nil {
		return unknownLife{}
	}
	if l := c.feed.expect(e); l != nil {
		return l
	}
	return unknownLife{}
}

func (c *Controller) watch(ctx context.Context, kind entityKind, id string) (l life, release func(), err error) {
	if c == nil || c.api == nil {
		return nil, nil, errNoController
	}
	if c.feed == nil {
		return nil, nil, ErrNoEvents
	}
	return c.feed.watch(ctx, kind, id)
}

func (c *Controller) hear(ctx context.Context, kind entityKind, id string) error {
	if c.feed == nil {
		return nil
	}
	return c.feed.hear(ctx, kind, id)
}

// ending is the session's; without one nobody tells when anything ends.
func (c *Controller) ending(parent context.Context, key entityKey) (context.Context, context.CancelFunc) {
	if c == nil || c.feed == nil {
		ctx, cancel := context.WithCancelCause(parent)
		cancel(ErrNoEvents)
		return ctx, func() {}
	}
	return c.feed.ending(parent, key)
}

// done returns a channel that is closed when an entity ends.
func (c *Controller) done(key entityKey) <-chan struct{} {
	if c == nil || c.feed == nil {
		ctx, _ := c.ending(context.Background(), key)
		return ctx.Done()
	}
	return c.feed.done(key)
}

// hasEvents reports whether somebody tells what becomes of what is made.
func (c *Controller) hasEvents() bool { return c != nil && c.feed != nil && c.feed.begun() }

// key names an entity of the controller's Asterisk.
func (c *Controller) key(kind entityKind, id string) entityKey {
	key := entityKey{kind: kind, id: id}
	if c != nil {
		key.session = c.sessionID
	}
	return key
}

// A maker is an object that a request can make, and whose life is followed from before that.
type maker interface {
	binder
	follow(l life)
}

func (o *Channel) follow(l life)       { o.life = l }
func (o *Playback) follow(l life)      { o.life = l }
func (o *LiveRecording) follow(l life) { o.life = l }

// target is the entity that a target_uri names, or the zero key.
func (c *Controller) target(uri string) entityKey {
	if c == nil {
		return entityKey{}
	}
	return targetKey(c.sessionID, uri)
}

// scopeOf makes the scope of an object.
func (c *Controller) scopeOf(at places) scope {
	if c == nil || c.feed == nil {
		return scope{at: at}
	}
	return scope{at: at, feed: c.feed}
}

// NewID makes an id for something that Asterisk is asked to make, such as [PlayOptions].PlaybackID. The methods that make
// something do so themselves where they are given none. An id tells by itself which application's program has made it, and
// in which run: see [WithSweep]. All have the same length, since Asterisk takes an id for taken when a living one begins with
// it.
func (c *Controller) NewID() string {
	if c == nil {
		return "" // The request will be refused.
	}
	return c.ids.next()
}
