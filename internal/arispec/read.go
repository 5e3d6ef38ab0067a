package arispec

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Notice tells of something odd in a spec file that was read all the same.
type Notice struct {
	Where string
	Text  string
}

func (n Notice) String() string { return n.Where + ": " + n.Text }

// Listing is the name of the file that lists the others.
const Listing = "resources.json"

// Read reads resources.json and every declaration that it lists. It understands Asterisk's original
// files and those that Write makes. Anything that it doesn't know is an error that names file, path and key.
func Read(fsys fs.FS) (*Spec, []Notice, error) {
	var notices []Notice
	raw, err := fs.ReadFile(fsys, Listing)
	if err != nil {
		return nil, nil, fmt.Errorf("arispec: %w", err)
	}
	spec, names, err := readListing(raw, &notices)
	if err != nil {
		return nil, nil, fmt.Errorf("arispec: %w", err)
	}
	for _, name := range names {
		raw, err := fs.ReadFile(fsys, name+".json")
		if err != nil {
			return nil, nil, fmt.Errorf("arispec: %s lists it: %w", Listing, err)
		}
		r, err := readResource(name, raw, &notices)
		if err != nil {
			return nil, nil, fmt.Errorf("arispec: %w", err)
		}
		spec.Resources = append(spec.Resources, r)
	}
	slices.SortFunc(spec.Resources, func(a, b *Resource) int { return strings.Compare(a.Name, b.Name) })
	if err := spec.check(); err != nil {
		return nil, nil, fmt.Errorf("arispec: %w", err)
	}
	return spec, notices, nil
}

// ResourceNames returns the names of the declarations that a resources.json lists.
func ResourceNames(listing []byte) ([]string, error) {
	var notices []Notice
	_, names, err := readListing(listing, &notices)
	if err != nil {
		return nil, fmt.Errorf("arispec: %w", err)
	}
	return names, nil
}

func readListing(raw []byte, notices *[]Notice) (*Spec, []string, error) {
	o, err := parseObject(where{file: Listing}, raw, notices)
	if err != nil {
		return nil, nil, err
	}
	o.unspell("apiVersion", "swaggerVersion", "basePath", "apis")
	o.prose("basePath")
	spec := &Spec{APIVersion: o.text("apiVersion"), SwaggerVersion: o.text("swaggerVersion")}
	var names []string
	for i, raw := range o.list("apis") {
		a, err := parseObject(o.key("apis").index(i), raw, notices)
		if err != nil {
			return nil, nil, err
		}
		a.unspell("path", "description")
		a.prose("description")
		path := a.text("path")
		if err := a.done(); err != nil {
			return nil, nil, err
		}
		name, ok := resourceName(path)
		if !ok {
			return nil, nil, a.key("path").errorf("%q isn't of the form /api-docs/NAME.{format}", path)
		}
		if slices.Contains(names, name) {
			return nil, nil, a.key("path").errorf("%q is listed twice", path)
		}
		names = append(names, name)
	}
	if err := o.done(); err != nil {
		return nil, nil, err
	}
	if len(names) == 0 {
		return nil, nil, o.errorf("lists no resource")
	}
	return spec, names, nil
}

// resourceName takes NAME out of /api-docs/NAME.{format}. The name becomes a file's name, so it may
// hold nothing but letters and digits.
func resourceName(path string) (string, bool) {
	name, ok := strings.CutPrefix(path, "/api-docs/")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, ".{format}")
	if !ok || name == "" {
		return "", false
	}
	return name, isName(name) && name != "resources"
}

// isName reports whether s is a word that can become part of a Go identifier.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

