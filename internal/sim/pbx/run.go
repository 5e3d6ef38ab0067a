package pbx

import (
	"strconv"
	"strings"
	"time"

	"github.com/ari-go/ari/internal/sim/text"
	"github.com/ari-go/ari/internal/sim/wire"
)

// A Run is a channel's way through the dialplan.
type Run struct {
	Ch        *Channel
	steps     []Step // instead of an extension's
	timer     *time.Timer
	jumped    bool
	over      bool
	NoEnd     bool  // it has no extension h
	read      *read // digits that it waits for
	answering bool  // it waits for media after it has answered
	echoes    bool  // what comes
	toned     bool  // tones play beside what it does
}

// A read is a wait for digits.
type read struct {
	variable string
	limit    int
	digits   string
}

// StartDialplan lets the channel run the dialplan from somewhere.
func (ch *Channel) StartDialplan(context, exten string, priority int) {
	ch.Run = &Run{Ch: ch}
	ch.Context, ch.Exten, ch.Priority = context, exten, priority
	ch.Run.next()
}

// StartSteps lets the channel run steps as if they were an extension's.
func (ch *Channel) StartSteps(context, exten string, steps []Step) {
	ch.Run = &Run{Ch: ch, steps: steps}
	ch.Context, ch.Exten, ch.Priority = context, exten, 1
	ch.Run.next()
}

// end ends the run when the channel is hung up. What the context's extension h does that takes no time is done.
func (r *Run) end() {
	r.over = true
	if r.timer != nil {
		r.timer.Stop()
	}
	ch := r.Ch
	e := ch.PBX.Dialplan.find(ch.Context, "h")
	if e == nil || r.NoEnd {
		return
	}
	last := &Run{Ch: ch}
	ch.Exten, ch.Priority = "h", 1
	for _, s := range e.steps {
		ch.appName, ch.appData = s.App, ch.expand(s.Data)
		switch s.App {
		case "UserEvent", "Set", "NoOp":
			ch.publish("")
			last.execute(s.App, ch.appData)
		default:
			return
		}
		ch.Priority++
	}
}

// digit is a digit that came while the dialplan runs.
func (r *Run) digit(digit string) {
	if r.answering {
		r.timer.Stop()
		r.advance()
	}
	if r.echoes {
		r.Ch.write(digit)
		if digit == "#" { // It ends the echo.
			r.echoes = false
			r.advance()
			return
		}
	}
	w := r.read
	if w == nil {
		return
	}
	if digit != "#" {
		w.digits += digit
	}
	if digit == "#" || w.limit > 0 && len(w.digits) >= w.limit {
		r.endRead()
	}
}

func (r *Run) endRead() {
	w := r.read
	r.read = nil
	if r.timer != nil {
		r.timer.Stop()
	}
	r.Ch.SetVariable(w.variable, w.digits)
	r.advance()
}

// goTo continues somewhere else.
func (r *Run) goTo(context, exten string, priority int) {
	r.steps = nil
	r.Ch.Context, r.Ch.Exten, r.Ch.Priority = context, exten, priority
}

// next runs the step at the channel's place, and those behind it until one takes time.
func (r *Run) next() {
	for count := 0; !r.over && !r.Ch.Hungup; count++ {
		if count == 10000 { // a loop that never waits
			r.Ch.Hangup(Hangup{Silent: true})
			return
		}
		steps := r.steps
		if steps == nil {
			e := r.Ch.PBX.Dialplan.find(r.Ch.Context, r.Ch.Exten)
			if e != nil {
				steps = e.steps
			}
		}
		n := r.Ch.Priority
		if n < 1 || n > len(steps) {
			r.Ch.Hangup(Hangup{Silent: true})
			return
		}
		s := steps[n-1]
		r.Ch.appName, r.Ch.appData = s.App, r.Ch.expand(s.Data)
		r.Ch.publish("")
		if !r.execute(s.App, r.Ch.appData) {
			return
		}
		if !r.jumped {
			r.Ch.Priority++
		}
		r.jumped = false
	}
}

// advance goes on behind a step that took time.
func (r *Run) advance() {
	r.answering = false
	if !r.over && !r.Ch.Hungup {
		r.Ch.Priority++
		r.next()
	}
}

func (r *Run) pause(d time.Duration) bool {
	r.timer = r.Ch.PBX.After(d, r.advance)
	return false
}

