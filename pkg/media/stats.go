package media

import (
	"sync"
	"sync/atomic"
	"time"
)

// Stats are a stream's figures so far.
type Stats struct {
	FramesIn  int64 // frames of 20 ms that came from the caller
	FramesOut int64 // frames with anything in them that went out

	// FirstAudio is the time from the last Say to a silent stream until its first frame went out.
	FirstAudio time.Duration

	// Underruns is how often an utterance's source was late, so that the caller heard a gap.
	Underruns int64

	// QueueDepth is how many frames were in Asterisk's queue when it was last looked at, 0 where there is none.
	QueueDepth int

	// Lost, Late and Duplicate are RTP packets that never came in time, that came too late, that came twice. Strangers
	// are datagrams from somebody else, and WrongCodec packets of another codec than was agreed on.
	Lost, Late, Duplicate, Strangers, WrongCodec int64

	// Drift is how much more has come from the caller than this machine's clock says, while something came all the time. It is
	// negative if it is less.
	Drift time.Duration

	// Missed is how many frames were too old before they were read.
	Missed int64

	// LiveDropped is how many samples of live audio were taken out, at the leg's rate.
	LiveDropped int64

	// Stalls is how often this process, or the machine, stood still for more than 100 ms; Skipped how many of its turns
	// the stream missed because it was still writing.
	Stalls, Skipped int64

	// Interruptions is how often BargeIn stopped what was being said, Reaction the longest time that this took.
	Interruptions int64
	Reaction      time.Duration

	Digits int64 // keys that were told by the transport
	Errors int64 // error messages of Asterisk's
}

type counters struct {
	framesIn, framesOut, lost, stalls, digits, errors, depth, heardAt, drift atomic.Int64
	sounded                                                                  atomic.Bool // something but digital silence has come

	mu        sync.Mutex
	askedAt   time.Time
	first     time.Duration
	underruns int64
	dryAt     time.Time
	barges    int64
	reaction  time.Duration
}

// asked takes note that something is to be said.
func (c *counters) asked(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.askedAt.IsZero() {
		c.askedAt = now
	}
}

func (c *counters) spoke(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.askedAt.IsZero() {
		c.first, c.askedAt = now.Sub(c.askedAt), time.Time{}
	}
}

// underran takes note of a moment without speech where there should have been some. Moments close together are one gap.
func (c *counters) underran(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.dryAt) > 5*frameTime {
		c.underruns++
	}
	c.dryAt = now
}

func (c *counters) interrupted(reaction time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.barges++
	c.reaction = max(c.reaction, reaction)
}

// Stats returns the figures.
func (s *Stream) Stats() Stats {
	c := &s.stats
	st := Stats{
		FramesIn: c.framesIn.Load(), FramesOut: c.framesOut.Load(), Lost: c.lost.Load(), Stalls: c.stalls.Load(),
		Digits: c.digits.Load(), Errors: c.errors.Load(), QueueDepth: int(c.depth.Load()), Skipped: s.pulse.missed.Load(),
		Drift: time.Duration(c.drift.Load()),
	}
	c.mu.Lock()
	st.FirstAudio, st.Underruns = c.first, c.underruns
	st.Interruptions, st.Reaction = c.barges, c.reaction
	c.mu.Unlock()
	s.player.mu.Lock()
	st.LiveDropped = s.player.live.dropped
	s.player.mu.Unlock()
	s.heard.mu.Lock()
	st.Missed = s.heard.missed
	s.heard.mu.Unlock()
	if l, ok := s.leg.(*rtpLeg); ok {
		st.Strangers, st.Late, st.Duplicate, st.WrongCodec = l.strangers.Load(), l.late.Load(), l.duplicate.Load(), l.wrong.Load()
	}
	return st
}
