package aritest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A dialplan says what extensions do.
type dialplan struct {
	contexts map[string][]*extension
	globals  map[string]string
}

type extension struct {
	pattern string
	steps   []step // by priority, from 1
}

// A step is one priority of an extension.
type step struct {
	label     string
	app, data string
}

func newDialplan() *dialplan {
	return &dialplan{contexts: map[string][]*extension{}, globals: map[string]string{}}
}

var (
	extenLine = regexp.MustCompile(`^exten\s*=>?\s*([^,]+),\s*(\w+)(?:\(([\w-]+)\))?\s*,\s*(.*)$`)
	sameLine  = regexp.MustCompile(`^same\s*=>?\s*(\w+)(?:\(([\w-]+)\))?\s*,\s*(.*)$`)
	appCall   = regexp.MustCompile(`^(\w+)(?:\((.*)\))?$`)
)

// parse adds what is written as in extensions.conf.
func (d *dialplan) parse(text string) {
	context, current := "", (*extension)(nil)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(stripComment(line))
		switch {
		case line == "":
		case strings.HasPrefix(line, "["):
			name, _, _ := strings.Cut(line[1:], "]")
			context, current = name, nil
		case context == "general":
		case context == "globals":
			if name, value, ok := strings.Cut(line, "="); ok {
				d.globals[strings.TrimSpace(name)] = strings.TrimSpace(strings.TrimPrefix(value, ">"))
			}
		default:
			if m := extenLine.FindStringSubmatch(line); m != nil {
				current = d.extension(context, strings.TrimSpace(m[1]))
				current.add(m[3], m[4])
			} else if m := sameLine.FindStringSubmatch(line); m != nil && current != nil {
				current.add(m[2], m[3])
			}
		}
	}
}

// stripComment takes away what is behind a semicolon that isn't escaped.
func stripComment(line string) string {
	for i := range len(line) {
		if line[i] == ';' && (i == 0 || line[i-1] != '\\') {
			return line[:i]
		}
	}
	return line
}

func (d *dialplan) extension(context, pattern string) *extension {
	for _, e := range d.contexts[context] {
		if e.pattern == pattern {
			return e
		}
	}
	e := &extension{pattern: pattern}
	d.contexts[context] = append(d.contexts[context], e)
	return e
}

func (e *extension) add(label, call string) {
	s := step{label: label, app: call}
	if m := appCall.FindStringSubmatch(strings.TrimSpace(call)); m != nil {
		s.app, s.data = m[1], m[2]
	}
	e.steps = append(e.steps, s)
}

// find is the extension that an extension's name matches: by its name, or else by a pattern.
func (d *dialplan) find(context, exten string) *extension {
	var found *extension
	for _, e := range d.contexts[context] {
		if e.pattern == exten {
			return e
		}
		if found == nil && matches(e.pattern, exten) {
			found = e
		}
	}
	return found
}

func (d *dialplan) has(context, exten string) bool { return d.find(context, exten) != nil }

// matches reports whether a pattern such as _1XX. matches.
func matches(pattern, exten string) bool {
	if !strings.HasPrefix(pattern, "_") {
		return false
	}
	pattern = pattern[1:]
	for i := 0; ; i++ {
		if pattern == "" {
			return i == len(exten)
		}
		c := pattern[0]
		switch c {
		case '.':
			return i < len(exten)
		case '!':
			return true
		case '-':
			// Asterisk takes no notice of dashes in patterns; here they stand for themselves in names.
		}
		if i >= len(exten) {
			return false
		}
		x := exten[i]
		switch c {
		case 'X', 'x':
			if x < '0' || x > '9' {
				return false
			}
		case 'Z', 'z':
			if x < '1' || x > '9' {
				return false
			}
		case 'N', 'n':
			if x < '2' || x > '9' {
				return false
			}
		case '[':
			set, rest, ok := strings.Cut(pattern[1:], "]")
			if !ok || !inSet(set, x) {
				return false
			}
			pattern = rest
			continue
		default:
			if c != x {
				return false
			}
		}
		pattern = pattern[1:]
	}
}

func inSet(set string, x byte) bool {
	for i := 0; i < len(set); i++ {
		if i+2 < len(set) && set[i+1] == '-' {
			if x >= set[i] && x <= set[i+2] {
				return true
			}
			i += 2
		} else if set[i] == x {
			return true
		}
	}
	return false
}

// Extension sets what an extension of the dialplan does, such as
//
//	srv.Extension("200@default", "Answer()", "Wait(1)", "Stasis(hello,a)", "Hangup()")
//
// Without a context it is one of the context "default". A name that begins with _ is a pattern. Known applications are Answer,
// Ringing, Progress, Wait, Stasis, StasisBroadcast, Busy, Congestion, Hangup, Playback, Set, Goto, UserEvent, SendDTMF, Read, Echo (of digits),
// and Milliwatt and MusicOnHold, which only take time; others do nothing. ${...} stands for variables.
func (s *Server) Extension(name string, apps ...string) {
	p := s.pbx
	p.mu.Lock()
	defer p.mu.Unlock()
	exten, context, ok := strings.Cut(name, "@")
	if !ok {
		context = "default"
	}
	e := p.dialplan.extension(context, exten)
	e.steps = nil
	for _, call := range apps {
		e.add("", call)
	}
}

