package ari

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A request is the context of one request. It carries the operation to the doer, below the generated client.
type request struct {
	context.Context //nolint:containedctx // It is a context.
	op              *operation
	ctrl            *Controller // whose request it is
}

// begin begins a request of an operation. The ids are those that go into the path; one that would make
// another path of it is refused here: Asterisk reads DELETE /channels//ring as an operation on /channels.
func (c *Controller) begin(ctx context.Context, op *operation, ids ...string) (*request, error) {
	if c == nil || c.api == nil {
		return nil, refuse(op, "there is no controller: a zero value has none")
	}
	for i, id := range ids {
		if id == "" || id == "." || id == ".." {
			return nil, refuse(op, "the %s %q is no id", placeholder(op.path, i), id)
		}
	}
	return &request{ctx, op, c}, nil
}

// needs refuses an operation whose point is a parameter that this version of Asterisk doesn't know, and would ignore.
func (c *Controller) needs(ctx context.Context, op *operation, param string) error {
	if c == nil || c.doer == nil {
		return nil // begin refuses it
	}
	since := op.param(param).since
	if v, known := c.doer.knownVersion(ctx); known && !since.have(v) {
		return &Error{Operation: op.id, Method: op.method, Path: op.path, Message: "not sent", err: unsupported(param, since, v)}
	}
	return nil
}

// placeholder returns the name of the path's n-th placeholder.
func placeholder(path string, n int) string {
	parts := strings.Split(path, "{")
	name, _, _ := strings.Cut(parts[n+1], "}")
	return name
}

// fail makes an *Error of what the generated client returned. What comes from the doer is one already.
func (c *request) fail(err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return &Error{Operation: c.op.id, Method: c.op.method, Path: c.op.path, err: err}
}

// done ends a request that has no result.
func (c *request) done(resp *http.Response, err error) error {
	if err != nil {
		return c.fail(err)
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
func (c *request) decode(resp *http.Response, err error, v any) error {
	if err != nil {
		return c.fail(err)
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
		return c.misread(resp, "the answer broke off", err)
	}
	if len(bytes.TrimSpace(buf.Bytes())) == 0 {
		return c.misread(resp, "the answer is empty", nil)
	}
	if err := json.Unmarshal(buf.Bytes(), v); err != nil {
		what := "the answer isn't the JSON that was expected"
		if kind := resp.Header.Get("Content-Type"); !strings.Contains(kind, "json") {
			what = fmt.Sprintf("the answer is %q instead of JSON", kind)
		}
		return c.misread(resp, what+": "+excerpt(buf.Bytes()), err)
	}
	return nil
}

func (c *request) misread(resp *http.Response, message string, cause error) error {
	err := ErrProtocol
	if cause != nil {
		err = fmt.Errorf("%w: %w", ErrProtocol, cause)
	}
	return &Error{
		Operation:  c.op.id,
		Method:     c.op.method,
		Path:       pathOf(resp.Request, c.op),
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

// excerpt is the beginning of a body, on one line.
func excerpt(body []byte) string {
	const most = 120
	text := strings.Join(strings.Fields(string(body[:min(len(body), 2*most)])), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

func decodeObject[T any](c *request, resp *http.Response, err error) (*T, error) {
	v := new(T)
	if err := c.decode(resp, err, v); err != nil {
		return nil, err
	}
	return v, nil
}

func decodeList[T any](c *request, resp *http.Response, err error) ([]T, error) {
	var list []T
	if err := c.decode(resp, err, &list); err != nil {
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

// queryParts splits a raw query into names and values, still encoded.
func queryParts(raw string, each func(name, value string) error) error {
	for raw != "" {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return err
		}
		if err := each(name, value); err != nil {
			return err
		}
	}
	return nil
}
