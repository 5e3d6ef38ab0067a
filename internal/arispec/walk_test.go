package arispec

import (
	"bytes"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// repo is the path of the repository's root from this package.
const repo = "../.."

func importFolder(t testing.TB, name string) *Imported {
	t.Helper()
	imported, err := Import(t.Context(), Location{From: filepath.Join(repo, "spec", name)})
	if err != nil {
		t.Fatal(err)
	}
	return imported
}

// importedFolders are the names of the imported specs, the oldest first.
func importedFolders(t testing.TB) []string {
	t.Helper()
	folders, err := Folders(filepath.Join(repo, "spec"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range folders {
		names = append(names, filepath.Base(f.Path))
	}
	return names
}

// importNewest imports the spec that the repository's code is generated from.
func importNewest(t testing.TB) *Imported {
	t.Helper()
	names := importedFolders(t)
	return importFolder(t, names[len(names)-1])
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repo, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func readHistory(t testing.TB) *History {
	t.Helper()
	history, err := ParseHistory(readFile(t, "spec/history.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	return history
}

func loadDoc(t testing.TB, description []byte) *openapi3.T {
	t.Helper()
	doc, err := load(context.Background(), description)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func convertFolder(t testing.TB, name string) *openapi3.T {
	t.Helper()
	imported := importFolder(t, name)
	description, err := Convert(imported.Spec, imported.Source.Version, readHistory(t))
	if err != nil {
		t.Fatal(err)
	}
	return loadDoc(t, description)
}

// Nothing of a spec may be missing from its description.
func TestDescriptionIsComplete(t *testing.T) {
	counted := map[string]Count{ // in Asterisk's own files
		"22.10.1": {Operations: 109, Parameters: 275, Models: 85, Properties: 291, Events: 45},
		"16.28.0": {Operations: 98, Parameters: 235, Models: 70, Properties: 245, Events: 38},
	}
	for _, name := range importedFolders(t) {
		t.Run(name, func(t *testing.T) {
			imported := importFolder(t, name)
			spec := imported.Spec
			want := spec.Count()
			if known, ok := counted[imported.Source.Version.String()]; ok && want != known {
				t.Errorf("the spec has %+v, want %+v", want, known)
			}
			w := &walker{T: t, doc: convertFolder(t, name), exact: true}
			w.walk(spec)
			if w.seen != want {
				t.Errorf("the description has %+v, want %+v", w.seen, want)
			}
		})
	}
	t.Run("api/openapi.yaml", func(t *testing.T) {
		spec := importNewest(t).Spec
		w := &walker{T: t, doc: loadDoc(t, flat(t))}
		w.walk(spec)
		if w.seen != spec.Count() {
			t.Errorf("the description has %+v, want %+v", w.seen, spec.Count())
		}
	})
}

// walker looks for every part of a spec in a description.
type walker struct {
	*testing.T
	doc   *openapi3.T
	exact bool // without the overlay's corrections
	seen  Count
}

func (w *walker) walk(spec *Spec) {
	operations := 0
	for _, item := range w.doc.Paths.Map() {
		operations += len(item.Operations())
	}
	w.seen.Operations = operations
	for _, r := range spec.Resources {
		for _, api := range r.APIs {
			item := w.doc.Paths.Value(api.Path)
			if item == nil {
				w.Errorf("no path %s", api.Path)
				continue
			}
			for _, op := range api.Operations {
				converted := item.GetOperation(op.Method)
				if converted == nil {
					w.Errorf("no operation %s %s", op.Method, api.Path)
					continue
				}
				w.operation(r, op, converted)
			}
		}
		for _, m := range r.Models {
			w.model(spec, m)
		}
	}
}

func (w *walker) operation(r *Resource, op *Operation, have *openapi3.Operation) {
	at := have.OperationID
	if at != OperationID(r.Name, op.Nickname) || have.Extensions["x-ari-nickname"] != op.Nickname || !slices.Equal(have.Tags, []string{r.Name}) {
		w.Errorf("%s: not the operation of %s, %s", at, r.Name, op.Nickname)
	}
	for _, code := range op.ErrorCodes {
		if have.Responses.Status(code) == nil {
			w.Errorf("%s: no response %d", at, code)
		}
	}
	w.response(op, have)
	for _, p := range op.Parameters {
		w.seen.Parameters++
		if p.In == "body" {
			w.body(at, p, have)
			continue
		}
		param := have.Parameters.GetByInAndName(p.In, p.Name)
		if param == nil {
			w.Errorf("%s: no %s parameter %s", at, p.In, p.Name)
			continue
		}
		if p.Required && !param.Required || w.exact && param.Required && !p.Required {
			w.Errorf("%s: required of %s is %v", at, p.Name, param.Required)
		}
		schema := param.Schema.Value
		if p.Multiple {
			if !schema.Type.Is("array") || param.Style != "form" || param.Explode == nil || *param.Explode {
				w.Errorf("%s: %s isn't a list joined by commas", at, p.Name)
				continue
			}
			schema = schema.Items.Value
		}
		w.primitive(at+"."+p.Name, p.Type, schema)
		w.values(at+"."+p.Name, p.Values, schema)
		if !reflect.DeepEqual(schema.Min, p.Min) || !reflect.DeepEqual(schema.Max, p.Max) {
			w.Errorf("%s: range of %s is lost", at, p.Name)
		}
		if w.exact && p.Default != nil && schema.Default != p.Default && !p.Multiple {
			w.Errorf("%s: default of %s is %v, want %v", at, p.Name, schema.Default, p.Default)
		}
	}
}

func (w *walker) response(op *Operation, have *openapi3.Operation) {
	codes := map[Type][]int{"void": {204, 202}, "binary": {200}}[op.ResponseClass]
	switch {
	case op.Upgrade != "":
		codes = []int{101}
	case codes == nil:
		codes = []int{200, 201}
	}
	i := slices.IndexFunc(codes, func(code int) bool { return have.Responses.Status(code) != nil })
	if i < 0 {
		w.Errorf("%s: no response among %v", have.OperationID, codes)
		return
	}
	content := have.Responses.Status(codes[i]).Value.Content
	switch {
	case op.Upgrade != "" || op.ResponseClass == "void":
		if len(content) > 0 {
			w.Errorf("%s: has a body", have.OperationID)
		}
	case op.ResponseClass == "binary":
		if content.Get("application/octet-stream") == nil {
			w.Errorf("%s: isn't binary", have.OperationID)
		}
	default:
		w.typed(have.OperationID, op.ResponseClass, content.Get("application/json").Schema)
	}
}

func (w *walker) body(at string, p *Parameter, have *openapi3.Operation) {
	if have.RequestBody == nil || have.RequestBody.Value.Required != p.Required {
		w.Errorf("%s: body is missing or differs in being required", at)
		return
	}
	for _, member := range have.RequestBody.Value.Content.Get("application/json").Schema.Value.Properties {
		if member.Value.Extensions["x-ari-body-parameter"] == p.Name {
			return
		}
	}
	w.Errorf("%s: nothing in the body stands for %s", at, p.Name)
}

func (w *walker) model(spec *Spec, m *Model) {
	ref := w.doc.Components.Schemas[m.ID]
	if ref == nil {
		w.Errorf("no model %s", m.ID)
		return
	}
	w.seen.Models++
	for i, owner := range append([]*Model{m}, spec.Parents(m.ID)...) {
		for _, p := range owner.Properties {
			at := m.ID + "." + p.Name
			prop := ref.Value.Properties[p.Name]
			if prop == nil {
				w.Errorf("no property %s", at)
				continue
			}
			if i == 0 {
				w.seen.Properties++
			}
			w.typed(at, p.Type, prop)
			w.values(at, p.Values, prop.Value)
			if required := slices.Contains(ref.Value.Required, p.Name); w.exact && required != p.Required {
				w.Errorf("%s: required is %v", at, required)
			}
		}
	}
	if slices.Contains(spec.Events(), m.ID) {
		if ref.Value.Extensions["x-ari-event"] != true {
			w.Errorf("%s isn't an event", m.ID)
		}
		if w.doc.Components.Schemas["Message"].Value.Discriminator.Mapping[m.ID].Ref != "#/components/schemas/"+m.ID {
			w.Errorf("%s isn't found by its name", m.ID)
		}
		w.seen.Events++
	}
}

// typed compares the type of a response or a property.
func (w *walker) typed(at string, want Type, have *openapi3.SchemaRef) {
	if elem, ok := want.Elem(); ok {
		if !have.Value.Type.Is("array") {
			w.Errorf("%s isn't a list", at)
			return
		}
		w.typed(at, elem, have.Value.Items)
		return
	}
	if _, ok := w.doc.Components.Schemas[string(want)]; ok {
		ref := have.Ref
		if len(have.Value.AllOf) == 1 {
			ref = have.Value.AllOf[0].Ref
		}
		if ref != "#/components/schemas/"+string(want) {
			w.Errorf("%s refers to %q, want %s", at, ref, want)
		}
		return
	}
	w.primitive(at, want, have.Value)
}

func (w *walker) primitive(at string, want Type, have *openapi3.Schema) {
	types := map[Type]string{"int": "integer", "long": "integer", "double": "number", "Date": "string"}
	name, ok := types[want]
	if !ok {
		name = string(want)
	}
	// What some module sends in another type is one of both.
	either := !w.exact && slices.ContainsFunc(have.OneOf, func(s *openapi3.SchemaRef) bool { return s.Value.Type.Is(name) })
	if !have.Type.Is(name) && !either {
		w.Errorf("%s is of type %v, want %s", at, have.Type, name)
	}
	if want == "Date" && have.Format != TimeFormat {
		w.Errorf("%s isn't a time", at)
	}
}

func (w *walker) values(at string, want []string, have *openapi3.Schema) {
	for _, v := range want {
		if at == "Channel.state" && v == "Rsrved" && !w.exact {
			continue // misspelt in the spec
		}
		if !slices.Contains(have.Enum, any(v)) {
			w.Errorf("%s: no value %q among %v", at, v, have.Enum)
		}
	}
	if w.exact && len(have.Enum) != len(want) {
		w.Errorf("%s has the values %v, want %v", at, have.Enum, want)
	}
}

// Nothing of the newest spec may be without a text.
func TestEverythingIsDocumented(t *testing.T) {
	missing, err := Undocumented(t.Context(), readFile(t, "api/openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range missing {
		t.Errorf("no text in api/overlay.yaml: %s", what)
	}
}

func TestUndocumented(t *testing.T) {
	spec := readTiny(t)
	history := &History{}
	history.Extend(Version{22, 3, 0}, spec)
	description, err := Convert(spec, Version{22, 3, 0}, history)
	if err != nil {
		t.Fatal(err)
	}
	overlay := "overlay: 1.0.0\ninfo: {title: t, version: 1.0.0}\nactions:\n" +
		"- target: $.components.schemas.Thing\n  update: {description: A thing.}\n"
	description, _, err = Overlay(description, []byte(overlay), history, true)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(description, []byte("A thing. Since Asterisk 22.3.")) {
		t.Errorf("the history isn't in the text:\n%s", description)
	}
	missing, err := Undocumented(t.Context(), description)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"tag things", "summary of thingsChange", "description of thingsChange", "path parameter thingId of thingsDrop",
		"query parameter mode of thingsChange", "body member variables of thingsChange", "model Event", "property Thing.name",
	} {
		if !slices.Contains(missing, want) {
			t.Errorf("%q isn't among %q", want, missing)
		}
	}
	if slices.Contains(missing, "model Thing") {
		t.Error("the model that has a text is reported")
	}
}

// Nothing of the newest spec may be missing from the generated client.
func TestGeneratedCodeIsComplete(t *testing.T) {
	spec := importNewest(t).Spec
	code := parseGen(t)
	operations := 0
	for _, r := range spec.Resources {
		for _, api := range r.APIs {
			for _, op := range api.Operations {
				if op.Upgrade != "" {
					continue // pkg/ari opens the websocket
				}
				operations++
				code.operation(t, OperationID(r.Name, op.Nickname), op)
			}
		}
		for _, m := range r.Models {
			code.model(t, spec, m)
		}
	}
	if want := spec.Count().Operations - 1; operations != want {
		t.Errorf("%d operations, want %d", operations, want)
	}
}

// generated holds the declarations of package gen by their names in lower case, which is what all
// rules for names in Go leave alone.
type generated struct {
	methods map[string][]string            // of ClientInterface, with the names of their parameters
	structs map[string]map[string][]string // type -> kind of tag -> names in the tags
	values  map[string][]string            // type -> values of its constants
}

func parseGen(t *testing.T) *generated {
	t.Helper()
	code := &generated{make(map[string][]string), make(map[string]map[string][]string), make(map[string][]string)}
	names, err := filepath.Glob(filepath.Join(repo, "gen", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			if decl, ok := decl.(*ast.GenDecl); ok {
				for _, s := range decl.Specs {
					code.declare(s)
				}
			}
		}
	}
	return code
}

func (g *generated) declare(s ast.Spec) {
	switch s := s.(type) {
	case *ast.ValueSpec:
		name, ok := s.Type.(*ast.Ident)
		for _, v := range s.Values {
			if lit, isLit := v.(*ast.BasicLit); ok && isLit && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value)
				g.values[strings.ToLower(name.Name)] = append(g.values[strings.ToLower(name.Name)], text)
			}
		}
	case *ast.TypeSpec:
		name := strings.ToLower(s.Name.Name)
		g.structs[name] = make(map[string][]string) // a model without properties is a map
		switch typ := s.Type.(type) {
		case *ast.StructType:
			for _, f := range typ.Fields.List {
				if f.Tag == nil {
					continue
				}
				text, _ := strconv.Unquote(f.Tag.Value)
				for _, kind := range []string{"json", "form"} {
					if tag, ok := reflect.StructTag(text).Lookup(kind); ok {
						member, _, _ := strings.Cut(tag, ",")
						g.structs[name][kind] = append(g.structs[name][kind], member)
					}
				}
			}
		case *ast.InterfaceType:
			if s.Name.Name != "ClientInterface" {
				return
			}
			for _, m := range typ.Methods.List {
				var params []string
				for _, p := range m.Type.(*ast.FuncType).Params.List {
					for _, n := range p.Names {
						params = append(params, strings.ToLower(n.Name))
					}
				}
				g.methods[strings.ToLower(m.Names[0].Name)] = params
			}
		}
	}
}

func (g *generated) operation(t *testing.T, id string, op *Operation) {
	t.Helper()
	name := strings.ToLower(id)
	params, plain := g.methods[name]
	if withBody := g.methods[name+"withbody"]; withBody != nil {
		params = withBody
	}
	if !plain {
		t.Errorf("gen has no operation %s", id)
		return
	}
	for _, p := range op.Parameters {
		switch p.In {
		case "path":
			if !slices.Contains(params, strings.ToLower(p.Name)) {
				t.Errorf("gen: %s has no parameter %s among %v", id, p.Name, params)
			}
		case "query":
			if !slices.Contains(g.structs[name+"params"]["form"], p.Name) {
				t.Errorf("gen: %sParams has no field for %s", id, p.Name)
			}
			g.constants(t, name+"params"+p.Name, p.Values)
		case "body":
			members := g.structs[name+"jsonbody"]["json"]
			if !slices.Contains(members, p.Name) && !slices.Contains(members, "allowed") {
				t.Errorf("gen: the body of %s has no member %s among %v", id, p.Name, members)
			}
		}
	}
}

func (g *generated) model(t *testing.T, spec *Spec, m *Model) {
	t.Helper()
	tags, ok := g.structs[strings.ToLower(m.ID)]
	if !ok {
		t.Errorf("gen has no model %s", m.ID)
		return
	}
	for _, owner := range append([]*Model{m}, spec.Parents(m.ID)...) {
		for _, p := range owner.Properties {
			if !slices.Contains(tags["json"], p.Name) {
				t.Errorf("gen: %s has no field for %s", m.ID, p.Name)
			}
			g.constants(t, strings.ToLower(m.ID)+p.Name, p.Values)
		}
	}
}

func (g *generated) constants(t *testing.T, typ string, values []string) {
	t.Helper()
	have := g.values[strings.ToLower(strings.ReplaceAll(typ, "_", ""))]
	for _, v := range values {
		if v != "Rsrved" && !slices.Contains(have, v) {
			t.Errorf("gen: type %s has no constant for %q among %q", typ, v, have)
		}
	}
}
