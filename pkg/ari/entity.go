package ari

import "strings"

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

// A sessionID names one of a client's sessions. The ids of two sessions, perhaps with two Asterisks, have nothing to do
// with each other, so no entity is ever known by its bare id.
type sessionID uint32

// An entityKey names an entity.
type entityKey struct {
	session sessionID
	kind    entityKind
	id      string // of an endpoint: technology/resource
}

func (k entityKey) String() string {
	return Entity{Kind: k.kind.String(), ID: k.id}.String()
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

// places says where in the index a listener stands.
type places struct {
	// own is the entity whose events it gets; the zero key stands for everything.
	own entityKey

	// parent is the channel or bridge with which it ends at the latest, if any.
	parent entityKey
}

// A scope is a listener's places, and the session whose events they are about.
type scope struct {
	at   places
	feed any // nil: nobody tells
}

// An Entity is what something is about: a kind of thing and its id.
type Entity struct {
	// Kind is the kind of thing: "channel", "bridge", "playback", "recording", "endpoint", "device state" or "application".
	Kind string

	// ID is its id: a channel's, bridge's or playback's id, a recording's, device's or application's name, an endpoint's
	// technology and resource, such as "PJSIP/alice".
	ID string
}

// String returns kind and id, such as "channel 1700000000.5".
func (e Entity) String() string {
	if e.ID == "" {
		return e.Kind
	}
	return e.Kind + " " + e.ID
}

// entity is the key without the session; the zero Entity for no key.
func (k entityKey) entity() Entity {
	if k.kind == kindNone {
		return Entity{}
	}
	return Entity{Kind: k.kind.String(), ID: k.id}
}

// targetKey is the entity that a target_uri names, or the zero key.
func targetKey(session sessionID, uri string) entityKey {
	if id, ok := strings.CutPrefix(uri, "channel:"); ok {
		return entityKey{session, kindChannel, id}
	}
	if id, ok := strings.CutPrefix(uri, "bridge:"); ok {
		return entityKey{session, kindBridge, id}
	}
	return entityKey{}
}
