package wire

import (
	"time"
)

// An Event is a message for applications, without its end, where the application's name stands.
type Event struct {
	Type string
	body []byte
}

// Frame is the event as an application gets it.
func (e Event) Frame(app string) []byte {
	b := make([]byte, 0, len(e.body)+len(app)+20)
	b = append(b, e.body...)
	b = append(b, `,"application":`...)
	b = appendString(b, app)
	return append(b, '}')
}

// NewEvent makes an event; its members stand in Asterisk's order, some of them before its type. An asteriskID of "" isn't told.
func NewEvent(typ string, now time.Time, asteriskID string, before, fields []Field) Event {
	b := make([]byte, 0, 768)
	b = append(b, '{')
	b = AppendFields(b, before)
	b = AppendFields(b, []Field{{"type", typ}, {"timestamp", now}})
	b = AppendFields(b, fields)
	if asteriskID != "" {
		b = AppendFields(b, []Field{{"asterisk_id", asteriskID}})
	}
	return Event{typ, b}
}
