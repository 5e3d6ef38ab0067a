package aritest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrEnded says that a call was over before what was waited for came.
var ErrEnded = errors.New("aritest: the call is over")

// A Call is the far end of a channel: the telephone of a caller, or of someone who is called. Its methods may be called at any
// time by any goroutine; on a call that is over they do nothing.
type Call struct {
	p        *pbx
	ch       *channel
	outbound bool // Asterisk calls
	exten    string

	// Guarded by p.mu.
	up, rang, over bool
	progress       bool // early media
	hungup         bool // at this end
	cause, status  int
	digits         strings.Builder // that came from Asterisk
	onHold         bool
	talk           *time.Timer
	heard          []string
	changed        chan struct{} // closed when something has changed
}

// A CallOption changes a call that [Server.Call] makes.
type CallOption func(*callOptions)

type callOptions struct {
	endpoint string
	context  string
	caller   caller
	rdnis    string
	app      string
	args     []string
	vars     []variable
	direct   bool
	answer   bool
	id       string
}

// From says who calls, as a number or as a name and number: "Alice <100>".
func From(callerID string) CallOption {
	return func(o *callOptions) { o.caller = parseCallerID(callerID) }
}

// Via names the endpoint that the call comes from, such as "PJSIP/alice"; the default is PJSIP/caller.
func Via(endpoint string) CallOption {
	return func(o *callOptions) { o.endpoint = endpoint }
}

// InContext sets the context of the dialplan that the call comes into, "default" by default.
func InContext(name string) CallOption {
	return func(o *callOptions) { o.context = name }
}

// Into leads the call into a Stasis application, with arguments, whatever the dialplan says.
func Into(app string, args ...string) CallOption {
	return func(o *callOptions) { o.app, o.args, o.direct = app, args, true }
}

// Answered has the call answered before the application gets it, as the dialplan of an IVR often does. It works together with
// [Into], and with extensions that the dialplan doesn't have.
func Answered() CallOption {
	return func(o *callOptions) { o.answer = true }
}

// WithVariable sets a variable of the new channel, as a dialplan or a SIP header would.
func WithVariable(name, value string) CallOption {
	return func(o *callOptions) { o.vars = append(o.vars, variable{name: name, value: value}) }
}

// WithChannelID sets the id of the new channel, which Asterisk makes up otherwise.
func WithChannelID(id string) CallOption {
	return func(o *callOptions) { o.id = id }
}

// Call makes someone call an extension, as a telephone does by SIP. An extension that the dialplan doesn't have leads into the
// application [Server.App]. Call returns when the call has come in; the application may not have noticed yet.
func (s *Server) Call(exten string, opts ...CallOption) *Call {
	o := callOptions{endpoint: "PJSIP/caller", context: "default", caller: caller{number: "caller"}}
	for _, opt := range opts {
		opt(&o)
	}
	p := s.pbx
	p.mu.Lock()
	defer p.mu.Unlock()
	tech, resource, _ := strings.Cut(o.endpoint, "/")
	if p.endpoints[o.endpoint] == nil {
		p.addEndpoint(o.endpoint, Unreachable()) // Who calls is an endpoint, even if nobody can call it.
	}
	ch := p.newChannel(tech, resource, o.endpoint+"-"+p.nextName(tech), o.id)
	ch.state = stateRing
	ch.caller, ch.rdnis = o.caller, o.rdnis
	ch.context, ch.exten = o.context, exten
	c := &Call{p: p, ch: ch, exten: exten, changed: make(chan struct{})}
	ch.call = c
	ch.announce()
	p.deviceChanged(ch)
	if tech == "PJSIP" {
		ch.protocolID = fmt.Sprintf("%d-%d@127.0.0.1", p.serial, p.epoch)
		ch.setVariable("SIPDOMAIN", "127.0.0.1")
	}
	for _, v := range o.vars {
		ch.setReported(v)
	}
	if o.direct || !p.dialplan.has(o.context, exten) && o.context == "default" {
		if !o.direct {
			o.app = p.opts.app
		}
		ch.startSteps(o.context, exten, stasisSteps(o.app, o.args, o.answer))
	} else {
		ch.startDialplan(o.context, exten, 1)
	}
	return c
}

