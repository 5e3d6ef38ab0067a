package pbx

import (
	"strings"

	"github.com/ari-go/ari/internal/sim/applications"
	"github.com/ari-go/ari/internal/sim/wire"
)

// A stasis is a channel's stay in an application.
type stasis struct {
	app    *applications.App
	bridge *Bridge // that the application was subscribed to on the channel's behalf
	Left   func()  // what comes when it has left without being hung up
}

// enterStasis puts the channel into an application. It reports whether there is such an application; left is called when the
// channel has left it otherwise than by a hangup.
func (ch *Channel) enterStasis(name string, args []string, left func()) bool {
	ch.setStasisStatus("")
	a := ch.PBX.Active(name)
	if a == nil {
		ch.setStasisStatus("FAILED")
		return false
	}
	ch.Stasis = &stasis{app: a, Left: left}
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
	ch.Vars["STASISSTATUS"] = status
	ch.varset("STASISSTATUS", status)
}

// stasisEnd tells the application that the channel has gone, and takes back the subscription that came with it.
func (ch *Channel) stasisEnd(a *applications.App) {
	a.Send(ch.event("StasisEnd"))
	a.UnsubscribeChannel(ch.ID)
	ch.PBX.Reap(a)
	ch.PBX.Signal()
}

// LeaveStasis takes the channel out of its application.
func (ch *Channel) LeaveStasis(hungup bool) {
	s := ch.Stasis
	if s == nil {
		return
	}
	ch.flush(hungup)
	if !hungup {
		ch.leaveBridge()
	}
	ch.Stasis = nil
	ch.stasisEnd(s.app)
	ch.setStasisStatus("SUCCESS")
	if !hungup && s.Left != nil {
		s.Left()
	}
}

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

// RunStasis is what a channel does that is to enter an application without a dialplan: left is what comes afterwards.
func (ch *Channel) RunStasis(name, args string, dialplanEvent bool, left func()) {
	ch.appName, ch.appData = "Stasis", name
	if args != "" {
		ch.appData += "," + args
	}
	if dialplanEvent {
		ch.emitDialplan()
	}
	if !ch.enterStasis(name, SplitArgs(args), left) {
		ch.Hangup(Hangup{Cause: 16, Silent: true})
	}
}

func SplitArgs(args string) []string {
	if args == "" {
		return nil
	}
	return strings.Split(args, ",")
}
