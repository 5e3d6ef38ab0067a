package aritest

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Names of channel states.
const (
	stateDown    = "Down"
	stateRing    = "Ring"
	stateRinging = "Ringing"
	stateUp      = "Up"
	stateBusy    = "Busy"
)

type caller struct{ name, number string }

func (c caller) json() jsonText { return object(field{"name", c.name}, field{"number", c.number}) }

// A channel is one leg of a call.
type channel struct {
	p          *pbx
	id, name   string
	linked     string // the id of the call's first channel
	tech, dest string // "PJSIP", "alice"
	state      string
	protocolID string
	caller     caller
	connected  caller
	account    string
	rdnis      string
	language   string
	format     string
	context    string
	exten      string
	priority   int
	appName    string
	appData    string
	created    time.Time

	vars     map[string]string
	reported []string // names of variables that events carry, in the order in which they were set

	other     *channel // the other half of a Local channel
	half      int      // 1 or 2 for halves of Local channels
	stasis    *stasis
	run       *run     // what it does in the dialplan
	dial      *dialing // that it is being called
	bridge    *bridge
	role      *role
	call      *Call      // who is at the other end
	snooped   *channel   // which one it listens to
	snoops    []*channel // which ones listen to it
	origApp   string     // what it is said to run when it is called: "AppDial2", or nothing
	broadcast *broadcast

	queue   []*command
	current *command

	hungup    bool
	cause     int
	techCause int
	refused   int // the cause with which it refused the call to the other half
}

// A stasis is a channel's stay in an application.
type stasis struct {
	app    *app
	bridge *bridge // that the application was subscribed to on the channel's behalf
	left   func()  // what comes when it has left without being hung up
}

// newChannel makes a channel in its first state.
func (p *pbx) newChannel(tech, dest, name, id string) *channel {
	if id == "" {
		id = p.uniqueID()
	}
	ch := &channel{
		p: p, id: id, linked: id, name: name, tech: tech, dest: dest, state: stateDown, language: "en", format: "ulaw",
		context: "default", exten: "s", priority: 1, created: p.now(), vars: map[string]string{},
	}
	p.channels[id] = ch
	p.channelOrder = append(p.channelOrder, ch)
	p.signal()
	return ch
}

// announce tells of the new channel.
func (ch *channel) announce() {
	ch.p.toChannel(ch.id, func() event { return ch.event("ChannelCreated") })
}

// json is the channel as ARI shows it.
func (ch *channel) json() jsonText { return ch.jsonWith(nil) }

// jsonWith is the channel with given variables instead of those that it usually shows.
func (ch *channel) jsonWith(variables map[string]string) jsonText {
	fields := make([]field, 0, 16)
	fields = append(fields, field{"id", ch.id}, field{"name", ch.name}, field{"state", ch.state})
	if ch.p.has.protocolID {
		fields = append(fields, field{"protocol_id", ch.protocolID})
	}
	fields = append(fields,
		field{"caller", ch.caller.json()},
		field{"connected", ch.connected.json()},
		field{"accountcode", ch.account},
		field{"dialplan", object(field{"context", ch.context}, field{"exten", ch.exten}, field{"priority", ch.priority},
			field{"app_name", ch.appName}, field{"app_data", ch.appData})},
		field{"creationtime", ch.created},
		field{"language", ch.language},
	)
	if ch.rdnis != "" && ch.p.has.rdnis {
		fields = append(fields, field{"caller_rdnis", ch.rdnis})
	}
	var shown []field
	if variables != nil {
		for name, value := range variables {
			shown = append(shown, field{name, value})
		}
		slices.SortFunc(shown, func(a, b field) int { return strings.Compare(a.name, b.name) })
	} else {
		for _, name := range ch.p.opts.channelVars {
			shown = append(shown, field{name, ch.variable(name)})
		}
		for _, name := range ch.reported {
			if !slices.Contains(ch.p.opts.channelVars, name) {
				shown = append(shown, field{name, ch.vars[name]})
			}
		}
	}
	if len(shown) > 0 {
		fields = append(fields, field{"channelvars", variablesJSON(shown)})
	}
	return object(fields...)
}

// variablesJSON makes an object of names that need not be plain text.
func variablesJSON(fields []field) jsonText {
	b := []byte{'{'}
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, f.name)
		b = append(b, ':')
		b = appendValue(b, f.value)
	}
	return append(b, '}')
}

