package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// save writes what the scenario has sent and received to a file of the folder, as JSON lines.
func (s *S) save(folder string) error {
	lines, _ := s.recorder.recorded()
	data, err := newScrubber().lines(settle(lines))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, s.name+".jsonl"), data, 0o644)
}

// settle brings a recording into an order that doesn't depend on chance: each response comes behind its request, and events of different entities that
// come between the same two requests have a fixed order. The order of each entity's events stays as it was.
func settle(lines []line) []line {
	var out, held []line
	for _, l := range lines {
		switch l.Dir {
		case "request", "sent":
			out = append(out, arrange(held)...)
			out, held = append(out, l), nil
		case "response":
			out = append(out, l)
		default:
			held = append(held, l)
		}
	}
	return append(out, arrange(held)...)
}

// arrange orders events by their types, but leaves two that are about the same entity as they are.
func arrange(events []line) []line {
	all := make([]facts, len(events))
	for i, l := range events {
		all[i] = factsOfFrame(typeOf(l.Body), l.Body)
	}
	var out []line
	taken := make([]bool, len(events))
	for range events {
		best := -1
		for i := range events {
			if !taken[i] && (best < 0 || all[i].typ < all[best].typ) && free(all, taken, i) {
				best = i
			}
		}
		taken[best] = true
		out = append(out, events[best])
	}
	return out
}

// free reports whether no event that is still to be placed must stay before the i-th.
func free(all []facts, taken []bool, i int) bool {
	for j := range i {
		if !taken[j] && related(all[j], all[i]) {
			return false
		}
	}
	return true
}

// related reports whether two events are about the same entity, or one of them is about none.
func related(a, b facts) bool {
	if len(a.keys) == 0 || len(b.keys) == 0 {
		return true
	}
	return slices.ContainsFunc(a.keys, func(key string) bool { return slices.Contains(b.keys, key) })
}

// A scrubber replaces what is different each time, such as times and ids, by placeholders of the same form. The same thing gets the same placeholder
// throughout a recording.
type scrubber struct {
	names map[string]map[string]int
}

func newScrubber() *scrubber { return &scrubber{names: make(map[string]map[string]int)} }

// lines scrubs and encodes a recording.
func (s *scrubber) lines(lines []line) ([]byte, error) {
	var out bytes.Buffer
	for _, l := range lines {
		l.Path = s.text(l.Path)
		query := make(map[string][]string, len(l.Query))
		for name, values := range l.Query {
			for _, value := range values {
				query[name] = append(query[name], s.text(value))
			}
		}
		l.Query = query
		if l.Body != nil {
			body, err := s.json(l.Body, l.Operation)
			if err != nil {
				return nil, err
			}
			l.Body = body
		}
		l.N = 0
		if l.Length > 0 {
			l.Length = 1
		}
		// An encoder, since json.Marshal would escape the brackets of caller ids.
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(l); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// json scrubs a JSON value, and keeps the order of its members.
func (s *scrubber) json(data []byte, operation string) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var out bytes.Buffer
	w := &scrubbing{scrubber: s, dec: dec, out: &out, operation: operation}
	if err := w.value(""); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// scrubbing is the work on one value.
type scrubbing struct {
	*scrubber
	dec       *json.Decoder
	out       *bytes.Buffer
	operation string
	variable  string // the name of the variable whose value may follow
}

// value copies the next value, which is that of a member with the given name.
func (w *scrubbing) value(name string) error {
	token, err := w.dec.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return w.object()
		}
		return w.array(name)
	case string:
		if name == "variable" {
			w.variable = t
		}
		return w.encode(w.string(name, t))
	case json.Number:
		return w.encode(w.number(name, t))
	default:
		return w.encode(t)
	}
}

