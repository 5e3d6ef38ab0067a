package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/ari-go/ari/internal/arispec"
)

// An input is one parameter of an operation that is neither in the path nor left out.
type input struct {
	wire        string
	description string
	required    bool
	list        bool
	genType     string // of the field in package gen
	body        bool   // a member of the JSON body, not of the query
	since       []string
}

// inputs returns an operation's query parameters and body members, in the spec's order.
func (g *generator) inputs(op *operation) ([]*input, error) {
	var out []*input
	if query := g.query(op); query != "" {
		t, err := g.gen.structFor(query)
		if err != nil {
			return nil, err
		}
		for _, p := range op.Parameters {
			if p.In != "query" {
				continue
			}
			f, ok := t.fields[p.Name]
			if !ok {
				return nil, fmt.Errorf("package gen's %s lacks a field for %s", t.name, p.Name)
			}
			out = append(out, &input{
				wire: p.Name, description: p.Description, required: p.Required, list: p.Schema.Type == "array",
				genType: f.typ, since: p.Since,
			})
		}
	}
	if s := op.RequestBody.schema(); s != nil {
		t, err := g.gen.structFor(op.ID + "JSONRequestBody")
		if err != nil {
			return nil, err
		}
		for _, name := range sortedKeys(s.Properties) {
			p := s.Properties[name]
			if p.QueryTwin {
				continue
			}
			f, ok := t.fields[name]
			if !ok {
				return nil, fmt.Errorf("package gen's %s lacks a field for %s", t.name, name)
			}
			out = append(out, &input{
				wire: name, description: p.Description, required: slices.Contains(s.Required, name),
				genType: f.typ, body: true, since: p.Since,
			})
		}
	}
	return out, nil
}

// query is the name of the operation's struct of query parameters, or "".
func (g *generator) query(op *operation) string {
	if slices.ContainsFunc(op.Parameters, func(p *parameter) bool { return p.In == "query" }) {
		return op.ID + "Params"
	}
	return ""
}

// isVariables reports whether the input is a map of channel or bridge variables.
func (in *input) isVariables() bool { return in.genType == "map[string]VariableValue" }

// reportedField is the option field for variables that are to be reported.
const reportedField = "ReportedVariables"

func (g *generator) fieldName(in *input) string {
	if name, ok := g.conf.Names[in.wire]; ok {
		return name
	}
	return camel(in.wire)
}

// inputType is the Go type that a user gives for the input.
func (g *generator) inputType(in *input) string {
	switch {
	case g.conf.Durations[in.wire] != "" && strings.HasSuffix(in.genType, "int"):
		return "time.Duration"
	case in.isVariables():
		return "map[string]string"
	default:
		return g.goType(in.genType)
	}
}

// unitOf are the units of times on the wire.
var unitOf = map[string]string{"s": "time.Second", "ms": "time.Millisecond"}

// convert is the expression for package gen's field, from an expression of inputType.
func (g *generator) convert(in *input, expr string, always bool) string {
	typ := strings.TrimPrefix(in.genType, "*")
	public := g.publicType(typ)
	pointer := strings.HasPrefix(in.genType, "*")
	switch {
	case g.inputType(in) == "time.Duration":
		return fmt.Sprintf("units(%s, %s)", expr, unitOf[g.conf.Durations[in.wire]])
	case in.isVariables():
		reported := "nil"
		if strings.HasPrefix(expr, "opts.") {
			reported = "opts." + reportedField
		}
		return "variables(" + expr + ", " + reported + ")"
	case in.list || strings.HasPrefix(typ, "map[") || strings.HasPrefix(typ, "[]"):
		return expr
	case public != typ && !g.isFirstEnum(typ):
		expr = fmt.Sprintf("gen.%s(%s)", typ, expr)
	}
	switch {
	case pointer && always:
		return "&" + expr
	case pointer:
		return "optional(" + expr + ")"
	default:
		return expr
	}
}

// isFirstEnum reports whether the type of package gen is the one that its public name is an alias of.
func (g *generator) isFirstEnum(typ string) bool {
	public := g.publicType(typ)
	for _, name := range sortedKeys(g.gen.consts) {
		if g.publicType(name) == public && !strings.Contains(name, "JSONBody") {
			return name == typ
		}
	}
	return false
}