// A run is a channel's way through the dialplan.
type run struct {
	ch     *channel
	steps  []step // instead of an extension's
	timer  *time.Timer
	jumped bool
	over   bool
	noEnd  bool  // it has no extension h
	read   *read // digits that it waits for
	echoes bool  // what comes
}

// A read is a wait for digits.
type read struct {
	variable string
	limit    int
	digits   string
}

// startDialplan lets the channel run the dialplan from somewhere.
func (ch *channel) startDialplan(context, exten string, priority int) {
	ch.run = &run{ch: ch}
	ch.context, ch.exten, ch.priority = context, exten, priority
	ch.run.next()
}

// startSteps lets the channel run steps as if they were an extension's.
func (ch *channel) startSteps(context, exten string, steps []step) {
	ch.run = &run{ch: ch, steps: steps}
	ch.context, ch.exten, ch.priority = context, exten, 1
	ch.run.next()
}

// end ends the run when the channel is hung up. What the context's extension h does that takes no time is done.
func (r *run) end() {
	r.over = true
	if r.timer != nil {
		r.timer.Stop()
	}
	ch := r.ch
	e := ch.p.dialplan.find(ch.context, "h")
	if e == nil || r.noEnd {
		return
	}
	last := &run{ch: ch}
	ch.exten, ch.priority = "h", 1
	for _, s := range e.steps {
		ch.appName, ch.appData = s.app, ch.expand(s.data)
		switch s.app {
		case "UserEvent", "Set", "NoOp":
			ch.emitDialplan()
			last.execute(s.app, ch.appData)
		default:
			return
		}
		ch.priority++
	}
}

