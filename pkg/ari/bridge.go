package ari

import (
	"context"

	"github.com/ari-go/ari/gen"
)

// Bridge is a place in which channels hear each other: the snapshot of when it was read or came with an event,
// and its controller. The snapshot never changes under its reader; Refresh reads a new one.
type Bridge struct {
	gen.Bridge // ID, Name, BridgeType, Channels, VideoMode, Creator, CreationTime, ...

	ctrl *Controller
}

// Bridge returns a handle for a bridge by its id, without a request.
func (c *Controller) Bridge(id string) *Bridge {
	return &Bridge{Bridge: gen.Bridge{ID: id}, ctrl: c}
}

func (o *Bridge) scope() scope {
	if o == nil {
		return scope{}
	}
	return o.ctrl.scopeOf(places{own: o.key()})
}

func (o *Bridge) key() entityKey { return o.ctrl.key(kindBridge, o.ID) }

// Done returns a channel that is closed when the bridge is destroyed, as far as that is told: see [Application.Subscribe]. It
// is closed already without a connected client.
func (o *Bridge) Done() <-chan struct{} { return o.Controller().done(o.scope().at.own) }

// AddChannel puts channels, by their ids, into the bridge. It returns when they are in, which behind a running
// playback of the channel takes until that ends: bound it with ctx. It fails with ErrNotFound if there is no
// such bridge, ErrInvalid if there is no such channel, ErrUnprocessable if a channel isn't in Stasis, and
// ErrNotInStasis if it is being recorded or the bridge isn't one of Stasis's.
func (o *Bridge) AddChannel(ctx context.Context, ids ...string) error {
	return o.AddChannelWith(ctx, AddChannelOptions{}, ids...)
}

// AddChannelWith is AddChannel with options.
func (o *Bridge) AddChannelWith(ctx context.Context, opts AddChannelOptions, ids ...string) error {
	req, err := o.begin(ctx, opBridgesAddChannel)
	if err != nil {
		return err
	}
	params := opts.params()
	params.Channel = ids
	resp, err := o.ctrl.api.BridgesAddChannel(req, o.ID, params)
	return req.done(resp, err)
}

// Stop destroys a bridge that was made through ARI. Its channels are not hung up: they leave the bridge and stay in their
// application. What plays on it or records it ends. It fails with ErrNotFound if there is no such bridge, ErrNotInStasis
// if it was not made through ARI.
func (o *Bridge) Stop(ctx context.Context) error {
	req, err := o.begin(ctx, opBridgesDestroy)
	if err != nil {
		return err
	}
	resp, err := o.ctrl.api.BridgesDestroy(req, o.ID)
	if err := req.done(resp, err); err != nil {
		return err
	}
	if o.ctrl.feed != nil {
		o.ctrl.feed.bridgeStopped(o.ID)
	}
	return nil
}

// Play plays media, such as "sound:hello-world", to all channels in the bridge. It returns when the playback is
// queued; [Playback.Wait] waits for its end, and misses nothing. It fails with ErrNotFound if the bridge is gone.
// A medium that doesn't exist is no error here, but of Wait.
func (o *Bridge) Play(ctx context.Context, media ...string) (*Playback, error) {
	return o.PlayWith(ctx, BridgePlayOptions{}, media...)
}

// PlayWith is Play with options. If they have no id for the playback, it gets one of ours.
func (o *Bridge) PlayWith(ctx context.Context, opts BridgePlayOptions, media ...string) (*Playback, error) {
	id := or(opts.PlaybackID, o.Controller().NewID())
	req, err := o.begin(ctx, opBridgesPlayWithId, id)
	if err != nil {
		return nil, err
	}
	if err := o.ctrl.hear(ctx, kindBridge, o.ID); err != nil {
		return nil, err
	}
	l := o.ctrl.expect(expectation{kind: kindPlayback, id: id, on: o.key()})
	params := opts.params()
	params.Media = media
	resp, err := o.ctrl.api.BridgesPlayWithID(req, o.ID, id, params)
	return made[Playback](req, l, resp, err)
}

// Record records what is heard in the bridge to a file of that name and format, such as "wav". The empty name is
// replaced by one of ours. [LiveRecording.Wait] waits for its end, and misses nothing. It fails with ErrNotFound
// if the bridge is gone, ErrConflict if the name is taken, ErrUnprocessable if the format is unknown.
func (o *Bridge) Record(ctx context.Context, name, format string) (*LiveRecording, error) {
	return o.RecordWith(ctx, name, format, BridgeRecordOptions{})
}

// RecordWith is Record with options.
func (o *Bridge) RecordWith(ctx context.Context, name, format string, opts BridgeRecordOptions) (*LiveRecording, error) {
	name = or(name, o.Controller().NewID())
	req, err := o.begin(ctx, opBridgesRecord)
	if err != nil {
		return nil, err
	}
	if err := o.ctrl.hear(ctx, kindBridge, o.ID); err != nil {
		return nil, err
	}
	l := o.ctrl.expect(expectation{kind: kindRecording, id: name, on: o.key()})
	params := opts.params()
	params.Name, params.Format = name, format
	resp, err := o.ctrl.api.BridgesRecord(req, o.ID, params)
	return made[LiveRecording](req, l, resp, err)
}

// SetVariable sets a variable of the bridge. It fails with ErrNotFound if the bridge is gone, ErrInvalid if the
// name is empty. Since Asterisk 20.20, 22.10, 23.4.
func (o *Bridge) SetVariable(ctx context.Context, name, value string) error {
	return o.setVariable(ctx, name, value, false)
}

// SetReportedVariable is SetVariable for a variable that the bridge's events carry from then on.
// Since Asterisk 20.20, 22.10, 23.4.
func (o *Bridge) SetReportedVariable(ctx context.Context, name, value string) error {
	return o.setVariable(ctx, name, value, true)
}

func (o *Bridge) setVariable(ctx context.Context, name, value string, report bool) error {
	req, err := o.begin(ctx, opBridgesSetBridgeVar)
	if err != nil {
		return err
	}
	resp, err := o.ctrl.api.BridgesSetBridgeVar(req, o.ID, &gen.BridgesSetBridgeVarParams{
		Variable: name, Value: &value, ReportEvents: optional(report),
	})
	return req.done(resp, err)
}

// SetVariables sets several variables at once. It fails as SetVariable does. Since Asterisk 20.20, 22.10, 23.4.
func (o *Bridge) SetVariables(ctx context.Context, values map[string]string) error {
	return o.setVariables(ctx, variables(values, nil))
}

// SetReportedVariables is SetVariables for variables that the bridge's events carry from then on. It fails as SetVariable
// does. Since Asterisk 20.20, 22.10, 23.4.
func (o *Bridge) SetReportedVariables(ctx context.Context, values map[string]string) error {
	return o.setVariables(ctx, variables(nil, values))
}

func (o *Bridge) setVariables(ctx context.Context, values map[string]gen.VariableValue) error {
	req, err := o.begin(ctx, opBridgesSetBridgeVars)
	if err != nil {
		return err
	}
	resp, err := o.ctrl.api.BridgesSetBridgeVars(req, o.ID, gen.BridgesSetBridgeVarsJSONRequestBody{Variables: values})
	return req.done(resp, err)
}
