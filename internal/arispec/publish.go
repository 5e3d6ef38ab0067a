package arispec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What the converter makes is flat: each model with all of its members, each enumeration where it is used, as Go's
// generator wants it. publish gives the description the form that the generators of most languages want, and Flatten
// takes it back.

// The schemas that publishing makes.
const (
	anyMessage   = "AnyMessage"
	errorSchema  = "Error"
	messageModel = "Message"
	eventModel   = "Event"
	bodySuffix   = "Body"
)

// The keys that say what a part is, where its place doesn't.
const (
	eventKey      = "x-ari-event"
	subTypesKey   = "x-ari-subtypes"
	enumKey       = "x-ari-enum"
	twinKey       = "x-ari-query-twin"
	valueSinceKey = "x-ari-value-since"
)

// timePattern is the form of ARI's time stamps.
const timePattern = `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}$`

// publish gives a flat description its public form, in place.
func publish(doc mapping, history *History, examples *Examples) error {
	p := &publisher{doc: doc, schemas: made(doc, "components", "schemas")}
	p.head(history)
	compactAll(doc, history)
	p.messages()
	eachOperation(doc, func(_, _ string, op mapping) { p.listBody(op) })
	if err := p.enums(); err != nil {
		return err
	}
	eachOperation(doc, func(_, _ string, op mapping) {
		p.body(op)
		p.errors(op)
	})
	p.wireRules()
	p.share()
	if err := examples.addTo(doc); err != nil {
		return err
	}
	if name := p.taken; name != "" {
		return fmt.Errorf("arispec: the spec has a model %s, which publishing makes too", name)
	}
	return nil
}

type publisher struct {
	doc     mapping
	schemas mapping
	taken   string // the name of a schema that was there already
}

// add adds a schema under a name that must be free.
func (p *publisher) add(name string, schema mapping) {
	if p.schemas[name] != nil {
		p.taken = name
	}
	p.schemas[name] = schema
}

func (p *publisher) head(history *History) {
	info := made(p.doc, "info")
	info["contact"] = mapping{"name": "ari-go", "url": "https://github.com/ari-go/ari"}
	if history != nil {
		info[branchesKey] = history.Branches()
	}
	p.doc["externalDocs"] = mapping{
		"description": "Asterisk's own documentation of ARI",
		"url":         "https://docs.asterisk.org/Configuration/Interfaces/Asterisk-REST-Interface-ARI/",
	}
	variable := func(value, description string) mapping { return mapping{"default": value, "description": description} }
	scheme := variable("http", "`https` where `http.conf` has TLS switched on.")
	scheme["enum"] = []any{"http", "https"}
	p.doc["servers"] = []any{
		mapping{"url": "http://localhost:8088/ari", "description": "Asterisk's own web server with its default port."},
		mapping{
			"url": "{scheme}://{host}:{port}/ari", "description": "Any Asterisk. A `prefix` of `http.conf` stands before `/ari`.",
			"variables": mapping{
				"scheme": scheme, "host": variable("localhost", "Where Asterisk runs."),
				"port": variable("8088", "`bindport` of `http.conf`; 8089 is usual with TLS."),
			},
		},
	}
}

// messages makes a discriminated union of what comes over the event websocket. Each message is Message and its own
// members, without a type of its own: that is what makes unions in TypeScript, and classes in Java and Python.
func (p *publisher) messages() {
	parent := at(p.schemas, messageModel)
	leaves := at(parent, "discriminator", "mapping")
	if leaves == nil {
		return
	}
	delete(p.schemas, eventModel)
	delete(parent, subTypesKey)
	shared, required := at(parent, "properties"), listAt(parent, "required")
	var union []any
	for _, name := range sortedKeys(leaves) {
		leaf := at(p.schemas, name)
		own := mapping{"type": "object"}
		properties := without(at(leaf, "properties"), sortedKeys(shared)...)
		if len(properties) > 0 {
			own["properties"] = properties
		}
		if list := slices.DeleteFunc(slices.Clone(listAt(leaf, "required")), func(v any) bool { return slices.Contains(required, v) }); len(list) > 0 {
			own["required"] = list
		}
		leaf = without(leaf, "type", "properties", "required")
		leaf["allOf"] = []any{refTo(messageModel), own}
		p.schemas[name] = leaf
		union = append(union, refTo(name))
	}
	p.add(anyMessage, mapping{
		"description": "Any message that Asterisk sends over the event websocket, told apart by `type`. A server that is newer, or has extra " +
			"modules, may send types that are not among them: a client should hand those on as they came, and not fail.",
		"oneOf":         union,
		"discriminator": mapping{"propertyName": "type", "mapping": maps.Clone(leaves)},
	})
	eachOperation(p.doc, func(_, _ string, op mapping) {
		if op["x-ari-websocket-message"] == messageModel {
			op["x-ari-websocket-message"] = anyMessage
			// Many generators leave out what no operation refers to.
			if response := at(op, "responses", "101"); response != nil {
				response["description"] = "The connection is a websocket from here on: each text frame from Asterisk is one message."
				response["content"] = mapping{"application/json": mapping{"schema": refTo(anyMessage)}}
			}
		}
	})
}

