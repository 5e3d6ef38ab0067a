package pbx

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/ari-go/ari/internal/sim/wire"
)

// A Bridge lets channels hear each other.
type Bridge struct {
	p           *PBX
	ID, Name    string
	kind        string // "mixing" or "holding"
	videoMode   string
	sfu         bool
	created     time.Time
	Channels    []*Channel // the newest first
	members     []member   // they, and those that Asterisk has made for itself
	technology  string
	mediaNeeded bool // digits and media must be seen
	Vars        map[string]string
	reported    []string
	video       string // the channel that everybody sees
	Moh         string // the music that is played
	mohEnds     func() // takes away who plays it
	announcer   func() // takes away who plays to the bridge

	mix *mixing // nil unless it mixes

	Announcing atomic.Bool // who will play to the bridge is being made

	playing *Playback // and those that wait for it
	queue   []*Playback
}

// A Role is how a channel is in its bridge.
type Role struct {
	Name                string
	AbsorbDTMF, Muted   bool
	InhibitsConnectedID bool
}

// NewBridge makes a bridge. Without an id it gets one.
func (p *PBX) NewBridge(id, name, kind, videoMode string, mediaNeeded bool) *Bridge {
	if id == "" {
		id = p.Uuid()
	}
	b := &Bridge{
		p: p, ID: id, Name: name, kind: kind, mediaNeeded: mediaNeeded, videoMode: "talker", sfu: videoMode == "sfu", created: p.Now(), Vars: map[string]string{},
	}
	if videoMode != "" {
		b.videoMode = videoMode
	}
	b.retune()
	p.Bridges[id] = b
	p.BridgeOrder = append(p.BridgeOrder, b)
	p.Signal()
	return b
}

// JSON is the bridge as ARI shows it.
func (b *Bridge) JSON() wire.JSON {
	ids := make([]string, len(b.Channels))
	for i, ch := range b.Channels {
		ids[i] = ch.ID
	}
	fields := []wire.Field{
		wire.F("id", b.ID),
		wire.F("technology", b.technology),
		wire.F("bridge_type", b.kind),
		wire.F("bridge_class", "stasis"),
		wire.F("creator", "Stasis"),
		wire.F("name", b.Name),
		wire.F("channels", ids),
		wire.F("creationtime", b.created),
		wire.F("video_mode", b.videoMode),
	}
	if b.video != "" {
		fields = append(fields, wire.F("video_source_id", b.video))
	}
	if len(b.reported) > 0 {
		var shown []wire.Field
		for _, name := range b.reported {
			shown = append(shown, wire.F(name, b.Vars[name]))
		}
		fields = append(fields, wire.F("bridgevars", wire.Members(shown)))
	}
	return wire.Object(fields...)
}

// Emit sends an event of the bridge to those who are subscribed to it.
func (b *Bridge) Emit(typ string) {
	b.p.ToBridge(b.ID, func() wire.Event { return b.p.Event(typ, wire.F("bridge", b.JSON())) })
}

// emitWith sends an event of the bridge and one of its channels.
func (b *Bridge) emitWith(typ string, ch *Channel) {
	b.p.ToBridge(b.ID, func() wire.Event {
		return b.p.Event(typ, wire.F("bridge", b.JSON()), wire.F("channel", ch.JSON()))
	})
}

// SetVariable sets a variable, and whether the bridge shows it.
func (b *Bridge) SetVariable(v Variable) {
	b.Vars[v.Name] = v.Value
	i := slices.Index(b.reported, v.Name)
	if v.Report && i < 0 {
		b.reported = append(b.reported, v.Name)
	} else if !v.Report && i >= 0 {
		b.reported = slices.Delete(b.reported, i, i+1)
	}
}

// Enter puts a channel into the bridge, out of another one if need be.
func (b *Bridge) Enter(ch *Channel, r *Role) {
	ch.leaveBridge()
	if s := ch.Stasis; s != nil {
		if s.bridge != nil && s.bridge != b {
			s.app.UnsubscribeBridge(s.bridge.ID)
		}
		if s.bridge != b {
			s.app.SubscribeBridge(b.ID)
			s.bridge = b
		}
	}
	ch.Bridge, ch.role, ch.bridged = b, r, true
	b.Channels = slices.Insert(b.Channels, 0, ch)
	b.join(member{ch: ch})
	b.emitWith("ChannelEnteredBridge", ch)
	b.retune()
	if b.Moh != "" {
		Hear(b.Moh, ch)
	}
	b.link()
	b.tellPeers(false)
	if b.kind == "mixing" && len(b.Channels) == 2 && !r.InhibitsConnectedID {
		old := b.Channels[1]
		connect(ch, old)
		connect(old, ch)
	}
	b.p.Signal()
	for _, o := range b.Channels {
		if b.kind == "mixing" && len(b.Channels) > 1 {
			o.sends()
		}
		if o.Far != nil {
			o.Far.Changed()
		}
	}
}

