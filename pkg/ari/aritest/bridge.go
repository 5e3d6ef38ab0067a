package aritest

import (
	"slices"
	"strings"
	"time"
)

// A bridge lets channels hear each other.
type bridge struct {
	p         *pbx
	id, name  string
	kind      string // "mixing" or "holding"
	videoMode string
	sfu       bool
	created   time.Time
	channels  []*channel // the newest first
	vars      map[string]string
	reported  []string
	video     string // the channel that everybody sees
	moh       string // the music that is played

	playing *playback // and those that wait for it
	queue   []*playback
}

// A role is how a channel is in its bridge.
type role struct {
	name                string
	absorbDTMF, muted   bool
	inhibitsConnectedID bool
}

func (p *pbx) newBridge(id, name, kind, videoMode string) *bridge {
	if id == "" {
		id = p.uuid()
	}
	b := &bridge{
		p: p, id: id, name: name, kind: kind, videoMode: "talker", sfu: videoMode == "sfu", created: p.now(), vars: map[string]string{},
	}
	if videoMode != "" {
		b.videoMode = videoMode
	}
	p.bridges[id] = b
	p.bridgeOrder = append(p.bridgeOrder, b)
	p.signal()
	return b
}

func (b *bridge) technology() string {
	switch {
	case b.kind == "holding":
		return "holding_bridge"
	case b.sfu || len(b.channels) > 2:
		return "softmix"
	default:
		return "simple_bridge"
	}
}

func (b *bridge) json() jsonText {
	ids := make([]string, len(b.channels))
	for i, ch := range b.channels {
		ids[i] = ch.id
	}
	fields := []field{
		{"id", b.id},
		{"technology", b.technology()},
		{"bridge_type", b.kind},
		{"bridge_class", "stasis"},
		{"creator", "Stasis"},
		{"name", b.name},
		{"channels", ids},
		{"creationtime", b.created},
		{"video_mode", b.videoMode},
	}
	if b.video != "" {
		fields = append(fields, field{"video_source_id", b.video})
	}
	if len(b.reported) > 0 {
		var shown []field
		for _, name := range b.reported {
			shown = append(shown, field{name, b.vars[name]})
		}
		fields = append(fields, field{"bridgevars", variablesJSON(shown)})
	}
	return object(fields...)
}

func (b *bridge) emit(typ string) {
	b.p.toBridge(b.id, func() event { return b.p.event(typ, field{"bridge", b.json()}) })
}

// emitWith sends an event of the bridge and one of its channels.
func (b *bridge) emitWith(typ string, ch *channel) {
	b.p.toBridge(b.id, func() event {
		return b.p.event(typ, field{"bridge", b.json()}, field{"channel", ch.json()})
	})
}

func (b *bridge) setVariable(v variable) {
	b.vars[v.name] = v.value
	i := slices.Index(b.reported, v.name)
	if v.report && i < 0 {
		b.reported = append(b.reported, v.name)
	} else if !v.report && i >= 0 {
		b.reported = slices.Delete(b.reported, i, i+1)
	}
}

// enter puts a channel into the bridge, out of another one if need be.
func (b *bridge) enter(ch *channel, r *role) {
	ch.leaveBridge()
	if s := ch.stasis; s != nil {
		if s.bridge != nil && s.bridge != b {
			drop(s.app.bridges, s.bridge.id)
		}
		if s.bridge != b {
			s.app.subscribeBridge(b.id)
			s.bridge = b
		}
	}
	ch.bridge, ch.role = b, r
	b.channels = slices.Insert(b.channels, 0, ch)
	b.emitWith("ChannelEnteredBridge", ch)
	if b.moh != "" {
		hear(b.moh, ch)
	}
	b.link()
	b.tellPeers()
	if b.kind == "mixing" && len(b.channels) == 2 && !r.inhibitsConnectedID {
		old := b.channels[1]
		connect(ch, old)
		connect(old, ch)
	}
	b.p.signal()
	for _, o := range b.channels {
		if o.call != nil {
			o.call.signal()
		}
	}
}

