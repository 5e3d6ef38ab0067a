package ari

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/ari-go/ari/gen"
)

// Time is a time stamp of ARI. It embeds [time.Time].
type Time = gen.Time

// TextOrNumber is a text that some of Asterisk's modules send as a number.
type TextOrNumber = gen.TextOrNumber

// VariableValue is the value of a variable in a request of the generated client.
type VariableValue = gen.VariableValue

// newID makes an id for something that Asterisk is asked to make. It is ours, so that whoever waits for
// its events can be there before it exists. It has no character with a meaning in a URL or in ARI.
func newID() string { return "ari-" + rand.Text() }

// variables joins plain and reported variables; nil if there are none.
func variables(plain, reported map[string]string) map[string]gen.VariableValue {
	if len(plain)+len(reported) == 0 {
		return nil
	}
	all := make(map[string]gen.VariableValue, len(plain)+len(reported))
	for name, value := range plain {
		all[name] = gen.VariableValue{Value: value}
	}
	for name, value := range reported {
		all[name] = gen.VariableValue{Value: value, ReportEvents: true}
	}
	return all
}

// or returns the first of two texts that isn't empty.
func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Playback is a playback on a channel or a bridge: the snapshot of when it was read, and its controller.
// The snapshot never changes; Refresh reads a new one.
type Playback struct {
	gen.Playback // ID, MediaURI, TargetURI, State, Language, ...

	ctrl *Controller
	life *life // of a playback that this client started
}

// Playback returns a handle for a playback by its id, without a request.
func (c *Controller) Playback(id string) *Playback {
	return &Playback{Playback: gen.Playback{ID: id}, ctrl: c}
}

func (o *Playback) bind(c *Controller) {
	if o != nil {
		o.ctrl = c
	}
}

func (o *Playback) scope() places {
	return places{own: entityKey{kind: kindPlayback, id: o.ID}, parent: targetKey(0, o.TargetURI)}
}

// Wait returns when the playback is over: nil if everything was played, or it was stopped; an error that
// is ErrPlaybackFailed if the last medium could not be played; an [*EndError] if the channel was hung up meanwhile, the
// channel or bridge ended first or the connection was down when it ended; ctx's error when ctx ends.
//
// For a playback that was started by this client nothing is missed, however late Wait is called. For a
// handle made from an id it fails with ErrNotFound if the playback is over already.
func (o *Playback) Wait(ctx context.Context) error {
	lf := o.life
	if lf == nil {
		var err error
		if lf, err = o.ctrl.watch(ctx, kindPlayback, o.ID); err != nil {
			return err
		}
		defer lf.drop()
	}
	out, err := o.waitEnd(ctx, lf)
	if err != nil {
		return err
	}
	switch {
	case out.CutOff != nil:
		return out.CutOff
	case out.State == string(PlaybackStateFailed):
		failed := &playbackError{id: o.ID, media: o.MediaURI}
		if ev, ok := out.Event.(*PlaybackFinished); ok && ev.Playback != nil {
			failed.media = ev.Playback.MediaURI // the last one of several
		}
		return failed
	case out.Event == nil:
		return lf.ending()
	}
	return nil
}

// told reports whether Asterisk tells the end of a playback of this medium whatever happens. It gives one up without a
// word if the medium is a recording that doesn't exist, or of a kind that it doesn't know.
func told(media string) bool {
	kind, _, _ := strings.Cut(media, ":")
	switch kind {
	case "sound", "number", "digits", "characters", "tone", "": // The last is a handle's, of which nothing is known.
		return true
	default:
		return false
	}
}

// waitEnd waits for the playback's end, and asks for it now and then where it may never be told.
func (o *Playback) waitEnd(ctx context.Context, lf *life) (outcome, error) {
	if told(o.MediaURI) || o.NextMediaURI != "" {
		return lf.wait(ctx, stageEnded)
	}
	for pause := firstAsked; ; pause *= 2 {
		if out, err := lf.waitAtMost(ctx, pause, stageEnded); !errors.Is(err, errTooLong) {
			return out, err
		}
		if _, err := o.Refresh(ctx); !errors.Is(err, ErrNotFound) {
			continue
		}
		// It is over. If that is told, the event may still be under way, or be lost with the connection.
		if out, err := lf.waitAtMost(ctx, firstAsked, stageEnded); !errors.Is(err, errTooLong) {
			return out, err
		}
		if lf.l.up.Load() {
			lf.fail()
		}
	}
}

// firstAsked is after which time a playback whose end may never be told is asked for first.
const firstAsked = 500 * time.Millisecond

// LiveRecording is a recording that is being made: the snapshot of when it was read, and its controller.
// The snapshot never changes; Refresh reads a new one.
type LiveRecording struct {
	gen.LiveRecording // Name, Format, TargetURI, State, Duration, Cause, ...

	ctrl *Controller
	life *life // of a recording that this client started
}

// LiveRecording returns a handle for a running recording by its name, without a request.
func (c *Controller) LiveRecording(name string) *LiveRecording {
	return &LiveRecording{LiveRecording: gen.LiveRecording{Name: name}, ctrl: c}
}

func (o *LiveRecording) bind(c *Controller) {
	if o != nil {
		o.ctrl = c
	}
}

