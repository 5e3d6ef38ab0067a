package roster

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// A world is an Asterisk that knows everything, with two applications of ours and a foreign one, and the connection of a
// session that keeps a roster of it.
type world struct {
	t   testing.TB
	rnd *rand.Rand
	r   *Roster

	all    map[string]bool // applications that are subscribed to all channels
	oracle bool            // whether Elsewhere knows
	twice  bool            // whether events may come twice

	now      int
	made     int
	channels map[string]*leg // that exist
	gone     map[string]*leg // that did

	up      bool
	queue   []event // on their way
	recent  []event // read in this connection
	settled bool
	asked   bool
	places  map[string]Place // asked for
	snap    *Settlement
	foreign map[string]bool // which channels a foreign application had when it was asked

	stays map[string]bool   // of foreign, those that still were there when all had been asked
	view  map[Stay]seenStay // what a session would make of the roster's answers: the stays, and where they began
	owed  map[Stay]bool     // the ends that were made up in this connection
	steps []string
}

// A seenStay is a stay that the session knows.
type seenStay struct {
	place string
	at    string // empty as long as its beginning is made up
	conn  uint64
}

// A leg is a channel.
type leg struct {
	id, pos, named, app string // app is "" in the dialplan
	kept                string // the application that it was originated for
	murky               bool   // a move was lost while an application heard of it in any case
	away                bool   // its end has been read, and it was not seen to enter since
	awayPos             string
	ran                 bool   // it was heard or said to run the dialplan since then
	goes                bool   // we have sent it there from where it was
	leftIn              uint64 // in which connection
	heardDead           bool
}

type event struct {
	kind      string // start, end, dialplan, destroyed
	app, id   string
	at, place string
	heard     bool
	move      bool
	overtaken bool
}

var (
	ours = []string{"A", "B"}
	apps = []string{"A", "B", "F"}
)

func newWorld(t testing.TB, rnd *rand.Rand) *world {
	w := &world{
		t: t, rnd: rnd, r: New(), all: make(map[string]bool), channels: make(map[string]*leg), gone: make(map[string]*leg),
		view: make(map[Stay]seenStay), owed: make(map[Stay]bool), oracle: rnd.IntN(2) == 0, twice: rnd.IntN(2) == 0,
	}
	switch rnd.IntN(3) {
	case 0:
		w.all["A"] = true
	case 1:
		w.all["A"], w.all["B"] = true, true
	}
	return w
}

func (w *world) failf(format string, args ...any) {
	w.t.Helper()
	from := max(0, len(w.steps)-200)
	for _, s := range w.steps[from:] {
		w.t.Log(s)
	}
	w.t.Fatalf(format, args...)
}

func (w *world) note(format string, args ...any) {
	w.steps = append(w.steps, fmt.Sprintf(format, args...))
}

func (w *world) pick() *leg {
	if len(w.channels) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(w.channels))
	return w.channels[ids[w.rnd.IntN(len(ids))]]
}

// step does one thing.
func (w *world) step() {
	w.now++
	switch n := w.rnd.IntN(100); {
	case n < 10:
		w.create()
	case n < 25:
		w.enter()
	case n < 33:
		w.leave()
	case n < 43:
		w.move()
	case n < 48:
		w.destroy()
	case n < 80:
		w.read()
	case n < 84:
		w.connection()
	default:
		w.settle()
	}
}

func (w *world) create() {
	if len(w.channels) > 6 {
		return
	}
	w.made++
	l := &leg{id: fmt.Sprint("c", w.made), pos: "start"}
	w.channels[l.id] = l
	if w.rnd.IntN(3) == 0 {
		l.kept = ours[w.rnd.IntN(2)]
		w.enterAt(l, l.kept, 0)
	}
}

// hears tells which of our applications hear of a channel whatever application it is in.
func (w *world) hears(l *leg, app string) bool { return w.all[app] || l.kept == app }

func (w *world) heard(l *leg) bool { return w.hears(l, "A") || w.hears(l, "B") }

func (w *world) enter() {
	if l := w.pick(); l != nil && l.app == "" {
		w.enterAt(l, apps[w.rnd.IntN(3)], w.rnd.IntN(2))
	}
}

func (w *world) enterAt(l *leg, app string, line int) {
	l.pos, l.named, l.app = fmt.Sprint(app, line), app, app
	w.note("%d %s runs Stasis(%s) at %s", w.now, l.id, app, l.pos)
	w.tellDialplan(l)
	w.send(l, event{kind: "start", app: app})
}