// listBody gives an operation with a list among its query parameters a body, since only there an item may hold a comma.
// A GET has none: most HTTP clients can't send it.
func (p *publisher) listBody(op mapping) {
	if op["requestBody"] != nil || op["x-ari-upgrade"] != nil {
		return
	}
	properties := mapping{}
	lists := false
	for _, q := range mappings(op["parameters"]) {
		if q["in"] != "query" {
			continue
		}
		lists = lists || q["style"] == "form"
		twin := clone(without(at(q, "schema"), "default")).(mapping)
		twin[twinKey] = true
		twin["description"] = "Same as the query parameter `" + textAt(q, "name") + "`, and wins over it."
		if q[sinceKey] != nil {
			twin[sinceKey] = q[sinceKey]
		}
		properties[textAt(q, "name")] = twin
	}
	if lists && !p.isGet(op) {
		op["requestBody"] = mapping{
			"description": "In place of the query: for list items that hold a comma, or that the request line has no room for.",
			"content":     mapping{"application/json": mapping{"schema": mapping{"type": "object", "properties": properties}}},
		}
	}
}

func (p *publisher) isGet(op mapping) bool {
	found := false
	eachOperation(p.doc, func(_, method string, other mapping) {
		found = found || method == "get" && other["operationId"] == op["operationId"]
	})
	return found
}

// body names the schema of an operation's body.
func (p *publisher) body(op mapping) {
	content := at(op, "requestBody", "content", "application/json")
	if content == nil {
		return
	}
	id := textAt(op, "operationId")
	name := upperFirst(id) + bodySuffix
	schema := at(content, "schema")
	schema["description"] = "Body of the operation `" + id + "`."
	p.add(name, schema)
	content["schema"] = refTo(name)
}

// errors gives the answers of failures their content.
func (p *publisher) errors(op mapping) {
	if p.schemas[errorSchema] == nil {
		p.add(errorSchema, mapping{
			"type": "object",
			"description": "A failure's reason, for people, in one of two members. Go by the status: the texts differ between versions. Where " +
				"Asterisk's web server itself refuses a request (for example 400 for a request line that is too long, 403 by its access " +
				"list, 413), the answer is an HTML page instead.",
			"properties": mapping{
				"message": mapping{"type": "string", "description": "The reason, in most failures."},
				"error":   mapping{"type": "string", "description": "The reason, in many with status 500."},
			},
		})
		made(p.doc, "components", "responses")["Failure"] = mapping{
			"description": textAt(at(op, "responses", "default"), "description"),
			"content":     mapping{"application/json": mapping{"schema": refTo(errorSchema)}},
		}
	}
	for status, response := range at(op, "responses") {
		switch response, ok := response.(mapping); {
		case !ok || status < "400":
		case status == "default":
			at(op, "responses")[status] = mapping{"$ref": "#/components/responses/Failure"}
		default:
			response["content"] = mapping{"application/json": mapping{"schema": refTo(errorSchema)}}
		}
	}
}

// enums names all enumerations, and refers to them where they are used.
func (p *publisher) enums() error {
	var conflict error
	name := func(schema mapping, fallback string) string {
		enum := at(schema, enumKey)
		name := textAt(enum, "name")
		if name == "" {
			name = fallback
		}
		text := textAt(enum, "description")
		if text == "" {
			text = "Values that Asterisk knows; a newer one may have others."
		}
		made := mapping{"type": "string", "enum": schema["enum"], "description": text}
		if have := at(p.schemas, name); have == nil {
			p.schemas[name] = made
		} else if !same(have["enum"], made["enum"]) {
			conflict = fmt.Errorf("arispec: the enumeration %s is a model, or has other values elsewhere", name)
		}
		return name
	}
	for _, model := range sortedKeys(p.schemas) {
		for _, properties := range ownProperties(at(p.schemas, model)) {
			for _, key := range sortedKeys(properties) {
				if s := at(properties, key); s["enum"] != nil {
					properties[key] = refer(s, name(s, model+OperationID("", key)))
				}
			}
		}
	}
	eachOperation(p.doc, func(_, _ string, op mapping) {
		members := at(op, "requestBody", "content", "application/json", "schema", "properties")
		for _, q := range mappings(op["parameters"]) {
			schema, fallback := at(q, "schema"), upperFirst(textAt(op, "operationId"))+OperationID("", textAt(q, "name"))
			twin := at(members, textAt(q, "name"))
			switch items := at(schema, "items"); {
			case schema["enum"] != nil:
				enum := name(schema, fallback)
				q["schema"] = refer(schema, enum)
				if twin != nil {
					members[textAt(q, "name")] = refer(twin, enum)
				}
			case items["enum"] != nil:
				enum := name(items, fallback)
				schema["items"] = refTo(enum)
				if twin != nil {
					twin["items"] = refTo(enum)
				}
			}
		}
	})
	return conflict
}

