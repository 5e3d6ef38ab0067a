package roster

import "slices"

// An Entry is what a StasisStart means.
type Entry int

const (
	Started   Entry = iota // a stay begins
	Duplicate              // it has been told of already, or made up for: nothing follows
	Again                  // the stay in the same application has ended unheard: it ends first, then a new one begins
	Missed                 // likewise, and it was from before a gap: it ends as ended in the gap
)

// Enter takes a StasisStart. At identifies the event: its timestamp as it came, or nothing if it has none. Place is where
// in the dialplan the channel is, in the form of [Place]'s Position, or nothing if that isn't known.
func (r *Roster) Enter(s Stay, at, place string) Entry {
	if at != "" && slices.ContainsFunc(r.over.list[:], func(p past) bool { return p.repeats(s, at) }) {
		return Duplicate
	}
	c := r.of(s.Channel)
	entry := Started
	if i := c.find(s.App); i >= 0 {
		old := &c.stays[i]
		switch {
		case at != "" && old.at == at, old.at == "" && old.conn == r.conn:
			// The same, perhaps in a new connection, or the one that was made up for.
			old.at, old.conn = at, r.conn
			if place != "" {
				old.place = place
			}
			return Duplicate
		case old.conn == r.conn:
			entry = Again
		default:
			entry = Missed
		}
		r.end(c, i)
	}
	c.pay(s.App)
	r.begin(c, stay{app: s.App, at: at, place: place})
	return entry
}

// repeats reports whether this StasisStart is the one of a stay that is over. Times have a coarse unit, so a stay that
// ended at the time at which it began doesn't tell.
func (p past) repeats(s Stay, at string) bool { return p.Stay == s && p.start == at && p.end != at }

// An Exit is what a StasisEnd means.
type Exit int

const (
	Ended     Exit = iota // the stay ends
	Elsewhere             // the stay ends, and the channel is in another of our applications
	Known                 // the stay has ended already: nothing follows
	Stranger              // nothing is known of such a stay: nothing ends
)

// Leave takes a StasisEnd. At is its timestamp as it came, or nothing. Heard says that an application is subscribed to the
// channel all the same, so that what becomes of it will be told, its destruction at last. Place is where in the dialplan
// the channel is, in the form of [Place]'s Position, or nothing.
func (r *Roster) Leave(s Stay, at string, heard bool, place string) Exit {
	if r.asked {
		r.left[s] = struct{}{}
	}
	c := r.channels[s.Channel]
	i := -1
	if c != nil {
		i = c.find(s.App)
	}
	if at != "" && (i < 0 || c.stays[i].at != at) && slices.ContainsFunc(r.over.list[:], func(p past) bool { return p.Stay == s && p.end == at }) {
		return Known
	}
	p := past{Stay: s, end: at}
	if i < 0 {
		r.over.add(p)
		if c == nil || !c.pay(s.App) {
			return Stranger
		}
		r.tidy(s.Channel, c)
		return Known
	}
	p.start = c.stays[i].at
	r.over.add(p)
	r.end(c, i)
	if len(c.stays) > 0 {
		return Elsewhere
	}
	if heard && !slices.Contains(r.dead.list[:], s.Channel) {
		c.away = &away{place: place}
	}
	r.tidy(s.Channel, c)
	return Ended
}

// Destroy takes a ChannelDestroyed, and returns the stays that end by it.
func (r *Roster) Destroy(channel string) []Stay {
	if r.asked {
		r.destroyed[channel] = struct{}{}
	}
	r.dead.add(channel)
	c := r.channels[channel]
	if c == nil {
		return nil
	}
	list := c.list(channel)
	r.stays -= len(list)
	c.stays, c.away = nil, nil
	r.tidy(channel, c)
	return list
}

// InDialplan takes notice of a channel that runs the dialplan, because a ChannelDialplan says so or we have sent it there:
// if it has left our applications, it was not moved to another one.
func (r *Roster) InDialplan(channel string) {
	if c := r.channels[channel]; c != nil && c.away != nil {
		c.away.ran = true
	}
}
