package lanes

// keptCapacity is the capacity that an empty fifo keeps.
const keptCapacity = 4

// A fifo is a first-in-first-out queue that grows as needed. When it is empty it holds on to next to nothing.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) len() int { return len(q.items) - q.head }

func (q *fifo[T]) push(item T) {
	// Move what is left to the front before growing, if that is worth it.
	if q.head > 0 && len(q.items) == cap(q.items) && q.head >= len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, item)
}

func (q *fifo[T]) pop() T {
	var zero T
	item := q.items[q.head]
	q.items[q.head] = zero
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
		if cap(q.items) > keptCapacity {
			q.items = nil
		}
	}
	return item
}

// takeAll empties the fifo.
func (q *fifo[T]) takeAll() []T {
	items := q.items[q.head:]
	q.items, q.head = nil, 0
	return items
}
