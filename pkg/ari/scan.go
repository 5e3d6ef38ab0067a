package ari

import (
	"encoding/json"
	"strconv"
)

// maxDepth is how deep the values of a frame may nest. ARI's own events go five
// deep; the limit keeps a hostile frame from using up the stack.
const maxDepth = 1000

// A span is where a number, or the content of a string without its quotes, lies
// in the frame. The zero span means "not there": nothing can begin at offset 0.
type span struct {
	from, to int
	plain    bool // ASCII without escapes: the bytes of the frame are the text
}

func (s span) ok() bool { return s.to != 0 }

// scanned is what one pass over a frame brings to light: the event's type and
// all that can name an entity, in whatever order the members came. It refers to
// the frame and is valid as long as that is.
type scanned struct {
	frame     []byte
	typ       span
	app       span
	cause     span // a number
	causeText span
	eventName span // of a user event
	timestamp span
	members   []member
	buf       [12]member // backs members; no event has more objects than that
}

// A member is one member of the event that is an object, reduced to those of
// its own members that can name an entity or tell its state.
type member struct {
	key        span
	id         span
	name       span
	target     span
	technology span
	resource   span
	state      span
}

// text returns the text of a string. It copies only where the frame has escapes
// or bytes outside ASCII.
func (s *scanned) text(sp span) []byte {
	if sp.plain || !sp.ok() {
		return s.frame[sp.from:sp.to]
	}
	return unquote(s.frame, sp)
}

// member finds one of the event's objects by its key, or returns nil. Of several
// with the same key the last one counts, as for encoding/json.
func (s *scanned) member(key string) *member {
	for i := len(s.members) - 1; i >= 0; i-- {
		if string(s.text(s.members[i].key)) == key {
			return &s.members[i]
		}
	}
	return nil
}

// unquote is the slow path of text. It leaves the work to encoding/json, so that
// an id found here is the id that the decoded event will hold, even when the
// frame isn't valid UTF-8.
func unquote(frame []byte, sp span) []byte {
	var text string
	if json.Unmarshal(frame[sp.from-1:sp.to+1], &text) != nil {
		return nil // cannot happen: the scanner has accepted this string
	}
	return []byte(text)
}

// scanFrame reads a frame in one pass. It accepts what encoding/json accepts as
// an object, up to maxDepth. It allocates nothing, except for a frame with more
// objects than any event has, and for member names with escapes.
func scanFrame(frame []byte, out *scanned) error {
	out.frame = frame
	out.typ, out.app, out.cause, out.causeText, out.eventName, out.timestamp = span{}, span{}, span{}, span{}, span{}, span{}
	out.members = out.buf[:0]

	p := parser{b: frame}
	p.event(out)
	if p.problem != "" {
		return &scanError{offset: p.i, problem: p.problem}
	}
	if !out.typ.ok() || out.typ.from == out.typ.to {
		return &scanError{offset: len(frame), problem: "the event has no type"}
	}
	return nil
}

// endsTooEarly is the problem of a frame that could go on.
const endsTooEarly = "the frame ends too early"

// A scanError says where a frame stops being JSON.
type scanError struct {
	offset  int
	problem string
}

func (e *scanError) Error() string {
	return e.problem + " at offset " + strconv.Itoa(e.offset)
}

// A parser walks over JSON text. Once problem is set, i is where it was met, and
// every method returns false.
type parser struct {
	b       []byte
	i       int
	problem string
}

func (p *parser) fail(problem string) bool {
	if p.i >= len(p.b) {
		problem = endsTooEarly
	}
	p.problem = problem
	return false
}

func (p *parser) event(out *scanned) bool {
	p.space()
	if !p.take('{') {
		return p.fail("an event must be a JSON object")
	}
	for more := p.first('}'); more; more = p.next('}') {
		key, ok := p.key()
		if !ok {
			return false
		}
		switch p.b[p.i] {
		case '{':
			out.members = append(out.members, member{key: key})
			if !p.member(&out.members[len(out.members)-1]) {
				return false
			}
		case '"':
			text, ok := p.str()
			if !ok {
				return false
			}
			switch string(p.name(key)) {
			case "type":
				out.typ = text
			case "application":
				out.app = text
			case "cause_txt":
				out.causeText = text
			case "eventname":
				out.eventName = text
			case "timestamp":
				out.timestamp = text
			}
		default:
			from := p.i
			if !p.value(1) {
				return false
			}
			if string(p.name(key)) == "cause" {
				out.cause = span{from: from, to: p.i, plain: true}
			}
		}
	}
	if p.problem != "" {
		return false
	}
	p.space()
	if p.i < len(p.b) {
		return p.fail("something follows the event")
	}
	return true
}