// event makes an event of the channel; further members stand before it.
func (ch *channel) event(typ string, more ...field) event {
	return ch.p.event(typ, append(more, field{"channel", ch.json()})...)
}

// emit sends an event to those who are subscribed to the channel.
func (ch *channel) emit(typ string, more ...field) {
	ch.p.toChannel(ch.id, func() event { return ch.event(typ, more...) })
}

// setState changes the state and tells of it.
func (ch *channel) setState(state string) {
	if ch.state == state {
		return
	}
	ch.state = state
	ch.emit("ChannelStateChange")
	ch.p.deviceChanged(ch)
	ch.p.signal()
}

// varset tells that a variable was set.
func (ch *channel) varset(name, value string) {
	ch.p.toChannel(ch.id, func() event {
		return ch.p.blobEvent("ChannelVarset", []field{{"variable", name}, {"value", value}}, field{"channel", ch.json()})
	})
}

// setVariable sets a variable, or what a dialplan function writes.
func (ch *channel) setVariable(name, value string) {
	switch name {
	case "CALLERID(num)", "CALLERID(number)":
		ch.caller.number = value
	case "CALLERID(name)":
		ch.caller.name = value
	case "CALLERID(all)":
		ch.caller = parseCallerID(value)
	case "CONNECTEDLINE(num)", "CONNECTEDLINE(number)", "CONNECTEDLINE(num,i)":
		ch.setConnected(caller{ch.connected.name, value})
		return
	case "CONNECTEDLINE(name)", "CONNECTEDLINE(name,i)":
		ch.setConnected(caller{value, ch.connected.number})
		return
	case "CHANNEL(language)":
		ch.language = value
		return
	case "CHANNEL(accountcode)":
		ch.account = value
		return
	default:
		if strings.Contains(name, "(") { // another function: that it was called is kept, but nothing comes of it
			ch.vars[name] = value
			return
		}
		name = strings.TrimLeft(name, "_") // inherited variables
		ch.vars[name] = value
		ch.varset(name, value)
		return
	}
	ch.emit("ChannelCallerId", field{"caller_presentation", 0}, field{"caller_presentation_txt", "Presentation Allowed, Not Screened"})
}

// unsetVariable removes a variable.
func (ch *channel) unsetVariable(name string) {
	if !strings.Contains(name, "(") {
		delete(ch.vars, name)
		ch.varset(name, "")
	}
}

// report makes events of the channel carry a variable, or not any more.
func (ch *channel) report(name string, on bool) {
	i := slices.Index(ch.reported, name)
	if on && i < 0 {
		ch.reported = append(ch.reported, name)
	} else if !on && i >= 0 {
		ch.reported = slices.Delete(ch.reported, i, i+1)
	}
}

// setConnected says who the channel's party talks with.
func (ch *channel) setConnected(c caller) {
	if ch.connected == c {
		return
	}
	ch.connected = c
	ch.emit("ChannelConnectedLine")
	if o := ch.other; o != nil && !o.hungup { // It is the other half's caller.
		o.caller = c
		o.emit("ChannelCallerId", field{"caller_presentation", 0}, field{"caller_presentation_txt", "Presentation Allowed, Not Screened"})
	}
}

// variable reads a variable or a function; what isn't there is empty.
func (ch *channel) variable(name string) string {
	value, _ := ch.lookup(name)
	return value
}

