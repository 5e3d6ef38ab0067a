package pbx

import (
	"context"
	"time"

	"github.com/ari-go/ari/internal/sim/media"
)

// A Leg is the program at the other end of a channel of external media. It is told, with the lock held, what comes from Asterisk.
type Leg interface {
	// Sounds tells what is to be heard.
	Sounds(f media.Frame)
	// Gets tells of a digit.
	Gets(digit string)
	// Called tells that Asterisk calls it.
	Called()
	// Over tells that the channel has gone, with what its technology says to it.
	Over(techCause int)
}

// FrameTime is the real time between two beats of whatever has a clock in Asterisk.
const FrameTime = media.FrameTime * time.Millisecond

// maxPassed is how many Local channels sound goes through, so that it doesn't go round for ever.
const maxPassed = 16

// BeginSound says that there is somebody who wants to hear, or say, something: telephones send, and bridges mix, until EndSound was called as
// often. Without it they would only cost time.
func (p *PBX) BeginSound() {
	if p.sounding++; p.sounding > 1 {
		return
	}
	for _, b := range p.BridgeOrder {
		b.startMix()
	}
	for _, ch := range p.ChannelOrder {
		if ch.Far != nil {
			ch.Far.Changed()
		}
	}
}

// EndSound ends what BeginSound began.
func (p *PBX) EndSound() { p.sounding-- }

// Sounding reports whether there is anybody who wants to hear something.
func (p *PBX) Sounding() bool { return p.sounding > 0 }

// Freeze brings the making of channels to a standstill, and Thaw ends that. Asterisk compares a new channel's id with those of all others, and
// waits for the lock of each.
func (p *PBX) Freeze() {
	if p.frozen++; p.frozen == 1 {
		p.thawed = make(chan struct{})
	}
}

// Thaw ends what Freeze began.
func (p *PBX) Thaw() {
	if p.frozen--; p.frozen == 0 {
		close(p.thawed)
	}
}

// AwaitThaw waits until channels can be made. It is called without the lock.
func (p *PBX) AwaitThaw(ctx context.Context) error {
	for {
		p.Mu.Lock()
		frozen, thawed := p.frozen > 0, p.thawed
		p.Mu.Unlock()
		if !frozen {
			return nil
		}
		select {
		case <-thawed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Deliver takes what comes from the channel's far end.
func (ch *Channel) Deliver(f media.Frame) {
	b := ch.Bridge
	if ch.Hungup || ch.mutedIn || b == nil || b.kind != "mixing" || ch.role.Muted {
		return
	}
	p := ch.PBX
	if p.passed >= maxPassed {
		return
	}
	p.passed++
	defer func() { p.passed-- }()
	if b.technology == "softmix" {
		b.mixer().Put(ch, f)
		return
	}
	for _, o := range b.Channels {
		if o != ch {
			o.sound(f)
		}
	}
}

// sound brings something to the channel's far end.
func (ch *Channel) sound(f media.Frame) {
	switch {
	case ch.Hungup, ch.mutedOut:
	case ch.Other != nil:
		ch.Other.Deliver(f)
	case ch.Leg != nil:
		ch.Leg.Sounds(f)
	case ch.Far != nil:
		ch.Far.Sounds(f)
	}
}

// Name is the channel's name.
func (ch *Channel) Name() string { return ch.name }

// Format is the codec of the channel: Asterisk's names, with | between them.
func (ch *Channel) Format() string { return ch.format }

// SetFormat sets it.
func (ch *Channel) SetFormat(format string) { ch.format = format }

// A mixing is a bridge's mix while it has more than two members.
type mixing struct {
	*media.Mixer
	running bool
	due     time.Time
}

func (b *Bridge) mixer() *mixing {
	if b.mix == nil {
		b.mix = &mixing{Mixer: media.NewMixer()}
	}
	return b.mix
}

// startMix starts the clock of a bridge that mixes.
func (b *Bridge) startMix() {
	if b.technology != "softmix" {
		b.mix = nil
		return
	}
	m := b.mixer()
	if !m.running && b.p.Sounding() {
		m.running, m.due = true, b.p.Now()
		b.beat(m)
	}
}

// beat gives everybody what the others say, be it silence.
func (b *Bridge) beat(m *mixing) {
	if b.mix != m || b.p.Bridges[b.ID] != b && len(b.Channels) == 0 || !b.p.Sounding() {
		m.running = false
		return
	}
	parties := make([]media.MixParty, len(b.Channels))
	for i, ch := range b.Channels {
		parties[i] = media.MixParty{Key: ch, Rate: media.RateOf(ch.format)}
	}
	channels := append([]*Channel(nil), b.Channels...)
	for i, f := range m.Beat(parties) {
		channels[i].sound(f)
	}
	m.due = m.due.Add(FrameTime)
	b.p.Beat(m.due, func() { b.beat(m) })
}
