package ari

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// findOperation makes sure that a request knows its operation, and that what goes wrong with it is an *Error.
func findOperation(basePath string) chainLink {
	return func(next Doer) Doer {
		return DoerFunc(func(req *http.Request) (*http.Response, error) {
			r := requestIn(req.Context())
			if r == nil || r.begun { // It comes from API(), perhaps with the context of another request.
				r = newRequest(req, basePath)
				req = req.WithContext(r)
			}
			r.begun = true
			resp, err := next.Do(req)
			if err != nil {
				return nil, asError(req, err)
			}
			return resp, nil
		})
	}
}

func newRequest(req *http.Request, basePath string) *request {
	r := &request{Context: req.Context()}
	if path, ok := strings.CutPrefix(req.URL.EscapedPath(), basePath); ok {
		r.op = operationFor(req.Method, path)
	}
	return r
}

// asError makes an *Error of what isn't one yet.
func asError(req *http.Request, err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return newRequestError(req, err)
}

// newRequestError makes the error of a request that has no answer.
func newRequestError(req *http.Request, err error) *Error {
	e := &Error{Method: req.Method, Path: req.URL.EscapedPath(), err: err}
	if r := requestOf(req.Context()); r != nil && r.op != nil {
		e.Operation = r.op.id
	}
	return e
}

// A RequestInfo says which command a request carries out: for interceptors and transports.
type RequestInfo struct {
	// Operation is the operation's id in api/openapi.yaml, such as "channelsAnswer", or "" if the request is none
	// of ARI's.
	Operation string

	// Path is the operation's path with the names of ids in braces, such as "/channels/{channelId}/answer".
	Path string

	request *request
	url     *url.URL
}

// RequestInfoOf returns what is known of a request that an interceptor or a transport has got. Of any other request it
// knows nothing.
func RequestInfoOf(req *http.Request) RequestInfo {
	r := requestOf(req.Context())
	if r == nil {
		return RequestInfo{}
	}
	info := RequestInfo{request: r, url: req.URL}
	if r.op != nil {
		info.Operation, info.Path = r.op.id, r.op.path
	}
	return info
}

// ID returns an id from the request's path by its name there, such as "channelId"; "" if there is none.
func (i RequestInfo) ID(name string) string {
	if i.url == nil {
		return ""
	}
	names := strings.Split(i.Path, "/")
	values := strings.Split(i.url.EscapedPath(), "/")
	for n := range names {
		// The path may begin with that of the base URL.
		at := len(values) - len(names) + n
		if names[n] == "{"+name+"}" && at >= 0 {
			id, err := url.PathUnescape(values[at])
			if err != nil {
				return ""
			}
			return id
		}
	}
	return ""
}

// Attempt returns how often the request has been sent so far. A transport sees 1 when it gets the request for the first
// time; an interceptor sees 0 before it calls the next Doer, and afterwards how many attempts it took. A GET or DELETE
// is sent again when its connection died.
func (i RequestInfo) Attempt() int {
	if i.request == nil {
		return 0
	}
	return int(i.request.attempts.Load())
}
