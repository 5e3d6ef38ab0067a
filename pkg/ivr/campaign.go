package ivr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// CampaignOptions say whom [RunCampaign] calls, and how. Numbers and Talk are required.
type CampaignOptions struct {
	// Numbers are whom to call, in this order: endpoints, such as "PJSIP/100@trunk", or what Target makes endpoints of.
	Numbers []string
	Target  func(number string) Target

	// Talk is the script for who answers. ctx ends when he hangs up. His channel is hung up afterwards.
	Talk func(ctx context.Context, callee *ari.Channel, number string) error

	// AtOnce is how many calls there are at most at the same time: 1 by default. PerSecond is how many begin in a second at most: 1 by
	// default.
	AtOnce    int
	PerSecond float64

	// Attempts is how often somebody is called who doesn't answer: once by default. Retry says after which time, by why he
	// didn't: by default after 5 minutes who is busy, an hour who doesn't answer, 10 minutes where no line is free or something failed.
	// Who isn't in it isn't called again.
	Attempts int
	Retry    map[Outcome]time.Duration

	// Open says when calls may be made, at the earliest from some time on: see [Daily]. Nil is always.
	Open func(from time.Time) time.Time

	// Dial says how they are called: CallerID, Timeout, Variables, Headers, Screen.
	Dial DialOptions

	// Stop ends it when it is closed: nobody else is called, and who talks may finish.
	Stop <-chan struct{}

	// Progress, if set, is told of each attempt, one at a time.
	Progress func(a CampaignAttempt)
}

// A CampaignAttempt is one call of a campaign.
type CampaignAttempt struct {
	Number  string
	Outcome Outcome // as in [DialResult]
	Attempt int     // from 1 on
	Again   bool    // he will be called once more
	Err     error   // the script's, or Asterisk's
}

// A CampaignResult is what came of a campaign.
type CampaignResult struct {
	// Outcome is Done; Discarded if it was stopped before; Canceled or Failed.
	Outcome Outcome

	// Last is each number's last attempt. Numbers that were never called aren't in it.
	Last map[string]CampaignAttempt

	// Calls were made, Answered of the numbers have answered.
	Calls, Answered int
}

// Daily is when calls may be made: each day between two times of the clock, counted from midnight on, in the time's own zone. A window that
// closes no later than it opens closes on the next day: from 22 to 6 is the night, from 8 to 8 is always.
func Daily(opens, closes time.Duration) func(from time.Time) time.Time {
	if closes <= opens {
		closes += 24 * time.Hour
	}
	// The clock says 9 nine hours after midnight also on days that have 23 or 25 hours.
	clock := func(from time.Time, days int, at time.Duration) time.Time {
		return time.Date(from.Year(), from.Month(), from.Day()+days, 0, 0, 0, int(at), from.Location())
	}
	return func(from time.Time) time.Time {
		days := -1 // Yesterday's may still be open.
		for !from.Before(clock(from, days, closes)) {
			days++
		}
		if at := clock(from, days, opens); at.After(from) {
			return at
		}
		return from
	}
}

// defaultRetry is when who didn't answer is called again.
var defaultRetry = map[Outcome]time.Duration{
	Busy: 5 * time.Minute, NoAnswer: time.Hour, Congestion: 10 * time.Minute, Failed: 10 * time.Minute,
}

// RunCampaign calls the numbers of a list, and runs a script with each who answers. It returns when everybody has been called, or ctx ends, which
// ends the calls; or after Stop, when those who talk have finished. It fails with ari.ErrInvalid if the options make no sense, with
// ari.ErrNoEvents without a connected client, and with ctx's error. Since Asterisk 13.
func RunCampaign(ctx context.Context, ctrl *ari.Controller, opts CampaignOptions) (*CampaignResult, error) {
	c := &campaign{ctrl: ctrl, opts: opts, res: &CampaignResult{Outcome: Failed, Last: make(map[string]CampaignAttempt)}}
	if len(opts.Numbers) == 0 || opts.Talk == nil || opts.AtOnce < 0 || opts.PerSecond < 0 || slices.Contains(opts.Numbers, "") {
		return c.res, fmt.Errorf("ivr: campaign: %w: it needs numbers, and something to say", ari.ErrInvalid)
	}
	c.opts.AtOnce, c.opts.PerSecond, c.opts.Attempts = max(opts.AtOnce, 1), cmp.Or(opts.PerSecond, 1), max(opts.Attempts, 1)
	if opts.Retry == nil {
		c.opts.Retry = defaultRetry
	}
	if err := ctrl.WaitConnected(ctx); err != nil {
		return c.res, err
	}
	for _, n := range opts.Numbers {
		c.due = append(c.due, duty{number: n})
	}
	err := c.run(ctx)
	switch {
	case err != nil:
		c.res.Outcome = outcomeOf(ctx, err)
	case len(c.due) > 0:
		c.res.Outcome = Discarded
	default:
		c.res.Outcome = Done
	}
	return c.res, err
}