func (o *LiveRecording) scope() places {
	return places{own: entityKey{kind: kindRecording, id: o.Name}}
}

// Wait returns when the recording is over, with its last snapshot, which has the durations. The error is
// ErrRecordingFailed if Asterisk reports a failure; an [*EndError] if that is due to a hangup, or if the channel or
// bridge, or the connection, ended without a word about the recording; ctx's error when ctx ends. What was recorded
// until a hangup is no failure.
//
// For a recording that was started by this client nothing is missed, however late Wait is called. For a
// handle made from a name it fails with ErrNotFound if the recording is over already.
func (o *LiveRecording) Wait(ctx context.Context) (*LiveRecording, error) {
	lf := o.life
	if lf == nil {
		var err error
		if lf, err = o.ctrl.watch(ctx, kindRecording, o.Name); err != nil {
			return nil, err
		}
		defer lf.drop()
	}
	out, err := lf.wait(ctx, stageEnded)
	if err != nil {
		return nil, err
	}
	switch ev := out.Event.(type) {
	case *RecordingFinished:
		return ev.Recording, nil
	case *RecordingFailed:
		if out.CutOff != nil {
			return ev.Recording, out.CutOff
		}
		return ev.Recording, &recordingError{recording: ev.Recording}
	default:
		return nil, lf.ending()
	}
}

// Stored returns a handle for the file that the recording leaves behind, without a request.
func (o *LiveRecording) Stored() *StoredRecording { return o.ctrl.StoredRecording(o.Name) }

// StoredRecording is a recording on Asterisk's disk: its name and format, and its controller.
type StoredRecording struct {
	gen.StoredRecording
	ctrl *Controller
}

// StoredRecording returns a handle for a stored recording by its name, without a request.
func (c *Controller) StoredRecording(name string) *StoredRecording {
	return &StoredRecording{StoredRecording: gen.StoredRecording{Name: name}, ctrl: c}
}

func (o *StoredRecording) bind(c *Controller) {
	if o != nil {
		o.ctrl = c
	}
}

// Endpoint is a peer that Asterisk can call or send messages to: the snapshot of when it was read, and
// its controller.
type Endpoint struct {
	gen.Endpoint
	ctrl *Controller
}

// Endpoint returns a handle for an endpoint by its technology and resource, such as PJSIP and alice,
// without a request.
func (c *Controller) Endpoint(technology, resource string) *Endpoint {
	return &Endpoint{Endpoint: gen.Endpoint{Technology: technology, Resource: resource}, ctrl: c}
}

func (o *Endpoint) bind(c *Controller) {
	if o != nil {
		o.ctrl = c
	}
}

func (o *Endpoint) scope() places {
	return places{own: entityKey{kind: kindEndpoint, id: o.Technology + "/" + o.Resource}}
}

// DeviceState is the state of a device: the snapshot of when it was read, and its controller.
type DeviceState struct {
	gen.DeviceState
	ctrl *Controller
}

// DeviceState returns a handle for a device by its name, such as Stasis:lamp or PJSIP/alice, without a
// request.
func (c *Controller) DeviceState(name string) *DeviceState {
	return &DeviceState{DeviceState: gen.DeviceState{Name: name}, ctrl: c}
}

func (o *DeviceState) bind(c *Controller) {
	if o != nil {
		o.ctrl = c
	}
}

func (o *DeviceState) scope() places {
	return places{own: entityKey{kind: kindDeviceState, id: o.Name}}
}

// Mailbox is a mailbox with its message counts, and its controller.
type Mailbox struct {
	gen.Mailbox
	ctrl *Controller
}

// Mailbox returns a handle for a mailbox by its name, without a request.
func (c *Controller) Mailbox(name string) *Mailbox {
	return &Mailbox{Mailbox: gen.Mailbox{Name: name}, ctrl: c}
}

func (o *Mailbox) bind(c *Controller) {
	if o != nil {
		o.ctrl = c
	}
}

// Sound is a sound that is installed in Asterisk, and its controller.
type Sound struct {
	gen.Sound
	ctrl *Controller
}

// Sound returns a handle for a sound by its id, such as hello-world, without a request.
func (c *Controller) Sound(id string) *Sound {
	return &Sound{Sound: gen.Sound{ID: id}, ctrl: c}
}

func (o *Sound) bind(c *Controller) {
	if o != nil {
		o.ctrl = c
	}
}

// Module is one of Asterisk's modules, and its controller.
type Module struct {
	gen.Module
	ctrl *Controller
}

// Module returns a handle for a module by its name, such as res_pjsip.so, without a request.
func (c *Controller) Module(name string) *Module {
	return &Module{Module: gen.Module{Name: name}, ctrl: c}
}

func (o *Module) bind(c *Controller) {
	if o != nil {
		o.ctrl = c
	}
}

// LogChannel is one of Asterisk's log files or other places that it logs to, and its controller.
type LogChannel struct {
	gen.LogChannel
	ctrl *Controller
}

// LogChannel returns a handle for a log channel by its name, without a request.
func (c *Controller) LogChannel(name string) *LogChannel {
	return &LogChannel{LogChannel: gen.LogChannel{Channel: name}, ctrl: c}
}

func (o *LogChannel) bind(c *Controller) {
	if o != nil {
		o.ctrl = c
	}
}
