package aritest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ari-go/ari/gen"
)

// A Message is a text that was sent through Asterisk.
type Message struct {
	To, From, Body string
	Variables      map[string]string
}

// Messages are the texts that applications have sent.
func (s *Server) Messages() []Message {
	s.pbx.mu.Lock()
	defer s.pbx.mu.Unlock()
	return slices.Clone(s.pbx.messages)
}

// SendMessage sends a text from an endpoint to Asterisk, which passes it on to applications that are subscribed to the endpoint.
func (s *Server) SendMessage(from, to, body string) {
	p := s.pbx
	p.mu.Lock()
	defer p.mu.Unlock()
	tech, resource, _ := strings.Cut(from, "/")
	e := p.endpoint(tech, resource)
	if e == nil {
		return
	}
	p.toEndpoint(tech, resource, func() event {
		return p.event("TextMessageReceived", field{"message", object(field{"from", strings.ToLower(tech) + ":" + resource}, field{"to", to},
			field{"body", body}, field{"variables", jsonText("{}")})}, field{"endpoint", e.json()})
	})
}

// EndpointsList lists all endpoints.
func (o *operations) EndpointsList(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) { return list(o.p.endpointsOf("")), nil })
}

// endpointsOf are the endpoints of a technology, or all.
func (p *pbx) endpointsOf(tech string) []*Endpoint {
	var all []*Endpoint
	for _, name := range slices.Sorted(maps.Keys(p.endpoints)) {
		if e := p.endpoints[name]; tech == "" || e.tech == tech {
			all = append(all, e)
		}
	}
	return all
}

// EndpointsListByTech lists the endpoints of a technology.
func (o *operations) EndpointsListByTech(w http.ResponseWriter, _ *http.Request, tech string) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		if !o.p.hasTech(tech) {
			return nil, failed(http.StatusNotFound, "No Endpoints found - invalid tech "+tech)
		}
		return list(o.p.endpointsOf(tech)), nil
	})
}

var errNoEndpoint = failed(http.StatusNotFound, "Endpoint not found")

// EndpointsGet shows an endpoint.
func (o *operations) EndpointsGet(w http.ResponseWriter, _ *http.Request, tech, resource string) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		if e := o.p.endpoints[tech+"/"+resource]; e != nil {
			return e.json(), nil
		}
		return nil, errNoEndpoint
	})
}

// addressed is the endpoint of an address such as pjsip:alice.
func (p *pbx) addressed(to string) *Endpoint {
	tech, resource, _ := strings.Cut(to, ":")
	for _, e := range p.endpoints {
		if strings.EqualFold(e.tech, tech) && (e.resource == resource || e.resource == before(resource, "/")) {
			return e
		}
	}
	return nil
}

func (o *operations) message(w http.ResponseWriter, r *http.Request, to, from, body string, known bool) {
	vars, bad := argsOf(r).texts()
	o.locked(w, http.StatusAccepted, func() (jsonText, *apiError) {
		switch {
		case bad != nil:
			return nil, bad
		case !known && o.p.addressed(to) == nil:
			return nil, errNoEndpoint
		}
		m := Message{To: to, From: from, Body: body, Variables: map[string]string{}}
		for _, v := range vars {
			m.Variables[v.name] = v.value
		}
		o.p.messages = append(o.p.messages, m)
		o.p.signal()
		return nil, nil
	})
}

// EndpointsSendMessage sends a text to an address.
func (o *operations) EndpointsSendMessage(w http.ResponseWriter, r *http.Request, q gen.EndpointsSendMessageParams) {
	o.message(w, r, q.To, q.From, deref(q.Body), false)
}

// EndpointsSendMessageToEndpoint sends a text to an endpoint.
func (o *operations) EndpointsSendMessageToEndpoint(w http.ResponseWriter, r *http.Request, tech, resource string, q gen.EndpointsSendMessageToEndpointParams) {
	o.message(w, r, strings.ToLower(tech)+":"+resource, q.From, deref(q.Body), false)
}

func (o *operations) refer(w http.ResponseWriter, r *http.Request, to string) {
	_, bad := argsOf(r).texts()
	o.locked(w, http.StatusAccepted, func() (jsonText, *apiError) {
		switch {
		case bad != nil:
			return nil, bad
		case o.p.addressed(to) == nil:
			return nil, errNoEndpoint
		}
		return nil, nil
	})
}

