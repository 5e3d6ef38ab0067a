package ari

import (
	"bytes"
	"strconv"

	"github.com/ari-go/ari/internal/wire"
)

// An inbound is an event on its way through dispatch. What it refers to belongs
// to the reader and is valid only for as long as dispatch runs.
type inbound struct {
	session  sessionID
	kind     *eventKind
	scan     *wire.Frame // nil for events made here
	entities []entity
	lane     entity // the one of entities that decides about the lane, or none
	app      []byte
	receipt  *receipt // of the frame, if its source asks for one
	ev       Event    // nil as long as nobody needs it, or it cannot be decoded
	madeHere bool     // a StasisStart of a channel that the client has made, or an earlier run of its program
	gap      bool     // made after a gap, to end what ended in it
	hidden   bool     // only the client itself needs it: the user has filtered it out
	cutOff   error    // why the playback or recording has failed, if that is its channel's hangup
	stays    bool     // a StasisEnd, but the channel is in another of our applications
}

// An entity is one that an event concerns.
type entity struct {
	kind     entityKind
	id       []byte
	repeated bool // it is in the list already
}

// id returns the id of the first entity of a kind, or nil.
func (in *inbound) id(kind entityKind) []byte {
	for i := range in.entities {
		if in.entities[i].kind == kind {
			return in.entities[i].id
		}
	}
	return nil
}

// addEntity appends an entity unless it has no id.
func (in *inbound) addEntity(kind entityKind, id []byte) {
	if len(id) == 0 {
		return
	}
	e := entity{kind: kind, id: id}
	for i := range in.entities {
		if in.entities[i].kind == kind && bytes.Equal(in.entities[i].id, id) {
			e.repeated = true
		}
	}
	in.entities = append(in.entities, e)
	if kind <= kindDeviceState && (in.lane.kind == kindNone || kind < in.lane.kind) {
		in.lane = e
	}
}

// addEntities finds the entities that a scanned event names. Where an id must be
// put together, scratch takes it.
func (in *inbound) addEntities(s *wire.Frame, scratch []byte) []byte {
	for _, ref := range in.kind.refs {
		m := ref.find(s)
		if m == nil {
			continue
		}
		switch ref.kind {
		case kindChannel, kindBridge:
			in.addEntity(ref.kind, s.Text(m.ID))
		case kindPlayback:
			in.addEntity(ref.kind, s.Text(m.ID))
			in.addTarget(s.Text(m.Target))
		case kindRecording:
			in.addEntity(ref.kind, s.Text(m.Name))
			in.addTarget(s.Text(m.Target))
		case kindDeviceState, kindApplication:
			in.addEntity(ref.kind, s.Text(m.Name))
		case kindEndpoint:
			if m.Technology.OK() && m.Resource.OK() {
				from := len(scratch)
				scratch = append(scratch, s.Text(m.Technology)...)
				scratch = append(scratch, '/')
				scratch = append(scratch, s.Text(m.Resource)...)
				in.addEntity(ref.kind, scratch[from:])
			}
		case kindNone:
		}
	}
	in.addEntity(kindApplication, in.app)
	return scratch
}

var (
	channelTarget = []byte("channel:")
	bridgeTarget  = []byte("bridge:")
)

// addTarget adds the channel or bridge that a playback or recording runs on.
func (in *inbound) addTarget(uri []byte) {
	if id, ok := bytes.CutPrefix(uri, channelTarget); ok {
		in.addEntity(kindChannel, id)
	} else if id, ok := bytes.CutPrefix(uri, bridgeTarget); ok {
		in.addEntity(kindBridge, id)
	}
}

// state is the state in which the event shows an entity.
func (in *inbound) state(key entityKey) string {
	if in.scan == nil {
		return ""
	}
	for _, ref := range in.kind.refs {
		m := ref.find(in.scan)
		if m == nil || ref.kind != key.kind {
			continue
		}
		id := m.ID
		if key.kind == kindRecording {
			id = m.Name
		}
		if string(in.scan.Text(id)) == key.id {
			return string(in.scan.Text(m.State))
		}
	}
	return ""
}

// endError says how the event's first entity of a kind came to its end.
func (in *inbound) endError(kind entityKind, reason error) *EndError {
	e := &EndError{Entity: entityKey{in.session, kind, string(in.id(kind))}.entity(), Reason: reason}
	if in.gap {
		e.Reason = ErrGap
	}
	if in.scan != nil && in.kind.role == roleChannelDestroyed {
		// What isn't a number reads as 0, which means "unknown" to Asterisk too.
		e.Cause, _ = strconv.Atoi(string(in.scan.Text(in.scan.Cause)))
		e.CauseText = string(in.scan.Text(in.scan.CauseText))
	}
	return e
}

// stamp is the event's time stamp as it came, or "".
func (in *inbound) stamp() string {
	if in.scan == nil {
		return ""
	}
	return string(in.scan.Text(in.scan.Timestamp))
}
