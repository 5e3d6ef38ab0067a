package media

import "slices"

// What a chan_websocket says of its queue.
const (
	XOff     = "MEDIA_XOFF"
	XOn      = "MEDIA_XON"
	Drained  = "QUEUE_DRAINED"
	Mark     = "MEDIA_MARK_PROCESSED"
	Buffered = "MEDIA_BUFFERING_COMPLETED"
)

// Lengths of the queue, in frames.
const (
	xoffLevel  = 900
	xonLevel   = 800
	mostQueued = 1000
)

// XOnLevel and XOffLevel are what a status names.
const (
	XOnLevel  = xonLevel
	XOffLevel = xoffLevel
)

// A Queue is what chan_websocket keeps between what comes by the websocket and the channel, which takes a frame from it at each beat.
// Marks stand in it between frames, and take no beat of their own. It knows no clock.
type Queue struct {
	Bulk, Paused, Full bool

	size    int // of a frame, in bytes; 0: they pass as they are
	items   []queued
	length  int    // of frames
	rest    []byte // of a frame that isn't complete, while Bulk
	drained bool   // it is to be told when the queue is empty
}

type queued struct {
	frame []byte
	event QueueEvent // if frame is nil
}

// A QueueEvent is what is to be told of the queue. ID is that of a mark.
type QueueEvent struct{ Name, ID string }

// NewQueue makes a queue of frames of so many bytes.
func NewQueue(size int) *Queue { return &Queue{size: size} }

// Len is how many frames are in the queue.
func (q *Queue) Len() int { return q.length }

// Idle reports whether nothing will come of the next beats.
func (q *Queue) Idle() bool {
	return q.Paused || len(q.items) == 0 && !q.drained && !q.Full
}

// Media takes a binary message: whole frames of it, and what is left over only while Bulk. A full queue drops whole messages without a word.
func (q *Queue) Media(message []byte) []QueueEvent {
	if q.length >= mostQueued {
		return nil
	}
	message = slices.Clone(message)
	if q.size == 0 {
		return q.push(message)
	}
	if q.Bulk {
		message = append(q.rest, message...)
	}
	q.rest = nil
	var events []QueueEvent
	for len(message) >= q.size {
		events = append(events, q.push(message[:q.size:q.size])...)
		message = message[q.size:]
	}
	if q.Bulk {
		q.rest = message
	}
	return events
}

func (q *Queue) push(frame []byte) []QueueEvent {
	q.items = append(q.items, queued{frame: frame})
	q.length++
	if !q.Full && q.length >= xoffLevel {
		q.Full = true
		return []QueueEvent{{Name: XOff}}
	}
	return nil
}

// Mark puts a mark behind what is in the queue.
func (q *Queue) Mark(id string) { q.items = append(q.items, queued{event: QueueEvent{Mark, id}}) }

// StopBulk ends Bulk: what is left over becomes a short frame.
func (q *Queue) StopBulk(id string) []QueueEvent {
	q.Bulk = false
	var events []QueueEvent
	if len(q.rest) > 0 {
		events = q.push(q.rest)
	}
	q.rest = nil
	q.items = append(q.items, queued{event: QueueEvent{Buffered, id}})
	return events
}

// Flush empties the queue. Marks go with it, without a word; the wish to hear that the queue is empty stays, and so does Full until the
// next beat.
func (q *Queue) Flush() { q.items, q.length, q.rest, q.Bulk = nil, 0, nil, false }

// ReportDrained asks to be told, once, when the queue is empty.
func (q *Queue) ReportDrained() { q.drained = true }

// Beat takes the next frame, or nil, and tells what stands before it.
func (q *Queue) Beat() (frame []byte, events []QueueEvent) {
	if q.Paused {
		return nil, nil
	}
	if q.Full && q.length < xonLevel {
		q.Full = false
		events = append(events, QueueEvent{Name: XOn})
	}
	if len(q.items) == 0 && q.drained {
		q.drained = false
		return nil, append(events, QueueEvent{Name: Drained})
	}
	for len(q.items) > 0 {
		first := q.items[0]
		q.items = q.items[1:]
		if first.frame == nil {
			events = append(events, first.event)
			continue
		}
		q.length--
		return first.frame, events
	}
	return nil, events
}
