package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ari-go/ari/conformance"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// TestSimulator runs the suite on the simulator, as each of the versions that real Asterisks are tested with, what passes there must pass here, and as one of
// each other branch.
func TestSimulator(t *testing.T) {
	t.Parallel()
	versions := []string{"22.10.1", "16.28.0"}
	if !testing.Short() {
		versions = append(versions, "18.26.4", "20.20.1", "23.4.1")
	}
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			conformance.Run(t, newSimulator(t, version), conformance.Config{})
		})
	}
}

// simulator is a simulated Asterisk.
type simulator struct {
	srv     *aritest.Server
	version string
	phones  atomic.Int64
}

// simulatedDialplan is the dialplan that scenarios rely on.
const simulatedDialplan = `
[globals]
TESTGLOBAL = global value

[default]
exten = _app-.,1,Stasis(${EXTEN:4})
 same = n,Goto(after,s,1)
exten = _args-.,1,Stasis(${EXTEN:5},one,two three,4)
 same = n,Goto(after,s,1)
exten = 1010,1,Answer()
 same = n,Echo()
 same = n,Hangup()
exten = 1011,1,Answer()
 same = n,Wait(600)
 same = n,Hangup()
exten = 1012,1,Busy(10)
exten = 1013,1,Congestion(10)
exten = 1014,1,Ringing()
 same = n,Wait(600)
 same = n,Hangup()
exten = 1015,1,Wait(600)
 same = n,Hangup()
exten = 1016,1,Progress()
 same = n,PlayTones(425/1000,0/4000)
 same = n,Wait(600)
 same = n,Hangup()
exten = 1017,1,Ringing()
 same = n,Wait(1)
 same = n,Answer()
 same = n,Wait(600)
 same = n,Hangup()
exten = 1018,1,Answer()
 same = n,Wait(1)
 same = n,Hangup()
exten = 1020,1,Answer()
 same = n,Playback(hello-world)
 same = n,Hangup()
exten = 1021,1,Answer()
 same = n,Wait(0.5)
 same = n,SendDTMF(123#)
 same = n,Wait(600)
 same = n,Hangup()
exten = 1022,1,Answer()
 same = n,UserEvent(Greeting,Key: value,Other: two words)
 same = n,Wait(600)
 same = n,Hangup()
exten = 1023,1,Answer()
 same = n,Milliwatt()
 same = n,Hangup()
exten = 1024,1,Answer()
 same = n,MusicOnHold()
 same = n,Hangup()
exten = 1025,1,Answer()
 same = n,Set(TALK_DETECT(set)=500,256)
 same = n,Echo()
 same = n,Hangup()
exten = 1026,1,Answer()
 same = n,PlayTones(0/1000)
 same = n,Wait(600)
 same = n,Hangup()
exten = 1027,1,Answer()
 same = n,Read(DIGITS,,4,,,10)
 same = n,UserEvent(Digits,Digits: ${DIGITS})
 same = n,Hangup()
exten = _bcast-.,1,StasisBroadcast(5000,^${EXTEN:6}$,one:two,yes)
 same = n,Goto(after,s,1)
exten = _19XXX,1,Hangup(${MATH(${EXTEN:2}+0,int)})

[after]
exten = s,1,UserEvent(After,Status: ${STASISSTATUS})
 same = n,Hangup()

[target]
exten = s,1,UserEvent(Target,Where: s)
 same = n,Wait(600)
 same = n(label),UserEvent(Target,Where: label)
 same = n,Wait(600)
 same = n,Hangup()
exten = 100,1,UserEvent(Target,Where: 100)
 same = n,Wait(600)
 same = n,Hangup()
exten = h,1,UserEvent(Target,Where: h)
`

// registrar is the endpoint that registers.
const registrar = "roamer"

func newSimulator(tb testing.TB, version string, opts ...aritest.Option) *simulator {
	tb.Helper()
	opts = append([]aritest.Option{aritest.WithVersion(version), aritest.WithTLS(), aritest.WithDialplan(simulatedDialplan + places), aritest.WithWriteTimeout(2 * time.Second)}, opts...)
	s := &simulator{srv: aritest.NewServer(tb, opts...), version: version}
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		s.srv.Endpoint("PJSIP/" + name)
	}
	for _, name := range []string{"nobody", registrar} {
		s.srv.Endpoint("PJSIP/"+name, aritest.Unreachable())
	}
	s.srv.Sound("tone", 10*time.Second)
	return s
}

