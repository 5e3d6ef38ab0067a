package aritest

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/ari-go/ari/gen"
)

// A field is a member of a JSON object. Its value is a string, an int, a float64, a bool, a []string, a jsonText or
// anything that package json takes.
type field struct {
	name  string
	value any
}

// jsonText is JSON as it goes out.
type jsonText []byte

// object makes a JSON object whose members stand in the given order, which is Asterisk's.
func object(fields ...field) jsonText {
	b := make([]byte, 0, 512)
	b = append(b, '{')
	b = appendFields(b, fields)
	return append(b, '}')
}

func appendFields(b []byte, fields []field) []byte {
	for _, f := range fields {
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, f.name...)
		b = append(b, '"', ':')
		b = appendValue(b, f.value)
	}
	return b
}

func appendValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendString(b, v)
	case jsonText:
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
	case []jsonText:
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

// An event is a message for applications, without its end, where the application's name stands.
type event struct {
	typ  string
	body []byte
}

// frame is the event as an application gets it.
func (e event) frame(app string) []byte {
	b := make([]byte, 0, len(e.body)+len(app)+20)
	b = append(b, e.body...)
	b = append(b, `,"application":`...)
	b = appendString(b, app)
	return append(b, '}')
}

// event makes an event whose own members come behind type and time stamp.
func (p *pbx) event(typ string, fields ...field) event { return p.blobEvent(typ, nil, fields...) }

// blobEvent makes an event some of whose members come before its type, as Asterisk has it for some types.
func (p *pbx) blobEvent(typ string, before []field, fields ...field) event {
	b := make([]byte, 0, 768)
	b = append(b, '{')
	b = appendFields(b, before)
	b = appendFields(b, []field{{"type", typ}, {"timestamp", p.now()}})
	b = appendFields(b, fields)
	if p.has.asteriskID {
		b = appendFields(b, []field{{"asterisk_id", p.opts.entityID}})
	}
	return event{typ, b}
}