// execute runs an application and reports whether the next one may follow at once.
func (r *Run) execute(app, data string) bool {
	ch := r.Ch
	switch app {
	case "Answer":
		return r.answer()
	case "Ringing":
		ch.Ringing()
	case "Progress":
		ch.Progress()
	case "Wait":
		return r.pause(text.Seconds(data))
	case "Echo":
		r.echoes = true
		return false
	case "PlayTones":
		r.toned = true
	case "Milliwatt":
		return false
	case "MusicOnHold":
		Hear(Music(text.Before(data, ",")), ch)
		return false
	case "Read": // the variable, a prompt, how many digits, options, attempts, seconds
		parts := append(strings.Split(data, ","), make([]string, 6)...)
		r.read = &read{variable: parts[0], limit: text.LeadingInt(parts[2])}
		d := text.Seconds(parts[5])
		if d == 0 {
			d = 10 * time.Second
		}
		r.timer = ch.PBX.After(d, r.endRead)
		return false
	case "Busy", "Congestion":
		r.refuse(app)
		return false
	case "Hangup":
		cause, err := strconv.Atoi(data)
		if err != nil {
			cause = 16
		}
		ch.refuseCall(cause)
		return false
	case "Set":
		name, value, _ := strings.Cut(data, "=")
		ch.SetVariable(strings.TrimSpace(name), value)
	case "Goto":
		return r.jump(data)
	case "Playback":
		ch.Answer()
		var total time.Duration
		status := "SUCCESS"
		for name := range strings.SplitSeq(text.Before(data, ","), "&") {
			s := ch.PBX.Sounds[name]
			if s == nil {
				status = "FAILED"
				continue
			}
			total += s.Duration
			Hear("sound:"+name, ch)
		}
		r.timer = ch.PBX.After(total, func() {
			ch.SetVariable("PLAYBACKSTATUS", status)
			r.advance()
		})
		return false
	case "UserEvent":
		r.userEvent(data)
	case "SendDTMF":
		digits, _, _ := strings.Cut(data, ",")
		ch.SendDigits(digits)
	case "Stasis":
		args := strings.Split(data, ",")
		return ch.stasisApp(args[0], args[1:], r.advance)
	case "StasisBroadcast":
		return r.broadcast(data)
	}
	return true
}

// answerWait is how long the dialplan's Answer waits for media.
const answerWait = 500 * time.Millisecond

// answer answers, and waits until media or a digit come, as media of telephones do at once. None come from the other half of a Local
// channel.
func (r *Run) answer() bool {
	ch := r.Ch
	up := ch.State == StateUp
	ch.Answer()
	if !up && ch.Other != nil && !ch.Hungup {
		r.answering = true
		return r.pause(answerWait)
	}
	return !ch.Hungup
}

// refuse lets a channel be busy or congested.
func (r *Run) refuse(app string) {
	ch := r.Ch
	cause := map[string]int{"Busy": 17, "Congestion": 34}[app]
	if ch.State != StateUp {
		ch.setState(stateBusy)
	}
	if o := ch.Other; o != nil && ch.half == 2 && !o.Hungup && o.Dial != nil && !o.Dial.over {
		ch.refused = cause
		o.Dial.end(strings.ToUpper(map[string]string{"Busy": "busy", "Congestion": "congestion"}[app]))
		o.Hangup(Hangup{Silent: true})
		return
	}
	ch.refuseCall(cause)
}

// jump is Goto: a priority or label, an extension and one, or a context and both.
func (r *Run) jump(data string) bool {
	parts := strings.Split(data, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	context, exten := r.Ch.Context, r.Ch.Exten
	where := parts[len(parts)-1]
	if len(parts) > 1 {
		exten = parts[len(parts)-2]
	}
	if len(parts) > 2 {
		context = parts[len(parts)-3]
	}
	priority, ok := r.Ch.PBX.Dialplan.Priority(context, exten, where)
	if !ok {
		priority = 0
	}
	r.goTo(context, exten, priority)
	r.jumped = true
	return true
}

func (r *Run) userEvent(data string) {
	parts := strings.Split(data, ",")
	members := []wire.Field{wire.F("eventname", parts[0])}
	for _, part := range parts[1:] {
		if name, value, ok := strings.Cut(part, ":"); ok {
			members = append(members, wire.F(name, strings.TrimSpace(value)))
		}
	}
	ch := r.Ch
	ch.tell(func() wire.Event {
		return ch.PBX.Event("ChannelUserevent", wire.F("eventname", parts[0]), wire.F("userevent", wire.Members(members)), wire.F("channel", ch.JSON()))
	})
}
