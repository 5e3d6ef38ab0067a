package media

import (
	"cmp"
	"sync"
	"time"

	"github.com/ari-go/ari/pkg/media/internal/voice"
)

// A VoiceDetector tells whether the caller speaks, frame by frame. It gets each frame once, in order; it must be quick,
// and keep nothing of the frame.
type VoiceDetector interface {
	Voice(f Frame) bool
}

// TurnKind says what has become of a turn of the caller's.
type TurnKind string

// What becomes of turns, in this order; a pause may come several times, and an end without one.
const (
	TurnStarted TurnKind = "started" // the caller speaks
	TurnPaused  TurnKind = "paused"  // there is silence that may be the end
	TurnResumed TurnKind = "resumed" // it wasn't
	TurnEnded   TurnKind = "ended"   // the caller has finished
)

// A Turn is news of the caller's speaking.
type Turn struct {
	Kind TurnKind

	// At is the position where it happened, which is some time before it was sure: the first sample of speech, or of
	// silence. It counts as [Frame.Position] does.
	At int64

	// Time is when At was heard.
	Time time.Time
}

// TurnOptions say when a turn begins and ends. Zero values have defaults.
type TurnOptions struct {
	// Detector tells voice from noise. The default one goes by loudness and spectrum, and adapts to the noise.
	Detector VoiceDetector

	// Start is how much speech begins a turn, 100 ms by default; Pause and End how much silence is a pause and the end,
	// 240 and 800 ms by default.
	Start, Pause, End time.Duration
}

// OnTurn calls f when the caller begins to speak, pauses, goes on, and has finished. Only what the caller says is looked
// at, never what is said to the caller; a telephone that lets the caller's own loudspeaker be heard is a different
// matter. f is called as that of OnDigit is. It replaces what was set by OnTurn before.
func (s *Stream) OnTurn(opts TurnOptions, f func(Turn)) { s.turns.Store(s.newTurnKeeper(opts, f)) }

func (s *Stream) newTurnKeeper(opts TurnOptions, f func(Turn)) *turnKeeper {
	k := &turnKeeper{detector: opts.Detector, f: f, turns: voice.Turns{
		Start: frames(cmp.Or(opts.Start, 100*time.Millisecond)),
		Pause: frames(cmp.Or(opts.Pause, 240*time.Millisecond)),
		End:   frames(cmp.Or(opts.End, 800*time.Millisecond)),
	}}
	if k.detector == nil {
		k.detector = &defaultDetector{rate: s.rate}
	}
	return k
}

func frames(d time.Duration) int { return max(int((d+frameTime/2)/frameTime), 1) }

type defaultDetector struct {
	rate int
	d    voice.Detector
}

func (d *defaultDetector) Voice(f Frame) bool { return d.d.Voice(f.PCM, d.rate, f.Level) }

// A turnKeeper looks at frames as they come, and knows that those that don't come are silence: a caller whose telephone
// suppresses silence, or who is another program, sends nothing when nothing is said.
type turnKeeper struct {
	detector VoiceDetector

	mu    sync.Mutex
	turns voice.Turns
	last  Frame // without its samples
	fed   int   // frames of silence since then, in place of those that don't come

	f         func(Turn)
	interrupt func(Turn) // called at once by who reads
}

var turnKinds = map[voice.Change]TurnKind{
	voice.Started: TurnStarted, voice.Paused: TurnPaused, voice.Resumed: TurnResumed, voice.Ended: TurnEnded,
}

// frame looks at one, and tells what has changed.
func (k *turnKeeper) frame(f Frame, tell func(func())) {
	isVoice := k.detector.Voice(f)
	k.mu.Lock()
	change, ago := k.turns.Next(isVoice)
	k.last, k.fed = Frame{Position: f.Position + int64(len(f.PCM)), Time: f.Time}, 0
	k.mu.Unlock()
	k.changed(change, Turn{At: f.Position - int64((ago-1)*len(f.PCM)), Time: f.Time.Add(-time.Duration(ago) * frameTime)}, tell)
}

// idleTime is how long no frame must have come before that is taken for silence.
const idleTime = 3 * frameTime

// idle looks whether frames don't come that should.
func (k *turnKeeper) idle(now time.Time, tell func(func())) {
	k.mu.Lock()
	var change voice.Change
	var t Turn
	for k.turns.Talking() && change == voice.Unchanged && now.Sub(k.last.Time) > idleTime+time.Duration(k.fed)*frameTime {
		k.fed++
		change, _ = k.turns.Next(false)
		t = Turn{At: k.last.Position, Time: k.last.Time}
	}
	k.mu.Unlock()
	k.changed(change, t, tell)
}

func (k *turnKeeper) changed(change voice.Change, t Turn, tell func(func())) {
	if change == voice.Unchanged {
		return
	}
	t.Kind = turnKinds[change]
	if t.Kind == TurnStarted && k.interrupt != nil {
		k.interrupt(t)
	}
	if k.f != nil {
		tell(func() { k.f(t) })
	}
}

// BargeInOptions are those of [Stream.BargeIn].
type BargeInOptions struct {
	TurnOptions

	// Pause lets the utterance rest rather than stop it, so that it can go on after a false alarm: see
	// [Utterance.Resume].
	Pause bool
}

// An Interruption is what a caller did who began to speak while an utterance was being said.
type Interruption struct {
	// Turn is the caller's.
	Turn Turn

	// Utterance is what was being said, and Heard how much of it the caller had heard when it fell silent.
	Utterance *Utterance
	Heard     Heard

	// Reaction is the time from the moment when the caller was found to speak until Asterisk had been told to be silent.
	Reaction time.Duration
}

// BargeIn stops what is being said as soon as the caller begins to speak, all that waits behind it too, and then calls f
// with what was heard. Turns are told as by OnTurn, which it takes the place of, to turn, if that isn't nil.
func (s *Stream) BargeIn(opts BargeInOptions, turn func(Turn), f func(Interruption)) {
	k := s.newTurnKeeper(opts.TurnOptions, turn)
	k.interrupt = func(t Turn) { s.interrupt(opts.Pause, t, f) }
	s.turns.Store(k)
}

// interrupt is called by the goroutine that reads, which must not wait: what is asked of Asterisk is answered through it.
func (s *Stream) interrupt(pause bool, t Turn, f func(Interruption)) {
	begun := time.Now()
	saying := s.Saying()
	if len(saying) == 0 {
		return
	}
	go func() {
		in := Interruption{Turn: t, Utterance: saying[0]}
		if pause {
			in.Heard = saying[0].Pause()
		} else {
			in.Heard = s.haltAll(saying, thenStop)[0]
		}
		in.Reaction = time.Since(begun)
		s.stats.interrupted(in.Reaction)
		s.calls.add(func() { f(in) })
	}()
}
