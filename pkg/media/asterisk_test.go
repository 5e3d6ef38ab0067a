package media

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The caller speaks, a program gives back what it hears, the caller hears it: by all three transports.
func TestEcho(t *testing.T) {
	t.Parallel()
	for _, transport := range []Transport{WebSocket, AudioSocket, RTP} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			l := newLine(t, "22", "echo")
			p := l.phone(t, "slin16")
			s, err := Open(t.Context(), p.ch, Options{Transport: transport})
			require.NoError(t, err)
			go func() {
				for f, err := range s.Frames(t.Context()) {
					if err != nil || s.WriteFrame(f.PCM) != nil {
						return
					}
				}
			}()
			src := Tone(16000, 440, -12, 2*time.Second)
			frame := make([]int16, 320)
			ticker := time.NewTicker(20 * time.Millisecond)
			defer ticker.Stop()
			for range 100 {
				<-ticker.C
				_, err := src.ReadSamples(t.Context(), frame)
				require.NoError(t, err)
				require.NoError(t, p.leg.write(frame))
			}
			loud := 0
			p.await(t, func(frames []phoneFrame) bool {
				loud = 0
				for _, f := range frames {
					if level(f.pcm) > -20 {
						loud++
					}
				}
				return loud > 90
			})
			require.NoError(t, s.Close())
			assert.Positive(t, s.Stats().FramesIn)
			t.Logf("%d loud frames, %+v", loud, s.Stats())
			p.hangup()
			requireNothingLeft(t, l.ctrl)
		})
	}
}
