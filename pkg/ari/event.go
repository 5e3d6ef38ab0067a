package ari

import (
	"encoding/json"
	"time"

	"github.com/ari-go/ari/internal/wire"
)

// An Event is something that Asterisk, or the client's own connection, reports.
// For each type that ARI knows there is a struct of that name: a [*StasisStart],
// a [*ChannelDtmfReceived] and so on; a type unknown to this package arrives as
// an [*UnknownEvent]. [*Connected] and [*Disconnected] are made by the client.
//
// One event is handed to all its listeners. They share it, and must not change it.
type Event interface {
	// Header returns what all events have in common.
	Header() *EventHeader

	// Controller returns the controller of the Asterisk that the event comes from.
	Controller() *Controller

	// bind gives every object in the event the controller of its connection.
	bind(c *Controller)
}

// EventHeader is what all events have in common. Every event embeds it.
type EventHeader struct {
	// Type is the event's name on the wire, such as "StasisStart".
	Type string `json:"type"`

	// Application is the Stasis application that the event was sent to. It is
	// empty for the client's own events.
	Application string `json:"application"`

	// AsteriskID tells Asterisk servers apart. Old versions don't send it.
	AsteriskID string `json:"asterisk_id,omitempty"`

	// Timestamp is when it happened, by Asterisk's clock.
	Timestamp Time `json:"timestamp"`

	text      string
	synthetic bool
	resumed   bool
	ctrl      *Controller
}

// Header returns the header itself.
func (h *EventHeader) Header() *EventHeader { return h }

// Controller returns the controller of the Asterisk that the event comes from: the right one for commands, however many
// the client has.
func (h *EventHeader) Controller() *Controller { return h.ctrl }

// Raw returns the event's JSON as it came from Asterisk: a copy, made by each call.
// It is nil for events made by the client.
func (h *EventHeader) Raw() json.RawMessage {
	if h.text == "" {
		return nil
	}
	return json.RawMessage(h.text)
}

// Synthetic reports whether the client made this event in place of one that
// Asterisk sent while the connection was down. After a gap, a channel that has
// left the application meanwhile gets such a [StasisEnd], and one that is in it
// without the client's knowing such a [StasisStart]; with [WithAdoption] on the
// first connection, too.
func (h *EventHeader) Synthetic() bool { return h.synthetic }

// Resumed reports whether a [StasisStart] is about a call that has been in the application for a while: when this client, or,
// with a websocket for each call, this server, got its first connection, the call was there already. An earlier program, or
// another one, may have begun to serve it, so it may be answered, be in a bridge, or hear something.
func (h *EventHeader) Resumed() bool { return h.resumed }

// UnknownEvent is an event of a type that this package doesn't know.
// Raw has all of it.
type UnknownEvent struct {
	EventHeader
}

func (*UnknownEvent) bind(*Controller) {}

// Connected reports that events flow: for the first time, or again. After a gap
// it comes when subscriptions have been restored and everything that ended
// meanwhile has been ended here too, so its handlers see the state as it is.
// Events of the new connection do not wait for that.
type Connected struct {
	EventHeader

	// Resumed is false for the client's first connection.
	Resumed bool

	// Gap is how long there was no connection, as seen from here. Zero for the
	// first connection.
	Gap time.Duration

	// Entered has the ids of the channels whose StasisStart was lost with the old
	// connection, or sent to an earlier program. Each got a synthetic [StasisStart].
	Entered []string

	// Ended has the ids of the channels that had entered the application and
	// left it during the gap. Each got a synthetic [StasisEnd].
	Ended []string
}

func (*Connected) bind(*Controller) {}

// Disconnected reports that the connection was lost. The client is already
// trying to get it back.
type Disconnected struct {
	EventHeader

	// Err says why.
	Err error
}

func (*Disconnected) bind(*Controller) {}

// DecodeEvent makes an event of its JSON, as Asterisk sends it and [EventHeader.Raw] returns it: for what has been stored, or
// came by another way. Its objects have no controller. A type that this package doesn't know is an [*UnknownEvent]. The error
// is a [*FrameError].
func DecodeEvent(data []byte) (Event, error) {
	var frame wire.Frame
	if err := frame.Scan(data); err != nil {
		return nil, newFrameError(data, err)
	}
	r := registry()
	kind := r.byName[string(frame.Text(frame.Type))]
	if kind == nil {
		kind = r.unknown
	}
	ev, err := decode(kind, &frame, nil)
	if err != nil {
		return nil, newFrameError(data, err)
	}
	return ev, nil
}

// decode makes the event of a scanned frame. Nothing in it refers to the frame,
// which the reader is going to overwrite.
func decode(kind *eventKind, s *wire.Frame, ctrl *Controller) (Event, error) {
	if kind.eventType != nil {
		return decodeEvent(kind.eventType, s.Reader(), ctrl)
	}
	ev := &UnknownEvent{}
	r := s.Reader()
	_, err := fillEvent(ev, &r)
	ev.ctrl = ctrl
	return ev, err
}

// describe names an event in logs and errors: its type and what it is about.
func describe(ev Event, about Entity) string {
	name := ev.Header().Type
	if ev.Header().Synthetic() {
		name = "synthetic " + name
	}
	if about == (Entity{}) {
		return name
	}
	return name + " of " + about.String()
}
