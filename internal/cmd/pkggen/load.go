package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ari-go/ari/internal/arispec"
)

// The part of the description that is needed here.

type api struct {
	Paths      map[string]map[string]*operation `yaml:"paths"`
	Components struct {
		Schemas map[string]*schema `yaml:"schemas"`
	} `yaml:"components"`

	operations []*operation // sorted by id
}

type operation struct {
	ID          string               `yaml:"operationId"`
	Tags        []string             `yaml:"tags"`
	Nickname    string               `yaml:"x-ari-nickname"`
	Description string               `yaml:"description"`
	Since       []string             `yaml:"x-ari-since"`
	Upgrade     string               `yaml:"x-ari-upgrade"`
	Parameters  []*parameter         `yaml:"parameters"`
	RequestBody *body                `yaml:"requestBody"`
	Responses   map[string]*response `yaml:"responses"`

	method, path string
}

// operation returns the operation with an id, or nil.
func (g *generator) operation(id string) *operation {
	i, ok := slices.BinarySearchFunc(g.api.operations, id, func(op *operation, id string) int { return strings.Compare(op.ID, id) })
	if !ok {
		return nil
	}
	return g.api.operations[i]
}

type parameter struct {
	Name        string              `yaml:"name"`
	In          string              `yaml:"in"`
	Description string              `yaml:"description"`
	Required    bool                `yaml:"required"`
	Since       []string            `yaml:"x-ari-since"`
	ValueSince  map[string][]string `yaml:"x-ari-value-since"`
	Schema      *schema             `yaml:"schema"`
}

type body struct {
	Required bool             `yaml:"required"`
	Content  map[string]media `yaml:"content"`
}

func (b *body) schema() *schema {
	if b == nil {
		return nil
	}
	return b.Content["application/json"].Schema
}

type media struct {
	Schema *schema `yaml:"schema"`
}

type response struct {
	Content map[string]media `yaml:"content"`
}

type schema struct {
	Ref           string             `yaml:"$ref"`
	AllOf         []*schema          `yaml:"allOf"`
	Type          string             `yaml:"type"`
	Format        string             `yaml:"format"`
	Description   string             `yaml:"description"`
	Enum          []string           `yaml:"enum"`
	Items         *schema            `yaml:"items"`
	Event         bool               `yaml:"x-ari-event"`
	Entities      []entity           `yaml:"x-ari-entities"`
	SubTypes      []string           `yaml:"x-ari-subtypes"`
	BodyParameter string             `yaml:"x-ari-body-parameter"`
	QueryTwin     bool               `yaml:"x-ari-query-twin"`
	Since         []string           `yaml:"x-ari-since"`
	Required      []string           `yaml:"required"`
	Properties    map[string]*schema `yaml:"properties"`
}

type entity struct {
	Field string `yaml:"field"`
	Kind  string `yaml:"kind"`
}

// ref returns the name of the model that the schema is, or is nothing but a reference to.
func (s *schema) ref() string {
	if s == nil {
		return ""
	}
	if s.Ref == "" && len(s.AllOf) == 1 {
		return s.AllOf[0].ref()
	}
	return strings.TrimPrefix(s.Ref, "#/components/schemas/")
}

func loadAPI(file string) (*api, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	flat, err := arispec.Flatten(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	a := &api{}
	if err := yaml.Unmarshal(flat, a); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for path, item := range a.Paths {
		for method, op := range item {
			op.method, op.path = strings.ToUpper(method), path
			a.operations = append(a.operations, op)
		}
	}
	slices.SortFunc(a.operations, func(x, y *operation) int { return strings.Compare(x.ID, y.ID) })
	if len(a.operations) == 0 {
		return nil, fmt.Errorf("%s: describes no operation", file)
	}
	return a, nil
}

// genNames are the Go names that oapi-codegen gave to things: we ask its output instead of guessing.
type genNames struct {
	types  map[string]*genType // by Go name
	folded map[string]string   // by lower-case name without underscores -> Go name
	consts map[string][]genConst
	client map[string]string // client methods, lower case -> Go name
}

type genType struct {
	name   string
	fields map[string]genField // by wire name
	order  []string
	alias  string // the type that a defined or alias type stands for
}

type genField struct{ name, typ string }

type genConst struct{ name, value string }

func loadGen(dir string) (*genNames, error) {
	names := &genNames{
		types:  make(map[string]*genType),
		folded: make(map[string]string),
		consts: make(map[string][]genConst),
		client: make(map[string]string),
	}
	fset := token.NewFileSet()
	for _, name := range []string{"models.gen.go", "client.gen.go"} {
		file, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, 0)
		if err != nil {
			return nil, err
		}
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.GenDecl:
				names.add(d)
			case *ast.FuncDecl:
				if d.Recv != nil && exprString(d.Recv.List[0].Type) == "*Client" {
					names.client[strings.ToLower(d.Name.Name)] = d.Name.Name
				}
			}
		}
	}
	return names, nil
}

