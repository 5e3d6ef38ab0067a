package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// decoders writes a function that decodes an event for each type of event, and one for each model that
// events hold.
func (g *generator) decoders(b *bytes.Buffer) error {
	w := &decoderWriter{generator: g, wanted: make(map[string]bool)}
	var cases bytes.Buffer
	for _, name := range sortedKeys(g.api.Components.Schemas) {
		s := g.api.Components.Schemas[name]
		if !s.Event || len(s.Properties) == len(headerFields) {
			continue // the default reads those that have nothing of their own
		}
		goName := g.gen.folded[fold(name)]
		fmt.Fprintf(&cases, "case *%s:\nread%s(r, e)\n", goName, goName)
		if err := w.function(goName, goName, name, true); err != nil {
			return err
		}
	}
	// Models hold models in turn, which the writing of one brings to light.
	for done := make(map[string]bool); len(done) < len(w.wanted); {
		for _, name := range sortedKeys(w.wanted) {
			if done[name] {
				continue
			}
			done[name] = true
			goName := g.gen.folded[fold(name)]
			typ := "gen." + goName
			if g.isComposite(name) {
				typ = goName
			} else {
				w.imports = true
			}
			if err := w.function(goName, typ, name, false); err != nil {
				return err
			}
		}
	}

	if w.imports {
		b.WriteString("import (\n\"github.com/ari-go/ari/gen\"\n\"github.com/ari-go/ari/internal/wire\"\n)\n\n")
	} else {
		b.WriteString("import \"github.com/ari-go/ari/internal/wire\"\n\n")
	}
	b.WriteString("// readEvent reads an event that begins here.\nfunc readEvent(r *wire.Reader, ev Event) {\nswitch e := ev.(type) {\n")
	b.Write(cases.Bytes())
	b.WriteString("default:\nheader := ev.Header()\nfor key, ok := r.Begin(); ok; key, ok = r.More() {\nheader.member(r, key)\n}\n}\n}\n")
	b.Write(w.functions.Bytes())
	return nil
}

type decoderWriter struct {
	*generator
	functions bytes.Buffer
	wanted    map[string]bool // models that need a function
	imports   bool
}

// function writes the function that decodes one schema.
func (w *decoderWriter) function(goName, typ, schemaName string, event bool) error {
	s := w.api.Components.Schemas[schemaName]
	b := &w.functions
	fmt.Fprintf(b, "\nfunc read%s(r *wire.Reader, v *%s) {\n", goName, typ)
	t, err := w.gen.structFor(schemaName)
	if err != nil {
		return err
	}
	var cases bytes.Buffer
	for _, wire := range sortedKeys(s.Properties) {
		if event && slices.Contains(headerFields, wire) {
			continue
		}
		field, ok := t.fields[wire]
		if !ok {
			return fmt.Errorf("package gen's %s lacks a field for %s", schemaName, wire)
		}
		field.name = w.eventField(schemaName, wire, field)
		fmt.Fprintf(&cases, "case %q:\n%s\n", wire, w.read(field, s.Properties[wire], event || w.isComposite(schemaName)))
	}
	other := "r.Skip()"
	if event {
		other = "v.EventHeader.member(r, key)"
	}
	if cases.Len() == 0 {
		fmt.Fprintf(b, "for _, ok := r.Begin(); ok; _, ok = r.More() {\n%s\n}\n}\n", other)
		return nil
	}
	fmt.Fprintf(b, "for key, ok := r.Begin(); ok; key, ok = r.More() {\nswitch key {\n%sdefault:\n%s\n}\n}\n}\n", cases.Bytes(), other)
	return nil
}

// read returns the statement that reads a field. In a struct of package ari, as opposed to one of package
// gen, models are objects where there are such, and always behind pointers.
func (w *decoderWriter) read(f genField, p *schema, inPackage bool) string {
	target := "v." + f.name
	if ref := p.ref(); ref != "" {
		goName := w.gen.folded[fold(ref)]
		if _, err := w.gen.structFor(ref); err == nil && strings.TrimPrefix(f.typ, "*") == goName {
			w.wanted[ref] = true
			read := "read" + goName
			switch {
			case inPackage && w.isObject(ref):
				return fmt.Sprintf("if wire.ReadObject(r, &%s) {\n%s(r, &%s.%s)\n}", target, read, target, ref)
			case inPackage && w.isComposite(ref), strings.HasPrefix(f.typ, "*"):
				return fmt.Sprintf("if wire.ReadObject(r, &%s) {\n%s(r, %s)\n}", target, read, target)
			default:
				return fmt.Sprintf("%s(r, &%s)", read, target)
			}
		}
	}
	typ := f.typ
	if inPackage {
		typ = strings.TrimPrefix(typ, "*")
	}
	if elem, ok := strings.CutPrefix(typ, "[]"); ok && w.isText(elem) {
		return fmt.Sprintf("wire.ReadTexts(r, &%s)", target)
	}
	switch {
	case w.isText(typ):
		return fmt.Sprintf("wire.ReadText(r, &%s)", target)
	case typ == "int", typ == "int64":
		return fmt.Sprintf("wire.ReadNumber(r, &%s)", target)
	case typ == "bool":
		return fmt.Sprintf("wire.ReadBool(r, &%s)", target)
	case typ == "Time":
		return fmt.Sprintf("wire.ReadTime(r, &%s)", target)
	case typ == "map[string]string":
		return fmt.Sprintf("wire.ReadTextMap(r, &%s)", target)
	default:
		return fmt.Sprintf("wire.ReadOther(r, &%s, %q)", target, "a value for "+f.name)
	}
}

// isText reports whether a type of package gen is a string underneath.
func (w *decoderWriter) isText(typ string) bool {
	if typ == "string" || typ == "TextOrNumber" {
		return true
	}
	t := w.gen.types[typ]
	return t != nil && t.alias != "" && w.isText(t.alias)
}
