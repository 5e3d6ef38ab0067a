package fleet

import (
	"fmt"
	"strings"
	"time"
)

// Version is that of the subjects and messages: it stands in each subject and in each stream's name, so that two versions
// don't meet.
const Version = "1"

// Streams and buckets.
const (
	offerStream = "ARI1_OFFERS"
	eventStream = "ARI1_EVENTS"
	stateBucket = "ari1_state"
)

// Headers of messages.
const (
	headerEpoch   = "Ari-Epoch"   // of events: the gateway's run
	headerSeq     = "Ari-Seq"     // of events: counts the call's events, from 1
	headerEnd     = "Ari-End"     // of the last event message of a call, which has no data
	headerKind    = "Ari-Kind"    // of commands: see below
	headerCall    = "Ari-Call"    // of commands
	headerToken   = "Ari-Token"   // of commands: the fencing token
	headerID      = "Ari-Id"      // of commands: the request's id
	headerMethod  = "Ari-Method"  // of requests to Asterisk
	headerPath    = "Ari-Path"    // of requests: below the base URL, escaped, with the query
	headerType    = "Ari-Type"    // of requests and answers: the content type of the body
	headerStatus  = "Ari-Status"  // of answers of Asterisk
	headerServer  = "Ari-Server"  // of answers: Asterisk's Server header
	headerRefused = "Ari-Refused" // of answers of the gateway, when it has refused: why
)

// Kinds of commands.
const (
	kindClaim   = "claim"   // a worker has got the offer
	kindRenew   = "renew"   // a worker still has some calls
	kindRequest = "request" // to Asterisk
	kindSave    = "save"    // keeps a call's state
)

// Reasons why the gateway refuses a command.
const (
	refusedToken = "token"   // another worker has the call, or has had it since
	refusedCall  = "unknown" // there is no such call, or it is over
	refusedFault = "fault"   // the gateway could not carry it out; the body says why
)

// How long things take, unless an option says otherwise.
const (
	defaultLease = 6 * time.Second // after which an offer is delivered again whose worker says nothing
	eventsKept   = 24 * time.Hour
	endedKept    = time.Minute // how long a gateway knows a call that is over
)

// An offer is the message by which a call looks for a worker.
type offer struct {
	Node  string `json:"node"`
	App   string `json:"app"`
	Call  string `json:"call"`
	Epoch string `json:"epoch"`
}

// A claimed is the gateway's answer to a claim.
type claimed struct {
	Seq      uint64   `json:"seq"`      // of the call's latest event
	First    uint64   `json:"first"`    // of its first event
	Channels []string `json:"channels"` // of the call, its root first
	Bridges  []string `json:"bridges,omitempty"`
	Resumed  bool     `json:"resumed"`          // It is not new to the application.
	State    []byte   `json:"state,omitempty"`  // as the last worker has saved it
	Claims   int      `json:"claims,omitempty"` // how many workers had it before
}

// A held is a call that a worker says it has.
type held struct {
	Call  string `json:"call"`
	Token uint64 `json:"token"`
}

// A renewed says of one of them how it stands.
type renewed struct {
	Seq     uint64 `json:"seq"`               // of its latest event
	Refused string `json:"refused,omitempty"` // It isn't the worker's any more.
}

// token makes a fencing token: a later delivery of an offer has a greater one than an earlier, and a later offer of the same
// call than an earlier one.
func token(streamSequence, delivered uint64) uint64 {
	return streamSequence<<16 | min(delivered, 1<<16-1)
}

// word makes a name fit into a subject or a key: what else than letters, digits, - and _ is in it is written as =XX.
func word(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

func offerSubject(app, node string) string { return "ari1.offer." + word(app) + "." + word(node) }

func eventSubject(app, node, call string) string {
	return "ari1.event." + word(app) + "." + word(node) + "." + word(call)
}

func commandSubject(node string) string { return "ari1.command." + word(node) }

// stateKey is where a call's state is kept. Calls of two nodes may have the same id.
func stateKey(node, call string) string { return word(node) + "." + word(call) }
