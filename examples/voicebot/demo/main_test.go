package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/examples/voicebot/bot"
	"github.com/ari-go/ari/pkg/media"
	"github.com/ari-go/ari/test/voice"
)

// A whole call with the bot: it greets, answers, is interrupted, knows how much of it was heard, and hangs up.
func TestDemo(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, func(t *testing.T, l *voice.Line) {
		out := filepath.Join(t.TempDir(), "call.wav")
		standIn := new(bot.StandIn)
		host, client := l.Serve(t, standIn)
		b := &bot.Bot{Service: bot.Service{URL: "ws://" + host, HTTPClient: client}}
		require.NoError(t, run(t.Context(), b, l.Client(t, "voicebot"), l.Client(t, "voicebot-caller"), out, t.Logf))
		heard := standIn.Truncated()
		require.Len(t, heard, 1, "interrupted once")
		// The caller waits for a second behind the first sign of the answer; the bot finds after 100 ms that it is interrupted.
		assert.InDelta(t, 1250, heard[0], 350)
		file, err := os.Open(out)
		require.NoError(t, err)
		defer file.Close()
		wav, err := media.NewWAVReader(file)
		require.NoError(t, err)
		assert.Equal(t, 16000, wav.Rate())
		pcm := make([]int16, 16000*60)
		n, err := wav.ReadSamples(pcm)
		require.NoError(t, err)
		assert.Greater(t, n, 16000*8)
	})
}
