package ariotel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ari-go/ari/pkg/ariotel"
)

// A rig is a simulated Asterisk, and what is told to OpenTelemetry.
type rig struct {
	t      *testing.T
	srv    *aritest.Server
	spans  *tracetest.SpanRecorder
	reader *metric.ManualReader
}

func newRig(t *testing.T) *rig {
	return &rig{t, aritest.NewServer(t), tracetest.NewSpanRecorder(), metric.NewManualReader()}
}

func (r *rig) instrument() ari.Option {
	return ariotel.Instrument(
		ariotel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r.spans))),
		ariotel.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(r.reader))))
}

func (r *rig) client(h func(context.Context, *ari.StasisStart) error, opts ...ari.Option) *ari.Client {
	c := r.srv.Client(append(opts, r.instrument())...)
	if h != nil {
		c.OnStasisStart(h)
	}
	require.NoError(r.t, c.Connect(r.t.Context()))
	return c
}

// closed closes the client, and makes sure that each span that began has ended.
func (r *rig) closed(c *ari.Client) map[string][]sdktrace.ReadOnlySpan {
	require.NoError(r.t, c.Close(r.t.Context()))
	require.Eventually(r.t, func() bool { return len(r.spans.Started()) == len(r.spans.Ended()) }, 10*time.Second, time.Millisecond)
	byName := make(map[string][]sdktrace.ReadOnlySpan)
	for _, s := range r.spans.Ended() {
		byName[s.Name()] = append(byName[s.Name()], s)
	}
	return byName
}

// ended waits until so many spans of a name have ended.
func (r *rig) ended(name string, n int) {
	require.Eventually(r.t, func() bool {
		have := 0
		for _, s := range r.spans.Ended() {
			if s.Name() == name {
				have++
			}
		}
		return have >= n
	}, 10*time.Second, time.Millisecond, "%d spans %s", n, name)
}

func value(s sdktrace.ReadOnlySpan, key string) attribute.Value {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == key {
			return kv.Value
		}
	}
	return attribute.Value{}
}

func (r *rig) metrics() map[string]metricdata.Metrics {
	var all metricdata.ResourceMetrics
	require.NoError(r.t, r.reader.Collect(context.Background(), &all))
	m := make(map[string]metricdata.Metrics)
	for _, scope := range all.ScopeMetrics {
		for _, one := range scope.Metrics {
			m[one.Name] = one
		}
	}
	return m
}

// An ordinary call is one trace: the call, its handler, the commands, the playback; and the log names it.
func TestTraceOfACall(t *testing.T) {
	r := newRig(t)
	var log bytes.Buffer
	logger := slog.New(ariotel.LogHandler(slog.NewJSONHandler(&log, nil)))
	c := r.client(func(ctx context.Context, ev *ari.StasisStart) error {
		logger.InfoContext(ctx, "a call")
		if err := ev.Channel.Answer(ctx); err != nil {
			return err
		}
		p, err := ev.Channel.Play(ctx, "sound:hello-world")
		if err != nil {
			return err
		}
		if err := p.Wait(ctx); err != nil {
			return err
		}
		return ev.Channel.Hangup(ctx, "")
	})
	call := r.srv.Call("1000")
	r.ended(ariotel.SpanCall, 1)
	spans := r.closed(c)

	root := spans[ariotel.SpanCall][0]
	assert.False(t, root.Parent().IsValid())
	assert.Equal(t, call.ChannelID(), value(root, ariotel.AttrCallID).AsString())
	assert.Equal(t, ariotel.OutcomeLeft, value(root, ariotel.AttrOutcome).AsString())
	require.Len(t, spans[ariotel.SpanHandler], 1)
	handler := spans[ariotel.SpanHandler][0]
	assert.Equal(t, root.SpanContext().SpanID(), handler.Parent().SpanID())
	for _, name := range []string{"channelsAnswer", "channelsPlayWithId", "channelsHangup"} {
		require.Len(t, spans[name], 1, name)
		assert.Equal(t, handler.SpanContext().SpanID(), spans[name][0].Parent().SpanID(), name)
		assert.Equal(t, "2xx", value(spans[name][0], ariotel.AttrStatus).AsString())
	}
	require.Len(t, spans[ariotel.SpanPlayback], 1)
	assert.Equal(t, root.SpanContext().TraceID(), spans[ariotel.SpanPlayback][0].SpanContext().TraceID())
	assert.Equal(t, codes.Unset, spans[ariotel.SpanPlayback][0].Status().Code)
	assert.Contains(t, log.String(), root.SpanContext().TraceID().String())
	assert.Contains(t, log.String(), `"call.id":"`+call.ChannelID()+`"`)
}

