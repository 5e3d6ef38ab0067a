// Package ariotel tells OpenTelemetry what a client of package ari does: a trace of each call, and metrics. One option is all:
//
//	client, err := ari.NewClient(url, "app", ariotel.Instrument())
//
// It takes the global providers unless [WithTracerProvider] and [WithMeterProvider] say otherwise. [LogHandler] adds the call's
// and the trace's ids to what is logged in a handler. Names of spans, metrics and attributes are the constants of this package;
// docs/observability.md has them in a table.
package ariotel
