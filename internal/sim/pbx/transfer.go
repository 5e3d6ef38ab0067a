package pbx

import (
	"errors"

	"github.com/ari-go/ari/internal/sim/wire"
)

// transferHandling is the function by which an application keeps transfers for itself.
const transferHandling = "PJSIP_TRANSFER_HANDLING()"

var errNoTransfer = errors.New("Asterisk refuses the transfer") //nolint:staticcheck // Asterisk is a name.

// A transfer is one that a telephone has asked for and that is left to the application.
type transfer struct {
	exten string
	other *Channel // of the same party, that the bridged one is to be connected with; nil: the extension is to be called
}

// Transfer is a blind transfer that the channel's party asks for: whoever it is bridged with is to be connected with an extension instead. It is left
// to the application, if that has said so; then the party stays.
func (ch *Channel) Transfer(exten string) (left bool, err error) {
	if how, _ := ch.function(transferHandling); how == "ari-only" && ch.Stasis != nil {
		ch.transfer = &transfer{exten: exten}
		ch.emitTransfer("")
		return true, nil
	}
	b := ch.Bridge
	if b == nil || ch.Stasis == nil || !ch.PBX.Dialplan.Has(ch.Context, exten) {
		return false, errNoTransfer
	}
	ch.replaceBy(exten)
	return false, nil
}

// TellTransfer tells the party how the transfer goes that was left to the application, and the application that it was told.
func (ch *Channel) TellTransfer(state string) {
	if ch.transfer != nil {
		ch.emitTransfer(state)
	}
}

// emitTransfer tells of the transfer that is left to the application, and how it goes.
func (ch *Channel) emitTransfer(state string) {
	to := ch.transfer.target()
	by := []wire.Field{wire.F("source_channel", ch.JSON())}
	if b := ch.Bridge; b != nil {
		if peer := b.peer(ch); peer != nil {
			by = append(by, wire.F("connected_channel", peer.JSON()))
		}
		by = append(by, wire.F("bridge", b.JSON()))
	}
	fields := []wire.Field{wire.F("refer_to", to), wire.F("referred_by", wire.Object(by...))}
	if state != "" {
		fields = append(fields, wire.F("state", state))
	}
	ch.tell(func() wire.Event { return ch.PBX.Event("ChannelTransfer", fields...) })
}

// target is whom the transfer is to, as events show it.
func (t *transfer) target() wire.JSON {
	if t.other == nil {
		return wire.Object(wire.F("requested_destination", wire.Object(wire.F("destination", t.exten))))
	}
	fields := []wire.Field{
		wire.F("requested_destination", wire.Object(wire.F("protocol_id", t.other.ProtocolID), wire.F("destination", t.exten))),
		wire.F("destination_channel", t.other.JSON()),
	}
	if b := t.other.Bridge; b != nil {
		if peer := b.peer(t.other); peer != nil {
			fields = append(fields, wire.F("connected_channel", peer.JSON()))
		}
		fields = append(fields, wire.F("bridge", b.JSON()))
	}
	return wire.Object(fields...)
}

// peer is the other channel of a bridge of two, or nil.
func (b *Bridge) peer(ch *Channel) *Channel {
	if len(b.Channels) != 2 {
		return nil
	}
	if b.Channels[0] == ch {
		return b.Channels[1]
	}
	return b.Channels[0]
}

// replaceBy puts one half of a Local channel to the extension in the channel's place: into its bridge and its application.
func (ch *Channel) replaceBy(exten string) {
	p, b, app := ch.PBX, ch.Bridge, ch.Stasis.app
	peer := b.peer(ch)
	if peer != nil {
		ch.SetVariable("BLINDTRANSFER", peer.name)
		peer.SetVariable("BLINDTRANSFER", ch.name)
	}
	half := p.NewParty(Party{Tech: "Local", Dest: exten + "@" + ch.Context})
	told := []wire.Field{
		wire.F("channel", ch.JSON()), wire.F("exten", exten), wire.F("context", ch.Context), wire.F("result", "Success"), wire.F("is_external", true),
	}
	if peer != nil {
		told = append(told, wire.F("transferee", peer.JSON()))
	}
	told = append(told, wire.F("replace_channel", half.JSON()), wire.F("bridge", b.JSON()))

	half.appName, half.appData = "Stasis", app.Title()
	half.publish("")
	half.Stasis = &stasis{app: app}
	app.SubscribeChannel(half.ID)
	app.Send(p.Event("StasisStart", wire.F("args", []string{}), wire.F("channel", half.JSON()), wire.F("replace_channel", ch.JSON())))
	ch.leaveBridge()
	b.Enter(half, &Role{})
	p.ToBridge(b.ID, func() wire.Event { return p.Event("BridgeBlindTransfer", told...) })
	ch.flush()
	ch.Stasis = nil
	ch.stasisEnd(app)
	half.Dial = &dialing{ch: half}
	half.inherit()
	half.Other.StartDialplan(half.Other.Context, half.Other.Exten, half.Other.Priority)
}
