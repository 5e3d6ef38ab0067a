package ivr

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// Why an attempt, or all of them, come to their end.
var (
	errElsewhere = errors.New("ivr: answered elsewhere")
	errRangOut   = errors.New("ivr: not answered in time")
	errKey       = errors.New("ivr: the caller has pressed an exit key")
	errDeclined  = errors.New("ivr: answered, and declined")
)

// A race is the attempts to reach one of several targets.
type race struct {
	ctrl   *ari.Controller
	caller *ari.Channel // nil if there is none
	opts   *DialOptions
	res    *DialResult

	decide context.CancelCauseFunc // ends the race's context, with the reason

	mu sync.Mutex // guards the winner
}

// reach calls targets until one has answered, or all have failed.
func reach(ctx context.Context, ctrl *ari.Controller, caller *ari.Channel, opts DialOptions) (*DialResult, error) {
	res := &DialResult{Outcome: Failed, Attempts: make([]Attempt, len(opts.Targets))}
	for i, t := range opts.Targets {
		res.Attempts[i] = Attempt{Target: t, Outcome: NotTried}
	}
	if err := opts.check(caller); err != nil {
		return res, err
	}
	if caller != nil {
		var release context.CancelFunc
		ctx, release = caller.Context(ctx)
		defer release()
	}
	racing, decide := context.WithCancelCause(ctx)
	defer decide(nil)
	r := &race{ctrl: ctrl, caller: caller, opts: &opts, res: res, decide: decide}
	if opts.Patience > 0 {
		defer time.AfterFunc(opts.Patience, func() { decide(errRangOut) }).Stop()
	}
	begun := time.Now()
	end, err := r.entertain(racing)
	if err == nil {
		r.run(racing)
	}
	res.Waited = time.Since(begun)
	decide(nil)
	end()
	err = r.conclude(ctx, racing, err)
	if res.Winner == nil {
		res.clean.run(&err)
	}
	return res, err
}

// entertain lets the caller hear something until end is called, and watches for his keys.
func (r *race) entertain(ctx context.Context) (end func(), err error) {
	none := func() {}
	if r.caller == nil {
		return none, nil
	}
	watched := r.watchKeys(ctx)
	quietly := none
	if r.opts.EarlyMedia {
		err = r.early(ctx)
	} else {
		quietly, err = r.wait(ctx)
	}
	err = leaving(ctx, err, r.caller)
	return func() { quietly(); watched() }, err
}

// wait lets the caller hear what the options say.
func (r *race) wait(ctx context.Context) (end func(), err error) {
	w := r.opts.Waiting.or(Ringback())
	if w.needsAnswer() {
		if err := r.caller.Answer(ctx); err != nil {
			return func() {}, err
		}
	}
	return w.begin(ctx, r.caller)
}

// early puts the caller into a bridge in which he hears those who are called.
func (r *race) early(ctx context.Context) error {
	bridge, err := createBridge(ctx, r.ctrl, r.opts.Bridge.bridgeType(), &r.res.clean)
	if err != nil {
		return err
	}
	r.res.early = bridge
	return bridge.AddChannel(ctx, r.caller.ID)
}

// watchKeys gives up when the caller presses an exit key. The function that it returns waits until nobody watches any more.
func (r *race) watchKeys(ctx context.Context) (wait func()) {
	if r.opts.ExitKeys == "" {
		return func() {}
	}
	keypad := r.caller.Keypad()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer keypad.Close()
		key, err := keypad.Match(ctx, strings.Split(r.opts.ExitKeys, "")...)
		if err == nil {
			r.res.Key = key
			r.decide(errKey)
		}
	}()
	return func() { <-done }
}

// run makes the attempts, and returns when the last one is over.
func (r *race) run(ctx context.Context) {
	var attempts sync.WaitGroup
	defer attempts.Wait()
	for i := range r.res.Attempts {
		over := make(chan struct{})
		attempts.Go(func() {
			defer close(over)
			r.attempt(ctx, &r.res.Attempts[i])
		})
		if !r.turn(ctx, over) {
			return
		}
	}
}