// lookup reads a variable, a variable of the channel's own, a global one, or one of the functions that are known.
func (ch *channel) lookup(name string) (string, bool) {
	if v, ok := ch.vars[name]; ok {
		return v, true
	}
	switch name {
	case "CALLERID(num)", "CALLERID(number)":
		return ch.caller.number, true
	case "CALLERID(name)":
		return ch.caller.name, true
	case "CALLERID(all)":
		return ch.caller.String(), true
	case "CALLERID(rdnis)":
		return ch.rdnis, true
	case "CONNECTEDLINE(num)", "CONNECTEDLINE(number)":
		return ch.connected.number, true
	case "CONNECTEDLINE(name)":
		return ch.connected.name, true
	case "CHANNEL", "CHANNEL(name)":
		return ch.name, true
	case "CHANNEL(state)":
		return ch.state, true
	case "CHANNEL(language)":
		return ch.language, true
	case "CHANNEL(accountcode)":
		return ch.account, true
	case "CHANNEL(channeltype)":
		return ch.tech, true
	case "CHANNEL(linkedid)":
		return ch.linked, true
	case "CHANNEL(uniqueid)", "UNIQUEID":
		return ch.id, true
	case "CHANNEL(callid)", "CHANNEL(pjsip,call-id)":
		return ch.protocolID, true
	case "CHANNEL(audionativeformat)", "CHANNEL(audioreadformat)", "CHANNEL(audiowriteformat)":
		return "(" + ch.format + ")", true
	case "CONTEXT":
		return ch.context, true
	case "EXTEN":
		return ch.exten, true
	case "PRIORITY":
		return strconv.Itoa(ch.priority), true
	case "HANGUPCAUSE":
		return strconv.Itoa(ch.cause), true
	case "EPOCH":
		return strconv.FormatInt(ch.p.now().Unix(), 10), true
	}
	if function, arguments, ok := strings.Cut(name, "("); ok {
		arguments = strings.TrimSuffix(arguments, ")")
		switch function {
		case "CUT":
			return ch.cut(arguments), true
		case "LEN":
			return strconv.Itoa(len(arguments)), true
		case "CALLERID", "CONNECTEDLINE":
			return "", true
		}
	}
	v, ok := ch.p.globals[name]
	return v, ok
}

// cut is the dialplan's function CUT: the variable's name, what separates its fields, and the number of a field.
func (ch *channel) cut(arguments string) string {
	parts := strings.Split(arguments, ",")
	if len(parts) < 3 || parts[1] == "" {
		return ""
	}
	fields := strings.Split(ch.variable(parts[0]), parts[1])
	n, err := strconv.Atoi(parts[2])
	if err != nil || n < 1 || n > len(fields) {
		return ""
	}
	return fields[n-1]
}

func (c caller) String() string {
	if c.name == "" {
		return c.number
	}
	return `"` + c.name + `" <` + c.number + `>`
}

// parseCallerID reads a caller's id: a number, a name and <number>, or a "name" and <number>.
func parseCallerID(text string) caller {
	text = strings.TrimSpace(text)
	if i := strings.LastIndexByte(text, '<'); i >= 0 && strings.HasSuffix(text, ">") {
		return caller{strings.Trim(strings.TrimSpace(text[:i]), `"`), text[i+1 : len(text)-1]}
	}
	if text != "" && strings.Trim(text, "0123456789*#+()-. ") == "" {
		return caller{"", text}
	}
	return caller{strings.Trim(text, `"`), ""}
}

// answer answers the call from our side. It is no error if that has been done.
func (ch *channel) answer() {
	if ch.state == stateUp || ch.hungup {
		return
	}
	ch.setState(stateUp)
	if ch.call != nil {
		ch.call.answered()
	}
	if o := ch.other; o != nil && ch.half == 2 && !o.hungup {
		o.calleeAnswers()
	}
}

// ringing tells the other side that it rings.
func (ch *channel) ringing() {
	if ch.state == stateUp || ch.hungup {
		return
	}
	if ch.call != nil {
		ch.call.note(func(c *Call) { c.rang = true })
	}
	if o := ch.other; o != nil && ch.half == 2 && !o.hungup {
		o.calleeRings()
	}
}

// progress tells the other side that there are early media.
func (ch *channel) progress() {
	if ch.call != nil && ch.state != stateUp {
		ch.call.note(func(c *Call) { c.progress = true })
	}
}

// A command is something that a channel in an application does after what it was told before. Commands run one after another;
// one that takes time holds up those behind it.
type command struct {
	run  func()            // begins it; finish must be called when it is over
	end  func(hungup bool) // takes back what was begun, when the channel goes; may be nil
	done chan error        // for those that are waited for
}

// do queues something that takes no time.
func (ch *channel) do(f func()) {
	ch.enqueue(&command{run: func() { f() }}, true)
}

// doWait queues something that takes no time and returns a channel that tells when it has been done.
func (ch *channel) doWait(f func() error) <-chan error {
	c := &command{done: make(chan error, 1)}
	c.run = func() { c.done <- f() }
	ch.enqueue(c, true)
	return c.done
}

