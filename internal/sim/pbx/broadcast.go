package pbx

import (
	"regexp"
	"strings"
	"time"

	"github.com/ari-go/ari/internal/sim/applications"
	"github.com/ari-go/ari/internal/sim/text"
	"github.com/ari-go/ari/internal/sim/wire"
)

// A broadcast is a call that is offered to several applications, of which one may claim it.
type broadcast struct {
	run     *Run
	offered []*applications.App
	args    []string
	tell    bool // those who didn't get it are told
	claimed bool
	timer   *time.Timer
}

// broadcast offers the call to applications: StasisBroadcast(timeout in ms, pattern of names, arguments, whether to tell).
func (r *Run) broadcast(data string) bool {
	ch := r.Ch
	p := ch.PBX
	if !p.Has.SyncSetVar { // the versions that have it
		return true
	}
	parts := append(strings.Split(data, ","), "", "", "", "")
	timeout := text.Seconds(parts[0]) / 1000
	if timeout == 0 {
		timeout = 5 * time.Second
	}
	filter, err := regexp.Compile(parts[1])
	if err != nil {
		ch.setStasisStatus("FAILED")
		return true
	}
	b := &broadcast{run: r, tell: text.IsTrue(parts[3])}
	if parts[2] != "" {
		b.args = strings.Split(parts[2], ":")
	}
	for _, a := range p.Apps() {
		if a.Connection() != nil && (parts[1] == "" || filter.MatchString(a.Title())) {
			b.offered = append(b.offered, a)
		}
	}
	if len(b.offered) == 0 {
		ch.setStasisStatus("FAILED")
		return true
	}
	ch.Broadcast = b
	for _, a := range b.offered {
		a.Send(p.Event("CallBroadcast", wire.F("channel", ch.JSON()), wire.F("caller", ch.Caller.Number), wire.F("called", ch.Exten)))
	}
	b.timer = p.After(timeout, func() {
		ch.Broadcast = nil
		ch.setStasisStatus("TIMEOUT")
		r.advance()
	})
	return false
}

// Claim gives the call to an application, and reports whether it was still to be had.
func (b *broadcast) Claim(name string) bool {
	if b.claimed {
		return false
	}
	ch := b.run.Ch
	p := ch.PBX
	b.claimed = true
	b.timer.Stop()
	if b.tell {
		for _, a := range b.offered {
			a.Send(p.Event("CallClaimed", wire.F("channel", ch.JSON()), wire.F("winner_app", name)))
		}
	}
	ch.appName, ch.appData = "Stasis", strings.Join(append([]string{name}, b.args...), ",")
	if !ch.enterStasis(name, b.args, func() {
		ch.Broadcast = nil
		b.run.advance()
	}) {
		ch.Broadcast = nil
		b.run.advance()
	}
	return true
}

// over ends the offer when the caller has gone.
func (b *broadcast) over() {
	b.claimed = true
	if b.timer != nil {
		b.timer.Stop()
	}
}
