package ivr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// A Strategy says in which order [Dial] calls its targets.
type Strategy uint8

// The strategies.
const (
	// AllAtOnce calls all targets at the same time, each after its Delay. Who answers first has the call.
	AllAtOnce Strategy = iota
	// OneByOne calls one target after the other.
	OneByOne
	// Hunt calls one more target whenever DialOptions.Step has passed, or the one before has refused, and lets those that
	// ring already go on.
	Hunt
)

// The times that hold where the options say nothing.
const (
	defaultRingTime = 30 * time.Second
	defaultStep     = 10 * time.Second
)

// A Target is somebody to call.
type Target struct {
	// Endpoint is whom to call, as technology and resource: "PJSIP/alice", "PJSIP/100@trunk", "Local/100@default".
	Endpoint string

	// Timeout is how long it may ring; 0 is DialOptions.Timeout.
	Timeout time.Duration

	// Delay is how long to wait before it is called; with OneByOne and Hunt, from its turn on.
	Delay time.Duration

	// CallerID is shown to this target; "" is DialOptions.CallerID.
	CallerID string

	// Variables are set on its channel, beside DialOptions.Variables.
	Variables map[string]string
}

// Endpoints makes targets of endpoints of which nothing else is to be said.
func Endpoints(endpoints ...string) []Target {
	targets := make([]Target, len(endpoints))
	for i, e := range endpoints {
		targets[i].Endpoint = e
	}
	return targets
}

// DialOptions say whom [Dial] calls, and how. Targets are required.
type DialOptions struct {
	// Targets are whom to call, at least one.
	Targets []Target

	// Strategy is the order in which they are called: AllAtOnce by default.
	Strategy Strategy

	// Timeout is how long each target may ring; 0 stands for 30 s.
	Timeout time.Duration

	// Step is after which time Hunt calls the next target too; 0 stands for 10 s.
	Step time.Duration

	// Patience is how long all of it may take until somebody has answered; 0 is no limit.
	Patience time.Duration

	// CallerID is shown to those who are called, as a number or as a name and number: "Alice <100>"; "" is the caller's own.
	CallerID string

	// Variables are set on the channels of those who are called, before they are called.
	Variables map[string]string

	// Headers are SIP headers of the calls, by name, such as "X-Account". PJSIP only.
	Headers map[string]string

	// Waiting is what the caller hears until somebody has answered: a ringback tone by default. Music and media answer
	// his call first.
	Waiting Waiting

	// EarlyMedia lets the caller hear what the called line says before it is answered: an announcement, or its own
	// ringback tone. It takes the place of Waiting, and needs OneByOne or a single target. Since Asterisk 14.
	EarlyMedia bool

	// ExitKeys are keys with which the caller gives up waiting, such as "#"; the outcome is Key then.
	ExitKeys string

	// Screen, if set, asks those who answer whether they want the call.
	Screen *Screen

	// Bridge says how the conversation goes. The zero value has no limit and no keys.
	Bridge BridgeOptions
}

// An Attempt is what came of calling one target.
type Attempt struct {
	Target

	// Outcome is Answered for who got the call. Others are Elsewhere, Busy, NoAnswer, Rejected, Declined, Unreachable,
	// Congestion, NotTried, Canceled and Failed.
	Outcome Outcome

	// Cause is the hangup cause (ITU-T Q.850) that it ended with, if it did; 0 if none was told.
	Cause int

	// Rang reports whether the target's telephone has rung.
	Rang bool

	// RingTime is how long it took, from the call's begin to its answer or end.
	RingTime time.Duration

	// Err is what Asterisk said, if anything.
	Err error
}

// A DialResult is what came of [Dial] or [Reach].
type DialResult struct {
	// Outcome is Answered if somebody got the call. Otherwise it is the best that was said: NoAnswer, Declined, Busy,
	// Rejected, Congestion, Unreachable, in this order; or HungUp, Key, Canceled, Failed.
	Outcome Outcome

	// Attempts are what came of each target, in their order.
	Attempts []Attempt

	// Winner is who has answered; nil if nobody has.
	Winner *Attempt

	// Channel is the channel of who has answered. After Dial it is mostly gone.
	Channel *ari.Channel

	// Key is the key with which the caller gave up.
	Key string

	// Waited is how long it took until somebody answered, or nobody did.
	Waited time.Duration

	// Bridge is how the conversation went; nil if there was none.
	Bridge *BridgeResult

	early *ari.Bridge // of early media
	clean cleaner     // destroys it
}

