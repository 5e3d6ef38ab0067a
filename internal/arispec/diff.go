package arispec

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Diff reports, in Markdown and for people, what changed from one spec to another: operations,
// parameters, models, properties and events, each with its types, values, ranges, defaults, required
// flags and error codes. The names say what the two specs are of, such as "Asterisk 16.28.0".
//
// The spec's own "since" is no change in what Asterisk does, so it isn't compared.
func Diff(older, newer *Spec, olderName, newerName string) []byte {
	d := &differ{counts: make(map[string]*count)}
	var body strings.Builder
	for _, name := range union(resourceNames(older), resourceNames(newer)) {
		if section := d.resource(older, newer, name); section != "" {
			fmt.Fprintf(&body, "\n## %s\n%s", name, section)
		}
	}

	var b strings.Builder
	fmt.Fprintf(&b, "# ARI from %s to %s\n\n", olderName, newerName)
	if body.Len() == 0 {
		b.WriteString("Nothing changed.\n")
		return []byte(b.String())
	}
	if older.APIVersion != newer.APIVersion {
		fmt.Fprintf(&b, "The API version went from %s to %s.\n\n", older.APIVersion, newer.APIVersion)
	}
	b.WriteString("| | added | removed | changed | in all now |\n|---|---:|---:|---:|---:|\n")
	total := newer.Count()
	for _, row := range []struct {
		kind  string
		total int
	}{
		{kindOperation, total.Operations},
		{kindParameter, total.Parameters},
		{kindModel, total.Models},
		{kindProperty, total.Properties},
		{kindEvent, total.Events},
	} {
		c := d.count(row.kind)
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", row.kind, c.added, c.removed, c.changed, row.total)
	}
	b.WriteString(body.String())
	return []byte(b.String())
}

// The kinds of things that are counted.
const (
	kindOperation = "operations"
	kindParameter = "parameters"
	kindModel     = "models"
	kindProperty  = "properties"
	kindEvent     = "events"
)

type count struct{ added, removed, changed int }

type differ struct {
	counts map[string]*count
}

func (d *differ) count(kind string) *count {
	if d.counts[kind] == nil {
		d.counts[kind] = &count{}
	}
	return d.counts[kind]
}

func resourceNames(s *Spec) []string {
	var names []string
	for _, r := range s.Resources {
		names = append(names, r.Name)
	}
	return names
}

// union returns what is in a or b, sorted.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// lines are the items of a Markdown list; what begins with a space continues the item above.
type lines []string

func (l *lines) add(format string, args ...any) { *l = append(*l, fmt.Sprintf(format, args...)) }

// indented returns l as items below another one.
func (l lines) indented() lines {
	out := make(lines, len(l))
	for i, s := range l {
		out[i] = "  " + s
	}
	return out
}

// set reports which members a set of strings won and lost.
func (l *lines) set(what string, older, newer []string) {
	for _, v := range union(older, newer) {
		switch {
		case !slices.Contains(older, v):
			l.add("- %s added: `%s`", what, v)
		case !slices.Contains(newer, v):
			l.add("- %s removed: `%s`", what, v)
		}
	}
}

// value reports that a value changed; an empty text is none.
func (l *lines) value(what, older, newer string) {
	switch {
	case older == newer:
	case older == "":
		l.add("- %s: now `%s`", what, newer)
	case newer == "":
		l.add("- %s: no longer `%s`", what, older)
	default:
		l.add("- %s: `%s`, was `%s`", what, newer, older)
	}
}

func (l *lines) required(older, newer bool) {
	switch {
	case newer && !older:
		l.add("- now required")
	case older && !newer:
		l.add("- no longer required")
	}
}

// section returns a part of the report below a heading, or "" if the list is empty.
func (l lines) section(heading string) string {
	if len(l) == 0 {
		return ""
	}
	return "\n### " + heading + "\n\n" + strings.Join(l, "\n") + "\n"
}