func readResource(name string, raw []byte, notices *[]Notice) (*Resource, error) {
	o, err := parseObject(where{file: name + ".json"}, raw, notices)
	if err != nil {
		return nil, err
	}
	o.unspell("apiVersion", "swaggerVersion", "basePath", "resourcePath", "requiresModules", "since", "apis", "models")
	o.prose("basePath")
	r := &Resource{
		Name:            name,
		APIVersion:      o.text("apiVersion"),
		SwaggerVersion:  o.text("swaggerVersion"),
		ResourcePath:    o.text("resourcePath"),
		RequiresModules: o.strings("requiresModules"),
		Since:           o.strings("since"),
	}
	for i, raw := range o.list("apis") {
		api, err := readAPI(o.key("apis").index(i), raw, notices)
		if err != nil {
			return nil, err
		}
		if j := slices.IndexFunc(r.APIs, func(a *API) bool { return a.Path == api.Path }); j >= 0 {
			return nil, o.key("apis").index(i).errorf("path %q occurs twice", api.Path)
		}
		r.APIs = append(r.APIs, api)
	}
	if raw, ok := o.get("models"); ok {
		models, err := parseObject(o.key("models"), raw, notices)
		if err != nil {
			return nil, err
		}
		for _, m := range models.members {
			model, err := readModel(models.key(m.key), m.key, m.value, notices)
			if err != nil {
				return nil, err
			}
			r.Models = append(r.Models, model)
		}
	}
	if err := o.done(); err != nil {
		return nil, err
	}
	slices.SortFunc(r.APIs, func(a, b *API) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(r.Models, func(a, b *Model) int { return strings.Compare(a.ID, b.ID) })
	return r, nil
}

func readAPI(at where, raw json.RawMessage, notices *[]Notice) (*API, error) {
	o, err := parseObject(at, raw, notices)
	if err != nil {
		return nil, err
	}
	o.unspell("path", "description", "operations")
	o.prose("description")
	api := &API{Path: o.text("path")}
	if o.err == nil && !strings.HasPrefix(api.Path, "/") {
		o.fail("path", fmt.Errorf("%q doesn't begin with a slash", api.Path))
	}
	for i, raw := range o.list("operations") {
		op, err := readOperation(o.key("operations").index(i), api.Path, raw, notices)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(api.Operations, func(other *Operation) bool { return other.Method == op.Method }) {
			return nil, o.key("operations").index(i).errorf("%s %s occurs twice", op.Method, api.Path)
		}
		api.Operations = append(api.Operations, op)
	}
	if err := o.done(); err != nil {
		return nil, err
	}
	slices.SortFunc(api.Operations, func(a, b *Operation) int { return strings.Compare(a.Method, b.Method) })
	return api, nil
}

var methods = []string{"DELETE", "GET", "POST", "PUT"}

func readOperation(at where, path string, raw json.RawMessage, notices *[]Notice) (*Operation, error) {
	o, err := parseObject(at, raw, notices)
	if err != nil {
		return nil, err
	}
	o.unspell("httpMethod", "nickname", "summary", "notes", "responseClass", "parameters", "errorResponses", "since", "upgrade", "websocketProtocol")
	o.prose("summary", "notes")
	op := &Operation{
		Method:            o.text("httpMethod"),
		Nickname:          o.text("nickname"),
		Since:             o.strings("since"),
		Upgrade:           o.optional("upgrade"),
		WebsocketProtocol: o.optional("websocketProtocol"),
		ResponseClass:     Type(o.text("responseClass")),
	}
	switch {
	case o.err != nil:
	case !slices.Contains(methods, op.Method):
		o.fail("httpMethod", fmt.Errorf("unknown method %q", op.Method))
	case !isName(op.Nickname):
		o.fail("nickname", fmt.Errorf("%q can't become part of an identifier", op.Nickname))
	case op.Upgrade != "" && op.Upgrade != "websocket":
		o.fail("upgrade", fmt.Errorf("unknown protocol %q", op.Upgrade))
	}
	for i, raw := range o.list("parameters") {
		p, err := readParameter(o.key("parameters").index(i), raw, notices)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(op.Parameters, func(other *Parameter) bool { return other.Name == p.Name && other.In == p.In }) {
			return nil, o.key("parameters").index(i).errorf("%s parameter %q occurs twice", p.In, p.Name)
		}
		op.Parameters = append(op.Parameters, p)
	}
	for i, raw := range o.list("errorResponses") {
		code, err := readErrorCode(o.key("errorResponses").index(i), raw, notices)
		if err != nil {
			return nil, err
		}
		// Some operations declare one code several times, with a reason each.
		if !slices.Contains(op.ErrorCodes, code) {
			op.ErrorCodes = append(op.ErrorCodes, code)
		}
	}
	slices.Sort(op.ErrorCodes)
	if err := o.done(); err != nil {
		return nil, err
	}
	return op, checkPathParameters(at, path, op)
}

// checkPathParameters makes sure that the path's braces and the path parameters name the same things.
func checkPathParameters(at where, path string, op *Operation) error {
	names, err := placeholders(path)
	if err != nil {
		return at.errorf("path %q: %w", path, err)
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return at.errorf("path %q has {%s} twice", path, name)
		}
		if !slices.ContainsFunc(op.Parameters, func(p *Parameter) bool { return p.In == "path" && p.Name == name }) {
			return at.errorf("path %q has {%s}, but %s has no such path parameter", path, name, op.Nickname)
		}
	}
	for _, p := range op.Parameters {
		if p.In == "path" && !slices.Contains(names, p.Name) {
			return at.errorf("path parameter %q of %s has no placeholder in %q", p.Name, op.Nickname, path)
		}
	}
	return nil
}

