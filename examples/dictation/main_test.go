package main

import (
	"context"
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

// A caller says two things and presses #: there are two files, and one of the whole call.
func TestDictation(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, testDictation)
}

func testDictation(t *testing.T, l *voice.Line) {
	folder := t.TempDir()
	files := make(chan []string, 1)
	l.Client(t, "dictation").OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		names, err := dictate(ctx, ev.Channel, folder, media.Options{})
		files <- names
		return err
	})
	ch, phone := l.Dial(t, "dictation", media.Options{Rate: 8000})
	require.NoError(t, phone.SetAmbient(t.Context(), media.ComfortNoise(-65), 1)) // A telephone sends without a pause.
	for frame, err := range phone.Frames(t.Context()) {
		require.NoError(t, err)
		if frame.Level > -30 {
			break // The tone.
		}
	}
	for _, d := range []time.Duration{0, 1500 * time.Millisecond} {
		_, err := phone.Say(t.Context(), media.Silence(500*time.Millisecond+d))
		require.NoError(t, err)
		said, err := phone.Say(t.Context(), media.Tone(8000, 300, -15, time.Second))
		require.NoError(t, err)
		require.NoError(t, said.Wait(t.Context()))
	}
	silence, err := phone.Say(t.Context(), media.Silence(1500*time.Millisecond))
	require.NoError(t, err)
	require.NoError(t, silence.Wait(t.Context()))
	require.NoError(t, ch.SendDTMF(t.Context(), "#"))
	names := <-files
	require.Len(t, names, 2)
	for _, name := range append(names, filepath.Join(folder, "call.wav")) {
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Greater(t, info.Size(), int64(32000), name)
	}
	f, err := os.Open(names[0])
	require.NoError(t, err)
	defer f.Close()
	wav, err := media.NewWAVReader(f)
	require.NoError(t, err)
	pcm := make([]int16, 16000*10)
	n, err := wav.ReadSamples(pcm)
	require.NoError(t, err)
	assert.InDelta(t, 2.1, float64(n)/16000, 0.5, "a second, what was before, and the silence that ends it")
}
