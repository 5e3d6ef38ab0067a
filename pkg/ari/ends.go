package ari

import (
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

	ours bool // the client itself has hung up
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

// Is reports whether target is ErrEnded and this a regular end.
func (e *EndError) Is(target error) bool {
	return target == ErrEnded && e.Reason != ErrGap
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

// HandlerError reports that a handler returned an error or panicked. In the
// latter case Err is a [*PanicError].
type HandlerError struct {
	// Handler is the handler's event type, such as "*ari.StasisStart".
	Handler string

	// Event is the event that it was handling.
	Event Event

	// Entity is what the event is about.
	Entity Entity

	// Err is what it returned.
	Err error
}

func (e *HandlerError) Error() string {
	return fmt.Sprintf("ari: handler of %s on %s: %s", e.Handler, describe(e.Event, e.Entity), bare(e.Err))
}

// Unwrap returns the handler's own error.
func (e *HandlerError) Unwrap() error { return e.Err }

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

type playbackError struct {
	id    string
	media string
}

func (e *playbackError) Error() string {
	if e.media != "" {
		return fmt.Sprintf("%v: %s (%s)", ErrPlaybackFailed, e.id, e.media)
	}
	return fmt.Sprintf("%v: %s", ErrPlaybackFailed, e.id)
}

func (e *playbackError) Is(target error) bool { return target == ErrPlaybackFailed }

type recordingError struct {
	recording *LiveRecording
}

func (e *recordingError) Error() string {
	if e.recording == nil {
		return ErrRecordingFailed.Error()
	}
	return fmt.Sprintf("%v: %s: %s", ErrRecordingFailed, e.recording.Name, e.recording.Cause)
}

func (e *recordingError) Is(target error) bool { return target == ErrRecordingFailed }
