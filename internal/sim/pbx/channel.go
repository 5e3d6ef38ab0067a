package pbx

import (
	"slices"
	"strings"
	"time"

	"github.com/ari-go/ari/internal/sim/wire"
)

// Names of channel states.
const (
	StateDown    = "Down"
	StateRing    = "Ring"
	StateRinging = "Ringing"
	StateUp      = "Up"
	stateBusy    = "Busy"
)

// A Caller is who calls, or is called: name and number.
type Caller struct{ Name, Number string }

func (c Caller) json() wire.JSON {
	return wire.Object(wire.F("name", c.Name), wire.F("number", c.Number))
}

func (c Caller) String() string { return `"` + c.Name + `" <` + c.Number + `>` }

// ParseCallerID reads a caller's id: a number, a name and <number>, or a "name" and <number>.
func ParseCallerID(text string) Caller {
	text = strings.TrimSpace(text)
	if i := strings.LastIndexByte(text, '<'); i >= 0 && strings.HasSuffix(text, ">") {
		return Caller{strings.Trim(strings.TrimSpace(text[:i]), `"`), text[i+1 : len(text)-1]}
	}
	if text != "" && strings.Trim(text, "0123456789*#+()-. ") == "" {
		return Caller{"", text}
	}
	return Caller{strings.Trim(text, `"`), ""}
}

// A Channel is one leg of a call.
type Channel struct {
	PBX        *PBX
	ID, name   string
	linked     string // the id of the call's first channel
	Tech, Dest string // "PJSIP", "alice"
	endpoint   *Endpoint
	State      string
	ProtocolID string
	Caller     Caller
	connected  Caller
	account    string
	// peerAccount is the account of whom it is, or was, bridged with.
	peerAccount string
	rdnis       string
	Language    string
	format      string
	Context     string
	Exten       string
	Priority    int
	appName     string
	appData     string
	created     time.Time

	shown                       place  // in the dialplan, as events and answers show it: where the channel was when it was published last
	shownApp                    string // the dialplan application that was published last
	shownCaller, shownConnected Caller // who was published last

	vars      variables
	functions map[string]string // that were set, and of which nothing comes
	reported  []string          // names of variables that events carry, in the order in which they were set

	Other     *Channel // the other half of a Local channel
	half      int      // 1 or 2 for halves of Local channels
	Stasis    *stasis
	Run       *Run     // what it does in the dialplan
	Dial      *dialing // that it is being called
	Bridge    *Bridge
	role      *Role
	Far       farEnd     // who is at the other end, or nil
	Snooped   *Channel   // which one it listens to
	Snoops    []*Channel // which ones listen to it
	Muted     bool       // in one direction or both
	mutedIn   bool       // nobody hears what comes from its far end
	mutedOut  bool       // its far end hears nothing
	Leg       Leg        // the program at the other end, or nil
	origApp   string     // what it is said to run when it is called: "AppDial2", or nothing
	Broadcast *broadcast
	talk      *time.Timer // until it is told that the party has fallen silent

	queue   []*Command
	Current *Command

	Hungup bool
	early  bool // it has, or had, early media
	// hearsSince and sendsSince are since when packets come from its party, and go to it.
	hearsSince, sendsSince time.Time
	bridged                bool      // it is, or was, in a bridge
	transfer               *transfer // that is left to the application, or nil
	Stale                  bool      // it is over, but still shown
	cause                  int
	techCause              int
	refused                int // the cause with which it refused the call to the other half
}

// NewChannel makes a channel in its first state.
func (p *PBX) NewChannel(tech, dest, name, id string) *Channel {
	if id == "" {
		id = p.uniqueID()
	}
	ch := &Channel{
		PBX: p, ID: id, linked: id, name: name, Tech: tech, Dest: dest, State: StateDown, Language: "en", format: "ulaw",
		Context: "default", Exten: "s", Priority: 1, created: p.Now(), functions: map[string]string{},
	}
	ch.endpoint = p.Endpoint(tech, dest)
	p.Channels[id] = ch
	p.ChannelOrder = append(p.ChannelOrder, ch)
	p.Signal()
	return ch
}

// Announce tells of the new channel.
func (ch *Channel) Announce() {
	ch.remember()
	ch.endpointChanged()
	ch.tell(func() wire.Event { return ch.event("ChannelCreated") })
}

// tell sends an event to those who are subscribed to the channel, by its endpoint too.
func (ch *Channel) tell(make func() wire.Event) {
	if e := ch.endpoint; e != nil {
		ch.PBX.ToEndpointChannel(ch.ID, e.tech, e.resource, make)
		return
	}
	ch.PBX.ToChannel(ch.ID, make)
}

// endpointChanged tells that the channel's endpoint has one channel more, or less.
func (ch *Channel) endpointChanged() {
	if ch.endpoint != nil {
		ch.endpoint.tellState(ch.PBX)
	}
}

// JSON is the channel as ARI shows it.
func (ch *Channel) JSON() wire.JSON { return ch.json(false) }

// JSONWithVariables is the channel with all its variables instead of those that it usually shows.
func (ch *Channel) JSONWithVariables() wire.JSON { return ch.json(true) }

