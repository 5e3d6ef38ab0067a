package phones

import (
	"fmt"
	"strings"

	"github.com/ari-go/ari/internal/sim/pbx"
)

// An Invitation is a call that somebody makes to Asterisk.
type Invitation struct {
	Endpoint  string // who calls, such as "PJSIP/alice"
	Context   string // of the dialplan
	Exten     string
	CallerID  string // a number, or a name and number
	Variables []Setting
	ID        string // of the channel; "" for one that Asterisk makes up
	Codec     string // ulaw where nothing else is said
	Answered  bool   // before the application gets it

	// App is the application that the call is led into, with arguments; "" is what the dialplan says, or fallback for extensions of the
	// Context "default" that it doesn't have.
	App      string
	Args     []string
	Fallback string
}

// A Setting is a variable that a call brings along.
type Setting struct{ Name, Value string }

// Place makes a call.
func (n *Network) Place(o Invitation) *Call {
	p := n.p
	p.Mu.Lock()
	defer p.Mu.Unlock()
	tech, resource, _ := strings.Cut(o.Endpoint, "/")
	if n.phones[o.Endpoint] == nil {
		n.add(o.Endpoint, Behaviour{Unreachable: true}) // Who calls is an endpoint, even if nobody can call it.
	}
	ch := p.NewChannel(tech, resource, o.Endpoint+"-"+p.NextName(tech), o.ID)
	ch.State = pbx.StateRing
	ch.Caller = pbx.ParseCallerID(o.CallerID)
	ch.Context, ch.Exten = o.Context, o.Exten
	c := newCall(p, ch, o.Exten, o.Codec, false)
	ch.Announce()
	p.DeviceChanged(ch)
	if tech == "PJSIP" {
		ch.ProtocolID = fmt.Sprintf("%d-%d@127.0.0.1", p.Serial, p.Epoch)
		ch.SetVariable("SIPDOMAIN", "127.0.0.1")
	}
	for _, v := range o.Variables {
		ch.SetReported(pbx.Variable{Name: v.Name, Value: v.Value})
	}
	app := o.App
	if app == "" && !p.Dialplan.Has(o.Context, o.Exten) && o.Context == "default" {
		app = o.Fallback
	}
	if app != "" {
		ch.StartSteps(o.Context, o.Exten, stasisSteps(app, o.Args, o.Answered))
	} else {
		ch.StartDialplan(o.Context, o.Exten, 1)
	}
	return c
}

func stasisSteps(app string, args []string, answer bool) []pbx.Step {
	var steps []pbx.Step
	if answer {
		steps = append(steps, pbx.Step{App: "Answer"})
	}
	return append(steps, pbx.Step{App: "Stasis", Data: strings.Join(append([]string{app}, args...), ",")})
}
