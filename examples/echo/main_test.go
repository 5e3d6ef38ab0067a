package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/media"
	"github.com/ari-go/ari/test/asterisk"
)

// A caller says a tone and hears it again, on each Asterisk, by each transport that it has.
func TestEcho(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version   string
		transport media.Transport
	}{
		{"22", media.WebSocket},
		{"22", media.AudioSocket},
		{"22", media.RTP},
		{"22", media.Auto},
		{"16", media.RTP},
		{"16", media.Auto},
	} {
		t.Run(fmt.Sprintf("%s by %q", c.version, c.transport), func(t *testing.T) {
			t.Parallel()
			inst := asterisk.Start(t, asterisk.Options{Version: c.version})
			app := fmt.Sprintf("echo-%s", c.transport)
			connect(t, inst, app).OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
				return echo(ctx, ev.Channel, c.transport)
			})
			caller := connect(t, inst, app+"-caller").ARI()
			ch, err := caller.Originate(t.Context(), ari.OriginateOptions{Endpoint: "Local/app-" + app + "@default"})
			require.NoError(t, err)
			require.NoError(t, ch.WaitStasis(t.Context()))
			phone, err := media.Open(t.Context(), ch, media.Options{Transport: c.transport, Rate: 8000})
			require.NoError(t, err)
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
			require.NoError(t, phone.Close())
			require.NoError(t, ch.Stop(t.Context()))
		})
	}
}

func connect(t *testing.T, inst *asterisk.Instance, app string) *ari.Client {
	t.Helper()
	client, err := ari.NewClient(inst.URL, app, ari.WithBasicAuth(inst.Username, inst.Password))
	require.NoError(t, err)
	require.NoError(t, client.Connect(t.Context()))
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	return client
}
