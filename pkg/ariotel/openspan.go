package ariotel

import (
	"context"
	"net/http"

	"github.com/ari-go/ari/pkg/ari"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// maxUnowned bounds the spans that belong to no call, whose end may never be told.
const maxUnowned = 4096

// A spanKey names what goes on until an event tells its end: the span's name, and an id.
type spanKey struct{ name, id string }

// An openSpan is a span whose end an event will tell.
type openSpan struct {
	key   spanKey
	span  trace.Span
	owner *call // nil: no call
}

// begins tells what a command begins, if that is something.
func begins(info ari.RequestInfo, req *http.Request) spanKey {
	switch info.Operation {
	case "channelsPlayWithId", "bridgesPlayWithId":
		return spanKey{SpanPlayback, info.ID("playbackId")}
	case "channelsRecord", "bridgesRecord":
		return spanKey{SpanRecording, req.URL.Query().Get("name")}
	case "channelsOriginateWithId", "channelsDial":
		return spanKey{SpanDial, info.ID("channelId")}
	case "channelsCreate", "channelsExternalMedia":
		return spanKey{SpanEnter, req.URL.Query().Get("channelId")}
	case "channelsSnoopChannelWithId":
		return spanKey{SpanEnter, info.ID("snoopId")}
	}
	return spanKey{}
}

// idAttr is the attribute that names what a span is about.
func (k spanKey) idAttr() attribute.KeyValue {
	switch k.name {
	case SpanPlayback:
		return attribute.String(AttrPlaybackID, k.id)
	case SpanRecording:
		return attribute.String(AttrRecording, k.id)
	}
	return attribute.String(AttrCallID, k.id)
}

// begin begins a span that outlasts its command, before the command is sent; nil if there is none.
func (t *tracker) begin(ctx context.Context, key spanKey) *openSpan {
	if key.id == "" {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	owner := callOf(ctx)
	if t.open[key] != nil || owner == nil && len(t.open) >= maxUnowned || owner != nil && owner.over {
		return nil
	}
	_, span := t.tracer.Start(ctx, key.name, trace.WithAttributes(key.idAttr()))
	o := &openSpan{key: key, span: span, owner: owner}
	t.open[key] = o
	if owner != nil {
		owner.open[key] = o
	}
	return o
}

// entered ends the spans of a channel that has come, and returns the context of the one that made it.
func (t *tracker) entered(channel string) trace.SpanContext {
	var origin trace.SpanContext
	for _, name := range []string{SpanDial, SpanEnter} {
		if o := t.take(spanKey{name, channel}); o != nil {
			origin = o.span.SpanContext()
			o.span.End()
		}
	}
	return origin
}

// take takes an open span out; nil if there is none.
func (t *tracker) take(key spanKey) *openSpan {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.open[key]
	if o != nil {
		t.forget(o)
	}
	return o
}

// forget takes an open span out. Call it with mu held.
func (t *tracker) forget(o *openSpan) {
	delete(t.open, o.key)
	if o.owner != nil {
		delete(o.owner.open, o.key)
	}
}

// end ends a span, with an error if there is one.
func (t *tracker) end(key spanKey, failure string, attrs ...attribute.KeyValue) {
	o := t.take(key)
	if o == nil {
		return
	}
	o.span.SetAttributes(attrs...)
	if failure != "" {
		o.span.SetStatus(codes.Error, failure)
	}
	o.span.End()
}

// endUnowned ends the spans whose end nobody would tell.
func (t *tracker) endUnowned(why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range t.open {
		if o.owner == nil {
			t.forget(o)
			o.span.AddEvent(why)
			o.span.End()
		}
	}
}
