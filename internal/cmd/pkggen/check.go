package main

import (
	"fmt"
	"slices"
)

// check returns what of api/methods.yaml doesn't fit the description.
func (g *generator) check() []error {
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