// digit is a digit that came while the dialplan runs.
func (r *run) digit(digit string) {
	if r.echoes {
		r.ch.write(digit)
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

func (r *run) endRead() {
	w := r.read
	r.read = nil
	if r.timer != nil {
		r.timer.Stop()
	}
	r.ch.setVariable(w.variable, w.digits)
	r.advance()
}

// goTo continues somewhere else.
func (r *run) goTo(context, exten string, priority int) {
	r.steps = nil
	r.ch.context, r.ch.exten, r.ch.priority = context, exten, priority
}

// next runs the step at the channel's place, and those behind it until one takes time.
func (r *run) next() {
	for count := 0; !r.over && !r.ch.hungup; count++ {
		if count == 10000 { // a loop that never waits
			r.ch.hangup(hangup{cause: 16, silent: true})
			return
		}
		steps := r.steps
		if steps == nil {
			e := r.ch.p.dialplan.find(r.ch.context, r.ch.exten)
			if e != nil {
				steps = e.steps
			}
		}
		n := r.ch.priority
		if n < 1 || n > len(steps) {
			r.ch.hangup(hangup{cause: 16, silent: true})
			return
		}
		s := steps[n-1]
		r.ch.appName, r.ch.appData = s.app, r.ch.expand(s.data)
		r.ch.emitDialplan()
		if !r.execute(s.app, r.ch.appData) {
			return
		}
		if !r.jumped {
			r.ch.priority++
		}
		r.jumped = false
	}
}

// advance goes on behind a step that took time.
func (r *run) advance() {
	if !r.over && !r.ch.hungup {
		r.ch.priority++
		r.next()
	}
}

func (r *run) pause(d time.Duration) bool {
	r.timer = r.ch.p.after(d, r.advance)
	return false
}

// execute runs an application and reports whether the next one may follow at once.
func (r *run) execute(app, data string) bool {
	ch := r.ch
	switch app {
	case "Answer":
		ch.answer()
		return !ch.hungup
	case "Ringing":
		ch.ringing()
	case "Progress":
		ch.progress()
	case "Wait":
		return r.pause(seconds(data))
	case "Echo":
		r.echoes = true
		return false
	case "Milliwatt":
		return false
	case "MusicOnHold":
		hear(music(before(data, ",")), ch)
		return false
	case "Read": // the variable, a prompt, how many digits, options, attempts, seconds
		parts := append(strings.Split(data, ","), make([]string, 6)...)
		r.read = &read{variable: parts[0], limit: leadingInt(parts[2])}
		d := seconds(parts[5])
		if d == 0 {
			d = 10 * time.Second
		}
		r.timer = ch.p.after(d, r.endRead)
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
		ch.setVariable(strings.TrimSpace(name), value)
	case "Goto":
		return r.jump(data)
	case "Playback":
		ch.answer()
		var total time.Duration
		for name := range strings.SplitSeq(before(data, ","), "&") {
			if s := ch.p.sounds[name]; s != nil {
				total += s.duration
				hear("sound:"+name, ch)
			}
		}
		return r.pause(total)
	case "UserEvent":
		r.userEvent(data)
	case "SendDTMF":
		digits, _, _ := strings.Cut(data, ",")
		ch.sendDigits(digits)
	case "Stasis":
		args := strings.Split(data, ",")
		return !ch.enterStasis(args[0], args[1:], r.advance)
	case "StasisBroadcast":
		return r.broadcast(data)
	}
	return true
}

// seconds reads a number of seconds, which may have a fraction.
func seconds(text string) time.Duration {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || f < 0 {
		return 0
	}
	return time.Duration(f * float64(time.Second))
}

// refuse lets a channel be busy or congested.
func (r *run) refuse(app string) {
	ch := r.ch
	cause := map[string]int{"Busy": 17, "Congestion": 34}[app]
	if ch.state != stateUp {
		ch.setState(stateBusy)
	}
	if o := ch.other; o != nil && ch.half == 2 && !o.hungup && o.dial != nil && !o.dial.over {
		ch.refused = cause
		o.dial.end(strings.ToUpper(map[string]string{"Busy": "busy", "Congestion": "congestion"}[app]))
		o.hangup(hangup{silent: true})
		return
	}
	ch.refuseCall(cause)
}

// refuseCall ends the channel from the dialplan, with a cause.
func (ch *channel) refuseCall(cause int) {
	h := hangup{cause: cause, silent: true}
	if ch.tech == "PJSIP" && ch.state != stateUp {
		h.techCause = sipStatuses[cause]
	}
	ch.hangup(h)
}

// jump is Goto: a priority or label, an extension and one, or a context and both.
func (r *run) jump(data string) bool {
	parts := strings.Split(data, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	context, exten := r.ch.context, r.ch.exten
	where := parts[len(parts)-1]
	if len(parts) > 1 {
		exten = parts[len(parts)-2]
	}
	if len(parts) > 2 {
		context = parts[len(parts)-3]
	}
	priority, ok := r.ch.p.dialplan.priority(context, exten, where)
	if !ok {
		priority = 0
	}
	r.goTo(context, exten, priority)
	r.jumped = true
	return true
}

// priority reads a priority, which may be a label.
func (d *dialplan) priority(context, exten, where string) (int, bool) {
	if n, err := strconv.Atoi(where); err == nil {
		return n, true
	}
	if e := d.find(context, exten); e != nil {
		if i := slices.IndexFunc(e.steps, func(s step) bool { return s.label == where }); i >= 0 {
			return i + 1, true
		}
	}
	return 0, false
}

func (r *run) userEvent(data string) {
	parts := strings.Split(data, ",")
	members := []field{{"eventname", parts[0]}}
	for _, part := range parts[1:] {
		if name, value, ok := strings.Cut(part, ":"); ok {
			members = append(members, field{name, strings.TrimSpace(value)})
		}
	}
	ch := r.ch
	ch.p.toChannel(ch.id, func() event {
		return ch.p.event("ChannelUserevent", field{"eventname", parts[0]}, field{"userevent", variablesJSON(members)}, field{"channel", ch.json()})
	})
}

var reference = regexp.MustCompile(`\$\{([^{}]*)\}`)

// expand replaces ${NAME}, ${NAME:offset} and ${NAME:offset:length}, inner ones first.
func (ch *channel) expand(text string) string {
	for range 10 {
		if !strings.Contains(text, "${") {
			break
		}
		text = reference.ReplaceAllStringFunc(text, func(ref string) string {
			return ch.evaluate(ref[2 : len(ref)-1])
		})
	}
	return text
}

func (ch *channel) evaluate(name string) string {
	if expression, ok := strings.CutPrefix(name, "MATH("); ok {
		return sum(before(strings.TrimSuffix(expression, ")"), ","))
	}
	if strings.Contains(name, "(") {
		return ch.variable(name)
	}
	parts := strings.Split(name, ":")
	value := ch.variable(parts[0])
	if len(parts) > 1 {
		offset, err := strconv.Atoi(parts[1])
		if err != nil {
			return value
		}
		if offset < 0 {
			offset = max(len(value)+offset, 0)
		}
		value = value[min(offset, len(value)):]
	}
	if len(parts) > 2 {
		if n, err := strconv.Atoi(parts[2]); err == nil {
			if n < 0 {
				n = max(len(value)+n, 0)
			}
			value = value[:min(n, len(value))]
		}
	}
	return value
}

// sum adds two numbers.
func sum(expression string) string {
	a, b, _ := strings.Cut(expression, "+")
	x, err := strconv.Atoi(strings.TrimSpace(a))
	if err != nil {
		return "0"
	}
	y, err := strconv.Atoi(strings.TrimSpace(b))
	if err != nil {
		return strconv.Itoa(x)
	}
	return strconv.Itoa(x + y)
}