// enqueue queues a command. One that takes no time is finished as soon as it has run.
func (ch *channel) enqueue(c *command, instant bool) {
	if instant {
		run := c.run
		c.run = func() {
			run()
			ch.finish(c)
		}
	}
	ch.queue = append(ch.queue, c)
	ch.pump()
}

// pump runs what is queued.
func (ch *channel) pump() {
	if ch.current != nil || len(ch.queue) == 0 {
		return
	}
	c := ch.queue[0]
	ch.queue = ch.queue[1:]
	ch.current = c
	c.run()
}

// finish says that a command is over.
func (ch *channel) finish(c *command) {
	if ch.current == c {
		ch.current = nil
		ch.pump()
	}
}

// flush throws away what is queued, and ends what is running.
func (ch *channel) flush(hungup bool) {
	current, queue := ch.current, ch.queue
	ch.current, ch.queue = nil, nil
	if current != nil && current.end != nil {
		current.end(hungup)
	}
	for _, c := range queue {
		if c.end != nil {
			c.end(hungup)
		}
		if c.done != nil {
			c.done <- errHungup
		}
	}
}

// flushSilently forgets what is queued, when Asterisk itself has ended.
func (ch *channel) flushSilently() {
	for _, c := range append(ch.queue, ch.current) {
		if c != nil && c.done != nil {
			select {
			case c.done <- errHungup:
			default:
			}
		}
	}
	ch.queue, ch.current = nil, nil
}

// enterStasis puts the channel into an application. It reports whether there is such an application; left is called when the
// channel has left it otherwise than by a hangup.
func (ch *channel) enterStasis(name string, args []string, left func()) bool {
	ch.setStasisStatus("")
	a := ch.p.activeApp(name)
	if a == nil {
		ch.setStasisStatus("FAILED")
		return false
	}
	ch.stasis = &stasis{app: a, left: left}
	a.subscribeChannel(ch.id)
	ch.stasisStart(a, args)
	return true
}

func (ch *channel) stasisStart(a *app, args []string) {
	if args == nil {
		args = []string{}
	}
	a.send(ch.p.event("StasisStart", field{"args", args}, field{"channel", ch.json()}))
	ch.p.signal()
}

func (ch *channel) setStasisStatus(status string) {
	ch.vars["STASISSTATUS"] = status
	ch.varset("STASISSTATUS", status)
}

// stasisEnd tells the application that the channel has gone, and takes back the subscription that came with it.
func (ch *channel) stasisEnd(a *app) {
	a.send(ch.event("StasisEnd"))
	drop(a.channels, ch.id)
	ch.p.reap(a)
	ch.p.signal()
}

// leaveStasis takes the channel out of its application.
func (ch *channel) leaveStasis(hungup bool) {
	s := ch.stasis
	if s == nil {
		return
	}
	ch.flush(hungup)
	if !hungup {
		ch.leaveBridge()
	}
	ch.stasis = nil
	ch.stasisEnd(s.app)
	ch.setStasisStatus("SUCCESS")
	if !hungup && s.left != nil {
		s.left()
	}
}

// A hangup says how a channel ends.
type hangup struct {
	cause, techCause int
	soft             bool // ARI asked for it
	silent           bool // nobody did: no request is told
	unknown          bool // the other side didn't say why
}

// hangupRequest tells that the channel is to be hung up.
func (ch *channel) hangupRequest(h hangup) {
	ch.p.toChannel(ch.id, func() event {
		var before []field
		switch {
		case h.soft:
			before = []field{{"cause", 32}, {"soft", true}}
		case !h.unknown:
			before = []field{{"cause", h.cause}}
			if h.techCause != 0 && ch.p.has.techCause {
				before = append(before, field{"tech_cause", h.techCause})
			}
		}
		return ch.p.blobEvent("ChannelHangupRequest", before, field{"channel", ch.json()})
	})
}

