package conformance

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
)

// A Step is one thing that is done in a sequence: a request, or something that a caller does.
type Step struct {
	// Method, Path and Query are the request's, Body its JSON body. In all of them ~ stands for what the ids of this sequence begin with, and
	// TONE for the media URI of a sound that lasts ten seconds.
	Method, Path, Query, Body string
	// Caller is what the caller does instead: "call", "digits", "hold", "unhold" or "hangup".
	Caller string
}

// String is the step as people read it.
func (s Step) String() string {
	if s.Caller != "" {
		return "the caller: " + s.Caller
	}
	text := s.Method + " " + s.Path
	if s.Query != "" {
		text += "?" + s.Query
	}
	if s.Body != "" {
		text += " " + s.Body
	}
	return text
}

// A Sequence is a number of steps that a seed has made.
type Sequence struct {
	Seed  uint64
	Steps []Step
	// Everything says that the application is subscribed to all channels and bridges from the beginning.
	Everything bool
}

// NewSequence makes a sequence of n steps. The same seed makes the same sequence. With callers, somebody calls in some sequences.
func NewSequence(seed uint64, n int, callers bool) Sequence {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // no secret
	s := Sequence{Seed: seed, Everything: g.IntN(2) == 0}
	s.Steps = append(s.Steps, g.begin()...)
	for len(s.Steps) < n {
		if callers && g.IntN(12) == 0 {
			s.Steps = append(s.Steps, g.caller())
			continue
		}
		s.Steps = append(s.Steps, g.step())
	}
	return s
}

// A generator makes steps out of a seed.
type generator struct {
	*rand.Rand
	called bool
}

// one picks one of several texts.
func (g *generator) one(texts ...string) string { return texts[g.IntN(len(texts))] }

// most picks the first text mostly.
func (g *generator) most(usual string, others ...string) string {
	if g.IntN(4) > 0 {
		return usual
	}
	return g.one(others...)
}

// The entities that sequences use: two channels, of which the second is the exception, and so on. The last of each never exists.
func (g *generator) channel() string {
	return g.one("~c1", "~c1", "~c1", "~c2", "~c2", "~c2", "~caller", "~c1;2", "~none")
}
func (g *generator) bridge() string    { return g.one("~b1", "~b1", "~b1", "~b1", "~b2", "~none") }
func (g *generator) playback() string  { return g.one("~p1", "~p1", "~p2", "~p3", "~none") }
func (g *generator) recording() string { return g.one("~r1", "~r1", "~r2", "~none") }

// begin makes a channel that is up and in the application, since little happens without one, and mostly a bridge.
func (g *generator) begin() []Step {
	steps := []Step{g.originate("~c1", "1011")}
	if g.IntN(3) > 0 {
		steps = append(steps, Step{Method: "POST", Path: "/bridges/~b1", Query: query("type", g.most("mixing", "holding", "mixing,dtmf_events", "mixing,proxy_media"))})
	}
	return steps
}

func (g *generator) caller() Step {
	if !g.called {
		g.called = true
		return Step{Caller: "call"}
	}
	return Step{Caller: g.one("digits", "digits", "hold", "unhold", "hangup")}
}

// step makes any step.
func (g *generator) step() Step {
	makers := []struct {
		weight int
		make   func() Step
	}{
		{7, g.newChannel},
		{10, g.channelCommand},
		{6, g.play},
		{5, g.record},
		{5, g.leave},
		{5, g.variable},
		{8, g.bridgeCommand},
		{6, g.member},
		{5, g.playbackCommand},
		{5, g.recordingCommand},
		{3, g.storedCommand},
		{3, g.application},
		{2, g.other},
	}
	total := 0
	for _, m := range makers {
		total += m.weight
	}
	n := g.IntN(total)
	for _, m := range makers {
		if n -= m.weight; n < 0 {
			return m.make()
		}
	}
	panic("unreachable")
}

// query makes a query of names and values; empty values are left out.
func query(pairs ...string) string {
	q := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		if name, value := pair[0], pair[1]; value != "" {
			q.Set(name, value)
		}
	}
	text := q.Encode()
	return strings.NewReplacer("%7E", "~", "%2C", ",", "%3A", ":", "%2F", "/", "%40", "@").Replace(text)
}

