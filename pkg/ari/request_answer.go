package ari

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

const (
	// maxBody is the longest body that Asterisk takes.
	maxBody = 40 << 10

	// maxErrorBody is how much is read of an answer that has an error status.
	maxErrorBody = 64 << 10
)

// explain makes an *Error of an answer that isn't a success, and of none at all. It notes Asterisk's version.
func (c *chain) explain(next Doer) Doer {
	return DoerFunc(func(req *http.Request) (*http.Response, error) {
		resp, err := next.Do(req)
		if err != nil {
			return nil, c.noAnswer(req, err)
		}
		c.server.note(resp.Header)
		if resp.StatusCode < 200 || resp.StatusCode >= 300 {
			return nil, c.refusal(req, resp)
		}
		return resp, nil
	})
}

// noAnswer is the error of a request that got no answer.
func (c *chain) noAnswer(req *http.Request, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // its text repeats the URL
	}
	if req.ContentLength > maxBody && died(err) {
		// Asterisk has answered 413 and closed the connection, without reading the body. Whether the answer or the
		// end of the connection is seen first is chance.
		err = fmt.Errorf("%w: the body has %d bytes, Asterisk takes %d: %w", ErrTooLarge, req.ContentLength, maxBody, err)
		return newRequestError(req, err)
	}
	ctx := req.Context()
	if dead := c.life.dead(); dead != nil && ctx.Err() == nil {
		return newRequestError(req, fmt.Errorf("%w: %w", ErrConnection, dead))
	}
	if ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", ErrConnection, err)
		c.life.failed(err)
	} else if errors.Is(ctx.Err(), context.DeadlineExceeded) && !requestOf(ctx).op.waits() {
		c.life.failed(err)
	}
	e := newRequestError(req, err)
	if ctx.Err() == nil && c.server.name.Load() == nil && req.URL.Scheme == "http" && errors.Is(err, io.EOF) {
		e.hint = hintTLS
	}
	return e
}

// refusal makes the error of an answer whose status isn't a success.
func (c *chain) refusal(req *http.Request, resp *http.Response) error {
	body, readErr := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	_ = resp.Body.Close()
	op := requestOf(req.Context()).op
	id := ""
	if op != nil {
		id = op.id
	}
	e := newError(id, req.Method, req.URL.EscapedPath(), resp.StatusCode, resp.Header, body)
	if readErr != nil {
		e.err = fmt.Errorf("%w: the answer broke off: %w", ErrProtocol, readErr)
	}
	if op == nil {
		return e
	}
	if e.hint == "" {
		e.hint = hintOn(req, op, resp.StatusCode, e.Message)
	}
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed {
		if v := c.server.version.Load(); v != nil && !op.since.have(*v) {
			e.err = unsupported("it", op.since, *v)
		}
	}
	if resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusNotImplemented {
		if v := c.server.version.Load(); v != nil {
			e.err = errors.Join(e.err, tooNewValue(req.URL.RawQuery, op, *v))
		}
	}
	return e
}
