package ari

import (
	"context"
	"errors"
	"io"
	"net/http"
	"syscall"
	"time"
)

const (
	// tries is how often a GET or DELETE is sent whose connection died under it.
	tries      = 3
	retryDelay = 20 * time.Millisecond
)

// sendAgain sends a GET or DELETE again whose connection died: Asterisk closes idle connections, and answers one over its
// limit by closing it. It sends nothing to an Asterisk that is dead, and counts the attempts of every request.
func (c *chain) sendAgain(next Doer) Doer {
	return DoerFunc(func(req *http.Request) (*http.Response, error) {
		r := requestOf(req.Context())
		again := req.Method == http.MethodGet || req.Method == http.MethodDelete
		if req.Method == http.MethodDelete {
			// Without this net/http takes it for granted for GET only that it may be sent twice. An empty list of
			// values is not sent.
			req.Header["X-Idempotency-Key"] = []string{}
		}
		for try := 1; ; try++ {
			if err := c.life.dead(); err != nil {
				return nil, err // It would hang for as long as Asterisk does.
			}
			if r.attempts.Add(1) > 1 && req.GetBody != nil {
				body, err := req.GetBody()
				if err != nil {
					return nil, err
				}
				req.Body = body
			}
			resp, err := next.Do(req)
			if err == nil || !again || try == tries || !died(err) {
				return resp, err
			}
			if !sleep(req.Context(), time.Duration(try)*retryDelay) {
				return nil, context.Cause(req.Context())
			}
		}
	})
}

func died(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
