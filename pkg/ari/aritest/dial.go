package aritest

import (
	"strings"
	"time"
)

// A dialing is the call that is made to a channel's party.
type dialing struct {
	ch       *channel
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
	ch.p.toChannel(ch.id, func() event {
		return ch.p.event("Dial", field{"dialstatus", status}, field{"forward", ""}, field{"dialstring", dest}, field{"peer", ch.json()})
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
	d.timers = append(d.timers, d.ch.p.after(t, func() {
		if !d.over {
			f()
		}
	}))
}

// call calls the channel's party. A timeout of 0 is none.
func (ch *channel) callParty(timeout time.Duration, answered func()) {
	d := &dialing{ch: ch, dest: ch.dest, answered: answered}
	ch.dial = d
	d.event("")
	if timeout > 0 {
		d.after(timeout, func() {
			h := hangup{cause: 19, silent: ch.origApp != "", soft: ch.origApp == ""}
			if ch.p.opts.version.Major < 20 && ch.origApp != "" {
				h.cause = 0 // They didn't say why.
			}
			if ch.tech == "PJSIP" {
				h.techCause = sipStatuses[h.cause]
			}
			ch.hangup(h)
		})
	}
	switch {
	case ch.other != nil:
		half := ch.other
		half.startDialplan(half.context, half.exten, half.priority)
	case ch.tech == "UnicastRTP" || ch.tech == "AudioSocket":
		ch.calleeAnswers()
	case ch.tech == "WebSocket":
		// It answers when the application has connected.
	default:
		ch.callEndpoint(d)
	}
}

// callEndpoint lets the endpoint do what it is set to do.
func (ch *channel) callEndpoint(d *dialing) {
	e := ch.p.endpoint(ch.tech, ch.dest)
	if e == nil { // It has been taken away since.
		ch.hangup(hangup{cause: 3})
		return
	}
	c := &Call{p: ch.p, ch: ch, outbound: true, exten: ch.dest, changed: make(chan struct{})}
	ch.call = c
	e.deliver(c)
	r := e.behaviour
	if r.ring >= 0 && (r.refuse == 0 || r.ring > 0) {
		ch.calleeRings()
	}
	switch {
	case r.ring < 0, r.manual:
	case r.refuse != 0:
		d.after(r.ring, func() { c.refuse(r.refuse) })
	default:
		d.after(r.ring, func() {
			ch.calleeAnswers()
			if r.stay > 0 {
				ch.p.after(r.stay, func() { c.hangup(0) })
			}
		})
	}
	if r.ring < 0 && !r.silent {
		ch.calleeRings()
	}
}

// calleeRings tells that the called party rings.
func (ch *channel) calleeRings() {
	d := ch.dial
	if d == nil || d.over || ch.state == stateRinging {
		return
	}
	ch.setState(stateRinging)
	if ch.call != nil {
		ch.call.note(func(c *Call) { c.rang = true })
	}
	d.event("RINGING")
}

// calleeAnswers tells that the called party has answered.
func (ch *channel) calleeAnswers() {
	d := ch.dial
	if d == nil || d.over {
		return
	}
	ch.setState(stateUp)
	d.end("ANSWER")
	if ch.call != nil {
		ch.call.answered()
	}
	if d.answered != nil {
		d.answered()
	}
}

// A request for a new channel that is called: originate, create, external media.
type party struct {
	tech, dest  string
	id, otherID string
	callerID    string
	variables   []variable
	originator  *channel
	app         string // the application to subscribe to it
	origApp     bool   // it is called by originate
	name        string // of the channel, for special technologies
	formats     string
}

type variable struct {
	name, value string
	report      bool
}

// newParty makes the channel, or for Local the two channels, of a party that is to be called. It returns nil if there is no
// such party.
func (p *pbx) newParty(r party) *channel {
	var ch *channel
	switch r.tech {
	case "Local":
		ch = p.newLocal(r)
	case "UnicastRTP", "AudioSocket", "WebSocket":
		ch = p.newChannel(r.tech, r.dest, r.name, r.id)
	default:
		resource := r.dest
		e := p.endpoint(r.tech, resource)
		if e == nil || !e.reachable {
			return nil
		}
		ch = p.newChannel(r.tech, r.dest, r.tech+"/"+e.resource+"-"+p.nextName(r.tech), r.id)
		ch.protocolID = p.uuid()
		ch.caller = e.caller
	}
	switch {
	case r.formats != "":
		ch.format = strings.ReplaceAll(r.formats, ",", "|")
	case ch.other != nil:
		ch.format = "slin192"
	}
	ch.announce()
	if o := ch.other; o != nil {
		o.announce()
	}
	if r.originator != nil {
		ch.account, ch.linked = r.originator.account, r.originator.linked
		if ch.other != nil {
			ch.other.linked = ch.linked
		}
	}
	if r.origApp {
		ch.origApp = "AppDial2"
		ch.appName, ch.appData = "AppDial2", "(Outgoing Line)"
		ch.emitDialplan()
	}
	if o := r.originator; o != nil {
		ch.setConnected(o.caller)
	}
	if c := parseCallerID(r.callerID); c != (caller{}) {
		ch.caller = c
		ch.emit("ChannelCallerId", field{"caller_presentation", 0}, field{"caller_presentation_txt", "Presentation Allowed, Not Screened"})
		ch.connected = c
		ch.emit("ChannelConnectedLine")
		if o := ch.other; o != nil {
			o.caller, o.connected = c, c
		}
	}
	for _, v := range r.variables {
		ch.setReported(v)
	}
	if a := p.apps[r.app]; a != nil {
		a.subscribeChannel(ch.id)
		if ch.other != nil {
			a.subscribeChannel(ch.other.id)
		}
	}
	return ch
}

// setReported sets a variable, and whether events carry it.
func (ch *channel) setReported(v variable) {
	ch.report(strings.TrimLeft(v.name, "_"), v.report)
	ch.setVariable(v.name, v.value)
}

// newLocal makes the two halves of a Local channel.
func (p *pbx) newLocal(r party) *channel {
	where, _, _ := strings.Cut(r.dest, "/") // options, such as /n
	exten, context, ok := strings.Cut(where, "@")
	if !ok {
		context = "default"
	}
	name := "Local/" + where + "-" + p.nextName("Local")
	ch := p.newChannel("Local", r.dest, name+";1", r.id)
	otherID := r.otherID
	if otherID == "" {
		otherID = ch.id + ";2"
	}
	o := p.newChannel("Local", r.dest, name+";2", otherID)
	ch.half, o.half = 1, 2
	ch.other, o.other = o, ch
	o.linked = ch.linked
	o.state = stateRing
	for _, half := range []*channel{ch, o} {
		half.context, half.exten = context, exten
	}
	return ch
}

// inherit gives the second half of a Local channel the variables of the first, when it is called.
func (ch *channel) inherit(variables []variable) {
	if ch.other != nil {
		for _, v := range variables {
			if !strings.Contains(v.name, "(") {
				ch.other.setReported(v)
			}
		}
	}
}

func (ch *channel) emitDialplan() {
	name, data := ch.appName, ch.appData
	ch.p.toChannel(ch.id, func() event {
		return ch.p.event("ChannelDialplan", field{"dialplan_app", name}, field{"dialplan_app_data", data}, field{"channel", ch.json()})
	})
}

// runStasis is what a channel does that is to enter an application without a dialplan: left is what comes afterwards.
func (ch *channel) runStasis(name, args string, dialplanEvent bool, left func()) {
	ch.appName, ch.appData = "Stasis", name
	if args != "" {
		ch.appData += "," + args
	}
	if dialplanEvent {
		ch.emitDialplan()
	}
	if !ch.enterStasis(name, splitArgs(args), left) {
		ch.hangup(hangup{cause: 16, silent: true})
	}
}

func splitArgs(args string) []string {
	if args == "" {
		return nil
	}
	return strings.Split(args, ",")
}
