package pbx

import (
	"slices"

	"github.com/ari-go/ari/internal/sim/wire"
)

// A Hangup says how a channel ends.
type Hangup struct {
	Cause, TechCause int
	Soft             bool // ARI asked for it
	Silent           bool // nobody did: no request is told
	Unknown          bool // the other side didn't say why
	Forgotten        bool // only the request tells the cause, unless the channel is in a bridge
}

// hangupRequest tells that the channel is to be hung up.
func (ch *Channel) hangupRequest(h Hangup) {
	ch.tell(func() wire.Event {
		var before []wire.Field
		switch {
		case h.Soft:
			before = []wire.Field{wire.F("cause", 32), wire.F("soft", true)}
		case !h.Unknown:
			before = []wire.Field{wire.F("cause", h.Cause)}
			if h.TechCause != 0 && ch.PBX.Has.techCause {
				before = append(before, wire.F("tech_cause", h.TechCause))
			}
		}
		return ch.PBX.BlobEvent("ChannelHangupRequest", before, wire.F("channel", ch.JSON()))
	})
}

// Hangup ends the channel, and tells of all that follows from it.
func (ch *Channel) Hangup(h Hangup) {
	if ch.Hungup {
		return
	}
	ch.Hungup = true
	if h.Silent && h.Cause == 0 && ch.bridged { // Who has been in a bridge is cleared normally.
		h.Cause = 16
	}
	ch.cause, ch.techCause = h.Cause, h.TechCause
	if h.Forgotten && ch.Bridge == nil {
		ch.cause = 0
	}
	if h.Unknown {
		ch.cause = 0
		old, bridged := ch.PBX.Config.Version.Major < 20, ch.Bridge != nil && len(ch.Bridge.members) > 1
		if ch.Bridge != nil || ch.origApp == "" && ch.Dial != nil || old {
			ch.cause, h.Cause = 16, 16
			h.Unknown = !old && (!bridged || ch.Current != nil)
		}
	}
	if !h.Silent {
		ch.rtpStatistics()
		ch.hangupRequest(h)
	}
	if d := ch.Dial; d != nil && !d.over {
		d.end("")
		if ch.origApp != "" && !h.Silent {
			d.event(dialStatus(h))
		}
	}
	ch.flush()
	ch.leaveBridge()
	ch.endStasis()
	if b := ch.Broadcast; b != nil {
		b.over()
	}
	if r := ch.Run; r != nil && r.NoEnd { // Only now it is done with the application that it was in.
		ch.setStasisStatus("SUCCESS")
		r.end()
	} else if r != nil {
		ch.tell(func() wire.Event {
			before := []wire.Field{wire.F("cause", 16)}
			if ch.techCause != 0 && ch.PBX.Has.techCause {
				before = append(before, wire.F("tech_cause", ch.techCause))
			}
			return ch.PBX.BlobEvent("ChannelHangupRequest", append(before, wire.F("soft", true)), wire.F("channel", ch.JSON()))
		})
		r.end()
	}
	ch.appName, ch.appData = ch.origApp, ""
	if ch.origApp != "" {
		ch.appData = "(Outgoing Line)"
	}
	if o := ch.Other; o != nil {
		// A half that was never called runs nothing that could be asked to end.
		idle := o.half == 2 && o.Run == nil && o.Stasis == nil
		cause := ch.cause
		if idle {
			cause = 0
		}
		o.Hangup(Hangup{Cause: cause, Silent: idle})
	}
	for _, sn := range slices.Clone(ch.Snoops) {
		sn.Hangup(Hangup{Silent: true})
	}
	if ch.Snooped != nil {
		s := ch.Snooped
		s.Snoops = slices.DeleteFunc(s.Snoops, func(o *Channel) bool { return o == ch })
	}
	ch.destroy()
}

// destroy forgets the channel.
func (ch *Channel) destroy() {
	p := ch.PBX
	if ch.refused != 0 {
		ch.cause = ch.refused
	}
	delete(p.Channels, ch.ID)
	p.ChannelOrder = slices.DeleteFunc(p.ChannelOrder, func(o *Channel) bool { return o == ch })
	fields := []wire.Field{wire.F("cause", ch.cause), wire.F("cause_txt", causeText(ch.cause))}
	if ch.techCause != 0 && p.Has.techCause {
		fields = append(fields, wire.F("tech_cause", ch.techCause))
	}
	ch.publish("ChannelDestroyed", fields...)
	ch.endpointChanged()
	p.ForgetChannel(ch.ID)
	p.DeviceChanged(ch)
	if ch.Leg != nil {
		ch.Leg.Over(ch.techCause)
	}
	if ch.talk != nil {
		ch.talk.Stop()
	}
	if ch.Far != nil {
		ch.Far.Over(ch.cause, ch.techCause)
	}
	p.Signal()
}

// refuseCall ends the channel from the dialplan, with a cause.
func (ch *Channel) refuseCall(cause int) {
	h := Hangup{Cause: cause, Silent: true}
	if ch.Tech == "PJSIP" && ch.State != StateUp {
		h.TechCause = SipStatuses[cause]
	}
	ch.Hangup(h)
}