// EndpointsRefer asks an address to call somebody.
func (o *operations) EndpointsRefer(w http.ResponseWriter, r *http.Request, q gen.EndpointsReferParams) {
	o.refer(w, r, q.To)
}

// EndpointsReferToEndpoint asks an endpoint to call somebody.
func (o *operations) EndpointsReferToEndpoint(w http.ResponseWriter, r *http.Request, tech, resource string, _ gen.EndpointsReferToEndpointParams) {
	o.refer(w, r, strings.ToLower(tech)+":"+resource)
}

// Device states.

const stasisDevice = "Stasis:"

func (o *operations) deviceJSON(name string) jsonText {
	state, ok := o.p.devices[name]
	if !ok {
		state = o.p.deviceState(name)
	}
	return object(field{"name", name}, field{"state", state})
}

// deviceState is the state of a device that ARI doesn't control: an endpoint's follows from its channels.
func (p *pbx) deviceState(name string) string {
	if strings.HasPrefix(name, stasisDevice) {
		return "UNKNOWN"
	}
	tech, resource, _ := strings.Cut(name, "/")
	e := p.endpoints[name]
	state := "INVALID"
	if e != nil {
		state = "NOT_INUSE"
		if !e.reachable {
			state = "UNAVAILABLE"
		}
	}
	for _, ch := range p.channelOrder {
		if ch.tech != tech || ch.dest != resource {
			continue
		}
		if ch.state == stateRinging {
			state = "RINGING"
			continue
		}
		return "INUSE"
	}
	return state
}

// deviceChanged tells of the state of a channel's device, if it has changed and somebody wants to know.
func (p *pbx) deviceChanged(ch *channel) {
	name := ch.tech + "/" + ch.dest
	if ch.tech != "PJSIP" || !slices.ContainsFunc(p.appOrder, func(a *app) bool { return a.allDevices > 0 || a.devices[name] > 0 }) {
		return
	}
	state := p.deviceState(name)
	if p.told[name] == state {
		return
	}
	p.told[name] = state
	p.toDevice(name, func() event {
		return p.event("DeviceStateChanged", field{"device_state", object(field{"name", name}, field{"state", state})})
	})
}

// DeviceStatesList lists the devices that ARI controls.
func (o *operations) DeviceStatesList(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		all := []jsonText{}
		for _, name := range slices.Sorted(maps.Keys(o.p.devices)) {
			all = append(all, o.deviceJSON(name))
		}
		return appendValue(nil, all), nil
	})
}

// DeviceStatesGet shows a device.
func (o *operations) DeviceStatesGet(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) { return o.deviceJSON(name), nil })
}

var errNotOurDevice = failed(http.StatusConflict, "Uncontrolled device specified")

// setDevice changes a device's state and tells of it.
func (p *pbx) setDevice(name, state string) {
	if p.devices[name] == state {
		return
	}
	p.devices[name] = state
	p.toDevice(name, func() event {
		return p.event("DeviceStateChanged", field{"device_state", object(field{"name", name}, field{"state", state})})
	})
}

// DeviceStatesUpdate sets a device's state.
func (o *operations) DeviceStatesUpdate(w http.ResponseWriter, _ *http.Request, name string, q gen.DeviceStatesUpdateParams) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		if !strings.HasPrefix(name, stasisDevice) {
			return nil, errNotOurDevice
		}
		state := gen.DeviceStateState(q.DeviceState)
		if !state.Valid() || state == "UNKNOWN" {
			return nil, failed(http.StatusInternalServerError, "Unknown device")
		}
		o.p.setDevice(name, string(state))
		return nil, nil
	})
}

// DeviceStatesDelete forgets a device.
func (o *operations) DeviceStatesDelete(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		if !strings.HasPrefix(name, stasisDevice) {
			return nil, errNotOurDevice
		}
		if _, ok := o.p.devices[name]; ok {
			if o.p.opts.version.Major < 20 { // Newer versions don't tell.
				o.p.setDevice(name, "UNKNOWN")
			}
			delete(o.p.devices, name)
		}
		return nil, nil
	})
}

// Mailboxes.

var errNoMailbox = failed(http.StatusNotFound, "Mailbox not found")

func mailboxJSON(m *gen.Mailbox) jsonText {
	return object(field{"name", m.Name}, field{"old_messages", m.OldMessages}, field{"new_messages", m.NewMessages})
}

