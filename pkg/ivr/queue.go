package ivr

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// How a queue may end for a caller, beside [Answered], [TimeLimit], [Key] and [HungUp].
const (
	// NoAgents: nobody is there who could take calls.
	NoAgents Outcome = "no agents"
	// Full: as many callers wait as may.
	Full Outcome = "full"
)

// A QueueStrategy says which of the free agents gets a call.
type QueueStrategy uint8

// The strategies.
const (
	LongestIdle QueueStrategy = iota // who has been free for longest
	FewestCalls                      // who has answered the fewest calls
	RoundRobin                       // the one after who was called last
	Random
	RingAll // all who are free ring at once
)

// QueueOptions say how a queue works. The zero value plays music, and calls who has been free for longest.
type QueueOptions struct {
	// Strategy says which agent gets a call.
	Strategy QueueStrategy

	// Dial says how agents are called: CallerID, Variables, Headers, Screen. Timeout is how long a telephone rings, 15 s by
	// default. Bridge is how they talk.
	Dial DialOptions

	// WrapUp is how long an agent has no call after one.
	WrapUp time.Duration

	// Rest is how long an agent has no call after one that he didn't answer: 5 s by default.
	Rest time.Duration

	// Limit is how long a caller waits at most; 0 is no limit. MaxWaiting is how many may wait; 0 is no limit.
	Limit      time.Duration
	MaxWaiting int

	// NeedAgents sends callers away when no agent is there, or only paused ones, and those who wait when the last one goes.
	NeedAgents bool

	// ExitKeys are keys with which callers give up waiting.
	ExitKeys string

	// Waiting is what callers hear: music by default.
	Waiting Waiting

	// AnnounceEvery is how often a caller is told his position and how long it may take; 0 is never. Announce says
	// it: by default with queue-youarenext, queue-thereare and the like.
	AnnounceEvery time.Duration
	Announce      func(position int, expected time.Duration) Phrase

	// ServiceLevel is within which time a call should be answered: 20 s by default. Statistics count by it.
	ServiceLevel time.Duration
}

// A Queue is callers who wait for agents. It has the callers of one process. [NewQueue] makes one.
type Queue struct {
	name      string
	directory Directory
	opts      QueueOptions

	mu      sync.Mutex
	waiting []*waiter // in the order of their turn
	last    string    // the agent who was called last
	stats   QueueStats
}

// A waiter is a caller in a queue.
type waiter struct {
	priority int
	offer    chan []AgentState // agents who are reserved for him
	offered  bool
}

// QueueStats are a queue's figures since it was made. Each caller who has entered is counted once: Entered is the sum of Answered,
// Abandoned, TimedOut, Exited, SentAway, Failed and those who still wait.
type QueueStats struct {
	// Entered have come; Waiting of them still wait.
	Entered, Waiting int

	// Answered have got an agent, WithinLevel of them within the service level. Abandoned have hung up before, TimedOut have
	// waited too long, Exited have pressed a key, SentAway came when nobody was there or too many waited; Failed is the rest.
	Answered, WithinLevel, Abandoned, TimedOut, Exited, SentAway, Failed int

	// Missed is how often an agent didn't answer.
	Missed int

	// Waited is how long those who were answered waited in sum, LongestWait the longest of all; Talked is how long they talked.
	Waited, LongestWait, Talked time.Duration
}

// NewQueue makes a queue. Its name is the one that the directory knows.
func NewQueue(name string, directory Directory, opts QueueOptions) *Queue {
	opts.ServiceLevel = cmp.Or(opts.ServiceLevel, 20*time.Second)
	opts.Rest = cmp.Or(opts.Rest, 5*time.Second)
	opts.Dial.Timeout = cmp.Or(opts.Dial.Timeout, 15*time.Second)
	opts.Dial.Strategy, opts.Dial.EarlyMedia, opts.Dial.ExitKeys, opts.Dial.Waiting = AllAtOnce, false, "", Quiet()
	if opts.Announce == nil {
		opts.Announce = announce
	}
	return &Queue{name: name, directory: directory, opts: opts}
}

// Stats are the queue's figures.
func (q *Queue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Waiting = len(q.waiting)
	return s
}

// EnterOptions say how a caller waits.
type EnterOptions struct {
	// Priority puts him before those with a lower one.
	Priority int
}

// A QueueResult is what came of waiting in a queue.
type QueueResult struct {
	// Outcome is Answered; TimeLimit, Key, NoAgents, Full; HungUp, Canceled or Failed.
	Outcome Outcome

	// Agent is who has answered; nil if nobody has.
	Agent *Agent

	// Waited is how long it took.
	Waited time.Duration

	// Key is the key with which he gave up.
	Key string

	// Bridge is how they talked; nil if they didn't.
	Bridge *BridgeResult
}