// A campaign is one that is going on.
type campaign struct {
	ctrl *ari.Controller
	opts CampaignOptions
	res  *CampaignResult

	mu   sync.Mutex
	due  []duty // who is to be called yet, those first whose turn comes first
	busy int
}

// A duty is somebody who is to be called, not before some time.
type duty struct {
	number   string
	attempts int
	at       time.Time
}

// run makes calls until there is nothing left to be done.
func (c *campaign) run(ctx context.Context) error {
	var calls sync.WaitGroup
	defer calls.Wait()
	freed := make(chan struct{}, c.opts.AtOnce)
	next := time.Now()
	for {
		wait, idle := c.wait(next)
		if idle {
			return nil
		}
		var timer <-chan time.Time
		if wait >= 0 {
			timer = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return reasonOf(ctx)
		case <-c.opts.Stop:
			return nil
		case <-freed:
			continue
		case <-timer:
		}
		if c.stopped(ctx) { // Of several that are ready, select takes any.
			continue
		}
		d, ok := c.take()
		if !ok {
			continue
		}
		next = time.Now().Add(time.Duration(float64(time.Second) / c.opts.PerSecond))
		calls.Go(func() {
			c.call(ctx, d)
			freed <- struct{}{}
		})
	}
}

// stopped reports whether nobody else is to be called.
func (c *campaign) stopped(ctx context.Context) bool {
	select {
	case <-c.opts.Stop:
		return true
	default:
		return ctx.Err() != nil
	}
}

// wait is how long to wait until a call may begin; a negative time, if not before another one ends. idle says that nothing is left.
func (c *campaign) wait(next time.Time) (wait time.Duration, idle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.due) == 0 {
		return -1, c.busy == 0
	}
	if c.busy >= c.opts.AtOnce {
		return -1, false
	}
	at := time.Now()
	for _, t := range []time.Time{next, c.due[0].at} {
		if t.After(at) {
			at = t
		}
	}
	if c.opts.Open != nil {
		at = c.opts.Open(at)
	}
	return max(time.Until(at), 0), false
}

// take takes who is to be called now.
func (c *campaign) take() (d duty, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.due) == 0 || c.due[0].at.After(time.Now()) {
		return duty{}, false
	}
	d = c.due[0]
	c.due = c.due[1:]
	c.busy++
	return d, true
}

// call makes one call.
func (c *campaign) call(ctx context.Context, d duty) {
	opts := c.opts.Dial
	opts.Targets = Endpoints(d.number)
	if c.opts.Target != nil {
		opts.Targets = []Target{c.opts.Target(d.number)}
	}
	reached, err := Call(ctx, c.ctrl, opts)
	if reached.Outcome == Answered {
		talking, release := reached.Channel.Context(ctx)
		err = c.opts.Talk(talking, reached.Channel, d.number)
		release()
		err = errors.Join(err, hangUp(ctx, reached.Channel, "", false))
	}
	c.note(ctx, d, reached.Outcome, err)
}

// note notes what came of a call, and when to call again.
func (c *campaign) note(ctx context.Context, d duty, out Outcome, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d.attempts++
	pause, retry := c.opts.Retry[out]
	a := CampaignAttempt{Number: d.number, Outcome: out, Attempt: d.attempts, Err: err}
	a.Again = retry && out != Answered && d.attempts < c.opts.Attempts && ctx.Err() == nil
	c.busy--
	c.res.Calls++
	c.res.Last[d.number] = a
	if out == Answered {
		c.res.Answered++
	}
	if a.Again {
		d.at = time.Now().Add(pause)
		at, _ := slices.BinarySearchFunc(c.due, d, func(o, d duty) int {
			if o.at.After(d.at) {
				return 1
			}
			return -1
		})
		c.due = slices.Insert(c.due, at, d)
	}
	if c.opts.Progress != nil {
		c.opts.Progress(a)
	}
}
