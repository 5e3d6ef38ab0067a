package aritest

import (
	"errors"
	"fmt"
	"time"

	"github.com/ari-go/ari/internal/sim/phones"
)

// ErrEnded says that a call was over before what was waited for came.
var ErrEnded = errors.New("aritest: the call is over")

// A Call is the far end of a channel: the telephone of a caller, or of someone who is called. Its methods may be called at any
// time by any goroutine; on a call that is over they do nothing.
type Call struct {
	far      *phones.Call
	patience patience
}

// ChannelID is the id of the call's channel.
func (c *Call) ChannelID() string {
	return c.far.ChannelID()
}

// Extension is what was dialled: an extension, or the endpoint's resource where Asterisk calls.
func (c *Call) Extension() string {
	return c.far.Extension()
}

// look looks at something of the call.
func look[T any](c *Call, f func() T) (v T) {
	c.far.Do(func() { v = f() })
	return v
}

// Answered reports whether the call has been answered.
func (c *Call) Answered() bool {
	return look(c, c.far.IsUp)
}

// Ended reports whether the call is over.
func (c *Call) Ended() bool {
	return look(c, c.far.IsOver)
}

// Cause is the hangup cause of a call that is over, such as 16.
func (c *Call) Cause() int {
	return look(c, c.far.Cause)
}

// Status is the SIP status with which Asterisk has refused the call, such as 486, or 0.
func (c *Call) Status() int {
	return look(c, c.far.Status)
}

// Digits are the digits that Asterisk has sent to this end.
func (c *Call) Digits() string {
	return look(c, c.far.Digits)
}

// Heard are the media that were played to this end, in the order in which they began: "sound:hello-world" and the like, "moh:CLASS" for
// music on hold ("moh:default" where no class was named), and "beep" where a recording begins with one.
func (c *Call) Heard() []string {
	return look(c, c.far.Heard)
}

// ClearHeard forgets what has been heard, so that [Call.WaitHeard] waits for a medium that was played before to be played again.
func (c *Call) ClearHeard() {
	c.far.ClearHeard()
}

// SendDTMF presses keys. As with a real telephone, nobody hears them before the call is answered, or has early media.
func (c *Call) SendDTMF(digits string) {
	c.far.SendDTMF(digits)
}

// Speak says something for some time. It returns at once.
func (c *Call) Speak(d time.Duration) {
	c.far.Speak(d)
}

// Hold puts Asterisk's side on hold, Unhold takes it back. A call that isn't answered yet can't be put on hold.
func (c *Call) Hold() {
	c.far.Hold()
}

// Unhold ends what Hold began.
func (c *Call) Unhold() {
	c.far.Unhold()
}

// Answer answers a call that Asterisk makes. It is [ErrEnded] if the call is over, and an error if the call is one that Asterisk has to answer.
func (c *Call) Answer() error {
	switch err := c.far.Answer(); {
	case errors.Is(err, phones.ErrOver):
		return fmt.Errorf("%w: it can't be answered any more", ErrEnded)
	case err != nil:
		return fmt.Errorf("aritest: %w", err)
	}
	return nil
}

// Ring lets a call that Asterisk makes ring.
func (c *Call) Ring() {
	c.far.Ring()
}

// Refuse refuses a call that Asterisk makes, with a SIP status such as 486.
func (c *Call) Refuse(status int) {
	c.far.Refuse(status)
}

// Hangup hangs up at this end: it ends the call, or gives it up before it was answered. A cause can be given; telephones mostly
// give none.
func (c *Call) Hangup(cause ...int) {
	n := 0
	if len(cause) > 0 {
		n = cause[0]
	}
	c.far.Hangup(n)
}

// TransferTo connects whom this end talks with by this call and by another one of the same telephone ([Via]), as an attended transfer does, and this end hangs
// up both. One of the two has to be in a bridge of an application. With the function PJSIP_TRANSFER_HANDLING() it is left to the application, as
// [Call.Transfer] is.
func (c *Call) TransferTo(other *Call) error {
	switch err := c.far.TransferTo(other.far); {
	case errors.Is(err, phones.ErrOver):
		return fmt.Errorf("%w: it can't be transferred any more", ErrEnded)
	case err != nil:
		return fmt.Errorf("aritest: %w", err)
	}
	return nil
}

// Transfer presses the transfer key: whoever this end is bridged with is to be connected with an extension instead, and this end hangs up when that is
// done. Asterisk refuses it where the call isn't in a bridge of an application, or the dialplan doesn't have the extension. A transfer that is left to
// the application, by the function PJSIP_TRANSFER_HANDLING() with the value "ari-only", is told by [ari.ChannelTransfer], and this end stays.
func (c *Call) Transfer(exten string) error {
	switch err := c.far.Transfer(exten); {
	case errors.Is(err, phones.ErrOver):
		return fmt.Errorf("%w: it can't be transferred any more", ErrEnded)
	case err != nil:
		return fmt.Errorf("aritest: %w", err)
	}
	return nil
}
