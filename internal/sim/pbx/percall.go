package pbx

import (
	"strings"
	"time"
)

// A CallDialer opens a connection for each call that enters certain applications. Its methods are called with the lock held.
type CallDialer interface {
	Serves(app string) bool
	Connect(app, channel string, ready func(full string), lost func())
	Close(full string)
}

const (
	// callPoll is how often Asterisk looks whether a call's connection is there, and whether the call has left.
	callPoll = 500 * time.Millisecond

	// callLinger is how long the connection stays after that.
	callLinger = 3 * time.Second
)

// stasisApp is the dialplan's application Stasis. It reports whether the dialplan goes on at once.
func (ch *Channel) stasisApp(name string, args []string, left func()) bool {
	for _, caller := range ch.PBX.CallDialers {
		if caller.Serves(name) {
			ch.callOut(caller, name, args, left)
			return false
		}
	}
	return !ch.enterStasis(name, args, left)
}

// callOut enters an application that has a connection for this call alone, once there is one.
func (ch *Channel) callOut(caller CallDialer, name string, args []string, left func()) {
	p := ch.PBX
	ch.setStasisStatus("")
	full := name + ":" + ch.name
	poll := p.Config.CallPoll
	if poll == 0 {
		poll = callPoll
	}
	fail := func() {
		if !ch.Hungup {
			ch.setStasisStatus("FAILED")
			left()
		}
	}
	caller.Connect(name, ch.name, func(connected string) {
		switch {
		case connected == "":
			fail()
		case ch.Hungup:
			caller.Close(full)
		default:
			p.After(poll, func() {
				if ch.Hungup {
					caller.Close(full)
				} else if !ch.enterStasis(full, args, left) {
					fail()
				}
			})
		}
	}, func() { ch.lostCaller(full) })
}

// lostCaller lets a channel go on whose connection nobody takes any more.
func (ch *Channel) lostCaller(full string) {
	s := ch.Stasis
	if s == nil || ch.Hungup || s.app.Title() != full {
		return
	}
	ch.leaveBridge()
	ch.flush()
	s.next = &place{}
	ch.leaveStasis()
}

// callLeft closes a call's connection when it has left its application.
func (ch *Channel) callLeft(app string) {
	name, channel, ok := strings.Cut(app, ":")
	if !ok || channel != ch.name {
		return
	}
	for _, caller := range ch.PBX.CallDialers {
		if caller.Serves(name) {
			ch.PBX.After(callPoll+callLinger, func() { caller.Close(app) })
		}
	}
}
