package conformance

import (
	"context"
	"crypto/x509"
	"testing"
	"time"
)

// An Env is an ARI endpoint with all that scenarios need around it: callers, telephones that can be called, and the dialplan whose extensions are listed
// below. Whatever it starts for a test ends with that test.
type Env interface {
	// Server says where the endpoint is and who may use it.
	Server() Server
	// Lacks returns why the endpoint can't do something, or "" if it can. Scenarios that need it are skipped with this reason.
	Lacks(f Feature) string
	// Place begins calls from outside.
	Place(tb testing.TB, call Call) Line
	// Answer begins to take calls, and returns when they can be made.
	Answer(tb testing.TB, phone Phone) Line
	// Register makes the endpoint that registers callable at a line, or no longer, if the line is nil. It returns when that is agreed.
	Register(tb testing.TB, line Line)
	// Message sends a text from one of the endpoints alice, bob, carol and dave to an extension.
	Message(tb testing.TB, from, to, text string)
	// Inbox begins to take a text as one of these endpoints. What it returns waits for it.
	Inbox(tb testing.TB, endpoint string) func(context.Context) (string, error)
	// Media opens a place that external media can be sent to.
	Media(tb testing.TB) Media
	// Own starts another endpoint of the same version, for one test alone.
	Own(tb testing.TB, setup Setup) OwnEnv
}

// A Feature is something that not every Env has.
type Feature string

// The features.
const (
	// Calls from outside, and telephones.
	SIP Feature = "SIP"
	// SIP transfers: those without a question, and all.
	BlindTransfers Feature = "blind transfers"
	Transfers      Feature = "transfers"
	// Calls that the dialplan connects.
	DialplanBridges Feature = "bridges of the dialplan"
	// Endpoints that register.
	Registration Feature = "registration"
	// Text messages.
	Messages Feature = "messages"
	// Event websockets that the endpoint opens.
	Outgoing Feature = "outbound websockets"
	// Sound, that of external media included.
	RTP Feature = "RTP"
	// An endpoint for one test alone.
	Own Feature = "own endpoint"
	// Modules and log channels that can be managed, and configuration objects that can be made.
	Administration Feature = "administration"
	// Video in bridges.
	Video Feature = "video"
	// A user who may only read.
	Reader Feature = "read-only user"
	// TLS.
	TLS Feature = "TLS"
	// A websocket that is particular about how many pieces a message comes in.
	Pieces Feature = "messages in pieces"
)

// Server is where an endpoint is, and who may use it.
type Server struct {
	// Version is the version that it has, or acts as: "22.10.1".
	Version string
	// URL is the base URL, TLSURL the same over TLS, which CAPool trusts.
	URL, TLSURL string
	CAPool      *x509.CertPool
	// Username and Password may do everything, ReaderUsername and ReaderPassword only read.
	Username, Password             string
	ReaderUsername, ReaderPassword string
	// Registrar is the name of the endpoint that registers.
	Registrar string
	// Tone is the media URI of a sound that lasts ten seconds.
	Tone string
}

// Call says who is called, and what the caller does. The zero value, with To, is one call that lasts until somebody ends it.
type Call struct {
	// To is the extension.
	To string
	// From is the caller's endpoint: "sipp", which is the default and anybody, "sipp-info", whose digits come in SIP INFO, or alice, bob, carol, dave.
	From string
	// Count is how many calls are made, 1 by default, AtOnce how many of them at most at the same time, all by default.
	Count, AtOnce int
	// Stay is how long a call lasts after it was answered; 0 stands for until it is hung up.
	Stay time.Duration
	// Refused is the status that the calls are expected to be refused with; 0 stands for an answer.
	Refused int
	// Sound makes the caller speak: a steady tone of 440 Hz.
	Sound bool
}

// Phone says how a telephone behaves that is called. The zero value takes one call at once, and lasts until the other side hangs up.
type Phone struct {
	// Name is alice, bob, carol or dave; without it the telephone is called by its address.
	Name string
	// Count is how many calls are taken, 1 by default.
	Count int
	// Ring is how long it rings before it answers or refuses; 0 stands for not at all, a negative value for until it is told.
	Ring time.Duration
	// Refused is the status to refuse calls with; 0 stands for an answer.
	Refused int
	// Sound makes it speak: a steady tone.
	Sound bool
}

// A Line is the far end of one or more calls.
type Line interface {
	// Endpoint is the dial string of a telephone that can be called.
	Endpoint() string
	// Port is its SIP port.
	Port() int
	// Party waits for one of the line's calls, counted from 0, in whatever state.
	Party(ctx context.Context, n int) (Party, error)
	// Wait waits until all calls are over. It is an error if one went otherwise than it was said.
	Wait(ctx context.Context) error
}

