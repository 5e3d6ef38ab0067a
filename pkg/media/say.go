package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/ari-go/ari/internal/audio/resample"
)

// SayOptions are the options of [Stream.SayWith].
type SayOptions struct {
	// Replace stops all that is being said, or waits to be, first. Without it the utterance waits for its turn.
	Replace bool

	// Gain is the loudness: 1, as it is, if it is 0. See [Utterance.SetGain].
	Gain float64
}

// Say says what a source gives: behind all that is being said already. It returns at once; [Utterance.Wait] waits until
// the caller has heard it. The source is read by a goroutine of its own, a second ahead at most, and only as fast as the
// caller hears it. When ctx ends the utterance is stopped.
func (s *Stream) Say(ctx context.Context, src Source) (*Utterance, error) {
	return s.SayWith(ctx, src, SayOptions{})
}

// SayWith is Say with options.
func (s *Stream) SayWith(ctx context.Context, src Source, opts SayOptions) (*Utterance, error) {
	var r *resample.Resampler
	if src.Rate() != s.player.rate {
		var err error
		if r, err = resample.NewAligned(src.Rate(), s.player.rate); err != nil {
			return nil, fmt.Errorf("media: %w", err)
		}
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if opts.Replace {
		s.Stop()
	}
	u := s.newUtterance(opts)
	ctx, u.cancel = context.WithCancelCause(ctx)
	p := s.player
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		return nil, s.Err()
	}
	p.queue = append(p.queue, u)
	p.mu.Unlock()
	s.stats.asked(time.Now())
	closeSource := sync.OnceFunc(func() { _ = closeReader(src) }) // It has been read as far as anybody wanted.
	stop := context.AfterFunc(ctx, func() {
		u.Stop()
		closeSource()
	})
	go func() {
		err := u.read(ctx, src, r)
		u.sourceEnded(err)
		<-u.done
		stop()
		closeSource()
	}()
	return u, nil
}

func (s *Stream) newUtterance(opts SayOptions) *Utterance {
	gain := opts.Gain
	if gain == 0 {
		gain = 1
	}
	// What is on its way, what marks haven't confirmed yet, and a second to come.
	room := (s.ahead+markEvery)*s.player.frame + s.player.rate
	if s.queued == nil {
		room = s.player.rate
	}
	return &Utterance{
		s: s, fade: s.fade, done: make(chan struct{}), space: make(chan struct{}, 1),
		ring: newSampleRing(room), volume: float32(max(gain, 0)), by: s.player.by,
	}
}

// read brings the source's samples into the ring, at the rate of the leg.
func (u *Utterance) read(ctx context.Context, src Source, r *resample.Resampler) error {
	chunk := make([]int16, max(src.Rate()/50, 1))
	var out []int16
	if r != nil {
		out = make([]int16, r.Room(len(chunk))+r.Delay())
	}
	for {
		n, err := src.ReadSamples(ctx, chunk)
		pcm := chunk[:n]
		if r != nil {
			pcm = out[:r.Process(out, pcm)]
		}
		if ferr := u.feed(ctx, pcm); ferr != nil {
			return ferr
		}
		switch {
		case errors.Is(err, io.EOF):
			if r == nil {
				return nil
			}
			return u.feed(ctx, out[:r.Flush(out)])
		case err != nil:
			return fmt.Errorf("media: source of an utterance: %w", err)
		}
	}
}

// Stop stops all that is being said or waits to be, at once, and tells how much was heard of what was being said. Live
// audio and the background go on.
func (s *Stream) Stop() Heard {
	saying := s.Saying()
	if len(saying) == 0 {
		return Heard{By: s.player.by}
	}
	return s.haltAll(saying, thenStop)[0]
}

// Saying returns what is being said or waits to be, in order.
func (s *Stream) Saying() []*Utterance {
	s.player.mu.Lock()
	defer s.player.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.player.queue), func(u *Utterance) bool { return u.stopped })
}

// WriteFrame says samples as live audio: they come at their own pace, another call's for example, and must not be late.
// They go out at once, mixed with what else is being said. It never waits. Where they come faster than they can be said,
// because two clocks differ, a frame is taken out now and then; where they come so fast that more than 160 ms wait, the
// oldest are dropped. Stats counts both. It fails with the stream's error when that has ended.
//
// For anything that can wait for its time, such as the answer of a speech service, Say is right.
func (s *Stream) WriteFrame(pcm []int16) error {
	if err := s.Err(); err != nil {
		return err
	}
	s.liveMu.Lock()
	defer s.liveMu.Unlock()
	if s.liveResampler == nil && s.rate != s.player.rate {
		r, err := resample.New(s.rate, s.player.rate)
		if err != nil {
			return fmt.Errorf("media: %w", err)
		}
		s.liveResampler = r
	}
	for len(pcm) > 0 {
		n := min(len(pcm), maxRead)
		chunk := pcm[:n]
		pcm = pcm[n:]
		if r := s.liveResampler; r != nil {
			if room := r.Room(n); len(s.liveOut) < room {
				s.liveOut = make([]int16, room)
			}
			chunk = s.liveOut[:r.Process(s.liveOut, chunk)]
		}
		s.player.mu.Lock()
		s.player.live.push(chunk)
		s.player.mu.Unlock()
	}
	s.kickOff()
	return nil
}

// Writer returns a writer of 16-bit little-endian samples that are said as one utterance. Writing blocks while enough is
// waiting. Close ends the utterance, but doesn't wait until it has been heard: the utterance's Wait does.
func (s *Stream) Writer(ctx context.Context) (io.WriteCloser, *Utterance, error) {
	r, w := io.Pipe()
	u, err := s.Say(ctx, PCM(r, s.rate))
	if err != nil {
		return nil, nil, err
	}
	return w, u, nil
}

// SetAmbient sets what sounds in the background, over and over: an office, or the noise of [ComfortNoise]. The source is
// read to its end, a minute at most. gain is its loudness, 1 as it is; with 0 it fades away.
func (s *Stream) SetAmbient(ctx context.Context, src Source, gain float64) error {
	p := s.player
	if src == nil || gain <= 0 {
		p.mu.Lock()
		p.ambient.target = 0
		p.mu.Unlock()
		return nil
	}
	pcm, err := readAllSamples(ctx, src, 60*src.Rate())
	if err != nil {
		return err
	}
	if src.Rate() != p.rate {
		r, err := resample.NewAligned(src.Rate(), p.rate)
		if err != nil {
			return fmt.Errorf("media: %w", err)
		}
		out := make([]int16, r.Room(len(pcm))+r.Delay())
		n := r.Process(out, pcm)
		n += r.Flush(out[n:])
		pcm = out[:n]
	}
	p.mu.Lock()
	p.ambient.loop, p.ambient.at, p.ambient.target = pcm, 0, float32(gain)
	p.mu.Unlock()
	s.kickOff()
	return nil
}

// ComfortNoise is a source of two seconds of soft noise, for SetAmbient: a line that is quite silent sounds dead. level
// is its loudness in dB below full scale; -65 is usual.
func ComfortNoise(level float64) Source {
	const rate = 8000
	pcm := make([]int16, 2*rate)
	noise := noiseGenerator(1)
	for i := range pcm {
		pcm[i] = resample.Round(float32(noise() * amplitude(level)))
	}
	return Samples(rate, pcm)
}
