package roster

import "slices"

// An Entry is what a StasisStart means.
type Entry int

// The entries.
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
			// The same, perhaps in a new connection, or the one that was made up for; what was sent was sent before it.
			old.at, old.conn, old.sent = at, r.conn, 0
			if place != "" {
				old.place = place
			}
			return Duplicate
		case old.conn == r.conn:
			entry = Again
		default:
			entry = Missed
		}
		r.over.add(past{Stay: s, start: old.at, end: at})
		r.end(c, i)
	}
	c.pay(s.App)
	r.supersede(c)
	r.begin(c, stay{app: s.App, at: at, place: place})
	return entry
}

// repeats reports whether this StasisStart is the one of a stay that is over. Times have a coarse unit, so a stay that
// ended at the time at which it began doesn't tell.
func (p past) repeats(s Stay, at string) bool { return p.Stay == s && p.start == at && p.end != at }

// supersede says that the stays are over of which nothing has been read in this connection.
func (r *Roster) supersede(c *channel) {
	for i := range c.stays {
		if s := &c.stays[i]; s.conn < r.conn || s.at == "" {
			s.over = true
		}
	}
}

// Superseded ends the stays of which an event has told, without being about them, that they are over, and returns them:
// another has begun, or ended, after them. It is to be asked after Enter and Leave. A stay that was told of in this
// connection is none of them, since its own end comes too.
func (r *Roster) Superseded(channel string) []Stay {
	c := r.channels[channel]
	if c == nil {
		return nil
	}
	var list []Stay
	for i := 0; i < len(c.stays); {
		if s := c.stays[i]; !s.over {
			i++
			continue
		}
		list = append(list, r.makeUpEnd(channel, c, i))
	}
	return list
}

// An Exit is what a StasisEnd means.
type Exit int

// The exits.
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
	if r.since != nil {
		r.since.left[s] = struct{}{}
	}
	c := r.channels[s.Channel]
	i := c.find(s.App)
	if at != "" && r.endedBefore(c, i, s, at) {
		return Known
	}
	exit := Stranger
	p, ran := past{Stay: s, end: at}, false
	switch {
	case i >= 0:
		exit, p.start, ran = Ended, c.stays[i].at, c.stays[i].sent == r.conn
		r.end(c, i)
	case c.pay(s.App):
		exit = Known
	case c != nil:
		r.supersede(c)
	}
	r.over.add(p)
	if exit == Ended && len(c.stays) > 0 {
		return Elsewhere
	}
	// If its ChannelDestroyed came first, nothing else will come.
	if heard && !slices.Contains(r.dead.list[:], s.Channel) {
		r.of(s.Channel).away = &away{place: place, conn: r.conn, ran: ran}
	}
	if c != nil {
		r.tidy(s.Channel, c)
	}
	return exit
}

// endedBefore reports whether this StasisEnd has been read already. A stay that began after the one that it ended can have
// ended at the same time only if it began at that time, too.
func (r *Roster) endedBefore(c *channel, i int, s Stay, at string) bool {
	if i >= 0 && c.stays[i].at == at {
		return false
	}
	return slices.ContainsFunc(r.over.list[:], func(p past) bool { return p.end == at && p.Stay == s })
}

// Destroy takes a ChannelDestroyed, and returns the stays that end by it.
func (r *Roster) Destroy(channel string) []Stay {
	if r.since != nil {
		r.since.out[channel] = struct{}{}
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

// InDialplan takes a ChannelDialplan: a channel that has left our applications was not moved to another one. What is read
// while the channel is in an application says nothing: it may be about its way there.
func (r *Roster) InDialplan(channel string) {
	if r.since != nil {
		r.since.out[channel] = struct{}{}
	}
	if c := r.channels[channel]; c != nil && c.away != nil {
		c.away.inDialplan(r.conn)
	}
}

// Continued says that a channel was sent to the dialplan by us, whether its StasisEnd has been read or is still to come.
func (r *Roster) Continued(channel string) {
	c := r.channels[channel]
	if c == nil {
		return
	}
	for i := range c.stays {
		c.stays[i].sent = r.conn
	}
	r.InDialplan(channel)
}
