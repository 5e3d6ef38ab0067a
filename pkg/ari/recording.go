package ari

import (
	"context"
	"fmt"
	"io"

	"github.com/ari-go/ari/gen"
)

// LiveRecording is a recording that is being made: the snapshot of when it was read, and its controller.
// The snapshot never changes; Refresh reads a new one.
type LiveRecording struct {
	gen.LiveRecording // Name, Format, TargetURI, State, Duration, Cause, ...

	ctrl *Controller
	life life // of a recording that this client started
}

// LiveRecording returns a handle for a running recording by its name, without a request.
func (c *Controller) LiveRecording(name string) *LiveRecording {
	return &LiveRecording{LiveRecording: gen.LiveRecording{Name: name}, ctrl: c}
}

func (o *LiveRecording) scope() scope {
	if o == nil {
		return scope{}
	}
	return o.ctrl.scopeOf(places{own: o.ctrl.key(kindRecording, o.Name), parent: o.ctrl.target(o.TargetURI)})
}

// Wait returns when the recording is over, with its last snapshot, which has the durations. The error is
// ErrRecordingFailed if Asterisk reports a failure; an [*EndError] if that is due to a hangup, or if the channel or
// bridge, or the connection, ended without a word about the recording; ctx's error when ctx ends. What was recorded
// until a hangup is no failure.
//
// For a recording that was started by this client nothing is missed, however late Wait is called. For a
// handle made from a name it fails with ErrNotFound if the recording is over already.
func (o *LiveRecording) Wait(ctx context.Context) (*LiveRecording, error) {
	if o == nil {
		return nil, errNoController
	}
	l := o.life
	if l == nil {
		var release func()
		var err error
		if l, release, err = o.ctrl.watch(ctx, kindRecording, o.Name); err != nil {
			return nil, err
		}
		defer release()
	}
	out, err := l.wait(ctx, stageEnded)
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
		return nil, out.End
	}
}

// Done returns a channel that is closed when the recording is over; [LiveRecording.Wait] tells how it went. It is closed
// already without a connected client.
func (o *LiveRecording) Done() <-chan struct{} {
	return o.Controller().done(o.scope().at.own)
}

// Stored returns a handle for the file that the recording leaves behind, without a request.
func (o *LiveRecording) Stored() *StoredRecording {
	if o == nil {
		return nil
	}
	return o.ctrl.StoredRecording(o.Name)
}

// StoredRecording is a recording on Asterisk's disk: its name and format, and its controller.
type StoredRecording struct {
	gen.StoredRecording
	ctrl *Controller
}

// StoredRecording returns a handle for a stored recording by its name, without a request.
func (c *Controller) StoredRecording(name string) *StoredRecording {
	return &StoredRecording{StoredRecording: gen.StoredRecording{Name: name}, ctrl: c}
}

// A File is the content of a stored recording while it is read. Close it.
type File struct {
	io.ReadCloser
	ContentType string // such as audio/wav
	Length      int64  // in bytes, or -1 if it isn't known
}

// File reads a stored recording's file. It streams: the caller reads what it needs and closes it. ctx bounds the
// reading as well. It fails with ErrNotFound if there is no such recording, ErrForbidden if its file can't be read.
// Since Asterisk 14.
func (o *StoredRecording) File(ctx context.Context) (*File, error) {
	req, err := o.begin(ctx, opRecordingsGetStoredFile)
	if err != nil {
		return nil, err
	}
	resp, err := o.ctrl.api.RecordingsGetStoredFile(req, o.Name)
	if err != nil {
		return nil, req.fail(err)
	}
	return &File{resp.Body, resp.Header.Get("Content-Type"), resp.ContentLength}, nil
}

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
