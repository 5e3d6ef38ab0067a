package phones

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/wire"
)

// ErrOver says that a call was over before what was waited for came.
var ErrOver = errors.New("the call is over")

// A Call is the far end of a channel: the telephone of a caller, or of someone who is called. Its methods may be called at any
// time by any goroutine, but where they say that they need the lock; on a call that is over they do nothing.
type Call struct {
	p        *pbx.PBX
	ch       *pbx.Channel
	outbound bool // Asterisk calls
	exten    string

	// Guarded by the lock of the simulated Asterisk.
	up, rang, over bool
	progress       bool // early media
	hungup         bool // at this end
	cause, status  int
	digits         strings.Builder // that came from Asterisk
	onHold         bool
	heard          []string
	changed        chan struct{} // closed when something has changed
	voice          voice
}

func newCall(p *pbx.PBX, ch *pbx.Channel, exten, codec string, outbound bool) *Call {
	if codec != "" {
		ch.SetFormat(codec)
	}
	c := &Call{p: p, ch: ch, outbound: outbound, exten: exten, changed: make(chan struct{}), voice: newVoice(ch.Format())}
	ch.Far = c
	return c
}

// ChannelID is the id of the call's channel.
func (c *Call) ChannelID() string { return c.ch.ID }

// Extension is what was dialled: an extension, or the endpoint's resource where Asterisk calls.
func (c *Call) Extension() string { return c.exten }

func (c *Call) lock() func() {
	c.p.Mu.Lock()
	return c.p.Mu.Unlock
}

// Changed wakes those who wait for something of this call. There may be thousands of calls that others wait for.
func (c *Call) Changed() {
	close(c.changed)
	c.changed = make(chan struct{})
	c.talk()
}

// note wakes those who wait for something that has come to the call.
func (c *Call) note() {
	c.Changed()
	c.p.Signal()
}

// Answered tells that the call has been answered.
func (c *Call) Answered() { c.up = true; c.note() }

// Rang tells that it rings.
func (c *Call) Rang() { c.rang = true; c.note() }

// Progress tells that there are early media.
func (c *Call) Progress() { c.progress = true; c.note() }

// Hears tells of a medium that begins.
func (c *Call) Hears(media string) { c.heard = append(c.heard, media); c.note() }

// Gets tells of a digit.
func (c *Call) Gets(digit string) { c.digits.WriteString(digit); c.note() }

// Redirected tells that it is to call somebody else.
func (c *Call) Redirected() { c.status = http.StatusFound }

// Over tells that the call is over.
func (c *Call) Over(cause, status int) {
	c.over, c.cause = true, cause
	c.silence()
	if !c.outbound && !c.up && !c.hungup && c.status == 0 {
		if c.status = status; c.status == 0 {
			c.status = 603
		}
	}
	c.note()
}

// IsUp reports whether the call has been answered; it needs the lock, as all methods named so do.
func (c *Call) IsUp() bool { return c.up }

// IsOver reports whether the call is over.
func (c *Call) IsOver() bool { return c.over }

// HasRung reports whether it has rung.
func (c *Call) HasRung() bool { return c.rang }

// HasProgress reports whether there were early media.
func (c *Call) HasProgress() bool { return c.progress }

// IsRecorded reports whether what is said at this end is being recorded.
func (c *Call) IsRecorded() bool { return c.ch.Recorded() }

// Peers is how many channels the bridge has that the call's channel is in.
func (c *Call) Peers() int {
	if c.ch.Bridge == nil {
		return 0
	}
	return len(c.ch.Bridge.Channels)
}

// Cause is the hangup cause of a call that is over, such as 16.
func (c *Call) Cause() int { return c.cause }

// Status is the SIP status with which Asterisk has refused the call, such as 486, or 0.
func (c *Call) Status() int { return c.status }

// Digits are the digits that Asterisk has sent to this end.
func (c *Call) Digits() string { return c.digits.String() }

// Heard are what was played to this end, in the order in which they began.
func (c *Call) Heard() []string { return slices.Clone(c.heard) }

// Do runs a function with the lock held.
func (c *Call) Do(f func()) {
	defer c.lock()()
	f()
}

// ClearHeard forgets what has been heard.
func (c *Call) ClearHeard() {
	defer c.lock()()
	c.heard = nil
}

