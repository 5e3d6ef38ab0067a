package ari

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/ari-go/ari/internal/wire"
)

// An entityKind is a kind of thing that events are about. The order matters: an
// event is handled in the lane of the first kind among its entities.
type entityKind uint8

const (
	kindNone entityKind = iota
	kindChannel
	kindBridge
	kindPlayback
	kindRecording
	kindEndpoint
	kindDeviceState
	kindApplication
)

func (k entityKind) String() string {
	switch k {
	case kindChannel:
		return "channel"
	case kindBridge:
		return "bridge"
	case kindPlayback:
		return "playback"
	case kindRecording:
		return "recording"
	case kindEndpoint:
		return "endpoint"
	case kindDeviceState:
		return "device state"
	case kindApplication:
		return "application"
	case kindNone:
	}
	return "nothing"
}

// A connID names one of a client's connections. It outlives reconnects. The ids
// of two connections, perhaps to two Asterisks, have nothing to do with each
// other, so no entity is ever known by its bare id.
type connID uint32

// An entityKey names an entity.
type entityKey struct {
	conn connID
	kind entityKind
	id   string // of an endpoint: technology/resource
}

func (k entityKey) String() string {
	if k.id == "" {
		return k.kind.String()
	}
	return k.kind.String() + " " + k.id
}

// nameless reports whether the key is an entity's and lacks its id, or a part of it. No event is about such a one.
func (k entityKey) nameless() bool {
	switch k.kind {
	case kindNone:
		return false
	case kindEndpoint:
		return strings.HasPrefix(k.id, "/") || strings.HasSuffix(k.id, "/")
	default:
		return k.id == ""
	}
}

// An entityRef says that a member of an event, or a member of that, is an object that names an entity.
type entityRef struct {
	field string
	inner string // within field; empty: field itself
	kind  entityKind
}

// find returns the object in a scanned event, or nil.
func (ref *entityRef) find(s *wire.Frame) *wire.Object {
	m := s.Object(ref.field)
	if m == nil || ref.inner == "" {
		return m
	}
	return s.Inner(m, ref.inner)
}

// An eventRole marks the event types that the client itself acts on.
type eventRole uint8

const (
	roleOther eventRole = iota
	roleStasisStart
	roleStasisEnd
	roleChannelDestroyed
	roleChannelStateChange
	roleHangupRequest
	roleBridgeDestroyed
	rolePlaybackFinished
	roleRecordingFinished // or failed
	roleReplaced
	roleUserEvent
)

var eventRoles = map[string]eventRole{
	"StasisStart":          roleStasisStart,
	"StasisEnd":            roleStasisEnd,
	"ChannelDestroyed":     roleChannelDestroyed,
	"ChannelStateChange":   roleChannelStateChange,
	"ChannelHangupRequest": roleHangupRequest,
	"BridgeDestroyed":      roleBridgeDestroyed,
	"PlaybackFinished":     rolePlaybackFinished,
	"RecordingFinished":    roleRecordingFinished,
	"RecordingFailed":      roleRecordingFinished,
	"ApplicationReplaced":  roleReplaced,
	"ChannelUserevent":     roleUserEvent,
}

// An eventKind is an entry of the registry: an ARI event type, or one of the
// three kinds of events that ARI doesn't have.
type eventKind struct {
	*eventType // nil for UnknownEvent, Connected and Disconnected
	index      int
	role       eventRole
	goType     reflect.Type
	name       string
	refs       []entityRef
	vital      bool
}

// The registry of all kinds of events. It never changes once it is made.
type eventRegistry struct {
	kinds        []*eventKind
	byName       map[string]*eventKind // ARI's own, by their names on the wire
	unknown      *eventKind
	connected    *eventKind
	disconnected *eventKind
}

// usualRefs are the members under which an event of an unknown type is likely to
// carry its entities. They let such an event reach whoever listens to these.
var usualRefs = []entityRef{
	{"channel", "", kindChannel},
	{"bridge", "", kindBridge},
	{"playback", "", kindPlayback},
	{"recording", "", kindRecording},
	{"endpoint", "", kindEndpoint},
	{"device_state", "", kindDeviceState},
}

var registry = sync.OnceValue(func() *eventRegistry {
	r := &eventRegistry{byName: make(map[string]*eventKind, len(eventTypes))}
	add := func(k *eventKind) *eventKind {
		k.index = len(r.kinds)
		r.kinds = append(r.kinds, k)
		return k
	}
	for name, t := range eventTypes {
		r.byName[name] = add(&eventKind{
			eventType: t,
			role:      eventRoles[name],
			goType:    reflect.TypeOf(t.new()),
			name:      name,
			refs:      t.refs,
			vital:     t.vital,
		})
	}
	r.unknown = add(&eventKind{name: "UnknownEvent", goType: reflect.TypeFor[*UnknownEvent](), refs: usualRefs})
	r.connected = add(&eventKind{name: "Connected", goType: reflect.TypeFor[*Connected](), vital: true})
	r.disconnected = add(&eventKind{name: "Disconnected", goType: reflect.TypeFor[*Disconnected](), vital: true})
	return r
})

// A selection is the event kinds that a listener's type parameter selects: one
// for a pointer to an event struct, all that satisfy it for an interface.
type selection struct {
	name  string // of the Go type, for logs and errors
	kinds []*eventKind
	has   []bool // by index of the kind
}

var selections sync.Map // reflect.Type to *selection

// selectionOf panics when no event can ever be an E: the listener would wait for
// nothing, and its author had better hear of it at once.
func selectionOf[E Event]() *selection {
	t := reflect.TypeFor[E]()
	if sel, ok := selections.Load(t); ok {
		return sel.(*selection)
	}
	r := registry()
	sel := &selection{name: t.String(), has: make([]bool, len(r.kinds))}
	for _, k := range r.kinds {
		if k.goType == t || t.Kind() == reflect.Interface && k.goType.Implements(t) {
			sel.kinds = append(sel.kinds, k)
			sel.has[k.index] = true
		}
	}
	if len(sel.kinds) == 0 {
		panic(fmt.Sprintf("ari: no event is a %s", t))
	}
	selections.Store(t, sel)
	return sel
}
