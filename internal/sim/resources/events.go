package resources

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/applications"
	"github.com/ari-go/ari/internal/sim/wire"
)

// userEventSource is an object that a user event is about.
func (o *operations) userEventSource(text string) (kind string, body wire.JSON, err *apiError) {
	s, ok := applications.ParseSource(text)
	if !ok || s.Scheme == "deviceState" {
		return "", nil, failed(http.StatusBadRequest, "Invalid event source URI scheme")
	}
	gone := failed(http.StatusUnprocessableEntity, "Event source was not found")
	switch s.Scheme {
	case "channel":
		if ch := o.p.Channels[s.Name]; ch != nil {
			return s.Scheme, ch.JSON(), nil
		}
	case "bridge":
		if b := o.p.Bridges[s.Name]; b != nil {
			return s.Scheme, b.JSON(), nil
		}
	default:
		if e := o.p.Phonebook[s.Name]; e != nil {
			return s.Scheme, e.JSON(o.p), nil
		}
	}
	return "", nil, gone
}

// EventsEventWebsocket opens the event websocket.
func (o *operations) EventsEventWebsocket(w http.ResponseWriter, r *http.Request, q gen.EventsEventWebsocketParams) {
	a := argsOf(r)
	if status, refusal := o.sockets.Upgrade(w, r, a.lists["app"], deref(q.SubscribeAll), a.apiKey); status != 0 {
		failHTML(w, status, refusal)
	}
}

// EventsUserEvent sends an event of the caller's own.
func (o *operations) EventsUserEvent(w http.ResponseWriter, r *http.Request, name string, q gen.EventsUserEventParams) {
	a := argsOf(r)
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		if q.Application == "" {
			return nil, failed(http.StatusBadRequest, "Missing parameter application")
		}
		target := o.p.App(q.Application)
		if target == nil {
			return nil, errNoApp
		}
		members := []wire.Field{wire.F("eventname", name)}
		if raw, ok := a.body["variables"]; ok {
			var vars map[string]json.RawMessage
			if json.Unmarshal(raw, &vars) != nil {
				return nil, failed(http.StatusInternalServerError, "Error processing request")
			}
			for _, key := range slices.Sorted(maps.Keys(vars)) {
				if key != "eventname" {
					members = append(members, wire.F(key, wire.JSON(vars[key])))
				}
			}
		}
		fields := []wire.Field{wire.F("eventname", name), wire.F("userevent", wire.Members(members))}
		objects := map[string]wire.JSON{}
		for _, text := range a.lists["source"] {
			kind, body, err := o.userEventSource(text)
			if err != nil {
				return nil, err
			}
			objects[kind] = body
		}
		for _, kind := range []string{"channel", "bridge", "endpoint"} {
			if body := objects[kind]; body != nil {
				fields = append(fields, wire.F(kind, body))
			}
		}
		target.Send(o.p.Event("ChannelUserevent", fields...))
		return nil, nil
	})
}

// EventsClaimChannel takes a call that was offered to several applications.
func (o *operations) EventsClaimChannel(w http.ResponseWriter, _ *http.Request, q gen.EventsClaimChannelParams) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		switch {
		case q.ChannelID == "":
			return nil, failed(http.StatusBadRequest, "Missing parameter channelId")
		case q.Application == "":
			return nil, failed(http.StatusBadRequest, "Missing parameter application")
		}
		ch := o.p.Channels[q.ChannelID]
		if ch == nil || ch.Broadcast == nil {
			return nil, failed(http.StatusNotFound, "Channel not found or not in broadcast state")
		}
		if !ch.Broadcast.Claim(q.Application) {
			return nil, failed(http.StatusConflict, "Channel already claimed by another application")
		}
		return nil, nil
	})
}
