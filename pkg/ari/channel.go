package ari

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/ari-go/ari/gen"
)

// Channel is one leg of a call: the snapshot of when it was read or came with an event, and its controller.
// The snapshot never changes under its reader; Refresh reads a new one. Its methods act on the channel as
// it is now.
//
// The methods with the name of an operation return when Asterisk has taken the command, which for most of
// them doesn't mean that it is done; Answer returns when the channel has been answered.
type Channel struct {
	gen.Channel // ID, Name, State, Caller, Connected, Dialplan, CreationTime, Language, ChannelVars, ...

	ctrl *Controller
	life life // of a channel that this client made
}

// Channel returns a handle for a channel by its id, without a request.
func (c *Controller) Channel(id string) *Channel {
	return &Channel{Channel: gen.Channel{ID: id}, ctrl: c}
}

func (o *Channel) scope() scope {
	if o == nil {
		return scope{}
	}
	return o.ctrl.scopeOf(places{own: o.key()})
}

func (o *Channel) key() entityKey { return o.ctrl.key(kindChannel, o.ID) }

// Stop hangs the channel up with the normal cause. It fails with ErrNotFound if the channel is gone.
func (o *Channel) Stop(ctx context.Context) error { return o.Hangup(ctx, "") }

// Hangup hangs the channel up, for a reason that becomes the hangup cause; the empty reason is
// HangupReasonNormal. It works on any channel, not only on those in Stasis. It fails with ErrNotFound if the
// channel is gone, and with ErrInvalid for an unknown reason. Since Asterisk 12; most reasons since 16.2.
func (o *Channel) Hangup(ctx context.Context, reason HangupReason) error {
	return o.hangup(ctx, &gen.ChannelsHangupParams{Reason: optional(reason)})
}

// HangupWithCode hangs the channel up with a cause given by its number (ITU-T Q.850), such as [CauseRejected]; 0 is
// CauseNormal. It fails as Hangup does. Since Asterisk 17.
//
// An Asterisk that is too old for it would hang up with the normal cause; there it is ErrUnsupported.
func (o *Channel) HangupWithCode(ctx context.Context, cause int) error {
	if cause < 0 {
		return refuse(opChannelsHangup, "the cause %d is none", cause)
	}
	if cause == 0 {
		cause = CauseNormal
	}
	if err := o.Controller().needs(ctx, opChannelsHangup, "reason_code"); err != nil {
		return err
	}
	code := strconv.Itoa(cause)
	return o.hangup(ctx, &gen.ChannelsHangupParams{ReasonCode: &code})
}

func (o *Channel) hangup(ctx context.Context, params *gen.ChannelsHangupParams) error {
	req, err := o.begin(ctx, opChannelsHangup)
	if err != nil {
		return err
	}
	feed := o.ctrl.feed
	if feed != nil {
		feed.hangingUp(o.ID, true)
	}
	resp, err := o.ctrl.api.ChannelsHangup(req, o.ID, params)
	if err != nil && feed != nil {
		feed.hangingUp(o.ID, false)
	}
	return req.done(resp, err)
}

// sentAway tells that the channel goes on in the dialplan by our own will.
func (o *Channel) sentAway() {
	if o.ctrl.feed != nil {
		o.ctrl.feed.sentAway(o.ID)
	}
}

// Play plays media, such as "sound:hello-world" or "tone:ring", one after the other. It returns when the
// playback is queued; [Playback.Wait] waits for its end, and misses nothing. It fails with ErrNotFound if the
// channel is gone, ErrNotInStasis if it has left the application, ErrPreconditionFailed if it isn't answered.
// A medium that doesn't exist is no error here, but of Wait.
func (o *Channel) Play(ctx context.Context, media ...string) (*Playback, error) {
	return o.PlayWith(ctx, PlayOptions{}, media...)
}

