package conformance_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ari-go/ari/conformance"
	"github.com/ari-go/ari/test/asterisk"
	"github.com/ari-go/ari/test/asterisk/rtp"
	"github.com/ari-go/ari/test/asterisk/sipp"
)

// recordEnv set to 1 makes the suite write what it sends and receives to testdata.
const recordEnv = "ARI_RECORD"

// writeTimeout is how long Asterisk waits for a reader of events before it cuts the connection. Its own 100 ms are too little on a machine whose few
// processors run dozens of scenarios: the connection would be got back, but with a gap.
const writeTimeout = 2 * time.Second

// dialplan is what scenarios need in addition.
const dialplan = `
[default](+)
exten = _dial-.,1,Dial(Local/${EXTEN:5}@default/n)
exten = join,1,BridgeAdd(${TARGET})
` + places

// places are where scenarios send channels to in each way that there is to say a place.
const places = `
[default](+)
exten = places,1,UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n,UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n(named),UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n,UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n,Wait(600)

[places]
exten = places,1,UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n,UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n(named),UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n,UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n,Wait(600)
exten = s,1,UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n,UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n(named),UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n,UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n,Wait(600)
exten = _self-.,1,Stasis(${EXTEN:5})
 same = n,UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n,UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n(named),UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n,UserEvent(Place,Where: ${EXTEN}@${CONTEXT}:${PRIORITY})
 same = n,Wait(600)
`

// TestAsterisk runs the suite on a real Asterisk of each version. At its end it prints what was exercised.
func TestAsterisk(t *testing.T) {
	var (
		mu        sync.Mutex
		coverages = make(map[string]*conformance.Coverage)
	)
	t.Cleanup(func() {
		var all []*conformance.Coverage
		for _, version := range asterisk.Versions() {
			if c := coverages[version]; c != nil {
				all = append(all, c)
				c.Check(t, exemptions[c.Name])
			}
		}
		t.Logf("What was exercised (status: how often):\n%s", conformance.Table(all, exemptions, true))
		if os.Getenv(recordEnv) == "1" && !t.Failed() && len(all) == len(asterisk.Versions()) {
			table := conformance.Table(all, exemptions, false)
			if err := os.WriteFile("testdata/coverage.txt", []byte(table), 0o644); err != nil {
				t.Error(err)
			}
		}
	})
	asterisk.Each(t, func(t *testing.T, version string) {
		name := "asterisk-" + version
		opts := asterisk.Options{Version: version, Own: true, Dialplan: dialplan, WriteTimeout: writeTimeout}
		if os.Getenv(asterisk.ExternalEnv) != "" {
			opts = asterisk.Options{Version: version} // It is as it is.
		}
		inst := asterisk.Start(t, opts)
		cfg := conformance.Config{Coverage: conformance.NewCoverage(t, name)}
		if os.Getenv(recordEnv) == "1" {
			cfg.Record = filepath.Join("testdata", name)
		}
		mu.Lock()
		coverages[version] = cfg.Coverage
		mu.Unlock()
		conformance.Run(t, &asteriskEnv{inst: inst}, cfg)
	})
}

// asteriskEnv is a real Asterisk.
type asteriskEnv struct {
	inst *asterisk.Instance
	// registered is the port of the endpoint that registers.
	registered int
}

func (e *asteriskEnv) Server() conformance.Server {
	tone := e.inst.Tone()
	if e.inst.External {
		tone = "sound:demo-congrats"
	}
	return conformance.Server{
		Version: e.inst.Version, URL: e.inst.URL, TLSURL: e.inst.TLSURL, CAPool: e.inst.CAPool,
		Username: e.inst.Username, Password: e.inst.Password,
		ReaderUsername: e.inst.ReadOnlyUsername, ReaderPassword: e.inst.ReadOnlyPassword,
		Registrar: e.inst.RegisterUser, Tone: tone,
	}
}

