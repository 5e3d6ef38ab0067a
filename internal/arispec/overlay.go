package arispec

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/speakeasy-api/openapi/overlay"
	"gopkg.in/yaml.v3"
)

// Overlay applies an overlay to a converted description, and writes since when each part exists into
// its text. It returns the whole in one canonical order.
//
// A strict overlay must match: a text for something that isn't there is an error. For the spec of
// another version than the overlay was written for, strict is false, and what isn't there is returned.
func Overlay(description, overlayYAML []byte, history *History, strict bool) ([]byte, []string, error) {
	root, unmatched, err := overlaid(description, overlayYAML, strict)
	if err != nil {
		return nil, nil, err
	}
	d := &describer{history: history}
	d.document(root)
	result, err := write(root)
	return result, unmatched, err
}

// overlaid applies an overlay to a description.
func overlaid(description, overlayYAML []byte, strict bool) (*yaml.Node, []string, error) {
	root, err := parseYAML(description)
	if err != nil {
		return nil, nil, fmt.Errorf("arispec: description: %w", err)
	}
	o, err := readOverlay(overlayYAML)
	if err != nil {
		return nil, nil, fmt.Errorf("arispec: overlay: %w", err)
	}
	unmatched, err := apply(root, o)
	if err != nil {
		return nil, nil, fmt.Errorf("arispec: overlay: %w", err)
	}
	unmatched = append(unmatched, prune(root.Content[0])...)
	if strict && len(unmatched) > 0 {
		return nil, nil, fmt.Errorf("arispec: overlay: %d targets aren't there: %s", len(unmatched), strings.Join(unmatched, ", "))
	}
	return root.Content[0], unmatched, nil
}

// write writes a document in its canonical order.
func write(root *yaml.Node) ([]byte, error) {
	arrange(root, "")
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, fmt.Errorf("arispec: %w", err)
	}
	return b.Bytes(), nil
}

// readOverlay reads an overlay. Its aliases are replaced by copies of what they name: an action's
// update becomes part of a document that knows nothing of the overlay's anchors.
func readOverlay(content []byte) (*overlay.Overlay, error) {
	root, err := parseYAML(content)
	if err != nil {
		return nil, err
	}
	var o overlay.Overlay
	if err := root.Decode(&o); err != nil {
		return nil, err
	}
	if err := checkKeys(&o); err != nil {
		return nil, err
	}
	return &o, o.Validate()
}

// checkKeys refuses misspelt keys, which the library takes for extensions, and so an action that does
// nothing.
func checkKeys(o *overlay.Overlay) error {
	all := []overlay.Extensions{o.Extensions, o.Info.Extensions}
	for _, action := range o.Actions {
		all = append(all, action.Extensions)
	}
	for _, extensions := range all {
		for key := range extensions {
			if !strings.HasPrefix(key, "x-") {
				return fmt.Errorf("unknown key %q", key)
			}
		}
	}
	for i, action := range o.Actions {
		if !action.Remove && action.Update.IsZero() {
			return fmt.Errorf("action %d, target %s: has neither update nor remove", i+1, action.Target)
		}
	}
	return nil
}

// maxNodes bounds how large a document may become when its aliases are replaced.
const maxNodes = 1 << 20

// parseYAML reads a document, and replaces its aliases by copies of what they name.
func parseYAML(content []byte) (*yaml.Node, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(content, &root); err != nil {
		return nil, err
	}
	if len(root.Content) == 0 {
		return nil, errors.New("is empty")
	}
	budget := maxNodes
	return unalias(&root, nil, &budget)
}

// unalias copies n. The aliases that it stands in tell one that names itself.
func unalias(n *yaml.Node, within []*yaml.Node, budget *int) (*yaml.Node, error) {
	if *budget--; *budget < 0 {
		return nil, errors.New("is too large")
	}
	if n.Kind == yaml.AliasNode {
		if slices.Contains(within, n) {
			return nil, fmt.Errorf("line %d: alias *%s names itself", n.Line, n.Value)
		}
		return unalias(n.Alias, append(slices.Clip(within), n), budget)
	}
	plain := *n
	plain.Anchor = ""
	plain.Content = nil
	for _, child := range n.Content {
		c, err := unalias(child, within, budget)
		if err != nil {
			return nil, err
		}
		plain.Content = append(plain.Content, c)
	}
	return &plain, nil
}