// PlayWith is Play with options. If they have no id for the playback, it gets one of ours.
func (o *Channel) PlayWith(ctx context.Context, opts PlayOptions, media ...string) (*Playback, error) {
	id := or(opts.PlaybackID, o.Controller().NewID())
	req, err := o.begin(ctx, opChannelsPlayWithId, id)
	if err != nil {
		return nil, err
	}
	l := o.ctrl.expect(expectation{kind: kindPlayback, id: id, on: o.key()})
	params := opts.params()
	params.Media = media
	resp, err := o.ctrl.api.ChannelsPlayWithID(req, o.ID, id, params)
	return made[Playback](req, l, resp, err)
}

// Record records what comes from the channel to a file of that name and format, such as "wav". The empty name
// is replaced by one of ours. It returns when the recording is queued; [LiveRecording.Wait] waits for its end,
// and misses nothing. It fails with ErrNotFound if the channel is gone, ErrNotInStasis if it has left the
// application or the name is taken, ErrUnprocessable if the format is unknown. A channel in a bridge can't be
// recorded: the recording fails at once. Record the bridge, or snoop.
func (o *Channel) Record(ctx context.Context, name, format string) (*LiveRecording, error) {
	return o.RecordWith(ctx, name, format, RecordOptions{})
}

// RecordWith is Record with options.
func (o *Channel) RecordWith(ctx context.Context, name, format string, opts RecordOptions) (*LiveRecording, error) {
	name = or(name, o.Controller().NewID())
	req, err := o.begin(ctx, opChannelsRecord)
	if err != nil {
		return nil, err
	}
	l := o.ctrl.expect(expectation{kind: kindRecording, id: name, on: o.key()})
	params := opts.params()
	params.Name, params.Format = name, format
	resp, err := o.ctrl.api.ChannelsRecord(req, o.ID, params)
	return made[LiveRecording](req, l, resp, err)
}

// Context returns a context that ends with parent, or when the channel leaves the application or is destroyed; then
// [context.Cause] is an [*EndError]. It is to any channel what the context of a StasisStart handler is to that one: a select
// on two of them tells who has hung up first. cancel releases it. Without a connected client it has ended already, with
// [ErrNoEvents].
func (o *Channel) Context(parent context.Context) (ctx context.Context, cancel context.CancelFunc) {
	return o.Controller().ending(parent, o.scope().at.own)
}

// Done returns a channel that is closed when this one leaves the application or is destroyed, as [Channel.Context] ends.
// What it takes is released then, or with the client.
func (o *Channel) Done() <-chan struct{} { return o.Controller().done(o.scope().at.own) }

// Snoop makes a channel that listens to this one (Spy) or speaks into it (Whisper), and puts it into an
// application: opts.App, or the client's, whose handlers of OnStasisStart don't get it. At least one direction must be
// given. With a connected client it returns when the channel has entered the client's application. It fails with
// ErrNotFound if the channel is gone, ErrInvalid without a direction.
func (o *Channel) Snoop(ctx context.Context, opts SnoopOptions) (*Channel, error) {
	id := or(opts.SnoopID, o.Controller().NewID())
	req, err := o.begin(ctx, opChannelsSnoopChannelWithId, id)
	if err != nil {
		return nil, err
	}
	l := o.ctrl.expect(expectation{kind: kindChannel, id: id, app: or(opts.App, o.ctrl.application)})
	params := opts.params()
	params.App = or(opts.App, o.ctrl.application)
	resp, err := o.ctrl.api.ChannelsSnoopChannelWithID(req, o.ID, id, params)
	ch, err := made[Channel](req, l, resp, err)
	if err != nil {
		return nil, err
	}
	return ch.entered(ctx)
}

// SetVariable sets a channel variable, or calls a dialplan function that can be written to, such as
// CALLERID(name). It works on any channel. It fails with ErrNotFound if the channel is gone, ErrInvalid if the
// name is empty. Since Asterisk 20.20, 22.10, 23.4 it returns when the variable is set, before when the command is
// queued.
func (o *Channel) SetVariable(ctx context.Context, name, value string) error {
	return o.setVariable(ctx, name, value, false)
}

// SetReportedVariable is SetVariable for a variable that the channel's events carry from then on.
// Since Asterisk 20.20, 22.10, 23.4; older versions set the variable without reporting it.
func (o *Channel) SetReportedVariable(ctx context.Context, name, value string) error {
	return o.setVariable(ctx, name, value, true)
}

