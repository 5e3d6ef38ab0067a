package ari

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// An operation is one of ARI's, as the generated table has them.
type operation struct {
	id     string
	method string
	path   string // with names in braces
	since  versions
	params []param // of the query
	body   []bodyMember
}

// A param is a query parameter.
type param struct {
	name     string
	kind     paramKind
	required bool
	since    versions            // if that differs from the operation's
	values   map[string]versions // of an enumeration, as far as they came later
}

// A bodyMember is a member of the JSON body that isn't a query parameter's.
type bodyMember struct {
	name     string
	required bool
	since    versions // if that differs from the operation's
}

type paramKind uint8

const (
	paramString paramKind = iota
	paramNumber
	paramBool
	paramList
)

func (op *operation) param(name string) *param {
	for i := range op.params {
		if op.params[i].name == name {
			return &op.params[i]
		}
	}
	return nil
}

// missing returns the name of a required member that a JSON body lacks, or "". A null is none: it is what a nil map
// becomes.
func (op *operation) missing(body map[string]json.RawMessage) string {
	for i := range op.body {
		m := &op.body[i]
		if value := bytes.TrimSpace(body[m.name]); m.required && (len(value) == 0 || string(value) == "null") {
			return m.name
		}
	}
	return ""
}

func operationByID(id string) *operation {
	i, ok := slices.BinarySearchFunc(operations[:], id, func(op operation, id string) int { return strings.Compare(op.id, id) })
	if !ok {
		return nil
	}
	return &operations[i]
}

// operationFor finds the operation that a method and a path, still encoded, belong to, or nil. It is
// needed for requests that were not made by this package's methods.
func operationFor(method, path string) *operation {
	var best *operation
	for i := range operations {
		op := &operations[i]
		// A literal segment wins over a placeholder, as in Asterisk: /channels/create is not a channel.
		if op.method == method && matchPath(op.path, path) && (best == nil || strings.Count(op.path, "{") < strings.Count(best.path, "{")) {
			best = op
		}
	}
	return best
}

func matchPath(template, path string) bool {
	for {
		t, restT, moreT := strings.Cut(template, "/")
		p, restP, moreP := strings.Cut(path, "/")
		if moreT != moreP || t != p && !strings.HasPrefix(t, "{") {
			return false
		}
		if !moreT {
			return true
		}
		template, path = restT, restP
	}
}