// Wait waits until a condition of the call holds, which is looked at with the lock held. It fails with errOver when the call is over
// before, or with the context's error.
func (c *Call) Wait(ctx context.Context, condition func() bool) error {
	for {
		c.p.Mu.Lock()
		ok, over, changed := condition(), c.over, c.changed
		c.p.Mu.Unlock()
		if ok {
			return nil
		}
		if over {
			return ErrOver
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// SendDTMF presses keys. Nobody hears them before the call is answered, or has early media.
func (c *Call) SendDTMF(digits string) {
	defer c.lock()()
	for _, digit := range digits {
		if c.over || !c.up && !c.progress {
			return
		}
		c.ch.Digit(string(digit))
	}
}

// Speak says something for some time. It returns at once.
func (c *Call) Speak(d time.Duration) {
	defer c.lock()()
	if !c.over {
		c.ch.Speak(d)
	}
}

// Hold puts Asterisk's side on hold, unhold takes it back.
func (c *Call) Hold() {
	defer c.lock()()
	if c.up && !c.over && !c.onHold {
		c.onHold = true
		c.ch.Emit("ChannelHold", wire.F("musicclass", "default"))
	}
}

// Unhold ends what hold began.
func (c *Call) Unhold() {
	defer c.lock()()
	if !c.over && c.onHold {
		c.onHold = false
		c.ch.Emit("ChannelUnhold")
	}
}

// Answer answers a call that Asterisk makes. It fails with [ErrOver] when the call is over.
func (c *Call) Answer() error {
	defer c.lock()()
	switch {
	case c.over:
		return ErrOver
	case !c.outbound:
		return errors.New("the call is one that Asterisk has to answer")
	}
	c.ch.CalleeAnswers()
	return nil
}

// Ring lets a call that Asterisk makes ring.
func (c *Call) Ring() {
	defer c.lock()()
	if c.outbound && !c.over {
		c.ch.CalleeRings()
	}
}

// Refuse refuses a call that Asterisk makes, with a SIP status such as 486.
func (c *Call) Refuse(status int) {
	defer c.lock()()
	c.doRefuse(status)
}

func (c *Call) doRefuse(status int) {
	if !c.outbound || c.over || c.up {
		return
	}
	cause := pbx.Refusals[status]
	if cause == 0 {
		cause = 127
	}
	h := pbx.Hangup{Cause: cause}
	if c.ch.Tech == "PJSIP" {
		h.TechCause = status
	}
	c.ch.Hangup(h)
}

// Hangup hangs up at this end: it ends the call, or gives it up before it was answered. A cause of 0 is none, as telephones
// mostly give.
func (c *Call) Hangup(cause int) {
	defer c.lock()()
	c.doHangup(cause)
}

func (c *Call) doHangup(cause int) {
	c.hungup = true
	switch {
	case c.over:
	case c.outbound && !c.up:
		c.doRefuse(603)
	case !c.up && c.ch.Tech == "PJSIP" && cause == 0:
		c.ch.Hangup(pbx.Hangup{Cause: 127, TechCause: 487})
	case cause == 0:
		c.ch.Hangup(pbx.Hangup{Unknown: true})
	default:
		c.ch.Hangup(pbx.Hangup{Cause: cause})
	}
}

// Transfer asks for a blind transfer to an extension. When it is done, the telephone hangs up.
func (c *Call) Transfer(exten string) error {
	defer c.lock()()
	switch {
	case c.over:
		return ErrOver
	case !c.up:
		return errors.New("the call isn't answered yet")
	}
	left, err := c.ch.Transfer(exten)
	if err == nil && !left {
		c.doHangup(0)
	}
	return err
}

// normalClearing is the cause of a telephone that hangs up what it has transferred.
const normalClearing = 16

// TransferTo asks for an attended transfer: whom this telephone talks with by this call and by another one of its own are to be connected. When it is
// done, the telephone hangs up.
func (c *Call) TransferTo(other *Call) error {
	defer c.lock()()
	switch {
	case c.over || other.over:
		return ErrOver
	case !c.up || !other.up:
		return errors.New("the call isn't answered yet")
	case c.p != other.p || c.ch.Dest != other.ch.Dest || c.ch.Tech != other.ch.Tech:
		return errors.New("the calls aren't those of one telephone")
	}
	left, err := c.ch.TransferTo(other.ch, other.exten)
	if err == nil && !left {
		c.doHangup(normalClearing)
		other.doHangup(normalClearing)
	}
	return err
}