// link makes the channels of a mixing bridge parts of one call: that of the oldest.
func (b *bridge) link() {
	if b.kind != "mixing" {
		return
	}
	oldest := b.channels[0]
	for _, ch := range b.channels {
		if ch.created.Before(oldest.created) {
			oldest = ch
		}
	}
	for _, ch := range b.channels {
		ch.linked = oldest.linked
	}
}

// connect tells a channel's party whom it talks with, if that is known.
func connect(ch, other *channel) {
	if other.caller != (caller{}) {
		ch.setConnected(other.caller)
	}
}

// tellPeers sets the variables by which channels know whom they are bridged with.
func (b *bridge) tellPeers() {
	if b.kind != "mixing" {
		return
	}
	for _, ch := range b.channels {
		var names []string
		callID := ""
		for _, o := range b.channels {
			if o != ch {
				names = append(names, o.name)
				callID = o.protocolID
			}
		}
		peers := strings.Join(names, ",")
		if ch.vars["BRIDGEPEER"] != peers {
			ch.setVariable("BRIDGEPEER", peers)
			if len(names) != 1 {
				callID = ""
			}
			if ch.vars["BRIDGEPVTCALLID"] != callID {
				ch.setVariable("BRIDGEPVTCALLID", callID)
			}
		}
	}
}

// leaveBridge takes the channel out of its bridge, if it is in one. The application's subscription to the bridge stays when the
// channel was hung up, as it does with Asterisk.
func (ch *channel) leaveBridge() {
	b := ch.bridge
	if b == nil {
		return
	}
	if ch.vars["BRIDGEPEER"] != "" {
		ch.setVariable("BRIDGEPEER", "")
	}
	ch.bridge, ch.role = nil, nil
	b.channels = slices.DeleteFunc(b.channels, func(o *channel) bool { return o == ch })
	b.emitWith("ChannelLeftBridge", ch)
	if b.video == ch.id {
		b.video = ""
	}
	b.tellPeers()
	b.p.signal()
}

// leaveForGood is leaving a bridge for none other: the subscription that came with the bridge is taken back too.
func (ch *channel) leaveForGood() {
	ch.leaveBridge()
	if s := ch.stasis; s != nil && s.bridge != nil {
		drop(s.app.bridges, s.bridge.id)
		s.bridge = nil
	}
}

func (b *bridge) setVideoSource(id string) {
	old := b.video
	b.video, b.videoMode = id, "single"
	if old != id {
		b.p.toBridge(b.id, func() event {
			fields := []field{{"bridge", b.json()}}
			if old != "" {
				fields = append(fields, field{"old_video_source_id", old})
			}
			return b.p.event("BridgeVideoSourceChanged", fields...)
		})
	}
}

// destroy shuts the bridge down; its channels stay in their applications.
func (b *bridge) destroy() {
	p := b.p
	for _, ch := range slices.Clone(b.channels) {
		ch.leaveForGood()
	}
	for len(b.queue) > 0 {
		b.queue[0].stop("failed")
	}
	if b.playing != nil {
		b.playing.stop("failed")
	}
	for _, r := range p.recordings() {
		if r.bridge == b {
			r.finish()
		}
	}
	delete(p.bridges, b.id)
	p.bridgeOrder = slices.DeleteFunc(p.bridgeOrder, func(o *bridge) bool { return o == b })
	b.emit("BridgeDestroyed")
	p.forgetBridge(b.id)
	p.signal()
}

// toBridgeMedia sends an event of what is played to or recorded from a bridge. It comes by a channel of the bridge's own, which
// whoever is subscribed to all channels has too.
func (p *pbx) toBridgeMedia(id string, make func() event) {
	p.publish(func(a *app) int { return copies(a.allBridges, a.bridges[id]) + min(a.allChannels, 1) }, make)
}
