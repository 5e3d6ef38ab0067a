package arispec

import (
	"fmt"
	"reflect"
	"slices"

	"gopkg.in/yaml.v3"
)

// A mapping is an object of a description that is worked on as a whole: its values are mappings, lists, plain
// values, and YAML nodes where the order of members counts.
type mapping = map[string]any

const schemaPrefix = "#/components/schemas/"

func refTo(schema string) mapping { return mapping{"$ref": schemaPrefix + schema} }

// at follows keys through mappings. It returns nil where one of them is missing.
func at(m mapping, keys ...string) mapping {
	for _, key := range keys {
		next, ok := m[key].(mapping)
		if !ok {
			return nil
		}
		m = next
	}
	return m
}

// made is at, but makes what is missing.
func made(m mapping, keys ...string) mapping {
	for _, key := range keys {
		next, ok := m[key].(mapping)
		if !ok {
			next = mapping{}
			m[key] = next
		}
		m = next
	}
	return m
}

func textAt(m mapping, key string) string {
	s, _ := m[key].(string)
	return s
}

func listAt(m mapping, key string) []any {
	list, _ := m[key].([]any)
	return list
}

// mappings returns the items of a list that are mappings.
func mappings(list any) []mapping {
	var out []mapping
	items, _ := list.([]any)
	for _, item := range items {
		if m, ok := item.(mapping); ok {
			out = append(out, m)
		}
	}
	return out
}

// without returns a copy that lacks some keys.
func without(m mapping, keys ...string) mapping {
	out := make(mapping, len(m))
	for key, v := range m {
		if !slices.Contains(keys, key) {
			out[key] = v
		}
	}
	return out
}

func clone(v any) any {
	switch v := v.(type) {
	case mapping:
		out := make(mapping, len(v))
		for key, value := range v {
			out[key] = clone(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = clone(item)
		}
		return out
	default:
		return v
	}
}

func same(a, b any) bool { return reflect.DeepEqual(a, b) }

// eachOperation calls f with every operation, in a fixed order.
func eachOperation(doc mapping, f func(path, method string, op mapping)) {
	paths := at(doc, "paths")
	for _, path := range sortedKeys(paths) {
		item := at(paths, path)
		for _, method := range sortedKeys(item) {
			if op := at(item, method); op != nil && op["operationId"] != nil {
				f(path, method, op)
			}
		}
	}
}

// parseTree reads a document.
func parseTree(content []byte) (mapping, error) {
	var doc mapping
	if err := yaml.Unmarshal(content, &doc); err != nil {
		return nil, fmt.Errorf("arispec: description: %w", err)
	}
	if doc == nil {
		return nil, fmt.Errorf("arispec: description: is empty")
	}
	return doc, nil
}

// writeTree writes a document in its canonical order.
func writeTree(doc mapping, head string) ([]byte, error) {
	var root yaml.Node
	if err := root.Encode(doc); err != nil {
		return nil, fmt.Errorf("arispec: %w", err)
	}
	content, err := write(&root)
	return append([]byte(head), content...), err
}
