package pbx

import (
	"slices"
	"strings"

	"github.com/ari-go/ari/internal/sim/wire"
)

type Variable struct {
	Name, Value string
	Report      bool
}

// varset tells that a variable was set.
func (ch *Channel) varset(name, value string) {
	ch.PBX.ToChannel(ch.ID, func() wire.Event {
		return ch.PBX.BlobEvent("ChannelVarset", []wire.Field{wire.F("variable", name), wire.F("value", value)}, wire.F("channel", ch.JSON()))
	})
}

// SetVariable sets a variable, or what a dialplan function writes.
func (ch *Channel) SetVariable(name, value string) {
	switch name {
	case "CALLERID(num)", "CALLERID(number)":
		ch.Caller.Number = value
	case "CALLERID(name)":
		ch.Caller.Name = value
	case "CALLERID(all)":
		ch.Caller = ParseCallerID(value)
	case "CONNECTEDLINE(num)", "CONNECTEDLINE(number)", "CONNECTEDLINE(num,i)":
		ch.setConnected(Caller{ch.connected.Name, value})
		return
	case "CONNECTEDLINE(name)", "CONNECTEDLINE(name,i)":
		ch.setConnected(Caller{value, ch.connected.Number})
		return
	case "CHANNEL(language)":
		ch.Language = value
		return
	case "CHANNEL(accountcode)":
		ch.account = value
		return
	default:
		if strings.Contains(name, "(") { // another function: that it was called is kept, but nothing comes of it
			ch.Vars[name] = value
			return
		}
		name = strings.TrimLeft(name, "_") // inherited variables
		ch.Vars[name] = value
		ch.varset(name, value)
		return
	}
	ch.Emit("ChannelCallerId", wire.F("caller_presentation", 0), wire.F("caller_presentation_txt", "Presentation Allowed, Not Screened"))
}

// SetReported sets a variable, and whether events carry it.
func (ch *Channel) SetReported(v Variable) {
	ch.report(strings.TrimLeft(v.Name, "_"), v.Report)
	ch.SetVariable(v.Name, v.Value)
}

// UnsetVariable removes a variable.
func (ch *Channel) UnsetVariable(name string) {
	if !strings.Contains(name, "(") {
		delete(ch.Vars, name)
		ch.varset(name, "")
	}
}

// Report makes events of the channel carry a variable, or not any more.
func (ch *Channel) report(name string, on bool) {
	i := slices.Index(ch.reported, name)
	if on && i < 0 {
		ch.reported = append(ch.reported, name)
	} else if !on && i >= 0 {
		ch.reported = slices.Delete(ch.reported, i, i+1)
	}
}

// Variable reads a variable or a function; what isn't there is empty.
func (ch *Channel) variable(name string) string {
	value, _ := ch.Lookup(name)
	return value
}

// Inherit gives the second half of a Local channel the variables of the first, when it is called.
func (ch *Channel) Inherit(variables []Variable) {
	if ch.Other != nil {
		for _, v := range variables {
			if !strings.Contains(v.Name, "(") {
				ch.Other.SetReported(v)
			}
		}
	}
}

// setConnected says who the channel's party talks with.
func (ch *Channel) setConnected(c Caller) {
	if ch.connected == c {
		return
	}
	ch.connected = c
	ch.Emit("ChannelConnectedLine")
	if o := ch.Other; o != nil && !o.Hungup { // It is the other half's caller.
		o.Caller = c
		o.Emit("ChannelCallerId", wire.F("caller_presentation", 0), wire.F("caller_presentation_txt", "Presentation Allowed, Not Screened"))
	}
}