func stasisSteps(app string, args []string, answer bool) []step {
	var steps []step
	if answer {
		steps = append(steps, step{app: "Answer"})
	}
	return append(steps, step{app: "Stasis", data: strings.Join(append([]string{app}, args...), ",")})
}

// ChannelID is the id of the call's channel.
func (c *Call) ChannelID() string { return c.ch.id }

// Extension is what was dialled: an extension, or the endpoint's resource where Asterisk calls.
func (c *Call) Extension() string { return c.exten }

func (c *Call) lock() func() {
	c.p.mu.Lock()
	return c.p.mu.Unlock
}

// note changes what is known of the call, and wakes those who wait for that.
func (c *Call) note(f func(*Call)) {
	f(c)
	c.signal()
	c.p.signal()
}

// signal wakes those who wait for something of this call. There may be thousands of calls that others wait for.
func (c *Call) signal() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Call) answered() { c.note(func(c *Call) { c.up = true }) }

func (c *Call) ended(cause int) {
	if c.talk != nil {
		c.talk.Stop()
	}
	c.note(func(c *Call) {
		c.over, c.cause = true, cause
		if !c.outbound && !c.up && !c.hungup && c.status == 0 {
			if c.status = c.ch.techCause; c.status == 0 {
				c.status = 603
			}
		}
	})
}

// Answered reports whether the call has been answered.
func (c *Call) Answered() bool {
	defer c.lock()()
	return c.up
}

// Ended reports whether the call is over.
func (c *Call) Ended() bool {
	defer c.lock()()
	return c.over
}

// Cause is the hangup cause of a call that is over, such as 16.
func (c *Call) Cause() int {
	defer c.lock()()
	return c.cause
}

// Status is the SIP status with which Asterisk has refused the call, such as 486, or 0.
func (c *Call) Status() int {
	defer c.lock()()
	return c.status
}

// Digits are the digits that Asterisk has sent to this end.
func (c *Call) Digits() string {
	defer c.lock()()
	return c.digits.String()
}

// Heard are the media that were played to this end, in the order in which they began: "sound:hello-world" and the like, "moh:CLASS" for
// music on hold ("moh:default" where no class was named), and "beep" where a recording begins with one.
func (c *Call) Heard() []string {
	defer c.lock()()
	return append([]string(nil), c.heard...)
}

// ClearHeard forgets what has been heard, so that [Call.WaitHeard] waits for a medium that was played before to be played again.
func (c *Call) ClearHeard() {
	defer c.lock()()
	c.heard = nil
}

// wait waits until a condition of the call holds. The last argument says, for people, that it never did.
func (c *Call) wait(ctx context.Context, condition func() bool, never string) error {
	for {
		c.p.mu.Lock()
		ok, over, changed := condition(), c.over, c.changed
		c.p.mu.Unlock()
		if ok {
			return nil
		}
		if over {
			return fmt.Errorf("%w: it %s", ErrEnded, never)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("aritest: the call %s: %w", never, ctx.Err())
		}
	}
}

// WaitAnswered waits until the call is answered.
func (c *Call) WaitAnswered(ctx context.Context) error {
	return c.wait(ctx, func() bool { return c.up }, "was never answered")
}

// WaitRinging waits until this end hears that it rings at the other, or, where Asterisk calls, until it rings here. An answer will do too.
func (c *Call) WaitRinging(ctx context.Context) error {
	return c.wait(ctx, func() bool { return c.rang || c.up }, "never rang")
}

// WaitProgress waits until there are early media, or the call is answered.
func (c *Call) WaitProgress(ctx context.Context) error {
	return c.wait(ctx, func() bool { return c.progress || c.up }, "never had early media")
}

// WaitEnded waits until the call is over.
func (c *Call) WaitEnded(ctx context.Context) error {
	return c.wait(ctx, func() bool { return c.over }, "never ended")
}

// WaitDigits waits until at least these digits have come from Asterisk.
func (c *Call) WaitDigits(ctx context.Context, digits string) error {
	err := c.wait(ctx, func() bool { return strings.Contains(c.digits.String(), digits) }, "was never sent the digits "+digits)
	if err != nil {
		return fmt.Errorf("%w; digits so far: %q", err, c.Digits())
	}
	return nil
}

// WaitHeard waits until a medium, named as in [Call.Heard], has begun to play at this end.
func (c *Call) WaitHeard(ctx context.Context, media string) error {
	err := c.wait(ctx, func() bool { return slices.Contains(c.heard, media) }, "never heard "+media)
	if err != nil {
		return fmt.Errorf("%w; heard so far: %v", err, c.Heard())
	}
	return nil
}

