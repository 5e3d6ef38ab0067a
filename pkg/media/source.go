package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/ari-go/ari/internal/audio/resample"
)

// A Source gives the samples of an utterance, as they come: it may give more than are needed now, or fewer, or block.
// If it is an [io.Closer] it is closed when the utterance is over.
type Source interface {
	// Rate is the sample rate in Hz.
	Rate() int

	// ReadSamples reads up to len(pcm) samples, at least one. It returns [io.EOF] behind the last. ctx ends when the
	// utterance is over.
	ReadSamples(ctx context.Context, pcm []int16) (int, error)
}

// PCM is a source of 16-bit little-endian samples, as speech services stream them. A reader that blocks for ever should
// be an [io.Closer] as well; half a sample at the end is left out.
func PCM(r io.Reader, rate int) Source { return &pcmSource{r: r, rate: rate} }

type pcmSource struct {
	r    io.Reader
	rate int
	raw  []byte
	kept int // bytes of a sample that isn't complete yet
}

func (s *pcmSource) Rate() int { return s.rate }

func (s *pcmSource) ReadSamples(_ context.Context, pcm []int16) (int, error) {
	if len(s.raw) < 2*len(pcm) {
		s.raw = append(s.raw, make([]byte, 2*len(pcm)-len(s.raw))...)
	}
	for {
		n, err := s.r.Read(s.raw[s.kept : 2*len(pcm)])
		n += s.kept
		k := parsePCM(pcm, s.raw[:n])
		s.kept = n % 2
		if s.kept == 1 {
			s.raw[0] = s.raw[n-1]
		}
		if k > 0 || err != nil {
			return k, err
		}
	}
}

// Close closes the reader, if it can be closed.
func (s *pcmSource) Close() error { return closeReader(s.r) }

func closeReader(r any) error {
	if c, ok := r.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// WAV is a source that reads a WAV file as it comes, of any rate, and closes it at the end. It fails with [ErrNotWAV].
func WAV(r io.Reader) (Source, error) {
	w, err := NewWAVReader(r)
	if err != nil {
		return nil, err
	}
	return &wavSource{w, r}, nil
}

type wavSource struct {
	*WAVReader

	r io.Reader
}

func (s *wavSource) ReadSamples(_ context.Context, pcm []int16) (int, error) {
	return s.WAVReader.ReadSamples(pcm)
}

func (s *wavSource) Close() error { return closeReader(s.r) }

// Samples is a source of samples that are there already. They must not change any more.
func Samples(rate int, pcm []int16) Source { return &sampleSource{rate, pcm} }

type sampleSource struct {
	rate int
	pcm  []int16
}

func (s *sampleSource) Rate() int { return s.rate }

func (s *sampleSource) ReadSamples(_ context.Context, pcm []int16) (int, error) {
	n := copy(pcm, s.pcm)
	s.pcm = s.pcm[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Frames is a source of chunks of any size that come over a channel, as from a speech service in bursts. The utterance
// ends when the channel is closed. Whoever sends blocks while the stream has enough; after Stop nobody receives any
// more, so a sender should watch [Utterance.Done] too.
func Frames(rate int, chunks <-chan []int16) Source { return &chunkSource{rate: rate, chunks: chunks} }

type chunkSource struct {
	rate   int
	chunks <-chan []int16
	rest   []int16
}

func (s *chunkSource) Rate() int { return s.rate }

func (s *chunkSource) ReadSamples(ctx context.Context, pcm []int16) (int, error) {
	for len(s.rest) == 0 {
		select {
		case chunk, ok := <-s.chunks:
			if !ok {
				return 0, io.EOF
			}
			s.rest = chunk
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	n := copy(pcm, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// A Buffer is a source that is filled while it is being said: with the answer of a speech service, which comes faster than
// it is spoken. Writing never blocks: it holds all that has come and hasn't been said. Its methods may be called by
// several goroutines at once.
type Buffer struct {
	rate int

	mu     sync.Mutex
	pcm    []int16
	half   []byte // of a sample
	closed bool
	wake   chan struct{}
}

// NewBuffer returns an empty buffer of samples of a rate.
func NewBuffer(rate int) *Buffer { return &Buffer{rate: rate, wake: make(chan struct{}, 1)} }

// Rate is the sample rate in Hz.
func (b *Buffer) Rate() int { return b.rate }

// Write adds 16-bit little-endian samples, in pieces of any size. It fails with [io.ErrClosedPipe] after Close.
func (b *Buffer) Write(raw []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, io.ErrClosedPipe
	}
	n := len(raw)
	if len(b.half) == 1 && n > 0 {
		b.pcm = append(b.pcm, int16(b.half[0])|int16(raw[0])<<8)
		b.half, raw = b.half[:0], raw[1:]
	}
	for ; len(raw) >= 2; raw = raw[2:] {
		b.pcm = append(b.pcm, int16(raw[0])|int16(raw[1])<<8)
	}
	b.half = append(b.half, raw...)
	b.notify()
	return n, nil
}

// WriteSamples adds samples.
func (b *Buffer) WriteSamples(pcm []int16) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return io.ErrClosedPipe
	}
	b.pcm = append(b.pcm, pcm...)
	b.notify()
	return nil
}

// Close says that nothing more will come. A stream closes it when the utterance is over.
func (b *Buffer) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.notify()
	return nil
}

func (b *Buffer) notify() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// ReadSamples reads what has come.
func (b *Buffer) ReadSamples(ctx context.Context, pcm []int16) (int, error) {
	for {
		b.mu.Lock()
		n := copy(pcm, b.pcm)
		b.pcm = b.pcm[n:]
		closed := b.closed
		b.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		if closed {
			return 0, io.EOF
		}
		select {
		case <-b.wake:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// Generate is a source whose sample number n is f(n), for a duration; without end if that is 0. The sample is between -1
// and 1.
func Generate(rate int, duration time.Duration, f func(n int64) float64) Source {
	end := int64(math.MaxInt64)
	if duration > 0 {
		end = int64(duration) * int64(rate) / int64(time.Second)
	}
	return &generator{rate: rate, end: end, f: f}
}

type generator struct {
	rate    int
	at, end int64
	f       func(int64) float64
}

func (g *generator) Rate() int { return g.rate }

func (g *generator) ReadSamples(_ context.Context, pcm []int16) (int, error) {
	n := int(min(int64(len(pcm)), g.end-g.at))
	if n == 0 {
		return 0, io.EOF
	}
	for i := range pcm[:n] {
		pcm[i] = resample.Round(float32(32767 * g.f(g.at)))
		g.at++
	}
	return n, nil
}

// Tone is a source of a sine. level is its loudness in dB below full scale: -20, say.
func Tone(rate int, frequency, level float64, duration time.Duration) Source {
	amplitude := math.Pow(10, level/20)
	step := 2 * math.Pi * frequency / float64(rate)
	return Generate(rate, duration, func(n int64) float64 { return amplitude * math.Sin(step*float64(n)) })
}

// Silence is a source of nothing, for as long as that.
func Silence(duration time.Duration) Source {
	return Generate(8000, duration, func(int64) float64 { return 0 })
}

// readAllSamples reads a source to its end.
func readAllSamples(ctx context.Context, src Source, limit int) ([]int16, error) {
	var all []int16
	chunk := make([]int16, src.Rate()/50)
	for {
		n, err := src.ReadSamples(ctx, chunk)
		all = append(all, chunk[:n]...)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if len(all) > limit {
			return nil, fmt.Errorf("media: a sound of more than %d samples", limit)
		}
	}
}
