package wire

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/ari-go/ari/gen"
)

// A Field is a member of a JSON object. Its value is a string, an int, a float64, a bool, a []string, a jsonText or
// anything that package json takes.
type Field struct {
	Name  string
	value any
}

// F makes a field.
func F(name string, value any) Field { return Field{name, value} }

// JSON is JSON as it goes out.
type JSON []byte

// Object makes a JSON object whose members stand in the given order, which is Asterisk's.
func Object(fields ...Field) JSON {
	b := make([]byte, 0, 512)
	b = append(b, '{')
	b = AppendFields(b, fields)
	return append(b, '}')
}

// AppendFields appends members of an object.
func AppendFields(b []byte, fields []Field) []byte {
	for _, f := range fields {
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, f.Name...)
		b = append(b, '"', ':')
		b = AppendValue(b, f.value)
	}
	return b
}

// AppendValue appends a value as JSON.
func AppendValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendString(b, v)
	case JSON:
		return append(b, v...)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case bool:
		return strconv.AppendBool(b, v)
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, s)
		}
		return append(b, ']')
	case []JSON:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, s...)
		}
		return append(b, ']')
	case time.Time:
		b = append(b, '"')
		b = v.AppendFormat(b, gen.TimeLayout)
		return append(b, '"')
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return append(b, "null"...)
		}
		return append(b, text...)
	}
}

func appendString(b []byte, s string) []byte {
	plain := utf8.ValidString(s)
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] != '"' && s[i] != '\\' && s[i] != 0x7f
	}
	if plain {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	text, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...)
	}
	return append(b, text...)
}

// Members makes an object of names that need not be plain text.
func Members(fields []Field) JSON {
	b := []byte{'{'}
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, f.Name)
		b = append(b, ':')
		b = AppendValue(b, f.value)
	}
	return append(b, '}')
}
