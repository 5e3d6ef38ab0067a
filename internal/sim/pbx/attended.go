package pbx

import (
	"github.com/ari-go/ari/internal/sim/wire"
)

// TransferTo is an attended transfer that the party of this channel and another one asks for: whom it talks with by the one and by the other are to be
// connected. In a bridge of an application, one half of a Local channel takes the party's place; where the party talks with nobody but an application or
// the dialplan, it takes over what the channel does. It is left to the application, if that has said so; then the party stays.
func (ch *Channel) TransferTo(other *Channel, exten string) (left bool, err error) {
	if how, _ := ch.function(transferHandling); how == "ari-only" && ch.Stasis != nil {
		ch.transfer = &transfer{exten, other}
		ch.emitTransfer("")
		return true, nil
	}
	first, second := ch, other
	if first.Bridge == nil {
		first, second = other, ch
	}
	if first.Bridge == nil || first.Stasis == nil || second.Bridge != nil && second.Stasis == nil {
		return false, errNoTransfer
	}
	(&attended{ch: ch, other: other}).carryOut(first, second)
	return false, nil
}

// attended is an attended transfer of two legs of one party.
type attended struct{ ch, other *Channel }

// carryOut puts the halves of a Local channel where the legs are: the first one's, in a bridge, and the second one's.
func (t *attended) carryOut(first, second *Channel) {
	p := first.PBX
	before := t.legs()
	for _, leg := range []*Channel{first, second} {
		if leg.Bridge != nil {
			leg.Emit("ChannelUnhold")
		}
	}
	if peer := first.Bridge.peer(first); peer != nil {
		first.SetVariable(attendedTransfer, peer.name)
		peer.SetVariable(attendedTransfer, first.name)
	}
	half := p.NewParty(Party{Tech: "Local", Dest: "_attended@transfer"})
	far := half.Other
	for _, h := range []*Channel{half, far} {
		h.SetVariable(attendedTransfer, first.name)
	}
	far.setState(StateUp)
	destination := t.takePlace(far, second)
	half.standIn(first)
	told := append(before, t.destination(half, far, destination)...)
	if second.Bridge == nil && destination == "" {
		second.tell(func() wire.Event {
			return p.BlobEvent("ChannelHangupRequest", []wire.Field{wire.F("cause", 1), wire.F("soft", true)}, wire.F("channel", second.JSON()))
		})
	}
	t.publish(first, second, told)
	half.Dial = &dialing{ch: half}
	half.setState(StateUp)
	half.Dial.end("ANSWER")
	if destination == "" {
		second.Hangup(Hangup{Cause: 16, Silent: true})
	} else {
		second.Hungup = true
		second.cause = 0
		second.destroy()
	}
}

const attendedTransfer = "ATTENDEDTRANSFER"

// takePlace puts a half where the second leg is: into its bridge, or in its stead into what it does, which is returned by name.
func (t *attended) takePlace(far, second *Channel) (application string) {
	if second.Bridge != nil {
		far.standIn(second)
		return ""
	}
	application = second.appName
	far.Context, far.Exten, far.Priority = second.Context, second.Exten, second.Priority
	if s := second.Stasis; s != nil {
		second.flush()
		far.joinStasis(s, second)
		second.Stasis = nil
		second.stasisEnd(s.app)
		return application
	}
	if r := second.Run; r != nil {
		second.Run = nil
		r.end()
	}
	far.StartDialplan(far.Context, far.Exten, far.Priority)
	return application
}

// joinStasis puts the channel into the application that another one is in, whose place it takes.
func (ch *Channel) joinStasis(s *stasis, replaced *Channel) {
	ch.appName, ch.appData = "Stasis", s.app.Title()
	ch.publish("")
	ch.Stasis = &stasis{app: s.app}
	s.app.SubscribeChannel(ch.ID)
	s.app.Send(ch.PBX.Event("StasisStart", wire.F("args", []string{}), wire.F("channel", ch.JSON()), wire.F("replace_channel", replaced.JSON())))
	ch.PBX.Signal()
}

// standIn puts the channel into the application and the bridge of another one, which leaves the bridge and stays in the application until its party hangs up.
func (ch *Channel) standIn(leg *Channel) {
	b := leg.Bridge
	ch.setStasisStatus("")
	ch.joinStasis(leg.Stasis, leg)
	leg.leaveBridge()
	b.Enter(ch, &Role{})
	ch.SetVariable(attendedTransfer, "")
}

// legs are the members of the event that tell of the party's two channels as they were.
func (t *attended) legs() []wire.Field {
	fields := []wire.Field{
		wire.F("transferer_first_leg", t.ch.JSON()), wire.F("transferer_second_leg", t.other.JSON()), wire.F("result", "Success"), wire.F("is_external", false), //nolint:misspell // Asterisk's own word
	}
	for _, leg := range []struct {
		ch           *Channel
		peer, bridge string
	}{{t.ch, "transferee", "transferer_first_leg_bridge"}, {t.other, "transfer_target", "transferer_second_leg_bridge"}} { //nolint:misspell // Asterisk's own word
		if b := leg.ch.Bridge; b != nil {
			if peer := b.peer(leg.ch); peer != nil {
				fields = append(fields, wire.F(leg.peer, peer.JSON()))
			}
			fields = append(fields, wire.F(leg.bridge, b.JSON()))
		}
	}
	return fields
}

// destination are the members that tell how it was done.
func (t *attended) destination(half, far *Channel, application string) []wire.Field {
	if application != "" {
		return []wire.Field{
			wire.F("replace_channel", half.JSON()), wire.F("destination_type", "application"), wire.F("destination_application", application),
		}
	}
	return []wire.Field{
		wire.F("destination_type", "link"), wire.F("destination_link_first_leg", half.JSON()), wire.F("destination_link_second_leg", far.JSON()),
	}
}

// publish tells whoever is subscribed to one of the bridges, once.
func (t *attended) publish(first, second *Channel, fields []wire.Field) {
	var ids []string
	for _, leg := range []*Channel{first, second} {
		if s := leg.Stasis; s != nil && s.bridge != nil {
			ids = append(ids, s.bridge.ID)
		}
	}
	first.PBX.ToBridges(ids, func() wire.Event { return first.PBX.Event("BridgeAttendedTransfer", fields...) })
}
