package ivr

import (
	"context"
	"sync"
	"time"
)

// An Agent is somebody who takes calls of queues.
type Agent struct {
	// ID is the agent's own, such as "alice"; Endpoint is where he is called, such as "PJSIP/alice".
	ID, Endpoint string
}

// An AgentState is an agent and what he does.
type AgentState struct {
	Agent

	// Paused says that he wants no calls; Busy that he has one, or that it is less than the wrap-up time ago.
	Paused, Busy bool

	// Since is since when he is as he is: how long he is idle.
	Since time.Time

	// Calls is how many he has answered.
	Calls int
}

// A Directory knows who takes the calls of queues: see [MemoryDirectory]. Its methods may be called by any goroutine. An agent of
// several queues has one call at a time.
type Directory interface {
	// Agents are those of a queue, in an order that stays.
	Agents(ctx context.Context, queue string) ([]AgentState, error)

	// Reserve makes an agent busy, and reports whether that succeeded: he may be gone, paused or busy by now.
	Reserve(ctx context.Context, agent string) (bool, error)

	// Release makes a reserved agent free again, when some time has passed; answered says that he has had the call.
	Release(ctx context.Context, agent string, answered bool, after time.Duration) error

	// Changed returns a channel that is closed at the next change.
	Changed() <-chan struct{}
}

// MemoryDirectory is a [Directory] in memory. The zero value is empty and ready.
type MemoryDirectory struct {
	mu      sync.Mutex
	queues  map[string][]string
	agents  map[string]*AgentState
	changed chan struct{}
}

// change changes something, with the lock held, and tells of it.
func (d *MemoryDirectory) change(do func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.agents == nil {
		d.agents, d.queues = make(map[string]*AgentState), make(map[string][]string)
	}
	do()
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// Join lets an agent take calls of queues, from now on.
func (d *MemoryDirectory) Join(agent Agent, queues ...string) {
	d.change(func() {
		if a := d.agents[agent.ID]; a != nil {
			a.Agent = agent
		} else {
			d.agents[agent.ID] = &AgentState{Agent: agent, Since: time.Now()}
		}
		for _, q := range queues {
			d.queues[q] = append(without(d.queues[q], agent.ID), agent.ID)
		}
	})
}

// Leave takes an agent out of queues; out of all if none is named. A call that he has goes on.
func (d *MemoryDirectory) Leave(agent string, queues ...string) {
	d.change(func() {
		for q := range d.queues {
			if len(queues) == 0 || len(without(queues, q)) < len(queues) {
				d.queues[q] = without(d.queues[q], agent)
			}
		}
	})
}

func without(ids []string, id string) (rest []string) {
	for _, other := range ids {
		if other != id {
			rest = append(rest, other)
		}
	}
	return rest
}

// Pause keeps an agent from calls, or ends that.
func (d *MemoryDirectory) Pause(agent string, paused bool) {
	d.change(func() {
		if a := d.agents[agent]; a != nil && a.Paused != paused {
			a.Paused, a.Since = paused, time.Now()
		}
	})
}

// Agents implements [Directory].
func (d *MemoryDirectory) Agents(_ context.Context, queue string) (all []AgentState, _ error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range d.queues[queue] {
		all = append(all, *d.agents[id])
	}
	return all, nil
}

// Reserve implements [Directory].
func (d *MemoryDirectory) Reserve(_ context.Context, agent string) (ok bool, _ error) {
	d.change(func() {
		a := d.agents[agent]
		if ok = a != nil && !a.Paused && !a.Busy && d.there(agent); ok {
			a.Busy, a.Since = true, time.Now()
		}
	})
	return ok, nil
}

// there reports whether an agent is in any queue.
func (d *MemoryDirectory) there(agent string) bool {
	for _, ids := range d.queues {
		if len(without(ids, agent)) < len(ids) {
			return true
		}
	}
	return false
}

// Release implements [Directory].
func (d *MemoryDirectory) Release(_ context.Context, agent string, answered bool, after time.Duration) error {
	free := func() {
		d.change(func() {
			if a := d.agents[agent]; a != nil {
				a.Busy, a.Since = false, time.Now()
			}
		})
	}
	d.change(func() {
		if a := d.agents[agent]; a != nil && answered {
			a.Calls++
		}
	})
	if after > 0 {
		time.AfterFunc(after, free)
	} else {
		free()
	}
	return nil
}

// Changed implements [Directory].
func (d *MemoryDirectory) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.changed == nil {
		d.changed = make(chan struct{})
	}
	return d.changed
}
