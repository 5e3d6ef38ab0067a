package arispec

import (
	"fmt"
	"regexp"
	"slices"
)

// check looks at what only the whole spec can tell: whether every type exists and every name is unique.
func (s *Spec) check() error {
	models := make(map[string]string) // id -> file
	for _, r := range s.Resources {
		for _, m := range r.Models {
			if other, ok := models[m.ID]; ok {
				return where{r.Name + ".json", "models." + m.ID}.errorf("model is declared in %s too", other)
			}
			models[m.ID] = r.Name + ".json"
		}
	}
	known := func(t Type, primitives map[Type]bool) error {
		elem, list := t.Elem()
		if list {
			primitives = propertyTypes
		} else {
			elem = t
		}
		if _, ok := models[string(elem)]; ok || primitives[elem] {
			return nil
		}
		return fmt.Errorf("type %q is neither a primitive nor a model", t)
	}

	ids := make(map[string]string)   // operationId -> file and nickname
	paths := make(map[string]string) // path, whatever its placeholders are called -> file
	for _, r := range s.Resources {
		file := where{file: r.Name + ".json"}
		for _, api := range r.APIs {
			shape := placeholder.ReplaceAllString(api.Path, "{}")
			if other, ok := paths[shape]; ok {
				return file.errorf("path %q is declared in %s too", api.Path, other)
			}
			paths[shape] = file.file
			for _, op := range api.Operations {
				at := where{file.file, op.Method + " " + api.Path}
				id := OperationID(r.Name, op.Nickname)
				if other, ok := ids[id]; ok {
					return at.errorf("nickname %q gives the operation id %s, as does %s", op.Nickname, id, other)
				}
				ids[id] = at.String()
				if err := known(op.ResponseClass, responseTypes); err != nil {
					return at.key("responseClass").errorf("%w", err)
				}
			}
		}
		for _, m := range r.Models {
			at := where{file.file, "models." + m.ID}
			for _, p := range m.Properties {
				if err := known(p.Type, propertyTypes); err != nil {
					return at.key("properties").key(p.Name).key("type").errorf("%w", err)
				}
			}
			for i, sub := range m.SubTypes {
				if _, ok := models[sub]; !ok {
					return at.key("subTypes").errorf("%q is not a model", sub)
				}
				if slices.Contains(m.SubTypes[:i], sub) {
					return at.key("subTypes").errorf("%q occurs twice", sub)
				}
			}
			if m.Discriminator != "" && !slices.ContainsFunc(m.Properties, func(p *Property) bool { return p.Name == m.Discriminator }) {
				return at.key("discriminator").errorf("%q is not a property", m.Discriminator)
			}
		}
	}
	return s.checkParents()
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// responseTypes are the primitives that an operation can answer with.
var responseTypes = map[Type]bool{"void": true, "binary": true, "string": true, "object": true}

// checkParents refuses a model with two parents, or one that is its own ancestor.
func (s *Spec) checkParents() error {
	parent := make(map[string]string)
	for _, r := range s.Resources {
		for _, m := range r.Models {
			at := where{r.Name + ".json", "models." + m.ID + ".subTypes"}
			for _, sub := range m.SubTypes {
				if other, ok := parent[sub]; ok {
					return at.errorf("%q is a subtype of %s too", sub, other)
				}
				parent[sub] = m.ID
			}
		}
	}
	for id := range parent {
		for p, steps := parent[id], 0; p != ""; p, steps = parent[p], steps+1 {
			if p == id || steps > len(parent) {
				return fmt.Errorf("model %s is its own ancestor by subTypes", id)
			}
		}
	}
	return nil
}
