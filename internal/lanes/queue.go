package lanes

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A QueueOwner is told what happens to a [Queue]. Report is called with the queue's lock held: it must neither block nor
// call the queue. Drop gets each task that was offered and that nobody will fetch; it must not block.
type QueueOwner[T any] interface {
	Report(r Report)
	Drop(task T)
}

// A Queue is a bounded first-in-first-out queue for a consumer that fetches, or for several: each task goes to one of
// them. Make one by [Queue.Init]. Its methods may be called at any time by anybody.
type Queue[T any] struct {
	budget *Budget
	owner  QueueOwner[T]

	mu      sync.Mutex
	backlog backlog[T]
	wake    chan struct{} // closed at the next change; nil if nobody waits
	err     error         // why no more tasks come
}

// Init makes the queue ready. It may be part of its owner.
func (q *Queue[T]) Init(b *Budget, owner QueueOwner[T]) { q.budget, q.owner = b, owner }

// Offer adds a task. It never blocks. What is vital is refused only by a queue that has ended.
func (q *Queue[T]) Offer(task T, vital bool) Verdict {
	v := q.offer(task, vital)
	if v != Taken {
		q.owner.Drop(task)
	}
	return v
}

func (q *Queue[T]) offer(task T, vital bool) Verdict {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return Closed
	}
	v, r := q.backlog.push(q.budget, task, vital)
	q.tell(r)
	if v == Taken {
		q.changed()
	}
	return v
}

// Len is the number of tasks that wait.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.backlog.len()
}

// Err is nil as long as tasks may come, then what End or Close was first called with.
func (q *Queue[T]) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// Pop fetches the next task, if there is one.
func (q *Queue[T]) Pop() (task T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pop()
}

// pop is Pop, with mu held.
func (q *Queue[T]) pop() (task T, ok bool) {
	if q.backlog.len() == 0 {
		return task, false
	}
	if q.err != nil { // It is out of the budget.
		return q.backlog.fifo.pop(), true
	}
	task = q.backlog.pop(q.budget)
	if q.backlog.len() == 0 {
		q.tell(q.backlog.settle())
	}
	return task, true
}

// Next fetches the next task, and waits for it as long as ctx allows. When none can come it returns what Err returns.
// When ctx ends it returns what ctx.Err says together with the cause.
func (q *Queue[T]) Next(ctx context.Context) (T, error) {
	for {
		task, wake, err := q.poll()
		if wake == nil {
			return task, err
		}
		select {
		case <-wake:
		case <-ctx.Done():
			// What ended ctx may be the last task, which is here by now.
			if task, wake, err := q.poll(); wake == nil {
				return task, err
			}
			return task, ctxError(ctx)
		}
	}
}

// poll fetches the next task, or returns the channel to wait on for one.
func (q *Queue[T]) poll() (task T, wake chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	task, ok := q.pop()
	switch {
	case ok:
		return task, nil, nil
	case q.err != nil:
		return task, nil, q.err
	default:
		return task, q.waker(), nil
	}
}

// AwaitEnd waits until no more tasks can come and returns the reason, or ctx's error as [Queue.Next] does. It fetches
// nothing.
func (q *Queue[T]) AwaitEnd(ctx context.Context) error {
	for {
		q.mu.Lock()
		err := q.err
		wake := q.wake
		if err == nil {
			wake = q.waker()
		}
		q.mu.Unlock()
		if err != nil {
			return err
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return ctxError(ctx)
		}
	}
}

// End says that no more tasks come, and why, which must not be nil. What waits can still be fetched, and doesn't count
// any more: it can't grow, and may never be fetched.
func (q *Queue[T]) End(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.end(err)
}

func (q *Queue[T]) end(err error) {
	if q.err == nil {
		q.err = err
		q.tell(q.backlog.end(q.budget))
		q.changed()
	}
}

// Close ends the queue, unless it has ended before, and throws away what waits.
func (q *Queue[T]) Close(err error) {
	q.mu.Lock()
	q.end(err)
	left := q.backlog.takeAll()
	q.mu.Unlock()
	for _, task := range left {
		q.owner.Drop(task)
	}
}

func (q *Queue[T]) tell(r Report) {
	if r.Kind != nothing {
		q.owner.Report(r)
	}
}

// waker returns a channel that is closed at the next change. Call it with mu held, as changed.
func (q *Queue[T]) waker() chan struct{} {
	if q.wake == nil {
		q.wake = make(chan struct{})
	}
	return q.wake
}

func (q *Queue[T]) changed() {
	if q.wake != nil {
		close(q.wake)
		q.wake = nil
	}
}

// ctxError is ctx's end as an error, together with the cause, where there is one.
func ctxError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(cause, err) {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}
