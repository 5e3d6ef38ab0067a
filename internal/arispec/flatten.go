package arispec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Flatten gives a public description the form that Go is generated from: each model has all of its members, each body
// and enumeration stands where it is used, errors have no content, examples and the rules of the wire are gone, and
// everything says in full since when it exists.
func Flatten(description []byte) ([]byte, error) {
	doc, err := parseTree(description)
	if err != nil {
		return nil, err
	}
	f := &flattener{doc: doc, schemas: made(doc, "components", "schemas")}
	f.parameters()
	f.bodies()
	f.errors()
	f.enums()
	f.messages()
	f.plain()
	if err := f.sinces(); err != nil {
		return nil, err
	}
	delete(at(doc, "components"), "parameters")
	delete(at(doc, "components"), "responses")
	return writeTree(doc, "")
}

type flattener struct {
	doc, schemas mapping
}

// named returns what a reference into a section of the components names.
func (f *flattener) named(section string, m mapping) mapping {
	name, ok := strings.CutPrefix(textAt(m, "$ref"), "#/components/"+section+"/")
	if !ok {
		return nil
	}
	return at(f.doc, "components", section, name)
}

func (f *flattener) parameters() {
	eachOperation(f.doc, func(_, _ string, op mapping) {
		list := listAt(op, "parameters")
		for i, q := range mappings(op["parameters"]) {
			if shared := f.named("parameters", q); shared != nil {
				list[i] = clone(shared)
			}
		}
	})
}

func (f *flattener) bodies() {
	var names []string
	eachOperation(f.doc, func(_, _ string, op mapping) {
		content := at(op, "requestBody", "content", "application/json")
		schema := f.named("schemas", at(content, "schema"))
		if schema == nil {
			return
		}
		names = append(names, strings.TrimPrefix(textAt(at(content, "schema"), "$ref"), schemaPrefix))
		delete(schema, "description")
		content["schema"] = schema
		for _, member := range at(schema, "properties") {
			if member, ok := member.(mapping); ok && member[twinKey] == nil {
				return
			}
		}
		delete(op, "requestBody") // the query has it all
	})
	for _, name := range names {
		delete(f.schemas, name)
	}
}

func (f *flattener) errors() {
	eachOperation(f.doc, func(_, _ string, op mapping) {
		responses := at(op, "responses")
		for status := range responses {
			response := at(responses, status)
			if shared := f.named("responses", response); shared != nil {
				response = shared
			}
			if status < "200" || status >= "400" {
				responses[status] = without(response, "content")
			}
		}
	})
	delete(f.schemas, errorSchema)
}

// enums puts the values of enumerations where they are used.
func (f *flattener) enums() {
	enums := mapping{}
	for name, s := range f.schemas {
		if s, ok := s.(mapping); ok && s["enum"] != nil {
			enums[name] = s
		}
	}
	for name := range enums {
		delete(f.schemas, name)
	}
	substitute(f.doc, func(m mapping) mapping {
		enum := at(enums, strings.TrimPrefix(textAt(m, "$ref"), schemaPrefix))
		if all := mappings(m["allOf"]); len(all) == 1 && all[0]["enum"] != nil {
			enum = all[0] // its reference has been replaced before
		}
		if enum == nil {
			return m
		}
		out := without(m, "$ref", "allOf")
		out["type"], out["enum"] = enum["type"], clone(enum["enum"])
		return out
	})
}

// substitute puts something else into the place of each mapping below v.
func substitute(v any, f func(mapping) mapping) any {
	switch v := v.(type) {
	case mapping:
		for key, value := range v {
			v[key] = substitute(value, f)
		}
		return f(v)
	case []any:
		for i, item := range v {
			v[i] = substitute(item, f)
		}
		return v
	default:
		return v
	}
}

// messages gives each message the members of Message, and makes Event of what all events share.
func (f *flattener) messages() {
	parent := at(f.schemas, messageModel)
	if f.schemas[anyMessage] == nil || parent == nil {
		return
	}
	delete(f.schemas, anyMessage)
	eachOperation(f.doc, func(_, _ string, op mapping) {
		if op["x-ari-websocket-message"] == anyMessage {
			op["x-ari-websocket-message"] = messageModel
			if response := at(op, "responses", "101"); response != nil {
				response["description"] = "The connection is a websocket from here on."
			}
		}
	})
	var events, subTypes []any
	var event mapping
	for _, name := range sortedKeys(at(parent, "discriminator", "mapping")) {
		leaf := at(f.schemas, name)
		all := mappings(leaf["allOf"])
		if len(all) != 2 {
			continue
		}
		flat := without(leaf, "allOf")
		flat["type"] = "object"
		properties := clone(at(parent, "properties")).(mapping)
		maps.Copy(properties, at(all[1], "properties"))
		flat["properties"] = properties
		flat["required"] = sorted(append(slices.Clone(listAt(parent, "required")), listAt(all[1], "required")...))
		f.schemas[name] = flat
		if flat[eventKey] != true {
			subTypes = append(subTypes, name)
			continue
		}
		events = append(events, name)
		if event == nil {
			event = clone(without(flat, eventKey, "x-ari-entities", "description", sinceKey)).(mapping)
		}
		narrow(event, flat)
	}
	if event != nil {
		event["description"] = "Part that all events share."
		event[sinceKey], event[subTypesKey] = parent[sinceKey], events
		f.schemas[eventModel] = event
		subTypes = append(subTypes, eventModel)
	}
	parent[subTypesKey] = sorted(subTypes)
}