// WaitRecording waits until what is said at this end is being recorded: the call's channel, the bridge that it is in, or a channel that
// snoops on it.
func (c *Call) WaitRecording(ctx context.Context) error {
	return c.wait(ctx, func() bool {
		for _, r := range c.p.live {
			if r.state == "recording" && r.of(c.ch) {
				return true
			}
		}
		return false
	}, "was never recorded")
}

// WaitBridged waits until the call's channel is in a bridge with n channels or more.
func (c *Call) WaitBridged(ctx context.Context, n int) error {
	return c.wait(ctx, func() bool { return c.ch.bridge != nil && len(c.ch.bridge.channels) >= n }, fmt.Sprintf("was never in a bridge of %d", n))
}

// SendDTMF presses keys.
func (c *Call) SendDTMF(digits string) {
	defer c.lock()()
	for _, digit := range digits {
		if c.over {
			return
		}
		c.ch.digit(string(digit))
	}
}

// Speak says something for some time. It returns at once.
func (c *Call) Speak(d time.Duration) {
	defer c.lock()()
	if !c.over {
		c.ch.speak(d)
	}
}

// Hold puts Asterisk's side on hold, Unhold takes it back.
func (c *Call) Hold() {
	defer c.lock()()
	if !c.over && !c.onHold {
		c.onHold = true
		c.ch.emit("ChannelHold", field{"musicclass", "default"})
	}
}

// Unhold ends what Hold began.
func (c *Call) Unhold() {
	defer c.lock()()
	if !c.over && c.onHold {
		c.onHold = false
		c.ch.emit("ChannelUnhold")
	}
}

// Answer answers a call that Asterisk makes.
func (c *Call) Answer() {
	defer c.lock()()
	if c.outbound && !c.over {
		c.ch.calleeAnswers()
	}
}

// Ring lets a call that Asterisk makes ring.
func (c *Call) Ring() {
	defer c.lock()()
	if c.outbound && !c.over {
		c.ch.calleeRings()
	}
}

// Refuse refuses a call that Asterisk makes, with a SIP status such as 486.
func (c *Call) Refuse(status int) {
	defer c.lock()()
	c.refuse(status)
}

func (c *Call) refuse(status int) {
	if !c.outbound || c.over || c.up {
		return
	}
	cause := refusals[status]
	if cause == 0 {
		cause = 127
	}
	h := hangup{cause: cause}
	if c.ch.tech == "PJSIP" {
		h.techCause = status
	}
	c.ch.hangup(h)
}

// Hangup hangs up at this end: it ends the call, or gives it up before it was answered. A cause can be given; telephones mostly
// give none.
func (c *Call) Hangup(cause ...int) {
	defer c.lock()()
	n := 0
	if len(cause) > 0 {
		n = cause[0]
	}
	c.hangup(n)
}

func (c *Call) hangup(cause int) {
	c.hungup = true
	switch {
	case c.over:
	case c.outbound && !c.up:
		c.refuse(603)
	case !c.up && c.ch.tech == "PJSIP" && cause == 0:
		c.ch.hangup(hangup{cause: 127, techCause: 487})
	case cause == 0:
		c.ch.hangup(hangup{unknown: true})
	default:
		c.ch.hangup(hangup{cause: cause})
	}
}

// An Endpoint is a telephone that Asterisk can call.
type Endpoint struct {
	p              *pbx
	tech, resource string
	caller         caller
	behaviour      behaviour
	reachable      bool
	answer         func(*Call)

	mu    sync.Mutex
	calls []*Call
	news  chan struct{}
}

// A Behaviour is what an endpoint does when it is called.
type Behaviour func(*behaviour)

type behaviour struct {
	ring   time.Duration // negative: for ever
	refuse int           // SIP status
	stay   time.Duration
	silent bool
	manual bool
}

// Answers lets an endpoint ring for some time and answer then.
func Answers(after time.Duration) Behaviour {
	return func(b *behaviour) { b.ring, b.refuse, b.manual = after, 0, false }
}

// AnswersFor is like Answers, and the endpoint hangs up some time after it has answered.
func AnswersFor(after, stay time.Duration) Behaviour {
	return func(b *behaviour) { b.ring, b.refuse, b.stay, b.manual = after, 0, stay, false }
}

