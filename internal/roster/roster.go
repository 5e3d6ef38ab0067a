package roster

import "slices"

// A Stay is a channel's being in one application.
type Stay struct{ App, Channel string }

// A Roster knows which channels are in which applications. Use [New] to make one. It may not be used by several
// goroutines at once.
type Roster struct {
	conn     uint64 // counts connections
	channels map[string]*channel
	stays    int

	// What has been read since Asterisk was asked for a snapshot, which may be older than that. Nil while none is awaited.
	since *since
	over  recent[past]   // the last stays that ended by an event
	dead  recent[string] // the last channels that were destroyed
}

// A channel is what is known of one channel. It is kept for as long as there is something to know.
type channel struct {
	stays []stay   // in the order in which they began
	owed  []string // the applications whose end was made up in this connection, so that Asterisk's own may still come
	away  *away    // since it was last read to leave one; its stays, if there are any, are older and over
}

// A stay is one that lasts.
type stay struct {
	app   string
	at    string // of its StasisStart; empty if it was made up
	place string // where in the dialplan
	conn  uint64 // in which connection it was last told of
	sent  uint64 // in which connection we have sent it to the dialplan
	over  bool   // something that was read since says so
}

// A since is what has been read since a snapshot was asked for.
type since struct {
	left map[Stay]struct{}   // the stays that have ended
	out  map[string]struct{} // the channels that have been destroyed, or seen in the dialplan
}

// A past is a stay that has ended.
type past struct {
	Stay
	start, end string // when
}

// An away is what is known of a channel that has left our applications while they go on hearing of it.
type away struct {
	place string // where in the dialplan it left
	conn  uint64 // in which connection it was last seen out of them
	ran   bool   // it has been seen running the dialplan since
}

func (a *away) inDialplan(conn uint64) { a.ran, a.conn = true, conn }

// New returns a roster that knows of no channel.
func New() *Roster { return &Roster{conn: 1, channels: make(map[string]*channel)} }

// Connected begins a new connection: all that is known becomes older than it, and nothing is expected any more that was
// still to come from the last one.
func (r *Roster) Connected() {
	r.conn++
	r.Settled()
	for id, c := range r.channels {
		c.owed = nil
		r.tidy(id, c)
	}
}

// Has reports whether a channel is in one of the applications.
func (r *Roster) Has(channel string) bool {
	c := r.channels[channel]
	return c != nil && len(c.stays) > 0
}

// Stays returns a channel's stays, in the order in which they began: while it is moved between two of our applications it
// may be in both for a moment.
func (r *Roster) Stays(channel string) []Stay {
	c := r.channels[channel]
	if c == nil || len(c.stays) == 0 {
		return nil
	}
	return c.list(channel)
}

// Len is the number of stays.
func (r *Roster) Len() int { return r.stays }

// of returns what is known of a channel, to be added to.
func (r *Roster) of(id string) *channel {
	c := r.channels[id]
	if c == nil {
		c = new(channel)
		r.channels[id] = c
	}
	return c
}

// tidy forgets a channel of which there is nothing to know.
func (r *Roster) tidy(id string, c *channel) {
	if len(c.stays) == 0 && len(c.owed) == 0 && c.away == nil {
		delete(r.channels, id)
	}
}

// begin adds a stay.
func (r *Roster) begin(c *channel, s stay) {
	s.conn = r.conn
	c.away = nil
	c.stays = append(c.stays, s)
	r.stays++
}

// end takes a stay out.
func (r *Roster) end(c *channel, i int) {
	c.stays = slices.Delete(c.stays, i, i+1)
	r.stays--
}

// makeUpEnd ends a stay whose StasisEnd was lost, or is still to come.
func (r *Roster) makeUpEnd(id string, c *channel, i int) Stay {
	s := Stay{c.stays[i].app, id}
	c.owed = append(c.owed, s.App)
	r.end(c, i)
	return s
}

// find returns the index of the stay in an application, or -1.
func (c *channel) find(app string) int {
	if c == nil {
		return -1
	}
	return slices.IndexFunc(c.stays, func(s stay) bool { return s.app == app })
}

func (c *channel) list(id string) []Stay {
	list := make([]Stay, len(c.stays))
	for i, s := range c.stays {
		list[i] = Stay{s.app, id}
	}
	return list
}

// pay takes back that an application's own end is owed, and reports whether it was.
func (c *channel) pay(app string) bool {
	if c == nil {
		return false
	}
	i := slices.Index(c.owed, app)
	if i < 0 {
		return false
	}
	c.owed = slices.Delete(c.owed, i, i+1)
	return true
}

// A recent keeps the last few of what has passed.
type recent[T any] struct {
	list [256]T
	next int
}

func (r *recent[T]) add(x T) {
	r.list[r.next] = x
	r.next = (r.next + 1) % len(r.list)
}
