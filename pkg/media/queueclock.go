package media

import "time"

// A queueClock knows how much of what was sent is still in Asterisk's queue: Asterisk takes one frame each 20 ms, at
// moments that marks tell of. What it guesses between two marks is right to a frame; each mark puts it right.
type queueClock struct {
	sent  int64
	taken int64     // frames that Asterisk had taken
	at    time.Time // when it took the last of them; zero before the first
}

// dequeued is how many frames Asterisk has taken.
func (c *queueClock) dequeued(now time.Time) int64 {
	if c.sent == 0 {
		return 0
	}
	return min(c.sent, c.taken+int64(max(now.Sub(c.at), 0)/frameTime))
}

// lastBeat is when Asterisk looked at its queue last.
func (c *queueClock) lastBeat(now time.Time) time.Time {
	since := max(now.Sub(c.at), 0)
	return now.Add(-(since % frameTime))
}

// depth is how many frames are in the queue.
func (c *queueClock) depth(now time.Time) int { return int(c.sent - c.dequeued(now)) }

// emptyFor is for how long the queue has been empty.
func (c *queueClock) emptyFor(now time.Time) time.Duration {
	return now.Sub(c.at) - time.Duration(c.sent-c.taken)*frameTime
}

// send takes note of frames that have been sent.
func (c *queueClock) send(n int, now time.Time) {
	switch {
	case c.at.IsZero():
		c.at = now
	case c.dequeued(now) == c.sent:
		// The queue was empty. Asterisk's beat goes on nevertheless; the next one takes the first of these frames.
		c.at = c.lastBeat(now)
		c.taken = c.sent
	}
	c.sent += int64(n)
}

// marked takes note that the first n frames have been played: a beat has just come, and took one more, if there is one.
func (c *queueClock) marked(n int64, now time.Time) {
	c.taken, c.at = min(n+1, c.sent), now
}

// counted takes note of how many frames were in the queue when the first of sent frames had been sent.
func (c *queueClock) counted(sent int64, queue int, now time.Time) {
	if !c.at.IsZero() {
		c.at = c.lastBeat(now)
	}
	c.taken = max(sent-int64(queue), 0)
}

// flushed takes note that the queue is empty, and that only the first n frames left it for the caller.
func (c *queueClock) flushed(n int64, now time.Time) {
	c.counted(n, 0, now)
	c.sent = n
}
