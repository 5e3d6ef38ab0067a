package ari

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ari-go/ari/gen"
)

// Playback is a playback on a channel or a bridge: the snapshot of when it was read, and its controller.
// The snapshot never changes; Refresh reads a new one.
type Playback struct {
	gen.Playback // ID, MediaURI, TargetURI, State, Language, ...

	ctrl *Controller
	life life // of a playback that this client started
}

// Playback returns a handle for a playback by its id, without a request.
func (c *Controller) Playback(id string) *Playback {
	return &Playback{Playback: gen.Playback{ID: id}, ctrl: c}
}

func (o *Playback) scope() scope {
	if o == nil {
		return scope{}
	}
	return o.ctrl.scopeOf(places{own: o.ctrl.key(kindPlayback, o.ID), parent: o.ctrl.target(o.TargetURI)})
}

// Wait returns when the playback is over: nil if everything was played, or it was stopped; an error that
// is ErrPlaybackFailed if the last medium could not be played; an [*EndError] if the channel was hung up meanwhile, the
// channel or bridge ended first or the connection was down when it ended; ctx's error when ctx ends. An EndError has no hangup
// cause here, since Asterisk tells the end of the playback first: [Channel.WaitEnd] has it.
//
// For a playback that was started by this client nothing is missed, however late Wait is called. For a
// handle made from an id it fails with ErrNotFound if the playback is over already.
func (o *Playback) Wait(ctx context.Context) error {
	l, release, err := o.lived(ctx)
	if err != nil {
		return err
	}
	defer release()
	out, err := o.waitEnd(ctx, l)
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
		return out.End
	}
	return nil
}

// Done returns a channel that is closed when the playback is over; [Playback.Wait] tells how it went. It is closed already
// without a connected client.
func (o *Playback) Done() <-chan struct{} {
	return o.Controller().done(o.scope().at.own)
}

// lived returns the playback's life, or starts one that ends with release.
func (o *Playback) lived(ctx context.Context) (l life, release func(), err error) {
	if o == nil {
		return nil, nil, errNoController
	}
	if o.life != nil {
		return o.life, func() {}, nil
	}
	return o.ctrl.watch(ctx, kindPlayback, o.ID)
}

// told reports whether Asterisk tells the end of a playback of this medium whatever happens. It gives one up without a
// word if the medium is a recording that doesn't exist, a number that is none, or of a kind that it doesn't know.
func told(media string) bool {
	kind, _, _ := strings.Cut(media, ":")
	switch kind {
	case "sound", "tone", "": // The last is a handle's, of which nothing is known.
		return true
	default:
		return false
	}
}

// waitEnd waits for the playback's end, and asks for it now and then where it may never be told.
func (o *Playback) waitEnd(ctx context.Context, l life) (outcome, error) {
	if told(o.MediaURI) && (o.NextMediaURI == "" || told(o.NextMediaURI)) {
		return l.wait(ctx, stageEnded)
	}
	for pause := firstAsked; ; pause *= 2 {
		if out, err := waitBriefly(ctx, l, pause, stageEnded); !errors.Is(err, errTooLong) {
			return out, err
		}
		if _, err := o.Refresh(ctx); !errors.Is(err, ErrNotFound) {
			continue
		}
		// It is over. If that is told, the event may still be under way, or be lost with the connection.
		if out, err := waitBriefly(ctx, l, firstAsked, stageEnded); !errors.Is(err, errTooLong) {
			return out, err
		}
		l.giveUp()
	}
}

// firstAsked is after which time a playback whose end may never be told is asked for first.
const firstAsked = 500 * time.Millisecond

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
