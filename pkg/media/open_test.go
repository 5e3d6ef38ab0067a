package media

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version string
		in      Options
		want    string
	}{
		{"22.10.1", Options{}, "websocket slin16"},
		{"22.6.0", Options{Rate: 48000}, "websocket slin48"},
		{"22.10.1", Options{}, "narrow websocket slin"},
		{"22.10.1", Options{Transport: AudioSocket}, "narrow audiosocket slin"},
		{"16.28.0", Options{}, "narrow rtp ulaw"},
		{"22.10.1", Options{Format: "slin16"}, "narrow websocket slin16"},
		{"22.5.0", Options{}, "audiosocket slin"},
		{"22.7.0", Options{Transport: AudioSocket, Rate: 24000}, "audiosocket slin24"},
		{"21.11.0", Options{}, "websocket slin16"},
		{"21.10.0", Options{}, "audiosocket slin"},
		{"20.15.0", Options{}, "audiosocket slin"},
		{"20.16.0", Options{}, "websocket slin16"},
		{"19.0.0", Options{}, "audiosocket slin"},
		{"24.0.0", Options{}, "websocket slin16"},
		{"16.28.0", Options{}, "rtp g722"},
		{"16.28.0", Options{Rate: 8000}, "rtp ulaw"},
		{"16.28.0", Options{Transport: AudioSocket}, "media: not supported"},
		{"16.28.0", Options{Transport: WebSocket}, "media: not supported"},
		{"22.10.1", Options{Transport: RTP, Format: "slin16"}, "media: not supported"},
		{"22.10.1", Options{Transport: AudioSocket, Format: "ulaw"}, "media: not supported"},
		{"22.6.0", Options{Transport: AudioSocket, Format: "slin16"}, "media: not supported"},
		{"22.10.1", Options{Format: "opus"}, "media: a format that can't be coded here"},
		{"22.10.1", Options{Transport: "carrier pigeon"}, "media: not supported"},
		{"22.10.1", Options{Rate: 44100}, "media: not supported"},
	} {
		v, err := ari.ParseVersion(c.version)
		require.NoError(t, err)
		o, err := c.in.withDefaults()
		if err == nil {
			o, err = o.choose(v, strings.HasPrefix(c.want, "narrow "))
		}
		if err != nil {
			assert.ErrorContains(t, err, c.want, c.version)
			continue
		}
		assert.Equal(t, strings.TrimPrefix(c.want, "narrow "), string(o.Transport)+" "+o.Format, "%s %+v", c.version, c.in)
	}
}
