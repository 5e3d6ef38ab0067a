package aritest

import (
	"github.com/ari-go/ari/internal/sim/phones"
)

// A CallOption changes a call that [Server.Call] makes.
type CallOption func(*invitation)

type invitation = phones.Invitation

// From says who calls, as a number or as a name and number: "Alice <100>".
func From(callerID string) CallOption {
	return func(o *invitation) { o.CallerID = callerID }
}

// Via names the endpoint that the call comes from, such as "PJSIP/alice"; the default is PJSIP/caller.
func Via(endpoint string) CallOption {
	return func(o *invitation) { o.Endpoint = endpoint }
}

// InContext sets the context of the dialplan that the call comes into, "default" by default.
func InContext(name string) CallOption {
	return func(o *invitation) { o.Context = name }
}

// Into leads the call into a Stasis application, with arguments, whatever the dialplan says.
func Into(app string, args ...string) CallOption {
	return func(o *invitation) { o.App, o.Args = app, args }
}

// Answered has the call answered before the application gets it, as the dialplan of an IVR often does. It works together with
// [Into], and with extensions that the dialplan doesn't have.
func Answered() CallOption {
	return func(o *invitation) { o.Answered = true }
}

// WithVariable sets a variable of the new channel, as a dialplan or a SIP header would.
func WithVariable(name, value string) CallOption {
	return func(o *invitation) {
		o.Variables = append(o.Variables, phones.Setting{Name: name, Value: value})
	}
}

// WithChannelID sets the id of the new channel, which Asterisk makes up otherwise.
func WithChannelID(id string) CallOption {
	return func(o *invitation) { o.ID = id }
}

// Call makes someone call an extension, as a telephone does by SIP. An extension that the dialplan doesn't have leads into the
// application [Server.App]. Call returns when the call has come in; the application may not have noticed yet.
func (s *Server) Call(exten string, opts ...CallOption) *Call {
	o := phones.Invitation{Endpoint: "PJSIP/caller", Context: "default", Exten: exten, CallerID: "<caller>", Fallback: s.App}
	for _, opt := range opts {
		opt(&o)
	}
	return &Call{s.sim.Network.Place(o), s.patience}
}