// Dial calls targets for a caller, connects him with who answers first, and returns when their conversation is over. A
// caller whose call isn't answered yet hears the ringback tone meanwhile, and is answered when somebody else is.
//
// Who answers later, or is still ringing, is let go with the cause "answered elsewhere". When the conversation is over,
// who was called is hung up, unless the call was transferred. The caller's channel stays.
//
// The outcome is Answered, and Bridge says how the conversation ended, or says why there was none. The error is nil as long
// as the caller is there: see the package's documentation. Besides, it is ari.ErrInvalid if the options make no sense, and
// ari.ErrNoEvents without a connected client.
//
// Since Asterisk 13; the cause "answered elsewhere" since 16.2.
func Dial(ctx context.Context, caller *ari.Channel, opts DialOptions) (res *DialResult, err error) {
	res, err = Reach(ctx, caller, opts)
	if res.Outcome != Answered {
		return res, err
	}
	defer func() {
		res.clean.run(&err)
		if res.Bridge == nil || res.Bridge.Outcome != Transferred {
			err = errors.Join(err, hangUp(ctx, res.Channel, "", false))
		}
	}()
	if err := caller.Answer(ctx); err != nil {
		err = leaving(ctx, err, caller)
		res.Outcome = outcomeOf(ctx, err)
		return res, err
	}
	res.Bridge, err = converse(ctx, conversation{Caller: caller, Callee: res.Channel, Bridge: res.early}, opts.Bridge)
	return res, err
}

// Reach is the first half of [Dial]: it returns when somebody has answered, without connecting anybody. Then the outcome is
// Answered, and the result's Channel is for the caller of Reach to hang up. Otherwise nothing is left of it.
//
// With EarlyMedia, the two are in a bridge already when Reach returns; [DialResult.Close] destroys it. It fails as Dial
// does. Since Asterisk 13.
func Reach(ctx context.Context, caller *ari.Channel, opts DialOptions) (*DialResult, error) {
	return reach(ctx, caller.Controller(), caller, opts)
}

// Call is [Reach] on nobody's behalf: there is no caller who waits, and ctx is how to give up. What the options say about
// a caller (Waiting, EarlyMedia, ExitKeys, Bridge) has no meaning here.
func Call(ctx context.Context, ctrl *ari.Controller, opts DialOptions) (*DialResult, error) {
	return reach(ctx, ctrl, nil, opts)
}

// check returns an error that is ErrInvalid if the options make no sense.
func (o *DialOptions) check(caller *ari.Channel) error {
	if len(o.Targets) == 0 {
		return fmt.Errorf("ivr: dial: %w: there is nobody to call", ari.ErrInvalid)
	}
	for _, t := range o.Targets {
		if t.Endpoint == "" {
			return fmt.Errorf("ivr: dial: %w: a target has no endpoint", ari.ErrInvalid)
		}
	}
	if o.EarlyMedia && (caller == nil || len(o.Targets) > 1 && o.Strategy != OneByOne) {
		return fmt.Errorf("ivr: dial: %w: early media come from one target at a time, for a caller", ari.ErrInvalid)
	}
	return nil
}

// Close destroys what [Reach] has left for the conversation: the bridge of early media. It does nothing if there is none. [Dial]
// does it by itself.
func (r *DialResult) Close() error {
	var err error
	r.clean.run(&err)
	return err
}

// variables are those of a target's channel.
func (o *DialOptions) variables(t Target) map[string]string {
	all := make(map[string]string)
	for name, value := range o.Headers {
		all["PJSIP_HEADER(add,"+name+")"] = value
	}
	maps.Copy(all, o.Variables)
	maps.Copy(all, t.Variables)
	return all
}
