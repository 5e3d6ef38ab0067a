package ari

import (
	"net/http"

	"github.com/ari-go/ari/gen"
)

// Time is a time stamp of ARI. It embeds [time.Time].
type Time = gen.Time

// TextOrNumber is a text that some of Asterisk's modules send as a number.
type TextOrNumber = gen.TextOrNumber

// VariableValue is the value of a variable in a request of the generated client.
type VariableValue = gen.VariableValue

// variables joins plain and reported variables; nil if there are none.
func variables(plain, reported map[string]string) map[string]gen.VariableValue {
	if len(plain)+len(reported) == 0 {
		return nil
	}
	all := make(map[string]gen.VariableValue, len(plain)+len(reported))
	for name, value := range plain {
		all[name] = gen.VariableValue{Value: value}
	}
	for name, value := range reported {
		all[name] = gen.VariableValue{Value: value, ReportEvents: true}
	}
	return all
}

// or returns the first of two texts that isn't empty.
func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// made ends a request that makes something: the object gets its controller and its life, which ends if the request has
// failed.
func made[T any, P interface {
	*T
	maker
}](c *Controller, l life, req *request, resp *http.Response, err error) (P, error) {
	v, err := decodeObject[T](req, resp, err)
	l.settle(err)
	if err != nil {
		return nil, err
	}
	o := P(v)
	o.bind(c)
	o.follow(l)
	return o, nil
}