func (g *generator) originate(id, exten string) Step {
	return Step{Method: "POST", Path: "/channels", Query: query("endpoint", "Local/"+exten+"@default", "app", "~app", "channelId", id)}
}

func (g *generator) newChannel() Step {
	id := g.one("~c1", "~c2", "~c2", "~c2", "")
	exten := g.one("1011", "1011", "1011", "1010", "1012", "1013", "1014", "1015", "1016", "1018", "1020", "1021", "1023", "19016", "19017", "nowhere", "app-~app", "app-~app")
	switch g.IntN(8) {
	case 0, 1, 2:
		return g.originate(g.most("~c2", id), exten)
	case 3:
		return Step{Method: "POST", Path: "/channels", Query: query("endpoint", "Local/"+exten+"@default", "extension", g.one("1011", "100", "s"), "context", g.one("default", "target", "none"),
			"priority", g.one("", "1", "2"), "label", g.one("", "", "label", "none"), "channelId", g.most("~c2", id), "callerId", g.one("", "200", "Bob <200>"))}
	case 4, 5:
		body := ""
		if g.IntN(3) == 0 {
			body = `{"variables":{"A":"1","__D":"2"}}`
		}
		return Step{Method: "POST", Path: "/channels/create", Query: query("endpoint", "Local/"+exten+"@default", "app", g.most("~app", "~nobody"), "channelId", g.most("~c2", id)), Body: body}
	case 6:
		return Step{Method: "POST", Path: "/channels/" + g.channel() + "/dial", Query: query("timeout", g.one("", "2", "-1"), "caller", g.one("", "~c1"))}
	default:
		return Step{Method: "POST", Path: "/channels/" + g.channel() + "/snoop/" + g.one("~s1", "~s2"), Query: query("app", g.most("~app", "", "~nobody"), "spy", g.one("both", "in", "none", "bogus", ""), "whisper", g.one("", "both", "out"))}
	}
}

func (g *generator) channelCommand() Step {
	ch := "/channels/" + g.channel()
	switch g.IntN(15) {
	case 0:
		return Step{Method: "GET", Path: ch}
	case 1, 2:
		return Step{Method: "POST", Path: ch + "/answer"}
	case 3:
		return Step{Method: g.one("POST", "DELETE"), Path: ch + "/ring"}
	case 4:
		return Step{Method: g.one("POST", "DELETE"), Path: ch + "/hold"}
	case 5:
		return Step{Method: g.one("POST", "DELETE"), Path: ch + "/moh", Query: query("mohClass", g.one("", "default"))}
	case 6:
		return Step{Method: g.one("POST", "DELETE"), Path: ch + "/mute", Query: query("direction", g.one("both", "in", "out", "", "bogus"))}
	case 7:
		return Step{Method: g.one("POST", "DELETE"), Path: ch + "/silence"}
	case 8, 9:
		return Step{Method: "POST", Path: ch + "/dtmf", Query: query("dtmf", g.one("1", "12#", "x", ""), "between", g.one("", "200"), "duration", g.one("", "150"), "before", g.one("", "50"))}
	case 10:
		return Step{Method: "GET", Path: ch + "/rtp_statistics"}
	case 11:
		return Step{Method: "POST", Path: ch + "/redirect", Query: query("endpoint", g.one("PJSIP/alice", "Local/1011@default", "PJSIP", "", "PJSIP/"))}
	case 12:
		return Step{Method: "POST", Path: ch + "/progress"}
	default:
		return Step{Method: "GET", Path: ch + "/variable", Query: query("variable", g.one("STASISSTATUS", "BRIDGEPEER", "CHANNEL(state)", "CALLERID(num)", "A", " A ", "NOSUCH()", ""))}
	}
}

func (g *generator) media() string {
	return g.one("TONE", "TONE", "sound:digits/1", "sound:no-such-sound", "number:12", "number:", "number:x", "digits:12", "digits:", "characters:a", "recording:~r1", "recording:none",
		"sound:digits/1,sound:digits/2", "sound:no-such-sound,sound:digits/1", "bogus:x", "sound:", "")
}

