package media

import (
	"log/slog"
	"time"
)

// watchEvery is after how many beats of the pacer a stream looks at its own figures: five seconds.
const watchEvery = int(5 * time.Second / frameTime)

// A watchman looks now and then for what is wrong, and says so in the log: once when it begins, once when it is over.
type watchman struct {
	beats  int
	before Stats
	told   map[string]bool
}

// beat is called every 20 ms by the goroutine that speaks.
func (w *watchman) beat(s *Stream) {
	if w.beats++; w.beats%watchEvery != 0 {
		return
	}
	now := s.Stats()
	d := now.since(w.before)
	w.before = now
	expected := int64(watchEvery)
	w.tell(s, "nothing comes from the caller", d.FramesIn == 0)
	w.tell(s, "RTP packets are lost", d.Lost > expected/50, slog.Int64("lost", d.Lost))
	w.tell(s, "a reader is too slow and misses what the caller says", d.Missed > 0, slog.Int64("frames", d.Missed))
	w.tell(s, "a source is too slow: the caller hears gaps", d.Underruns > 0, slog.Int64("gaps", d.Underruns))
	w.tell(s, "live audio comes too fast", d.LiveDropped > int64(s.player.rate)*5/50, slog.Int64("samples_dropped", d.LiveDropped))
	w.tell(s, "this process stands still now and then", d.Stalls > 0, slog.Int64("times", d.Stalls))
	w.tell(s, "datagrams come from somebody else, or in another codec", d.Strangers > 0, slog.Int64("datagrams", d.Strangers))
	w.tell(s, "Asterisk refuses a command", d.Errors > 0, slog.Int64("times", d.Errors))
}

// since is by how much the counters have grown.
func (st Stats) since(before Stats) Stats {
	st.FramesIn -= before.FramesIn
	st.Lost -= before.Lost
	st.Missed -= before.Missed
	st.Underruns -= before.Underruns
	st.LiveDropped -= before.LiveDropped
	st.Stalls -= before.Stalls
	st.Strangers -= before.Strangers
	st.Errors -= before.Errors
	return st
}

func (w *watchman) tell(s *Stream, what string, wrong bool, more ...any) {
	if wrong == w.told[what] {
		return
	}
	if w.told == nil {
		w.told = make(map[string]bool)
	}
	w.told[what] = wrong
	log := s.log.With(slog.String("stream", s.name))
	if wrong {
		log.Warn("media: "+what, more...)
		return
	}
	log.Info("media: no longer so: " + what)
}
