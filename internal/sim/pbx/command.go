package pbx

import (
	"errors"
)

// A Command is something that a channel in an application does after what it was told before. Commands run one after another;
// one that takes time holds up those behind it.
type Command struct {
	Run    func()     // begins it; finish must be called when it is over
	End    func()     // takes back what was begun, when the channel goes; may be nil
	done   chan error // for those that are waited for
	sounds bool       // it plays something
}

// ErrHungup is what a command gets that waited on a channel that was hung up.
var ErrHungup = errors.New("hung up")

// Do queues something that takes no time.
func (ch *Channel) Do(f func()) {
	ch.Enqueue(&Command{Run: func() { f() }}, true)
}

// DoWait queues something that takes no time and returns a channel that tells when it has been done.
func (ch *Channel) DoWait(f func() error) <-chan error {
	c := &Command{done: make(chan error, 1)}
	c.Run = func() { c.done <- f() }
	ch.Enqueue(c, true)
	return c.done
}

// Enqueue queues a command. One that takes no time is finished as soon as it has run.
func (ch *Channel) Enqueue(c *Command, instant bool) {
	if instant {
		run := c.Run
		c.Run = func() {
			run()
			ch.Finish(c)
		}
	}
	ch.queue = append(ch.queue, c)
	ch.pump()
}

// pump runs what is queued, and lets the channel go when all is done that came before, or with, the command to go.
func (ch *Channel) pump() {
	if ch.Current != nil {
		return
	}
	if len(ch.queue) == 0 {
		if ch.Stasis != nil && ch.Stasis.next != nil {
			ch.leaveStasis()
		}
		return
	}
	c := ch.queue[0]
	ch.queue = ch.queue[1:]
	ch.Current = c
	c.Run()
}

// Finish says that a command is over.
func (ch *Channel) Finish(c *Command) {
	if ch.Current == c {
		ch.Current = nil
		ch.pump()
	}
}

// flush throws away what is queued, and ends what is running.
func (ch *Channel) flush() {
	current, queue := ch.Current, ch.queue
	ch.Current, ch.queue = nil, nil
	if current != nil && current.End != nil {
		current.End()
	}
	for _, c := range queue {
		if c.End != nil {
			c.End()
		}
		if c.done != nil {
			c.done <- ErrHungup
		}
	}
}

// flushSilently forgets what is queued, when Asterisk itself has ended.
func (ch *Channel) flushSilently() {
	for _, c := range append(ch.queue, ch.Current) {
		if c != nil && c.done != nil {
			select {
			case c.done <- ErrHungup:
			default:
			}
		}
	}
	ch.queue, ch.Current = nil, nil
}