func (ch *Channel) json(all bool) wire.JSON {
	fields := make([]wire.Field, 0, 16)
	fields = append(fields, wire.F("id", ch.ID), wire.F("name", ch.name), wire.F("state", ch.State))
	if ch.PBX.Has.protocolID {
		fields = append(fields, wire.F("protocol_id", ch.ProtocolID))
	}
	fields = append(fields,
		wire.F("caller", ch.shownCaller.json()),
		wire.F("connected", ch.shownConnected.json()),
		wire.F("accountcode", ch.account),
		wire.F("dialplan", wire.Object(wire.F("context", ch.shown.context), wire.F("exten", ch.shown.exten), wire.F("priority", ch.shown.priority),
			wire.F("app_name", ch.appName), wire.F("app_data", ch.appData))),
		wire.F("creationtime", ch.created),
		wire.F("language", ch.Language),
	)
	if ch.rdnis != "" && ch.PBX.Has.rdnis {
		fields = append(fields, wire.F("caller_rdnis", ch.rdnis))
	}
	var shown []wire.Field
	if all {
		for _, v := range ch.vars {
			shown = append(shown, wire.F(v.name(), v.value))
		}
		slices.SortFunc(shown, func(a, b wire.Field) int { return strings.Compare(a.Name, b.Name) })
	} else {
		for _, name := range ch.PBX.Config.ChannelVars {
			shown = append(shown, wire.F(name, ch.variable(name)))
		}
		for _, name := range ch.reported {
			if !slices.Contains(ch.PBX.Config.ChannelVars, name) {
				shown = append(shown, wire.F(name, ch.variable(name)))
			}
		}
	}
	if len(shown) > 0 {
		fields = append(fields, wire.F("channelvars", wire.Members(shown)))
	}
	return wire.Object(fields...)
}

// event makes an event of the channel; further members stand before it.
func (ch *Channel) event(typ string, more ...wire.Field) wire.Event {
	return ch.PBX.Event(typ, append(more, wire.F("channel", ch.JSON()))...)
}

// Emit sends an event to those who are subscribed to the channel.
func (ch *Channel) Emit(typ string, more ...wire.Field) {
	ch.tell(func() wire.Event { return ch.event(typ, more...) })
}

// setState changes the state and tells of it.
func (ch *Channel) setState(state string) {
	if ch.State == state {
		return
	}
	ch.State = state
	if state == StateUp {
		ch.hearsSince = ch.PBX.Now()
	}
	ch.publish("ChannelStateChange")
	if ch.Bridge != nil && state == StateUp {
		ch.Bridge.tellPeers(true)
	}
	ch.PBX.DeviceChanged(ch)
	ch.PBX.Signal()
}

// A place is one in the dialplan.
type place struct {
	context, exten string
	priority       int
}

func (ch *Channel) place() place { return place{ch.Context, ch.Exten, ch.Priority} }

// remember keeps what the channel is as that which is shown.
func (ch *Channel) remember() {
	ch.shown, ch.shownApp = ch.place(), ch.appName
	ch.shownCaller, ch.shownConnected = ch.Caller, ch.connected
}

// publish tells of the channel as it is now: by the event of that type, if there is one, and by others if it runs something else in the
// dialplan, has another caller or is connected with somebody else than when it was published last. Meanwhile events and answers show
// what was.
func (ch *Channel) publish(typ string, more ...wire.Field) {
	moved := ch.appName != "" && (ch.shownApp == "" || ch.shown != ch.place())
	called, connected := ch.shownCaller != ch.Caller, ch.shownConnected != ch.connected
	ch.remember()
	if typ != "" {
		ch.Emit(typ, more...)
	}
	if moved {
		ch.Emit("ChannelDialplan", wire.F("dialplan_app", ch.appName), wire.F("dialplan_app_data", ch.appData))
	}
	if called {
		ch.Emit("ChannelCallerId", wire.F("caller_presentation", 0), wire.F("caller_presentation_txt", "Presentation Allowed, Not Screened"))
	}
	if connected {
		ch.Emit("ChannelConnectedLine")
	}
}

// Find is the channel of that id or, as some operations have it, of that name.
func (p *PBX) Find(idOrName string) *Channel {
	if ch := p.Channels[idOrName]; ch != nil {
		return ch
	}
	for _, ch := range p.ChannelOrder {
		if strings.EqualFold(ch.name, idOrName) {
			return ch
		}
	}
	return nil
}

// Taken reports whether an id is in use. Asterisk compares the beginning only, so that "call-1" can't be had beside "call-10".
func (p *PBX) Taken(id string) bool {
	if id == "" {
		return false
	}
	if p.Channels[id] != nil {
		return true
	}
	begins := p.Config.Version.Major >= 20
	for _, ch := range p.ChannelOrder {
		if strings.EqualFold(ch.ID, id) || begins && len(ch.ID) > len(id) && strings.EqualFold(ch.ID[:len(id)], id) {
			return true
		}
	}
	return false
}

// Mute mutes the channel in a direction, "in", "out" or "both", or ends that.
func (ch *Channel) Mute(direction string, on bool) {
	if direction != "out" {
		ch.mutedIn = on
	}
	if direction != "in" {
		ch.mutedOut = on
	}
	ch.Muted = on
	if ch.Bridge != nil {
		ch.Bridge.retune()
	}
}