// Rings lets an endpoint ring until it is told to do something else, or its caller gives up.
func Rings() Behaviour {
	return func(b *behaviour) { b.ring, b.refuse = -1, 0 }
}

// Silent lets an endpoint do nothing at all, not even ring.
func Silent() Behaviour {
	return func(b *behaviour) { b.ring, b.refuse, b.silent = -1, 0, true }
}

// Busy lets an endpoint refuse calls since it is busy.
func Busy() Behaviour { return Refuses(0, 486) }

// Refuses lets an endpoint ring for some time and refuse then, with a SIP status such as 603.
func Refuses(after time.Duration, status int) Behaviour {
	return func(b *behaviour) { b.ring, b.refuse = after, status }
}

// Unreachable makes an endpoint one that isn't registered: calls to it fail at once.
func Unreachable() Behaviour {
	return func(b *behaviour) { b.ring, b.refuse = 0, -1 }
}

// Endpoint makes a telephone that can be called, such as "PJSIP/alice", or changes it. Without a behaviour it answers at once.
func (s *Server) Endpoint(name string, behave ...Behaviour) *Endpoint {
	p := s.pbx
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addEndpoint(name, behave...)
}

func (p *pbx) addEndpoint(name string, behave ...Behaviour) *Endpoint {
	tech, resource, _ := strings.Cut(name, "/")
	e := p.endpoints[tech+"/"+resource]
	if e == nil {
		e = &Endpoint{p: p, tech: tech, resource: resource, caller: caller{resource, resource}, news: make(chan struct{})}
		p.endpoints[tech+"/"+resource] = e
	}
	e.behaviour = behaviour{}
	for _, b := range behave {
		b(&e.behaviour)
	}
	was := e.reachable
	e.reachable = e.behaviour.refuse >= 0
	if was != e.reachable && p.apps != nil {
		p.toEndpoint(tech, resource, func() event {
			return p.event("EndpointStateChange", field{"endpoint", e.json()})
		})
	}
	return e
}

// OnCall sets a function that is called, on a goroutine of its own, for each call to the endpoint.
func (e *Endpoint) OnCall(f func(*Call)) {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	e.answer = f
}

func (e *Endpoint) deliver(c *Call) {
	if e.answer != nil {
		go e.answer(c)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, c)
	close(e.news)
	e.news = make(chan struct{})
}

// Next waits for the next call to the endpoint. It gets no calls that a function of OnCall gets.
func (e *Endpoint) Next(ctx context.Context) (*Call, error) {
	for {
		e.mu.Lock()
		if len(e.calls) > 0 {
			c := e.calls[0]
			e.calls = e.calls[1:]
			e.mu.Unlock()
			return c, nil
		}
		news := e.news
		e.mu.Unlock()
		select {
		case <-news:
		case <-ctx.Done():
			return nil, fmt.Errorf("aritest: nobody has called %s/%s: %w", e.tech, e.resource, ctx.Err())
		}
	}
}

func (e *Endpoint) json() jsonText {
	ids := []string{}
	for _, ch := range e.p.channelOrder {
		if ch.tech == e.tech && strings.HasPrefix(ch.name, e.tech+"/"+e.resource+"-") {
			ids = append(ids, ch.id)
		}
	}
	state := "online"
	if !e.reachable {
		state = "offline"
	}
	return object(field{"technology", e.tech}, field{"resource", e.resource}, field{"state", state}, field{"channel_ids", ids})
}

// endpoint finds an endpoint by what is dialled: alice, or trunk in 100@trunk and in trunk/sip:100@host.
func (p *pbx) endpoint(tech, dest string) *Endpoint {
	for _, name := range []string{dest, before(dest, "/"), after(dest, "@")} {
		if e := p.endpoints[tech+"/"+name]; e != nil {
			return e
		}
	}
	return nil
}

func before(s, sep string) string { b, _, _ := strings.Cut(s, sep); return b }

func after(s, sep string) string { _, a, _ := strings.Cut(s, sep); return a }

// hasTech reports whether there are endpoints of a technology.
func (p *pbx) hasTech(tech string) bool {
	for _, e := range p.endpoints {
		if e.tech == tech {
			return true
		}
	}
	return tech == "PJSIP"
}
