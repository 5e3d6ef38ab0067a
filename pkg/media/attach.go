package media

import (
	"context"
	"errors"
	"fmt"

	"github.com/ari-go/ari/internal/audio/resample"
	"github.com/ari-go/ari/pkg/ari"
)

// Detach takes the call out of the stream's bridge: to let it talk to somebody else, or hear music, say. The stream
// lives on; what is being said waits, to the sample, for [Stream.Attach], and nothing is heard. The call's end no longer
// ends the stream. It fails with an [*ari.Error]; a stream in a bridge of yours has no call to detach.
func (s *Stream) Detach(ctx context.Context) error {
	w := s.wiring
	w.mu.Lock()
	b, call := w.bridge, w.call
	w.mu.Unlock()
	if b == nil || call == nil {
		return fmt.Errorf("%w: no call that this stream has put into a bridge", ErrUnsupported)
	}
	s.hold()
	if err := b.RemoveChannel(ctx, call.ID); err != nil {
		s.opened()
		return fmt.Errorf("media: %w", err)
	}
	w.mu.Lock()
	w.call = nil
	w.unwatch()
	w.mu.Unlock()
	return nil
}

// Attach puts a call into the stream's bridge: one that was detached before, or another one. What was being said goes
// on. A call that the stream had until now is detached first. It fails with an [*ari.Error].
func (s *Stream) Attach(ctx context.Context, ch *ari.Channel) error {
	w := s.wiring
	w.mu.Lock()
	b, call := w.bridge, w.call
	w.mu.Unlock()
	if b == nil {
		return fmt.Errorf("%w: the bridge isn't this stream's own", ErrUnsupported)
	}
	if call != nil {
		if err := s.Detach(ctx); err != nil && !errors.Is(err, ari.ErrNotFound) {
			return err
		}
	}
	if err := b.AddChannel(ctx, ch.ID); err != nil {
		return fmt.Errorf("media: %w", err)
	}
	w.mu.Lock()
	w.call = ch
	w.mu.Unlock()
	w.watchCall(s, ch)
	s.opened()
	return nil
}

// hold lets nothing out any more; what hasn't been heard comes again.
func (s *Stream) hold() {
	s.speak.Lock()
	s.open = false
	var f *flush
	if s.queued != nil && s.clock.sent > 0 {
		f = s.flushQueue(func() {})
	}
	s.speak.Unlock()
	if f != nil {
		select {
		case <-f.done:
		case <-s.ctx.Done():
		}
	}
}

// Connect lets two calls hear each other through this program: what the one says is live audio for the other, and the
// other way around. It returns when ctx or one of the streams ends, with the reason. Two calls that need nothing of this
// program between them are better off in one bridge of Asterisk's.
func Connect(ctx context.Context, a, b *Stream) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cancel(forward(ctx, a, b))
	}()
	cancel(forward(ctx, b, a))
	<-ended
	return context.Cause(ctx)
}

func forward(ctx context.Context, from, to *Stream) error {
	l := from.Listen()
	defer l.Close()
	var r *resample.Resampler
	var out []int16
	if from.rate != to.rate {
		var err error
		if r, err = resample.New(from.rate, to.rate); err != nil {
			return fmt.Errorf("media: %w", err)
		}
		out = make([]int16, r.Room(from.rate/50))
	}
	for {
		f, err := l.ReadFrame(ctx)
		if err != nil {
			return err
		}
		pcm := f.PCM
		if r != nil {
			pcm = out[:r.Process(out, pcm)]
		}
		if err := to.WriteFrame(pcm); err != nil {
			return err
		}
	}
}
