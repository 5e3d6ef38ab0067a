package wire

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/ari-go/ari/gen"
)

// ReadText reads a text.
func ReadText[T ~string](r *Reader, p *T) {
	if text, ok := r.scalar(aText); ok {
		*p = T(text)
	}
}

// ReadNumber reads a whole number. It returns false if it read none.
func ReadNumber[T int | int64](r *Reader, p *T) bool {
	from := r.i
	text, ok := r.scalar(aNumber)
	if !ok {
		return false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || int64(T(n)) != n {
		r.unfit(aNumber, from)
		return false
	}
	*p = T(n)
	return true
}

// ReadBool reads a boolean.
func ReadBool(r *Reader, p *bool) {
	from := r.i
	text, ok := r.scalar(aBoolean)
	if !ok {
		return
	}
	switch text {
	case "true":
		*p = true
	case "false":
		*p = false
	default:
		r.unfit(aBoolean, from)
	}
}

// ReadTime reads a time, in any of the forms that [gen.Time] has.
func ReadTime(r *Reader, p *gen.Time) {
	from := r.i
	text, ok := r.scalar(aTime)
	if !ok {
		return
	}
	if t, ok := parseTime(text, time.Local); ok {
		p.Time = t
		return
	}
	if p.UnmarshalText([]byte(text)) != nil {
		r.unfit(aTime, from)
	}
}

// ReadObject makes room for an object. It returns false after reading a value that isn't one; otherwise the object is
// still to be read.
func ReadObject[T any](r *Reader, p **T) bool {
	switch {
	case r.peek() == '{':
		if *p == nil {
			*p = new(T)
		}
		return true
	case r.null():
		*p = nil
	default:
		r.unfit(anObject, r.i)
	}
	return false
}

// ReadTexts reads a list of texts.
func ReadTexts[T ~string](r *Reader, p *[]T) {
	if r.null() {
		*p = nil
		return
	}
	if !r.enter('[', aList) {
		return
	}
	var few [8]T // most lists are short, so they take one allocation, of their very size
	list := few[:0]
	for more := r.first(']'); more; more = r.problem == "" && r.next(']') {
		var text T
		ReadText(r, &text)
		list = append(list, text)
	}
	r.depth--
	*p = append(make([]T, 0, len(list)), list...)
}

// ReadTextMap reads an object whose values are texts. What is there already stays.
func ReadTextMap(r *Reader, p *map[string]string) {
	if r.null() {
		*p = nil
		return
	}
	if r.peek() == '{' && *p == nil {
		*p = make(map[string]string)
	}
	for key, ok := r.Begin(); ok; key, ok = r.More() {
		var text string
		ReadText(r, &text)
		(*p)[key] = text
	}
}

// ReadOther leaves a value to encoding/json. It is for types that are too rare to
// be worth more.
func ReadOther(r *Reader, p any, want string) {
	from := r.i
	if r.Skip() && json.Unmarshal(r.b[from:r.i], p) != nil {
		r.unfit(want, from)
	}
}
