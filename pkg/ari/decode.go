package ari

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ari-go/ari/gen"
)

// An eventType is an event type of ARI, as the generated table has it.
type eventType struct {
	name  string // on the wire
	new   func() Event
	refs  []entityRef // the members that name entities, the one that the event is about first
	vital bool        // never dropped
}

// decodeEvent decodes a frame into the struct of its type. The event has a copy
// of the frame, and most of its texts are parts of that.
func decodeEvent(t *eventType, frame []byte, c *Controller) (Event, error) {
	ev := t.new()
	misfit, err := fillEvent(ev, frame)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	if misfit != nil && c != nil && c.feed != nil {
		c.feed.misfit(t.name, misfit)
	}
	ev.Header().ctrl = c
	ev.bind(c)
	return ev, nil
}

// fillEvent decodes a frame into an event. The error says where the frame stops
// being JSON.
//
// It reads what encoding/json reads into the same struct, and yields the same,
// except that names of members must match to the letter. Beyond that it is lenient,
// because a call must not hang on a detail of an event that its handlers hardly
// look at: where a text is described, a number or a boolean is taken as it is
// written; where a number or a boolean is described, a text that holds one is
// read; any other value that doesn't fit is left out, as if it weren't there. The
// first of those is returned as misfit.
//
// As for encoding/json, null stands for nothing, of several members with one name
// the last one counts, and bytes that aren't UTF-8 become U+FFFD.
func fillEvent(ev Event, frame []byte) (misfit *misfitError, err error) {
	d := decoder{parser: parser{b: frame}, text: string(frame)}
	d.space()
	if d.peek() == '{' {
		d.event(ev)
		if d.space(); d.problem == "" && d.i < len(d.b) {
			d.fail("something follows the event")
		}
	} else {
		d.fail("an event must be a JSON object")
	}
	if d.problem != "" {
		return nil, &scanError{offset: d.i, problem: d.problem}
	}
	ev.Header().text = d.text
	return d.misfit, nil
}

// member reads a member that all events have, or skips one that none has.
func (h *EventHeader) member(d *decoder, key string) {
	switch key {
	case "type":
		readText(d, &h.Type)
	case "application":
		readText(d, &h.Application)
	case "asterisk_id":
		readText(d, &h.AsteriskID)
	case "timestamp":
		d.readTime(&h.Timestamp)
	default:
		d.skip()
	}
}

// A misfitError says which value of an event isn't of the described type.
type misfitError struct {
	want   string
	value  string
	offset int
}

func (e *misfitError) Error() string {
	return fmt.Sprintf("want %s, not %s, at offset %d", e.want, e.value, e.offset)
}

// What values are meant to be.
const (
	aText    = "a text"
	aNumber  = "a number"
	aBoolean = "a boolean"
	aTime    = "a time"
	anObject = "an object"
	aList    = "a list"
)

// A decoder reads JSON text into structs. Each of its methods that read a value is
// to be called where one begins, reads exactly this one, and leaves its target as
// it is if the value is null or doesn't fit. After a fault in the text, problem is
// set, and nothing that is read means anything.
type decoder struct {
	parser
	text   string // the same as parser.b; what is read refers to it
	depth  int
	misfit *misfitError // the first one
}

// peek returns the byte to come, or zero at the end.
func (d *decoder) peek() byte {
	if d.i < len(d.b) {
		return d.b[d.i]
	}
	return 0
}

// unfit skips a value, or what is left of it, that began at an offset and isn't what it is meant to be.
func (d *decoder) unfit(want string, from int) {
	if d.problem != "" || d.i == from && !d.skip() || d.misfit != nil {
		return
	}
	const shown = 40
	d.misfit = &misfitError{want: want, value: strings.ToValidUTF8(d.text[from:min(d.i, from+shown)], ""), offset: from}
}

// skip skips a value.
func (d *decoder) skip() bool { return d.value(d.depth) }

// null reads null, if that is what comes.
func (d *decoder) null() bool { return d.peek() == 'n' && d.literal("null") }

// begin enters an object and returns the name of its first member. At the end of
// the object, or if there is none, it returns false.
func (d *decoder) begin() (key string, ok bool) {
	if !d.enter('{', anObject) {
		return "", false
	}
	if !d.first('}') {
		d.depth--
		return "", false
	}
	return d.memberName()
}

// more is begin for the members that follow.
func (d *decoder) more() (key string, ok bool) {
	if d.problem != "" || !d.next('}') {
		d.depth--
		return "", false
	}
	return d.memberName()
}

func (d *decoder) memberName() (string, bool) {
	key, ok := d.key()
	if !ok {
		return "", false
	}
	return d.content(key), true
}

// enter enters an object or a list. If something else comes, it reads that, and
// returns false.
func (d *decoder) enter(opening byte, want string) bool {
	if d.peek() != opening {
		if !d.null() {
			d.unfit(want, d.i)
		}
		return false
	}
	d.depth++
	if d.depth > maxDepth {
		return d.fail("the event nests too deep")
	}
	d.i++
	return true
}

