package pbx

import (
	"strings"
	"time"

	"github.com/ari-go/ari/internal/sim/wire"
)

// A dialing is the call that is made to a channel's party.
type dialing struct {
	ch       *Channel
	dest     string // what Dial events call it; on a channel that create made, only the first event does
	over     bool
	timers   []*time.Timer
	answered func()
}

func (d *dialing) event(status string) {
	dest := d.dest
	if status != "" && d.ch.origApp == "" {
		dest = ""
	}
	ch := d.ch
	ch.tell(func() wire.Event {
		return ch.PBX.Event("Dial", wire.F("dialstatus", status), wire.F("forward", ""), wire.F("dialstring", dest), wire.F("peer", ch.JSON()))
	})
}

// end says that there is nothing to wait for any more, and tells how it went, if that is worth an event.
func (d *dialing) end(status string) {
	d.over = true
	for _, t := range d.timers {
		t.Stop()
	}
	d.timers = nil
	if status != "" {
		d.event(status)
	}
}

func (d *dialing) after(t time.Duration, f func()) {
	d.timers = append(d.timers, d.ch.PBX.After(t, func() {
		if !d.over {
			f()
		}
	}))
}

// CallParty calls the channel's party. A timeout of 0 is none.
func (ch *Channel) CallParty(timeout time.Duration, answered func()) {
	d := &dialing{ch: ch, dest: ch.Dest, answered: answered}
	ch.Dial = d
	if ch.Other != nil {
		ch.inherit()
	}
	d.event("")
	if timeout > 0 {
		d.after(timeout, func() {
			h := Hangup{Cause: 19, Silent: ch.origApp != "", Soft: ch.origApp == ""}
			if ch.PBX.Config.Version.Major < 20 && ch.origApp != "" {
				h.Cause = 0 // They didn't say why.
			}
			if ch.Tech == "PJSIP" {
				h.TechCause = SipStatuses[h.Cause]
			}
			ch.Hangup(h)
		})
	}
	switch {
	case ch.Other != nil:
		half := ch.Other
		half.StartDialplan(half.Context, half.Exten, half.Priority)
	case ch.Leg != nil:
		ch.Leg.Called()
	case ch.Tech == "UnicastRTP" || ch.Tech == "AudioSocket":
		ch.CalleeAnswers()
	case ch.Tech == "WebSocket":
		// Nobody connects.
	default:
		ch.callEndpoint()
	}
}

// callEndpoint lets the endpoint do what it is set to do.
func (ch *Channel) callEndpoint() {
	e := ch.PBX.Endpoint(ch.Tech, ch.Dest)
	if e == nil { // It has been taken away since.
		ch.Hangup(Hangup{Cause: 3})
		return
	}
	if e.called != nil {
		e.called(ch)
	}
}

// WhileDialing runs f some time later, unless the call has been answered or given up by then.
func (ch *Channel) WhileDialing(t time.Duration, f func()) { ch.Dial.after(t, f) }

// CalleeRings tells that the called party rings.
func (ch *Channel) CalleeRings() {
	d := ch.Dial
	if d == nil || d.over || ch.State == StateRinging {
		return
	}
	ch.setState(StateRinging)
	if ch.Far != nil {
		ch.Far.Rang()
	}
	d.event("RINGING")
}

// calleeProgresses tells that there are early media.
func (ch *Channel) calleeProgresses() {
	if d := ch.Dial; d != nil && !d.over {
		d.event("PROGRESS")
	}
}

// CalleeAnswers tells that the called party has answered.
func (ch *Channel) CalleeAnswers() {
	d := ch.Dial
	if d == nil || d.over {
		return
	}
	ch.setState(StateUp)
	d.end("ANSWER")
	if ch.Far != nil {
		ch.Far.Answered()
	}
	if d.answered != nil {
		d.answered()
	}
}

// A Party is somebody who is to be called: by originate, create or as external media.
type Party struct {
	Tech, Dest  string
	ID, OtherID string
	CallerID    string
	Variables   []Variable
	Own         []Variable // that its technology sets
	Originator  *Channel
	App         string // the application to subscribe to it
	OrigApp     bool   // it is called by originate
	Name        string // of the channel, for special technologies
	Formats     string
}

// NewParty makes the channel, or for Local the two channels, of a party that is to be called. It returns nil if there is no
// such party.
func (p *PBX) NewParty(r Party) *Channel {
	var ch *Channel
	switch r.Tech {
	case "Local":
		ch = p.newLocal(r)
	case "UnicastRTP", "AudioSocket", "WebSocket":
		ch = p.NewChannel(r.Tech, r.Dest, r.Name, r.ID)
	default:
		resource := r.Dest
		e := p.Endpoint(r.Tech, resource)
		if e == nil || !e.reachable {
			return nil
		}
		ch = p.NewChannel(r.Tech, r.Dest, r.Tech+"/"+e.resource+"-"+p.NextName(r.Tech), r.ID)
		ch.ProtocolID = p.Uuid()
		ch.Caller = e.caller
	}
	switch {
	case r.Formats != "":
		ch.format = strings.ReplaceAll(r.Formats, ",", "|")
	case ch.Other != nil:
		ch.format = "slin192"
	}
	ch.Announce()
	if o := ch.Other; o != nil {
		o.Announce()
	}
	for _, v := range r.Own {
		ch.SetVariable(v.Name, v.Value)
	}
	// The application hears of what create does to the channel, and of one half only.
	a := p.App(r.App)
	if a != nil && !r.OrigApp {
		a.SubscribeChannel(ch.ID)
	}
	if r.Originator != nil {
		ch.account, ch.linked = r.Originator.account, r.Originator.linked
		if ch.Other != nil {
			ch.Other.linked = ch.linked
		}
	}
	if r.OrigApp {
		ch.origApp = "AppDial2"
		ch.appName, ch.appData = "AppDial2", "(Outgoing Line)"
		ch.publish("")
	}
	if o := r.Originator; o != nil {
		ch.setConnected(o.Caller)
	}
	if c := ParseCallerID(r.CallerID); c != (Caller{}) {
		ch.setCaller(c)
		if o := ch.Other; o != nil { // It is told of both at once.
			o.Caller, o.connected = c, c
			o.publish("")
		}
		ch.connected = c
		ch.publish("")
	}
	for _, v := range r.Variables {
		ch.SetReported(v)
	}
	if a != nil && r.OrigApp {
		a.SubscribeChannel(ch.ID)
		if ch.Other != nil {
			a.SubscribeChannel(ch.Other.ID)
		}
	}
	return ch
}

// newLocal makes the two halves of a Local channel.
func (p *PBX) newLocal(r Party) *Channel {
	where, _, _ := strings.Cut(r.Dest, "/") // options, such as /n
	exten, context, ok := strings.Cut(where, "@")
	if !ok {
		context = "default"
	}
	name := "Local/" + where + "-" + p.NextName("Local")
	ch := p.NewChannel("Local", r.Dest, name+";1", r.ID)
	otherID := r.OtherID
	if otherID == "" && r.ID != "" {
		otherID = r.ID + ";2"
	}
	o := p.NewChannel("Local", r.Dest, name+";2", otherID)
	ch.half, o.half = 1, 2
	ch.Other, o.Other = o, ch
	o.linked = ch.linked
	o.State = StateRing
	for _, half := range []*Channel{ch, o} {
		half.Context, half.Exten = context, exten
	}
	return ch
}
