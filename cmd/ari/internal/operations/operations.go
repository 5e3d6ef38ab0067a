// Package operations has the table of ARI's operations that `ari api` is made of.
package operations

import (
	"slices"
	"strings"
)

// A Group is a resource of ARI's, such as channels.
type Group struct{ Name, Description string }

// An Operation is one request that can be made.
type Operation struct {
	ID          string // such as channelsAnswer
	Group       string // the name of its group
	Method      string // GET, POST, PUT or DELETE
	Path        string // with the names of inputs in braces
	Summary     string // a line
	Description string // a paragraph
	Binary      bool   // The answer is a file.
	Inputs      []Input
}

// An Input is what an operation takes.
type Input struct {
	Name        string
	In          Place
	Kind        Kind
	Required    bool
	Values      []string // of an enumeration; Asterisk may take others
	Description string
}

// A Place is where an input goes in the request.
type Place int

// The places.
const (
	InPath Place = iota
	InQuery
	InBody // a member of the JSON object
)

// A Kind is the form of an input's value.
type Kind int

// The kinds. A List in the query is joined by commas; in the body it is an array of anything. An Object is a map of texts, or
// of anything.
const (
	Text Kind = iota
	Number
	Bool
	List
	Object
)

// Find returns the operation with an id, whose case doesn't matter.
func Find(id string) (*Operation, bool) {
	i := slices.IndexFunc(All, func(op Operation) bool { return strings.EqualFold(op.ID, id) })
	if i < 0 {
		return nil, false
	}
	return &All[i], true
}

// Of returns the inputs that go to a place.
func (op *Operation) Of(place Place) []Input {
	return slices.DeleteFunc(slices.Clone(op.Inputs), func(in Input) bool { return in.In != place })
}

// Reads reports whether the operation changes nothing.
func (op *Operation) Reads() bool { return op.Method == "GET" }