// content returns the text of a string.
func (d *decoder) content(sp span) string {
	text := d.text[sp.from:sp.to]
	if sp.plain || strings.IndexByte(text, '\\') < 0 && utf8.ValidString(text) {
		return text
	}
	return string(unquote(d.b, sp))
}

// scalar reads a string, a number or a boolean as a text. It returns false for any
// other value.
func (d *decoder) scalar(want string) (string, bool) {
	switch d.peek() {
	case '"':
		sp, ok := d.str()
		if !ok {
			return "", false
		}
		return d.content(sp), true
	case 'n':
		d.null()
		return "", false
	case '{', '[':
		d.unfit(want, d.i)
		return "", false
	default:
		from := d.i
		ok := d.skip()
		return d.text[from:d.i], ok
	}
}

func readText[T ~string](d *decoder, p *T) {
	if text, ok := d.scalar(aText); ok {
		*p = T(text)
	}
}

// readNumber returns false if it read no number.
func readNumber[T int | int64](d *decoder, p *T) bool {
	from := d.i
	text, ok := d.scalar(aNumber)
	if !ok {
		return false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || int64(T(n)) != n {
		d.unfit(aNumber, from)
		return false
	}
	*p = T(n)
	return true
}

func (d *decoder) readBool(p *bool) {
	from := d.i
	text, ok := d.scalar(aBoolean)
	if !ok {
		return
	}
	switch text {
	case "true":
		*p = true
	case "false":
		*p = false
	default:
		d.unfit(aBoolean, from)
	}
}

func (d *decoder) readTime(p *Time) {
	from := d.i
	text, ok := d.scalar(aTime)
	if !ok {
		return
	}
	if t, ok := parseTime(text, time.Local); ok {
		p.Time = t
		return
	}
	if p.UnmarshalText([]byte(text)) != nil {
		d.unfit(aTime, from)
	}
}

// readObject makes room for an object. It returns false after reading a value that
// isn't one; otherwise the object is still to be read.
func readObject[T any](d *decoder, p **T) bool {
	switch {
	case d.peek() == '{':
		if *p == nil {
			*p = new(T)
		}
		return true
	case d.null():
		*p = nil
	default:
		d.unfit(anObject, d.i)
	}
	return false
}

func readTexts[T ~string](d *decoder, p *[]T) {
	if d.null() {
		*p = nil
		return
	}
	if !d.enter('[', aList) {
		return
	}
	var few [8]T // most lists are short, so they take one allocation, of their very size
	list := few[:0]
	for more := d.first(']'); more; more = d.problem == "" && d.next(']') {
		var text T
		readText(d, &text)
		list = append(list, text)
	}
	d.depth--
	*p = append(make([]T, 0, len(list)), list...)
}

func readTextMap(d *decoder, p *map[string]string) {
	if d.null() {
		*p = nil
		return
	}
	if d.peek() == '{' && *p == nil {
		*p = make(map[string]string)
	}
	for key, ok := d.begin(); ok; key, ok = d.more() {
		var text string
		readText(d, &text)
		(*p)[key] = text
	}
}

// readOther leaves a value to encoding/json. It is for types that are too rare to
// be worth more.
func (d *decoder) readOther(p any, want string) {
	from := d.i
	if d.skip() && json.Unmarshal(d.b[from:d.i], p) != nil {
		d.unfit(want, from)
	}
}

// parseTime reads ARI's usual form of a time, quickly. The result is that of
// [time.ParseInLocation]; what it doesn't read may still be a time.
func parseTime(s string, local *time.Location) (time.Time, bool) {
	const layout = gen.TimeLayout // 2006-01-02T15:04:05.000-0700
	if len(s) != len(layout) {
		return time.Time{}, false
	}
	ok := s[4] == '-' && s[7] == '-' && s[10] == 'T' && s[13] == ':' && s[16] == ':' && s[19] == '.' &&
		(s[23] == '+' || s[23] == '-')
	number := func(from, to, least, most int) int {
		n := 0
		for _, c := range []byte(s[from:to]) {
			ok = ok && isDigit(c)
			n = n*10 + int(c-'0')
		}
		ok = ok && least <= n && n <= most
		return n
	}
	year, month, day := number(0, 4, 0, 9999), number(5, 7, 1, 12), number(8, 10, 1, 31)
	hour, minute, second, milli := number(11, 13, 0, 23), number(14, 16, 0, 59), number(17, 19, 0, 59), number(20, 23, 0, 999)
	offset := (number(24, 26, 0, 23)*60 + number(26, 28, 0, 59)) * 60
	if !ok {
		return time.Time{}, false
	}
	if s[23] == '-' {
		offset = -offset
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, milli*int(time.Millisecond), time.UTC)
	if t.Day() != day {
		return time.Time{}, false // the month is shorter
	}
	t = t.Add(-time.Duration(offset) * time.Second)
	here := t.In(local)
	if _, o := here.Zone(); o == offset {
		return here, true
	}
	return t.In(time.FixedZone("", offset)), true
}
