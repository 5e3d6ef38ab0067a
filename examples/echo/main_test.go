package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/media"
	"github.com/ari-go/ari/test/voice"
)

// A caller says a tone and hears it again, on each Asterisk, by each transport that it has.
func TestEcho(t *testing.T) {
	t.Parallel()
	for version, transports := range map[string][]media.Transport{
		"22": {media.WebSocket, media.AudioSocket, media.RTP, media.Auto},
		"16": {media.RTP, media.Auto},
	} {
		for _, transport := range transports {
			t.Run(fmt.Sprintf("by %q", transport), func(t *testing.T) {
				t.Parallel()
				voice.Each(t, []string{version}, func(t *testing.T, l *voice.Line) { testEcho(t, l, transport) })
			})
		}
	}
}

func testEcho(t *testing.T, l *voice.Line, transport media.Transport) {
	app := fmt.Sprintf("echo-%s", transport)
	l.Client(t, app).OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		return echo(ctx, ev.Channel, transport)
	})
	_, phone := l.Dial(t, app, media.Options{Transport: transport, Rate: 8000})
	said, err := phone.Say(t.Context(), media.Tone(8000, 440, -12, 0))
	require.NoError(t, err)
	loud := 0
	for loud < 50 {
		frame, err := phone.ReadFrame(t.Context())
		require.NoError(t, err)
		if frame.Level > -25 {
			loud++
		}
	}
	require.Greater(t, said.Stop().Duration, time.Second/2)
}