func (o *Channel) setVariable(ctx context.Context, name, value string, report bool) error {
	req, err := o.begin(ctx, opChannelsSetChannelVar)
	if err != nil {
		return err
	}
	resp, err := o.ctrl.api.ChannelsSetChannelVar(req, o.ID, &gen.ChannelsSetChannelVarParams{
		Variable: name, Value: &value, ReportEvents: optional(report),
	})
	return req.done(resp, err)
}

// SetVariables sets several variables at once. It fails as SetVariable does. Since Asterisk 20.20, 22.10, 23.4.
func (o *Channel) SetVariables(ctx context.Context, values map[string]string) error {
	return o.setVariables(ctx, variables(values, nil))
}

// SetReportedVariables is SetVariables for variables that the channel's events carry from then on. It fails as SetVariable
// does. Since Asterisk 20.20, 22.10, 23.4.
func (o *Channel) SetReportedVariables(ctx context.Context, values map[string]string) error {
	return o.setVariables(ctx, variables(nil, values))
}

func (o *Channel) setVariables(ctx context.Context, values map[string]gen.VariableValue) error {
	req, err := o.begin(ctx, opChannelsSetChannelVars)
	if err != nil {
		return err
	}
	resp, err := o.ctrl.api.ChannelsSetChannelVars(req, o.ID, gen.ChannelsSetChannelVarsJSONRequestBody{Variables: values})
	return req.done(resp, err)
}

// WaitAnswered returns when the channel is up: nil if it is answered; an [*EndError], with the hangup cause, if
// it is refused, busy, not answered in time or hung up before; ctx's error when ctx ends.
//
// For a channel that this client made, by Originate for example, nothing is missed, however late WaitAnswered is
// called. For others, the channel is asked for its state first.
func (o *Channel) WaitAnswered(ctx context.Context) error {
	return o.waitFor(ctx, stageReady)
}

// WaitStasis returns when the channel is in the client's application: nil once it has entered; an [*EndError] if
// it ends before. It fails with ctx's error when ctx ends. Only the entry of a channel that this client made
// can be seen, or one that is still to come.
func (o *Channel) WaitStasis(ctx context.Context) error {
	return o.waitFor(ctx, stageEntered)
}

// WaitEnd returns when the channel is gone, or has left the application and nothing more will be heard of it:
// the [*EndError] says which, with the hangup cause if the channel is gone. A channel that this client made for its
// application is followed to its very end; one that came in through the dialplan, until it leaves the application. The error is ErrNotFound if the channel is
// gone already; ctx's error when ctx ends; what ended the connection if that is what happened.
func (o *Channel) WaitEnd(ctx context.Context) (*EndError, error) {
	l, release, err := o.lived(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	out, err := l.wait(ctx, stageEnded)
	if err != nil {
		return nil, err
	}
	end, ok := errors.AsType[*EndError](out.End)
	if !ok {
		return nil, out.End
	}
	return end, nil
}

// entered waits for a channel that enters an application by itself: Asterisk answers before it has, and a command that
// comes too early fails. Without the application's events there is nothing to wait for.
func (o *Channel) entered(ctx context.Context) (*Channel, error) {
	_, err := o.life.wait(ctx, stageEntered)
	if err == nil || errors.Is(err, ErrNoEvents) {
		return o, nil
	}
	// Nobody else knows of it. It is gone already, most likely.
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	_ = o.Stop(clean)
	return nil, err
}

// cleanupTimeout bounds a request that clears up after a failure, when the caller's context has ended.
const cleanupTimeout = 5 * time.Second

func (o *Channel) waitFor(ctx context.Context, s stage) error {
	l, release, err := o.lived(ctx)
	if err != nil {
		return err
	}
	defer release()
	_, err = l.wait(ctx, s)
	return err
}

// lived returns the channel's life, or starts one that ends with release.
func (o *Channel) lived(ctx context.Context) (l life, release func(), err error) {
	if o == nil {
		return nil, nil, errNoController
	}
	if o.life != nil {
		return o.life, func() {}, nil
	}
	return o.ctrl.watch(ctx, kindChannel, o.ID)
}
