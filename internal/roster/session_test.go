package roster

import "slices"

// read lets the session read one event.
func (w *world) read() {
	if !w.up {
		return
	}
	if len(w.queue) > 0 {
		e := w.queue[0]
		w.queue = w.queue[1:]
		w.deliver(e, false)
		w.recent = append(w.recent, e)
	}
	if w.twice && len(w.recent) > 0 && w.rnd.IntN(10) == 0 {
		// One of the last few comes twice; not of channels that are no more, of which nothing is kept, and not the end of one
		// stay that has the same time as the beginning of the next.
		e := w.recent[len(w.recent)-1-w.rnd.IntN(min(5, len(w.recent)))]
		if w.channels[e.id] != nil && e.kind != "dialplan" && !e.move && !w.pendingDestroy(e.id) {
			w.note("%d again:", w.now)
			w.deliver(e, true)
		}
	}
}

func (w *world) pendingDestroy(id string) bool {
	return slices.ContainsFunc(w.queue, func(e event) bool { return e.id == id && e.kind == "destroyed" })
}

func (w *world) deliver(e event, again bool) {
	l := w.leg(e.id)
	switch e.kind {
	case "start":
		w.deliverStart(e, again)
	case "end":
		w.deliverEnd(e, again)
	case "dialplan":
		w.note("%d read: %s in the dialplan", w.now, e.id)
		w.r.InDialplan(e.id)
		if l.away {
			l.ran = true
		}
	case "destroyed":
		list := w.r.Destroy(e.id)
		w.note("%d read: %s destroyed: %v", w.now, e.id, list)
		for _, s := range list {
			w.ends(s)
		}
		if w.in(e.id) {
			w.failf("%s is in an application still", e.id)
		}
		l.heardDead = true
	}
	w.check()
}

func (w *world) deliverStart(e event, again bool) {
	l, s := w.leg(e.id), Stay{e.app, e.id}
	seen, in := w.view[s]
	entry := w.r.Enter(s, e.at, e.place)
	w.note("%d read: start of %v at %s: %v", w.now, s, e.at, entry)
	want := Started
	switch {
	case again || in && seen.at == "":
		want = Duplicate
	case in && seen.conn < w.r.conn:
		want = Missed
	case in:
		want = Again // Its end was dropped.
	}
	if entry != want && (want != Duplicate || entry != Missed || seen.conn >= w.r.conn) {
		w.failf("%v: %v, want %v", s, entry, want)
	}
	if entry == Missed || entry == Again {
		w.ends(s)
	}
	if entry == Duplicate {
		if in {
			seen.at = e.at
			l.goes = false
			w.view[s] = seen
		}
	} else {
		w.starts(s, seenStay{e.place, e.at, w.r.conn})
		l.away, l.goes, l.murky = false, false, false
	}
	w.superseded(e.id)
}

func (w *world) deliverEnd(e event, again bool) {
	l, s := w.leg(e.id), Stay{e.app, e.id}
	_, in := w.view[s]
	exit := w.r.Leave(s, e.at, e.heard, e.place)
	w.note("%d read: end of %v at %s: %v", w.now, s, e.at, exit)
	want := Stranger
	switch {
	case again || w.owed[s] && !in:
		want = Known
	case in:
		want = Ended
	}
	if exit == Ended || exit == Elsewhere {
		w.ends(s)
		if (exit == Elsewhere) != w.r.Has(s.Channel) {
			w.failf("%v: %v", s, exit)
		}
		exit = Ended
	}
	if exit != want {
		w.failf("%v: %v, want %v", s, exit, want)
	}
	if !again {
		delete(w.owed, s)
	}
	w.superseded(e.id)
	l.leftIn = w.r.conn
	if !again && (exit == Stranger || !w.in(e.id)) {
		l.away, l.awayPos, l.ran = true, e.place, l.goes && exit == Ended
		l.murky = false
	}
}

func (w *world) superseded(id string) {
	for _, s := range w.r.Superseded(id) {
		w.note("%d superseded: %v", w.now, s)
		w.ends(s)
		w.owed[s] = true
	}
}

func (w *world) in(id string) bool {
	for _, app := range ours {
		if w.has(Stay{app, id}) {
			return true
		}
	}
	return false
}

func (w *world) has(s Stay) bool {
	_, ok := w.view[s]
	return ok
}

func (w *world) starts(s Stay, seen seenStay) {
	w.t.Helper()
	if w.has(s) {
		w.failf("%v started twice", s)
	}
	w.view[s] = seen
	delete(w.owed, s)
}

func (w *world) ends(s Stay) {
	w.t.Helper()
	if !w.has(s) {
		w.failf("%v ended twice", s)
	}
	delete(w.view, s)
}

