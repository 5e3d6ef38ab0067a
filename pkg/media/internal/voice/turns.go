package voice

// Change is what has become of a turn.
type Change uint8

const (
	// Unchanged says that nothing has happened.
	Unchanged Change = iota
	// Started says that somebody has begun to speak.
	Started
	// Paused says that there is silence that may be the end.
	Paused
	// Resumed says that it wasn't.
	Resumed
	// Ended says that the turn is over.
	Ended
)

// Turns makes turns of frames with and without voice. Lengths are in frames.
type Turns struct {
	// Start is how many frames of voice, with gaps no longer than one frame, begin a turn; Pause and End are how much
	// silence is a pause and the end.
	Start, Pause, End int

	voiced  int // frames of voice in a row
	silent  int // frames of silence in a row
	talking bool
	paused  bool
}

// Talking reports whether a turn is under way.
func (t *Turns) Talking() bool { return t.talking }

// Next takes a frame. For Started, ago is how many frames ago the voice began, this one included; for Paused and Ended,
// how many frames of silence there have been.
func (t *Turns) Next(voice bool) (change Change, ago int) {
	if voice {
		t.voiced++
		t.silent = 0
	} else {
		t.silent++
		if t.silent > 1 && !t.talking {
			t.voiced = 0
		} else if t.voiced > 0 && !t.talking {
			t.voiced++ // A gap of one frame belongs to it.
		}
	}
	switch {
	case !t.talking && voice && t.voiced >= t.Start:
		t.talking, t.paused = true, false
		return Started, t.voiced
	case t.talking && t.paused && voice:
		t.paused = false
		return Resumed, 1
	case t.talking && !t.paused && t.silent >= t.Pause && t.silent < t.End:
		t.paused = true
		return Paused, t.silent
	case t.talking && t.silent >= t.End:
		t.talking, t.paused, t.voiced = false, false, 0
		return Ended, t.silent
	default:
		return Unchanged, 0
	}
}
