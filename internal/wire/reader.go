package wire

import (
	"strings"
	"unicode/utf8"
)

// A Reader reads an event into structs. Its methods and the functions ReadText, ReadNumber and so on that read a value
// are to be called where one begins, read exactly this one, and leave their target as it is if the value is null or
// doesn't fit. After a fault in the text nothing that is read means anything, and [Reader.Finish] tells.
//
// An object is read like this:
//
//	for key, ok := r.Begin(); ok; key, ok = r.More() {
//		switch key {
//		case "id":
//			wire.ReadText(r, &v.ID)
//		default:
//			r.Skip()
//		}
//	}
//
// What is read is what encoding/json reads into the same struct, except that names of members must match to the letter.
// Beyond that a Reader is lenient, because a call must not hang on a detail of an event that its handlers hardly look at:
// where a text is wanted, a number or a boolean is taken as it is written; where a number or a boolean is wanted, a text
// that holds one is read; any other value that doesn't fit is left out, as if it weren't there. [Reader.Misfit] has the
// first of those.
//
// As for encoding/json, null stands for nothing, of several members with one name the last one counts, and bytes that
// aren't UTF-8 become U+FFFD.
type Reader struct {
	parser
	text   string // the same as parser.b; what is read refers to it
	depth  int
	misfit *MisfitError // the first one
}

// NewReader returns a reader of a frame, which it copies: what is read refers to the copy.
func NewReader(frame []byte) Reader {
	return Reader{parser: parser{b: frame}, text: string(frame)}
}

// Reader returns a reader of the frame that has been scanned. It is faster than one of [NewReader], since it knows something
// of the frame.
func (f *Frame) Reader() Reader {
	return Reader{parser: parser{b: f.Raw, plain: f.plain}, text: string(f.Raw)}
}

// Start goes to the event, which must be an object. If it returns false there is none, and Finish says so.
func (r *Reader) Start() bool {
	r.space()
	return r.peek() == '{' || r.fail("an event must be a JSON object")
}

// Finish is called after the event has been read. The error, a [*SyntaxError], says where the frame stops being JSON.
func (r *Reader) Finish() error {
	if r.problem == "" {
		if r.space(); r.i < len(r.b) {
			r.fail("something follows the event")
		}
	}
	if r.problem != "" {
		return &SyntaxError{Offset: r.i, Problem: r.problem}
	}
	return nil
}

// Text returns the whole frame.
func (r *Reader) Text() string { return r.text }

// Misfit returns the first value that wasn't of the wanted type, or nil.
func (r *Reader) Misfit() *MisfitError { return r.misfit }

// peek returns the byte to come, or zero at the end.
func (r *Reader) peek() byte {
	if r.i < len(r.b) {
		return r.b[r.i]
	}
	return 0
}

// unfit skips a value, or what is left of it, that began at an offset and isn't what it is meant to be.
func (r *Reader) unfit(want string, from int) {
	if r.problem != "" || r.i == from && !r.Skip() || r.misfit != nil {
		return
	}
	const shown = 40
	r.misfit = &MisfitError{want: want, value: strings.ToValidUTF8(r.text[from:min(r.i, from+shown)], ""), offset: from}
}

// Skip skips a value. It returns false at a fault.
func (r *Reader) Skip() bool { return r.value(r.depth) }

// null reads null, if that is what comes.
func (r *Reader) null() bool { return r.peek() == 'n' && r.literal("null") }

// Begin enters an object and returns the name of its first member. At the end of the object, or if there is none, it
// returns false.
func (r *Reader) Begin() (key string, ok bool) {
	if !r.enter('{', anObject) {
		return "", false
	}
	if !r.first('}') {
		r.depth--
		return "", false
	}
	return r.memberName()
}

// More is Begin for the members that follow.
func (r *Reader) More() (key string, ok bool) {
	if r.problem != "" || !r.next('}') {
		r.depth--
		return "", false
	}
	return r.memberName()
}

func (r *Reader) memberName() (string, bool) {
	key, ok := r.key()
	if !ok {
		return "", false
	}
	return r.content(key), true
}

// enter enters an object or a list. If something else comes, it reads that, and
// returns false.
func (r *Reader) enter(opening byte, want string) bool {
	if r.peek() != opening {
		if !r.null() {
			r.unfit(want, r.i)
		}
		return false
	}
	r.depth++
	if r.depth > MaxDepth {
		return r.fail("the event nests too deep")
	}
	r.i++
	return true
}

// content returns the text of a string.
func (r *Reader) content(sp Span) string {
	text := r.text[sp.from:sp.to]
	if sp.plain || strings.IndexByte(text, '\\') < 0 && utf8.ValidString(text) {
		return text
	}
	return string(unquote(r.b, sp))
}

// scalar reads a string, a number or a boolean as a text. It returns false for any
// other value.
func (r *Reader) scalar(want string) (string, bool) {
	switch r.peek() {
	case '"':
		sp, ok := r.str()
		if !ok {
			return "", false
		}
		return r.content(sp), true
	case 'n':
		r.null()
		return "", false
	case '{', '[':
		r.unfit(want, r.i)
		return "", false
	default:
		from := r.i
		ok := r.Skip()
		return r.text[from:r.i], ok
	}
}
