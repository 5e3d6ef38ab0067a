package ari

import (
	"errors"
	"fmt"
)

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

// ending is why the life ended; nil if it hasn't.
func (lf *life) ending() error {
	lf.mu.Lock()
	defer lf.mu.Unlock()
	return lf.err
}

// liver is an object whose life can be followed from before its making.
type liver interface {
	binder
	follow(lf *life)
}

func (o *Channel) follow(lf *life)       { o.life = lf }
func (o *Playback) follow(lf *life)      { o.life = lf }
func (o *LiveRecording) follow(lf *life) { o.life = lf }

// made returns a function that completes an object which a request has made, or ends its life if the
// request failed.
func made[T liver](c *Controller, lf *life) func(T, error) (T, error) {
	return func(v T, err error) (T, error) {
		if err != nil {
			lf.failed(err)
			var none T
			return none, err
		}
		v.bind(c)
		v.follow(lf)
		lf.made()
		return v, nil
	}
}

// hearsOf reports whether the connection brings an application's events, or will again when it is back.
func (l *link) hearsOf(app string) bool {
	return l != nil && l.begun.Load() && l.c.Err() == nil && l.ours(app)
}
