package ariotel

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// A tracker knows a client's live calls, and the spans whose end an event will tell.
type tracker struct {
	tracer trace.Tracer
	m      *meters

	mu      sync.Mutex
	calls   map[string]*call // by channel id
	open    map[spanKey]*openSpan
	bridges map[string]map[*call]struct{} // the calls in each
}

// A call is a channel's stay in an application.
type call struct {
	id     string
	span   trace.Span
	bridge string                // that it is in; "" if none
	open   map[spanKey]*openSpan // that end with it at the latest
	over   bool
}

type callKey struct{}

// callOf returns the call in whose handler ctx is used; nil if none.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

func newTracker(tracer trace.Tracer, m *meters) *tracker {
	return &tracker{
		tracer: tracer, m: m,
		calls: make(map[string]*call), open: make(map[spanKey]*openSpan), bridges: make(map[string]map[*call]struct{}),
	}
}

// start implements ari.Observer's Start.
func (t *tracker) start(ctx context.Context, stats func() ari.Stats) {
	if err := t.m.watch(ctx, stats); err != nil {
		otel.Handle(err)
	}
	context.AfterFunc(ctx, func() { t.endUnowned("the client has ended") })
}

// call implements ari.Observer's Call: it begins a call's span, in the trace of the command that made the channel, if it was
// one of the client's.
func (t *tracker) call(ctx context.Context, start *ari.StasisStart) context.Context {
	begun := time.Now()
	id := start.Channel.ID
	parent := trace.ContextWithSpanContext(ctx, t.entered(id))
	_, span := t.tracer.Start(parent, SpanCall, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String(AttrCallID, id),
		attribute.String(AttrChannelName, start.Channel.Name),
		attribute.String(AttrApplication, start.Application),
		attribute.String(AttrAsteriskID, start.AsteriskID),
		attribute.Bool(AttrSynthetic, start.Synthetic()),
	))
	c := &call{id: id, span: span, open: make(map[spanKey]*openSpan)}
	t.mu.Lock()
	t.calls[id] = c
	t.mu.Unlock()
	context.AfterFunc(ctx, func() { t.callOver(ctx, c, begun) })
	return context.WithValue(trace.ContextWithSpan(ctx, span), callKey{}, c)
}

// callOver ends a call's span, and what still runs in it.
func (t *tracker) callOver(ctx context.Context, c *call, begun time.Time) {
	cause := context.Cause(ctx)
	t.mu.Lock()
	c.over = true
	if t.calls[c.id] == c {
		delete(t.calls, c.id)
	}
	t.leaveBridge(c)
	for _, o := range c.open {
		delete(t.open, o.key)
		o.span.AddEvent("the call has ended")
		o.span.End()
	}
	c.open = nil
	t.mu.Unlock()

	outcome := outcomeOf(cause)
	c.span.SetAttributes(attribute.String(AttrOutcome, outcome))
	if end, ok := errors.AsType[*ari.EndError](cause); ok && end.Cause != 0 {
		c.span.SetAttributes(attribute.Int(AttrCause, end.Cause))
	}
	if outcome == OutcomeGap || outcome == OutcomeOther {
		c.span.SetStatus(codes.Error, cause.Error())
	}
	c.span.End()
	t.m.calls.Record(ctx, since(begun), metric.WithAttributes(attribute.String(AttrOutcome, outcome)))
}

func outcomeOf(cause error) string {
	switch {
	case errors.Is(cause, ari.ErrGap):
		return OutcomeGap
	case errors.Is(cause, ari.ErrLeftStasis):
		return OutcomeLeft
	case errors.Is(cause, ari.ErrChannelDestroyed):
		return OutcomeDestroyed
	case errors.Is(cause, ari.ErrClosed), errors.Is(cause, ari.ErrReplaced):
		return OutcomeClosed
	}
	return OutcomeOther
}

// enterBridge links a call with those that are in the bridge already.
func (t *tracker) enterBridge(channel, bridge string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.calls[channel]
	if c == nil || bridge == "" {
		return
	}
	t.leaveBridge(c)
	at := []attribute.KeyValue{attribute.String(AttrBridgeID, bridge)}
	for peer := range t.bridges[bridge] {
		c.span.AddLink(trace.Link{SpanContext: peer.span.SpanContext(), Attributes: at})
		peer.span.AddLink(trace.Link{SpanContext: c.span.SpanContext(), Attributes: at})
	}
	if t.bridges[bridge] == nil {
		t.bridges[bridge] = make(map[*call]struct{})
	}
	t.bridges[bridge][c], c.bridge = struct{}{}, bridge
	c.span.AddEvent("entered bridge", trace.WithAttributes(at...))
}

// leaveBridge takes a call out of its bridge. Call it with mu held.
func (t *tracker) leaveBridge(c *call) {
	if c == nil || c.bridge == "" {
		return
	}
	delete(t.bridges[c.bridge], c)
	if len(t.bridges[c.bridge]) == 0 {
		delete(t.bridges, c.bridge)
	}
	c.bridge = ""
}
