package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/ari-go/ari/internal/arispec"
)

// An optionSet is what an option struct holds: the union of several operations' inputs.
type optionSet struct {
	fields map[string]*input // by wire name
	order  []string
	by     []string // the methods that take it

	required bool // the required parameters are in it too
}

func (s *optionSet) add(by string, inputs []*input, typeOf func(*input) string) error {
	if !slices.Contains(s.by, by) {
		s.by = append(s.by, by)
	}
	for _, in := range inputs {
		have, ok := s.fields[in.wire]
		if !ok {
			s.fields[in.wire] = in
			s.order = append(s.order, in.wire)
			continue
		}
		if typeOf(have) != typeOf(in) {
			return fmt.Errorf("%s is a %s and a %s", in.wire, typeOf(have), typeOf(in))
		}
	}
	return nil
}

// optionSets returns the option structs by their names: of generated methods, and of hand-written ones as configured.
func (g *generator) optionSets() (map[string]*optionSet, error) {
	sets := make(map[string]*optionSet)
	add := func(name, by string, required bool, inputs []*input) error {
		if sets[name] == nil {
			sets[name] = &optionSet{fields: make(map[string]*input), required: required}
		}
		if err := sets[name].add("["+by+"]", inputs, g.inputType); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	for _, op := range g.api.operations {
		conf := g.conf.Operations[op.ID]
		if conf.By != "" {
			continue
		}
		p, err := g.place(op)
		if err != nil {
			return nil, err
		}
		inputs, err := g.inputs(op)
		if err != nil {
			return nil, err
		}
		inputs = slices.DeleteFunc(inputs, func(in *input) bool { return !conf.isOption(in) })
		if len(inputs) == 0 {
			continue
		}
		method := p.receiver + "." + p.name
		if !conf.Required {
			method += "With"
		}
		if err := add(g.optionsName(p), method, conf.Required, inputs); err != nil {
			return nil, err
		}
	}
	for _, name := range sortedKeys(g.conf.Options) {
		for _, id := range g.conf.Options[name].Operations {
			op := g.operation(id)
			if op == nil {
				continue // the description of an older Asterisk
			}
			inputs, err := g.optionInputs(name, op)
			if err != nil {
				return nil, err
			}
			if err := add(name, g.takerOf(name, id), g.conf.Options[name].Required, inputs); err != nil {
				return nil, err
			}
		}
	}
	return sets, nil
}

// optionInputs returns which of an operation's inputs are in the option struct of a hand-written method.
func (g *generator) optionInputs(name string, op *operation) ([]*input, error) {
	inputs, err := g.inputs(op)
	if err != nil || g.conf.Options[name].Required {
		return inputs, err
	}
	return slices.DeleteFunc(inputs, func(in *input) bool { return in.required }), nil
}

// takerOf names the hand-written method that takes an option struct: Record has its options in RecordWith, unless all
// that it takes is in the struct.
func (g *generator) takerOf(name, id string) string {
	conf := g.conf.Options[name]
	if conf.Required || conf.Only {
		return g.conf.Operations[id].By
	}
	return g.conf.Operations[id].By + "With"
}

// options writes the option structs of one file's methods, and for hand-written methods the conversion to package
// gen's: so a field that is new is sent, too.
func (g *generator) options(b *bytes.Buffer, file string) error {
	sets, err := g.optionSets()
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(sets) {
		receiver, _, _ := strings.Cut(strings.TrimPrefix(sets[name].by[0], "["), ".")
		if g.fileOf(receiver) != file {
			continue
		}
		g.optionStruct(b, name, sets[name])
		if err := g.conversions(b, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// dropUnusedImport takes out an import that nothing needed in the end.
func dropUnusedImport(b *bytes.Buffer, pkg, line string) {
	if bytes.Contains(b.Bytes(), []byte(pkg+".")) {
		return
	}
	out := bytes.Replace(b.Bytes(), []byte(line), nil, 1)
	b.Reset()
	b.Write(out)
}

func (g *generator) optionStruct(b *bytes.Buffer, name string, set *optionSet) {
	what := "optional parameters"
	if set.required {
		what = "parameters"
	}
	doc(b, "", name+" are the "+what+" of "+strings.Join(set.by, " and ")+". A zero value means the default.")
	fmt.Fprintf(b, "type %s struct {\n", name)
	for i, wire := range set.order {
		in := set.fields[wire]
		if i > 0 {
			b.WriteString("\n")
		}
		doc(b, "\t", g.optionDoc(name, set, in))
		fmt.Fprintf(b, "%s %s\n", g.fieldName(in), g.inputType(in))
		if in.isVariables() {
			b.WriteString("\n")
			doc(b, "\t", "Variables to set that events about the object shall carry from then on. "+g.reportedSince())
			fmt.Fprintf(b, "%s map[string]string\n", reportedField)
		}
	}
	b.WriteString("}\n\n")
}

// optionDoc is the text of a field. The description's is about the wire; where the Go field differs from that,
// api/methods.yaml has another.
func (g *generator) optionDoc(name string, set *optionSet, in *input) string {
	text, ok := g.conf.Docs[name+"."+g.fieldName(in)]
	if ok {
		text = strings.TrimSpace(text + " " + arispec.SinceSentences(in.description))
	} else {
		text = in.description
		for _, other := range set.fields {
			text = strings.ReplaceAll(text, "`"+other.wire+"`", g.fieldName(other))
		}
		if in.required {
			text = "Required. " + text
		}
	}
	if g.inputType(in) == "time.Duration" {
		text += " " + map[string]string{"s": "Sent in seconds", "ms": "Sent in milliseconds"}[g.conf.Durations[in.wire]] + ", rounded up."
	}
	return text
}

// reportedSince says since when variables can be reported.
func (g *generator) reportedSince() string {
	for _, op := range g.api.operations {
		for _, p := range op.Parameters {
			if p.Name == "report_events" {
				return arispec.SinceSentences(p.Description + " " + op.Description)
			}
		}
	}
	return ""
}

// conversions writes the methods that turn the option struct of a hand-written method into package gen's parameters
// and body. The hand-written method gives them what isn't in the struct, and what needs care.
func (g *generator) conversions(b *bytes.Buffer, name string) error {
	op := g.sent(name)
	if op == nil {
		return nil // the struct is a generated method's, or the description is of an older Asterisk
	}
	inputs, err := g.optionInputs(name, op)
	if err != nil {
		return err
	}
	values := make(map[string]string)
	for _, in := range inputs {
		values[in.wire] = g.convert(in, "opts."+g.fieldName(in), false)
	}
	if query := g.query(op); query != "" {
		t, err := g.gen.typeFor(query)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "func (opts %s) params() *gen.%s {\nreturn &gen.%s{\n", name, t.name, t.name)
		g.assign(b, t, inputs, values, false)
		b.WriteString("}\n}\n\n")
	}
	if op.RequestBody != nil {
		t, err := g.gen.typeFor(op.ID + "JSONRequestBody")
		if err != nil {
			return err
		}
		s, err := g.gen.structFor(op.ID + "JSONRequestBody")
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "func (opts %s) body() gen.%s {\nreturn gen.%s{\n", name, t.name, t.name)
		g.assign(b, s, inputs, values, true)
		b.WriteString("}\n}\n\n")
	}
	return nil
}

// sent is the operation that the hand-written method with this option struct sends; nil if there is none.
func (g *generator) sent(name string) *operation {
	ids := g.conf.Options[name].Operations
	if len(ids) == 0 {
		return nil
	}
	return g.operation(ids[len(ids)-1])
}
