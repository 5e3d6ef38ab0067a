package ari

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"
)

// fail makes an *Error of what the generated client returned. What comes from the doer is one already.
func (r *request) fail(err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return &Error{Operation: r.op.id, Method: r.op.method, Path: r.op.path, err: err}
}

// done ends a request that has no result.
func (r *request) done(resp *http.Response, err error) error {
	if err != nil {
		return r.fail(err)
	}
	drain(resp)
	return nil
}

// maxDrain is how much of a body is read for the sake of using the connection again.
const maxDrain = 64 << 10

func drain(resp *http.Response) {
	if resp.Body == http.NoBody {
		return
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
	_ = resp.Body.Close()
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooled is how large a buffer may be to be kept for the next answer.
const maxPooled = 1 << 20

// decode reads the JSON answer into v.
func (r *request) decode(resp *http.Response, err error, v any) error {
	if err != nil {
		return r.fail(err)
	}
	defer resp.Body.Close()
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	defer func() {
		if buf.Cap() <= maxPooled {
			buffers.Put(buf)
		}
	}()
	if _, err := buf.ReadFrom(resp.Body); err != nil {
		return r.misread(resp, "the answer broke off", err)
	}
	if len(bytes.TrimSpace(buf.Bytes())) == 0 {
		return r.misread(resp, "the answer is empty", nil)
	}
	if err := json.Unmarshal(buf.Bytes(), v); err != nil {
		if r.undo != nil {
			r.undo() // Nobody would follow what has been made.
		}
		what := "the answer isn't the JSON that was expected"
		if kind := resp.Header.Get("Content-Type"); !strings.Contains(kind, "json") {
			what = fmt.Sprintf("the answer is %q instead of JSON", kind)
		}
		return r.misread(resp, what+": "+excerpt(buf.Bytes()), err)
	}
	return nil
}

func (r *request) misread(resp *http.Response, message string, cause error) error {
	err := ErrProtocol
	if cause != nil {
		err = fmt.Errorf("%w: %w", ErrProtocol, cause)
	}
	return &Error{
		Operation:  r.op.id,
		Method:     r.op.method,
		Path:       pathOf(resp.Request, r.op),
		StatusCode: resp.StatusCode,
		Message:    message,
		err:        err,
	}
}

func pathOf(req *http.Request, op *operation) string {
	switch {
	case req != nil && req.URL != nil:
		return req.URL.EscapedPath()
	case op != nil:
		return op.path
	default:
		return ""
	}
}

// A reader reads the answer to a request: the request itself, or what it is part of.
type reader interface {
	decode(resp *http.Response, err error, v any) error
}

func decodeObject[T any](r reader, resp *http.Response, err error) (*T, error) {
	v := new(T)
	if err := r.decode(resp, err, v); err != nil {
		return nil, err
	}
	return v, nil
}

func decodeList[T any](r reader, resp *http.Response, err error) ([]T, error) {
	var list []T
	if err := r.decode(resp, err, &list); err != nil {
		return nil, err
	}
	return list, nil
}

// optional returns nil for a zero value, which isn't sent, and else a pointer to it.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// units is a duration in whole units of the wire, rounded up so that a short one doesn't become none.
// Zero isn't sent; a negative one is sent as -1, which means no limit where that is possible.
func units(d, unit time.Duration) *int {
	if d == 0 {
		return nil
	}
	n := -1
	if d > 0 {
		n = int(min(d/unit, math.MaxInt32)) // Asterisk's own limit
		if d%unit > 0 && n < math.MaxInt32 {
			n++
		}
	}
	return &n
}