// refer puts a reference to a named enumeration into the place of its values.
func refer(schema mapping, enum string) mapping {
	rest := without(schema, "type", "enum", enumKey)
	if len(rest) == 0 {
		return refTo(enum)
	}
	// OpenAPI 3.0 ignores what stands beside a $ref.
	rest["allOf"] = []any{refTo(enum)}
	return rest
}

// ownProperties are the properties of a schema, wherever they stand in it.
func ownProperties(schema mapping) []mapping {
	var out []mapping
	for _, part := range append([]mapping{schema}, mappings(schema["allOf"])...) {
		if properties := at(part, "properties"); properties != nil {
			out = append(out, properties)
		}
	}
	return out
}

// wireRules tells how things are written where a generator or a reader sees it.
func (p *publisher) wireRules() {
	eachOperation(p.doc, func(_, _ string, op mapping) {
		for _, q := range mappings(op["parameters"]) {
			schema := at(q, "schema")
			switch {
			case q["in"] == "path":
				schema["minLength"] = 1
				schema["description"] = "One segment of the path, percent-encoded: `/` as %2F, `+` as %2B, which is a space else. Never empty."
			case q["style"] == "form":
				schema["description"] = "One parameter, its items joined by commas. An item can't hold a comma: send it in a JSON body."
				if op["requestBody"] == nil {
					schema["description"] = "One parameter, its items joined by commas. An item can't hold a comma; Asterisk would take it in a " +
						"JSON body, where few HTTP clients let a GET have one."
				}
			case schema["type"] == "boolean":
				schema["description"] = "`true`, `yes`, `y`, `t`, `1` and `on` are true; all else is false."
			}
		}
	})
	for _, name := range sortedKeys(p.schemas) {
		for _, properties := range ownProperties(at(p.schemas, name)) {
			for _, s := range properties {
				if s, ok := s.(mapping); ok && s["format"] == TimeFormat {
					s["pattern"] = timePattern
				}
			}
		}
	}
}

// share names path parameters that several operations have in common.
func (p *publisher) share() {
	type use struct {
		list []any
		i    int
	}
	uses := make(map[string][]use) // by name
	eachOperation(p.doc, func(_, _ string, op mapping) {
		list := listAt(op, "parameters")
		for i, q := range mappings(op["parameters"]) {
			if q["in"] == "path" {
				uses[textAt(q, "name")] = append(uses[textAt(q, "name")], use{list, i})
			}
		}
	})
	for _, name := range sortedKeys(uses) {
		var most []use
		for _, u := range uses[name] {
			alike := slices.DeleteFunc(slices.Clone(uses[name]), func(other use) bool { return !same(u.list[u.i], other.list[other.i]) })
			if len(alike) > len(most) {
				most = alike
			}
		}
		if len(most) < 2 {
			continue
		}
		key := upperFirst(name)
		made(p.doc, "components", "parameters")[key] = most[0].list[most[0].i]
		for _, u := range most {
			u.list[u.i] = mapping{"$ref": "#/components/parameters/" + key}
		}
	}
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// compactAll shortens since when each part exists, and leaves it out where it is since its owner does.
func compactAll(doc mapping, history *History) {
	if history == nil {
		return
	}
	shorten := func(m mapping, owner any) {
		if m[sinceKey] == nil {
			return
		}
		if same(m[sinceKey], owner) {
			delete(m, sinceKey)
			return
		}
		m[sinceKey] = compactSince(toSince(m[sinceKey]), history.Branches())
	}
	eachOperation(doc, func(_, _ string, op mapping) {
		own := op[sinceKey]
		for _, q := range mappings(op["parameters"]) {
			since := q[sinceKey]
			values := at(q, valueSinceKey)
			for value, list := range values {
				if same(list, since) {
					delete(values, value)
				} else {
					values[value] = compactSince(toSince(list), history.Branches())
				}
			}
			if len(values) == 0 {
				delete(q, valueSinceKey)
			}
			shorten(q, own)
		}
		for _, member := range at(op, "requestBody", "content", "application/json", "schema", "properties") {
			if member, ok := member.(mapping); ok {
				shorten(member, own)
			}
		}
		shorten(op, nil)
	})
	for _, s := range at(doc, "components", "schemas") {
		schema, _ := s.(mapping)
		own := schema[sinceKey]
		for _, property := range at(schema, "properties") {
			if property, ok := property.(mapping); ok {
				shorten(property, own)
			}
		}
		shorten(schema, nil)
	}
}

func toSince(list any) Since {
	var since Since
	items, _ := list.([]any)
	for _, item := range items {
		if v, err := ParseVersion(fmt.Sprint(item)); err == nil {
			since = append(since, v)
		}
	}
	return since
}
