package media_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/media"
)

// drain reads a source to its end, in chunks.
func drain(t *testing.T, src media.Source, chunk int) []int16 {
	t.Helper()
	var all []int16
	pcm := make([]int16, chunk)
	for {
		n, err := src.ReadSamples(t.Context(), pcm)
		all = append(all, pcm[:n]...)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		require.Positive(t, n)
	}
}

func TestPCM(t *testing.T) {
	t.Parallel()
	raw := []byte{1, 0, 0xff, 0xff, 0, 0x80, 0xff, 0x7f, 9} // Half a sample is left.
	want := []int16{1, -1, -32768, 32767}
	for name, r := range map[string]io.Reader{
		"whole": bytes.NewReader(raw), "byte by byte": iotest.OneByteReader(bytes.NewReader(raw)),
		"with the end": iotest.DataErrReader(bytes.NewReader(raw)), "halves": iotest.HalfReader(bytes.NewReader(raw)),
	} {
		assert.Equal(t, want, drain(t, media.PCM(r, 8000), 3), name)
	}
	broken := errors.New("broken")
	_, err := media.PCM(iotest.ErrReader(broken), 8000).ReadSamples(t.Context(), make([]int16, 3))
	require.ErrorIs(t, err, broken)
}

func TestGenerators(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []int16{1, 2, 3}, drain(t, media.Samples(8000, []int16{1, 2, 3}), 2))
	assert.Len(t, drain(t, media.Silence(time.Second), 1000), 8000)
	tone := drain(t, media.Tone(16000, 1000, -6, 100*time.Millisecond), 7)
	assert.Len(t, tone, 1600)
	assert.InDelta(t, 32767*math.Pow(10, -6.0/20), tone[4], 2, "a quarter of a wave")
	loud := drain(t, media.Generate(8000, time.Millisecond, func(n int64) float64 { return float64(n%2*4 - 2) }), 8)
	assert.Equal(t, []int16{-32768, 32767, -32768, 32767, -32768, 32767, -32768, 32767}, loud, "too loud is cut off")
	chunks := make(chan []int16, 3)
	chunks <- []int16{1, 2, 3}
	chunks <- nil
	chunks <- []int16{4}
	close(chunks)
	assert.Equal(t, []int16{1, 2, 3, 4}, drain(t, media.Frames(8000, chunks), 2))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := media.Frames(8000, make(chan []int16)).ReadSamples(ctx, make([]int16, 1))
	require.ErrorIs(t, err, context.Canceled)
}

func TestBuffer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := media.NewBuffer(24000)
		go func() {
			for _, x := range []byte{1, 0, 2, 0, 3} { // Samples in pieces.
				time.Sleep(time.Second)
				_, _ = b.Write([]byte{x})
			}
			_, _ = b.Write([]byte{1, 4, 0, 9})
			_ = b.WriteSamples([]int16{5, 6})
			time.Sleep(time.Second)
			_ = b.Close()
		}()
		assert.Equal(t, []int16{1, 2, 0x103, 4, 5, 6}, drain(t, b, 2))
		_, err := b.Write([]byte{1, 2})
		require.ErrorIs(t, err, io.ErrClosedPipe)
		require.ErrorIs(t, b.WriteSamples([]int16{1}), io.ErrClosedPipe)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = media.NewBuffer(8000).ReadSamples(ctx, make([]int16, 1))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
