package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

type generator struct {
	api  *api
	gen  *genNames
	conf *config
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// docWidth is how long a line of a comment may be.
const docWidth = 108

// docItem writes text as an item of a comment's list.
func docItem(b *bytes.Buffer, text string) {
	line := "//   -"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > docWidth {
			b.WriteString(line + "\n")
			line = "//    "
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// doc writes text as a comment, wrapped, with the given indentation.
func doc(b *bytes.Buffer, indent, text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n") {
		if strings.TrimSpace(paragraph) == "" {
			if i > 0 {
				fmt.Fprintf(b, "%s//\n", indent)
			}
			continue
		}
		line := indent + "//"
		for word := range strings.FieldsSeq(paragraph) {
			if len(line)+1+len(word) > docWidth && line != indent+"//" {
				b.WriteString(line + "\n")
				line = indent + "//"
			}
			line += " " + word
		}
		b.WriteString(line + "\n")
	}
}

// lowerFirst makes the first word of a sentence fit behind a name: "Answers the channel" becomes
// "answers the channel". A word in capitals stays as it is.
func lowerFirst(s string) string {
	r := []rune(s)
	if len(r) > 1 && unicode.IsUpper(r[1]) {
		return s
	}
	if len(r) > 0 {
		r[0] = unicode.ToLower(r[0])
	}
	return string(r)
}

// camel turns a wire name into an exported Go name, with the initialisms that concern ARI.
func camel(wire string) string {
	var b strings.Builder
	upper := true
	for _, r := range wire {
		if r == '_' {
			upper = true
			continue
		}
		if upper {
			r, upper = unicode.ToUpper(r), false
		}
		b.WriteRune(r)
	}
	name := b.String()
	for _, word := range []string{"Id", "Url", "Uri"} {
		if stem, ok := strings.CutSuffix(name, word); ok {
			name = stem + strings.ToUpper(word)
		}
	}
	return name
}

// argName turns a wire name into a Go parameter's name.
func argName(wire string) string {
	name := camel(wire)
	switch {
	case strings.ToUpper(name) == name:
		name = strings.ToLower(name)
	default:
		r := []rune(name)
		r[0] = unicode.ToLower(r[0])
		name = string(r)
	}
	switch name {
	case "type", "func", "range", "map", "var", "go", "select", "interface", "package", // keywords
		"ctx", "req", "resp", "err", "params", "payload", "answer", "opts", "o", "c": // what the method's body uses
		return name + "_"
	case "iD":
		return "id"
	default:
		return name
	}
}

// isObject reports whether a model is one of package ari's objects, which know their controller.
func (g *generator) isObject(model string) bool {
	_, ok := g.conf.Objects[model]
	return ok && g.api.Components.Schemas[model] != nil
}

// isComposite reports whether a model that is no object holds objects, so that it needs a struct of
// its own in package ari.
func (g *generator) isComposite(model string) bool {
	s := g.api.Components.Schemas[model]
	if s == nil || s.Event || g.isObject(model) || len(s.SubTypes) > 0 {
		return false
	}
	for _, p := range s.Properties {
		ref := p.ref()
		if p.Type == "array" {
			ref = p.Items.ref()
		}
		if ref != "" && (g.isObject(ref) || g.isComposite(ref)) {
			return true
		}
	}
	return false
}

// publicType is the name in package ari for a type of package gen.
func (g *generator) publicType(genType string) string {
	if name, ok := g.conf.Enums[genType]; ok {
		return name
	}
	return genType
}

// publicModel is the name in package ari for a model of package gen.
func (g *generator) publicModel(genType string) string {
	if name, ok := g.conf.Models[genType]; ok {
		return name
	}
	return genType
}

// goType translates a field's type of package gen into package ari's, without its pointer.
func (g *generator) goType(typ string) string {
	switch {
	case strings.HasPrefix(typ, "*"):
		return g.goType(typ[1:])
	case strings.HasPrefix(typ, "[]"):
		elem := g.goType(typ[2:])
		if g.isObject(typ[2:]) {
			elem = "*" + elem
		}
		return "[]" + elem
	case strings.HasPrefix(typ, "map[string]"):
		if typ == "map[string]interface{}" {
			return "map[string]any"
		}
		return "map[string]" + g.goType(strings.TrimPrefix(typ, "map[string]"))
	default:
		return g.publicModel(g.publicType(typ))
	}
}

// operations writes the table of operations.
func (g *generator) operations(b *bytes.Buffer) error {
	sets := make(map[string]string) // releases -> variable
	var order []string
	name := func(since []string) string {
		key := strings.Join(since, ", ")
		if key == "" {
			return "nil"
		}
		if _, ok := sets[key]; !ok {
			sets[key] = fmt.Sprintf("since%d", len(sets))
			order = append(order, key)
		}
		return sets[key]
	}

	var table, vars bytes.Buffer
	for i, op := range g.api.operations {
		fmt.Fprintf(&vars, "op%s = &operations[%d]\n", camelID(op.ID), i)
		fmt.Fprintf(&table, "{id: %q, method: %q, path: %q, since: %s", op.ID, op.method, op.path, name(op.Since))
		var params []string
		for _, p := range op.Parameters {
			if p.In != "query" {
				continue
			}
			kind := map[string]string{"string": "paramString", "integer": "paramNumber", "number": "paramNumber", "boolean": "paramBool", "array": "paramList"}[p.Schema.Type]
			if kind == "" {
				return fmt.Errorf("%s: parameter %s has a type that isn't understood: %q", op.ID, p.Name, p.Schema.Type)
			}
			text := fmt.Sprintf("{name: %q, kind: %s", p.Name, kind)
			if p.Required {
				text += ", required: true"
			}
			if !slices.Equal(p.Since, op.Since) {
				text += ", since: " + name(p.Since)
			}
			var values []string
			for _, v := range sortedKeys(p.ValueSince) {
				if !slices.Equal(p.ValueSince[v], p.Since) {
					values = append(values, fmt.Sprintf("%q: %s", v, name(p.ValueSince[v])))
				}
			}
			if values != nil {
				text += ", values: map[string]versions{" + strings.Join(values, ", ") + "}"
			}
			params = append(params, text+"}")
		}
		if params != nil {
			fmt.Fprintf(&table, ", params: []param{\n%s,\n}", strings.Join(params, ",\n"))
		}
		if members := g.bodyMembers(op, name); members != nil {
			fmt.Fprintf(&table, ", body: []bodyMember{\n%s,\n}", strings.Join(members, ",\n"))
		}
		table.WriteString("},\n")
	}

	b.WriteString("// The first release of each branch that has a feature.\nvar (\n")
	for _, key := range order {
		fmt.Fprintf(b, "%s = versions{", sets[key])
		for v := range strings.SplitSeq(key, ", ") {
			fmt.Fprintf(b, "{%s},", strings.ReplaceAll(v, ".", ","))
		}
		b.WriteString("}\n")
	}
	b.WriteString(")\n\n// operations are all operations of ARI, sorted by id.\nvar operations = [...]operation{\n")
	b.Write(table.Bytes())
	b.WriteString("}\n\nvar (\n")
	b.Write(vars.Bytes())
	b.WriteString(")\n")
	return nil
}

// bodyMembers are the table's entries for the members of an operation's body that are no query parameters.
func (g *generator) bodyMembers(op *operation, name func(since []string) string) []string {
	s := op.RequestBody.schema()
	if s == nil {
		return nil
	}
	var members []string
	for _, wire := range sortedKeys(s.Properties) {
		p := s.Properties[wire]
		if p.QueryTwin {
			continue
		}
		text := fmt.Sprintf("{name: %q", wire)
		if slices.Contains(s.Required, wire) {
			text += ", required: true"
		}
		if p.Since != nil && !slices.Equal(p.Since, op.Since) {
			text += ", since: " + name(p.Since)
		}
		members = append(members, text+"}")
	}
	return members
}

func camelID(id string) string { return strings.ToUpper(id[:1]) + id[1:] }

// models writes names for what package gen has and package ari hands out unchanged.
func (g *generator) models(b *bytes.Buffer) error {
	b.WriteString("import \"github.com/ari-go/ari/gen\"\n\n")
	b.WriteString("// Models that hold no object: they are the same as in package gen.\ntype (\n")
	for _, name := range sortedKeys(g.api.Components.Schemas) {
		s := g.api.Components.Schemas[name]
		if s.Event || len(s.SubTypes) > 0 || g.isObject(name) || g.isComposite(name) || slices.Contains(g.conf.Wire, name) {
			continue
		}
		t, err := g.gen.typeFor(name)
		if err != nil {
			if _, ok := g.handWritten()[name]; ok {
				continue
			}
			return err
		}
		public := g.publicModel(t.name)
		doc(b, "\t", public+": "+s.Description)
		fmt.Fprintf(b, "%s = gen.%s\n", public, t.name)
	}
	b.WriteString(")\n\n")

	done := make(map[string]bool)
	for _, typ := range sortedKeys(g.gen.consts) {
		public := g.publicType(typ)
		if done[public] || strings.Contains(typ, "JSONBody") {
			continue
		}
		done[public] = true
		fmt.Fprintf(b, "// %s is an enumeration. Asterisk may use values that are not listed here.\n", public)
		fmt.Fprintf(b, "type %s = gen.%s\n\n// The values of %s.\nconst (\n", public, typ, public)
		for _, c := range g.gen.consts[typ] {
			fmt.Fprintf(b, "%s = gen.%s // %s\n", public+strings.TrimPrefix(c.name, typ), c.name, strings.Trim(c.value, "\""))
		}
		b.WriteString(")\n\n")
	}
	return nil
}

// handWritten are the schemas whose Go types are written by hand in package gen.
func (g *generator) handWritten() map[string]bool { return map[string]bool{"VariableValue": true} }
