package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ari-go/ari/internal/audio/resample"
)

// ErrClosed is why a stream ended that was closed by its user.
var ErrClosed = errors.New("media: stream closed")

// ErrMediaLost is why a stream ended whose connection with Asterisk broke, or whose media channel was hung up.
var ErrMediaLost = errors.New("media: connection for media lost")

// A Stream is a call's audio: what the caller says, and what the caller hears. [Open] makes one. Its methods may be
// called by several goroutines at once.
type Stream struct {
	rate   int // the user's
	leg    leg
	queued queuedLeg // the leg, if Asterisk keeps a queue behind it
	player *player
	heard  *hearing
	log    *slog.Logger
	name   string // for the log: the media channel's id
	ahead  int    // frames in Asterisk's queue
	fade   int    // samples of the leg
	own    *Listener

	// Life.
	ctx    context.Context //nolint:containedctx // It is the stream's life.
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	done   chan struct{}
	called chan struct{} // closed when the user's functions have ended
	clean  func() error  // frees what is in Asterisk
	cleanE error
	wiring *wiring

	// Speaking: with speak held, so that what is written is in order.
	speak     sync.Mutex
	clock     queueClock
	flushing  *flush
	asked     []*flush // for what the answers to status come, in order
	gen       uint32   // of marks: those from before a flush say nothing
	xoff      bool
	open      bool      // the channel is where it can be heard
	due       time.Time // of the next frame, where we keep the clock
	frames    []int16
	sinceMark int

	liveMu        sync.Mutex
	liveResampler *resample.Resampler
	liveOut       []int16

	pulse *pulse
	kick  chan struct{}

	// Listening: of the goroutine that reads.
	resampler *resample.Resampler
	resampled []int16
	turns     atomic.Pointer[turnKeeper]
	tap       atomic.Pointer[Tap]

	calls callQueue
	on    callbacks
	stats counters
}

// streamConfig is what a stream needs beside its leg.
type streamConfig struct {
	rate    int
	history time.Duration
	ahead   time.Duration
	fade    time.Duration
	log     *slog.Logger
	name    string
	pacer   any
	clean   func() error
}

