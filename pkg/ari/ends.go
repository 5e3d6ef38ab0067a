package ari

import (
	"bytes"
	"errors"
	"fmt"
)

// Why something that somebody waited for, or lived by, is over. See [EndError].
var (
	// ErrEnded matches every regular end: Asterisk said that the channel, bridge,
	// playback or recording is over. It matches neither ErrGap nor ErrClosed.
	ErrEnded = errors.New("ari: ended")

	// ErrLeftStasis: the channel left the application. It may live on elsewhere.
	ErrLeftStasis = errors.New("ari: channel left the application")

	// ErrChannelDestroyed: the channel is gone.
	ErrChannelDestroyed = errors.New("ari: channel destroyed")

	// ErrGap: it ended while the connection to Asterisk was down, so that nobody
	// can say how.
	ErrGap = errors.New("ari: ended while the connection was down")

	// ErrClosed: the client, or the subscription, has been closed by its user.
	ErrClosed = errors.New("ari: closed")

	// ErrReplaced: another client has connected with the same application name,
	// and gets its events now. Connecting again would take them back, and the two
	// would go on robbing each other; so the client ends.
	ErrReplaced = errors.New("ari: application taken over by another client")

	// ErrNoEvents: the controller was made without a client, or the client has not
	// connected yet, so nothing can be waited for.
	ErrNoEvents = errors.New("ari: no events without a connected client")
)

// EndError says what ended and why. It is the cause ([context.Cause]) of the end of
// a StasisStart handler's context, and the error of a subscription or a wait
// whose object is over.
//
// Reason is one of [ErrLeftStasis], [ErrChannelDestroyed], [ErrEnded] and [ErrGap],
// and [errors.Is] finds it. All but ErrGap are ErrEnded too.
type EndError struct {
	// Entity is what ended.
	Entity Entity

	// Reason is why.
	Reason error

	// Cause is the hangup cause (ITU-T Q.850) of a destroyed channel, such as [CauseBusy], or 0.
	Cause int

	// CauseText is Asterisk's name for Cause.
	CauseText string

	// DialStatus is how a call to the channel went, of a channel that this client has made: "ANSWER", "BUSY", "NOANSWER",
	// "CONGESTION", "CHANUNAVAIL", "CANCEL", or "RINGING" and the like if it was not answered. It is empty where nothing was
	// told.
	DialStatus string

	ours      bool // the client itself has hung up
	unreached bool // the channel came to its end before anybody was called
}

func (e *EndError) Error() string {
	text := "ari: " + e.Entity.String() + ": " + bare(e.Reason)
	if e.Cause != 0 || e.CauseText != "" {
		text += fmt.Sprintf(" (cause %d, %s)", e.Cause, e.CauseText)
	}
	return text
}

// Unwrap returns the reason.
func (e *EndError) Unwrap() error { return e.Reason }

// isOf reports whether it is a channel that ended, by its id.
func (e *EndError) isOf(channel string) bool { return e.Entity == Entity{Kind: "channel", ID: channel} }

// Is reports whether target is ErrEnded and this a regular end, or whether it says why a call has failed, as the hangup
// cause does: ErrBusy, ErrNoAnswer, ErrRejected, ErrUnreachable, ErrCongestion.
func (e *EndError) Is(target error) bool {
	switch target {
	case ErrEnded:
		return e.Reason != ErrGap
	case ErrUnreachable:
		return e.unreached || failureOf(e.Cause) == target
	case ErrBusy, ErrNoAnswer, ErrRejected, ErrCongestion:
		return failureOf(e.Cause) == target
	}
	return false
}

// OverflowError reports that a listener has fallen behind. Once per episode it tells that events for it are being thrown
// away; [Client.Stats] counts these. Events that start or end something are never thrown away: that they pile up is told
// when they pass the event buffer, and at each doubling.
type OverflowError struct {
	// Listener is the handler or subscription, by its event type, such as
	// "handler of *ari.ChannelDtmfReceived".
	Listener string

	// Entity is the channel or other thing whose events wait; zero where the events belong to no entity.
	Entity Entity

	// Waiting is the number of events that wait.
	Waiting int

	// Losing says that events are being thrown away; otherwise they only pile up.
	Losing bool
}

func (e *OverflowError) Error() string {
	text := "ari: " + e.Listener + " falls behind"
	if e.Entity != (Entity{}) {
		text += " on " + e.Entity.String()
	}
	text += fmt.Sprintf(": %d events wait", e.Waiting)
	if e.Losing {
		text += ", more are lost"
	}
	return text
}

// PanicError is a panic that was caught.
type PanicError struct {
	// Value is what panic was called with.
	Value any

	// Stack is the goroutine's stack at that moment.
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("ari: panic: %v", e.Value) }

// Unwrap returns the value that panic was called with, if it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// FrameError reports a message from Asterisk that could not be read. It has been
// skipped.
type FrameError struct {
	// Frame is the message, or the beginning of a long one.
	Frame []byte

	// Err says what is wrong with it.
	Err error
}

func (e *FrameError) Error() string { return "ari: bad event: " + bare(e.Err) }

// Unwrap returns what is wrong.
func (e *FrameError) Unwrap() error { return e.Err }

// Why a playback or recording did not come out as it should.
var (
	// ErrPlaybackFailed: at least one medium of a playback could not be played.
	ErrPlaybackFailed = errors.New("ari: playback failed")
	// ErrRecordingFailed: a recording could not be made.
	ErrRecordingFailed = errors.New("ari: recording failed")
)

// maxFrameShown is how much of a bad frame is kept for the error handler.
const maxFrameShown = 4096

func newFrameError(frame []byte, err error) *FrameError {
	return &FrameError{Frame: bytes.Clone(frame[:min(len(frame), maxFrameShown)]), Err: err}
}
