package pbx

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A dialplan says what extensions do.
type dialplan struct {
	contexts map[string][]*extension
	globals  map[string]string
}

type extension struct {
	pattern string
	steps   []Step // by priority, from 1
}

// A Step is one priority of an extension.
type Step struct {
	label     string
	App, Data string
}

func newDialplan() *dialplan {
	return &dialplan{contexts: map[string][]*extension{}, globals: map[string]string{}}
}

var (
	extenLine = regexp.MustCompile(`^exten\s*=>?\s*([^,]+),\s*(\w+)(?:\(([\w-]+)\))?\s*,\s*(.*)$`)
	sameLine  = regexp.MustCompile(`^same\s*=>?\s*(\w+)(?:\(([\w-]+)\))?\s*,\s*(.*)$`)
	appCall   = regexp.MustCompile(`^(\w+)(?:\((.*)\))?$`)
)

// Parse adds what is written as in extensions.conf.
func (d *dialplan) Parse(text string) {
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

// dialplanApps are the names of the applications that are known, by how they may be written.
var dialplanApps = func() map[string]string {
	names := map[string]string{}
	for _, name := range []string{
		"Answer", "Busy", "Congestion", "Echo", "Goto", "Hangup", "Milliwatt", "MusicOnHold", "NoOp", "Playback", "PlayTones", "Progress", "Read", "Ringing",
		"SendDTMF", "Set", "Stasis", "StasisBroadcast", "UserEvent", "Wait",
	} {
		names[strings.ToLower(name)] = name
	}
	return names
}()

func (e *extension) add(label, call string) {
	s := Step{label: label, App: call}
	if m := appCall.FindStringSubmatch(strings.TrimSpace(call)); m != nil {
		s.App, s.Data = m[1], m[2]
	}
	if name, ok := dialplanApps[strings.ToLower(s.App)]; ok {
		s.App = name
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

func (d *dialplan) Has(context, exten string) bool { return d.find(context, exten) != nil }

// Priority reads a priority, which may be a label.
func (d *dialplan) Priority(context, exten, where string) (int, bool) {
	if n, err := strconv.Atoi(where); err == nil {
		return n, true
	}
	if e := d.find(context, exten); e != nil {
		if i := slices.IndexFunc(e.steps, func(s Step) bool { return s.label == where }); i >= 0 {
			return i + 1, true
		}
	}
	return 0, false
}

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

// SetExtension sets what an extension does: applications with their arguments, as in "Wait(1)".
func (p *PBX) SetExtension(context, pattern string, apps []string) {
	e := p.Dialplan.extension(context, pattern)
	e.steps = nil
	for _, call := range apps {
		e.add("", call)
	}
}

// hasPriority reports whether an extension has a priority.
func (d *dialplan) hasPriority(context, exten string, priority int) bool {
	e := d.find(context, exten)
	return e != nil && priority >= 1 && priority <= len(e.steps)
}
