package pbx

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/ari-go/ari/internal/sim/wire"
)

// A Recording is one that is being made.
type Recording struct {
	p           *PBX
	Name        string
	Format      string
	State       string // queued, recording, paused, done, failed, canceled
	cause       string
	Ch          *Channel
	Bridge      *Bridge
	cmd         *Command
	Beep        bool
	TerminateOn string
	MaxSilence  time.Duration
	MaxDuration time.Duration

	began    time.Time
	recorded time.Duration // before it was paused
	talked   time.Duration // of what was said so far, or is being said until
	until    time.Time
	silence  *time.Timer
	limit    *time.Timer
	beep     *time.Timer
	AppendTo bool
	idle     bool   // nothing comes that could be recorded
	recorder func() // takes away who records the bridge
}

// A StoredRecording is one that is there.
type StoredRecording struct {
	Name, Format string
	duration     time.Duration
}

// JSON is the recording as ARI shows it.
func (r *StoredRecording) JSON() wire.JSON {
	return wire.Object(wire.F("name", r.Name), wire.F("format", r.Format))
}

// Wav is the recording as a file: silence.
func (r *StoredRecording) Wav() []byte {
	const rate = 8000
	n := int(min(r.duration, time.Minute).Seconds()*rate) * 2
	b := make([]byte, 44+n)
	copy(b, "RIFF")
	binary.LittleEndian.PutUint32(b[4:], uint32(36+n)) //nolint:gosec // at most a minute
	copy(b[8:], "WAVEfmt ")
	binary.LittleEndian.PutUint32(b[16:], 16)
	binary.LittleEndian.PutUint16(b[20:], 1)
	binary.LittleEndian.PutUint16(b[22:], 1)
	binary.LittleEndian.PutUint32(b[24:], rate)
	binary.LittleEndian.PutUint32(b[28:], rate*2)
	binary.LittleEndian.PutUint16(b[32:], 2)
	binary.LittleEndian.PutUint16(b[34:], 16)
	copy(b[36:], "data")
	binary.LittleEndian.PutUint32(b[40:], uint32(n)) //nolint:gosec // at most a minute
	return b
}

func (r *Recording) target() string {
	if r.Ch != nil {
		return "channel:" + r.Ch.ID
	}
	return "bridge:" + r.Bridge.ID
}

// JSON is the recording as ARI shows it.
func (r *Recording) JSON() wire.JSON {
	fields := []wire.Field{wire.F("name", r.Name), wire.F("format", r.Format), wire.F("state", r.State), wire.F("target_uri", r.target())}
	switch r.State {
	case "failed":
		fields = append(fields, wire.F("cause", r.cause))
	case "done":
		fields = append(fields, wire.F("duration", int(r.recorded.Seconds())))
		if r.MaxSilence > 0 {
			talked := min(r.talked-r.left(), r.recorded)
			fields = append(fields, wire.F("talking_duration", int(talked.Seconds())), wire.F("silence_duration", int((r.recorded-talked).Seconds())))
		}
	}
	return wire.Object(fields...)
}

func (r *Recording) emit(typ string) {
	make := func() wire.Event { return r.p.Event(typ, wire.F("recording", r.JSON())) }
	if r.Ch != nil {
		r.Ch.tell(make)
	} else {
		r.p.ToBridgeMedia(r.Bridge.ID, make)
	}
}

// Record queues a recording of a channel behind what it does, or begins one of a bridge.
func (p *PBX) Record(r *Recording) wire.JSON {
	r.p, r.State = p, "queued"
	p.Live[r.Name] = r
	answer := r.JSON()
	if r.Ch == nil {
		r.start()
		return answer
	}
	r.cmd = &Command{
		Run: r.start,
		End: func() {
			switch r.State {
			case "canceled":
				r.remove()
				return
			case "queued":
				r.begin()
			}
			r.Finish()
		},
	}
	r.Ch.Enqueue(r.cmd, false)
	return answer
}