// A leg that a call has originated is in the call's trace, and the two are linked when they are bridged.
func TestTraceOfAnOriginatedLeg(t *testing.T) {
	r := newRig(t)
	r.srv.Endpoint("PJSIP/bob", aritest.Answers(0))
	c := r.srv.Client(r.instrument())
	done := make(chan error, 1)
	c.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		err := bridged(ctx, ev)
		done <- err
		return err
	})
	require.NoError(t, c.Connect(t.Context()))
	call := r.srv.Call("1000")
	require.NoError(t, <-done)
	call.Hangup()
	r.ended(ariotel.SpanCall, 2)
	spans := r.closed(c)

	legs := spans[ariotel.SpanCall]
	require.Len(t, legs, 2)
	assert.Equal(t, legs[0].SpanContext().TraceID(), legs[1].SpanContext().TraceID())
	assert.Len(t, legs[0].Links(), 1)
	assert.Len(t, legs[1].Links(), 1)
	require.Len(t, spans[ariotel.SpanDial], 1)
	parents := []any{legs[0].Parent().SpanID(), legs[1].Parent().SpanID()}
	assert.Contains(t, parents, spans[ariotel.SpanDial][0].SpanContext().SpanID())
}

func bridged(ctx context.Context, ev *ari.StasisStart) error {
	if err := ev.Channel.Answer(ctx); err != nil {
		return err
	}
	ctrl := ev.Controller()
	leg, err := ctrl.Originate(ctx, ari.OriginateOptions{Endpoint: "PJSIP/bob"})
	if err != nil {
		return err
	}
	if err := leg.WaitStasis(ctx); err != nil {
		return err
	}
	bridge, err := ctrl.CreateBridge(ctx, ari.CreateBridgeOptions{})
	if err != nil {
		return err
	}
	entered := ari.Subscribe[*ari.ChannelEnteredBridge](bridge)
	defer entered.Close()
	for _, ch := range []*ari.Channel{ev.Channel, leg} {
		if err := bridge.AddChannel(ctx, ch.ID); err != nil {
			return err
		}
		if _, err := entered.Next(ctx); err != nil {
			return err
		}
	}
	return leg.Hangup(ctx, "")
}

// Errors and panics are told as such.
func TestTraceOfFailures(t *testing.T) {
	r := newRig(t)
	n := 0
	c := r.client(func(ctx context.Context, ev *ari.StasisStart) error {
		if n++; n == 1 {
			_, err := ev.Controller().Channel("nobody").Play(ctx, "sound:x")
			assert.ErrorIs(t, err, ari.ErrNotFound)
			return errors.New("of the program")
		}
		panic("of the program")
	})
	for i := range 2 {
		call := r.srv.Call("1000")
		r.ended(ariotel.SpanHandler, i+1)
		call.Hangup()
		r.ended(ariotel.SpanCall, i+1)
	}
	spans := r.closed(c)
	assert.Equal(t, "404", value(spans["channelsPlayWithId"][0], ariotel.AttrStatus).AsString())
	assert.Equal(t, codes.Error, spans["channelsPlayWithId"][0].Status().Code)
	assert.Equal(t, codes.Error, spans[ariotel.SpanPlayback][0].Status().Code)
	assert.Equal(t, "error", value(spans[ariotel.SpanHandler][0], ariotel.AttrOutcome).AsString())
	assert.Equal(t, "panic", value(spans[ariotel.SpanHandler][1], ariotel.AttrOutcome).AsString())
}