func (d *differ) resource(older, newer *Spec, name string) string {
	was, is := older.Resource(name), newer.Resource(name)
	if was == nil {
		was = &Resource{}
	}
	if is == nil {
		is = &Resource{}
	}
	var own lines
	own.set("required module", was.RequiresModules, is.RequiresModules)
	models, events := d.models(older, newer, was, is)
	return own.section("Modules") +
		d.operations(was.operations(), is.operations()).section("Operations") +
		models.section("Models") +
		events.section("Events")
}

// operations returns a resource's operations by path and method, so that they sort by path.
func (r *Resource) operations() map[string]*Operation {
	all := make(map[string]*Operation)
	for _, api := range r.APIs {
		for _, op := range api.Operations {
			all[api.Path+" "+op.Method] = op
		}
	}
	return all
}

func keys[V any](m map[string]V) []string { return slices.Collect(maps.Keys(m)) }

func (d *differ) operations(older, newer map[string]*Operation) lines {
	var out lines
	count, params := d.count(kindOperation), d.count(kindParameter)
	for _, key := range union(keys(older), keys(newer)) {
		path, method, _ := strings.Cut(key, " ")
		name := "`" + method + " " + path + "`"
		was, is := older[key], newer[key]
		switch {
		case was == nil:
			count.added++
			params.added += len(is.Parameters)
			out.add("- **Added** %s (%s), returns `%s`", name, is.Nickname, is.ResponseClass)
			for _, p := range is.Parameters {
				out.add("  - %s", p.describe())
			}
		case is == nil:
			count.removed++
			params.removed += len(was.Parameters)
			out.add("- **Removed** %s (%s)", name, was.Nickname)
		default:
			if changes := d.operation(was, is); len(changes) > 0 {
				count.changed++
				out.add("- %s (%s)", name, is.Nickname)
				out = append(out, changes.indented()...)
			}
		}
	}
	return out
}

func (d *differ) operation(was, is *Operation) lines {
	var out lines
	out.value("nickname", was.Nickname, is.Nickname)
	out.value("returns", string(was.ResponseClass), string(is.ResponseClass))
	out.value("upgrades to", was.Upgrade, is.Upgrade)
	out.value("websocket protocol", was.WebsocketProtocol, is.WebsocketProtocol)
	count := d.count(kindParameter)
	older, newer := was.parameters(), is.parameters()
	for _, name := range union(keys(older), keys(newer)) {
		was, is := older[name], newer[name]
		switch {
		case was == nil:
			count.added++
			out.add("- added: %s", is.describe())
		case is == nil:
			count.removed++
			out.add("- removed: %s parameter `%s`", was.In, was.Name)
		default:
			var changes lines
			changes.value("type", was.typeText(), is.typeText())
			changes.required(was.Required, is.Required)
			changes.value("default", defaultText(was.Default), defaultText(is.Default))
			changes.value("range", rangeText(was.Min, was.Max), rangeText(is.Min, is.Max))
			changes.set("value", was.Values, is.Values)
			if len(changes) > 0 {
				count.changed++
				out.add("- %s parameter `%s`", is.In, is.Name)
				out = append(out, changes.indented()...)
			}
		}
	}
	out.set("error", codes(was.ErrorCodes), codes(is.ErrorCodes))
	return out
}

func (op *Operation) parameters() map[string]*Parameter {
	all := make(map[string]*Parameter)
	for _, p := range op.Parameters {
		all[p.In+" "+p.Name] = p
	}
	return all
}

func codes(numbers []int) []string {
	var out []string
	for _, n := range numbers {
		out = append(out, strconv.Itoa(n))
	}
	return out
}

func (p *Parameter) typeText() string {
	if p.Multiple {
		return "list of " + string(p.Type)
	}
	return string(p.Type)
}