func (r *Recording) start() {
	if r.State == "canceled" {
		r.remove()
		return
	}
	if r.Ch != nil && r.Ch.Bridge != nil {
		r.fail("Cannot record channel while in bridge")
		return
	}
	if r.Ch == nil {
		r.recorder = r.Bridge.helper("Recorder/ARI")
	}
	if ch := r.Ch; ch != nil && ch.State == StateRing && !ch.Hungup { // Asterisk answers whom it records.
		ch.Answer()
		if !ch.hears() {
			r.limit = r.p.After(answerWait, r.begin)
			return
		}
	}
	r.begin()
}

// begin begins to record.
func (r *Recording) begin() {
	if r.State == "canceled" {
		r.remove()
		return
	}
	r.State = "recording"
	r.began = r.p.Now()
	r.idle = !r.hears()
	r.emit("RecordingStarted")
	if r.Beep {
		r.beep = r.p.After(r.p.total([]string{"beep"}), r.open)
	} else {
		r.open()
	}
	if r.Beep {
		Hear("beep", r.listeners()...)
	}
	r.arm()
	r.runs()
}

// listeners are the channels that hear the beep.
func (r *Recording) listeners() []*Channel {
	if r.Ch != nil {
		return []*Channel{r.Ch}
	}
	return slices.Clone(r.Bridge.Channels)
}

// of reports whether what is said at the channel's far end is recorded.
func (r *Recording) of(ch *Channel) bool {
	return r.Ch == ch || r.Bridge != nil && r.Bridge == ch.Bridge || r.Ch != nil && r.Ch.Snooped == ch
}

// runs wakes those who wait for the recording to run.
func (r *Recording) runs() {
	r.p.Signal()
	for _, ch := range r.p.ChannelOrder {
		if ch.Far != nil && r.of(ch) {
			ch.Far.Changed()
		}
	}
}

// patience is how long Asterisk waits for something that it could record.
const patience = 4 * time.Second

// hears reports whether anything comes that could be recorded.
func (r *Recording) hears() bool {
	if r.Ch != nil {
		return r.Ch.hears()
	}
	b := r.Bridge
	if b.technology == "softmix" && len(b.Channels) > 0 || b.playing != nil || b.Moh != "" {
		return true
	}
	return slices.ContainsFunc(b.Channels, (*Channel).hears)
}

func (r *Recording) arm() {
	if r.idle { // Time is counted by what comes, and nothing does.
		r.limit = r.p.After(patience, func() {
			if r.idle = !r.hears(); r.idle {
				r.Finish()
				return
			}
			r.began = r.p.Now()
			r.arm()
		})
		return
	}
	if r.MaxDuration > 0 {
		r.limit = r.p.After(max(r.MaxDuration-r.recorded, 0), r.Finish)
	}
	if r.MaxSilence > 0 {
		r.silence = r.p.After(r.MaxSilence, r.Finish)
	}
}

func (r *Recording) disarm() {
	for _, t := range []*time.Timer{r.limit, r.silence, r.beep} {
		if t != nil {
			t.Stop()
		}
	}
}

// heard says that somebody speaks for some time.
func (r *Recording) heard(d time.Duration) {
	if r.State == "recording" && r.silence != nil {
		r.silence.Stop()
		r.silence = r.p.After(d+r.MaxSilence, r.Finish)
		r.talk(d)
	}
}

// talk counts what is said.
func (r *Recording) talk(d time.Duration) {
	r.talked += max(d-r.left(), 0)
	if until := r.p.Now().Add(r.p.real(d)); until.After(r.until) {
		r.until = until
	}
}

// left is how long what was said last still goes on.
func (r *Recording) left() time.Duration { return max(-r.p.simulated(r.until), 0) }

// open makes the file, which is there from the beginning, behind the beep.
func (r *Recording) open() {
	if !r.AppendTo || r.p.Stored[r.Name] == nil {
		r.p.Stored[r.Name] = &StoredRecording{Name: r.Name, Format: r.Format}
	}
}

// elapsed is how much has been recorded since it began or went on.
func (r *Recording) elapsed() time.Duration {
	if r.idle {
		return 0
	}
	return r.p.simulated(r.began)
}

