package roster

import (
	"maps"
	"slices"
)

// A Snapshot is what Asterisk has answered.
type Snapshot struct {
	Channels   map[string]Place        // every channel that Asterisk has
	Subscribed map[string]Subscription // by application, for each of ours

	// Owns reports whether a channel that has entered one of the applications is this program's to handle; nil: all are.
	Owns func(channel string) bool

	// Elsewhere reports whether another application than ours has a channel, if that is known; nil: it never is. It is
	// asked only for channels about which nothing better can be had.
	Elsewhere func(channel string) (elsewhere, known bool)
}

// A Place is where a channel is.
type Place struct {
	InStasis bool
	App      string   // that the dialplan's Stasis() names; a move changes nothing in it
	Args     []string // likewise
	Position string   // in the dialplan, as text that is only compared: context, extension and priority
}

// A Subscription is what an application is subscribed to.
type Subscription struct {
	All      bool            // to all channels
	Channels map[string]bool // to these one by one

	// Kept has those of Channels to which it is subscribed even if they aren't in it: it was asked to, or they were originated
	// for it. Nil: that isn't known.
	Kept map[string]bool
}

// A Kind is what has happened in a gap.
type Kind int

// The kinds of changes.
const (
	GoneInGap Kind = iota // the stay has ended
	Entered               // a stay has begun
)

// A Change is what has happened to a channel in a gap.
type Change struct {
	Stay
	Kind      Kind
	Destroyed bool // of GoneInGap: the channel exists no more
	Moved     bool // of Entered: by a move, so the arguments that its [Place] shows aren't those of this stay
}

// Ask says that Asterisk is going to be asked for a snapshot: what is read from now on may be newer than that.
func (r *Roster) Ask() {
	r.since = &since{left: make(map[Stay]struct{}), out: make(map[string]struct{})}
}

// Settled says that settling is done, or given up.
func (r *Roster) Settled() { r.since = nil }

// A Settlement compares what is known with a snapshot.
type Settlement struct {
	r     *Roster
	since *since
	snap  Snapshot
	apps  []string // ours, sorted
	todo  []string // the channels still to be judged, sorted
}

// Settle begins to compare what is known from before the connection with what Asterisk has answered since [Roster.Ask].
func (r *Roster) Settle(s Snapshot) *Settlement {
	if r.since == nil {
		r.Ask()
	}
	todo := slices.Collect(maps.Keys(r.channels))
	for id, p := range s.Channels {
		if p.InStasis {
			todo = append(todo, id)
		}
	}
	slices.Sort(todo)
	return &Settlement{
		r: r, since: r.since, snap: s, apps: slices.Sorted(maps.Keys(s.Subscribed)), todo: slices.Compact(todo),
	}
}

// Next returns the next change, which the roster has taken in already, or false if there is none any more, or settling is
// over. Events may be given to the roster between two calls.
func (x *Settlement) Next() (Change, bool) {
	for len(x.todo) > 0 && x.since == x.r.since {
		if change, ok := x.judge(x.todo[0]); ok {
			return change, true
		}
		x.todo = x.todo[1:]
	}
	return Change{}, false
}

// judge finds one change of a channel.
func (x *Settlement) judge(id string) (Change, bool) {
	place, exists := x.snap.Channels[id]
	if c := x.r.channels[id]; c != nil {
		if i := x.over(id, c); i >= 0 {
			return Change{Stay: x.r.makeUpEnd(id, c, i), Kind: GoneInGap, Destroyed: !exists}, true
		}
		x.lookAway(id, c, place, exists)
	}
	if app, ok := x.entered(id, place); ok {
		c := x.r.of(id)
		c.pay(app)
		x.r.begin(c, stay{app: app, place: place.Position})
		return Change{Stay: Stay{app, id}, Kind: Entered, Moved: app != place.App}, true
	}
	return Change{}, false
}

// over returns the index of a stay from before the gap that has ended, or -1. A channel is in one application only, so all
// but the latest have.
func (x *Settlement) over(id string, c *channel) int {
	for i, s := range c.stays {
		if s.over || s.conn < x.r.conn && (i < len(c.stays)-1 || !x.lasts(id, s)) {
			return i
		}
	}
	return -1
}

// lookAway learns what the snapshot says of a channel that had left before the gap.
func (x *Settlement) lookAway(id string, c *channel, place Place, exists bool) {
	switch {
	case c.away == nil || c.away.conn == x.r.conn: // It may be newer than the snapshot.
	case !exists:
		c.away = nil
		x.r.tidy(id, c)
	case !place.InStasis:
		c.away.inDialplan(x.r.conn)
	}
}

// lasts reports whether a stay from before the gap goes on.
func (x *Settlement) lasts(id string, s stay) bool {
	place := x.snap.Channels[id]
	switch {
	case !place.InStasis || !x.hears(s.app, id):
		return false
	case differ(s.place, place.Position): // It has been in the dialplan meanwhile.
		return false
	case x.proves(s.app, id):
		return true
	}
	return !slices.ContainsFunc(x.apps, func(app string) bool { return x.proves(app, id) })
}

// hears reports whether an application hears of a channel: it does of each that is in it, but not only of those.
func (x *Settlement) hears(app, id string) bool {
	sub := x.snap.Subscribed[app]
	return sub.All || sub.Channels[id]
}

// proves reports whether an application hears of a channel as it only does of one that is in it.
func (x *Settlement) proves(app, id string) bool {
	sub := x.snap.Subscribed[app]
	if sub.All || !sub.Channels[id] {
		return false
	}
	if sub.Kept == nil {
		c := x.r.channels[id]
		return c == nil || c.away == nil
	}
	return !sub.Kept[id]
}

// entered returns the application that a channel has entered unheard.
func (x *Settlement) entered(id string, place Place) (app string, ok bool) {
	if !place.InStasis || x.r.Has(id) {
		return "", false
	}
	if _, out := x.since.out[id]; out {
		return "", false
	}
	if app, ok = x.candidate(id, place.App); !ok {
		return "", false
	}
	return app, x.snap.Owns == nil || x.snap.Owns(id)
}

// candidate is entered, but for whose channel it is.
func (x *Settlement) candidate(id, named string) (app string, ok bool) {
	may := func(app string) bool {
		_, left := x.since.left[Stay{app, id}]
		return !left && x.hears(app, id)
	}
	// Moved there from another: that is why its subscription is there.
	for _, app := range x.apps {
		if app != named && may(app) && x.proves(app, id) && !x.elsewhere(id, false) {
			return app, true
		}
	}
	if _, ours := x.snap.Subscribed[named]; !ours || !may(named) {
		return "", false
	}
	return named, x.proves(named, id) || !x.movedAway(id)
}

// movedAway reports whether a channel whose dialplan names an application of ours has to be taken for moved to a foreign one.
func (x *Settlement) movedAway(id string) bool {
	c := x.r.channels[id]
	if c == nil || c.away == nil {
		return x.elsewhere(id, false)
	}
	if c.away.conn == x.r.conn {
		return true // If it came back, that is still to be read.
	}
	if c.away.ran || differ(c.away.place, x.snap.Channels[id].Position) {
		return false
	}
	return x.elsewhere(id, true)
}

// elsewhere asks whether another application has the channel, and returns otherwise if that isn't known.
func (x *Settlement) elsewhere(id string, otherwise bool) bool {
	if x.snap.Elsewhere != nil {
		if elsewhere, known := x.snap.Elsewhere(id); known {
			return elsewhere
		}
	}
	return otherwise
}

// differ reports whether two positions in the dialplan are known, and not the same.
func differ(a, b string) bool { return a != "" && b != "" && a != b }