func newStream(ctx context.Context, l leg, cfg streamConfig) (*Stream, error) {
	s := &Stream{
		rate: cfg.rate, leg: l, log: cfg.log, name: cfg.name, heard: newHearing(cfg.rate, cfg.history),
		ahead: max(int(cfg.ahead/frameTime), idleAhead), fade: int(int64(cfg.fade) * int64(l.rate()) / int64(time.Second)),
		done: make(chan struct{}), kick: make(chan struct{}, 1), clean: cfg.clean,
		frames: make([]int16, mostFrames*l.rate()/50),
	}
	s.player = newPlayer(l.rate(), s.ahead)
	if s.clean == nil {
		s.clean = func() error { return nil }
	}
	s.own = s.heard.listen()
	s.queued, _ = l.(queuedLeg)
	if s.queued != nil {
		s.player.by = ByMark
	}
	if l.rate() != cfg.rate {
		r, err := resample.New(l.rate(), cfg.rate)
		if err != nil {
			return nil, fmt.Errorf("media: %w", err)
		}
		s.resampler = r
		s.resampled = make([]int16, r.Room(maxRead))
	}
	s.calls.wake = make(chan struct{}, 1)
	s.player.notify = s.calls.add
	s.player.onHeard = func(pcm []int16, ago int) {
		if t := s.tap.Load(); t != nil {
			t.heardFrame(pcm, time.Now().Add(-time.Duration(ago)*frameTime))
		}
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.pulse = startPulse(cfg.pacer, func() { s.lost(fmt.Errorf("nothing could be written for %s", stallLimit)) })
	s.wg.Go(s.speakLoop)
	s.wg.Go(s.listenLoop)
	s.called = make(chan struct{})
	go s.callLoop() // Not waited for: what it calls may close the stream.
	go s.live(cfg.pacer)
	return s, nil
}

// live is the end of a stream's life.
func (s *Stream) live(pacer any) {
	<-s.ctx.Done()
	cause := context.Cause(s.ctx)
	if _, ok := s.leg.(*audioSocketLeg); ok {
		// First, since nobody speaks any more: Asterisk could wait for the next packet, with the channel's lock, and
		// hang up neither that nor any other.
		_ = s.leg.close()
	}
	s.cleanE = s.clean()
	_ = s.leg.close()
	stopPulse(pacer, s.pulse)
	s.heard.end(cause)
	s.player.mu.Lock()
	for _, u := range s.player.queue {
		if u.err == nil && !u.stopped {
			u.err = cause
		}
		s.player.after = append(s.player.after, u.finish)
	}
	s.player.queue = nil
	s.player.ended = true
	s.player.unlock()
	s.wg.Wait()
	close(s.done)
	<-s.called // The last call is by this goroutine, when that one has ended.
	s.report(nil, cause)
}

// opened lets audio out: the caller can hear it now. What was sent before would have been lost.
func (s *Stream) opened() {
	s.speak.Lock()
	s.open = true
	s.speak.Unlock()
	s.kickOff()
}

// Rate is the sample rate of what is read and written, in Hz.
func (s *Stream) Rate() int { return s.rate }

// Done is closed when the stream has ended and nothing of it is left.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Context ends when the stream does, with the reason as its cause.
func (s *Stream) Context() context.Context { return s.ctx }

// Err is why the stream has ended: [ErrClosed], [ErrMediaLost], the end of the call, or the cause of its context's end.
// It is nil while it lives.
func (s *Stream) Err() error { return context.Cause(s.ctx) }

// Close ends the stream: what is being said stops, the media channel is hung up, the bridge that was made for it is
// destroyed. The call itself lives on. It returns when nothing is left, and the error if Asterisk refused to clean up.
// It may be called more than once, and after the call has ended.
func (s *Stream) Close() error {
	s.cancel(ErrClosed)
	<-s.done
	return s.cleanE
}

// kickOff lets the stream look at once whether there is something to send.
func (s *Stream) kickOff() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// lost ends the stream after an error of its leg's.
func (s *Stream) lost(err error) {
	if errors.Is(err, io.EOF) {
		err = errors.New("hung up")
	}
	s.cancel(fmt.Errorf("%w: %w", ErrMediaLost, err))
}

// maxRead is how many samples are read at once: 20 ms at 48 kHz.
const maxRead = 960

// listenLoop reads what Asterisk sends. It never waits for anybody but Asterisk.
func (s *Stream) listenLoop() {
	pcm := make([]int16, maxRead)
	for {
		n, ev, err := s.leg.read(pcm)
		now := time.Now()
		if err != nil {
			s.lost(err)
			return
		}
		if ev.kind != legNothing || ev.lost > 0 {
			s.event(ev, now)
		}
		if n > 0 {
			s.hear(pcm[:n], now)
		}
	}
}

func (s *Stream) hear(pcm []int16, now time.Time) {
	s.stats.heardAt.Store(now.UnixNano())
	if !s.stats.sounded.Load() && slices.ContainsFunc(pcm, func(x int16) bool { return x != 0 }) {
		s.stats.sounded.Store(true)
	}
	if s.resampler != nil {
		n := s.resampler.Process(s.resampled, pcm)
		pcm = s.resampled[:n]
	}
	s.heard.push(pcm, now, s.heardFrame)
}

func (s *Stream) heardFrame(f Frame) {
	s.stats.framesIn.Add(1)
	if t := s.tap.Load(); t != nil {
		t.caller(f)
	}
	if k := s.turns.Load(); k != nil {
		k.frame(f, s.calls.add)
	}
}

// ReadFrame waits for the next 20 ms of what the caller says. The frame is valid until the next call. Frames that aren't
// read within the stream's history are lost, and counted in Stats. It fails with ctx's cause, or with the stream's error
// when that has ended. For several readers, or from several goroutines, see Listen.
func (s *Stream) ReadFrame(ctx context.Context) (Frame, error) { return s.own.ReadFrame(ctx) }

// Frames ranges over all frames to come, as [Listener.Frames] does.
func (s *Stream) Frames(ctx context.Context) iter.Seq2[Frame, error] { return s.own.Frames(ctx) }

// Listen returns a further reader of what the caller says, from now on.
func (s *Stream) Listen() *Listener { return s.heard.listen() }

// Last returns the last of what the caller said, as far as the stream's history goes.
func (s *Stream) Last(d time.Duration) []int16 { return s.heard.last(d) }

// Reader reads what the caller says from now on, as 16-bit little-endian samples.
func (s *Stream) Reader(ctx context.Context) io.Reader {
	return &frameReader{ctx: ctx, l: s.heard.listen()}
}
