package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/media"
	"github.com/ari-go/ari/test/voice"
)

// loudness waits until the stream has ended, and returns how much of it was loud.
func loudness(s *media.Stream) time.Duration {
	loud := 0
	for f, err := range s.Frames(context.Background()) {
		if err != nil {
			break
		}
		if f.Level > -30 {
			loud += len(f.PCM)
		}
	}
	return time.Duration(loud) * time.Second / time.Duration(s.Rate())
}

// tones are a second of a tone, as what comes out of a file or a radio.
func tones(t *testing.T) []int16 {
	t.Helper()
	pcm := make([]int16, 44100)
	n, err := media.Tone(44100, 440, -12, time.Second).ReadSamples(t.Context(), pcm)
	require.NoError(t, err)
	require.Len(t, pcm, n)
	return pcm
}

// Each of several callers hears the file from its beginning to its end.
func TestAnnounceFile(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22", "16"}, func(t *testing.T, l *voice.Line) {
		name := filepath.Join(t.TempDir(), "news.wav")
		file, err := os.Create(name)
		require.NoError(t, err)
		wav, err := media.NewWAVWriter(file, 44100, 1)
		require.NoError(t, err)
		require.NoError(t, wav.WriteSamples(tones(t)))
		require.NoError(t, wav.Close())
		require.NoError(t, file.Close())
		open := func() (media.Source, error) {
			f, err := os.Open(name)
			if err != nil {
				return nil, err
			}
			return media.WAV(f)
		}
		l.Client(t, "announce").OnCall(func(ctx context.Context, ev *ari.StasisStart) error { return announce(ctx, ev.Channel, open) })
		for range 2 {
			_, phone := l.Dial(t, "announce", media.Options{Rate: 16000})
			// What comes before the caller's own stream is there isn't heard here.
			assert.InDelta(t, 0.9, loudness(phone).Seconds(), 0.3)
		}
	})
}

// slowly gives a file's samples as a radio does: as fast as they are heard.
type slowly struct {
	pcm  []int16
	rate int
}

func (s *slowly) ReadSamples(pcm []int16) (int, error) {
	n := copy(pcm, s.pcm)
	if s.pcm = s.pcm[n:]; n == 0 {
		return 0, io.EOF
	}
	time.Sleep(time.Duration(n) * time.Second / time.Duration(s.rate))
	return n, nil
}

// Two callers hear the same radio, and when it is over both calls end.
func TestAnnounceLive(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, func(t *testing.T, l *voice.Line) {
		r := newRadio(44100)
		open := func() (media.Source, error) { return r.listen(), nil }
		l.Client(t, "radio").OnCall(func(ctx context.Context, ev *ari.StasisStart) error { return announce(ctx, ev.Channel, open) })
		_, first := l.Dial(t, "radio", media.Options{Rate: 16000})
		_, second := l.Dial(t, "radio", media.Options{Rate: 16000})
		one := tones(t)
		var all []int16
		for range 3 {
			all = append(all, one...)
		}
		go r.run(&slowly{all, 44100})
		for _, s := range []*media.Stream{first, second} {
			assert.InDelta(t, 2.9, loudness(s).Seconds(), 0.5)
		}
	})
}