// Enter lets a caller wait until an agent has answered, and connects them until one hangs up. The caller must be answered. When an agent doesn't
// answer, the caller keeps his turn. His channel stays, the agent's is hung up.
//
// The error is nil as long as the caller is there: see the package's documentation. Besides, it is the directory's.
// Since Asterisk 12.
func (q *Queue) Enter(ctx context.Context, caller *ari.Channel, opts EnterOptions) (*QueueResult, error) {
	v := &visit{q: q, caller: caller, begun: time.Now(), res: &QueueResult{}, w: &waiter{priority: opts.Priority, offer: make(chan []AgentState, 1)}}
	whole := ctx
	ctx, release := caller.Context(ctx)
	defer release()
	out, err := q.admit(ctx, v.w)
	if out == "" && err == nil {
		out, err = v.wait(ctx)
	}
	err = errors.Join(err, v.end(ctx, out, err))
	if v.reached != nil {
		err = errors.Join(err, v.talk(whole))
	}
	return v.res, err
}

// admit takes a caller in, unless he may not wait.
func (q *Queue) admit(ctx context.Context, w *waiter) (Outcome, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Entered++
	full := q.opts.MaxWaiting > 0 && len(q.waiting) >= q.opts.MaxWaiting
	if !full {
		at := slices.IndexFunc(q.waiting, func(o *waiter) bool { return o.priority < w.priority })
		if at < 0 {
			at = len(q.waiting)
		}
		q.waiting = slices.Insert(q.waiting, at, w)
		return "", q.matchLocked(ctx)
	}
	return Full, nil
}

// match offers free agents to those who wait, in the order of their turn.
func (q *Queue) match(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.matchLocked(ctx)
}

// matchLocked is match with the lock held.
func (q *Queue) matchLocked(ctx context.Context) error {
	for _, w := range q.waiting {
		if w.offered {
			continue
		}
		reserved, err := q.reserve(ctx)
		if err != nil {
			return err
		}
		if len(reserved) == 0 {
			return nil
		}
		w.offered = true
		w.offer <- reserved
	}
	return nil
}

// reserve reserves a free agent by the queue's strategy, or all of them.
func (q *Queue) reserve(ctx context.Context) (reserved []AgentState, err error) {
	agents, err := q.directory.Agents(ctx, q.name)
	if err != nil {
		return nil, err
	}
	for _, a := range q.order(agents) {
		if a.Paused || a.Busy {
			continue
		}
		ok, err := q.directory.Reserve(ctx, a.ID)
		if err != nil {
			return reserved, errors.Join(err, q.release(ctx, reserved, "", 0))
		}
		if !ok {
			continue
		}
		q.last = a.ID
		reserved = append(reserved, a)
		if q.opts.Strategy != RingAll {
			break
		}
	}
	return reserved, nil
}

// order puts agents into the order in which they are called.
func (q *Queue) order(agents []AgentState) []AgentState {
	switch q.opts.Strategy {
	case FewestCalls:
		slices.SortStableFunc(agents, func(a, b AgentState) int { return cmp.Or(a.Calls-b.Calls, a.Since.Compare(b.Since)) })
	case RoundRobin:
		at := slices.IndexFunc(agents, func(a AgentState) bool { return a.ID == q.last })
		agents = slices.Concat(agents[at+1:], agents[:at+1])
	case Random:
		rand.Shuffle(len(agents), func(i, j int) { agents[i], agents[j] = agents[j], agents[i] }) //nolint:gosec // It is no secret.
	case RingAll:
	default:
		slices.SortStableFunc(agents, func(a, b AgentState) int { return a.Since.Compare(b.Since) })
	}
	return agents
}

// release gives reserved agents back, all but one at once.
func (q *Queue) release(ctx context.Context, agents []AgentState, but string, after time.Duration) (err error) {
	for _, a := range agents {
		if a.ID != but {
			err = errors.Join(err, q.directory.Release(context.WithoutCancel(ctx), a.ID, false, after))
		}
	}
	return err
}

// position is a waiter's turn, from 1 on, and how long it may take until then.
func (q *Queue) position(ctx context.Context, w *waiter) (int, time.Duration) {
	agents, _ := q.directory.Agents(ctx, q.name) // Without, the time isn't known.
	q.mu.Lock()
	defer q.mu.Unlock()
	turn := slices.Index(q.waiting, w) + 1
	if q.stats.Answered == 0 || len(agents) == 0 {
		return turn, 0
	}
	return turn, q.stats.Talked / time.Duration(q.stats.Answered) * time.Duration(turn) / time.Duration(len(agents))
}

// announce says a position, and how long it may take.
func announce(position int, expected time.Duration) Phrase {
	p := Phrase{Sound("queue-youarenext")}
	if position > 1 {
		p = Phrase{Sound("queue-thereare"), Number(position - 1), Sound("queue-callswaiting")}
	}
	if minutes := int(expected.Round(time.Minute) / time.Minute); minutes > 0 {
		p = append(p, Sound("queue-holdtime"), Number(minutes), Sound("queue-minutes"))
	}
	return append(p, Sound("queue-thankyou"))
}

// Unserved is how many callers wait to whom no agent is being called at the moment.
func (q *Queue) Unserved() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for _, w := range q.waiting {
		if !w.offered {
			n++
		}
	}
	return n
}