// Pause pauses the recording.
func (r *Recording) Pause() {
	if r.State == "recording" {
		r.recorded += r.elapsed()
		r.State = "paused"
		r.disarm()
	}
}

// Unpause lets it go on.
func (r *Recording) Unpause() {
	if r.State == "paused" {
		r.State = "recording"
		r.began = r.p.Now()
		r.arm()
		r.runs()
	}
}

func (r *Recording) over() bool {
	return r.State == "done" || r.State == "failed" || r.State == "canceled"
}

// Finish ends the recording and keeps it.
func (r *Recording) Finish() {
	if r.over() {
		return
	}
	if r.State == "recording" {
		r.recorded += r.elapsed()
	}
	r.State = "done"
	stored := &StoredRecording{Name: r.Name, Format: r.Format, duration: r.recorded}
	if old := r.p.Stored[r.Name]; old != nil && r.AppendTo {
		stored.duration += old.duration
	}
	r.p.Stored[r.Name] = stored
	r.emit("RecordingFinished")
	r.remove()
}

// Cancel ends the recording and throws it away. Asterisk tells that as if it had been kept.
func (r *Recording) Cancel() {
	if r.over() {
		return
	}
	if r.State == "recording" {
		r.recorded += r.elapsed()
	}
	if r.State == "queued" {
		r.State = "canceled" // It stays until its turn would have come.
		return
	}
	delete(r.p.Stored, r.Name)
	r.State = "done"
	r.emit("RecordingFinished")
	r.State = "canceled"
	r.remove()
}

func (r *Recording) fail(cause string) {
	r.State, r.cause = "failed", cause
	r.emit("RecordingFailed")
	r.remove()
}

func (r *Recording) remove() {
	r.disarm()
	if !r.over() {
		r.State = "canceled"
	}
	if r.p.Live[r.Name] == r {
		delete(r.p.Live, r.Name)
	}
	if r.recorder != nil {
		r.recorder()
		r.recorder = nil
	}
	r.p.Signal()
	if r.Ch != nil && r.cmd != nil {
		if r.Ch.Current == r.cmd {
			r.Ch.Finish(r.cmd)
		} else {
			r.Ch.queue = slices.DeleteFunc(r.Ch.queue, func(c *Command) bool { return c == r.cmd })
		}
	}
}

// recordings are those that are being made, in a fixed order.
func (p *PBX) recordings() []*Recording {
	var all []*Recording
	for _, name := range slices.Sorted(maps.Keys(p.Live)) {
		all = append(all, p.Live[name])
	}
	return all
}

// Recorded reports whether what is said at the channel's far end is being recorded.
func (ch *Channel) Recorded() bool {
	for _, r := range ch.PBX.Live {
		if r.State == "recording" && r.of(ch) {
			return true
		}
	}
	return false
}

// hears reports whether anything comes from the channel's far end, be it silence: from telephones, from those that are listened to, and
// from the other half of a Local channel when that plays something or passes something on.
func (ch *Channel) hears() bool { return ch.hearsWithin(maxHops) }

// maxHops is how many Local channels may lie between a channel and where sound comes from.
const maxHops = 5

func (ch *Channel) hearsWithin(hops int) bool {
	switch {
	case ch.Far != nil, ch.Snooped != nil:
		return true
	case ch.Other == nil || hops == 0:
		return false
	case ch.Other.playing():
		return true
	}
	b := ch.Other.Bridge
	if b == nil {
		return false
	}
	if b.playing != nil || b.Moh != "" {
		return true
	}
	for _, o := range b.Channels {
		if o != ch.Other && o.hearsWithin(hops-1) {
			return true
		}
	}
	return false
}

// playing reports whether the channel plays something to its far end.
func (ch *Channel) playing() bool {
	if ch.Stasis != nil {
		return ch.Current != nil && ch.Current.sounds
	}
	if ch.Run == nil {
		return false
	}
	switch ch.appName {
	case "Playback", "Milliwatt", "MusicOnHold":
		return true
	default:
		return ch.Run.toned
	}
}
