package ari

import "errors"

// Hangup causes, by ITU-T Q.850: why a call was refused or has ended. They are in [EndError], [ChannelDestroyed] and
// [ChannelHangupRequest], and [Channel.HangupWithCode] takes them as text. Asterisk makes one of whatever a channel's
// technology has; the SIP statuses named here are those that it takes for the cause, where there is one.
//
// These are the usual ones. Others can come, and 0 where no cause is known.
const (
	// CauseUnallocated says that the number isn't assigned to anybody. SIP: 404, 604.
	CauseUnallocated = 1
	// CauseNoRoute says that the number can't be reached from here.
	CauseNoRoute = 3
	// CauseNormal says that one of the parties has hung up: the regular end.
	CauseNormal = 16
	// CauseBusy says that the called party is busy. SIP: 486, 600.
	CauseBusy = 17
	// CauseNoUserResponse says that the called party's telephone gave no sign. SIP: 408.
	CauseNoUserResponse = 18
	// CauseNoAnswer says that it rang, and nobody answered. SIP: 480.
	CauseNoAnswer = 19
	// CauseSubscriberAbsent says that the called party is not there, such as a mobile telephone that is switched off.
	CauseSubscriberAbsent = 20
	// CauseRejected says that the call was refused. SIP: 401, 403, 407, 603.
	CauseRejected = 21
	// CauseNumberChanged says that the called party has another number now. SIP: 410.
	CauseNumberChanged = 22
	// CauseAnsweredElsewhere says that another telephone has taken the call. Asterisk uses it for the other ones that rang.
	CauseAnsweredElsewhere = 26
	// CauseOutOfOrder says that the called party's telephone or line doesn't work. SIP: 502.
	CauseOutOfOrder = 27
	// CauseInvalidNumber says that the number is incomplete or has a wrong form. SIP: 484.
	CauseInvalidNumber = 28
	// CauseNormalUnspecified is a regular end without a more precise reason.
	CauseNormalUnspecified = 31
	// CauseCongestion says that no line is free. SIP: 503.
	CauseCongestion = 34
	// CauseNetworkOutOfOrder says that the network doesn't work. SIP: 500.
	CauseNetworkOutOfOrder = 38
	// CauseTemporaryFailure says that the network has a fault that will pass.
	CauseTemporaryFailure = 41
	// CauseSwitchCongestion says that a switch on the way has too much to do.
	CauseSwitchCongestion = 42
	// CauseChannelUnavailable says that the line that was asked for isn't free.
	CauseChannelUnavailable = 44
	// CauseBearerNotAvailable says that what the call needs, such as a codec, isn't there. SIP: 488, 606.
	CauseBearerNotAvailable = 58
	// CauseIncompatibleDestination says that the called party can't take this kind of call.
	CauseIncompatibleDestination = 88
	// CauseTimerExpired says that an answer of the other side was waited for in vain. SIP: 504.
	CauseTimerExpired = 102
	// CauseInterworking is for what another network has told and no cause fits.
	CauseInterworking = 127
)

// Why a call has failed, as [Controller.Call] and [Channel.WaitAnswered] tell it: an [*EndError] matches one of them by its
// hangup cause, and the refusal of Originate and CreateChannel to call an endpoint matches ErrUnreachable.
var (
	// ErrBusy: the called party is busy.
	ErrBusy = errors.New("ari: busy")

	// ErrNoAnswer: it rang, and nobody answered in time.
	ErrNoAnswer = errors.New("ari: no answer")

	// ErrRejected: the called party has refused the call.
	ErrRejected = errors.New("ari: call rejected")

	// ErrUnreachable: there is no such endpoint or number, or it is not there.
	ErrUnreachable = errors.New("ari: unreachable")

	// ErrCongestion: no line is free.
	ErrCongestion = errors.New("ari: congestion")
)

// failureOf is why a call has failed whose channel was hung up with a cause; nil if the cause doesn't tell.
func failureOf(cause int) error {
	switch cause {
	case CauseBusy:
		return ErrBusy
	case CauseNoUserResponse, CauseNoAnswer, CauseTimerExpired:
		return ErrNoAnswer
	case CauseRejected:
		return ErrRejected
	case CauseUnallocated, CauseNoRoute, CauseSubscriberAbsent, CauseNumberChanged, CauseOutOfOrder, CauseInvalidNumber:
		return ErrUnreachable
	case CauseCongestion, CauseNetworkOutOfOrder, CauseTemporaryFailure, CauseSwitchCongestion, CauseChannelUnavailable:
		return ErrCongestion
	}
	return nil
}

// causeOfDialing is the hangup cause that a dial status stands for, or 0.
func causeOfDialing(status string) int {
	switch status {
	case "BUSY":
		return CauseBusy
	case "NOANSWER":
		return CauseNoAnswer
	case "CONGESTION":
		return CauseCongestion
	case "CHANUNAVAIL":
		return CauseSubscriberAbsent
	}
	return 0
}