// A Party is the far end of one call.
type Party interface {
	// Await waits until something has happened, now or earlier: ringing, progress, answered, refused, cancelled, bye (the other side hung up).
	Await(ctx context.Context, what string) error
	// Answer answers, and Refuse refuses with a SIP status.
	Answer(ctx context.Context) error
	Refuse(ctx context.Context, status int) error
	// Hangup ends an answered call, Cancel gives up one that isn't answered.
	Hangup(ctx context.Context) error
	Cancel(ctx context.Context) error
	// Hold puts the other side on hold, and Unhold takes it back.
	Hold(ctx context.Context) error
	Unhold(ctx context.Context) error
	// Dial sends digits as RTP events, Info one digit in SIP INFO.
	Dial(ctx context.Context, digits string) error
	Info(ctx context.Context, digit rune) error
	// HearDigits waits until these digits have been heard since the beginning, HearSound until there is sound.
	HearDigits(ctx context.Context, digits string) error
	HearSound(ctx context.Context) error
	// Hush ends what it says: from then on it sends silence.
	Hush(ctx context.Context) error
	// Refer asks for a transfer to an extension. With another call of the same party, the two parties at the far ends are to be connected.
	Refer(ctx context.Context, extension string, other Party) error
}

// Media is the far end of external media.
type Media interface {
	// Addr is its host and port.
	Addr() string
	// HearSound waits until sound has come.
	HearSound(ctx context.Context) error
	// Speak sends a steady tone to wherever sound has come from.
	Speak(ctx context.Context) error
}

// Setup says what is different with an endpoint of one's own.
type Setup struct {
	// SessionLimit is how many connections it serves, KeepAlive after which time it closes idle ones; 0 stands for the defaults.
	SessionLimit int
	KeepAlive    time.Duration
	// ChannelVars are the variables that all events' channels carry.
	ChannelVars []string
	// Outbound are websocket servers that it connects to by itself.
	Outbound []Outbound
}

// Outbound is an event websocket that the endpoint opens to an application's server.
type Outbound struct {
	Name, URI string
	Apps      []string
}

// OwnEnv is an endpoint that belongs to one test alone.
type OwnEnv interface {
	Env
	// Stop ends it in an orderly way, Kill at once. Restart starts it again, with the same addresses.
	Stop() error
	Kill() error
	Restart(ctx context.Context) error
	// DropOutbound takes an application off one of the websockets that the endpoint opens.
	DropOutbound(ctx context.Context, name, app string) error
	// Freeze makes it stand still, with all connections open; Thaw lets it go on.
	Freeze() error
	Thaw() error
}

// The extensions of the dialplan that scenarios rely on, in the context "default". An extension "app-NAME" leads into the application NAME, and
// "args-NAME" into it with the arguments "one", "two three" and "4". After the application, both send the user event "After" with the member
// "Status" (the variable STASISSTATUS) and hang up.
const (
	extEcho        = "1010"   // answers and echoes
	extSilent      = "1011"   // answers and keeps quiet
	extBusy        = "1012"   // is busy
	extCongested   = "1013"   // is congested
	extRings       = "1014"   // rings for ever
	extNothing     = "1015"   // neither rings nor answers
	extEarly       = "1016"   // has early media, and doesn't answer
	extRingsAnswer = "1017"   // rings for a second, then answers
	extHangsUp     = "1018"   // answers, and hangs up after a second
	extDigits      = "1021"   // answers and dials 123#
	extUserEvent   = "1022"   // answers and sends the user event Greeting
	extTone        = "1023"   // answers and sends a steady tone
	extQuiet       = "1026"   // answers and sends silence, as sound
	extReads       = "1027"   // reads four digits and reports them by the user event Digits
	extCause       = "19"     // with three digits more: hangs up at once with that cause
	extBroadcast   = "bcast-" // with a pattern: offers the call to all applications whose names match, with the arguments "one" and "two"
	extDial        = "dial-"  // with an extension: calls it, and connects the two without any application
	extJoin        = "join"   // enters the bridge of the channel that the variable TARGET names
	contextTarget  = "target" // has s with the label "label", 100, and h; each sends the user event Target with the member "Where"
	globalVariable = "TESTGLOBAL"

	extPlaces     = "places" // tells at each of four priorities, the third with the label "named", by the user event Place, where that is
	extOwnPlaces  = "self-"  // in contextPlaces, with an application: enters it, and does the same behind it
	contextPlaces = "places" // has extPlaces as well, and s, which does the same
)
