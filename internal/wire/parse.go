package wire

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// MaxDepth is how deep the values of a frame may nest. ARI's own events go five deep; the limit keeps a hostile frame
// from using up the stack.
const MaxDepth = 1000

// endsTooEarly is the problem of a frame that could go on.
const endsTooEarly = "the frame ends too early"

// A SyntaxError says where a frame stops being JSON, or being an event.
type SyntaxError struct {
	Offset  int
	Problem string
}

func (e *SyntaxError) Error() string {
	return e.Problem + " at offset " + strconv.Itoa(e.Offset)
}

// CutOff reports whether the frame is good as far as it goes.
func (e *SyntaxError) CutOff() bool { return e.Problem == endsTooEarly }

// A Span is where a number, or the content of a string without its quotes, lies in a frame. The zero Span means "not
// there": nothing can begin at offset 0.
type Span struct {
	from, to int
	plain    bool // ASCII without escapes: the bytes of the frame are the text
}

// OK reports whether there is something.
func (s Span) OK() bool { return s.to != 0 }

// unquote returns the text of a string that isn't plain. It leaves the work to encoding/json, so that an id found by
// the scan is the id that the decoded event will hold, even when the frame isn't valid UTF-8.
func unquote(frame []byte, sp Span) []byte {
	var text string
	if json.Unmarshal(frame[sp.from-1:sp.to+1], &text) != nil {
		return nil // cannot happen: the parser has accepted this string
	}
	return []byte(text)
}

// A parser walks over JSON text. Once problem is set, i is where it was met, and
// every method returns false.
type parser struct {
	b       []byte
	i       int
	problem string
	plain   bool // known: each string is ASCII without escapes
	odd     bool // found: not each string is
}

func (p *parser) fail(problem string) bool {
	if p.i >= len(p.b) {
		problem = endsTooEarly
	}
	p.problem = problem
	return false
}

// value skips any value.
func (p *parser) value(depth int) bool {
	if depth > MaxDepth {
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
func (p *parser) key() (Span, bool) {
	if p.i >= len(p.b) || p.b[p.i] != '"' {
		return Span{}, p.fail("a member's name was expected")
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

func (p *parser) name(key Span) []byte {
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
func (p *parser) str() (Span, bool) {
	b, from := p.b, p.i+1
	if p.plain {
		if n := bytes.IndexByte(b[from:], '"'); n >= 0 {
			p.i = from + n + 1
			return Span{from: from, to: from + n, plain: true}, true
		}
	}
	plain := true
	for i := from; i < len(b); i++ {
		switch stringByte[b[i]] {
		case ordinary:
		case quote:
			p.i = i + 1
			p.odd = p.odd || !plain
			return Span{from: from, to: i, plain: plain}, true
		case foreign:
			plain = false
		case backslash:
			plain = false
			p.i = i + 1
			if !p.escape() {
				return Span{}, false
			}
			i = p.i - 1
		case control:
			p.i = i
			return Span{}, p.fail("a string holds a control character")
		}
	}
	p.i = len(b)
	return Span{}, p.fail("")
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