func (w *scrubbing) encode(v any) error {
	enc := json.NewEncoder(w.out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	w.out.Truncate(w.out.Len() - 1) // the line feed
	return nil
}

func (w *scrubbing) object() error {
	w.out.WriteByte('{')
	for first := true; w.dec.More(); first = false {
		if !first {
			w.out.WriteByte(',')
		}
		token, err := w.dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if err := w.encode(name); err != nil {
			return err
		}
		w.out.WriteByte(':')
		if err := w.value(name); err != nil {
			return err
		}
	}
	w.out.WriteByte('}')
	_, err := w.dec.Token()
	return err
}

// maxItems is how much is kept of a list that belongs to the whole server: of its modules, say.
const maxItems = 3

func (w *scrubbing) array(name string) error {
	long := w.operation == "asteriskListModules" || w.operation == "soundsList"
	w.out.WriteByte('[')
	for i := 0; w.dec.More(); i++ {
		if long && name == "" && i >= maxItems {
			var skipped json.RawMessage
			if err := w.dec.Decode(&skipped); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			w.out.WriteByte(',')
		}
		if err := w.value(name); err != nil {
			return err
		}
	}
	w.out.WriteByte(']')
	_, err := w.dec.Token()
	return err
}

var (
	// measured are the members, and statistics those of one operation, whose numbers are measured.
	measured   = []string{"duration", "duration_ms", "talking_duration", "silence_duration", "use_count"}
	statistics = "channelsRtpstatistics"
	// texts are the members that are sentences of somebody else's.
	texts = map[string]string{"asteriskListModules": "description", "asteriskGetModule": "description", "soundsList": "text", "soundsGet": "text"}
	// timed are the variables whose values are measured.
	timed = regexp.MustCompile(`^(?:~?ANSWEREDTIME|ANSWEREDTIME_MS|DIALEDTIME|DIALEDTIME_MS|RTPAUDIOQOS\w*|RTPVIDEOQOS\w*)$`)
)

func (w *scrubbing) number(name string, n json.Number) json.Number {
	switch {
	case n == "0", !slices.Contains(measured, name) && w.operation != statistics:
		return n
	case strings.ContainsAny(n.String(), ".eE"):
		return "0.5"
	default:
		return "1"
	}
}

func (w *scrubbing) string(name, value string) string {
	switch {
	case value == "":
		return ""
	case name == "asterisk_id" || name == "entity_id":
		return "02:00:00:00:00:01"
	case name == "roundtrip_usec":
		return "1"
	case name == "value" && timed.MatchString(w.variable):
		return "1"
	case texts[w.operation] == name && name != "":
		return "text"
	case name == "message_body":
		return w.message(value)
	default:
		return w.text(value)
	}
}

// message scrubs the body of a request or an answer that went over the websocket: JSON in a text.
func (w *scrubbing) message(body string) string {
	if asJSON([]byte(body)) == nil {
		return w.text(body)
	}
	scrubbed, err := w.json([]byte(body), w.operation)
	if err != nil {
		return w.text(body)
	}
	return string(scrubbed)
}

// rule replaces what a pattern matches. The pattern's first group, or all of it, is what is given a number.
type rule struct {
	kind    string
	pattern *regexp.Regexp
	// with makes the placeholder of the n-th, counted from 1, out of what the pattern's groups have matched.
	with func(groups []string, n int) string
}

func numbered(format string) func([]string, int) string {
	return func(_ []string, n int) string { return fmt.Sprintf(format, n) }
}

var rules = []rule{
	{"time", regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d{4}|Z)`), func([]string, int) string { return "2026-01-01T00:00:00.000+0000" }},
	{"unique id", regexp.MustCompile(`(?:ari-\d+-\d+-)?\b\d{10}\.\d{1,6}\b`), numbered("1700000000.%d")},
	{"own id", regexp.MustCompile(`ari-([A-Z2-7]{26})`), numbered("ari-%026d")},
	{"uuid", regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), numbered("00000000-0000-4000-8000-%012d")},
	{"folder", regexp.MustCompile(`/[^\s":]*?/ari-\d+-\d+`), func([]string, int) string { return "/asterisk" }},
	{"system", regexp.MustCompile(`ari-(?:16|22)-\d+`), func([]string, int) string { return "asterisk" }},
	{
		"media", regexp.MustCompile(`((?:UnicastRTP|AudioSocket|WebSocket)/[^\s,"]*?)-(0x[0-9a-f]+)`),
		func(groups []string, n int) string { return fmt.Sprintf("%s-0x%012x", groups[1], n) },
	},
	{
		"channel", regexp.MustCompile(`((?:Local|PJSIP|Snoop|Recorder|Announcer|Message|Surrogate|CBAnn)/[^\s,"]*?)-([0-9a-f]{8})\b`),
		func(groups []string, n int) string { return fmt.Sprintf("%s-%08x", groups[1], n) },
	},
	{"call", regexp.MustCompile(`\b\d+-\d+@127\.0\.0\.1`), numbered("%d@127.0.0.1")},
	{"tag", regexp.MustCompile(`(?:tag=|branch=)([\w.-]+)`), numbered("tag=%d")},
	{"port", regexp.MustCompile(`(127\.0\.0\.1(?::|%3A))(\d{4,5})\b`), func(groups []string, n int) string { return groups[1] + strconv.Itoa(40000+n) }},
	{"port", regexp.MustCompile(`^()(\d{5})$`), func(_ []string, n int) string { return strconv.Itoa(40000 + n) }},
}

// text replaces everything in a text that is different each time.
func (s *scrubber) text(text string) string {
	for _, r := range rules {
		text = r.pattern.ReplaceAllStringFunc(text, func(match string) string {
			groups := r.pattern.FindStringSubmatch(match)
			return r.with(groups, s.number(r.kind, groups[len(groups)-1]))
		})
	}
	return text
}

// number numbers the things of a kind in the order in which they come.
func (s *scrubber) number(kind, id string) int {
	if unescaped, err := url.PathUnescape(id); err == nil {
		id = unescaped
	}
	known := s.names[kind]
	if known == nil {
		known = make(map[string]int)
		s.names[kind] = known
	}
	if known[id] == 0 {
		known[id] = len(known) + 1
	}
	return known[id]
}
