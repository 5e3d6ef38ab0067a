package ivr

import (
	"cmp"
	"context"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// What has answered, as [DetectMachine] finds out.
const (
	Human   Outcome = "human"
	Machine Outcome = "machine"
	NotSure Outcome = "not sure"
)

// AMDOptions say where the dialplan's detection is. Client is required.
type AMDOptions struct {
	// Client has the events of the application that the channel comes back to.
	Client *ari.Client

	// Context and Extension are a place in the dialplan that runs AMD() and comes back: "amd" and "s" by default.
	Context, Extension string

	// Timeout is how long it may take: 20 s by default.
	Timeout time.Duration
}

// An AMDResult is what has answered.
type AMDResult struct {
	// Outcome is Human, Machine, NotSure; HungUp, TimeLimit, Canceled or Failed.
	Outcome Outcome

	// Cause is how the dialplan came to that, such as "TOOLONG-5000".
	Cause string
}

// defaultAMDTime is how long the detection may take.
const defaultAMDTime = 20 * time.Second

// DetectMachine finds out whether a human or a machine has answered a call that the program has made. Asterisk has that as an application of the
// dialplan only, so the channel goes there and comes back:
//
//	[amd]
//	exten = s,1,AMD()
//	 same = n,Stasis(hello)
//	 same = n,Hangup()
//
// The channel leaves the application for that, and contexts that live by it end; so this is for channels of [Call] and [Reach], not for the
// caller of a handler. It fails with ari.ErrInvalid without a client, and as the package's documentation says. Since Asterisk 12.
func DetectMachine(ctx context.Context, callee *ari.Channel, opts AMDOptions) (*AMDResult, error) {
	res := &AMDResult{Outcome: Failed}
	if opts.Client == nil {
		return res, ari.ErrInvalid
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(opts.Timeout, defaultAMDTime), errRangOut)
	defer cancel()
	back := ari.Subscribe[*ari.StasisStart](opts.Client)
	defer back.Close()
	gone := ari.Subscribe[*ari.ChannelDestroyed](opts.Client)
	defer gone.Close()
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer stop()
		for ev, err := range gone.All(waiting) {
			if err != nil || ev.Channel.ID == callee.ID {
				return
			}
		}
	}()
	err := callee.ContinueWith(ctx, ari.ContinueOptions{Context: cmp.Or(opts.Context, "amd"), Extension: cmp.Or(opts.Extension, "s"), Priority: 1})
	for err == nil {
		var start *ari.StasisStart
		if start, err = back.Next(waiting); err == nil && start.Channel.ID == callee.ID {
			return res.read(ctx, callee)
		}
	}
	switch {
	case isGone(err), ctx.Err() == nil && waiting.Err() != nil:
		res.Outcome, err = HungUp, nil
	case context.Cause(ctx) == errRangOut: //nolint:errorlint // It is the very one.
		res.Outcome, err = TimeLimit, nil
	default:
		res.Outcome = outcomeOf(ctx, err)
	}
	return res, err
}

// read reads what the dialplan has found out.
func (r *AMDResult) read(ctx context.Context, callee *ari.Channel) (*AMDResult, error) {
	status, err := callee.Variable(ctx, "AMDSTATUS")
	if err == nil {
		r.Cause, err = callee.Variable(ctx, "AMDCAUSE")
	}
	switch {
	case isGone(err) && status == "":
		r.Outcome = HungUp
	case err != nil && !isGone(err):
		return r, err
	case status == "HUMAN":
		r.Outcome = Human
	case status == "MACHINE":
		r.Outcome = Machine
	case status == "HANGUP":
		r.Outcome = HungUp
	default:
		r.Outcome = NotSure
	}
	return r, nil
}
