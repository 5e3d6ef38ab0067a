package pbx

import (
	"strings"

	"github.com/ari-go/ari/internal/sim/wire"
)

// DeviceState is the state of a device that ARI doesn't control: an endpoint's follows from its channels.
func (p *PBX) DeviceState(name string) string {
	if strings.HasPrefix(name, StasisDevice) {
		return "UNKNOWN"
	}
	tech, resource, _ := strings.Cut(name, "/")
	e := p.Phonebook[name]
	state := "INVALID"
	if e != nil {
		state = "NOT_INUSE"
		if !e.reachable {
			state = "UNAVAILABLE"
		}
	}
	for _, ch := range p.ChannelOrder {
		if ch.Tech != tech || ch.Dest != resource {
			continue
		}
		if ch.State == StateRinging {
			state = "RINGING"
			continue
		}
		return "INUSE"
	}
	return state
}

// DeviceChanged tells of the state of a channel's device, if it has changed and somebody wants to know.
func (p *PBX) DeviceChanged(ch *Channel) {
	p.deviceChanged(ch.Tech+"/"+ch.Dest, ch.Tech)
}

func (p *PBX) deviceChanged(name, tech string) {
	if tech != "PJSIP" || !p.Watched(name) {
		return
	}
	state := p.DeviceState(name)
	if p.told[name] == state {
		return
	}
	p.told[name] = state
	p.ToDevice(name, func() wire.Event {
		return p.Event("DeviceStateChanged", wire.F("device_state", wire.Object(wire.F("name", name), wire.F("state", state))))
	})
}

// SetDevice changes a device's state and tells of it.
func (p *PBX) SetDevice(name, state string) {
	if p.Devices[name] == state {
		return
	}
	p.Devices[name] = state
	p.ToDevice(name, func() wire.Event {
		return p.Event("DeviceStateChanged", wire.F("device_state", wire.Object(wire.F("name", name), wire.F("state", state))))
	})
}

// StasisDevice is what the names of devices begin with that applications control.
const StasisDevice = "Stasis:"
