package main

import (
	"fmt"
	"slices"
	"strings"
)

// unsent returns the inputs of operations that nothing in package ari would send.
func (g *generator) unsent() []error {
	c := &checker{generator: g}
	for _, op := range g.api.operations {
		if g.conf.Operations[op.ID].By != "" {
			c.handWritten(op)
		}
	}
	for _, name := range sortedKeys(g.conf.Options) {
		c.twins(name)
	}
	return c.problems
}

// misfits returns what of api/methods.yaml names something that isn't there, or has no effect: a misspelt key would
// have none.
func (g *generator) misfits() []error {
	c := &checker{generator: g}
	for _, id := range sortedKeys(g.conf.Operations) {
		c.operationEntry(id, g.conf.Operations[id])
	}
	for _, name := range sortedKeys(g.conf.Options) {
		c.optionEntry(name, g.conf.Options[name])
	}
	c.placeEntries()
	c.inputEntries()
	for _, typ := range sortedKeys(g.conf.Enums) {
		if g.gen.consts[typ] == nil {
			c.report("enums."+typ, "package gen has no such enumeration")
		} else if g.conf.Enums[typ] == typ {
			c.report("enums."+typ, "has this name anyway")
		}
	}
	c.modelEntries()
	for _, event := range g.conf.Vital {
		if s := g.api.Components.Schemas[event]; s == nil || !s.Event {
			c.report("vital", "%s is not an event", event)
		}
	}
	return c.problems
}

type checker struct {
	*generator
	problems []error
}

// report notes a problem with a key of the file.
func (c *checker) report(key, format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf("%s: %s: %s", c.conf.file, key, fmt.Sprintf(format, args...)))
}

// handWritten checks that a hand-written method leaves no input of its operation out: one that is new must become
// an option, or an argument.
func (c *checker) handWritten(op *operation) {
	key := "operations." + op.ID
	inputs, err := c.inputs(op)
	if err != nil {
		c.report(key, "%v", err)
		return
	}
	covered := make(map[string]bool)
	for _, name := range sortedKeys(c.conf.Options) {
		if !slices.Contains(c.conf.Options[name].Operations, op.ID) {
			continue
		}
		options, err := c.optionInputs(name, op)
		if err != nil {
			c.report("options."+name, "%v", err)
			return
		}
		for _, in := range options {
			covered[in.wire] = true
		}
	}
	for _, in := range inputs {
		if !covered[in.wire] && !c.conf.Operations[op.ID].isArg(in.wire) {
			c.report(key, "nothing sends %q: add it to the hand-written method and to its args, or the operation to an option struct", in.wire)
		}
	}
}

// twins checks that what an option struct has from other operations than the one that is sent goes into that one's
// path: there is nowhere else for it to go.
func (c *checker) twins(name string) {
	sent := c.sent(name)
	if sent == nil {
		return
	}
	inputs, err := c.inputs(sent)
	if err != nil {
		return // reported already
	}
	for _, id := range c.conf.Options[name].Operations {
		twin := c.operation(id)
		if twin == nil || twin == sent {
			continue
		}
		options, err := c.optionInputs(name, twin)
		if err != nil {
			continue
		}
		for _, in := range options {
			inQuery := slices.ContainsFunc(inputs, func(other *input) bool { return other.wire == in.wire })
			inPath := slices.ContainsFunc(sent.Parameters, func(p *parameter) bool { return p.In == "path" && p.Name == in.wire })
			if !inQuery && !inPath {
				c.report("options."+name, "%s has %q, but %s, which is sent, has not", id, in.wire, sent.ID)
			}
		}
	}
}

// operationEntry checks an entry of operations.
func (c *checker) operationEntry(id string, conf methodConfig) {
	key := "operations." + id
	op := c.operation(id)
	if op == nil {
		c.report(key, "there is no such operation")
		return
	}
	inputs, err := c.inputs(op)
	if err != nil {
		c.report(key, "%v", err)
		return
	}
	for _, arg := range conf.Args {
		i := slices.IndexFunc(inputs, func(in *input) bool { return in.wire == strings.TrimSuffix(arg, "!") })
		switch {
		case i < 0:
			c.report(key+".args", "%q is no parameter of it", arg)
		case conf.By == "" && inputs[i].required && !conf.Required:
			c.report(key+".args", "%q is required, and so is an argument anyway", arg)
		}
	}
	if conf.By != "" {
		if conf.Options != "" || conf.Result != "" || conf.Required {
			c.report(key, "options, result and required have no effect beside by")
		}
		return
	}
	receiver, name, _ := strings.Cut(conf.Method, ".")
	if _, ok := c.conf.Objects[receiver]; !ok && receiver != "Controller" {
		c.report(key+".method", "%s is neither Controller nor among objects", receiver)
	}
	optional := slices.ContainsFunc(inputs, conf.isOption)
	if conf.Options != "" && !optional {
		c.report(key+".options", "it has no optional parameter for %s", conf.Options)
	}
	if conf.Options == name+"Options" {
		c.report(key+".options", "has this name anyway")
	}
	if conf.Required && !slices.ContainsFunc(inputs, func(in *input) bool { return in.required }) {
		c.report(key+".required", "it has no required parameter")
	}
	if len(conf.Args) == 0 && conf.Options == "" && conf.Result == "" && !conf.Required {
		if p, err := c.defaultPlace(op); err == nil && p.receiver == receiver && p.name == name {
			c.report(key, "is %s anyway", conf.Method)
		}
	}
}

