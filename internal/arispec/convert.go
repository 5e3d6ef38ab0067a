package arispec

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// TimeFormat is the format name of ARI's time stamps in the description. They look like
// 2026-11-23T00:41:40.897+0000, which RFC 3339 (OpenAPI's date-time) doesn't allow.
const TimeFormat = "ari-date-time"

// Convert makes the OpenAPI 3.0.3 description of a spec, as YAML. The version is the Asterisk release
// that the spec was read from; the history, which may be nil, tells since when each part exists.
//
// The result holds facts only. Descriptions and corrections come from an overlay.
func Convert(spec *Spec, version Version, history *History) ([]byte, error) {
	c := &converter{spec: spec, history: history, models: spec.Models(), made: make(map[string]*schema)}
	doc := &document{
		OpenAPI: "3.0.3",
		Info: info{
			Title:      "Asterisk REST Interface",
			License:    license{"Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"},
			Version:    version.String(),
			APIVersion: spec.APIVersion,
		},
		Servers:  []server{{"http://localhost:8088/ari", "Asterisk's own web server with its default port."}},
		Security: []map[string][]string{{"basicAuth": {}}, {"apiKey": {}}},
		Paths:    make(map[string]pathItem),
		Components: components{
			SecuritySchemes: map[string]securityScheme{
				"basicAuth": {Type: "http", Scheme: "basic", Description: "A user of ari.conf with its password."},
				"apiKey":    {Type: "apiKey", In: "query", Name: "api_key", Description: "The user and the password, joined by a colon."},
			},
			Schemas: make(map[string]*schema),
		},
	}
	for _, r := range spec.Resources {
		doc.Tags = append(doc.Tags, tag{Name: r.Name, RequiresModules: r.RequiresModules})
		for _, api := range r.APIs {
			item := make(pathItem)
			for _, op := range api.Operations {
				converted, err := c.operation(r, api, op)
				if err != nil {
					return nil, fmt.Errorf("arispec: %s.json: %s %s: %w", r.Name, op.Method, api.Path, err)
				}
				item[strings.ToLower(op.Method)] = converted
			}
			doc.Paths[api.Path] = item
		}
		for _, m := range r.Models {
			doc.Components.Schemas[m.ID] = c.model(m)
		}
	}
	for name, made := range c.made {
		if _, ok := c.models[name]; ok {
			return nil, fmt.Errorf("arispec: the spec has a model %s, which the converter makes too", name)
		}
		doc.Components.Schemas[name] = made
	}

	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("arispec: %w", err)
	}
	return b.Bytes(), nil
}

type converter struct {
	spec    *Spec
	history *History
	models  map[string]*Model
	made    map[string]*schema // schemas that the spec has in prose only, as far as something refers to them
}

// entityKinds are the models that stand for something that lives in Asterisk and has a name of its own.
var entityKinds = map[Type]string{
	"Channel":       "channel",
	"Bridge":        "bridge",
	"Playback":      "playback",
	"LiveRecording": "recording",
	"Endpoint":      "endpoint",
	"DeviceState":   "deviceState",
}

func (c *converter) since(feature string) []string { return c.history.Since(feature).Strings() }

func (c *converter) operation(r *Resource, api *API, op *Operation) (*operation, error) {
	out := &operation{
		OperationID: OperationID(r.Name, op.Nickname),
		Tags:        []string{r.Name},
		Nickname:    op.Nickname,
		Since:       c.since(featureOp(op.Method, api.Path)),
		Upgrade:     op.Upgrade,
		Protocol:    op.WebsocketProtocol,
		Responses:   make(map[string]*response),
	}
	var body *Parameter
	for _, p := range op.Parameters {
		if p.In != "body" {
			out.Parameters = append(out.Parameters, c.parameter(api, op, p))
			continue
		}
		if body != nil {
			return nil, fmt.Errorf("two body parameters, %q and %q", body.Name, p.Name)
		}
		body = p
	}
	if body != nil {
		if slices.ContainsFunc(op.Parameters, func(p *Parameter) bool { return p.In == "query" && p.Name == body.Name }) {
			return nil, fmt.Errorf("%q is a query parameter and the body's name", body.Name)
		}
		out.RequestBody = c.requestBody(r, api, op, body)
	}
	c.responses(r, op, out)
	return out, nil
}