// MailboxesList lists the mailboxes.
func (o *operations) MailboxesList(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		all := []jsonText{}
		for _, name := range slices.Sorted(maps.Keys(o.p.mailboxes)) {
			all = append(all, mailboxJSON(o.p.mailboxes[name]))
		}
		return appendValue(nil, all), nil
	})
}

// MailboxesGet shows a mailbox.
func (o *operations) MailboxesGet(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		if m := o.p.mailboxes[name]; m != nil {
			return mailboxJSON(m), nil
		}
		return nil, errNoMailbox
	})
}

// MailboxesUpdate makes a mailbox or sets its counts.
func (o *operations) MailboxesUpdate(w http.ResponseWriter, _ *http.Request, name string, q gen.MailboxesUpdateParams) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		o.p.mailboxes[name] = &gen.Mailbox{Name: name, OldMessages: q.OldMessages, NewMessages: q.NewMessages}
		return nil, nil
	})
}

// MailboxesDelete forgets a mailbox.
func (o *operations) MailboxesDelete(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		if o.p.mailboxes[name] == nil {
			return nil, errNoMailbox
		}
		delete(o.p.mailboxes, name)
		return nil, nil
	})
}

// Events.

// EventsEventWebsocket opens the event websocket.
func (o *operations) EventsEventWebsocket(w http.ResponseWriter, r *http.Request, q gen.EventsEventWebsocketParams) {
	a := argsOf(r)
	a.router.upgrade(w, r, a.lists["app"], deref(q.SubscribeAll), a.apiKey)
}

// EventsUserEvent sends an event of the caller's own.
func (o *operations) EventsUserEvent(w http.ResponseWriter, r *http.Request, name string, q gen.EventsUserEventParams) {
	a := argsOf(r)
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		if q.Application == "" {
			return nil, failed(http.StatusBadRequest, "Missing parameter application")
		}
		target := o.p.apps[q.Application]
		if target == nil {
			return nil, errNoApp
		}
		members := []field{{"eventname", name}}
		if raw, ok := a.body["variables"]; ok {
			var vars map[string]json.RawMessage
			if json.Unmarshal(raw, &vars) != nil {
				return nil, failed(http.StatusInternalServerError, "Error processing request")
			}
			for _, key := range slices.Sorted(maps.Keys(vars)) {
				if key != "eventname" {
					members = append(members, field{key, jsonText(vars[key])})
				}
			}
		}
		fields := []field{{"eventname", name}, {"userevent", variablesJSON(members)}}
		objects := map[string]jsonText{}
		for _, text := range a.lists["source"] {
			kind, body, err := o.p.userEventSource(text)
			if err != nil {
				return nil, err
			}
			objects[kind] = body
		}
		for _, kind := range []string{"channel", "bridge", "endpoint"} {
			if body := objects[kind]; body != nil {
				fields = append(fields, field{kind, body})
			}
		}
		target.send(o.p.event("ChannelUserevent", fields...))
		return nil, nil
	})
}

// userEventSource is an object that a user event is about.
func (p *pbx) userEventSource(text string) (kind string, body jsonText, err *apiError) {
	s, ok := parseSource(text)
	if !ok || s.scheme == "deviceState" {
		return "", nil, failed(http.StatusBadRequest, "Invalid event source URI scheme")
	}
	gone := failed(http.StatusUnprocessableEntity, "Event source was not found")
	switch s.scheme {
	case "channel":
		if ch := p.channels[s.name]; ch != nil {
			return s.scheme, ch.json(), nil
		}
	case "bridge":
		if b := p.bridges[s.name]; b != nil {
			return s.scheme, b.json(), nil
		}
	default:
		if e := p.endpoints[s.name]; e != nil {
			return s.scheme, e.json(), nil
		}
	}
	return "", nil, gone
}

// EventsClaimChannel takes a call that was offered to several applications.
func (o *operations) EventsClaimChannel(w http.ResponseWriter, _ *http.Request, q gen.EventsClaimChannelParams) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		switch {
		case q.ChannelID == "":
			return nil, failed(http.StatusBadRequest, "Missing parameter channelId")
		case q.Application == "":
			return nil, failed(http.StatusBadRequest, "Missing parameter application")
		}
		ch := o.p.channels[q.ChannelID]
		if ch == nil || ch.broadcast == nil {
			return nil, failed(http.StatusNotFound, "Channel not found or not in broadcast state")
		}
		if !ch.broadcast.claim(q.Application) {
			return nil, failed(http.StatusConflict, "Channel already claimed by another application")
		}
		return nil, nil
	})
}
