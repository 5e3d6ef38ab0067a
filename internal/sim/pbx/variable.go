package pbx

import (
	"slices"
	"strings"

	"github.com/ari-go/ari/internal/sim/wire"
)

// A Variable is one that is to be set, and whether events carry it.
type Variable struct {
	Name, Value string
	Report      bool
}

// A variable is one of a channel. Underscores in front of its name say that channels that this one makes inherit it; they are no part of
// the name by which it is read.
type variable struct{ full, value string }

func (v variable) name() string { return strings.TrimLeft(v.full, "_") }

// A variables is all that a channel has, the newest first.
type variables []variable

func (vs variables) get(name string) (string, bool) {
	for _, v := range vs {
		if v.name() == name {
			return v.value, true
		}
	}
	return "", false
}

func (vs *variables) set(full, value string) {
	v := variable{full, value}
	*vs = slices.Insert(slices.DeleteFunc(*vs, func(old variable) bool { return old.name() == v.name() }), 0, v)
}

func (vs *variables) unset(name string) {
	*vs = slices.DeleteFunc(*vs, func(old variable) bool { return old.name() == name })
}

// varset tells that a variable was set.
func (ch *Channel) varset(name, value string) {
	if len(ch.reported) > 0 { // The channel shows variables, and is told of anew.
		ch.publish("")
	}
	ch.tell(func() wire.Event {
		return ch.PBX.BlobEvent("ChannelVarset", []wire.Field{wire.F("variable", name), wire.F("value", value)}, wire.F("channel", ch.JSON()))
	})
}

// SetVariable sets a variable, or what a dialplan function writes.
func (ch *Channel) SetVariable(name, value string) {
	switch name {
	case "":
		return
	case "CALLERID(num)", "CALLERID(number)":
		ch.setCaller(Caller{ch.Caller.Name, value})
		return
	case "CALLERID(name)":
		ch.setCaller(Caller{value, ch.Caller.Number})
		return
	case "CALLERID(all)":
		ch.setCaller(ParseCallerID(value))
		return
	case "CONNECTEDLINE(num)", "CONNECTEDLINE(number)", "CONNECTEDLINE(num,i)":
		ch.setConnected(Caller{ch.connected.Name, value})
		return
	case "CONNECTEDLINE(name)", "CONNECTEDLINE(name,i)":
		ch.setConnected(Caller{value, ch.connected.Number})
		return
	case "CONNECTEDLINE(all)", "CONNECTEDLINE(all,i)":
		ch.setConnected(ParseCallerID(value))
		return
	case "CHANNEL(language)":
		ch.Language = value
		return
	case "CHANNEL(accountcode)":
		ch.account = value
		return
	default:
		if strings.Contains(name, "(") { // another function: it can't be read
			ch.functions[name] = value
			if ch.Bridge != nil {
				ch.Bridge.retune()
			}
			return
		}
		ch.vars.set(name, value)
		ch.varset(name, value)
	}
}

// function is what a function was set to, and whether it was.
func (ch *Channel) function(name string) (string, bool) {
	v, ok := ch.functions[name]
	return v, ok
}

// Has reports whether a function was set.
func (ch *Channel) Has(name string) bool {
	_, ok := ch.functions[name]
	return ok
}

// setCaller says who calls, and tells of it if that is new.
func (ch *Channel) setCaller(c Caller) {
	ch.Caller = c
	ch.publish("")
}

// SetReported sets a variable, and whether events carry it.
func (ch *Channel) SetReported(v Variable) {
	if v.Name != "" {
		ch.report(v.Name, v.Report)
	}
	ch.SetVariable(v.Name, v.Value)
}

// UnsetVariable removes a variable.
func (ch *Channel) UnsetVariable(name string) {
	if !strings.Contains(name, "(") {
		ch.vars.unset(name)
		if ch.PBX.Config.Version.Major < 20 {
			ch.varset(name, "")
		}
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

// inherit gives the second half of a Local channel the variables of the first, when it is called: all of them, the newest first.
func (ch *Channel) inherit() {
	for _, v := range ch.vars {
		ch.Other.SetVariable(v.full, v.value)
	}
}

// setConnected says who the channel's party talks with, and tells of it if that is new. It is the caller of a Local channel's other half,
// which shows that when it is told of next.
func (ch *Channel) setConnected(c Caller) {
	ch.connected = c
	ch.publish("")
	if ch.Other != nil && !ch.Other.Hungup {
		ch.Other.Caller = c
	}
}
