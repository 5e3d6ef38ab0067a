package ariotel

import (
	"context"
	"fmt"

	"github.com/ari-go/ari/pkg/ari"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// scopeName names this package to OpenTelemetry.
const scopeName = "github.com/ari-go/ari/pkg/ariotel"

type config struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
}

// An Option changes what [Instrument] does.
type Option func(*config)

// WithTracerProvider sets whose tracer is used instead of the global provider's.
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(c *config) { c.tracers = p }
}

// WithMeterProvider sets whose meter is used instead of the global provider's.
func WithMeterProvider(p metric.MeterProvider) Option {
	return func(c *config) { c.meters = p }
}

// Instrument makes the option of one client or server that traces its calls and measures it. Make one for each client.
//
// A call has a trace if handlers of StasisStart are registered. A channel that the client has originated or created continues
// the trace of that command.
func Instrument(opts ...Option) ari.Option {
	cfg := config{tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider()}
	for _, opt := range opts {
		opt(&cfg)
	}
	m, err := newMeters(cfg.meters.Meter(scopeName))
	if err != nil {
		otel.Handle(fmt.Errorf("ariotel: %w", err))
	}
	t := newTracker(cfg.tracers.Tracer(scopeName), m)
	return ari.WithOptions(
		ari.WithObserver(ari.Observer{
			Start: func(ctx context.Context, stats func() ari.Stats) { t.start(ctx, stats) },
			Call:  t.call,
			Event: t.event,
		}),
		ari.WithInterceptor(t.command),
		ari.WithHandlerInterceptor(t.handler),
	)
}
