package applications

import (
	"strings"
)

// A Source is what an application can subscribe to, named as "channel:ID" and so on.
type Source struct{ Scheme, Name string }

// ParseSource reads the name of a source.
func ParseSource(text string) (Source, bool) {
	scheme, name, ok := strings.Cut(text, ":")
	switch {
	case !ok:
		return Source{}, false
	case scheme == "channel", scheme == "bridge", scheme == "endpoint", scheme == "deviceState":
		return Source{scheme, name}, true
	default:
		return Source{}, false
	}
}

// Everything reports whether the source is all objects of its kind.
func (s Source) Everything() bool {
	return s.Name == "" || s.Name == map[string]string{
		"channel": allChannelsID, "bridge": allBridgesID, "endpoint": allEndpointsID, "deviceState": allDevicesID,
	}[s.Scheme]
}

// Subscribe subscribes the application to a source.
func (a *App) Subscribe(s Source) {
	switch s.Scheme {
	case "channel":
		if s.Everything() {
			a.allChannels++
		} else {
			a.SubscribeChannel(s.Name)
		}
	case "bridge":
		if s.Everything() {
			a.allBridges++
		} else {
			a.SubscribeBridge(s.Name)
		}
	case "endpoint":
		switch {
		case s.Everything():
			a.allEndpoints++
		case a.allEndpoints == 0:
			a.endpoints[s.Name]++
		}
	default:
		if s.Everything() {
			a.allDevices = 1
		} else if a.allDevices == 0 {
			a.devices[s.Name] = 1
		}
	}
}

// Unsubscribe takes a subscription back and reports whether there was one.
func (a *App) Unsubscribe(s Source) bool {
	all := func(n *int) bool {
		had := *n > 0
		*n = max(*n-1, 0)
		return had
	}
	switch s.Scheme {
	case "channel":
		if s.Name == allChannelsID {
			return all(&a.allChannels)
		}
		return drop(a.channels, s.Name)
	case "bridge":
		if s.Name == allBridgesID {
			return all(&a.allBridges)
		}
		return drop(a.bridges, s.Name)
	case "endpoint":
		if s.Name == allEndpointsID {
			return all(&a.allEndpoints)
		}
		return drop(a.endpoints, s.Name)
	default:
		if s.Everything() {
			return all(&a.allDevices)
		}
		return drop(a.devices, s.Name)
	}
}

// All reports whether the application is subscribed to all objects of a kind.
func (a *App) All(scheme string) bool {
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
