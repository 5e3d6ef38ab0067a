package media_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/media"
)

// onSimulator runs a test in virtual time by each transport: an application that does something with each call's stream, and one call.
func onSimulator(
	t *testing.T, codec string, opts media.Options, app func(ctx context.Context, s *media.Stream) error,
	test func(t *testing.T, srv *aritest.Server, call *aritest.Call),
) {
	t.Helper()
	for _, transport := range []media.Transport{media.WebSocket, media.AudioSocket, media.RTP} {
		t.Run(string(transport), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := aritest.NewServer(t, aritest.InMemory())
				client := srv.Client()
				opts := opts
				opts.Transport = transport
				client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
					defer ev.Channel.Stop(ari.Cleanup(ctx))
					if err := ev.Channel.Answer(ctx); err != nil {
						return err
					}
					s, err := media.Open(ctx, ev.Channel, opts)
					if err != nil {
						t.Error(err)
						return err
					}
					defer s.Close()
					return app(ctx, s)
				})
				require.NoError(t, client.Connect(t.Context()))
				call := srv.Call("1000", aritest.WithCodec(codec))
				require.NoError(t, call.WaitBridged(t.Context(), 2))
				test(t, srv, call)
				call.Hangup()
				require.NoError(t, srv.WaitIdle(t.Context()))
			})
		})
	}
}

func echo(ctx context.Context, s *media.Stream) error {
	for f, err := range s.Frames(ctx) {
		if err != nil {
			return err
		}
		if err := s.WriteFrame(f.PCM); err != nil {
			return err
		}
	}
	return nil
}

// loudNoise is a signal that can be told at every place.
func loudNoise(seed uint32, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		seed = seed*1664525 + 1013904223
		out[i] = int16(seed>>16)/4 | 0x400
	}
	return out
}

// What the caller says comes back, sample by sample where nothing on the way is coded.
func TestSimulatedEcho(t *testing.T) {
	t.Parallel()
	said := loudNoise(1, 8000)
	onSimulator(t, "slin", media.Options{Rate: 8000, Format: "slin"}, echo, func(t *testing.T, _ *aritest.Server, call *aritest.Call) {
		ear := call.Listen()
		time.Sleep(time.Second)
		call.Say(8000, said)
		require.NoError(t, call.WaitSaid(t.Context()))
		time.Sleep(time.Second)
		heard := ear.Samples()
		at := slices.Index(heard, said[0])
		require.GreaterOrEqual(t, at, 0)
		assert.Equal(t, said, heard[at:at+len(said)])
	})
}
