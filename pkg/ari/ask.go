package ari

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/ari-go/ari/gen"
)

// What a session asks of Asterisk by itself: the controller as an asker.

var _ asker = (*Controller)(nil)

func (c *Controller) exists(ctx context.Context, kind entityKind, id string) (ch *Channel, exists bool, err error) {
	switch kind {
	case kindBridge:
		_, err = c.Bridge(id).Refresh(ctx)
	case kindPlayback:
		_, err = c.Playback(id).Refresh(ctx)
	case kindRecording:
		_, err = c.LiveRecording(id).Refresh(ctx)
	case kindChannel:
		ch, err = c.Channel(id).Refresh(ctx)
	default:
		return nil, true, nil
	}
	if errors.Is(err, ErrNotFound) {
		return nil, false, nil
	}
	return ch, err == nil, err
}

func (c *Controller) eventSources(ctx context.Context, app string) (map[string]bool, error) {
	a, err := c.Application(app).Refresh(ctx)
	if err != nil {
		return nil, err
	}
	return a.sources(), nil
}

func (c *Controller) foreign(ctx context.Context, own []string) ([]map[string]bool, error) {
	list, err := c.Applications(ctx)
	if err != nil {
		return nil, err
	}
	var others []map[string]bool
	for _, a := range list {
		if !slices.Contains(own, a.Name) {
			others = append(others, a.sources())
		}
	}
	return others, nil
}

// sources are what the application is subscribed to, by the names of sourceName.
func (o *Application) sources() map[string]bool {
	set := make(map[string]bool)
	for _, list := range []struct {
		kind string
		ids  []string
	}{{"channel:", o.ChannelIDs}, {"bridge:", o.BridgeIDs}, {"endpoint:", o.EndpointIDs}, {"deviceState:", o.DeviceNames}} {
		for _, id := range list.ids {
			set[sourceName(list.kind+id)] = true
		}
	}
	return set
}

func (c *Controller) subscribe(ctx context.Context, app string, sources []string) error {
	req, err := c.begin(ctx, opApplicationsSubscribe, app)
	if err != nil {
		return err
	}
	resp, err := c.api.ApplicationsSubscribe(req, app, &gen.ApplicationsSubscribeParams{EventSource: sources})
	return req.done(resp, err)
}

func (c *Controller) unsubscribe(ctx context.Context, app string, sources []string) error {
	req, err := c.begin(ctx, opApplicationsUnsubscribe, app)
	if err != nil {
		return err
	}
	resp, err := c.api.ApplicationsUnsubscribe(req, app, &gen.ApplicationsUnsubscribeParams{EventSource: topics(sources)})
	return req.done(resp, err)
}

func (c *Controller) setEventFilter(ctx context.Context, app string, filter json.RawMessage) error {
	_, err := c.filter(ctx, app, filter)
	return err
}

func (c *Controller) sendProbe(ctx context.Context, app, name string) error {
	return c.SendUserEvent(ctx, name, UserEventOptions{Application: app})
}

func (c *Controller) answers(ctx context.Context) error {
	_, err := c.Ping(ctx)
	if e, ok := errors.AsType[*Error](err); ok && e.StatusCode != 0 {
		return nil // An answer, whatever it says.
	}
	return err
}
