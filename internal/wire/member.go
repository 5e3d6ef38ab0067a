package wire

import "encoding/json"

// A MemberError says which member of an event isn't as it must be for the event to be of any use.
type MemberError struct {
	Member  string // such as "channel" or "channel.id"
	Problem string
}

func (e *MemberError) Error() string { return e.Member + " " + e.Problem }

// RequireID returns nil if the event has an object of this key and that has an id, a text that isn't empty. Otherwise it
// returns a [*MemberError] that says what is wrong.
func (f *Frame) RequireID(key string) error {
	o := f.Object(key)
	switch {
	case o == nil:
		return &MemberError{Member: key, Problem: whyNot(f.Raw, key, "is not an object")}
	case !o.ID.OK():
		var members map[string]json.RawMessage
		_ = json.Unmarshal(f.Raw, &members) // The scan has accepted it.
		return &MemberError{Member: key + ".id", Problem: whyNot(members[key], "id", "is not a text")}
	case o.ID.from == o.ID.to:
		return &MemberError{Member: key + ".id", Problem: "is empty"}
	default:
		return nil
	}
}

// whyNot tells a member of an object that isn't there, or null, from one that is something else than it must be.
func whyNot(object []byte, key, otherwise string) string {
	var members map[string]any
	_ = json.Unmarshal(object, &members) // The scan has accepted it.
	if members[key] == nil {
		return "is missing"
	}
	return otherwise
}
