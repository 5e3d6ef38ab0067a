package aritest

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"time"
)

// A recording is one that is being made.
type recording struct {
	p           *pbx
	name        string
	format      string
	state       string // queued, recording, paused, done, failed, canceled
	cause       string
	ch          *channel
	bridge      *bridge
	cmd         *command
	beep        bool
	terminateOn string
	maxSilence  time.Duration
	maxDuration time.Duration

	began    time.Time
	recorded time.Duration // before it was paused
	silence  *time.Timer
	limit    *time.Timer
	appendTo bool
}

// A storedRecording is one that is there.
type storedRecording struct {
	name, format string
	duration     time.Duration
}

func (r *storedRecording) json() jsonText {
	return object(field{"name", r.name}, field{"format", r.format})
}

// wav is the recording as a file: silence.
func (r *storedRecording) wav() []byte {
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

func (r *recording) target() string {
	if r.ch != nil {
		return "channel:" + r.ch.id
	}
	return "bridge:" + r.bridge.id
}

func (r *recording) json() jsonText {
	fields := []field{{"name", r.name}, {"format", r.format}, {"state", r.state}, {"target_uri", r.target()}}
	switch r.state {
	case "failed":
		fields = append(fields, field{"cause", r.cause})
	case "done":
		fields = append(fields, field{"duration", int(r.recorded.Seconds())})
		if r.maxSilence > 0 {
			silent := min(r.recorded, r.maxSilence)
			fields = append(fields, field{"talking_duration", int((r.recorded - silent).Seconds())}, field{"silence_duration", int(silent.Seconds())})
		}
	}
	return object(fields...)
}

func (r *recording) emit(typ string) {
	make := func() event { return r.p.event(typ, field{"recording", r.json()}) }
	if r.ch != nil {
		r.p.toChannel(r.ch.id, make)
	} else {
		r.p.toBridgeMedia(r.bridge.id, make)
	}
}

// record queues a recording of a channel behind what it does, or begins one of a bridge.
func (p *pbx) record(r *recording) jsonText {
	r.p, r.state = p, "queued"
	p.live[r.name] = r
	answer := r.json()
	if r.ch == nil {
		r.start()
		return answer
	}
	r.cmd = &command{
		run: r.start,
		end: func(bool) {
			if r.state != "queued" {
				r.finish()
				return
			}
			r.remove()
		},
	}
	r.ch.enqueue(r.cmd, false)
	if r.state == "recording" {
		answer = r.json()
	}
	return answer
}

func (r *recording) start() {
	if r.state == "canceled" {
		r.remove()
		return
	}
	if r.ch != nil && r.ch.bridge != nil {
		r.fail("Cannot record channel while in bridge")
		return
	}
	r.state = "recording"
	r.began = r.p.now()
	r.emit("RecordingStarted")
	if r.beep {
		hear("beep", r.listeners()...)
	}
	r.arm()
	r.runs()
}

// listeners are the channels that hear the beep.
func (r *recording) listeners() []*channel {
	if r.ch != nil {
		return []*channel{r.ch}
	}
	return slices.Clone(r.bridge.channels)
}

// of reports whether what is said at the channel's far end is recorded.
func (r *recording) of(ch *channel) bool {
	return r.ch == ch || r.bridge != nil && r.bridge == ch.bridge || r.ch != nil && r.ch.snooped == ch
}

// runs wakes those who wait for the recording to run.
func (r *recording) runs() {
	r.p.signal()
	for _, ch := range r.p.channelOrder {
		if ch.call != nil && r.of(ch) {
			ch.call.signal()
		}
	}
}

func (r *recording) arm() {
	if r.maxDuration > 0 {
		r.limit = r.p.after(max(r.maxDuration-r.recorded, 0), r.finish)
	}
	if r.maxSilence > 0 {
		r.silence = r.p.after(r.maxSilence, r.finish)
	}
}

func (r *recording) disarm() {
	for _, t := range []*time.Timer{r.limit, r.silence} {
		if t != nil {
			t.Stop()
		}
	}
}

// heard says that somebody speaks for some time.
func (r *recording) heard(d time.Duration) {
	if r.state == "recording" && r.silence != nil {
		r.silence.Stop()
		r.silence = r.p.after(d+r.maxSilence, r.finish)
	}
}

func (r *recording) pause() {
	if r.state == "recording" {
		r.recorded += r.p.simulated(r.began)
		r.state = "paused"
		r.disarm()
	}
}

func (r *recording) unpause() {
	if r.state == "paused" {
		r.state = "recording"
		r.began = r.p.now()
		r.arm()
		r.runs()
	}
}

func (r *recording) over() bool {
	return r.state == "done" || r.state == "failed" || r.state == "canceled"
}

// finish ends the recording and keeps it.
func (r *recording) finish() {
	if r.over() {
		return
	}
	if r.state == "recording" {
		r.recorded += r.p.simulated(r.began)
	}
	r.state = "done"
	stored := &storedRecording{name: r.name, format: r.format, duration: r.recorded}
	if old := r.p.stored[r.name]; old != nil && r.appendTo {
		stored.duration += old.duration
	}
	r.p.stored[r.name] = stored
	r.emit("RecordingFinished")
	r.remove()
}

// cancel ends the recording and throws it away. Asterisk tells that as if it had been kept.
func (r *recording) cancel() {
	if r.over() {
		return
	}
	if r.state == "recording" {
		r.recorded += r.p.simulated(r.began)
	}
	if r.state == "queued" {
		r.state = "canceled" // It stays until its turn would have come.
		return
	}
	r.state = "done"
	r.emit("RecordingFinished")
	r.state = "canceled"
	r.remove()
}

func (r *recording) fail(cause string) {
	r.state, r.cause = "failed", cause
	r.emit("RecordingFailed")
	r.remove()
}

func (r *recording) remove() {
	r.disarm()
	if !r.over() {
		r.state = "canceled"
	}
	if r.p.live[r.name] == r {
		delete(r.p.live, r.name)
	}
	r.p.signal()
	if r.ch != nil && r.cmd != nil {
		if r.ch.current == r.cmd {
			r.ch.finish(r.cmd)
		} else {
			r.ch.queue = slices.DeleteFunc(r.ch.queue, func(c *command) bool { return c == r.cmd })
		}
	}
}

// recordings are those that are being made, in a fixed order.
func (p *pbx) recordings() []*recording {
	var all []*recording
	for _, name := range slices.Sorted(maps.Keys(p.live)) {
		all = append(all, p.live[name])
	}
	return all
}

// Digits and voices.

// digit is a key that was pressed at the channel's far end.
func (ch *channel) digit(digit string) {
	if ch.hungup {
		return
	}
	ch.emit("ChannelDtmfReceived", field{"digit", digit}, field{"duration_ms", 100})
	for _, r := range ch.p.recordings() {
		of := r.ch == ch || r.bridge != nil && r.bridge == ch.bridge
		if of && r.state == "recording" && (r.terminateOn == "any" || r.terminateOn != "" && r.terminateOn == digit) {
			r.finish()
		}
	}
	if r := ch.run; r != nil && !r.over && ch.stasis == nil {
		r.digit(digit)
	}
	if b := ch.bridge; b != nil && b.kind == "mixing" && !ch.role.absorbDTMF {
		for _, o := range b.channels {
			if o != ch {
				o.write(digit)
			}
		}
	}
}

// write sends a digit to the channel's far end.
func (ch *channel) write(digit string) {
	switch {
	case ch.hungup:
	case ch.other != nil:
		ch.other.digit(digit)
	case ch.call != nil:
		ch.call.note(func(c *Call) { c.digits.WriteString(digit) })
	}
}

// sendDigits sends digits to the channel's far end.
func (ch *channel) sendDigits(digits string) {
	for _, digit := range keys(digits) {
		ch.write(string(digit))
	}
}

// keys are the characters of a text that are keys of a telephone.
func keys(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("0123456789*#ABCD", r) {
			return r
		}
		return -1
	}, strings.ToUpper(text))
}

// speak is somebody's voice at the channel's far end.
func (ch *channel) speak(d time.Duration) {
	for _, r := range ch.p.recordings() {
		if r.of(ch) {
			r.heard(d)
		}
	}
	setting, ok := ch.vars["TALK_DETECT(set)"]
	if !ok {
		return
	}
	silence := 2500 * time.Millisecond
	if ms := before(setting, ","); ms != "" {
		silence = seconds(ms) / 1000
	}
	ch.emit("ChannelTalkingStarted")
	c := ch.call
	if c == nil {
		return
	}
	if c.talk != nil {
		c.talk.Stop()
	}
	c.talk = ch.p.after(d+silence, func() {
		if ch.hungup {
			return
		}
		ms := int(d.Milliseconds())
		ch.p.toChannel(ch.id, func() event {
			return ch.p.blobEvent("ChannelTalkingFinished", []field{{"duration", ms}}, field{"channel", ch.json()})
		})
	})
}
