package ari

import (
	"fmt"
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

// errNoController is what waiting for a zero value ends with; commands fail with an *Error that says so.
var errNoController = fmt.Errorf("%w: there is no controller: a zero value has none", ErrInvalid)

// binder is an object that can be given its controller.
type binder interface{ bind(c *Controller) }

// An object is a pointer to a T that can be given its controller.
type object[T any] interface {
	*T
	binder
}

// answered ends a request that is answered with an object.
func answered[T any, P object[T]](req *command, resp *http.Response, err error) (P, error) {
	v, err := decodeObject[T](req, resp, err)
	if err != nil {
		return nil, err
	}
	o := P(v)
	o.bind(req.ctrl)
	return o, nil
}

// answeredList ends a request that is answered with objects.
func answeredList[T any, P object[T]](req *command, resp *http.Response, err error) ([]P, error) {
	list, err := decodeList[P](req, resp, err)
	for _, o := range list {
		o.bind(req.ctrl)
	}
	return list, err
}

// made ends a request that makes something: the object gets its controller and its life, which ends if the request has
// failed.
func made[T any, P interface {
	*T
	maker
}](req *command, l life, resp *http.Response, err error) (P, error) {
	o, err := answered[T, P](req, resp, err)
	l.settle(err)
	if err != nil {
		return nil, err
	}
	o.follow(l)
	return o, nil
}
