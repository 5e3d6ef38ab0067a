package main

import (
	"fmt"
	"strings"
)

// place is where the method of an operation stands.
type place struct {
	receiver, name string
	conf           methodConfig
}

func (g *generator) place(op *operation) (place, error) {
	conf, ok := g.conf.Operations[op.ID]
	if ok && conf.Method != "" {
		receiver, name, _ := strings.Cut(conf.Method, ".")
		return place{receiver, name, conf}, nil
	}
	return g.defaultPlace(op)
}

// defaultPlace is the place of an operation that isn't named by hand: on the object with the longest path that the
// operation's path begins with.
func (g *generator) defaultPlace(op *operation) (place, error) {
	best := ""
	for path := range g.conf.Paths {
		if (op.path == path || strings.HasPrefix(op.path, path+"/")) && len(path) > len(best) {
			best = path
		}
	}
	if best == "" {
		if len(op.Tags) != 1 {
			return place{}, fmt.Errorf("%s has %d tags, want one", op.ID, len(op.Tags))
		}
		return place{"Controller", camelID(op.ID), methodConfig{}}, nil
	}
	return place{g.conf.Paths[best], camel(op.Nickname), methodConfig{}}, nil
}

// recv is the receiver of a place's method, and recvName its name.
func (p place) recv() string { return p.recvName() + " *" + p.receiver }

func (p place) recvName() string {
	if p.receiver == "Controller" {
		return "c"
	}
	return "o"
}
