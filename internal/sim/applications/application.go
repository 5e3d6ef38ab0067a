package applications

import (
	"slices"

	"github.com/ari-go/ari/internal/sim/wire"
)

// An App is a Stasis application. It stays as long as it has a connection or holds subscriptions.
type App struct {
	name string
	conn Conn // nil: inactive

	channels  map[string]int
	bridges   map[string]int
	endpoints map[string]int // "PJSIP" or "PJSIP/alice"
	devices   map[string]int

	allChannels, allBridges, allEndpoints, allDevices int

	allowed, disallowed Filter
}

// A Conn is where an application's events go.
type Conn interface {
	// Deliver takes an event's frame; it never blocks.
	Deliver(frame []byte)
	// Enqueue is like Deliver for a frame that nothing is done to.
	Enqueue(frame []byte)
}

// A Filter is a list of event types; nil is none.
type Filter struct {
	objects []wire.JSON // as they are shown
	types   map[string]bool
}

// NewFilter makes a filter of these types.
func NewFilter(types []string) Filter {
	f := Filter{types: map[string]bool{}}
	for _, typ := range types {
		f.types[typ] = true
		f.objects = append(f.objects, wire.Object(wire.F("type", typ)))
	}
	return f
}

func newApp(name string) *App {
	return &App{
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

func (a *App) subscribed() bool {
	return len(a.channels)+len(a.bridges)+len(a.endpoints)+len(a.devices)+a.allChannels+a.allBridges+a.allEndpoints+a.allDevices > 0
}

func (a *App) subscribeAll() {
	a.allChannels, a.allBridges, a.allEndpoints, a.allDevices = 1, 1, 1, 1
}

// Title is the application's name.
func (a *App) Title() string { return a.name }

// Connection is where its events go, or nil.
func (a *App) Connection() Conn { return a.conn }

// JSON is the application as ARI shows it.
func (a *App) JSON() wire.JSON {
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
	return wire.Object(
		wire.F("name", a.name),
		wire.F("channel_ids", list(a.channels, a.allChannels, allChannelsID)),
		wire.F("bridge_ids", list(a.bridges, a.allBridges, allBridgesID)),
		wire.F("endpoint_ids", list(a.endpoints, a.allEndpoints, allEndpointsID)),
		wire.F("device_names", list(a.devices, a.allDevices, allDevicesID)),
		wire.F("events_allowed", a.allowed.objects),
		wire.F("events_disallowed", a.disallowed.objects),
	)
}

// FilterAllowed sets which events the application wants, no other; without any it wants all.
func (a *App) FilterAllowed(f Filter) { a.allowed = f }

// FilterDisallowed sets which events the application doesn't want.
func (a *App) FilterDisallowed(f Filter) { a.disallowed = f }

// wants reports whether the application's filter lets events of a type pass.
func (a *App) wants(typ string) bool {
	return !a.disallowed.types[typ] && (len(a.allowed.types) == 0 || a.allowed.types[typ])
}

// Send puts an event into the application's connection, if it has one and wants it.
func (a *App) Send(e wire.Event) {
	if a.conn != nil && a.wants(e.Type) {
		a.conn.Deliver(e.Frame(a.name))
	}
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

// SubscribeChannel counts a subscription; it does nothing where there is one to all channels.
func (a *App) SubscribeChannel(id string) {
	if a.allChannels == 0 {
		a.channels[id]++
	}
}

// UnsubscribeChannel takes a subscription back.
func (a *App) UnsubscribeChannel(id string) { drop(a.channels, id) }

// SubscribeBridge counts a subscription; it does nothing where there is one to all bridges.
func (a *App) SubscribeBridge(id string) {
	if a.allBridges == 0 {
		a.bridges[id]++
	}
}

// UnsubscribeBridge takes a subscription back.
func (a *App) UnsubscribeBridge(id string) { drop(a.bridges, id) }