func (p *parser) member(m *member) bool {
	p.i++
	for more := p.first('}'); more; more = p.next('}') {
		key, ok := p.key()
		if !ok {
			return false
		}
		if p.b[p.i] != '"' {
			if !p.value(2) {
				return false
			}
			continue
		}
		text, ok := p.str()
		if !ok {
			return false
		}
		switch string(p.name(key)) {
		case "id":
			m.id = text
		case "name":
			m.name = text
		case "target_uri":
			m.target = text
		case "technology":
			m.technology = text
		case "resource":
			m.resource = text
		case "state":
			m.state = text
		}
	}
	return p.problem == ""
}

// value skips any value.
func (p *parser) value(depth int) bool {
	if depth > maxDepth {
		return p.fail("the event nests too deep")
	}
	if p.i >= len(p.b) {
		return p.fail("")
	}
	switch c := p.b[p.i]; c {
	case '"':
		_, ok := p.str()
		return ok
	case '{':
		p.i++
		for more := p.first('}'); more; more = p.next('}') {
			if _, ok := p.key(); !ok || !p.value(depth+1) {
				return false
			}
		}
		return p.problem == ""
	case '[':
		p.i++
		for more := p.first(']'); more; more = p.next(']') {
			if !p.value(depth + 1) {
				return false
			}
		}
		return p.problem == ""
	case 't':
		return p.literal("true")
	case 'f':
		return p.literal("false")
	case 'n':
		return p.literal("null")
	default:
		if c == '-' || isDigit(c) {
			return p.number()
		}
		return p.fail("a value was expected")
	}
}

// first steps to the first element after an opening bracket, next to the
// following one. They return false at the closing bracket and at a fault.
func (p *parser) first(closing byte) bool {
	p.space()
	return !p.take(closing)
}

func (p *parser) next(closing byte) bool {
	p.space()
	if p.take(',') {
		p.space()
		return true
	}
	if !p.take(closing) {
		p.fail("a comma or the closing bracket was expected")
	}
	return false
}

// key reads a member's name and its colon. After it, i is at the value, and
// within the frame.
func (p *parser) key() (span, bool) {
	if p.i >= len(p.b) || p.b[p.i] != '"' {
		return span{}, p.fail("a member's name was expected")
	}
	key, ok := p.str()
	if !ok {
		return key, false
	}
	p.space()
	if !p.take(':') {
		return key, p.fail("a colon was expected")
	}
	p.space()
	if p.i >= len(p.b) {
		return key, p.fail("")
	}
	return key, true
}

func (p *parser) name(key span) []byte {
	if key.plain {
		return p.b[key.from:key.to]
	}
	return unquote(p.b, key)
}

func (p *parser) space() {
	b, i := p.b, p.i
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	p.i = i
}

func (p *parser) take(c byte) bool {
	if p.i < len(p.b) && p.b[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *parser) literal(word string) bool {
	for k := range len(word) {
		if !p.take(word[k]) {
			return p.fail("a value was expected")
		}
	}
	return true
}

func (p *parser) number() bool {
	p.take('-')
	if !p.take('0') && !p.digits() {
		return false
	}
	if p.take('.') && !p.digits() {
		return false
	}
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		return p.digits()
	}
	return true
}

func (p *parser) digits() bool {
	from := p.i
	for p.i < len(p.b) && isDigit(p.b[p.i]) {
		p.i++
	}
	if p.i == from {
		return p.fail("a digit was expected")
	}
	return true
}

// str reads a string; i is at its opening quote.
func (p *parser) str() (span, bool) {
	b, from := p.b, p.i+1
	plain := true
	for i := from; i < len(b); i++ {
		switch stringByte[b[i]] {
		case ordinary:
		case quote:
			p.i = i + 1
			return span{from: from, to: i, plain: plain}, true
		case foreign:
			plain = false
		case backslash:
			plain = false
			p.i = i + 1
			if !p.escape() {
				return span{}, false
			}
			i = p.i - 1
		case control:
			p.i = i
			return span{}, p.fail("a string holds a control character")
		}
	}
	p.i = len(b)
	return span{}, p.fail("")
}

// escape reads what follows a backslash.
func (p *parser) escape() bool {
	if p.i >= len(p.b) {
		return p.fail("")
	}
	c := p.b[p.i]
	p.i++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			if p.i >= len(p.b) || !isHex(p.b[p.i]) {
				return p.fail("a hexadecimal digit was expected")
			}
			p.i++
		}
		return true
	}
	p.i--
	return p.fail("a string holds an unknown escape")
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// The kinds of bytes within a string.
const (
	ordinary = iota
	quote
	backslash
	control
	foreign // not ASCII
)

var stringByte = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c == '"':
			t[c] = quote
		case c == '\\':
			t[c] = backslash
		case c < 0x20:
			t[c] = control
		case c >= 0x80:
			t[c] = foreign
		}
	}
	return t
}()
