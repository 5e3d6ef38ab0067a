package ariotel

import (
	"context"
	"net/http"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// command is an interceptor of commands.
func (t *tracker) command(next ari.Doer) ari.Doer {
	return ari.DoerFunc(func(req *http.Request) (*http.Response, error) {
		begun, info := time.Now(), ari.RequestInfoOf(req)
		name := info.Operation
		if name == "" {
			name = other
		}
		ctx, span := t.tracer.Start(req.Context(), name, trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(attribute.String(AttrOperation, name)))
		defer span.End()
		if id := info.ID("channelId"); id != "" {
			span.SetAttributes(attribute.String(AttrCallID, id))
		}
		if id := info.ID("bridgeId"); id != "" {
			span.SetAttributes(attribute.String(AttrBridgeID, id))
		}
		key := begins(info, req)
		lasting := t.begin(ctx, key)
		resp, err := next.Do(req.WithContext(ctx))
		status := statusText(err)
		span.SetAttributes(attribute.String(AttrStatus, status), attribute.Int(AttrAttempts, info.Attempt()))
		if err != nil {
			span.RecordError(err)
			span.SetStatus(codes.Error, status)
			if lasting != nil {
				t.end(key, err.Error())
			}
		}
		t.m.commands.Record(ctx, since(begun), attrOf(ownOperations, name),
			metric.WithAttributes(attribute.String(AttrStatus, status)))
		return resp, err
	})
}

// handler is an interceptor of handlers.
func (t *tracker) handler(ctx context.Context, inv ari.Invocation, next func(context.Context) error) (err error) {
	t.m.laneWait.Record(ctx, inv.Waited.Seconds())
	begun, outcome := time.Now(), "panic"
	ctx, span := t.handlerSpan(ctx, inv)
	defer func() {
		if span != nil {
			span.SetAttributes(attribute.String(AttrOutcome, outcome))
			if outcome != "ok" {
				span.SetStatus(codes.Error, outcome)
			}
			span.End()
		}
		t.m.handlers.Record(ctx, since(begun), metric.WithAttributes(attribute.String(AttrOutcome, outcome)))
	}()
	err = next(ctx)
	outcome = "ok"
	if err != nil && ctx.Err() == nil {
		outcome = "error"
		if span != nil {
			span.RecordError(err)
		}
	}
	return err
}

// handlerSpan begins the span of a handler that runs for a call; without a call there is none.
func (t *tracker) handlerSpan(ctx context.Context, inv ari.Invocation) (context.Context, trace.Span) {
	c := callOf(ctx)
	if c == nil && inv.Entity.Kind == "channel" {
		t.mu.Lock()
		c = t.calls[inv.Entity.ID]
		t.mu.Unlock()
		if c != nil {
			ctx = context.WithValue(trace.ContextWithSpan(ctx, c.span), callKey{}, c)
		}
	}
	if c == nil {
		return ctx, nil
	}
	return t.tracer.Start(ctx, SpanHandler, trace.WithAttributes(attribute.String(AttrHandler, inv.Handler),
		attribute.Float64(AttrWaited, inv.Waited.Seconds()), attribute.String(AttrCallID, c.id)))
}

// event implements ari.Observer's Event.
func (t *tracker) event(ev ari.ObservedEvent) {
	typ := ev.Type()
	t.m.events.Add(context.Background(), 1, attrOf(ownEvents, typ))
	switch typ {
	case "PlaybackFinished":
		failure := ""
		if e, ok := ev.Event().(*ari.PlaybackFinished); ok && e.Playback.State == "failed" {
			failure = "failed"
		}
		t.end(spanKey{SpanPlayback, ev.ID("playback")}, failure)
	case "RecordingFinished":
		t.end(spanKey{SpanRecording, ev.ID("recording")}, "")
	case "RecordingFailed":
		t.end(spanKey{SpanRecording, ev.ID("recording")}, "failed")
	case "Dial":
		t.dial(ev)
	case "ChannelDestroyed":
		t.end(spanKey{SpanDial, ev.ID("channel")}, "destroyed")
		t.end(spanKey{SpanEnter, ev.ID("channel")}, "destroyed")
	case "ChannelEnteredBridge":
		t.enterBridge(ev.ID("channel"), ev.ID("bridge"))
	case "ChannelLeftBridge":
		t.mu.Lock()
		t.leaveBridge(t.calls[ev.ID("channel")])
		t.mu.Unlock()
	case "Connected":
		t.connected(ev)
	case "Disconnected":
		t.tellCalls("connection lost")
	}
}

// dial ends a dial whose outcome is told, but for an answer: then the channel's entry ends it, or has done so.
func (t *tracker) dial(ev ari.ObservedEvent) {
	t.mu.Lock()
	none := len(t.open) == 0
	t.mu.Unlock()
	if none {
		return
	}
	e, ok := ev.Event().(*ari.Dial)
	if !ok || e.Peer == nil {
		return
	}
	status := attribute.String(AttrDialStatus, e.DialStatus)
	switch e.DialStatus {
	case "", "RINGING", "PROGRESS", "PROCEEDING":
	case "ANSWER":
		t.mu.Lock()
		o, there := t.open[spanKey{SpanDial, e.Peer.ID}], t.calls[e.Peer.ID] != nil
		if o != nil {
			o.span.SetAttributes(status)
		}
		t.mu.Unlock()
		if there { // It was created and dialled: no entry follows.
			t.end(spanKey{SpanDial, e.Peer.ID}, "")
		}
	default:
		t.end(spanKey{SpanDial, e.Peer.ID}, e.DialStatus, status)
	}
}

// connected counts what a resync has found.
func (t *tracker) connected(ev ari.ObservedEvent) {
	e, ok := ev.Event().(*ari.Connected)
	if !ok || !e.Resumed {
		return
	}
	ctx := context.Background()
	t.m.gap.Record(ctx, e.Gap.Seconds())
	t.m.resync.Add(ctx, int64(len(e.Entered)), metric.WithAttributes(attribute.String(AttrResync, "entered")))
	t.m.resync.Add(ctx, int64(len(e.Ended)), metric.WithAttributes(attribute.String(AttrResync, "ended")))
	t.endUnowned("the end may have been lost with the connection")
	t.tellCalls("connection restored")
}

// tellCalls adds an event to the spans of all live calls.
func (t *tracker) tellCalls(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.calls {
		c.span.AddEvent(what)
	}
}
