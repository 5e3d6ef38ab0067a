// Package arispec reads ARI's own description of itself (JSON files in a dialect of Swagger 1.1 and 1.2),
// reduces it to facts, compares versions of it, and converts it to OpenAPI.
package arispec

import (
	"fmt"
	"strings"
)

// A Spec is the description of one Asterisk version: every resource with its operations and models.
type Spec struct {
	APIVersion     string // of resources.json: follows Asterisk's major version, not its minor ones
	SwaggerVersion string
	Resources      []*Resource // sorted by name
}

// A Resource is one declaration file, such as channels.json.
type Resource struct {
	Name            string // the file's name without .json
	APIVersion      string
	SwaggerVersion  string
	ResourcePath    string
	RequiresModules []string
	Since           []string
	APIs            []*API   // sorted by path
	Models          []*Model // sorted by id
}

// An API is one path with its operations, sorted by method.
type API struct {
	Path       string
	Operations []*Operation
}

// An Operation is one method on one path.
type Operation struct {
	Method            string // upper case
	Nickname          string // unique within its resource only
	Since             []string
	Upgrade           string // "websocket" on the event socket's operation
	WebsocketProtocol string
	ResponseClass     Type
	Parameters        []*Parameter // in the spec's order
	ErrorCodes        []int        // sorted
}

// A Parameter is one input of an operation.
type Parameter struct {
	Name     string
	In       string // path, query or body
	Type     Type
	Required bool
	Multiple bool // a list: one parameter on the wire, joined by commas
	Default  any  // string, float64, bool or nil
	Values   []string
	Min      *float64
	Max      *float64
}

// A Model is a JSON object that operations and events carry.
type Model struct {
	ID            string
	Discriminator string
	SubTypes      []string // sorted
	Properties    []*Property
}

// A Property is one member of a model, sorted by name.
type Property struct {
	Name     string
	Type     Type
	Required bool
	Values   []string
}

// A Type is a type name of the dialect: a primitive, a model's id, or List[...] of one of them.
type Type string

// Elem returns the element type of a list, and whether t is a list.
func (t Type) Elem() (Type, bool) {
	s := string(t)
	if strings.HasPrefix(s, "List[") && strings.HasSuffix(s, "]") {
		return Type(s[len("List[") : len(s)-1]), true
	}
	return "", false
}

// primitives are the type names that aren't models, by where they may stand.
var (
	parameterTypes = map[Type]bool{"string": true, "int": true, "long": true, "double": true, "boolean": true}
	bodyTypes      = map[Type]bool{"containers": true, "object": true}
	propertyTypes  = map[Type]bool{"string": true, "int": true, "long": true, "double": true, "boolean": true, "Date": true, "object": true}
)

// Resource returns the resource of that name, or nil.
func (s *Spec) Resource(name string) *Resource {
	for _, r := range s.Resources {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// Models returns every model of the spec by its id. Models share one namespace across all files.
func (s *Spec) Models() map[string]*Model {
	all := make(map[string]*Model)
	for _, r := range s.Resources {
		for _, m := range r.Models {
			all[m.ID] = m
		}
	}
	return all
}

// Parents returns the chain of models that list the model among their subtypes, nearest first.
func (s *Spec) Parents(id string) []*Model {
	parent := make(map[string]*Model)
	for _, r := range s.Resources {
		for _, m := range r.Models {
			for _, sub := range m.SubTypes {
				parent[sub] = m
			}
		}
	}
	var chain []*Model
	for p := parent[id]; p != nil; p = parent[p.ID] {
		chain = append(chain, p)
	}
	return chain
}

// Events returns the ids of the event models: those that inherit from Event, sorted.
func (s *Spec) Events() []string {
	event := s.Models()["Event"]
	if event == nil {
		return nil
	}
	return event.SubTypes
}

// Count says how much a spec has. Events are models too, and are counted as both.
type Count struct {
	Operations, Parameters, Models, Properties, Events int
}

// Count counts what the spec has.
func (s *Spec) Count() Count {
	n := Count{Events: len(s.Events())}
	for _, r := range s.Resources {
		for _, api := range r.APIs {
			n.Operations += len(api.Operations)
			for _, op := range api.Operations {
				n.Parameters += len(op.Parameters)
			}
		}
		n.Models += len(r.Models)
		for _, m := range r.Models {
			n.Properties += len(m.Properties)
		}
	}
	return n
}

// OperationID is the operation's name in OpenAPI: its resource and its nickname, in camel case.
// A nickname alone is not unique: "list" is one of seven resources.
func OperationID(resource, nickname string) string {
	var b strings.Builder
	b.WriteString(resource)
	upper := true
	for _, r := range nickname {
		if r == '_' {
			upper = true
			continue
		}
		if upper {
			b.WriteString(strings.ToUpper(string(r)))
			upper = false
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// placeholders returns the names in a path's braces, in order.
func placeholders(path string) ([]string, error) {
	var names []string
	for rest := path; ; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			return names, nil
		}
		end := strings.IndexByte(rest[i:], '}')
		if rest[i] == '}' || end < 2 || strings.ContainsAny(rest[i+1:i+end], "{/") {
			return nil, fmt.Errorf("unbalanced or empty braces")
		}
		names = append(names, rest[i+1:i+end])
		rest = rest[i+end+1:]
	}
}
