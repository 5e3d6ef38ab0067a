package pbx

import (
	"strings"
	"time"

	"github.com/ari-go/ari/internal/sim/applications"
	"github.com/ari-go/ari/internal/sim/wire"
)

// A stasis is a channel's stay in an application.
type stasis struct {
	app    *applications.App
	bridge *Bridge // that the application was subscribed to on the channel's behalf
	left   func()  // what the dialplan goes on with when the channel has left; nil where there is none
	next   *place  // where it will go on in the dialplan when it has done what it was told; zero values are as they are
}

// enterStasis puts the channel into an application. It reports whether there is such an application; left is what the dialplan goes on
// with when the channel has left it for no other place.
func (ch *Channel) enterStasis(name string, args []string, left func()) bool {
	ch.setStasisStatus("")
	a := ch.PBX.Active(name)
	if a == nil {
		ch.setStasisStatus("FAILED")
		return false
	}
	ch.Stasis = &stasis{app: a, left: left}
	a.SubscribeChannel(ch.ID)
	ch.stasisStart(a, args)
	return true
}

func (ch *Channel) stasisStart(a *applications.App, args []string) {
	if args == nil {
		args = []string{}
	}
	a.Send(ch.PBX.Event("StasisStart", wire.F("args", args), wire.F("channel", ch.JSON())))
	ch.PBX.Signal()
}

func (ch *Channel) setStasisStatus(status string) {
	ch.vars.set("STASISSTATUS", status)
	ch.varset("STASISSTATUS", status)
}

// stasisEnd tells the application that the channel has gone, and takes back the subscription that came with it. It is told
// whoever has the application's name by now: one that loses its connection and has no subscription is no more, and the next
// connection begins another one, while the channels stay.
func (ch *Channel) stasisEnd(a *applications.App) {
	if now := ch.PBX.App(a.Title()); now != nil {
		now.Send(ch.event("StasisEnd"))
	}
	a.UnsubscribeChannel(ch.ID)
	ch.PBX.Reap(a)
	ch.callLeft(a.Title())
	ch.PBX.Signal()
}

// endStasis takes the channel out of its application, since it is hung up.
func (ch *Channel) endStasis() {
	s := ch.Stasis
	if s == nil {
		return
	}
	ch.flush()
	ch.Stasis = nil
	ch.stasisEnd(s.app)
	ch.setStasisStatus("SUCCESS")
}

// Continue lets the channel leave its application for the dialplan when it has done what it was told before. A context and an extension
// of "" and a priority of 0 stand for the next priority of the place where it is.
func (ch *Channel) Continue(context, exten string, priority int) {
	ch.Do(func() {
		if s := ch.Stasis; s != nil {
			ch.leaveBridge()
			s.next = &place{context, exten, priority}
		}
	})
}

// leaveStasis lets the channel go on in the dialplan, where it is or somewhere else. A channel that didn't come from there is told to have
// left only when it has come back from the dialplan, that is never, unless there is no such place.
func (ch *Channel) leaveStasis() {
	s := ch.Stasis
	ch.Stasis, ch.Broadcast = nil, nil
	ch.stasisEnd(s.app)
	somewhere := *s.next != place{}
	if ch.Run != nil {
		ch.setStasisStatus("SUCCESS")
		if somewhere {
			ch.Run.goTo(s.next.context, s.next.exten, s.next.priority)
			ch.Run.next()
		} else {
			s.left()
		}
		return
	}
	if somewhere {
		ch.Context, ch.Exten, ch.Priority = s.next.context, s.next.exten, s.next.priority
	} else {
		ch.Priority++
	}
	if !ch.PBX.Dialplan.hasPriority(ch.Context, ch.Exten, ch.Priority) {
		ch.setStasisStatus("SUCCESS")
		ch.Hangup(Hangup{Silent: true})
		return
	}
	ch.Run = &Run{Ch: ch, NoEnd: true}
	ch.Run.next()
}

// Move gives the channel to another application.
func (ch *Channel) Move(name string, args []string) {
	p, old := ch.PBX, ch.Stasis.app
	next := p.Active(name)
	if next == nil {
		if args == nil {
			args = []string{}
		}
		old.Send(p.Event("ApplicationMoveFailed", wire.F("channel", ch.JSON()), wire.F("destination", name), wire.F("args", args)))
		return
	}
	if b := ch.Stasis.bridge; b != nil {
		old.UnsubscribeBridge(b.ID)
		ch.Stasis.bridge = nil
	}
	ch.stasisEnd(old)
	ch.Stasis.app = next
	next.SubscribeChannel(ch.ID)
	ch.stasisStart(next, args)
	if ch.Bridge != nil {
		next.SubscribeBridge(ch.Bridge.ID)
		ch.Stasis.bridge = ch.Bridge
	}
}

// RunStasis is what a channel does that is to enter an application without a dialplan.
func (ch *Channel) RunStasis(name, args string) {
	ch.appName, ch.appData = "Stasis", name
	if args != "" {
		ch.appData += "," + args
	}
	ch.publish("")
	switch {
	case ch.enterStasis(name, SplitArgs(args), nil):
	case ch.Snooped != nil:
		ch.Stale = true // It can't be hung up, and is seen until the channel ends that it listens to.
	default:
		ch.Hangup(Hangup{Silent: true})
	}
}

// SplitArgs splits the arguments of an application.
func SplitArgs(args string) []string {
	if args == "" {
		return nil
	}
	return strings.Split(args, ",")
}

// entryGap lies between the answer of a channel that was originated and its entry into the application. Asterisk mostly takes less than a
// millisecond, and sometimes more than a program that has heard of the answer takes to send a command: that is refused.
const entryGap = 2 * time.Millisecond

// EnterSoon lets a channel that was originated enter an application, a little later.
func (ch *Channel) EnterSoon(name, args string) {
	ch.PBX.After(entryGap, func() {
		if !ch.Hungup {
			ch.RunStasis(name, args)
		}
	})
}
