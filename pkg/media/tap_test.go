package media

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Both sides are in the file, each in its place in time: what was said when it was heard, and only what was heard.
func TestTap(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 8000, 8000, queues, Options{})
		file, err := os.Create(filepath.Join(t.TempDir(), "call.wav"))
		require.NoError(t, err)
		defer file.Close()
		time.Sleep(time.Second)
		tap, err := s.Tap(file)
		require.NoError(t, err)
		_, err = s.Tap(file)
		require.ErrorIs(t, err, ErrTapped)
		time.Sleep(time.Second)
		said := noise(1, 16000)
		u, err := s.Say(t.Context(), Samples(8000, said))
		require.NoError(t, err)
		time.Sleep(time.Second)
		caller := noise(2, 8000)
		for frame := range slices.Chunk(caller, 160) {
			time.Sleep(frameTime)
			f.say <- legReply{pcm: frame}
			if time.Since(tap.begun) > 2500*time.Millisecond {
				u.Stop()
			}
		}
		time.Sleep(2 * time.Second)
		require.NoError(t, tap.Close())
		require.NoError(t, tap.Close())
		_, err = file.Seek(0, 0)
		require.NoError(t, err)
		raw, err := os.ReadFile(file.Name())
		require.NoError(t, err)
		pcm := make([]int16, (len(raw)-44)/2)
		parsePCM(pcm, raw[44:])
		var left, right []int16
		for i := 0; i < len(pcm); i += 2 {
			left, right = append(left, pcm[i]), append(right, pcm[i+1])
		}
		assert.InDelta(t, 5*8000, len(left), 400)
		at, n := find(left, caller)
		assert.InDelta(t, 2*8000, at, 600)
		assert.Equal(t, len(caller), n)
		at, n = find(right, said)
		assert.InDelta(t, 8000, at, 600)
		assert.InDelta(t, 12000, n, 600)
		assert.InDelta(t, u.Heard().Samples, n, 42)
		for _, x := range right[at+n+50:] {
			require.Zero(t, x, "nothing that wasn't heard")
		}
		second, err := s.Tap(&bytes.Buffer{})
		require.NoError(t, err)
		require.NoError(t, s.Close())
		require.NoError(t, second.Close(), "it ends with the stream")
	})
}

type brokenWriter struct{ left int }

var errDisk = errors.New("the disk is full")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

// A disk that is full harms the recording only.
func TestTapFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, s := fakeStream(t, 8000, 8000, true, Options{})
		_, err := s.Tap(&brokenWriter{})
		require.ErrorIs(t, err, errDisk)
		tap, err := s.Tap(&brokenWriter{left: 1000})
		require.NoError(t, err)
		said := noise(1, 40000)
		u, err := s.Say(t.Context(), Samples(8000, said))
		require.NoError(t, err)
		require.NoError(t, u.Wait(t.Context()))
		assert.Equal(t, said, f.samples())
		require.ErrorIs(t, tap.Close(), errDisk)
	})
}

// Two calls hear each other, whatever their rates.
func TestConnect(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		fa, a := fakeStream(t, 8000, 8000, queues, Options{})
		fb, b := fakeStream(t, 16000, 16000, !queues, Options{})
		ended := make(chan error, 1)
		go func() { ended <- Connect(t.Context(), a, b) }()
		for range 50 {
			time.Sleep(frameTime)
			pcm := make([]int16, 160)
			for i := range pcm {
				pcm[i] = 8000
			}
			fa.say <- legReply{pcm: pcm}
			fb.say <- legReply{pcm: slices.Concat(pcm, pcm)}
		}
		time.Sleep(time.Second)
		assert.InDelta(t, 8000, len(fa.samples()), 400)
		assert.InDelta(t, 16000, len(fb.samples()), 800)
		require.NoError(t, b.Close())
		require.ErrorIs(t, <-ended, ErrClosed)
	})
}

// While nobody is there to hear it nothing is said; then it goes on with the next sample.
func TestHold(t *testing.T) {
	both(t, func(t *testing.T, queues bool) {
		f, s := fakeStream(t, 8000, 8000, queues, Options{})
		said := noise(1, 16000)
		u, err := s.Say(t.Context(), Samples(8000, said))
		require.NoError(t, err)
		time.Sleep(700 * time.Millisecond)
		s.hold()
		before := len(f.samples())
		time.Sleep(time.Minute)
		assert.Len(t, f.samples(), before)
		s.opened()
		require.NoError(t, u.Wait(t.Context()))
		var heard []int16
		for _, x := range f.samples() {
			if x != 0 {
				heard = append(heard, x)
			}
		}
		assert.Equal(t, said, heard)
	})
}
