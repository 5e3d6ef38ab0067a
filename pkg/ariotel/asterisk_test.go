package ariotel_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/test/asterisk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ari-go/ari/pkg/ariotel"
)

// On a real Asterisk a call has the shape that it has on the simulated one.
func TestAsteriskTrace(t *testing.T) {
	asterisk.Each(t, func(t *testing.T, version string) {
		inst := asterisk.Start(t, asterisk.Options{Version: version})
		r := &rig{t: t, spans: tracetest.NewSpanRecorder(), reader: metric.NewManualReader()}
		c, err := ari.NewClient(inst.URL, "ariotel", ari.WithBasicAuth(inst.Username, inst.Password),
			ari.WithLogger(slog.New(slog.DiscardHandler)), r.instrument())
		require.NoError(t, err)
		c.OnStasisStart(func(ctx context.Context, ev *ari.StasisStart) error {
			p, err := ev.Channel.Play(ctx, "sound:beep")
			if err != nil {
				return err
			}
			if err := p.Wait(ctx); err != nil {
				return err
			}
			return ev.Channel.Hangup(ctx, "")
		})
		require.NoError(t, c.Connect(t.Context()))
		issues, err := c.ARI().KnownIssues(t.Context())
		require.NoError(t, err)
		assert.NotEmpty(t, issues)
		_, err = c.ARI().Originate(t.Context(), ari.OriginateOptions{Endpoint: "Local/1011@default/n"})
		require.NoError(t, err)
		r.ended(ariotel.SpanCall, 1)
		spans := r.closed(c)
		require.Len(t, spans["channelsOriginateWithId"], 1)
		require.Len(t, spans[ariotel.SpanDial], 1)
		require.Len(t, spans[ariotel.SpanPlayback], 1)
		require.Len(t, spans[ariotel.SpanHandler], 1)
		call := spans[ariotel.SpanCall][0]
		assert.Equal(t, spans[ariotel.SpanDial][0].SpanContext().SpanID(), call.Parent().SpanID())
		assert.Equal(t, spans["channelsOriginateWithId"][0].SpanContext().TraceID(), call.SpanContext().TraceID())
	})
}
