package media

import (
	"log/slog"
	"slices"
	"time"
)

// watchEvery is after how many beats of the pacer a stream looks at its own figures: five seconds.
const watchEvery = int(5 * time.Second / frameTime)

// A Problem is something that is wrong with a stream.
type Problem string

// The problems that a stream finds by itself.
const (
	NoAudio     Problem = "nothing comes from the caller"
	OneWay      Problem = "one-way audio: the caller is sent something, and nothing comes back"
	Mute        Problem = "what comes from the caller is silence to the last sample: a telephone that is muted, or whose sound goes elsewhere"
	WrongCodec  Problem = "RTP comes in another codec than was agreed on"
	Strangers   Problem = "datagrams come from somebody else"
	LostPackets Problem = "RTP packets are lost"
	Drifting    Problem = "the caller's clock runs at another speed than this machine's"
	DeepQueue   Problem = "Asterisk's queue grows: what is said is heard late"
	SlowReader  Problem = "a reader is too slow and misses what the caller says"
	SlowSource  Problem = "a source is too slow: the caller hears gaps"
	FastSource  Problem = "live audio comes too fast"
	Stalling    Problem = "this process stands still now and then"
	Refusing    Problem = "Asterisk refuses a command, or a frame can't be decoded"
)

// A Report is what a stream tells its observer each five seconds, and at its end: see [Options].
type Report struct {
	CallID, MediaChannelID string
	Transport              Transport
	Format                 string

	Stats    Stats     // so far
	Problems []Problem // that there are at the moment
	End      error     // why it has ended; nil while it lives
}

const (
	// muteAfter is after how many looks it is said that nothing but digital silence comes.
	muteAfter = 3

	// driftLooks is over how many looks the caller's clock is compared with ours, and mostDrift how far apart they may be then: half a percent.
	driftLooks = 12
	mostDrift  = driftLooks * 5 * time.Second / 200
)

// A watchman looks now and then for what is wrong, and says so in the log: once when it begins, once when it is over.
type watchman struct {
	beats  int
	before Stats
	told   []Problem
	mute   int           // looks in a row at which all that came was digital silence
	looks  int           // of those at which the caller's clock could be compared
	drift  time.Duration // during them
	drifts bool
}

// beat is called every 20 ms by the goroutine that speaks.
func (w *watchman) beat(s *Stream) {
	if w.beats++; w.beats%watchEvery != 0 {
		return
	}
	now := s.Stats()
	d := now.since(w.before)
	w.before = now
	w.listen(s, d)
	expected := int64(watchEvery)
	w.tell(s, NoAudio, d.FramesIn == 0)
	w.tell(s, OneWay, d.FramesIn == 0 && d.FramesOut > expected/10, slog.Int64("frames_out", d.FramesOut))
	w.tell(s, Mute, w.mute >= muteAfter)
	w.tell(s, WrongCodec, d.WrongCodec > 0, slog.Int64("packets", d.WrongCodec))
	w.tell(s, Strangers, d.Strangers > 0, slog.Int64("datagrams", d.Strangers))
	w.tell(s, LostPackets, d.Lost > expected/50, slog.Int64("lost", d.Lost))
	w.tell(s, Drifting, w.drifts, slog.Duration("drift", now.Drift))
	w.tell(s, DeepQueue, now.QueueDepth > s.ahead+markSlack, slog.Int("frames", now.QueueDepth))
	w.tell(s, SlowReader, d.Missed > 0, slog.Int64("frames", d.Missed))
	w.tell(s, SlowSource, d.Underruns > 0, slog.Int64("gaps", d.Underruns))
	w.tell(s, FastSource, d.LiveDropped > int64(s.player.rate)*5/50, slog.Int64("samples_dropped", d.LiveDropped))
	w.tell(s, Stalling, d.Stalls > 0, slog.Int64("times", d.Stalls))
	w.tell(s, Refusing, d.Errors > 0, slog.Int64("times", d.Errors))
	s.report(w.told, nil)
}

// listen looks at what has come from the caller.
func (w *watchman) listen(s *Stream, d Stats) {
	expected := int64(watchEvery)
	if w.mute++; d.FramesIn == 0 || s.stats.sounded.Swap(false) {
		w.mute = 0
	}
	// Who doesn't send all the time tells nothing of a clock.
	if d.FramesIn < expected*9/10 || d.FramesIn > expected*11/10 {
		return
	}
	ahead := time.Duration(d.FramesIn-expected) * frameTime
	s.stats.drift.Add(int64(ahead))
	w.drift += ahead
	if w.looks++; w.looks == driftLooks {
		w.drifts = w.drift.Abs() > mostDrift
		w.looks, w.drift = 0, 0
	}
}

// report tells the observer, if there is one.
func (s *Stream) report(problems []Problem, end error) {
	if s.wiring == nil || s.wiring.opts.Observe == nil {
		return
	}
	w := s.wiring
	w.mu.Lock()
	call := ""
	if w.call != nil {
		call = w.call.ID
	}
	w.mu.Unlock()
	r := Report{
		CallID: call, MediaChannelID: w.id, Transport: w.opts.Transport, Format: w.opts.Format, Stats: s.Stats(),
		Problems: slices.Clone(problems), End: end,
	}
	if end != nil {
		w.opts.Observe(r)
		return
	}
	s.calls.add(func() { w.opts.Observe(r) })
}

// since is by how much the counters have grown.
func (st Stats) since(before Stats) Stats {
	st.FramesIn -= before.FramesIn
	st.FramesOut -= before.FramesOut
	st.Lost -= before.Lost
	st.Missed -= before.Missed
	st.Underruns -= before.Underruns
	st.LiveDropped -= before.LiveDropped
	st.Stalls -= before.Stalls
	st.Strangers -= before.Strangers
	st.WrongCodec -= before.WrongCodec
	st.Errors -= before.Errors
	return st
}

func (w *watchman) tell(s *Stream, what Problem, wrong bool, more ...any) {
	i := slices.Index(w.told, what)
	if wrong == (i >= 0) {
		return
	}
	log := s.log.With(slog.String("stream", s.name))
	if wrong {
		w.told = append(w.told, what)
		log.Warn("media: "+string(what), more...)
		return
	}
	w.told = slices.Delete(w.told, i, i+1)
	log.Info("media: no longer so: " + string(what))
}