func (w *world) tellDialplan(l *leg) {
	for _, app := range ours {
		if w.hears(l, app) {
			w.send(l, event{kind: "dialplan", app: app})
		}
	}
}

func (w *world) leave() {
	l := w.pick()
	if l == nil || l.app == "" {
		return
	}
	w.note("%d %s leaves %s for the dialplan", w.now, l.id, l.app)
	w.send(l, event{kind: "end", app: l.app})
	l.app, l.pos = "", "wait"
	w.tellDialplan(l)
	if w.up && w.rnd.IntN(3) == 0 {
		w.note("%d %s: by us", w.now, l.id)
		w.r.Continued(l.id)
		l.ran = l.ran || l.away
		l.goes = w.in(l.id)
	}
}

func (w *world) move() {
	l := w.pick()
	if l == nil || l.app == "" {
		return
	}
	to := apps[w.rnd.IntN(3)]
	w.note("%d %s is moved from %s to %s", w.now, l.id, l.app, to)
	end := event{kind: "end", app: l.app, move: true}
	start := event{kind: "start", app: to, move: true}
	l.app = to
	if end.app != to && w.rnd.IntN(4) == 0 {
		w.send(l, start)
		w.send(l, end)
		return
	}
	if end.app != to || w.rnd.IntN(10) > 0 { // Some ends are dropped.
		w.send(l, end)
	}
	w.send(l, start)
}

func (w *world) destroy() {
	l := w.pick()
	if l == nil {
		return
	}
	w.note("%d %s is destroyed", w.now, l.id)
	if l.app != "" {
		w.send(l, event{kind: "end", app: l.app})
	}
	delete(w.channels, l.id)
	w.gone[l.id] = l
	for _, app := range ours {
		if w.hears(l, app) {
			w.send(l, event{kind: "destroyed", app: app})
		}
	}
}

// send puts an event on its way. Those of one application come in order, but may be overtaken by those about its channel and
// those of other applications.
func (w *world) send(l *leg, e event) {
	if e.app == "F" {
		return
	}
	e.id, e.place, e.heard = l.id, l.pos, w.heard(l)
	e.at = fmt.Sprint(w.now)
	if !w.up {
		w.lost(e)
		return
	}
	w.queue = append(w.queue, e)
	if n := len(w.queue); n > 1 && w.rnd.IntN(4) == 0 {
		if before := &w.queue[n-2]; !before.overtaken && before.topic() != e.topic() {
			before.overtaken = true
			w.queue[n-1], w.queue[n-2] = w.queue[n-2], w.queue[n-1]
		}
	}
}

func (e event) topic() string {
	if e.kind == "start" || e.kind == "end" {
		return e.app
	}
	return e.app + " channel"
}

func (w *world) leg(id string) *leg {
	if l := w.channels[id]; l != nil {
		return l
	}
	return w.gone[id]
}

func (w *world) lost(e event) {
	l := w.leg(e.id)
	w.note("%d lost: %s %s %s", w.now, e.kind, e.app, e.id)
	if e.move && e.heard {
		l.murky = true
	}
}

// calm lets everything come to rest, and compares the view with the truth.
func (w *world) calm() {
	for !w.up {
		w.connection()
	}
	for !w.settled || w.asked {
		w.settle()
	}
	for len(w.queue) > 0 {
		w.read()
	}
	for id, l := range w.channels {
		for _, app := range ours {
			if got, want := w.has(Stay{app, id}), l.app == app; got != want && !w.unknowable(l) {
				w.failf("%s in %s: %v, want %v; %+v", id, app, got, want, l)
			}
		}
	}
	for s := range w.view {
		if w.channels[s.Channel] == nil {
			w.failf("%v is no more", s)
		}
	}
}

func (w *world) unknowable(l *leg) bool {
	if !w.heard(l) {
		return false
	}
	return l.murky || l.away && !l.ran && l.awayPos == l.pos && !w.oracle
}

// empty ends all, and finds nothing left.
func (w *world) empty() {
	for len(w.channels) > 0 {
		w.now++
		w.destroy()
		w.read()
	}
	w.calm()
	w.r.Connected() // After that, no end is awaited any more.
	if len(w.r.channels) > 0 || w.r.Len() != 0 || w.r.since != nil {
		for id, c := range w.r.channels {
			w.note("%s %+v", id, c)
		}
		w.failf("%d channels are kept", len(w.r.channels))
	}
}

func (w *world) run(steps int) {
	w.connection()
	for i := range steps {
		w.step()
		if i%50 == 49 {
			w.calm()
		}
	}
	w.empty()
}
