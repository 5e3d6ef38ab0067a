package lanes

import "sync/atomic"

const (
	// shares is how many times a single queue's limit may wait in all queues together, and how many queues may be set
	// aside.
	shares = 128

	// fairShare is how many tasks may wait in each queue even when all queues together are full: who keeps up must not
	// suffer from others that don't.
	fairShare = 8
)

// A Budget is what queues share: how many tasks may wait in each of them and in all of them together, and the counts.
//
// All queues together hold at most 128 times the limit of one; beyond that each still takes 8. A queue that has reached
// its own limit is set aside: until its consumer has worked off half of it, its tasks don't count against the others.
// That goes for 128 queues at a time, so what waits for consumers that don't keep up is bounded too, except for
// vital tasks.
type Budget struct {
	limit  int
	shared atomic.Int64  // tasks that count against all
	beyond atomic.Int64  // tasks that don't: of queues set aside, or beyond their queue's limit
	aside  atomic.Int64  // queues set aside
	lost   atomic.Uint64 // tasks thrown away because a queue was full
}

// NewBudget returns a budget for queues of at most limit tasks, vital ones aside. A limit under 1 counts as 1.
func NewBudget(limit int) *Budget { return &Budget{limit: max(limit, 1)} }

// Waiting is the number of tasks in all queues that are neither closed nor ended.
func (b *Budget) Waiting() int { return int(b.shared.Load() + b.beyond.Load()) }

// Lost is the number of tasks thrown away because a queue was full.
func (b *Budget) Lost() uint64 { return b.lost.Load() }

// room reports whether a task that may be lost can wait behind n others.
func (b *Budget) room(n int) bool {
	return n < b.limit && (n < fairShare || b.shared.Load() < shares*int64(b.limit))
}

// setAside takes a place among the queues set aside, if there is one.
func (b *Budget) setAside() bool {
	if b.aside.Add(1) <= shares {
		return true
	}
	b.aside.Add(-1)
	return false
}
