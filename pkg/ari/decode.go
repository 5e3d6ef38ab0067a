package ari

import (
	"fmt"

	"github.com/ari-go/ari/internal/wire"
)

// An eventType is an event type of ARI, as the generated table has it.
type eventType struct {
	name  string // on the wire
	new   func() Event
	refs  []entityRef // the members that name entities, the one that the event is about first
	vital bool        // never dropped
}

// decodeEvent decodes the frame of a reader into the struct of its type. The event has a copy
// of the frame, and most of its texts are parts of that.
func decodeEvent(t *eventType, r wire.Reader, c *Controller) (Event, error) {
	ev := t.new()
	misfit, err := fillEvent(ev, &r)
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

// fillEvent decodes a frame into an event, as [wire.Reader] reads it. The error says where the frame stops being JSON.
func fillEvent(ev Event, r *wire.Reader) (misfit *wire.MisfitError, err error) {
	if r.Start() {
		readEvent(r, ev)
	}
	if err := r.Finish(); err != nil {
		return nil, err
	}
	ev.Header().text = r.Text()
	return r.Misfit(), nil
}

// member reads a member that all events have, or skips one that none has.
func (h *EventHeader) member(r *wire.Reader, key string) {
	switch key {
	case "type":
		wire.ReadText(r, &h.Type)
	case "application":
		wire.ReadText(r, &h.Application)
	case "asterisk_id":
		wire.ReadText(r, &h.AsteriskID)
	case "timestamp":
		wire.ReadTime(r, &h.Timestamp)
	default:
		r.Skip()
	}
}
