// Package ariserver is the server's side of the Asterisk REST Interface, generated from api/openapi.yaml: an
// interface with one method per operation, the handlers that read an operation's parameters, and a table of all
// operations with the versions of Asterisk that have them.
//
// It is apart from package gen, so that who imports pkg/ari doesn't compile it; only pkg/ari/aritest does.
package ariserver

// An Operation is one operation of the interface.
type Operation struct {
	ID, Method, Path string
	// Since are the first releases that have it, one of each branch, such as "16.3.0".
	Since []string
	// Params are its query parameters.
	Params []Param
	// BodyMember is the name of the member of a JSON body that isn't a query parameter's: "variables" or "fields".
	BodyMember string
}

// A Param is a query parameter.
type Param struct {
	Name string
	Kind Kind
	// Required says whether the description requires it. Asterisk itself often doesn't.
	Required bool
	Since    []string
}

// A Kind is the type of a query parameter.
type Kind int

// The types of query parameters.
const (
	String Kind = iota
	Integer
	Boolean
	List // of strings
)