func (s *simulator) Server() conformance.Server {
	return conformance.Server{
		Version: s.version, URL: s.srv.URL, TLSURL: s.srv.TLSURL, CAPool: s.srv.CAPool,
		Username: s.srv.Username, Password: s.srv.Password, ReaderUsername: s.srv.ReadOnlyUsername, ReaderPassword: s.srv.ReadOnlyPassword,
		Registrar: registrar, Tone: "sound:tone",
	}
}

func (*simulator) Lacks(f conformance.Feature) string {
	switch f {
	case conformance.RTP:
		return "the simulator has no sound"
	case conformance.DialplanBridges:
		return "the simulator's dialplan doesn't connect calls"
	case conformance.Pieces:
		return "the simulator reads a message in however many pieces"
	default:
		return ""
	}
}

func (s *simulator) Place(tb testing.TB, call conformance.Call) conformance.Line {
	tb.Helper()
	line := &simulatedLine{refused: call.Refused, stay: call.Stay, done: make(chan struct{})}
	from := call.From
	if from == "" {
		from = "sipp"
	}
	count, atOnce := max(call.Count, 1), call.AtOnce
	if atOnce == 0 {
		atOnce = count
	}
	callerID := from // as the endpoint's configuration has it
	if from == "sipp" || from == "sipp-info" {
		callerID = "<" + from + ">"
	}
	opts := []aritest.CallOption{aritest.Via("PJSIP/" + from), aritest.From(callerID)}
	limit := make(chan struct{}, atOnce)
	go func() {
		defer line.finish()
		var wg sync.WaitGroup
		for range count {
			limit <- struct{}{}
			c := s.srv.Call(call.To, opts...)
			line.add(c)
			wg.Go(func() {
				line.follow(tb.Context(), c)
				<-limit
			})
		}
		wg.Wait()
	}()
	return line
}

func (s *simulator) Answer(tb testing.TB, phone conformance.Phone) conformance.Line {
	tb.Helper()
	name := "PJSIP/" + phone.Name
	if phone.Name == "" {
		name = fmt.Sprintf("PJSIP/phone-%d", s.phones.Add(1))
	}
	behaviour := aritest.Answers(phone.Ring)
	switch {
	case phone.Ring < 0:
		behaviour = aritest.Rings()
	case phone.Refused != 0:
		behaviour = aritest.Refuses(phone.Ring, phone.Refused)
	}
	line := &simulatedLine{endpoint: name, refused: phone.Refused, cancelled: phone.Ring < 0, done: make(chan struct{})}
	endpoint := s.srv.Endpoint(name, behaviour)
	go func() {
		defer line.finish()
		for range max(phone.Count, 1) {
			c, err := endpoint.Next(tb.Context())
			if err != nil {
				return
			}
			line.add(c)
			line.follow(tb.Context(), c)
		}
	}()
	return line
}

func (s *simulator) Register(tb testing.TB, line conformance.Line) {
	tb.Helper()
	l, ok := line.(*simulatedLine)
	if !ok {
		s.srv.Endpoint("PJSIP/"+registrar, aritest.Unreachable())
		return
	}
	s.srv.Endpoint("PJSIP/" + registrar).OnCall(func(c *aritest.Call) {
		l.add(c)
		l.follow(tb.Context(), c)
		l.finish()
	})
}

func (s *simulator) Message(tb testing.TB, from, to, text string) {
	tb.Helper()
	s.srv.SendMessage("PJSIP/"+from, to, text)
}

func (s *simulator) Inbox(tb testing.TB, endpoint string) func(context.Context) (string, error) {
	tb.Helper()
	return func(ctx context.Context) (string, error) {
		for {
			for _, m := range s.srv.Messages() {
				if strings.EqualFold(m.To, "pjsip:"+endpoint) || strings.EqualFold(m.To, "PJSIP/"+endpoint) {
					return m.Body, nil
				}
			}
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		}
	}
}

func (*simulator) Media(tb testing.TB) conformance.Media {
	tb.Helper()
	tb.Skip("the simulator has no sound")
	return nil
}

func (s *simulator) Own(tb testing.TB, setup conformance.Setup) conformance.OwnEnv {
	tb.Helper()
	var opts []aritest.Option
	if setup.SessionLimit > 0 {
		opts = append(opts, aritest.WithSessionLimit(setup.SessionLimit))
	}
	if setup.KeepAlive > 0 {
		opts = append(opts, aritest.WithKeepAlive(setup.KeepAlive))
	}
	if len(setup.ChannelVars) > 0 {
		opts = append(opts, aritest.WithChannelVars(setup.ChannelVars...))
	}
	for _, o := range setup.Outbound {
		opts = append(opts, aritest.WithOutbound(aritest.Outbound{Name: o.Name, URI: o.URI, Apps: o.Apps}))
	}
	return &ownSimulator{newSimulator(tb, s.version, opts...)}
}