// turn waits until the next target is to be called, and reports whether that is needed yet.
func (r *race) turn(ctx context.Context, over <-chan struct{}) bool {
	var step <-chan time.Time
	switch r.opts.Strategy {
	case OneByOne:
	case Hunt:
		step = time.After(cmp.Or(r.opts.Step, defaultStep))
	default:
		return true
	}
	select {
	case <-over:
	case <-step:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// attempt calls one target.
func (r *race) attempt(ctx context.Context, a *Attempt) {
	if a.Delay > 0 && !pause(ctx, a.Delay) || ctx.Err() != nil {
		return
	}
	ch, err := r.call(ctx, a)
	if err == nil && r.opts.Screen != nil {
		err = r.opts.Screen.ask(ctx, r.caller, ch)
	}
	if err == nil && r.win(ctx, a, ch) {
		return
	}
	err = cmp.Or(err, context.Cause(ctx))
	a.lost(ctx, err)
	a.letGo(ctx, ch, err)
}

// call calls a target, and returns its channel when it has answered. The channel comes with an error too, unless none has been
// made for sure.
func (r *race) call(ctx context.Context, a *Attempt) (*ari.Channel, error) {
	begun := time.Now()
	limit := cmp.Or(a.Timeout, r.opts.Timeout, defaultRingTime)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errRangOut)
	defer cancel()
	if err := r.ctrl.WaitConnected(ctx); err != nil { // Who is called for an application that isn't there is let go at once.
		return nil, err
	}
	handle := r.ctrl.Channel(r.ctrl.NewID())
	rings := ari.Subscribe[*ari.Dial](handle)
	defer func() {
		a.RingTime = time.Since(begun)
		for ev, ok := rings.TryNext(); ok; ev, ok = rings.TryNext() {
			a.Rang = a.Rang || ev.DialStatus == "RINGING"
		}
		rings.Close()
	}()
	// Asterisk's own limit is for the case that nobody is there any more to end the ringing.
	ch, err := r.ring(ctx, a, handle.ID, limit+2*time.Second)
	if err != nil {
		if e, refused := errors.AsType[*ari.Error](err); refused && e.StatusCode != 0 && ch == nil {
			return nil, err
		}
		return cmp.Or(ch, handle), err
	}
	return ch, ch.WaitAnswered(ctx)
}

// ring lets a target's telephone ring.
func (r *race) ring(ctx context.Context, a *Attempt, id string, limit time.Duration) (*ari.Channel, error) {
	originator, callerID := "", cmp.Or(a.CallerID, r.opts.CallerID)
	if r.caller != nil {
		originator, callerID = r.caller.ID, cmp.Or(callerID, callerIDOf(r.caller))
	}
	if !r.opts.EarlyMedia {
		return r.ctrl.Originate(ctx, ari.OriginateOptions{
			Endpoint: a.Endpoint, CallerID: callerID, Timeout: limit, ChannelID: id, Originator: originator,
			Variables: r.opts.variables(a.Target),
		})
	}
	ch, err := r.ctrl.CreateChannel(ctx, ari.CreateChannelOptions{
		Endpoint: a.Endpoint, ChannelID: id, Originator: originator, Variables: r.opts.variables(a.Target),
	})
	if err != nil {
		return nil, err
	}
	if err := r.res.early.AddChannel(ctx, ch.ID); err != nil {
		return ch, err
	}
	return ch, ch.DialWith(ctx, ari.DialOptions{Caller: originator, Timeout: limit})
}

// callerIDOf is a channel's caller id in the form in which Asterisk takes one.
func callerIDOf(ch *ari.Channel) string {
	if ch.Caller.Name == "" || ch.Caller.Number == "" {
		return ch.Caller.Number
	}
	return ch.Caller.Name + " <" + ch.Caller.Number + ">"
}

// win makes an attempt the one that has the call, unless another has it, or nobody needs it any more.
func (r *race) win(ctx context.Context, a *Attempt, ch *ari.Channel) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.res.Winner != nil || ctx.Err() != nil {
		return false
	}
	a.Outcome = Answered
	r.res.Winner, r.res.Channel = a, ch
	r.decide(errElsewhere)
	return true
}

