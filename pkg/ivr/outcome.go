package ivr

import (
	"context"
	"errors"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// An Outcome is why something ended.
type Outcome string

// The outcomes. Each function says which of them it has.
const (
	// Answered: somebody has answered; where a conversation was part of it, it is over, and the result says how.
	Answered Outcome = "answered"
	// Busy: the called party is busy.
	Busy Outcome = "busy"
	// NoAnswer: nobody answered in time.
	NoAnswer Outcome = "no answer"
	// Rejected: the called party has refused the call.
	Rejected Outcome = "rejected"
	// Declined: the called party has answered, and didn't want the call then.
	Declined Outcome = "declined"
	// Unreachable: there is no such endpoint, or it is not there.
	Unreachable Outcome = "unreachable"
	// Congestion: no line is free.
	Congestion Outcome = "congestion"
	// Elsewhere: somebody else has answered.
	Elsewhere Outcome = "answered elsewhere"
	// NotTried: somebody was not called, since that wasn't needed any more.
	NotTried Outcome = "not tried"

	// HungUp: the caller has hung up, or has left the application.
	HungUp Outcome = "hung up"
	// PeerHungUp: the other party has hung up, or has left the application.
	PeerHungUp Outcome = "peer hung up"
	// Transferred: the call goes on elsewhere.
	Transferred Outcome = "transferred"
	// TimeLimit: the time is up.
	TimeLimit Outcome = "time limit"

	// Key: the caller has pressed a key that ends it.
	Key Outcome = "key"
	// Done: it came to its end.
	Done Outcome = "done"
	// Silence: the caller has typed nothing, or said nothing.
	Silence Outcome = "silence"
	// Invalid: the caller has typed what isn't asked for, too often.
	Invalid Outcome = "invalid"

	// Discarded: the caller has thrown away what he had said.
	Discarded Outcome = "discarded"

	// Canceled: the context has ended.
	Canceled Outcome = "canceled"
	// Failed: Asterisk refused something, or can't be reached. The error says what.
	Failed Outcome = "failed"
)

// outcomeOf is the outcome that an error stands for, when it ends something for a caller.
func outcomeOf(ctx context.Context, err error) Outcome {
	switch {
	case err == nil:
		return Done
	case errors.Is(err, ari.ErrNoEvents), errors.Is(err, ari.ErrConnection):
		return Failed
	case isEnd(err), isEnd(context.Cause(ctx)), isGone(err):
		return HungUp
	case ctx.Err() != nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, ari.ErrClosed):
		return Canceled
	}
	return Failed
}

// isEnd reports whether an error says that something has come to its end in an orderly way or in a gap.
func isEnd(err error) bool {
	_, ok := errors.AsType[*ari.EndError](err)
	return ok
}

// isGone reports whether an error says that a channel isn't there any more.
func isGone(err error) bool {
	return errors.Is(err, ari.ErrNotFound) || errors.Is(err, ari.ErrNotInStasis)
}

// leaveTime is how long the end of a channel may be on its way behind a command that has failed because of it.
const leaveTime = time.Second

// leaving is why a command has failed: the end of one of the channels that it is about, if that is behind it, or else
// what it said itself.
func leaving(ctx context.Context, err error, of *ari.Channel) error {
	if end, ok := errors.AsType[*ari.EndError](context.Cause(ctx)); ok {
		return end
	}
	if err == nil || ctx.Err() != nil || isEnd(err) || !isGone(err) {
		return err
	}
	lag, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	ending, release := of.Context(lag)
	defer release()
	<-ending.Done()
	if end, ok := errors.AsType[*ari.EndError](context.Cause(ending)); ok {
		return end
	}
	return err
}

// reasonOf is why ctx has ended: what Asterisk said, or what context's error and its cause say.
func reasonOf(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if isEnd(cause) || errors.Is(cause, ari.ErrNoEvents) || errors.Is(cause, err) {
		return cause
	}
	return errors.Join(err, cause)
}
