package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// events writes a struct for each event and for each model that holds objects, and the registry.
func (g *generator) events(b *bytes.Buffer) error {
	var registry bytes.Buffer
	for _, name := range sortedKeys(g.api.Components.Schemas) {
		s := g.api.Components.Schemas[name]
		switch {
		case s.Event:
			if err := g.structType(b, name, s, true); err != nil {
				return err
			}
			t, err := g.gen.typeFor(name)
			if err != nil {
				return err
			}
			fmt.Fprintf(&registry, "%q: {name: %q, new: func() Event { return new(%s) }", name, name, t.name)
			if slices.Contains(g.conf.Vital, name) {
				registry.WriteString(", vital: true")
			}
			if len(s.Entities) > 0 {
				registry.WriteString(", refs: []entityRef{")
				for _, e := range s.Entities {
					outer, inner, _ := strings.Cut(e.Field, ".")
					fmt.Fprintf(&registry, "{%q, %q, kind%s},", outer, inner, camel(e.Kind))
				}
				registry.WriteString("}")
			}
			registry.WriteString("},\n")
		case g.isComposite(name):
			if err := g.structType(b, name, s, false); err != nil {
				return err
			}
		}
	}
	b.WriteString("// eventTypes are ARI's event types by their names on the wire.\nvar eventTypes = map[string]*eventType{\n")
	b.Write(registry.Bytes())
	b.WriteString("}\n")
	return nil
}

// headerFields are in EventHeader, which every event embeds.
var headerFields = []string{"type", "application", "asterisk_id", "timestamp"}

func (g *generator) structType(b *bytes.Buffer, name string, s *schema, event bool) error {
	t, err := g.gen.structFor(name)
	if err != nil && len(s.Properties) > len(headerFields) {
		return err
	}
	goName := g.gen.folded[fold(name)]
	text := goName + ": " + s.Description
	if strings.HasPrefix(s.Description, "Sent ") {
		text = goName + " is " + lowerFirst(s.Description)
	}
	doc(b, "", text)
	fmt.Fprintf(b, "type %s struct {\n", goName)
	if event {
		b.WriteString("EventHeader\n")
	}
	var binds []string
	for _, wire := range sortedKeys(s.Properties) {
		if event && slices.Contains(headerFields, wire) {
			continue
		}
		p := s.Properties[wire]
		field, ok := t.fields[wire]
		if !ok {
			return fmt.Errorf("package gen's %s lacks a field for %s", name, wire)
		}
		typ, bind := g.fieldType(field, p)
		if bind != "" {
			binds = append(binds, bind)
		}
		b.WriteString("\n")
		doc(b, "\t", p.Description)
		tag := wire
		if !slices.Contains(s.Required, wire) {
			tag += ",omitempty"
		}
		fmt.Fprintf(b, "%s %s `json:%q`\n", g.eventField(name, wire, field), typ, tag)
	}
	b.WriteString("}\n\n")
	param := "c"
	if len(binds) == 0 {
		param = "_"
	}
	recv := "e *" + goName
	if len(binds) == 0 {
		recv = "*" + goName
	}
	if !event { // Asterisk may leave it out of an event
		binds = slices.Insert(binds, 0, "if e == nil {\nreturn\n}\n")
	}
	fmt.Fprintf(b, "func (%s) bind(%s *Controller) {\n%s}\n\n", recv, param, strings.Join(binds, ""))
	return nil
}

// eventField is the name of an event's field in package ari.
func (g *generator) eventField(event, wire string, f genField) string {
	if name, ok := g.conf.Fields[event+"."+wire]; ok {
		return name
	}
	return f.name
}

// fieldType is the type of a field in package ari, and the statement that binds what is in it.
func (g *generator) fieldType(f genField, p *schema) (typ, bind string) {
	if ref := p.ref(); ref != "" {
		switch {
		case g.isObject(ref):
			return "*" + ref, fmt.Sprintf("e.%s.bind(c)\n", f.name)
		case g.isComposite(ref):
			return "*" + ref, fmt.Sprintf("e.%s.bind(c)\n", f.name)
		case strings.HasPrefix(f.typ, "*"):
			return "*" + g.goType(f.typ), ""
		default:
			return g.goType(f.typ), ""
		}
	}
	if p.Type == "array" && g.isObject(p.Items.ref()) {
		return g.goType(f.typ), fmt.Sprintf("for _, o := range e.%s {\no.bind(c)\n}\n", f.name)
	}
	return g.goType(f.typ), ""
}
