package pbx

import (
	"slices"
	"strings"
)

// A member of a bridge is a channel, or one that Asterisk makes for itself, to play to the bridge or to record it: that has a name only.
type member struct {
	ch   *Channel
	name string
}

func (m member) channelName() string {
	if m.ch != nil {
		return m.ch.name
	}
	return m.name
}

// join adds a member; the newest comes first.
func (b *Bridge) join(m member) { b.members = slices.Insert(b.members, 0, m) }

// part takes a member away.
func (b *Bridge) part(m member) {
	b.members = slices.DeleteFunc(b.members, func(o member) bool { return o == m })
}

// helper lets a channel of Asterisk's own join, and returns what takes it away again. The kind is "Announcer/ARI" and the like.
func (b *Bridge) helper(kind string) (leave func()) {
	m := member{name: kind + "-" + b.p.NextName(kind) + ";2"}
	b.join(m)
	b.retune()
	b.tellPeers(false)
	return func() {
		b.part(m)
		b.retune()
		b.tellPeers(false)
		if len(b.Channels) == 0 && len(b.members) > 0 {
			b.deserted()
		}
	}
}

// retune chooses the technology anew. What tells that somebody came or went still names the old one.
func (b *Bridge) retune() {
	switch {
	case b.kind == "holding":
		b.technology = "holding_bridge"
	case b.sfu || len(b.members) > 2:
		b.technology = "softmix"
	case b.native():
		b.technology = "native_rtp"
	default:
		b.technology = "simple_bridge"
	}
	b.startMix()
}

// native reports whether the media of two SIP channels can go from one to the other past the bridge. They can't when the bridge was made to
// hear digits or to see media, nor when somebody listens to one of the channels or looks into its media.
func (b *Bridge) native() bool {
	if b.mediaNeeded || len(b.members) != 2 {
		return false
	}
	for _, m := range b.members {
		if m.ch == nil || m.ch.Tech != "PJSIP" || len(m.ch.Snoops) > 0 || m.ch.Muted || m.ch.Has("TALK_DETECT(set)") {
			return false
		}
	}
	return true
}

// tellPeers sets the variables by which channels know whom they are bridged with, where they are new or everything is to be told anew. Who
// stays alone goes on naming who was there last.
func (b *Bridge) tellPeers(anew bool) {
	if b.kind != "mixing" || len(b.members) < 2 {
		return
	}
	for _, m := range b.members {
		ch := m.ch
		if ch == nil {
			continue
		}
		var names []string
		callID := ""
		for _, o := range b.members {
			if o == m {
				continue
			}
			names = append(names, o.channelName())
			if o.ch != nil {
				callID = o.ch.ProtocolID
			}
		}
		peers := strings.Join(names, ",")
		if ch.variable("BRIDGEPEER") == peers && !anew {
			continue
		}
		ch.SetVariable("BRIDGEPEER", peers)
		if len(names) != 1 {
			callID = ""
		}
		if old := ch.variable("BRIDGEPVTCALLID"); old != callID || anew && callID != "" {
			ch.SetVariable("BRIDGEPVTCALLID", callID)
		}
	}
}

// Announce lets the channel that plays to the bridge come and go without playing anything.
func (b *Bridge) Announce() {
	if b.playing == nil {
		b.helper("Announcer/ARI")()
	}
}

// Listen is Announce for the channel that records.
func (b *Bridge) Listen() { b.helper("Recorder/ARI")() }
