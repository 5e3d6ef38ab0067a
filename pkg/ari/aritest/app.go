package aritest

import (
	"slices"
	"strings"
)

// An app is a Stasis application. It stays as long as it has a connection or holds subscriptions.
type app struct {
	name string
	conn *wsConn // nil: inactive

	channels  map[string]int
	bridges   map[string]int
	endpoints map[string]int // "PJSIP" or "PJSIP/alice"
	devices   map[string]int

	allChannels, allBridges, allEndpoints, allDevices int

	allowed, disallowed           []jsonText
	allowedTypes, disallowedTypes map[string]bool
}

func newApp(name string) *app {
	return &app{
		name:      name,
		channels:  map[string]int{},
		bridges:   map[string]int{},
		endpoints: map[string]int{},
		devices:   map[string]int{},
	}
}

// The pseudo ids by which applications list that they are subscribed to everything of a kind.
const (
	allChannelsID  = "__AST_CHANNEL_ALL_TOPIC"
	allBridgesID   = "__AST_BRIDGE_ALL_TOPIC"
	allEndpointsID = "__AST_ENDPOINT_ALL_TOPIC"
	allDevicesID   = "__AST_DEVICE_STATE_ALL_TOPIC"
)

func (a *app) subscribed() bool {
	return len(a.channels)+len(a.bridges)+len(a.endpoints)+len(a.devices)+a.allChannels+a.allBridges+a.allEndpoints+a.allDevices > 0
}

func (a *app) subscribeAll() {
	a.allChannels, a.allBridges, a.allEndpoints, a.allDevices = 1, 1, 1, 1
}

// json is the application as ARI shows it.
func (a *app) json() jsonText {
	list := func(ids map[string]int, all int, allID string) []string {
		names := make([]string, 0, len(ids)+1)
		if all > 0 {
			names = append(names, allID)
		}
		for id := range ids {
			names = append(names, id)
		}
		slices.Sort(names)
		return names
	}
	return object(
		field{"name", a.name},
		field{"channel_ids", list(a.channels, a.allChannels, allChannelsID)},
		field{"bridge_ids", list(a.bridges, a.allBridges, allBridgesID)},
		field{"endpoint_ids", list(a.endpoints, a.allEndpoints, allEndpointsID)},
		field{"device_names", list(a.devices, a.allDevices, allDevicesID)},
		field{"events_allowed", a.allowed},
		field{"events_disallowed", a.disallowed},
	)
}

// send puts an event into the application's connection, if it has one and wants it.
func (a *app) send(e event) {
	if a.conn == nil || a.disallowedTypes[e.typ] || len(a.allowedTypes) > 0 && !a.allowedTypes[e.typ] {
		return
	}
	a.conn.deliver(e.frame(a.name))
}

func drop(m map[string]int, key string) bool {
	n, ok := m[key]
	if n > 1 {
		m[key] = n - 1
	} else {
		delete(m, key)
	}
	return ok
}

// subscribeChannel counts a subscription; it does nothing where there is one to all channels.
func (a *app) subscribeChannel(id string) {
	if a.allChannels == 0 {
		a.channels[id]++
	}
}

func (a *app) subscribeBridge(id string) {
	if a.allBridges == 0 {
		a.bridges[id]++
	}
}

// copies is how often an application gets an event of something.
func copies(all, own int) int { return min(all, 1) + min(own, 1) }

// toChannel sends an event to those who are subscribed to a channel. The event is made only if there is somebody.
func (p *pbx) toChannel(id string, make func() event) {
	p.publish(func(a *app) int { return copies(a.allChannels, a.channels[id]) }, make)
}

// toBridge sends an event to those who are subscribed to a bridge.
func (p *pbx) toBridge(id string, make func() event) {
	p.publish(func(a *app) int { return copies(a.allBridges, a.bridges[id]) }, make)
}

func (p *pbx) toEndpoint(tech, resource string, make func() event) {
	p.publish(func(a *app) int {
		return copies(a.allEndpoints, a.endpoints[tech+"/"+resource]) + min(a.endpoints[tech], 1)
	}, make)
}

func (p *pbx) toDevice(name string, make func() event) {
	p.publish(func(a *app) int { return copies(a.allDevices, a.devices[name]) }, make)
}

func (p *pbx) publish(copies func(*app) int, make func() event) {
	var e event
	for _, a := range p.appOrder {
		if a.conn == nil {
			continue
		}
		for range copies(a) {
			if e.typ == "" {
				e = make()
			}
			a.send(e)
		}
	}
}

// activeApp is the application of that name if it has a connection.
func (p *pbx) activeApp(name string) *app {
	if a := p.apps[name]; a != nil && a.conn != nil {
		return a
	}
	return nil
}