// optionEntry checks an entry of options.
func (c *checker) optionEntry(name string, conf optionConfig) {
	key := "options." + name
	if len(conf.Operations) == 0 {
		c.report(key, "names no operation")
	}
	required := false
	for _, id := range conf.Operations {
		op := c.operation(id)
		if op == nil {
			c.report(key, "there is no operation %s", id)
			continue
		}
		if c.conf.Operations[id].By == "" {
			c.report(key, "the method of %s isn't hand-written", id)
		}
		inputs, err := c.inputs(op)
		if err != nil {
			c.report(key, "%v", err)
			return
		}
		required = required || slices.ContainsFunc(inputs, func(in *input) bool { return in.required })
	}
	if conf.Required && !required {
		c.report(key+".required", "no operation has a required parameter")
	}
}

// placeEntries checks objects and paths.
func (c *checker) placeEntries() {
	for _, model := range sortedKeys(c.conf.Objects) {
		key := "objects." + model
		if c.api.Components.Schemas[model] == nil {
			c.report(key, "there is no such model")
			continue
		}
		t, err := c.gen.structFor(model)
		if err != nil {
			c.report(key, "%v", err)
			continue
		}
		for _, param := range sortedKeys(c.conf.Objects[model]) {
			field := c.conf.Objects[model][param]
			if !c.inPaths(param) {
				c.report(key, "no path has a parameter %s", param)
			}
			if !slices.ContainsFunc(t.order, func(wire string) bool { return t.fields[wire].name == field }) {
				c.report(key, "package gen's %s has no field %s", t.name, field)
			}
		}
	}
	for _, path := range sortedKeys(c.conf.Paths) {
		if _, ok := c.conf.Objects[c.conf.Paths[path]]; !ok {
			c.report("paths."+path, "%s isn't among objects", c.conf.Paths[path])
		}
		if !slices.ContainsFunc(c.api.operations, func(op *operation) bool { return op.path == path || strings.HasPrefix(op.path, path+"/") }) {
			c.report("paths."+path, "no operation has such a path")
		}
	}
}

// modelEntries checks files, fields, models and wire.
func (c *checker) modelEntries() {
	for _, receiver := range sortedKeys(c.conf.Files) {
		if _, ok := c.conf.Objects[receiver]; !ok {
			c.report("files."+receiver, "isn't among objects")
		}
	}
	for _, key := range sortedKeys(c.conf.Fields) {
		event, wire, _ := strings.Cut(key, ".")
		s := c.api.Components.Schemas[event]
		if s == nil || !s.Event || s.Properties[wire] == nil {
			c.report("fields."+key, "there is no such event, or it has no such property")
		}
	}
	for _, model := range slices.Concat(sortedKeys(c.conf.Models), c.conf.Wire) {
		if s := c.api.Components.Schemas[model]; s == nil || s.Event || c.isObject(model) || c.isComposite(model) {
			c.report("models and wire", "%s is no model that package ari hands out unchanged", model)
		}
	}
}

func (c *checker) inPaths(param string) bool {
	return slices.ContainsFunc(c.api.operations, func(op *operation) bool { return strings.Contains(op.path, "{"+param+"}") })
}

// inputEntries checks docs, names and durations, which are about what users give.
func (c *checker) inputEntries() {
	sets, err := c.optionSets()
	if err != nil {
		c.problems = append(c.problems, fmt.Errorf("%s: options: %w", c.conf.file, err))
		return
	}
	fields := make(map[string]bool) // by wire name
	times := make(map[string]bool)
	docs := make(map[string]bool)
	for name, set := range sets {
		for wire, in := range set.fields {
			docs[name+"."+c.fieldName(in)] = true
			fields[wire] = true
			times[wire] = times[wire] || c.inputType(in) == "time.Duration"
		}
	}
	for _, op := range c.api.operations {
		if c.conf.Operations[op.ID].By != "" {
			continue
		}
		p, err := c.place(op)
		if err != nil {
			continue // the generator says so
		}
		inputs, err := c.inputs(op)
		if err != nil {
			continue
		}
		for _, a := range c.arguments(op, p, inputs) {
			docs[a.key(p)] = true
		}
	}
	for _, key := range sortedKeys(c.conf.Docs) {
		if !docs[key] {
			c.report("docs."+key, "there is no such option field, and no such argument of a generated method")
		}
	}
	for _, wire := range sortedKeys(c.conf.Names) {
		if !fields[wire] {
			c.report("names."+wire, "no option struct has such a parameter")
		} else if c.conf.Names[wire] == camel(wire) {
			c.report("names."+wire, "has this name anyway")
		}
	}
	for _, wire := range sortedKeys(c.conf.Durations) {
		if unit := c.conf.Durations[wire]; unitOf[unit] == "" {
			c.report("durations."+wire, "the unit %q is neither s nor ms", unit)
		} else if !times[wire] {
			c.report("durations."+wire, "no option struct has such a number")
		}
	}
}
