package ari

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/ari-go/ari/gen"
)

// Application returns a handle for a Stasis application by its name, without a request. The empty name stands for
// the client's own.
func (c *Controller) Application(name string) *Application {
	if name == "" && c != nil {
		name = c.application
	}
	return &Application{Application: gen.Application{Name: name}, ctrl: c}
}

// Application is a Stasis application: the snapshot of when it was read, and its controller. The snapshot never
// changes; Refresh reads a new one.
type Application struct {
	gen.Application
	ctrl *Controller
}

// Subscribe makes the application get the events of more sources: "channel:ID", "bridge:ID", "endpoint:TECH/RESOURCE",
// "deviceState:NAME"; without an id all of that kind. A client subscribes again by itself after its connection was
// lost. The sources are taken in order; those before a bad one stay subscribed until then. It fails with ErrNotFound if
// there is no such application, ErrInvalid for an unknown kind, ErrUnprocessable if the source doesn't exist.
func (o *Application) Subscribe(ctx context.Context, sources ...string) (*Application, error) {
	req, err := o.begin(ctx, opApplicationsSubscribe)
	if err != nil {
		return nil, err
	}
	settle := func(error) {}
	if o.ctrl.feed != nil {
		settle = o.ctrl.feed.subscribing(o.Name, sources)
	}
	resp, err := o.ctrl.api.ApplicationsSubscribe(req, o.Name, &gen.ApplicationsSubscribeParams{EventSource: sources})
	app, err := answered[Application](req, resp, err)
	settle(err)
	return app, err
}

// Unsubscribe takes subscriptions back, with the same sources as Subscribe. It fails with ErrNotFound if there is no
// such application, ErrInvalid for an unknown kind, ErrUnprocessable if the application isn't subscribed to the source.
func (o *Application) Unsubscribe(ctx context.Context, sources ...string) (*Application, error) {
	req, err := o.begin(ctx, opApplicationsUnsubscribe)
	if err != nil {
		return nil, err
	}
	settle := func(error) {}
	if o.ctrl.feed != nil {
		settle = o.ctrl.feed.unsubscribing(o.Name, sources)
	}
	resp, err := o.ctrl.api.ApplicationsUnsubscribe(req, o.Name, &gen.ApplicationsUnsubscribeParams{EventSource: topics(sources)})
	app, err := answered[Application](req, resp, err)
	settle(err)
	return app, err
}

// An EventFilter says which event types an application gets: if Allowed has any, only those; never those in
// Disallowed. The zero value lets everything pass.
type EventFilter struct {
	Allowed    []string
	Disallowed []string
}

// ownEvents are the types that the client lives by. A filter set through it lets them pass.
var ownEvents = []string{
	"ApplicationMoveFailed", "ApplicationReplaced", "BridgeDestroyed", "ChannelDestroyed", "ChannelDialplan", "ChannelHangupRequest",
	"ChannelStateChange",
	"PlaybackFinished", "RESTResponse", "RecordingFailed", "RecordingFinished", "StasisEnd", "StasisStart",
}

// Filter sets which events the application gets. Those that the client itself lives by are sent to an application of a
// client in any case: ApplicationMoveFailed, ApplicationReplaced, BridgeDestroyed, ChannelDestroyed, ChannelDialplan,
// ChannelHangupRequest, ChannelStateChange, PlaybackFinished, RecordingFailed, RecordingFinished, RESTResponse, StasisEnd and
// StasisStart. Handlers and subscriptions get those of them that the filter lets pass.
//
// A client sets the filter again by itself after its connection was lost. It fails with ErrNotFound if there is no such
// application. Since Asterisk 13.26, 16.3.
func (o *Application) Filter(ctx context.Context, filter EventFilter) (*Application, error) {
	if o == nil {
		return nil, refuse(opApplicationsFilter, "the application is nil")
	}
	var ownOnly []string
	if o.ctrl != nil && o.ctrl.feed != nil {
		filter, ownOnly = filter.withOwn()
	}
	body := gen.ApplicationsFilterJSONRequestBody{Allowed: typeNames(filter.Allowed), Disallowed: typeNames(filter.Disallowed)}
	raw, err := json.Marshal(filterBody{body.Allowed, body.Disallowed})
	if err != nil {
		return nil, err
	}
	app, err := o.ctrl.filter(ctx, o.Name, raw)
	if err == nil {
		if len(filter.Allowed)+len(filter.Disallowed) == 0 {
			raw = nil
		}
		if o.ctrl.feed != nil {
			o.ctrl.feed.filtered(o.Name, raw, ownOnly)
		}
	}
	return app, err
}

// filterBody sends both lists, empty ones too: a list that is left out stays as it was.
type filterBody struct {
	Allowed    []gen.EventTypeName `json:"allowed"`
	Disallowed []gen.EventTypeName `json:"disallowed"`
}

func (c *Controller) filter(ctx context.Context, app string, body json.RawMessage) (*Application, error) {
	req, err := c.begin(ctx, opApplicationsFilter, app)
	if err != nil {
		return nil, err
	}
	resp, err := c.api.ApplicationsFilterWithBody(req, app, "application/json", strings.NewReader(string(body)))
	return answered[Application](req, resp, err)
}

// withOwn lets the client's own events pass, and returns the types that pass for that reason only.
func (f EventFilter) withOwn() (filter EventFilter, ownOnly []string) {
	filter = EventFilter{Allowed: slices.Clone(f.Allowed)}
	for _, t := range f.Disallowed {
		if !slices.Contains(ownEvents, t) {
			filter.Disallowed = append(filter.Disallowed, t)
		}
	}
	for _, t := range ownEvents {
		allowed := len(f.Allowed) == 0 || slices.Contains(f.Allowed, t)
		if len(f.Allowed) > 0 && !allowed {
			filter.Allowed = append(filter.Allowed, t)
		}
		if !allowed || slices.Contains(f.Disallowed, t) {
			ownOnly = append(ownOnly, t)
		}
	}
	return filter, ownOnly
}

func typeNames(types []string) []gen.EventTypeName {
	out := make([]gen.EventTypeName, len(types))
	for i, t := range types {
		out[i].Type = t
	}
	return out
}

// The event sources that stand for all of a kind, and how Asterisk shows in an application that it is subscribed to them.
var (
	allSources = []string{"channel:", "bridge:", "endpoint:", "deviceState:"}

	allTopics = map[string]string{
		"channel:__AST_CHANNEL_ALL_TOPIC":          "channel:",
		"bridge:__AST_BRIDGE_ALL_TOPIC":            "bridge:",
		"endpoint:__AST_ENDPOINT_ALL_TOPIC":        "endpoint:",
		"deviceState:__AST_DEVICE_STATE_ALL_TOPIC": "deviceState:",
	}

	topicOfAll = func() map[string]string {
		topics := make(map[string]string)
		for topic, source := range allTopics {
			topics[source] = topic
		}
		return topics
	}()
)

// topics are sources as Asterisk wants them when it is to unsubscribe from them: without an id, it doesn't know what is meant.
func topics(sources []string) []string {
	wire := make([]string, len(sources))
	for i, s := range sources {
		wire[i] = s
		if topic, ok := topicOfAll[s]; ok {
			wire[i] = topic
		}
	}
	return wire
}

// sourceName is the name of an event source that Asterisk shows under another one.
func sourceName(shown string) string {
	if all, ok := allTopics[shown]; ok {
		return all
	}
	return shown
}