func (g *generator) play() Step {
	ch := "/channels/" + g.channel()
	return Step{Method: "POST", Path: ch + "/play/" + g.one("~p1", "~p1", "~p2", "~p3"), Query: query("media", g.media(), "skipms", g.one("", "", "-1", "500"), "offsetms", g.one("", "", "-1", "100"), "lang", g.one("", "", "de"))}
}

func (g *generator) record() Step {
	q := query("name", g.most(g.recording(), ""), "format", g.most("wav", "gsm", "bogus"), "maxDurationSeconds", g.one("", "", "1", "-1"), "maxSilenceSeconds", g.one("", "", "-1"),
		"ifExists", g.one("", "overwrite", "append", "fail", "bogus"), "terminateOn", g.one("", "any", "none", "#", "x"), "beep", g.one("", "", "true"))
	return Step{Method: "POST", Path: "/channels/" + g.channel() + "/record", Query: q}
}

func (g *generator) leave() Step {
	ch := "/channels/" + g.channel()
	switch g.IntN(7) {
	case 0:
		return Step{Method: "POST", Path: ch + "/continue"}
	case 1, 2, 3:
		return Step{Method: "POST", Path: ch + "/continue", Query: query("context", g.one("", "target", "target", "default", "none"), "extension", g.one("", "", "100", "1011", "none"),
			"priority", g.one("", "", "1", "2", "99"), "label", g.one("", "", "label", "none"))}
	case 4:
		return Step{Method: "POST", Path: ch + "/move", Query: query("app", g.most("~other", "~nobody"), "appArgs", g.one("", "a,b"))}
	default:
		return Step{Method: "DELETE", Path: ch, Query: query("reason", g.one("", "normal", "busy", "bogus", "no_answer"), "reason_code", g.one("", "", "21", "x"))}
	}
}

func (g *generator) variable() Step {
	ch := "/channels/" + g.channel()
	name := g.one("A", "B", "__D", "_E", "CALLERID(num)", "CALLERID(name)", "CALLERID(all)", "CHANNEL(language)", " F ", "NOSUCH(x)", "CONNECTEDLINE(name)", "")
	switch g.IntN(4) {
	case 0:
		return Step{Method: "POST", Path: ch + "/variables", Body: fmt.Sprintf(`{"variables":{%q:%q}}`, name, g.one("1", "2", ""))}
	case 1:
		return Step{Method: "GET", Path: ch + "/variables", Query: query("variables", g.one("A", "A,B", "A, B", "NOSUCH", ""))}
	default:
		return Step{Method: "POST", Path: ch + "/variable", Query: query("variable", name, "value", g.one("1", "2", "x y"), "report_events", g.one("", "true"))}
	}
}

func (g *generator) bridgeCommand() Step {
	b := "/bridges/" + g.bridge()
	switch g.IntN(11) {
	case 0:
		return Step{Method: "GET", Path: b}
	case 1:
		return Step{Method: "POST", Path: "/bridges", Query: query("bridgeId", g.one("~b1", "~b2", ""), "type", g.one("", "mixing", "holding", "holding,mixing", "bogus", "mixing,dtmf_events"), "name", g.one("", "n"))}
	case 2, 3:
		return Step{Method: "POST", Path: "/bridges/" + g.one("~b1", "~b2"), Query: query("type", g.one("", "mixing", "holding", "bogus"), "name", g.one("", "n"))}
	case 4:
		return Step{Method: "DELETE", Path: b}
	case 5:
		return Step{Method: g.one("POST", "DELETE"), Path: b + "/moh"}
	case 6, 7:
		return Step{Method: "POST", Path: b + "/play/" + g.one("~p1", "~p2", "~p3"), Query: query("media", g.media(), "skipms", g.one("", "", "-1"))}
	case 8:
		return Step{Method: "POST", Path: b + "/record", Query: query("name", g.most(g.recording(), ""), "format", g.most("wav", "bogus"), "ifExists", g.one("", "overwrite", "bogus"), "terminateOn", g.one("", "any"))}
	case 9:
		return Step{Method: g.one("POST", "DELETE"), Path: b + "/videoSource" + g.one("/~c1", "/~c2", "")}
	default:
		if g.IntN(2) == 0 {
			return Step{Method: "GET", Path: b + "/variable", Query: query("variable", g.one("A", "B", ""))}
		}
		return Step{Method: "POST", Path: b + "/variable", Query: query("variable", g.one("A", "B"), "value", g.one("1", ""))} // A real one crashes without a name.
	}
}