// ownSimulator is one for one test alone.
type ownSimulator struct{ *simulator }

func (s *ownSimulator) Stop() error { return s.Kill() }

func (s *ownSimulator) Kill() error {
	s.srv.Faults().Restart(time.Hour) // Which Restart doesn't wait for.
	return nil
}

func (s *ownSimulator) Restart(context.Context) error {
	s.srv.Faults().Up()
	return nil
}

func (s *ownSimulator) Freeze() error {
	s.srv.Faults().Freeze()
	return nil
}

func (s *ownSimulator) Thaw() error {
	s.srv.Faults().Thaw()
	return nil
}

func (s *ownSimulator) DropOutbound(_ context.Context, name, app string) error {
	if !s.srv.Faults().Unregister(name, app) {
		return fmt.Errorf("no websocket %s for %s", name, app)
	}
	return nil
}

// simulatedLine is the far end of simulated calls.
type simulatedLine struct {
	endpoint  string
	refused   int
	cancelled bool // no answer is expected
	stay      time.Duration
	done      chan struct{}
	once      sync.Once

	mu      sync.Mutex
	calls   []*aritest.Call
	changed chan struct{}
	err     error
}

func (l *simulatedLine) add(c *aritest.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, c)
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// finish says that no call will come any more.
func (l *simulatedLine) finish() { l.once.Do(func() { close(l.done) }) }

// follow waits until a call is over, and looks at how it went.
func (l *simulatedLine) follow(ctx context.Context, c *aritest.Call) {
	if l.stay > 0 {
		go func() {
			if c.WaitAnswered(ctx) == nil {
				time.AfterFunc(l.stay, func() { c.Hangup() })
			}
		}()
	}
	if c.WaitEnded(ctx) != nil {
		return
	}
	if l.endpoint == "" && c.Status() != l.refused && (l.refused != 0 || c.Status() != 487) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.err = fmt.Errorf("the call was refused with %d instead of %d", c.Status(), l.refused)
	}
}

func (l *simulatedLine) Endpoint() string { return l.endpoint }

func (*simulatedLine) Port() int { return 0 }

func (l *simulatedLine) Party(ctx context.Context, n int) (conformance.Party, error) {
	for {
		l.mu.Lock()
		if len(l.calls) > n {
			defer l.mu.Unlock()
			return &simulatedParty{l.calls[n]}, nil
		}
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (l *simulatedLine) Wait(ctx context.Context) error {
	select {
	case <-l.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// simulatedParty is one simulated telephone in one call.
type simulatedParty struct{ call *aritest.Call }

func (p *simulatedParty) Await(ctx context.Context, what string) error {
	switch what {
	case "ringing":
		return p.call.WaitRinging(ctx)
	case "progress":
		return p.call.WaitProgress(ctx)
	case "answered":
		return p.call.WaitAnswered(ctx)
	default:
		return p.call.WaitEnded(ctx)
	}
}

func (p *simulatedParty) Answer(context.Context) error {
	return p.call.Answer()
}

func (p *simulatedParty) Refuse(_ context.Context, status int) error {
	p.call.Refuse(status)
	return nil
}

func (p *simulatedParty) Hangup(context.Context) error {
	p.call.Hangup()
	return nil
}

func (p *simulatedParty) Cancel(context.Context) error {
	p.call.Hangup()
	return nil
}

func (p *simulatedParty) Hold(context.Context) error {
	p.call.Hold()
	return nil
}

func (p *simulatedParty) Unhold(context.Context) error {
	p.call.Unhold()
	return nil
}

func (p *simulatedParty) Dial(_ context.Context, digits string) error {
	p.call.SendDTMF(digits)
	return nil
}

func (p *simulatedParty) Info(_ context.Context, digit rune) error {
	p.call.SendDTMF(string(digit))
	return nil
}

func (p *simulatedParty) HearDigits(ctx context.Context, digits string) error {
	return p.call.WaitDigits(ctx, digits)
}

func (*simulatedParty) HearSound(context.Context) error { return errors.ErrUnsupported }
func (*simulatedParty) Hush(context.Context) error      { return errors.ErrUnsupported }

func (p *simulatedParty) Refer(_ context.Context, extension string, other conformance.Party) error {
	if other, ok := other.(*simulatedParty); ok {
		return p.call.TransferTo(other.call)
	}
	return p.call.Transfer(extension)
}