// link makes the channels of a mixing bridge parts of one call: that of the oldest. Two of them know each other's account.
func (b *Bridge) link() {
	if b.kind != "mixing" {
		return
	}
	oldest := b.Channels[0]
	for _, ch := range b.Channels {
		if ch.created.Before(oldest.created) {
			oldest = ch
		}
	}
	for _, ch := range b.Channels {
		ch.linked = oldest.linked
	}
	if len(b.Channels) == 2 {
		b.Channels[0].peerAccount, b.Channels[1].peerAccount = b.Channels[1].account, b.Channels[0].account
	}
}

// connect tells a channel's party whom it talks with, if that is known.
func connect(ch, other *Channel) {
	if other.Caller != (Caller{}) {
		ch.setConnected(other.Caller)
	}
}

// leaveBridge takes the channel out of its bridge, if it is in one. The application's subscription to the bridge stays when the
// channel was hung up, as it does with Asterisk.
func (ch *Channel) leaveBridge() {
	b := ch.Bridge
	if b == nil {
		return
	}
	for _, name := range []string{"BRIDGEPEER", "BRIDGEPVTCALLID"} {
		if ch.variable(name) != "" {
			ch.SetVariable(name, "")
		}
	}
	ch.Bridge, ch.role = nil, nil
	b.Channels = slices.DeleteFunc(b.Channels, func(o *Channel) bool { return o == ch })
	b.part(member{ch: ch})
	b.emitWith("ChannelLeftBridge", ch)
	b.retune()
	if b.video == ch.ID {
		b.video = ""
	}
	b.tellPeers(false)
	if len(b.Channels) == 0 {
		b.deserted()
	}
	b.p.Signal()
}

// deserted ends what is played to the bridge and recorded of it: Asterisk's own channels don't stay alone.
func (b *Bridge) deserted() {
	for len(b.queue) > 0 {
		b.queue[0].Stop("failed")
	}
	if b.playing != nil {
		b.playing.Stop("failed")
	}
	for _, r := range b.p.recordings() {
		if r.Bridge == b {
			r.Finish()
		}
	}
	b.StopMusic()
}

// StartMusic plays music of a class.
func (b *Bridge) StartMusic(class string) {
	if b.Moh == "" {
		b.mohEnds = b.helper("Announcer/ARI_MOH")
	}
	b.Moh = Music(class)
	Hear(b.Moh, b.Channels...)
}

// StopMusic ends that, and reports whether there was music.
func (b *Bridge) StopMusic() bool {
	if b.Moh == "" {
		return false
	}
	b.Moh = ""
	b.mohEnds()
	return true
}

// LeaveForGood is leaving a bridge for none other: the subscription that came with the bridge is taken back too.
func (ch *Channel) LeaveForGood() {
	ch.leaveBridge()
	if s := ch.Stasis; s != nil && s.bridge != nil {
		s.app.UnsubscribeBridge(s.bridge.ID)
		s.bridge = nil
	}
}

// SetVideoSource chooses the channel that everybody sees.
func (b *Bridge) SetVideoSource(id string) {
	old := b.video
	b.video, b.videoMode = id, "single"
	if old != id {
		b.p.ToBridge(b.ID, func() wire.Event {
			fields := []wire.Field{wire.F("bridge", b.JSON())}
			if old != "" {
				fields = append(fields, wire.F("old_video_source_id", old))
			}
			return b.p.Event("BridgeVideoSourceChanged", fields...)
		})
	}
}

// Destroy shuts the bridge down; its channels stay in their applications.
func (b *Bridge) Destroy() {
	p := b.p
	for _, ch := range slices.Clone(b.Channels) {
		ch.LeaveForGood()
	}
	b.deserted()
	delete(p.Bridges, b.ID)
	p.BridgeOrder = slices.DeleteFunc(p.BridgeOrder, func(o *Bridge) bool { return o == b })
	b.Emit("BridgeDestroyed")
	p.ForgetBridge(b.ID)
	p.Signal()
}