// rtpStatistics are what a SIP channel says of its media at the end.
func (ch *channel) rtpStatistics() {
	if ch.tech != "PJSIP" || ch.state != stateUp {
		return
	}
	ch.setVariable("RTPAUDIOQOS", "ssrc=1;themssrc=0;lp=0;rxjitter=0.000000;rxcount=0;txjitter=0.000000;txcount=0;rlp=0;rtt=0.000000;rxmes=0.000000;txmes=0.000000")
	ch.setVariable("RTPAUDIOQOSJITTER", "minrxjitter=000.000000;maxrxjitter=000.000000;avgrxjitter=000.000000;stdevrxjitter=000.000000;mintxjitter=000.000000;maxtxjitter=000.000000;avgtxjitter=000.000000;stdevtxjitter=000.000000;")
	ch.setVariable("RTPAUDIOQOSLOSS", "  minrxlost=000.000000;  maxrxlost=000.000000;  avgrxlost=000.000000;  stdevrxlost=000.000000;  mintxlost=000.000000;  maxtxlost=000.000000;  avgtxlost=000.000000;  stdevtxlost=000.000000;")
	ch.setVariable("RTPAUDIOQOSRTT", "     minrtt=000.000000;     maxrtt=000.000000;     avgrtt=000.000000;     stdevrtt=000.000000;")
	if ch.p.opts.version.Major >= 20 {
		ch.setVariable("RTPAUDIOQOSMES", "   minrxmes=000.000000;   maxrxmes=000.000000;   avgrxmes=000.000000;   stdevrxmes=000.000000;   mintxmes=000.000000;   maxtxmes=000.000000;   avgtxmes=000.000000;   stdevtxmes=000.000000;")
	}
}

// hangup ends the channel, and tells of all that follows from it.
func (ch *channel) hangup(h hangup) {
	if ch.hungup {
		return
	}
	ch.hungup = true
	ch.cause, ch.techCause = h.cause, h.techCause
	if h.unknown {
		ch.cause = 0
		if ch.bridge != nil || ch.origApp == "" && ch.dial != nil || ch.p.opts.version.Major < 20 {
			ch.cause = 16
			h.unknown = ch.p.opts.version.Major >= 20 && (ch.bridge == nil || ch.current != nil)
			h.cause = 16
		}
	}
	if !h.silent {
		ch.rtpStatistics()
		ch.hangupRequest(h)
	}
	if d := ch.dial; d != nil && !d.over {
		d.end("")
		if ch.origApp != "" && !h.silent {
			d.event(dialStatus(h))
		}
	}
	ch.flush(true)
	ch.leaveBridge()
	ch.leaveStasis(true)
	if b := ch.broadcast; b != nil {
		b.over()
	}
	if r := ch.run; r != nil {
		r.end()
		ch.p.toChannel(ch.id, func() event {
			return ch.p.blobEvent("ChannelHangupRequest", []field{{"cause", 16}, {"soft", true}}, field{"channel", ch.json()})
		})
	}
	ch.appName, ch.appData = ch.origApp, ""
	if ch.origApp != "" {
		ch.appData = "(Outgoing Line)"
	}
	if o := ch.other; o != nil {
		o.hangup(hangup{cause: ch.cause})
	}
	for _, sn := range slices.Clone(ch.snoops) {
		sn.hangup(hangup{silent: true})
	}
	if ch.snooped != nil {
		s := ch.snooped
		s.snoops = slices.DeleteFunc(s.snoops, func(o *channel) bool { return o == ch })
	}
	ch.destroy()
}

// destroy forgets the channel.
func (ch *channel) destroy() {
	p := ch.p
	if ch.refused != 0 {
		ch.cause = ch.refused
	}
	delete(p.channels, ch.id)
	p.channelOrder = slices.DeleteFunc(p.channelOrder, func(o *channel) bool { return o == ch })
	p.toChannel(ch.id, func() event {
		fields := []field{{"cause", ch.cause}, {"cause_txt", causeText(ch.cause)}}
		if ch.techCause != 0 && p.has.techCause {
			fields = append(fields, field{"tech_cause", ch.techCause})
		}
		return ch.event("ChannelDestroyed", fields...)
	})
	p.forgetChannel(ch.id)
	p.deviceChanged(ch)
	if ch.call != nil {
		ch.call.ended(ch.cause)
	}
	p.signal()
}

// find is the channel of that id or, as some operations have it, of that name.
func (p *pbx) find(idOrName string) *channel {
	if ch := p.channels[idOrName]; ch != nil {
		return ch
	}
	for _, ch := range p.channelOrder {
		if strings.EqualFold(ch.name, idOrName) {
			return ch
		}
	}
	return nil
}
