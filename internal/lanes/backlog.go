package lanes

// A backlog is the tasks that wait in one queue, and what is to be told of them. It takes nothing more than its tasks as
// long as the consumer keeps up.
type backlog[T any] struct {
	fifo[T]
	behind *behind // nil if the consumer keeps up
}

// behind is what there is to know of a queue whose consumer falls behind.
type behind struct {
	aside bool   // the budget has set the queue aside
	told  bool   // an episode has begun
	lost  uint64 // in this episode
	next  int    // the length at which it is to be told of again
}

// push adds a task, or refuses it. The report is to be passed on unless it tells nothing.
func (l *backlog[T]) push(b *Budget, task T, vital bool) (Verdict, Report) {
	if !vital && !b.room(l.len()) {
		return Lost, l.lose(b)
	}
	l.fifo.push(task)
	l.count(b, l.len(), 1)
	if l.len() < b.limit {
		return Taken, Report{}
	}
	return Taken, l.full(b)
}

// lose counts a task that finds no room.
func (l *backlog[T]) lose(b *Budget) Report {
	b.lost.Add(1)
	h := l.falling(b)
	h.lost++
	if h.lost > 1 {
		return Report{}
	}
	h.told = true
	h.next = max(h.next, 2*(b.limit+1)) // Losing says enough about the limit itself.
	return Report{Kind: Losing, Lost: 1, Waiting: l.len()}
}

// full sets a queue aside that has reached its limit, and tells if it passes it.
func (l *backlog[T]) full(b *Budget) Report {
	h := l.falling(b)
	if !h.aside && b.setAside() {
		l.countAll(b, -1)
		h.aside = true
		l.countAll(b, 1)
	}
	if l.len() < h.next {
		return Report{}
	}
	h.told = true
	h.next = 2 * l.len()
	return Report{Kind: Piling, Lost: h.lost, Waiting: l.len()}
}

func (l *backlog[T]) falling(b *Budget) *behind {
	if l.behind == nil {
		l.behind = &behind{next: b.limit + 1}
	}
	return l.behind
}

// pop takes the oldest task; there must be one.
func (l *backlog[T]) pop(b *Budget) T {
	l.count(b, l.len(), -1)
	task := l.fifo.pop()
	if h := l.behind; h != nil && h.aside && l.len() <= b.limit/2 {
		l.comeBack(b)
	}
	return task
}

// comeBack undoes that the queue is set aside.
func (l *backlog[T]) comeBack(b *Budget) {
	l.countAll(b, -1)
	l.behind.aside = false
	b.aside.Add(-1)
	l.countAll(b, 1)
}

// settle is to be called when the queue is empty.
func (l *backlog[T]) settle() Report { return l.over(CaughtUp) }

// end takes the backlog out of the budget. What is left of it may still be taken from the fifo.
func (l *backlog[T]) end(b *Budget) Report {
	if l.behind != nil && l.behind.aside {
		l.comeBack(b)
	}
	l.countAll(b, -1)
	return l.over(Ended)
}

func (l *backlog[T]) over(kind ReportKind) Report {
	h := l.behind
	l.behind = nil
	if h == nil || !h.told {
		return Report{}
	}
	return Report{Kind: kind, Lost: h.lost, Waiting: l.len()}
}

// count adds d to where the n-th task of the queue counts.
func (l *backlog[T]) count(b *Budget, n int, d int64) {
	if n <= b.limit && (l.behind == nil || !l.behind.aside) {
		b.shared.Add(d)
	} else {
		b.beyond.Add(d)
	}
}

// countAll adds d times all tasks to where they count.
func (l *backlog[T]) countAll(b *Budget, d int64) {
	n := l.len()
	if l.behind != nil && l.behind.aside {
		b.beyond.Add(d * int64(n))
		return
	}
	b.shared.Add(d * int64(min(n, b.limit)))
	b.beyond.Add(d * int64(max(n-b.limit, 0)))
}