// fileOf is the file of a receiver's methods, without its ending.
func (g *generator) fileOf(receiver string) string {
	if file, ok := g.conf.Files[receiver]; ok {
		return file
	}
	return strings.ToLower(receiver)
}

// objectFiles are the files that hold methods.
func (g *generator) objectFiles() []string {
	files := []string{g.fileOf("Controller")}
	for object := range g.conf.Objects {
		files = append(files, g.fileOf(object))
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// methods writes the methods that wrap one operation each and stand in one file, with their option structs.
func (g *generator) methods(b *bytes.Buffer, file string) error {
	b.WriteString("import (\n\"context\"\n\"time\"\n\n\"github.com/ari-go/ari/gen\"\n)\n\n")
	for _, object := range sortedKeys(g.conf.Objects) {
		if g.fileOf(object) == file && g.isObject(object) {
			g.belonging(b, object)
		}
	}
	taken := make(map[string]string)
	for _, op := range g.api.operations {
		if g.conf.Operations[op.ID].By != "" {
			continue
		}
		p, err := g.place(op)
		if err != nil {
			return err
		}
		key := p.receiver + "." + p.name
		if other, ok := taken[key]; ok {
			return fmt.Errorf("%s and %s would both be %s", op.ID, other, key)
		}
		taken[key] = op.ID
		if g.fileOf(p.receiver) != file {
			continue
		}
		if err := g.method(b, op, p); err != nil {
			return fmt.Errorf("%s: %w", op.ID, err)
		}
	}
	if err := g.options(b, file); err != nil {
		return err
	}
	dropUnusedImport(b, "context", "\"context\"\n")
	dropUnusedImport(b, "time", "\"time\"\n")
	dropUnusedImport(b, "gen", "\"github.com/ari-go/ari/gen\"\n")
	return nil
}

// belonging writes the methods by which an object belongs to a controller, and begins its requests, which all have the
// object's id in their paths.
func (g *generator) belonging(b *bytes.Buffer, object string) {
	var ids []string
	for _, param := range sortedKeys(g.conf.Objects[object]) {
		ids = append(ids, "o."+g.conf.Objects[object][param])
	}
	slices.Reverse(ids) // An endpoint's technology stands before its resource.
	list := strings.Join(ids, ", ")

	doc(b, "", "Controller returns the controller of the Asterisk that the "+words(object)+" belongs to: the right one for more commands, "+
		"however many the client has. It is nil for a zero value.")
	fmt.Fprintf(b, "func (o *%s) Controller() *Controller {\nif o == nil {\nreturn nil\n}\nreturn o.ctrl\n}\n\n", object)

	fmt.Fprintf(b, "func (o *%s) bind(c *Controller) {\nif o != nil {\no.ctrl = c\n}\n}\n\n", object)

	fmt.Fprintf(b, "// begin begins a request about the object. The ids are those that stand behind its own in the path.\n")
	fmt.Fprintf(b, "func (o *%s) begin(ctx context.Context, op *operation, ids ...string) (*command, error) {\n", object)
	fmt.Fprintf(b, "if o == nil {\nreturn nil, refuse(op, \"the %s is nil\")\n}\n", words(object))
	fmt.Fprintf(b, "if len(ids) == 0 {\nreturn o.ctrl.begin(ctx, op, %s)\n}\n", list)
	fmt.Fprintf(b, "return o.ctrl.begin(ctx, op, append([]string{%s}, ids...)...)\n}\n\n", list)
}

// words writes a name's words in small letters: "StoredRecording" becomes "stored recording".
func words(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// method writes the method of an operation. If it has options, they are XWith's, and X stands beside it: so the first
// option of an operation, which a later Asterisk may bring, changes no signature.
func (g *generator) method(b *bytes.Buffer, op *operation, p place) error {
	inputs, err := g.inputs(op)
	if err != nil {
		return err
	}
	result, _, err := g.result(op, p)
	if err != nil {
		return err
	}
	arguments := g.arguments(op, p, inputs)
	g.methodDoc(b, op, p, arguments)
	switch {
	case !slices.ContainsFunc(inputs, p.conf.isOption):
		fmt.Fprintf(b, "func (%s) %s(%s) %s {\n", p.recv(), p.name, params(arguments, ""), result)
	case p.conf.Required:
		fmt.Fprintf(b, "func (%s) %s(%s) %s {\n", p.recv(), p.name, params(arguments, g.optionsName(p)), result)
	default:
		with := p.name + "With"
		args := passed(arguments, g.optionsName(p)+"{}")
		fmt.Fprintf(b, "func (%s) %s(%s) %s {\nreturn %s.%s(%s)\n}\n\n", p.recv(), p.name, params(arguments, ""), result, p.recvName(), with, args)
		doc(b, "", with+" is "+p.name+" with options.")
		fmt.Fprintf(b, "func (%s) %s(%s) %s {\n", p.recv(), with, params(arguments, g.optionsName(p)), result)
	}
	return g.body(b, op, p, inputs)
}

// passed are the arguments with which X calls XWith.
func passed(arguments []argument, options string) string {
	list := []string{"ctx"}
	for i, a := range arguments {
		if a.list && i == len(arguments)-1 {
			return strings.Join(append(list, options, a.name+"..."), ", ")
		}
		list = append(list, a.name)
	}
	return strings.Join(append(list, options), ", ")
}

// params are the parameters of a method. A list at their end is variadic; options stand last, but before such a list.
func params(arguments []argument, options string) string {
	list := []string{"ctx context.Context"}
	for i, a := range arguments {
		if a.list && i == len(arguments)-1 {
			if options != "" {
				list = append(list, "opts "+options)
			}
			return strings.Join(append(list, a.name+" ..."+a.typ[2:]), ", ")
		}
		list = append(list, a.name+" "+a.typ)
	}
	if options != "" {
		list = append(list, "opts "+options)
	}
	return strings.Join(list, ", ")
}

// body writes what stands in an operation's method.
func (g *generator) body(b *bytes.Buffer, op *operation, p place, inputs []*input) error {
	recv, ctrl := p.recvName(), "c"
	if p.receiver != "Controller" {
		ctrl = "o.ctrl"
	}
	beginArgs, callArgs := []string{"ctx", "op" + camelID(op.ID)}, []string{"req"}
	for _, q := range op.Parameters {
		if q.In != "path" {
			continue
		}
		id := argName(q.Name)
		if field, ok := g.conf.Objects[p.receiver][q.Name]; ok {
			id = "o." + field
		} else {
			beginArgs = append(beginArgs, id)
		}
		callArgs = append(callArgs, id)
	}
	values := make(map[string]string) // by wire name: expressions for what is sent
	for _, in := range inputs {
		if p.conf.isOption(in) {
			values[in.wire] = g.convert(in, "opts."+g.fieldName(in), false)
		} else {
			values[in.wire] = g.convert(in, argName(in.wire), slices.Contains(p.conf.Args, in.wire+"!"))
		}
	}
	result, fetch, err := g.result(op, p)
	if err != nil {
		return err
	}
	failed := "return err"
	if result != "error" {
		failed = "return " + zeroOf(result) + ", err"
	}
	fmt.Fprintf(b, "req, err := %s.begin(%s)\nif err != nil {\n%s\n}\n", recv, strings.Join(beginArgs, ", "), failed)

	if query := g.query(op); query != "" {
		t, err := g.gen.typeFor(query)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "params := &gen.%s{\n", t.name)
		g.assign(b, t, inputs, values, false)
		b.WriteString("}\n")
		callArgs = append(callArgs, "params")
	}
	if op.RequestBody != nil {
		t, err := g.gen.typeFor(op.ID + "JSONRequestBody")
		if err != nil {
			return err
		}
		st, err := g.gen.structFor(op.ID + "JSONRequestBody")
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "payload := gen.%s{\n", t.name)
		g.assign(b, st, inputs, values, true)
		b.WriteString("}\n")
		callArgs = append(callArgs, "payload")
	}
	client, ok := g.gen.client[strings.ToLower(op.ID)]
	if !ok {
		return fmt.Errorf("package gen's client has no method for it")
	}
	fmt.Fprintf(b, "resp, err := %s.api.%s(%s)\n", ctrl, client, strings.Join(callArgs, ", "))
	if note := p.conf.Then; note != "" {
		fmt.Fprintf(b, "if err == nil {\n%s.%s()\n}\n", recv, note)
	}
	fmt.Fprintf(b, "%s}\n\n", fetch)
	return nil
}

// An argument is one that a generated method has, apart from ctx and opts.
type argument struct {
	wire, name, typ, text string
	list                  bool // of the query, so that the last may be variadic
}

// arguments returns the arguments of an operation's method, those for the path first.
func (g *generator) arguments(op *operation, p place, inputs []*input) []argument {
	var args []argument
	for _, q := range op.Parameters {
		if _, ofObject := g.conf.Objects[p.receiver][q.Name]; q.In == "path" && !ofObject {
			args = append(args, argument{wire: q.Name, typ: "string", text: q.Description})
		}
	}
	for _, in := range inputs {
		if !p.conf.isOption(in) {
			typ := g.inputType(in)
			args = append(args, argument{wire: in.wire, typ: typ, text: in.description, list: strings.HasPrefix(typ, "[]") && !in.body})
		}
	}
	for i := range args {
		a := &args[i]
		a.name = argName(a.wire)
		if text, ok := g.conf.Docs[a.key(p)]; ok {
			a.text = strings.TrimSpace(text + " " + arispec.SinceSentences(a.text))
		}
	}
	return args
}

// key is the argument's name in api/methods.yaml.
func (a *argument) key(p place) string { return p.receiver + "." + p.name + "." + a.name }

func (g *generator) assign(b *bytes.Buffer, t *genType, inputs []*input, values map[string]string, body bool) {
	for _, in := range inputs {
		if in.body == body {
			fmt.Fprintf(b, "%s: %s,\n", t.fields[in.wire].name, values[in.wire])
		}
	}
}

func zeroOf(result string) string {
	typ := strings.TrimSuffix(strings.TrimPrefix(result, "("), ", error)")
	if typ == "string" {
		return `""`
	}
	return "nil"
}

// result returns the method's result types and the code that makes the results.
func (g *generator) result(op *operation, p place) (types, code string, err error) {
	var s *schema
	for code, r := range op.Responses {
		if strings.HasPrefix(code, "2") && r.Content != nil {
			s = r.Content["application/json"].Schema
			if s == nil {
				return "", "", fmt.Errorf("a result that isn't JSON needs a hand-written method")
			}
		}
	}
	if s == nil {
		return "error", "return req.done(resp, err)\n", nil
	}
	if s.Type == "array" {
		ref := s.Items.ref()
		switch {
		case g.isObject(ref):
			return "([]*" + ref + ", error)", fmt.Sprintf("return answeredList[%s](req, resp, err)\n", ref), nil
		case ref != "":
			return "([]" + ref + ", error)", fmt.Sprintf("return decodeList[%s](req, resp, err)\n", ref), nil
		}
		return "", "", fmt.Errorf("a list without a model is not understood")
	}
	ref := s.ref()
	if ref == "" {
		return "", "", fmt.Errorf("a result without a model is not understood")
	}
	t, err := g.gen.structFor(ref)
	if err != nil {
		return "", "", err
	}
	name := g.publicModel(t.name)
	if p.conf.Result != "" {
		f, ok := t.fields[p.conf.Result]
		if !ok {
			return "", "", fmt.Errorf("result %q isn't a property of %s", p.conf.Result, ref)
		}
		types = "(" + g.goType(f.typ) + ", error)"
		return types, fmt.Sprintf("answer, err := decodeObject[%s](req, resp, err)\nif err != nil {\nreturn %s, err\n}\nreturn answer.%s, nil\n",
			name, zeroOf(types), f.name), nil
	}
	if g.isObject(ref) {
		return "(*" + ref + ", error)", fmt.Sprintf("return answered[%s](req, resp, err)\n", ref), nil
	}
	return "(*" + name + ", error)", fmt.Sprintf("return decodeObject[%s](req, resp, err)\n", name), nil
}

func (g *generator) optionsName(p place) string {
	if p.conf.Options != "" {
		return p.conf.Options
	}
	return p.name + "Options"
}