// A reconnect in the middle doesn't end a call; one that ended in the gap says so; and what ran in it has ended, too.
func TestTraceThroughAGap(t *testing.T) {
	r := newRig(t)
	c := r.client(func(ctx context.Context, ev *ari.StasisStart) error {
		_, err := ev.Channel.Play(ctx, "sound:hello-world")
		<-ctx.Done()
		return err
	})
	stays, goes := r.srv.Call("1000"), r.srv.Call("1001")
	r.ended("channelsPlayWithId", 2)
	back := ari.Subscribe[*ari.Connected](c)
	defer back.Close()
	r.srv.Faults().Down()
	goes.Hangup()
	r.srv.Faults().Up()
	_, err := back.Next(t.Context())
	require.NoError(t, err)
	r.ended(ariotel.SpanCall, 1)
	stays.Hangup()
	r.ended(ariotel.SpanCall, 2)
	spans := r.closed(c)

	outcomes := make(map[string]sdktrace.ReadOnlySpan)
	for _, s := range spans[ariotel.SpanCall] {
		outcomes[value(s, ariotel.AttrCallID).AsString()] = s
	}
	assert.Equal(t, ariotel.OutcomeGap, value(outcomes[goes.ChannelID()], ariotel.AttrOutcome).AsString())
	assert.Equal(t, ariotel.OutcomeLeft, value(outcomes[stays.ChannelID()], ariotel.AttrOutcome).AsString())
	var told []string
	for _, e := range outcomes[stays.ChannelID()].Events() {
		told = append(told, e.Name)
	}
	assert.Equal(t, []string{"connection lost", "connection restored"}, told)
	assert.Contains(t, r.metrics(), ariotel.MetricGap)
}

// A client that is closed leaves no call's span open; two clients have traces and figures of their own.
func TestTraceOfTwoClients(t *testing.T) {
	one, two := newRig(t), newRig(t)
	wait := func(ctx context.Context, _ *ari.StasisStart) error { <-ctx.Done(); return nil }
	c1, c2 := one.client(wait), two.client(wait)
	one.srv.Call("1000")
	require.Eventually(t, func() bool { return c1.Stats().Calls == 1 }, 10*time.Second, time.Millisecond)
	sum, ok := one.metrics()[ariotel.MetricCallsActive].Data.(metricdata.Sum[int64])
	require.True(t, ok)
	assert.EqualValues(t, 1, sum.DataPoints[0].Value)
	spans := one.closed(c1)
	require.Len(t, spans[ariotel.SpanCall], 1)
	assert.Equal(t, ariotel.OutcomeClosed, value(spans[ariotel.SpanCall][0], ariotel.AttrOutcome).AsString())
	assert.Empty(t, two.closed(c2)[ariotel.SpanCall])
	assert.NotContains(t, one.metrics(), ariotel.MetricCallsActive, "the client's figures end with it")
}

// Each attribute of each metric has fewer than 20 values, whatever Asterisk answers and whatever is commanded.
func TestMetricsAreBounded(t *testing.T) {
	r := newRig(t)
	c := r.client(nil)
	doer := c.ARI()
	for i := range 40 {
		r.srv.Faults().FailRequests("/channels", 1, 400+i)
		_, _ = doer.Channels(t.Context())
	}
	_, _ = doer.Bridges(t.Context())
	_, _ = doer.Endpoints(t.Context())
	for i := range 40 {
		r.srv.Faults().SendEvent(r.srv.App, fmt.Sprintf("Odd%d", i), nil)
	}
	call := r.srv.Call("1000")
	require.Eventually(t, func() bool { return c.Stats().Calls == 1 }, 10*time.Second, time.Millisecond)
	call.Hangup()
	r.closed(c)
	values := make(map[string]map[string]bool)
	for name, m := range r.metrics() {
		for _, set := range setsOf(m.Data) {
			for _, kv := range set.ToSlice() {
				key := name + " " + string(kv.Key)
				if values[key] == nil {
					values[key] = make(map[string]bool)
				}
				values[key][kv.Value.String()] = true
			}
		}
	}
	require.NotEmpty(t, values[ariotel.MetricCommandDuration+" "+ariotel.AttrStatus])
	for key, have := range values {
		assert.Less(t, len(have), 20, "%s: %v", key, have)
	}
}

func setsOf(data metricdata.Aggregation) (sets []attribute.Set) {
	switch d := data.(type) {
	case metricdata.Histogram[float64]:
		for _, p := range d.DataPoints {
			sets = append(sets, p.Attributes)
		}
	case metricdata.Sum[int64]:
		for _, p := range d.DataPoints {
			sets = append(sets, p.Attributes)
		}
	}
	return sets
}