func (g *generator) member() Step {
	b := "/bridges/" + g.bridge()
	switch g.IntN(4) {
	case 0:
		return Step{Method: "POST", Path: b + "/removeChannel", Query: query("channel", g.channel())}
	case 1:
		return Step{Method: "POST", Path: b + "/addChannel", Query: query("channel", g.one("~c1,~c2", "~c1,~none", "", "~c2"), "role", g.one("", "announcer", "participant"), "mute", g.one("", "true"), "absorbDTMF", g.one("", "true"))}
	default:
		return Step{Method: "POST", Path: b + "/addChannel", Query: query("channel", g.channel())}
	}
}

func (g *generator) playbackCommand() Step {
	p := "/playbacks/" + g.playback()
	switch g.IntN(4) {
	case 0:
		return Step{Method: "GET", Path: p}
	case 1:
		return Step{Method: "DELETE", Path: p}
	default:
		return Step{Method: "POST", Path: p + "/control", Query: query("operation", g.one("pause", "pause", "unpause", "restart", "forward", "reverse", "bogus", ""))}
	}
}

func (g *generator) recordingCommand() Step {
	r := "/recordings/live/" + g.recording()
	switch g.IntN(6) {
	case 0:
		return Step{Method: "GET", Path: r}
	case 1, 2:
		return Step{Method: "POST", Path: r + "/stop"}
	case 3:
		return Step{Method: "DELETE", Path: r}
	default:
		return Step{Method: g.one("POST", "DELETE"), Path: r + g.one("/pause", "/mute")}
	}
}

func (g *generator) storedCommand() Step {
	r := "/recordings/stored/" + g.recording()
	switch g.IntN(3) {
	case 0:
		return Step{Method: "GET", Path: r}
	case 1:
		return Step{Method: "DELETE", Path: r}
	default:
		return Step{Method: "POST", Path: r + "/copy", Query: query("destinationRecordingName", g.one("~r2", "~r3", "", "../x"))}
	}
}

func (g *generator) application() Step {
	a := "/applications/" + g.one("~app", "~app", "~other", "~nobody")
	source := g.one("channel:~c1", "channel:~c2", "channel:~none", "bridge:~b1", "bridge:~none", "endpoint:PJSIP/alice", "endpoint:PJSIP/nosuch", "endpoint:bogus", "deviceState:Stasis:~d", "bogus:x", "bogus", "")
	switch g.IntN(4) {
	case 0:
		return Step{Method: "GET", Path: a}
	case 1:
		return Step{Method: "DELETE", Path: a + "/subscription", Query: query("eventSource", source)}
	default:
		return Step{Method: "POST", Path: a + "/subscription", Query: query("eventSource", source)}
	}
}

func (g *generator) other() Step {
	switch g.IntN(4) {
	case 0:
		return Step{Method: "POST", Path: "/events/user/" + g.one("hello", "x"), Query: query("application", g.one("~app", "~nobody", ""), "source", g.one("", "channel:~c1", "bridge:~b1", "channel:~none", "bogus:x")), Body: g.one("", `{"variables":{"k":"v"}}`)}
	case 1:
		return Step{Method: "PUT", Path: "/deviceStates/" + g.one("Stasis:~d", "Stasis:~d", "PJSIP/alice", "Stasis:"), Query: query("deviceState", g.one("BUSY", "INUSE", "bogus", ""))}
	case 2:
		return Step{Method: g.one("GET", "DELETE"), Path: "/deviceStates/" + g.one("Stasis:~d", "PJSIP/nobody")}
	default:
		return Step{Method: "POST", Path: "/channels/externalMedia", Query: query("app", g.most("~app", ""), "external_host", g.one("127.0.0.1:9", "127.0.0.1", "", "nosuchhost.invalid:9"), "format", g.one("ulaw", "ulaw", "bogus", ""),
			"channelId", "~m", "encapsulation", g.one("", "rtp", "bogus", "audiosocket"), "transport", g.one("", "udp", "tcp", "bogus"), "direction", g.one("", "both", "bogus"))}
	}
}
