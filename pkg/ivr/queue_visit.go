package ivr

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// A visit is a caller's stay in a queue.
type visit struct {
	q      *Queue
	caller *ari.Channel
	w      *waiter
	begun  time.Time
	res    *QueueResult

	agent   AgentState  // who has answered
	reached *DialResult // his call
}

// wait waits until somebody has answered, or something else has ended it.
func (v *visit) wait(ctx context.Context) (Outcome, error) {
	keys, stop := exitKeys(ctx, v.caller, v.q.opts.ExitKeys)
	defer stop()
	quietly := v.entertain(ctx)
	defer quietly()
	var limit <-chan time.Time
	if v.q.opts.Limit > 0 {
		limit = time.After(v.q.opts.Limit)
	}
	for {
		changed := v.q.directory.Changed()
		if err := v.q.match(ctx); err != nil {
			return "", err
		}
		if empty, err := v.empty(ctx); empty || err != nil {
			return NoAgents, err
		}
		select {
		case agents := <-v.w.offer:
			out, err := v.offer(ctx, agents, keys, limit)
			if out != "" || err != nil {
				return out, err
			}
		case <-changed:
		case v.res.Key = <-keys:
			return Key, nil
		case <-limit:
			return TimeLimit, nil
		case <-ctx.Done():
			return "", reasonOf(ctx)
		}
	}
}

// empty reports whether nobody is there, where somebody must be.
func (v *visit) empty(ctx context.Context) (bool, error) {
	if !v.q.opts.NeedAgents {
		return false, nil
	}
	agents, err := v.q.directory.Agents(ctx, v.q.name)
	return !slices.ContainsFunc(agents, func(a AgentState) bool { return !a.Paused }), err
}

// offer calls the agents who are reserved. Without an outcome, nobody has answered.
func (v *visit) offer(ctx context.Context, agents []AgentState, keys <-chan string, limit <-chan time.Time) (Outcome, error) {
	opts := v.q.opts.Dial
	opts.Targets = nil
	for _, a := range agents {
		opts.Targets = append(opts.Targets, Target{Endpoint: a.Endpoint})
	}
	calling, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan *DialResult, 1)
	go func() {
		res, _ := Reach(calling, v.caller, opts) // The result says enough.
		done <- res
	}()
	var got *DialResult
	var out Outcome
	select {
	case got = <-done:
	case v.res.Key = <-keys:
		out = Key
	case <-limit:
		out = TimeLimit
	}
	if out != "" {
		cancel()
		got = <-done
	}
	if got.Outcome == Answered {
		return Answered, v.take(ctx, agents, got)
	}
	return out, v.missed(ctx, agents, out != "")
}

// take notes who has answered, and gives the others back.
func (v *visit) take(ctx context.Context, agents []AgentState, reached *DialResult) error {
	v.reached = reached
	for i := range reached.Attempts {
		if reached.Winner == &reached.Attempts[i] {
			v.agent = agents[i]
		}
	}
	return v.q.release(ctx, agents, v.agent.ID, 0)
}

// missed gives agents back who haven't answered. If the caller has gone, it wasn't their fault.
func (v *visit) missed(ctx context.Context, agents []AgentState, given bool) error {
	rest := v.q.opts.Rest
	if given || ctx.Err() != nil {
		rest = 0
	}
	v.q.mu.Lock()
	v.w.offered = false
	if rest > 0 {
		v.q.stats.Missed += len(agents)
	}
	v.q.mu.Unlock()
	released := v.q.release(ctx, agents, "", rest)
	if ctx.Err() != nil {
		return errors.Join(reasonOf(ctx), released)
	}
	return released // What kept one agent from being called is for the next one to show, or passes.
}

// end takes the caller out of the queue, and counts what came of it.
func (v *visit) end(ctx context.Context, out Outcome, err error) error {
	q, waited := v.q, time.Since(v.begun)
	v.res.Outcome, v.res.Waited = out, waited
	if err != nil && v.reached == nil {
		v.res.Outcome = outcomeOf(ctx, err)
	}
	q.mu.Lock()
	q.waiting = slices.DeleteFunc(q.waiting, func(w *waiter) bool { return w == v.w })
	q.stats.count(v.res, q.opts.ServiceLevel)
	q.mu.Unlock()
	select {
	case agents := <-v.w.offer: // It came too late.
		return q.release(ctx, agents, "", 0)
	default:
		return nil
	}
}

// count counts what came of a caller.
func (s *QueueStats) count(res *QueueResult, level time.Duration) {
	s.LongestWait = max(s.LongestWait, res.Waited)
	switch res.Outcome {
	case Answered:
		s.Answered++
		s.Waited += res.Waited
		if res.Waited <= level {
			s.WithinLevel++
		}
	case HungUp:
		s.Abandoned++
	case TimeLimit:
		s.TimedOut++
	case Key:
		s.Exited++
	case NoAgents, Full:
		s.SentAway++
	default:
		s.Failed++
	}
}

// talk connects the caller with the agent, and gives him back when they have talked.
func (v *visit) talk(ctx context.Context) (err error) {
	agent := v.agent.Agent
	v.res.Agent = &agent
	v.res.Bridge, err = Bridge(ctx, v.caller, v.reached.Channel, v.q.opts.Dial.Bridge)
	if v.res.Bridge.Outcome != Transferred {
		err = errors.Join(err, hangUp(ctx, v.reached.Channel, "", false))
	}
	v.q.mu.Lock()
	v.q.stats.Talked += v.res.Bridge.Duration
	v.q.mu.Unlock()
	return errors.Join(err, v.q.directory.Release(context.WithoutCancel(ctx), agent.ID, true, v.q.opts.WrapUp))
}

// entertain lets the caller hear music and announcements, until the function that it returns is called.
func (v *visit) entertain(ctx context.Context) (quietly func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		every := v.q.opts.AnnounceEvery
		for ctx.Err() == nil {
			end, err := v.q.opts.Waiting.or(Music("")).begin(ctx, v.caller)
			if err != nil && isGone(err) {
				return
			}
			if every <= 0 {
				<-ctx.Done()
			} else {
				pause(ctx, every)
			}
			end()
			if ctx.Err() == nil {
				position, expected := v.q.position(ctx, v.w)
				_ = playPhrase(ctx, v.caller, "", v.q.opts.Announce(position, expected))
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