func (c *converter) parameter(api *API, op *Operation, p *Parameter) *parameter {
	out := &parameter{
		Name:     p.Name,
		In:       p.In,
		Required: p.Required,
		Since:    c.since(featureParam(op.Method, api.Path, p.In, p.Name)),
		Schema:   parameterSchema(p),
	}
	for _, v := range p.Values {
		if since := c.since(featureParamValue(op.Method, api.Path, p.In, p.Name, v)); len(since) > 0 {
			if out.ValueSince == nil {
				out.ValueSince = make(valueSince)
			}
			out.ValueSince[v] = since
		}
	}
	if p.Multiple {
		// Asterisk keeps only the last of repeated keys; a list is one parameter, joined by commas.
		explode := false
		out.Style, out.Explode = "form", &explode
	}
	return out
}

func parameterSchema(p *Parameter) *schema {
	s := primitive(p.Type)
	s.Minimum, s.Maximum = p.Min, p.Max
	if p.Multiple {
		s.Enum = p.Values
		return &schema{Type: "array", Items: s, Default: listDefault(p.Default)}
	}
	s.Enum, s.Default = p.Values, defaultValue(p)
	return s
}

func listDefault(v any) any {
	if v == nil {
		return nil
	}
	return []any{v}
}

// defaultValue turns the whole numbers of JSON into integers, so that they are written as such.
func defaultValue(p *Parameter) any {
	if n, ok := p.Default.(float64); ok && p.Type != "double" {
		return int64(n)
	}
	return p.Default
}

func primitive(t Type) *schema {
	switch t {
	case "string":
		return &schema{Type: "string"}
	case "int":
		// No format: some, such as an SSRC, need 32 bits without a sign.
		return &schema{Type: "integer"}
	case "long":
		return &schema{Type: "integer", Format: "int64"}
	case "double":
		return &schema{Type: "number", Format: "double"}
	case "boolean":
		return &schema{Type: "boolean"}
	case "Date":
		return &schema{Type: "string", Format: TimeFormat}
	case "object":
		return &schema{Type: "object", Additional: &additional{}}
	default:
		return nil
	}
}

// typeSchema is the schema of a response or a property.
func (c *converter) typeSchema(t Type) *schema {
	if elem, ok := t.Elem(); ok {
		return &schema{Type: "array", Items: c.typeSchema(elem)}
	}
	if _, ok := c.models[string(t)]; ok {
		return &schema{Ref: "#/components/schemas/" + string(t)}
	}
	return primitive(t)
}

func (c *converter) responses(r *Resource, op *Operation, out *operation) {
	for _, code := range op.ErrorCodes {
		out.Responses[strconv.Itoa(code)] = &response{Description: errorText(code)}
	}
	out.Responses["default"] = &response{
		Description: "Any other failure, such as 401 for wrong credentials, 403 for a read-only user, or 503 while Asterisk starts.",
	}
	if op.Upgrade != "" {
		out.Responses["101"] = &response{Description: "The connection is a websocket from here on."}
		out.Message = string(op.ResponseClass)
		return
	}
	switch op.ResponseClass {
	case "void":
		for _, code := range voidCodes(r, op) {
			out.Responses[code] = &response{Description: "Done, without a body."}
		}
	case "binary":
		out.Responses["200"] = &response{
			Description: "The file's content. Its Content-Type names the format, such as audio/wav.",
			Content:     map[string]media{"application/octet-stream": {Schema: &schema{Type: "string", Format: "binary"}}},
		}
	default:
		res := &response{
			Description: "Done.",
			Content:     map[string]media{"application/json": {Schema: c.typeSchema(op.ResponseClass)}},
		}
		if !createsWithLocation(op) {
			out.Responses["200"] = res
			return
		}
		res.Headers = map[string]*header{"Location": {
			Description: "Path of the new object. It lacks a prefix set in http.conf, and not every id in it is encoded: use the body's id instead.",
			Schema:      &schema{Type: "string"},
		}}
		out.Responses["201"] = res
	}
}

// The spec doesn't say with which status an operation succeeds. These are what Asterisk's own code sends.

func voidCodes(r *Resource, op *Operation) []string {
	switch {
	case r.Name == "endpoints":
		return []string{"202"} // messages and referrals are only taken in
	case r.Name == "asterisk" && op.Nickname == "reloadModule":
		return []string{"202", "204"} // 202: the reload was queued
	default:
		return []string{"204"}
	}
}

func createsWithLocation(op *Operation) bool {
	return op.ResponseClass == "Playback" && strings.HasPrefix(op.Nickname, "play") ||
		op.ResponseClass == "LiveRecording" && op.Nickname == "record"
}