// check compares the roster with what a session made of it.
func (w *world) check() {
	w.t.Helper()
	if w.r.Len() != len(w.view) {
		w.failf("Len is %d, want %d", w.r.Len(), len(w.view))
	}
	for s := range w.view {
		if !slices.Contains(w.r.Stays(s.Channel), s) {
			w.failf("%v is not there", s)
		}
	}
	for id, c := range w.r.channels {
		if c.away != nil && w.leg(id).heardDead {
			w.failf("%s is kept: %+v", id, c)
		}
	}
}

// connection loses it, or makes a new one. It may have been dead for a while without being noticed.
func (w *world) connection() {
	if !w.up {
		w.up, w.settled, w.asked, w.recent = true, false, false, nil
		for _, l := range w.channels {
			l.goes = false
		}
		w.note("%d connected", w.now)
		w.r.Connected()
		clear(w.owed)
		w.check()
		return
	}
	if w.rnd.IntN(2) == 0 {
		return
	}
	for len(w.queue) > 0 && w.rnd.IntN(4) > 0 {
		w.read()
	}
	w.note("%d disconnected", w.now)
	for _, e := range w.queue {
		w.lost(e)
	}
	w.up, w.queue, w.snap = false, nil, nil
}

// settle goes one step on in comparing.
func (w *world) settle() {
	switch {
	case !w.up || w.settled && w.rnd.IntN(20) > 0:
	case !w.asked:
		w.note("%d asks", w.now)
		w.asked, w.places, w.snap, w.foreign = true, nil, nil, make(map[string]bool)
		for id, l := range w.channels {
			w.foreign[id] = l.app == "F"
		}
		w.r.Ask()
	case w.places == nil:
		w.note("%d looks", w.now)
		w.places = make(map[string]Place)
		for id, l := range w.channels {
			w.places[id] = Place{InStasis: l.app != "", App: l.named, Position: l.pos}
		}
	case w.snap == nil:
		w.compare()
	default:
		w.next()
	}
}

func (w *world) compare() {
	snap := Snapshot{Channels: w.places, Subscribed: make(map[string]Subscription)}
	for _, app := range ours {
		sub := Subscription{All: w.all[app], Channels: make(map[string]bool), Kept: make(map[string]bool)}
		for id, l := range w.channels {
			if l.kept == app {
				sub.Kept[id] = true
			}
			if !sub.All && (l.app == app || sub.Kept[id]) {
				sub.Channels[id] = true
			}
		}
		snap.Subscribed[app] = sub
	}
	// Back where a stay began that has ended unheard: it can't be told from one that lasts.
	for s, seen := range w.view {
		if l := w.channels[s.Channel]; l != nil && w.heard(l) && l.app != s.App && seen.place == w.places[s.Channel].Position {
			l.murky = true
		}
	}
	for _, l := range w.channels {
		if slices.Contains(ours, l.app) && !w.hears(l, l.app) && w.places[l.id].InStasis {
			l.murky = false // The subscription proves it.
		}
	}
	foreign := w.foreign
	snap.Elsewhere = func(id string) (bool, bool) { return w.oracle && foreign[id], w.oracle }
	w.stays = make(map[string]bool)
	for id, l := range w.channels {
		w.stays[id] = foreign[id] && l.app == "F"
	}
	w.note("%d compares", w.now)
	w.snap = w.r.Settle(snap)
}

func (w *world) next() {
	back := make(map[string]bool) // That it ran the dialplan since it left is taken for the better evidence.
	for id, c := range w.r.channels {
		back[id] = c.away != nil && (c.away.ran || c.away.place != w.places[id].Position)
	}
	x, ok := w.snap.Next()
	if !ok {
		w.note("%d settled", w.now)
		for id, p := range w.places {
			if l := w.leg(id); !p.InStasis && l.away && l.leftIn < w.r.conn {
				l.ran = true
			}
		}
		w.r.Settled()
		w.snap, w.asked, w.settled = nil, false, true
		return
	}
	w.note("%d finds %+v, foreign %v", w.now, x, w.foreign[x.Channel])
	if x.Kind == GoneInGap {
		w.ends(x.Stay)
		w.owed[x.Stay] = true
		w.check()
		return
	}
	w.starts(x.Stay, seenStay{place: w.places[x.Channel].Position, conn: w.r.conn})
	l := w.leg(x.Channel)
	if w.oracle && w.stays[x.Channel] && !back[x.Channel] {
		w.failf("%v belongs to another", x.Stay)
	}
	l.away, l.goes = false, false
	w.check()
}