// Lacks tells what an Asterisk that somebody else has started can't be used for.
func (e *asteriskEnv) Lacks(f conformance.Feature) string {
	if e.inst.External && f != conformance.Video {
		return "this Asterisk isn't the tests' own"
	}
	return ""
}

func (e *asteriskEnv) Place(tb testing.TB, call conformance.Call) conformance.Line {
	tb.Helper()
	opts := sipp.CallOptions{To: call.To, From: call.From, Calls: call.Count, Limit: call.AtOnce, Stay: call.Stay, Refused: call.Refused}
	if call.Sound {
		opts.Sound = rtp.Tone(440, time.Second)
	}
	return &sippLine{Run: sipp.Place(tb, e.inst, opts), sip: e.inst.SIPAddr}
}

func (e *asteriskEnv) Answer(tb testing.TB, phone conformance.Phone) conformance.Line {
	tb.Helper()
	opts := sipp.AnswerOptions{Phone: phone.Name, Calls: phone.Count, Ring: phone.Ring, Refused: phone.Refused}
	if phone.Sound {
		opts.Sound = rtp.Tone(440, time.Second)
	}
	line := &sippLine{Run: sipp.Answer(tb, e.inst, opts), sip: e.inst.SIPAddr}
	line.endpoint = "PJSIP/sipp/" + line.URI()
	if phone.Name != "" {
		line.endpoint = "PJSIP/" + phone.Name
	}
	return line
}

func (e *asteriskEnv) Register(tb testing.TB, line conformance.Line) {
	tb.Helper()
	if line == nil {
		sipp.Register(tb, e.inst, e.registered, 0)
		return
	}
	e.registered = line.Port()
	sipp.Register(tb, e.inst, line.Port(), time.Minute)
}

func (e *asteriskEnv) Message(tb testing.TB, from, to, text string) {
	tb.Helper()
	sipp.Message(tb, e.inst, from, to, text)
}

func (e *asteriskEnv) Inbox(tb testing.TB, endpoint string) func(context.Context) (string, error) {
	tb.Helper()
	return sipp.Inbox(tb, e.inst, endpoint).AwaitMessage
}

func (e *asteriskEnv) Media(tb testing.TB) conformance.Media {
	tb.Helper()
	port, giveBack, err := e.inst.TakePort()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(giveBack)
	peer, err := rtp.Listen(port)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(peer.Close)
	return &rtpMedia{peer: peer}
}

func (e *asteriskEnv) CLI(ctx context.Context, command string) (string, error) {
	return e.inst.CLI(ctx, command)
}

func (e *asteriskEnv) Own(tb testing.TB, setup conformance.Setup) conformance.OwnEnv {
	tb.Helper()
	major, _, _ := strings.Cut(e.inst.Version, ".")
	opts := asterisk.Options{
		Version: major, Own: true, WriteTimeout: writeTimeout,
		SessionLimit: setup.SessionLimit, KeepAlive: setup.KeepAlive, ChannelVars: setup.ChannelVars,
	}
	for _, o := range setup.Outbound {
		opts.Outbound = append(opts.Outbound, asterisk.Outbound{WebsocketClient: asterisk.WebsocketClient{Name: o.Name, URI: o.URI}, Apps: o.Apps})
	}
	return &ownAsterisk{asteriskEnv{inst: asterisk.Start(tb, opts)}}
}

// ownAsterisk is an Asterisk for one test alone.
type ownAsterisk struct{ asteriskEnv }

func (e *ownAsterisk) Stop() error                       { return e.inst.Stop() }
func (e *ownAsterisk) Kill() error                       { return e.inst.Kill() }
func (e *ownAsterisk) Restart(ctx context.Context) error { return e.inst.Restart(ctx) }
func (e *ownAsterisk) Freeze() error                     { return e.inst.Freeze() }
func (e *ownAsterisk) Thaw() error                       { return e.inst.Thaw() }

