// Package sipp makes SIP calls to and from an Asterisk of package asterisk, with sipp as the telephone and media in Go.
//
// A scenario runs by itself (call, stay for a while, hang up), and each of its calls can be told what to do meanwhile: hold, dial digits, hang up.
package sipp

import (
	"embed"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ari-go/ari/test/asterisk"
)

//go:embed scenario
var scenarios embed.FS

// CallOptions say who is called, and what the caller does. The zero value is one call to extension 1000 that lasts until somebody ends it.
type CallOptions struct {
	// To is the extension that is called, "1000" by default.
	To string
	// From is the caller's name, "sipp" by default. The endpoint of that name is the caller: "sipp-info" has its digits in SIP INFO.
	From string
	// Headers are more lines of the INVITE: "X-Test: 1".
	Headers []string
	// Calls is how many calls are made, 1 by default; Rate is how many of them per second, 100 by default; Limit is how many of them may be there at the
	// same time, all by default.
	Calls, Rate, Limit int
	// Stay is how long a call lasts after it was answered; 0 stands for until it is hung up by Asterisk, or by Hangup.
	Stay time.Duration
	// CancelAfter is how long the caller waits for an answer before he gives up; 0 stands for until Cancel.
	CancelAfter time.Duration
	// Refused is the status that the calls are expected to be refused with; 0 stands for an answer.
	Refused int
	// Sound is what the caller says, as µ-law, over and over. Without it he sends no media.
	Sound []byte
}

// Statuses are the refusals that [Call.Refuse] can send, and that a caller notices when it doesn't expect them.
var Statuses = []int{403, 404, 408, 480, 484, 486, 488, 500, 503, 600, 603}

// AnswerOptions say how a telephone that is called behaves. The zero value takes one call, with no ringing, and lasts until Asterisk hangs up.
type AnswerOptions struct {
	// Phone is the name of the endpoint that this telephone is: one of the instance's Phones. Without it, it is called as PJSIP/sipp/<URI of the run>.
	Phone string
	// Calls is how many calls are taken, 1 by default.
	Calls int
	// Ring is how long it rings before it answers or refuses; 0 stands for not at all, and a negative value for until Answer or Refuse.
	Ring time.Duration
	// Silent leaves out the 180 Ringing.
	Silent bool
	// Refused is the status to refuse calls with, 486 or 603, say; 0 stands for an answer.
	Refused int
	// Stay is how long a call lasts after it was answered; 0 stands for until it is hung up by Asterisk, or by Hangup.
	Stay time.Duration
	// Sound is what this side says, as µ-law, over and over. Without it it sends no media.
	Sound []byte
}

// Place begins calls to an Asterisk. They end with the test.
func Place(tb testing.TB, inst *asterisk.Instance, opts CallOptions) *Run {
	tb.Helper()
	if opts.To == "" {
		opts.To = "1000"
	}
	if opts.From == "" {
		opts.From = "sipp"
	}
	calls := max(opts.Calls, 1)
	limit := opts.Limit
	if limit == 0 {
		limit = calls
	}
	rate := opts.Rate
	if rate == 0 {
		rate = 100
	}
	data := call{
		Statuses: slices.DeleteFunc(slices.Clone(Statuses), func(s int) bool { return s == opts.Refused }),
		Local:    "<sip:" + opts.From + "@[local_ip]:[local_port]>",
		Remote:   "<sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]",
		Headers:  opts.Headers, Stay: opts.Stay.Milliseconds(), CancelAfter: opts.CancelAfter.Milliseconds(), Refused: opts.Refused,
	}
	return start(tb, inst, "call", data, setup{calls: calls, media: true, sound: opts.Sound, args: []string{
		"-s", opts.To, "-r", strconv.Itoa(rate), "-l", strconv.Itoa(limit), inst.SIPAddr,
	}})
}

// Answer begins to take calls. It returns when the telephone can be called.
func Answer(tb testing.TB, inst *asterisk.Instance, opts AnswerOptions) *Run {
	tb.Helper()
	ring := opts.Ring.Milliseconds()
	switch {
	case opts.Ring == 0:
		ring = 1 // The scenario has no shorter wait.
	case opts.Ring < 0:
		ring = 0
	}
	// sipp has no variable statuses, so each has a branch of its own in the scenario.
	statuses := slices.Clone(Statuses)
	if opts.Refused != 0 && !slices.Contains(statuses, opts.Refused) {
		statuses = append(statuses, opts.Refused)
	}
	data := call{
		Statuses: statuses, Local: "[$local]", Remote: "[$remote]",
		Stay: opts.Stay.Milliseconds(), RingTime: ring, Ringing: opts.Ring != 0 && !opts.Silent, Refused: opts.Refused,
	}
	port := 0
	if opts.Phone != "" {
		var ok bool
		if port, ok = inst.Phones[opts.Phone]; !ok {
			tb.Fatalf("sipp: no phone is called %q", opts.Phone)
		}
	}
	return start(tb, inst, "answer", data, setup{calls: max(opts.Calls, 1), port: port, media: true, sound: opts.Sound, awaitPort: true})
}

// Register tells Asterisk that its endpoint that registers can be called at a port, for some time. It returns when Asterisk has agreed. A time of 0 takes
// it back.
func Register(tb testing.TB, inst *asterisk.Instance, port int, expires time.Duration) {
	tb.Helper()
	data := struct {
		Username, Password string
		Port, Expires      int
	}{inst.RegisterUser, inst.RegisterPassword, port, int(expires.Seconds())}
	run := start(tb, inst, "register", data, setup{calls: 1, args: []string{"-s", inst.RegisterUser, inst.SIPAddr}})
	run.MustWait(tb)
}

// Message sends a text from one of Asterisk's endpoints to an extension. It returns when Asterisk has taken it.
func Message(tb testing.TB, inst *asterisk.Instance, from, to, text string) {
	tb.Helper()
	run := start(tb, inst, "message", struct{ From, Text string }{from, text}, setup{calls: 1, args: []string{"-s", to, inst.SIPAddr}})
	run.MustWait(tb)
}

// Inbox begins to take a text, as the phone of that name. AwaitMessage tells what it says.
func Inbox(tb testing.TB, inst *asterisk.Instance, phone string) *Run {
	tb.Helper()
	port, ok := inst.Phones[phone]
	if !ok {
		tb.Fatalf("sipp: no phone is called %q", phone)
	}
	return start(tb, inst, "inbox", call{}, setup{calls: 1, port: port, awaitPort: true})
}

// call is what the scenarios of calls are rendered with.
type call struct {
	Local, Remote               string
	Headers                     []string
	Stay, CancelAfter, RingTime int64
	Refused                     int
	Statuses                    []int
	Ringing                     bool

	Event, Direction string
}

// With returns the same with the event and the direction of a re-INVITE.
func (c call) With(event, direction string) call {
	c.Event, c.Direction = event, direction
	return c
}

// setup is how sipp is run.
type setup struct {
	calls, port      int
	media, awaitPort bool
	sound            []byte
	args             []string
}