func readErrorCode(at where, raw json.RawMessage, notices *[]Notice) (int, error) {
	o, err := parseObject(at, raw, notices)
	if err != nil {
		return 0, err
	}
	o.unspell("code", "reason")
	o.prose("reason")
	code := 0
	value, ok := o.get("code")
	switch {
	case !ok:
		o.missing("code")
	case json.Unmarshal(value, &code) == nil:
	default:
		s, _ := decode[string](o, "code", "a number")
		code, err = strconv.Atoi(s)
		if err != nil {
			o.fail("code", fmt.Errorf("want a number, have %s", describe(value)))
		} else {
			o.notice("code %q is a string", s)
		}
	}
	if o.err == nil && (code < 400 || code > 599) {
		o.fail("code", fmt.Errorf("%d isn't an error status", code))
	}
	return code, o.done()
}

func readParameter(at where, raw json.RawMessage, notices *[]Notice) (*Parameter, error) {
	o, err := parseObject(at, raw, notices)
	if err != nil {
		return nil, err
	}
	o.unspell("name", "description", "paramType", "dataType", "required", "allowMultiple", "defaultValue", "allowableValues")
	o.prose("description")
	p := &Parameter{
		Name:     o.text("name"),
		In:       o.text("paramType"),
		Type:     Type(o.text("dataType")),
		Required: o.boolean("required"),
		Multiple: o.boolean("allowMultiple"),
	}
	if raw, ok := o.get("defaultValue"); ok {
		p.Default = readDefault(o, raw)
	}
	if raw, ok := o.get("allowableValues"); ok {
		p.Values, p.Min, p.Max, err = readAllowable(o.key("allowableValues"), raw, notices)
		if err != nil {
			return nil, err
		}
	}
	if o.err != nil {
		return nil, o.err
	}
	switch p.In {
	case "path":
		// Asterisk leaves "required" out on some; a path without its parts is another path.
		p.Required = true
		if p.Type != "string" || p.Multiple {
			return nil, o.key("dataType").errorf("path parameter %q is not a plain string", p.Name)
		}
	case "query":
		if !parameterTypes[p.Type] {
			return nil, o.key("dataType").errorf("unknown type %q of query parameter %q", p.Type, p.Name)
		}
	case "body":
		if !bodyTypes[p.Type] {
			return nil, o.key("dataType").errorf("unknown type %q of body parameter %q", p.Type, p.Name)
		}
	default:
		return nil, o.key("paramType").errorf("unknown place %q of parameter %q", p.In, p.Name)
	}
	if !isName(p.Name) {
		return nil, o.key("name").errorf("%q can't become an identifier", p.Name)
	}
	if err := checkValues(p); err != nil {
		return nil, o.key("allowableValues").errorf("%w", err)
	}
	if err := checkDefault(p); err != nil {
		return nil, o.key("defaultValue").errorf("%w", err)
	}
	return p, o.done()
}

func readDefault(o *object, raw json.RawMessage) any {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		o.fail("defaultValue", err)
		return nil
	}
	switch v.(type) {
	case string, float64, bool:
		return v
	default:
		o.fail("defaultValue", fmt.Errorf("want a string, a number, true or false, have %s", describe(raw)))
		return nil
	}
}

// checkValues makes sure that a list of values is of text, and a range of numbers.
func checkValues(p *Parameter) error {
	number := p.Type == "int" || p.Type == "long" || p.Type == "double"
	switch {
	case p.Values != nil && p.Type != "string":
		return fmt.Errorf("a list of values for the type %q of parameter %q is not understood", p.Type, p.Name)
	case (p.Min != nil || p.Max != nil) && !number:
		return fmt.Errorf("a range for the type %q of parameter %q is not understood", p.Type, p.Name)
	case p.Min != nil && p.Max != nil && *p.Min > *p.Max:
		return fmt.Errorf("the range from %v to %v of parameter %q is empty", *p.Min, *p.Max, p.Name)
	default:
		return nil
	}
}

