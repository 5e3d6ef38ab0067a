package pbx

import (
	"slices"
	"time"

	"github.com/ari-go/ari/internal/sim/text"
	"github.com/ari-go/ari/internal/sim/wire"
)

// Digit is a key that was pressed at the channel's far end.
func (ch *Channel) Digit(digit string) {
	if ch.Hungup {
		return
	}
	if b := ch.Bridge; b != nil && b.technology == "native_rtp" {
		b.pass(ch, digit) // Nobody hears what goes past the bridge.
		return
	}
	ch.Emit("ChannelDtmfReceived", wire.F("digit", digit), wire.F("duration_ms", 100))
	for _, r := range ch.PBX.recordings() {
		of := r.Ch == ch || r.Bridge != nil && r.Bridge == ch.Bridge
		if of && r.State == "recording" && (r.TerminateOn == "any" || r.TerminateOn != "" && r.TerminateOn == digit) {
			r.Finish()
		}
	}
	if r := ch.Run; r != nil && !r.over && ch.Stasis == nil {
		r.digit(digit)
	}
	if b := ch.Bridge; b != nil && b.kind == "mixing" && !ch.role.AbsorbDTMF {
		b.pass(ch, digit)
	}
}

// pass brings a digit from one channel to the others.
func (b *Bridge) pass(from *Channel, digit string) {
	for _, ch := range slices.Clone(b.Channels) { // A digit can end a call.
		if ch != from && ch.Bridge == b {
			ch.write(digit)
		}
	}
}

// write sends a digit to the channel's far end.
func (ch *Channel) write(digit string) {
	switch {
	case ch.Hungup:
	case ch.Other != nil:
		ch.Other.Digit(digit)
	case ch.Leg != nil:
		ch.Leg.Gets(digit)
	case ch.Far != nil:
		ch.Far.Gets(digit)
	}
}

// SendDigits sends digits to the channel's far end.
func (ch *Channel) SendDigits(digits string) {
	for _, digit := range text.Keys(digits) {
		ch.write(string(digit))
	}
}

// Speak is somebody's voice at the channel's far end.
func (ch *Channel) Speak(d time.Duration) {
	for _, r := range ch.PBX.recordings() {
		if r.of(ch) {
			r.heard(d)
		}
	}
	setting, ok := ch.function("TALK_DETECT(set)")
	if !ok {
		return
	}
	silence := 2500 * time.Millisecond
	if ms := text.Before(setting, ","); ms != "" {
		silence = text.Seconds(ms) / 1000
	}
	ch.Emit("ChannelTalkingStarted")
	if ch.Far == nil {
		return
	}
	if ch.talk != nil {
		ch.talk.Stop()
	}
	ch.talk = ch.PBX.After(d+silence, func() {
		if ch.Hungup {
			return
		}
		ms := int(d.Milliseconds())
		ch.tell(func() wire.Event {
			return ch.PBX.BlobEvent("ChannelTalkingFinished", []wire.Field{wire.F("duration", ms)}, wire.F("channel", ch.JSON()))
		})
	})
}