// apply runs the actions one by one, so that each that matches nothing is known by its target.
func apply(root *yaml.Node, o *overlay.Overlay) (unmatched []string, err error) {
	for _, action := range o.Actions {
		path, err := o.NewPath(action.Target, nil)
		if err != nil {
			return nil, fmt.Errorf("target %s: %w", action.Target, err)
		}
		if len(path.Query(root)) == 0 {
			unmatched = append(unmatched, action.Target)
			continue
		}
		one := *o
		one.Actions = []overlay.Action{action}
		if err := one.ApplyTo(root); err != nil {
			return nil, fmt.Errorf("target %s: %w", action.Target, err)
		}
	}
	return unmatched, nil
}

// prune takes out what an update added because its texts are for an operation or a property that this
// spec lacks: it has no operationId or type, which every converted one has.
func prune(root *yaml.Node) (removed []string) {
	typeless := func(_ string, s *yaml.Node) bool {
		return !slices.ContainsFunc([]string{"type", "$ref", "allOf", "oneOf"}, func(key string) bool { return value(s, key) != nil })
	}
	properties := func(at string, s *yaml.Node) {
		for _, name := range remove(value(s, "properties"), typeless) {
			removed = append(removed, at+".properties."+name)
		}
	}
	each(value(root, "paths"), func(path string, item *yaml.Node) {
		at := "$.paths['" + path + "']"
		for _, method := range remove(item, func(_ string, op *yaml.Node) bool { return value(op, "operationId") == nil }) {
			removed = append(removed, at+"."+method)
		}
		each(item, func(method string, op *yaml.Node) {
			each(value(value(op, "requestBody"), "content"), func(kind string, m *yaml.Node) {
				properties(at+"."+method+".requestBody.content['"+kind+"'].schema", value(m, "schema"))
			})
		})
	})
	each(value(value(root, "components"), "schemas"), func(id string, s *yaml.Node) {
		properties("$.components.schemas."+id, s)
	})
	return removed
}

// remove takes out of a mapping what is unwanted, and returns the keys of it.
func remove(n *yaml.Node, unwanted func(key string, value *yaml.Node) bool) (removed []string) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	var kept []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i], n.Content[i+1]
		if unwanted(key.Value, v) {
			removed = append(removed, key.Value)
		} else {
			kept = append(kept, key, v)
		}
	}
	n.Content = kept
	return removed
}

// value returns the value of key in a mapping, or nil.
func value(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// each calls f with every key and value of a mapping.
func each(n *yaml.Node, f func(key string, value *yaml.Node)) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f(n.Content[i].Value, n.Content[i+1])
	}
}

// describer writes the history into descriptions.
type describer struct {
	history *History
}

const sinceKey = "x-ari-since"

func (d *describer) since(n *yaml.Node) Since {
	list := value(n, sinceKey)
	if list == nil {
		return nil
	}
	var since Since
	for _, item := range list.Content {
		if v, err := ParseVersion(item.Value); err == nil {
			since = append(since, v)
		}
	}
	return since
}

func (d *describer) document(root *yaml.Node) {
	each(value(root, "paths"), func(_ string, item *yaml.Node) {
		each(item, func(_ string, op *yaml.Node) { d.operation(op) })
	})
	each(value(value(root, "components"), "schemas"), func(_ string, s *yaml.Node) {
		own := d.since(s)
		each(value(s, "properties"), func(_ string, p *yaml.Node) { d.append(p, d.later(p, own)) })
		d.append(s, own)
	})
}

func (d *describer) operation(op *yaml.Node) {
	own := d.since(op)
	if params := value(op, "parameters"); params != nil {
		for _, p := range params.Content {
			d.append(p, d.later(p, own))
			d.values(p, own)
		}
	}
	each(value(value(op, "requestBody"), "content"), func(_ string, m *yaml.Node) {
		each(value(value(m, "schema"), "properties"), func(_ string, p *yaml.Node) { d.append(p, d.later(p, own)) })
	})
	d.append(op, own)
}

// later is since when a part exists, if that's not simply since its owner does.
func (d *describer) later(part *yaml.Node, owner Since) Since {
	since := d.since(part)
	if slices.Equal(since, owner) {
		return nil
	}
	return since
}