func (e *ownAsterisk) DropOutbound(ctx context.Context, name, app string) error {
	path := filepath.Join(e.inst.Dir, "etc/ari.conf")
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, section, ok := strings.Cut(string(data), "["+name+"]")
	if !ok {
		return errors.New(path + " has no section " + name)
	}
	section = strings.Replace(section, ","+app, "", 1)
	if err := os.WriteFile(path, []byte(before+"["+name+"]"+section), 0o600); err != nil {
		return err
	}
	_, err = e.inst.CLI(ctx, "module reload res_ari.so")
	return err
}

// sippLine is one run of sipp.
type sippLine struct {
	*sipp.Run
	endpoint, sip string
}

func (l *sippLine) Endpoint() string { return l.endpoint }

func (l *sippLine) Party(ctx context.Context, n int) (conformance.Party, error) {
	call, err := l.NthCall(ctx, n)
	if err != nil {
		return nil, err
	}
	return &sippParty{Call: call, sip: l.sip}, nil
}

// sippParty is one of its calls.
type sippParty struct {
	*sipp.Call
	sip string
}

func (p *sippParty) Dial(ctx context.Context, digits string) error {
	media, err := p.Media(ctx)
	if err != nil {
		return err
	}
	return media.Dial(ctx, digits)
}

func (p *sippParty) HearDigits(ctx context.Context, digits string) error {
	if err := p.Await(ctx, "answered"); err != nil {
		return err
	}
	media, err := p.Media(ctx)
	if err != nil {
		return err
	}
	return media.AwaitDigits(ctx, digits)
}

func (p *sippParty) HearSound(ctx context.Context) error {
	media, err := p.Media(ctx)
	if err != nil {
		return err
	}
	return media.AwaitSound(ctx)
}

func (p *sippParty) Hush(ctx context.Context) error {
	media, err := p.Media(ctx)
	if err != nil {
		return err
	}
	media.Play(rtp.Silence(time.Second))
	return nil
}

func (p *sippParty) Refer(ctx context.Context, extension string, other conformance.Party) error {
	target := "sip:" + extension + "@" + p.sip
	if other != nil {
		call, ok := other.(*sippParty)
		if !ok {
			return errors.New("the other call isn't one of sipp's")
		}
		target = call.Replacing(extension, p.sip)
	}
	return p.Call.Refer(ctx, target)
}

// rtpMedia is the far end of external media.
type rtpMedia struct {
	peer   *rtp.Peer
	stream *rtp.Stream
}

func (m *rtpMedia) Addr() string { return m.peer.Addr() }

func (m *rtpMedia) accept(ctx context.Context) (err error) {
	if m.stream == nil {
		m.stream, err = m.peer.Accept(ctx)
	}
	return err
}

func (m *rtpMedia) HearSound(ctx context.Context) error {
	if err := m.accept(ctx); err != nil {
		return err
	}
	return m.stream.AwaitSound(ctx)
}

func (m *rtpMedia) Speak(ctx context.Context) error {
	if err := m.accept(ctx); err != nil {
		return err
	}
	m.stream.Play(rtp.Tone(440, time.Second))
	return nil
}

// exemptions are what can't be exercised on the Asterisks that the tests install.
var exemptions = map[string][]conformance.Exemption{
	"asterisk-22": mailboxes,
	"asterisk-16": mailboxes,
}

// mailboxes need a module that Debian's packages don't have.
var mailboxes = []conformance.Exemption{
	{Name: "mailboxesList", Reason: "Debian's Asterisk lacks res_mwi_external"},
	{Name: "mailboxesGet", Reason: "Debian's Asterisk lacks res_mwi_external"},
	{Name: "mailboxesUpdate", Reason: "Debian's Asterisk lacks res_mwi_external"},
	{Name: "mailboxesDelete", Reason: "Debian's Asterisk lacks res_mwi_external"},
}
