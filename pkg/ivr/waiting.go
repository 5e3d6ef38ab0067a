package ivr

import (
	"context"
	"errors"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// Waiting is what somebody hears while he waits: see [Ringback], [Music], [Playing] and [Quiet]. The zero value is what is usual
// at that place.
type Waiting struct {
	kind   waitingKind
	class  string
	phrase Phrase
}

type waitingKind uint8

const (
	usual waitingKind = iota
	ringback
	music
	playing
	quiet
)

// Ringback is the tone that tells that a telephone rings. A call that isn't answered stays so.
func Ringback() Waiting { return Waiting{kind: ringback} }

// Music is music on hold of a class of musiconhold.conf; "" is the channel's own.
func Music(class string) Waiting { return Waiting{kind: music, class: class} }

// Playing plays something over and over, a second apart.
func Playing(parts ...Part) Waiting { return Waiting{kind: playing, phrase: parts} }

// Quiet is silence.
func Quiet() Waiting { return Waiting{kind: quiet} }

// or is what to hear where the usual is meant.
func (w Waiting) or(other Waiting) Waiting {
	if w.kind == usual {
		return other
	}
	return w
}

// needsAnswer reports whether the call must be answered for it to be heard.
func (w Waiting) needsAnswer() bool { return w.kind == music || w.kind == playing }

// begin lets somebody hear it, until end is called; end returns when it is over. An error says that it could not begin.
func (w Waiting) begin(ctx context.Context, ch *ari.Channel) (end func(), err error) {
	var stop func(context.Context) error
	switch w.kind {
	case ringback:
		err, stop = ch.Ring(ctx), ch.StopRing
	case music:
		err, stop = ch.StartMOH(ctx, w.class), ch.StopMOH
	case playing:
		return w.loop(ctx, ch), nil
	default:
		return func() {}, nil
	}
	if err != nil && !errors.Is(err, ari.ErrConnection) && ctx.Err() == nil {
		return func() {}, err
	}
	return func() {
		if context.Cause(ctx) == nil || !isEnd(context.Cause(ctx)) { // Otherwise nobody is there who could hear it.
			_ = undo(ctx, ch.Controller(), stop)
		}
	}, err
}

// loopPause is how long it is quiet between two rounds of [Playing].
const loopPause = time.Second

func (w Waiting) loop(ctx context.Context, ch *ari.Channel) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if err := playPhrase(ctx, ch, "", w.phrase); err != nil && !errors.Is(err, ari.ErrPlaybackFailed) {
				return
			}
			if !pause(ctx, loopPause) {
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