func errorText(code int) string {
	switch code {
	case 400:
		return "A parameter is missing or invalid."
	case 401:
		return "The credentials are wrong or missing."
	case 403:
		return "Not permitted."
	case 404:
		return "No such object."
	case 409:
		return "The object isn't in a state or place that allows this, or the id is taken."
	case 412:
		return "The channel is in the wrong state."
	case 422:
		return "The request is well-formed but can't be carried out."
	case 500:
		return "Asterisk failed."
	case 501:
		return "This Asterisk can't do it."
	default:
		return "Failed with status " + strconv.Itoa(code) + "."
	}
}

func (c *converter) model(m *Model) *schema {
	out := &schema{
		Type:       "object",
		Since:      c.since(featureModel(m.ID)),
		SubTypes:   m.SubTypes,
		Properties: make(map[string]*schema),
	}
	// Children don't repeat what their parents declare, so it is copied.
	for _, owner := range append([]*Model{m}, c.spec.Parents(m.ID)...) {
		out.Event = out.Event || owner != m && owner.ID == "Event"
		for _, p := range owner.Properties {
			if _, ok := out.Properties[p.Name]; ok {
				continue
			}
			property := c.property(owner, p)
			if owner != m && !c.later(property.Since, out.Since) {
				property.Since = nil // the parent has it since before there was a child
			}
			out.Properties[p.Name] = property
			if p.Required {
				out.Required = append(out.Required, p.Name)
			}
		}
	}
	slices.Sort(out.Required)
	if m.Discriminator != "" {
		out.Discriminator = &discriminator{PropertyName: m.Discriminator, Mapping: c.leaves(m)}
	}
	if out.Event {
		out.Entities = c.entities(m)
	}
	return out
}

// later reports whether some branch had the owner before it had the part.
func (c *converter) later(part, owner []string) bool {
	partSince, ownerSince := versions(part), versions(owner)
	for _, v := range ownerSince {
		i := slices.IndexFunc(partSince, func(w Version) bool { return w.Major == v.Major })
		if i < 0 || partSince[i].Compare(v) > 0 {
			return true
		}
	}
	return false
}

func versions(texts []string) Since {
	var since Since
	for _, text := range texts {
		if v, err := ParseVersion(text); err == nil {
			since = append(since, v)
		}
	}
	return since
}

// leaves maps the names of all models below m that have no subtypes to their schemas.
func (c *converter) leaves(m *Model) map[string]string {
	out := make(map[string]string)
	for _, sub := range m.SubTypes {
		if child := c.models[sub]; len(child.SubTypes) > 0 {
			maps.Copy(out, c.leaves(child))
			continue
		}
		out[sub] = "#/components/schemas/" + sub
	}
	return out
}

// entities lists the members of an event that name something that lives in Asterisk, the one that the event is about
// first. Those of a member that is a model of another kind count too: they are listed as "member.inner".
func (c *converter) entities(m *Model) []entity {
	type candidate struct {
		entity
		rank int
	}
	order := []string{"channel", "bridge", "playback", "recording", "endpoint", "deviceState"}
	var found []candidate
	add := func(field string, p *Property, required bool) bool {
		kind, ok := entityKinds[p.Type]
		if ok {
			rank := 2 * slices.Index(order, kind)
			if !required {
				rank++ // of two channels, the one that is always there
			}
			found = append(found, candidate{entity{field, kind}, rank})
		}
		return ok
	}
	for _, p := range m.Properties {
		if add(p.Name, p, p.Required) || c.models[string(p.Type)] == nil {
			continue
		}
		for _, inner := range c.models[string(p.Type)].Properties {
			add(p.Name+"."+inner.Name, inner, p.Required && inner.Required)
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.rank - b.rank })
	var out []entity
	for _, f := range found {
		out = append(out, f.entity)
	}
	return out
}

func (c *converter) property(owner *Model, p *Property) *schema {
	s := c.typeSchema(p.Type)
	if s.Ref != "" {
		// OpenAPI 3.0 ignores what stands beside a $ref, and the description must stand somewhere.
		s = &schema{AllOf: []*schema{s}}
	}
	s.Enum = p.Values
	s.Since = c.since(featureProp(owner.ID, p.Name))
	if known, ok := objectProperties[owner.ID+"."+p.Name]; ok && p.Type == "object" {
		s.Additional = &additional{known}
	}
	if p.Type == "List[object]" && owner.ID == "Application" {
		s.Items = c.ref(eventTypeName)
	}
	return s
}

// objectProperties gives the values of those "object" properties that are maps of text on the wire.
var objectProperties = map[string]*schema{
	"Channel.channelvars":   {Type: "string"},
	"Bridge.bridgevars":     {Type: "string"},
	"TextMessage.variables": {Type: "string"},
	"Variables.variables":   {Type: "string"},
}
