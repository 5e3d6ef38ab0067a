package media

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/test/asterisk"
)

// A call is handed over and comes back, then another one takes its place: what was being said goes on, and all of it is
// heard.
func TestAttach(t *testing.T) {
	t.Parallel()
	for _, transport := range []Transport{WebSocket, AudioSocket} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			l := newLine(t, "22", "attach")
			first, second := l.phone(t, "slin16"), l.phone(t, "slin16")
			s, err := Open(t.Context(), first.ch, Options{Transport: transport})
			require.NoError(t, err)
			said := noise(1, 2*16000)
			u, err := s.Say(t.Context(), Samples(16000, said))
			require.NoError(t, err)
			time.Sleep(500 * time.Millisecond)
			require.NoError(t, s.Detach(t.Context()))
			require.ErrorIs(t, s.Detach(t.Context()), ErrUnsupported, "twice")
			before := u.Heard().Samples
			// Meanwhile the call talks to somebody else.
			b, err := l.ctrl.CreateBridge(t.Context(), ari.CreateBridgeOptions{})
			require.NoError(t, err)
			require.NoError(t, b.AddChannel(t.Context(), first.ch.ID, second.ch.ID))
			require.NoError(t, second.leg.write(noise(2, 3200)))
			first.await(t, func(frames []phoneFrame) bool {
				_, n := find(samplesOf(frames), noise(2, 3200))
				return n == 3200
			})
			assert.LessOrEqual(t, u.Heard().Samples, before+int64(16000/5), "nothing goes on")
			require.NoError(t, b.Stop(t.Context()))
			require.NoError(t, s.Attach(t.Context(), first.ch))
			time.Sleep(500 * time.Millisecond)
			require.NoError(t, s.Attach(t.Context(), second.ch))
			require.NoError(t, u.Wait(t.Context()))
			second.await(t, func(frames []phoneFrame) bool {
				_, n := find(samplesOf(frames), said[len(said)-3200:])
				return n == 3200
			})
			first.hangup() // It is no longer the stream's.
			total := 0
			for _, x := range append(samplesOf(first.heard()), samplesOf(second.heard())...) {
				if x != 0 {
					total++
				}
			}
			assert.InDelta(t, len(said)+3200, total, 16000/25*3, "nearly all: what is on its way when a call leaves is lost")
			second.hangup()
			<-s.Done()
			requireNothingLeft(t, l.ctrl)
		})
	}
}

// Asterisk is killed: the stream ends, with all that waits, and the program goes on.
func TestKilledAsterisk(t *testing.T) {
	t.Parallel()
	for _, transport := range []Transport{WebSocket, AudioSocket, RTP} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			inst := asterisk.Start(t, asterisk.Options{Own: true})
			client, err := ari.NewClient(inst.URL, "killed", ari.WithBasicAuth(inst.Username, inst.Password))
			require.NoError(t, err)
			require.NoError(t, client.Connect(t.Context()))
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				_ = client.Close(ctx)
			})
			ch, err := client.ARI().CreateExternalMedia(t.Context(), ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "ulaw"})
			require.NoError(t, err)
			s, err := Open(t.Context(), ch, Options{Transport: transport})
			require.NoError(t, err)
			u, err := s.Say(t.Context(), Tone(16000, 440, -20, 0))
			require.NoError(t, err)
			time.Sleep(200 * time.Millisecond)
			require.NoError(t, inst.Kill())
			if transport == RTP {
				// Nothing tells of it but the lost connection for events; whoever wants to know sooner closes the stream.
				require.Error(t, s.Close())
				require.ErrorIs(t, u.Wait(t.Context()), ErrClosed)
				return
			}
			require.ErrorIs(t, u.Wait(t.Context()), ErrMediaLost)
			<-s.Done()
			assert.ErrorIs(t, s.Err(), ErrMediaLost)
			assert.Error(t, s.Close(), "nothing could be removed")
		})
	}
}