func (n *genNames) add(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			t := &genType{name: s.Name.Name, fields: make(map[string]genField)}
			if st, ok := s.Type.(*ast.StructType); ok {
				t.add(st)
			} else {
				t.alias = exprString(s.Type)
			}
			n.types[t.name] = t
			n.folded[fold(t.name)] = t.name
		case *ast.ValueSpec:
			if d.Tok != token.CONST || len(s.Values) != 1 {
				continue
			}
			if lit, ok := s.Values[0].(*ast.BasicLit); ok && s.Type != nil {
				typ := exprString(s.Type)
				n.consts[typ] = append(n.consts[typ], genConst{s.Names[0].Name, lit.Value})
			}
		}
	}
}

func (t *genType) add(st *ast.StructType) {
	for _, f := range st.Fields.List {
		if len(f.Names) != 1 || f.Tag == nil {
			continue
		}
		tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`"))
		wire := tag.Get("form")
		if wire == "" {
			wire = tag.Get("json")
		}
		wire, _, _ = strings.Cut(wire, ",")
		t.fields[wire] = genField{f.Names[0].Name, exprString(f.Type)}
		t.order = append(t.order, wire)
	}
}

func exprString(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return "*" + exprString(e.X)
	case *ast.ArrayType:
		return "[]" + exprString(e.Elt)
	case *ast.MapType:
		return "map[" + exprString(e.Key) + "]" + exprString(e.Value)
	case *ast.SelectorExpr:
		return exprString(e.X) + "." + e.Sel.Name
	case *ast.InterfaceType:
		return "any"
	default:
		return fmt.Sprintf("%T", e)
	}
}

func fold(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// typeFor returns the Go type of package gen for a name of the description.
func (n *genNames) typeFor(name string) (*genType, error) {
	goName, ok := n.folded[fold(name)]
	if !ok {
		return nil, fmt.Errorf("package gen has no type for %s", name)
	}
	return n.types[goName], nil
}

// structFor follows defined types until it finds a struct.
func (n *genNames) structFor(name string) (*genType, error) {
	t, err := n.typeFor(name)
	for err == nil && t.alias != "" {
		next, ok := n.types[t.alias]
		if !ok {
			return nil, fmt.Errorf("%s is not a struct in package gen", name)
		}
		t = next
	}
	return t, err
}

// config is api/methods.yaml.
type config struct {
	Operations map[string]methodConfig      `yaml:"operations"`
	Objects    map[string]map[string]string `yaml:"objects"`
	Files      map[string]string            `yaml:"files"`
	Paths      map[string]string            `yaml:"paths"`
	Options    map[string]optionConfig      `yaml:"options"`
	Docs       map[string]string            `yaml:"docs"` // by Struct.Field or Receiver.Method.argument
	Names      map[string]string            `yaml:"names"`
	Durations  map[string]string            `yaml:"durations"`
	Fields     map[string]string            `yaml:"fields"` // by Event.property
	Models     map[string]string            `yaml:"models"`
	Wire       []string                     `yaml:"wire"`
	Enums      map[string]string            `yaml:"enums"`
	Vital      []string                     `yaml:"vital"`

	file string
}

type methodConfig struct {
	Method  string   `yaml:"method"`
	By      string   `yaml:"by"`
	Args    []string `yaml:"args"`
	Options string   `yaml:"options"`
	Result  string   `yaml:"result"`

	// Then is a method of the receiver that is called when the operation was carried out.
	Then string `yaml:"then"`

	// Required puts the required parameters into the option struct too.
	Required bool `yaml:"required"`
}

// isArg reports whether an input is a plain argument.
func (c methodConfig) isArg(wire string) bool {
	return slices.Contains(c.Args, wire) || slices.Contains(c.Args, wire+"!")
}

// isOption reports whether an input is a field of the option struct.
func (c methodConfig) isOption(in *input) bool {
	return !c.isArg(in.wire) && (c.Required || !in.required)
}

type optionConfig struct {
	Operations []string `yaml:"operations"`
	Required   bool     `yaml:"required"`
	Only       bool     `yaml:"only"` // the method always takes it: there is no other one without
}

func loadConfig(file string) (*config, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c := &config{file: file}
	dec := yaml.NewDecoder(f)
	dec.KnownFields(true)
	if err := dec.Decode(c); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var errs []error
	for id, m := range c.Operations {
		if m.By == "" && strings.Count(m.Method, ".") != 1 || m.By != "" && m.Method != "" {
			errs = append(errs, fmt.Errorf("%s: operation %s: want either by or method as Receiver.Name", file, id))
		}
	}
	return c, errors.Join(errs...)
}
