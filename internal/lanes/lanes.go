package lanes

import "sync"

// A Key names a lane: an id, and what it is the id of.
type Key[K comparable] struct {
	Of K
	ID string
}

// An Owner does the work of [Lanes].
type Owner[K comparable, T any] interface {
	// Started is called when a lane comes into being, before its goroutine, and Done when it has been given up. Started
	// must neither block nor call the lanes.
	Started()
	Done()

	// Lane is called on a new lane's goroutine. What it returns gets each task of the lane, one after another.
	Lane(key Key[K]) Handler[T]

	// Report is called with a lock held: it must neither block nor call the lanes.
	Report(key Key[K], r Report)

	// Drop gets each task that was offered and that won't be handled. It must not block.
	Drop(task T)
}

// A Handler handles the tasks of one lane. Handle may block, and may end its goroutine by runtime.Goexit: the lane goes on
// with the next task. It must not panic.
type Handler[T any] interface{ Handle(task T) }

// Lanes are queues that are worked off by goroutines of their own: one for each key that has a task waiting or being
// handled. A key without one takes neither a goroutine nor memory. Make them by [Lanes.Init]. The methods may be called
// at any time by anybody, the function that handles tasks included.
type Lanes[K comparable, T any] struct {
	budget *Budget
	owner  Owner[K, T]

	mu      sync.Mutex
	stopped bool
	byKey   map[Key[K]]*lane[K, T]
	most    int // how long byKey has been since it was made
}

// A lane is one queue. The task that is being handled is not in it.
type lane[K comparable, T any] struct {
	of      *Lanes[K, T]
	key     Key[K]
	handler Handler[T]
	backlog backlog[T] // under of.mu
}

// Init makes lanes ready. They may be part of their owner.
func (ls *Lanes[K, T]) Init(b *Budget, owner Owner[K, T]) { ls.budget, ls.owner = b, owner }

// Offer adds a task to the lane of an id, which is copied if it is needed for longer than the call. It never blocks.
// What is vital is refused only by lanes that have been stopped.
func (ls *Lanes[K, T]) Offer(of K, id []byte, task T, vital bool) Verdict {
	v := ls.offer(of, id, task, vital)
	if v != Taken {
		ls.owner.Drop(task)
	}
	return v
}

func (ls *Lanes[K, T]) offer(of K, id []byte, task T, vital bool) Verdict {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.stopped {
		return Closed
	}
	ln := ls.byKey[Key[K]{of, string(id)}] // This doesn't allocate.
	if ln == nil {
		ls.begin(Key[K]{of, string(id)}, task)
		return Taken
	}
	v, r := ln.backlog.push(ls.budget, task, vital)
	ln.tell(r)
	return v
}

// begin makes a lane with its first task.
func (ls *Lanes[K, T]) begin(key Key[K], task T) {
	ln := &lane[K, T]{of: ls, key: key}
	if ls.byKey == nil {
		ls.byKey = make(map[Key[K]]*lane[K, T])
	}
	ls.byKey[key] = ln
	ls.most = max(ls.most, len(ls.byKey))
	ls.owner.Started()
	go ln.run(task)
}

// Len is the number of lanes.
func (ls *Lanes[K, T]) Len() int {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return len(ls.byKey)
}

// Stop throws away what waits, and all that will be offered. What is being handled is left alone, and not waited for.
func (ls *Lanes[K, T]) Stop() {
	ls.mu.Lock()
	var left []T
	if !ls.stopped {
		ls.stopped = true
		for _, ln := range ls.byKey {
			ln.tell(ln.backlog.end(ls.budget))
			left = append(left, ln.backlog.takeAll()...)
		}
	}
	ls.mu.Unlock()
	for _, task := range left {
		ls.owner.Drop(task)
	}
}

// run works a lane off, beginning with a task.
func (ln *lane[K, T]) run(task T) {
	clean := false
	defer func() {
		if !clean { // The owner's function has ended the goroutine.
			go ln.resume()
		}
	}()
	if ln.handler == nil {
		ln.handler = ln.of.owner.Lane(ln.key)
	}
	for more := true; more; task, more = ln.next() {
		ln.handler.Handle(task)
	}
	clean = true
	ln.of.owner.Done()
}

func (ln *lane[K, T]) resume() {
	if task, more := ln.next(); more {
		ln.run(task)
		return
	}
	ln.of.owner.Done()
}

// next takes the next task, or gives the lane up when there is none.
func (ln *lane[K, T]) next() (task T, more bool) {
	ls := ln.of
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ln.backlog.len() > 0 {
		return ln.backlog.pop(ls.budget), true
	}
	ln.tell(ln.backlog.settle())
	delete(ls.byKey, ln.key)
	if len(ls.byKey) == 0 && ls.most > keptKeys {
		ls.byKey, ls.most = nil, 0 // A map never shrinks.
	}
	return task, false
}

// keptKeys is for how many lanes there may have been room in a map that is kept though it is empty.
const keptKeys = 64

func (ln *lane[K, T]) tell(r Report) {
	if r.Kind != nothing {
		ln.of.owner.Report(ln.key, r)
	}
}
