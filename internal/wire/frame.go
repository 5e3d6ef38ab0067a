package wire

// A Frame is what one pass over an event brings to light: its type and all that can name an entity, in whatever order
// the members came. It refers to the bytes that were scanned and is valid as long as they are. The same Frame can be
// used again and again.
type Frame struct {
	Raw       []byte // what was scanned
	Type      Span
	App       Span
	Cause     Span // a number
	CauseText Span
	EventName Span // of a user event
	Timestamp Span
	Dialed    Span // the status of a call that is being made

	plain   bool // each string is ASCII without escapes
	objects []Object
	buf     [12]Object // backs objects; no event has more than that
}

// An Object is one member of an event that is an object, reduced to those of its own members that can name an entity or
// tell its state. Only texts are found.
type Object struct {
	key        Span
	ID         Span
	Name       Span
	Target     Span
	Technology Span
	Resource   Span
	State      Span
}

// Scan reads a frame in one pass. It accepts what encoding/json accepts as an object, up to [MaxDepth], if that has a
// type. It allocates nothing, except for a frame with more objects than any event has, and for member names with
// escapes. The error is a [*SyntaxError].
func (f *Frame) Scan(raw []byte) error {
	f.Raw = raw
	f.Type, f.App, f.Cause, f.CauseText, f.EventName, f.Timestamp, f.Dialed = Span{}, Span{}, Span{}, Span{}, Span{}, Span{}, Span{}
	f.objects, f.plain = f.buf[:0], false

	p := parser{b: raw}
	p.event(f)
	if p.problem != "" {
		return &SyntaxError{Offset: p.i, Problem: p.problem}
	}
	if !f.Type.OK() || f.Type.from == f.Type.to {
		return &SyntaxError{Offset: len(raw), Problem: "the event has no type"}
	}
	f.plain = !p.odd
	return nil
}

// Text returns the text of a string, or a number as it is written; nothing for the zero Span. It copies only where the
// frame has escapes or bytes outside ASCII.
func (f *Frame) Text(sp Span) []byte {
	if sp.plain || !sp.OK() {
		return f.Raw[sp.from:sp.to]
	}
	return unquote(f.Raw, sp)
}

// Object finds one of the event's objects by its key, or returns nil. Of several with the same key the last one counts,
// as for encoding/json. What it returns is valid until the next scan.
func (f *Frame) Object(key string) *Object {
	for i := len(f.objects) - 1; i >= 0; i-- {
		if string(f.Text(f.objects[i].key)) == key {
			return &f.objects[i]
		}
	}
	return nil
}

// Inner finds an object within one of the event's objects, or returns nil. The scan doesn't look that deep, since hardly
// any event needs it; so this reads the outer object once more, and allocates.
func (f *Frame) Inner(outer *Object, key string) (inner *Object) {
	p := parser{b: f.Raw, i: outer.key.to + 1}
	p.space()
	p.take(':')
	p.space()
	p.i++ // The scan has found an object here.
	for more := p.first('}'); more; more = p.next('}') {
		at, ok := p.key()
		if !ok {
			break // cannot happen: the scan has accepted this object
		}
		here := string(p.name(at)) == key
		if here {
			inner = nil // Of several the last one counts.
		}
		if here && p.b[p.i] == '{' {
			inner = &Object{key: at}
			p.object(inner)
		} else {
			p.value(2)
		}
	}
	return inner
}

// event reads an event and notes what a Frame holds.
func (p *parser) event(out *Frame) bool {
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
			out.objects = append(out.objects, Object{key: key})
			if !p.object(&out.objects[len(out.objects)-1]) {
				return false
			}
		case '"':
			text, ok := p.str()
			if !ok {
				return false
			}
			switch string(p.name(key)) {
			case "type":
				out.Type = text
			case "application":
				out.App = text
			case "cause_txt":
				out.CauseText = text
			case "timestamp":
				out.Timestamp = text
			case "dialstatus":
				out.Dialed = text
			case "eventname":
				out.EventName = text
			}
		default:
			from := p.i
			if !p.value(1) {
				return false
			}
			if string(p.name(key)) == "cause" {
				out.Cause = Span{from: from, to: p.i, plain: true}
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

// object reads an object, at whose opening bracket it is, and notes what an Object holds.
func (p *parser) object(o *Object) bool {
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
			o.ID = text
		case "name":
			o.Name = text
		case "target_uri":
			o.Target = text
		case "technology":
			o.Technology = text
		case "resource":
			o.Resource = text
		case "state":
			o.State = text
		}
	}
	return p.problem == ""
}