// narrow leaves in a only those members that b has too.
func narrow(a, b mapping) {
	properties := at(a, "properties")
	for name := range properties {
		if at(b, "properties", name) == nil {
			delete(properties, name)
		}
	}
	a["required"] = slices.DeleteFunc(slices.Clone(listAt(a, "required")), func(name any) bool { return properties[fmt.Sprint(name)] == nil })
}

func sorted(list []any) []any {
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return list
}

// plain takes out what is there for readers and other generators.
func (f *flattener) plain() {
	eachOperation(f.doc, func(_, _ string, op mapping) {
		for _, q := range mappings(op["parameters"]) {
			delete(q, "example")
			for _, key := range []string{"description", "minLength"} {
				delete(at(q, "schema"), key)
			}
		}
		contents := []mapping{at(op, "requestBody", "content")}
		for status := range at(op, "responses") {
			contents = append(contents, at(op, "responses", status, "content"))
		}
		for _, content := range contents {
			for kind := range content {
				delete(at(content, kind), "example")
				delete(at(content, kind), "examples")
			}
		}
	})
	for _, s := range f.schemas {
		schema, _ := s.(mapping)
		delete(schema, "example")
		for name := range at(schema, "properties") {
			delete(at(schema, "properties", name), "pattern")
		}
	}
}

// sinces writes in full since when each part exists, also where it is since its owner does.
func (f *flattener) sinces() error {
	var branches []int
	for _, b := range listAt(at(f.doc, "info"), branchesKey) {
		if b, ok := b.(int); ok {
			branches = append(branches, b)
		}
	}
	delete(at(f.doc, "info"), branchesKey)
	var failed error
	full := func(short any) []any {
		if list, ok := short.([]any); ok {
			return list // it is flat already
		}
		since, err := expandSince(fmt.Sprint(short), branches)
		if err != nil {
			failed = err
		}
		var out []any
		for _, v := range since.Strings() {
			out = append(out, v)
		}
		return out
	}
	expand := func(m mapping, owner any) {
		switch {
		case m == nil:
		case m[sinceKey] != nil:
			m[sinceKey] = full(m[sinceKey])
		case owner != nil:
			m[sinceKey] = owner
		}
	}
	eachOperation(f.doc, func(_, _ string, op mapping) {
		expand(op, nil)
		for _, q := range mappings(op["parameters"]) {
			expand(q, op[sinceKey])
			for _, enum := range [][]any{listAt(at(q, "schema"), "enum"), listAt(at(q, "schema", "items"), "enum")} {
				for _, value := range enum {
					f.value(q, fmt.Sprint(value), full)
				}
			}
		}
		members := at(op, "requestBody", "content", "application/json", "schema", "properties")
		for name := range members {
			expand(at(members, name), op[sinceKey])
		}
	})
	for name := range f.schemas {
		schema := at(f.schemas, name)
		expand(schema, nil)
		for property := range at(schema, "properties") {
			expand(at(schema, "properties", property), schema[sinceKey])
		}
	}
	return failed
}

// value writes since when a parameter takes a value.
func (f *flattener) value(q mapping, value string, full func(any) []any) {
	if q[sinceKey] == nil {
		return
	}
	values := made(q, valueSinceKey)
	if values[value] == nil {
		values[value] = q[sinceKey]
	} else {
		values[value] = full(values[value])
	}
}

// ForGo returns the description that Go is generated from: the public one, flat, with the overlay of Go's own names and
// types. Unless strict, it also returns the overlay's targets that match nothing.
func ForGo(description, overlayYAML []byte, strict bool) (flat []byte, unmatched []string, err error) {
	if flat, err = Flatten(description); err != nil {
		return nil, nil, err
	}
	root, unmatched, err := overlaid(flat, overlayYAML, strict)
	if err != nil {
		return nil, nil, err
	}
	flat, err = write(root)
	return flat, unmatched, err
}