// checkDefault makes sure that the default is of the parameter's type and among its values, so that
// what is generated from it is right too.
func checkDefault(p *Parameter) error {
	if p.Default == nil {
		return nil
	}
	ok := false
	switch p.Type {
	case "string":
		var text string
		text, ok = p.Default.(string)
		if ok && p.Values != nil && !slices.Contains(p.Values, text) {
			return fmt.Errorf("%q is none of the values of parameter %q", text, p.Name)
		}
	case "int", "long":
		var n float64
		n, ok = p.Default.(float64)
		ok = ok && n == math.Trunc(n) && math.Abs(n) < 1<<53
	case "double":
		_, ok = p.Default.(float64)
	case "boolean":
		_, ok = p.Default.(bool)
	}
	if !ok {
		return fmt.Errorf("%v isn't a default of the type %q of parameter %q", p.Default, p.Type, p.Name)
	}
	if n, ok := p.Default.(float64); ok && (p.Min != nil && n < *p.Min || p.Max != nil && n > *p.Max) {
		return fmt.Errorf("%v is outside the range of parameter %q", n, p.Name)
	}
	return nil
}

func readAllowable(at where, raw json.RawMessage, notices *[]Notice) (values []string, low, high *float64, err error) {
	o, err := parseObject(at, raw, notices)
	if err != nil {
		return nil, nil, nil, err
	}
	o.unspell("valueType", "values", "min", "max")
	switch kind := o.text("valueType"); kind {
	case "LIST":
		values = o.strings("values")
		if o.err == nil && len(values) == 0 {
			o.fail("values", errors.New("is empty"))
		}
		for i, v := range values {
			if slices.Contains(values[:i], v) {
				o.fail("values", fmt.Errorf("%q occurs twice", v))
			}
		}
	case "RANGE":
		low, high = o.number("min"), o.number("max")
	default:
		if o.err == nil {
			o.fail("valueType", fmt.Errorf("unknown kind %q", kind))
		}
	}
	return values, low, high, o.done()
}

func readModel(at where, key string, raw json.RawMessage, notices *[]Notice) (*Model, error) {
	o, err := parseObject(at, raw, notices)
	if err != nil {
		return nil, err
	}
	o.unspell("id", "description", "properties", "discriminator", "subTypes")
	o.prose("description")
	m := &Model{ID: o.text("id"), Discriminator: o.optional("discriminator"), SubTypes: o.strings("subTypes")}
	if o.err == nil && m.ID != key {
		o.fail("id", fmt.Errorf("%q differs from its key %q", m.ID, key))
	}
	if o.err == nil && !isName(m.ID) {
		o.fail("id", fmt.Errorf("%q can't become an identifier", m.ID))
	}
	slices.Sort(m.SubTypes)
	if raw, ok := o.get("properties"); ok {
		props, err := parseObject(o.key("properties"), raw, notices)
		if err != nil {
			return nil, err
		}
		for _, member := range props.members {
			p, err := readProperty(props.key(member.key), member.key, member.value, notices)
			if err != nil {
				return nil, err
			}
			m.Properties = append(m.Properties, p)
		}
	} else {
		o.missing("properties")
	}
	slices.SortFunc(m.Properties, func(a, b *Property) int { return strings.Compare(a.Name, b.Name) })
	return m, o.done()
}

func readProperty(at where, name string, raw json.RawMessage, notices *[]Notice) (*Property, error) {
	o, err := parseObject(at, raw, notices)
	if err != nil {
		return nil, err
	}
	o.unspell("type", "description", "required", "allowableValues")
	o.prose("description")
	p := &Property{Name: name, Type: Type(o.text("type")), Required: o.boolean("required")}
	if raw, ok := o.get("allowableValues"); ok {
		values, low, high, err := readAllowable(o.key("allowableValues"), raw, notices)
		if err != nil {
			return nil, err
		}
		if low != nil || high != nil {
			return nil, o.key("allowableValues").errorf("a range on a property is not understood")
		}
		p.Values = values
	}
	if o.err == nil && !isName(name) {
		return nil, at.errorf("%q can't become an identifier", name)
	}
	return p, o.done()
}
