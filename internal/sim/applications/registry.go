package applications

import (
	"slices"
	"time"

	"github.com/ari-go/ari/internal/sim/wire"
)

// A Registry knows the applications, and brings events to those who are subscribed. Its methods need the lock of the simulated Asterisk.
type Registry struct {
	about About

	byName map[string]*App
	order  []*App
}

// An About is what events say of the Asterisk that they come from, and what its applications can.
type About struct {
	Now        func() time.Time
	AsteriskID string // that events carry; "" where the version has none
	// Since an application may be without a connection for a while and find its channels again, what it was subscribed to stays; but the
	// subscriptions to everything don't, in versions that have REST over the websocket.
	ForgetsAll bool
}

// NewRegistry makes a registry without applications.
func NewRegistry(a About) *Registry {
	return &Registry{about: a, byName: map[string]*App{}}
}

// Reset forgets all applications, as a restart does.
func (r *Registry) Reset() {
	r.byName, r.order = map[string]*App{}, nil
}

// App is the application of that name, or nil.
func (r *Registry) App(name string) *App { return r.byName[name] }

// Apps are all applications, in the order in which they came.
func (r *Registry) Apps() []*App { return r.order }

// Event makes an event; its members stand in Asterisk's order.
func (r *Registry) Event(typ string, fields ...wire.Field) wire.Event {
	return r.BlobEvent(typ, nil, fields...)
}

// BlobEvent makes an event that has some members before its type.
func (r *Registry) BlobEvent(typ string, before []wire.Field, fields ...wire.Field) wire.Event {
	return wire.NewEvent(typ, r.about.Now(), r.about.AsteriskID, before, fields)
}

// ToChannel sends an event to those who are subscribed to a channel. The event is made only if there is somebody.
func (r *Registry) ToChannel(id string, make func() wire.Event) {
	r.publish(func(a *App) int { return copies(a.allChannels, a.channels[id]) }, make)
}

// ToEndpointChannel is ToChannel for a channel of an endpoint: it is told to those as well who are subscribed to the endpoint or its technology, once
// more for each. Who is subscribed to all endpoints isn't told.
func (r *Registry) ToEndpointChannel(id, tech, resource string, make func() wire.Event) {
	r.publish(func(a *App) int {
		n := copies(a.allChannels, a.channels[id])
		if len(a.endpoints) > 0 {
			n += min(a.endpoints[tech+"/"+resource], 1) + min(a.endpoints[tech], 1)
		}
		return n
	}, make)
}

// ToBridge sends an event to those who are subscribed to a bridge.
func (r *Registry) ToBridge(id string, make func() wire.Event) {
	r.publish(func(a *App) int { return copies(a.allBridges, a.bridges[id]) }, make)
}

// ToBridges sends an event to those who are subscribed to any of some bridges, once.
func (r *Registry) ToBridges(ids []string, make func() wire.Event) {
	r.publish(func(a *App) int {
		n := min(a.allBridges, 1)
		for _, id := range ids {
			n = max(n, min(a.bridges[id], 1))
		}
		return n
	}, make)
}

// ToBridgeMedia sends an event of what is played to or recorded from a bridge. It comes by a channel of the bridge's own, which
// whoever is subscribed to all channels has too.
func (r *Registry) ToBridgeMedia(id string, make func() wire.Event) {
	r.publish(func(a *App) int { return copies(a.allBridges, a.bridges[id]) + min(a.allChannels, 1) }, make)
}

// ToEndpoint sends an event to those who are subscribed to an endpoint or its technology.
func (r *Registry) ToEndpoint(tech, resource string, make func() wire.Event) {
	r.publish(func(a *App) int {
		return copies(a.allEndpoints, a.endpoints[tech+"/"+resource]) + min(a.endpoints[tech], 1)
	}, make)
}

// ToEndpointItself is ToEndpoint without those who are subscribed to all endpoints: they aren't told of an endpoint's state, and of its channels.
func (r *Registry) ToEndpointItself(tech, resource string, make func() wire.Event) {
	r.publish(func(a *App) int { return min(a.endpoints[tech+"/"+resource], 1) + min(a.endpoints[tech], 1) }, make)
}

// ToDevice sends an event to those who are subscribed to a device.
func (r *Registry) ToDevice(name string, make func() wire.Event) {
	r.publish(func(a *App) int { return copies(a.allDevices, a.devices[name]) }, make)
}

// ToAllChannels sends an event to those who are subscribed to all channels.
func (r *Registry) ToAllChannels(make func() wire.Event) {
	r.publish(func(a *App) int { return min(a.allChannels, 1) }, make)
}

// Watched reports whether anybody is subscribed to a device.
func (r *Registry) Watched(device string) bool {
	return slices.ContainsFunc(r.order, func(a *App) bool { return a.allDevices > 0 || a.devices[device] > 0 })
}

func (r *Registry) publish(copies func(*App) int, make func() wire.Event) {
	var e wire.Event
	for _, a := range r.order {
		if a.conn == nil {
			continue
		}
		for range copies(a) {
			if e.Type == "" {
				e = make()
			}
			a.Send(e)
		}
	}
}

// copies is how often an application gets an event of something.
func copies(all, own int) int { return min(all, 1) + min(own, 1) }

// Active is the application of that name if it has a connection.
func (r *Registry) Active(name string) *App {
	if a := r.byName[name]; a != nil && a.conn != nil {
		return a
	}
	return nil
}

// Connect gives an application to a connection, which takes it over from another one.
func (r *Registry) Connect(name string, c Conn, all bool) {
	a := r.byName[name]
	if a == nil {
		a = newApp(name)
		r.byName[name] = a
		r.order = append(r.order, a)
		if all {
			a.subscribeAll()
		}
	} else if a.conn != nil && a.conn != c {
		a.Send(r.Event("ApplicationReplaced"))
	}
	a.conn = c
}

// disconnect takes an application from a connection that is gone.
func (r *Registry) disconnect(name string, c Conn) {
	a := r.byName[name]
	if a == nil || a.conn != c {
		return
	}
	a.conn = nil
	if r.about.ForgetsAll {
		a.allChannels, a.allBridges, a.allEndpoints, a.allDevices = 0, 0, 0, 0
	}
	r.Reap(a)
}

// Reap removes an application that nothing keeps.
func (r *Registry) Reap(a *App) {
	if a.conn != nil || a.subscribed() || r.byName[a.name] != a {
		return
	}
	delete(r.byName, a.name)
	r.order = slices.DeleteFunc(r.order, func(other *App) bool { return other == a })
}

// ForgetChannel takes back all subscriptions to a channel that is gone.
func (r *Registry) ForgetChannel(id string) {
	for _, a := range slices.Clone(r.order) {
		if _, ok := a.channels[id]; ok {
			delete(a.channels, id)
			r.Reap(a)
		}
	}
}

// ForgetBridge takes back all subscriptions to a bridge that is gone.
func (r *Registry) ForgetBridge(id string) {
	for _, a := range slices.Clone(r.order) {
		if _, ok := a.bridges[id]; ok {
			delete(a.bridges, id)
			r.Reap(a)
		}
	}
}

// Lose takes an application down, while its connection stays.
func (r *Registry) Lose(name string) {
	if a := r.byName[name]; a != nil && a.conn != nil {
		r.disconnect(name, a.conn)
	}
}