// connect gives an application to a connection, which takes it over from another one.
func (p *pbx) connect(name string, c *wsConn, all bool) {
	a := p.apps[name]
	if a == nil {
		a = newApp(name)
		p.apps[name] = a
		p.appOrder = append(p.appOrder, a)
		if all {
			a.subscribeAll()
		}
	} else if a.conn != nil && a.conn != c {
		a.send(p.event("ApplicationReplaced"))
	}
	a.conn = c
}

// disconnect takes an application from a connection that is gone.
func (p *pbx) disconnect(a *app) {
	a.conn = nil
	if p.has.restOverWebsocket {
		a.allChannels, a.allBridges, a.allEndpoints, a.allDevices = 0, 0, 0, 0
	}
	p.reap(a)
}

// reap removes an application that nothing keeps.
func (p *pbx) reap(a *app) {
	if a.conn != nil || a.subscribed() || p.apps[a.name] != a {
		return
	}
	delete(p.apps, a.name)
	p.appOrder = slices.DeleteFunc(p.appOrder, func(other *app) bool { return other == a })
}

// forgetChannel takes back all subscriptions to a channel that is gone.
func (p *pbx) forgetChannel(id string) {
	for _, a := range slices.Clone(p.appOrder) {
		if _, ok := a.channels[id]; ok {
			delete(a.channels, id)
			p.reap(a)
		}
	}
}

func (p *pbx) forgetBridge(id string) {
	for _, a := range slices.Clone(p.appOrder) {
		if _, ok := a.bridges[id]; ok {
			delete(a.bridges, id)
			p.reap(a)
		}
	}
}

// A source is what an application can subscribe to, named as "channel:ID" and so on.
type source struct{ scheme, name string }

func parseSource(text string) (source, bool) {
	scheme, name, ok := strings.Cut(text, ":")
	switch {
	case !ok:
		return source{}, false
	case scheme == "channel", scheme == "bridge", scheme == "endpoint", scheme == "deviceState":
		return source{scheme, name}, true
	default:
		return source{}, false
	}
}

// exists reports whether there is something of that name.
func (p *pbx) exists(s source) bool {
	switch s.scheme {
	case "channel":
		return s.name == "" || s.name == allChannelsID || p.channels[s.name] != nil
	case "bridge":
		return s.name == "" || s.name == allBridgesID || p.bridges[s.name] != nil
	case "endpoint":
		if s.name == "" || s.name == allEndpointsID {
			return true
		}
		if tech, resource, ok := strings.Cut(s.name, "/"); ok {
			return p.endpoint(tech, resource) != nil
		}
		return p.hasTech(s.name)
	default:
		return true
	}
}

func (p *pbx) subscribe(a *app, s source) {
	switch s.scheme {
	case "channel":
		if s.name == "" || s.name == allChannelsID {
			a.allChannels++
		} else {
			a.subscribeChannel(s.name)
		}
	case "bridge":
		if s.name == "" || s.name == allBridgesID {
			a.allBridges++
		} else {
			a.subscribeBridge(s.name)
		}
	case "endpoint":
		switch {
		case s.name == "" || s.name == allEndpointsID:
			a.allEndpoints++
		case a.allEndpoints == 0:
			a.endpoints[s.name]++
		}
	default:
		if s.name == "" || s.name == allDevicesID {
			a.allDevices = 1
		} else if a.allDevices == 0 {
			a.devices[s.name] = 1
		}
	}
}

// unsubscribe takes a subscription back and reports whether there was one.
func (p *pbx) unsubscribe(a *app, s source) bool {
	all := func(n *int) bool {
		had := *n > 0
		*n = max(*n-1, 0)
		return had
	}
	switch s.scheme {
	case "channel":
		if s.name == allChannelsID {
			return all(&a.allChannels)
		}
		return drop(a.channels, s.name)
	case "bridge":
		if s.name == allBridgesID {
			return all(&a.allBridges)
		}
		return drop(a.bridges, s.name)
	case "endpoint":
		if s.name == allEndpointsID {
			return all(&a.allEndpoints)
		}
		return drop(a.endpoints, s.name)
	default:
		if s.name == "" || s.name == allDevicesID {
			return all(&a.allDevices)
		}
		return drop(a.devices, s.name)
	}
}

// all reports whether the application is subscribed to all objects of a kind.
func (a *app) all(scheme string) bool {
	switch scheme {
	case "channel":
		return a.allChannels > 0
	case "bridge":
		return a.allBridges > 0
	case "endpoint":
		return a.allEndpoints > 0
	default:
		return a.allDevices > 0
	}
}