func (p *Parameter) describe() string {
	facts := []string{p.typeText()}
	if p.Required && p.In != "path" {
		facts = append(facts, "required")
	}
	if p.Default != nil {
		facts = append(facts, "default `"+defaultText(p.Default)+"`")
	}
	if text := rangeText(p.Min, p.Max); text != "" {
		facts = append(facts, text)
	}
	facts = append(facts, valuesText(p.Values)...)
	return fmt.Sprintf("%s parameter `%s` (%s)", p.In, p.Name, strings.Join(facts, ", "))
}

func (p *Property) describe() string {
	facts := []string{"`" + string(p.Type) + "`"}
	if p.Required {
		facts = append(facts, "required")
	}
	facts = append(facts, valuesText(p.Values)...)
	return fmt.Sprintf("`%s` (%s)", p.Name, strings.Join(facts, ", "))
}

func valuesText(values []string) []string {
	if len(values) == 0 {
		return nil
	}
	return []string{"one of `" + strings.Join(values, "`, `") + "`"}
}

func defaultText(v any) string {
	if s, ok := v.(string); ok && s == "" {
		return `""`
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func rangeText(low, high *float64) string {
	switch {
	case low != nil && high != nil:
		return fmt.Sprintf("%v to %v", *low, *high)
	case low != nil:
		return fmt.Sprintf("at least %v", *low)
	case high != nil:
		return fmt.Sprintf("at most %v", *high)
	default:
		return ""
	}
}

// models compares the models that a resource declares. Events are models of their own kind.
func (d *differ) models(older, newer *Spec, was, is *Resource) (models, events lines) {
	olderAll, newerAll := older.Models(), newer.Models()
	for _, id := range union(modelIDs(was), modelIDs(is)) {
		if newerAll[id] != nil && !slices.Contains(modelIDs(is), id) {
			continue // it moved to another resource, which tells of it
		}
		was, is := olderAll[id], newerAll[id]
		event := slices.Contains(older.Events(), id) || slices.Contains(newer.Events(), id)
		out, kinds := &models, []*count{d.count(kindModel)}
		if event {
			out, kinds = &events, append(kinds, d.count(kindEvent))
		}
		props := d.count(kindProperty)
		switch {
		case was == nil:
			props.added += len(is.Properties)
			out.add("- **Added** `%s`", id)
			for _, p := range is.Properties {
				out.add("  - %s", p.describe())
			}
		case is == nil:
			props.removed += len(was.Properties)
			out.add("- **Removed** `%s`", id)
		default:
			changes := d.model(was, is)
			if len(changes) == 0 {
				continue
			}
			out.add("- `%s`", id)
			*out = append(*out, changes.indented()...)
		}
		for _, c := range kinds {
			switch {
			case was == nil:
				c.added++
			case is == nil:
				c.removed++
			default:
				c.changed++
			}
		}
	}
	return models, events
}

func modelIDs(r *Resource) []string {
	var ids []string
	for _, m := range r.Models {
		ids = append(ids, m.ID)
	}
	return ids
}

func (d *differ) model(was, is *Model) lines {
	var out lines
	out.value("discriminator", was.Discriminator, is.Discriminator)
	out.set("subtype", was.SubTypes, is.SubTypes)
	count := d.count(kindProperty)
	older, newer := was.properties(), is.properties()
	for _, name := range union(keys(older), keys(newer)) {
		was, is := older[name], newer[name]
		switch {
		case was == nil:
			count.added++
			out.add("- added: %s", is.describe())
		case is == nil:
			count.removed++
			out.add("- removed: `%s`", name)
		default:
			var changes lines
			changes.value("type", string(was.Type), string(is.Type))
			changes.required(was.Required, is.Required)
			changes.set("value", was.Values, is.Values)
			if len(changes) > 0 {
				count.changed++
				out.add("- `%s`", name)
				out = append(out, changes.indented()...)
			}
		}
	}
	return out
}

func (m *Model) properties() map[string]*Property {
	all := make(map[string]*Property)
	for _, p := range m.Properties {
		all[p.Name] = p
	}
	return all
}