// lost notes what has become of an attempt that doesn't have the call.
func (a *Attempt) lost(race context.Context, err error) {
	a.Err = err
	end, ended := errors.AsType[*ari.EndError](err)
	if end == context.Cause(race) { //nolint:errorlint // It is the caller's end, and says nothing of this one.
		end, ended = nil, false
	}
	if ended {
		a.Cause = end.Cause
	}
	switch decided := context.Cause(race); {
	case errors.Is(err, errDeclined):
		a.Outcome = Declined
	case errors.Is(err, ari.ErrBusy):
		a.Outcome = Busy
	case errors.Is(err, ari.ErrNoAnswer), errors.Is(err, errRangOut):
		a.Outcome = NoAnswer
	case errors.Is(err, ari.ErrRejected):
		a.Outcome = Rejected
	case errors.Is(err, ari.ErrUnreachable):
		a.Outcome = Unreachable
	case errors.Is(err, ari.ErrCongestion):
		a.Outcome = Congestion
	case ended && (a.Cause == ari.CauseBearerNotAvailable || a.Cause == ari.CauseIncompatibleDestination):
		a.Outcome = Unreachable
	case ended:
		a.Outcome = Rejected
	case errors.Is(decided, errElsewhere):
		a.Outcome, a.Cause = Elsewhere, ari.CauseAnsweredElsewhere
	case errors.Is(decided, errRangOut):
		a.Outcome = NoAnswer
	case decided != nil:
		a.Outcome = Canceled
	default:
		a.Outcome = Failed
	}
}

// letGo hangs up who doesn't have the call.
func (a *Attempt) letGo(ctx context.Context, ch *ari.Channel, err error) {
	if ch == nil {
		return
	}
	if end, ok := errors.AsType[*ari.EndError](err); ok && end.Entity.ID == ch.ID && errors.Is(end, ari.ErrChannelDestroyed) {
		return
	}
	reason := ari.HangupReason("")
	if a.Outcome == Elsewhere {
		reason = ari.HangupReasonAnsweredElsewhere
	}
	left := hangUp(ctx, ch, reason, errors.Is(err, ari.ErrConnection))
	if errors.Is(left, ari.ErrInvalid) { // Older than the reason.
		left = hangUp(ctx, ch, "", false)
	}
	a.Err = errors.Join(a.Err, left)
}

// refused reports whether Asterisk has refused to make an attempt.
func refused(a Attempt) bool {
	e, ok := errors.AsType[*ari.Error](a.Err)
	return ok && a.Outcome == Failed && e.StatusCode != 0
}

// conclude says what came of all of it.
func (r *race) conclude(ctx, racing context.Context, err error) error {
	res := r.res
	if res.Winner == nil && r.caller != nil && slices.ContainsFunc(res.Attempts, refused) {
		pause(ctx, leaveTime) // Nobody can be called for a caller who is gone, and his end may be on its way.
	}
	switch {
	case res.Winner != nil:
		res.Outcome = Answered
		return nil
	case ctx.Err() != nil:
		err = reasonOf(ctx)
		res.Outcome = outcomeOf(ctx, err)
		return err
	case err != nil:
		res.Outcome = outcomeOf(ctx, err)
		return err
	case errors.Is(context.Cause(racing), errKey):
		res.Outcome = Key
		return nil
	}
	best := []Outcome{NoAnswer, Declined, Busy, Rejected, Congestion, Unreachable, Failed}
	res.Outcome = Failed
	for _, a := range res.Attempts {
		if at := slices.Index(best, a.Outcome); at >= 0 && at < slices.Index(best, res.Outcome) {
			res.Outcome = a.Outcome
		}
		if a.Outcome == Failed {
			err = errors.Join(err, a.Err)
		}
	}
	if res.Outcome != Failed {
		return nil
	}
	return err
}
