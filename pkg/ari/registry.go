package ari

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/ari-go/ari/internal/wire"
)

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
	roleDialplan
	roleDial
	roleAnswer // to a command; no event
)

// needsChannel reports whether the client would take an event for something else if it didn't name its channel.
func (r eventRole) needsChannel() bool {
	return r == roleStasisStart || r == roleStasisEnd || r == roleChannelDestroyed
}

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
	"ChannelDialplan":      roleDialplan,
	"Dial":                 roleDial,
	"RESTResponse":         roleAnswer,
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
