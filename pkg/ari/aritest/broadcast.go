package aritest

import (
	"regexp"
	"strings"
	"time"
)

// A broadcast is a call that is offered to several applications, of which one may claim it.
type broadcast struct {
	run     *run
	offered []*app
	args    []string
	tell    bool // those who didn't get it are told
	claimed bool
	timer   *time.Timer
}

// broadcast offers the call to applications: StasisBroadcast(timeout in ms, pattern of names, arguments, whether to tell).
func (r *run) broadcast(data string) bool {
	ch := r.ch
	p := ch.p
	if !p.has.syncSetVar { // the versions that have it
		return true
	}
	parts := append(strings.Split(data, ","), "", "", "", "")
	timeout := seconds(parts[0]) / 1000
	if timeout == 0 {
		timeout = 5 * time.Second
	}
	filter, err := regexp.Compile(parts[1])
	if err != nil {
		ch.setStasisStatus("FAILED")
		return true
	}
	b := &broadcast{run: r, tell: isTrue(parts[3])}
	if parts[2] != "" {
		b.args = strings.Split(parts[2], ":")
	}
	for _, a := range p.appOrder {
		if a.conn != nil && (parts[1] == "" || filter.MatchString(a.name)) {
			b.offered = append(b.offered, a)
		}
	}
	if len(b.offered) == 0 {
		ch.setStasisStatus("FAILED")
		return true
	}
	ch.broadcast = b
	for _, a := range b.offered {
		a.send(p.event("CallBroadcast", field{"channel", ch.json()}, field{"caller", ch.caller.number}, field{"called", ch.exten}))
	}
	b.timer = p.after(timeout, func() {
		ch.broadcast = nil
		ch.setStasisStatus("TIMEOUT")
		r.advance()
	})
	return false
}

// claim gives the call to an application, and reports whether it was still to be had.
func (b *broadcast) claim(name string) bool {
	if b.claimed {
		return false
	}
	ch := b.run.ch
	p := ch.p
	b.claimed = true
	b.timer.Stop()
	if b.tell {
		for _, a := range b.offered {
			a.send(p.event("CallClaimed", field{"channel", ch.json()}, field{"winner_app", name}))
		}
	}
	ch.appName, ch.appData = "Stasis", strings.Join(append([]string{name}, b.args...), ",")
	if !ch.enterStasis(name, b.args, func() {
		ch.broadcast = nil
		b.run.advance()
	}) {
		ch.broadcast = nil
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