// values says which of a parameter's values came after the parameter itself.
func (d *describer) values(p *yaml.Node, operation Since) {
	own := d.since(p)
	if own == nil {
		own = operation
	}
	var names []string
	byText := make(map[string][]string)
	each(value(p, "x-ari-value-since"), func(name string, list *yaml.Node) {
		holder := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: sinceKey}, list}}
		since := d.since(holder)
		if len(since) == 0 || slices.Equal(since, own) {
			return
		}
		text := strings.Join(d.history.firsts(since), ", ")
		if byText[text] == nil {
			names = append(names, text)
		}
		byText[text] = append(byText[text], "`"+name+"`")
	})
	for _, text := range names {
		d.text(p, strings.Join(byText[text], ", ")+" since Asterisk "+text+".")
	}
}

func (d *describer) append(n *yaml.Node, since Since) {
	if len(since) > 0 {
		d.text(n, d.history.Doc(since))
	}
}

func (d *describer) text(n *yaml.Node, sentence string) {
	if old := value(n, "description"); old != nil {
		old.SetString(strings.TrimRight(old.Value, " \n") + " " + sentence)
		return
	}
	text := &yaml.Node{}
	text.SetString(sentence)
	n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "description"}, text)
}

// keyOrder is the order in which the keys of OpenAPI's objects are written.
var keyOrder = []string{
	"openapi", "asyncapi", "info", "externalDocs", "defaultContentType", "servers", "security", "tags", "paths", "channels", "operations", "components",
	"host", "pathname", "protocol", "action", "channel", "address", "title", "url", "operationId", "name", "in", "$ref", "allOf", "oneOf", "type", "format", "summary", "description", "license", "version",
	"required", "style", "explode", "nullable", "enum", "default", "minimum", "maximum",
	"x-ari-nickname", "x-ari-event", "x-ari-entities", "x-ari-subtypes", "x-ari-since", "x-ari-value-since", "example",
	"parameters", "requestBody", "responses", "headers", "schema", "content", "items", "discriminator", "properties", "additionalProperties",
	"securitySchemes", "schemas",
}

// named are the keys whose values map names to things: these are sorted by name.
var named = map[string]bool{
	"channels": true, "operations": true, "messages": true,
	"paths": true, "responses": true, "parameters": true, "variables": true, "content": true, "headers": true, "schemas": true, "securitySchemes": true,
	"properties": true, "mapping": true, "x-ari-value-since": true,
}

// arrange puts every mapping into its canonical order, since an overlay adds keys at the end.
func arrange(n *yaml.Node, key string) {
	switch n.Kind {
	case yaml.SequenceNode:
		if key == "enum" || key == "required" {
			// An overlay adds what is there already once the spec has caught up with it.
			n.Content = distinct(n.Content)
		}
		for _, item := range n.Content {
			arrange(item, "")
		}
	case yaml.MappingNode:
		type pair struct{ key, value *yaml.Node }
		var pairs []pair
		for i := 0; i+1 < len(n.Content); i += 2 {
			pairs = append(pairs, pair{n.Content[i], n.Content[i+1]})
		}
		slices.SortStableFunc(pairs, func(a, b pair) int {
			if named[key] {
				return strings.Compare(a.key.Value, b.key.Value)
			}
			return rank(a.key.Value) - rank(b.key.Value)
		})
		for i, p := range pairs {
			n.Content[2*i], n.Content[2*i+1] = p.key, p.value
			child := p.key.Value
			if (child == "example" || child == "examples") && !named[key] {
				continue // its members have the order in which they came
			}
			if named[key] {
				child = "" // a property called "content" is not OpenAPI's content
			}
			arrange(p.value, child)
		}
	case yaml.ScalarNode:
		if strings.Contains(n.Value, "\n") {
			n.Style = yaml.LiteralStyle
		}
	default: // no document and no alias is left below the root
	}
}

func distinct(items []*yaml.Node) []*yaml.Node {
	var out []*yaml.Node
	for _, item := range items {
		if !slices.ContainsFunc(out, func(other *yaml.Node) bool { return other.Value == item.Value }) {
			out = append(out, item)
		}
	}
	return out
}

func rank(key string) int {
	if i := slices.Index(keyOrder, key); i >= 0 {
		return i
	}
	return len(keyOrder)
}
