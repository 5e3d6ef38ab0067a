package ari

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
)

// A gatedSender takes a message only when it is let.
type gatedSender struct {
	begun chan []byte
	let   chan struct{}
}

func (s *gatedSender) Send(ctx context.Context, message []byte) error {
	s.begun <- message
	select {
	case <-s.let:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestGivenUpBeforeItWasSent gives a request up that waits behind another: Asterisk never hears of it, so that no answer
// counts as its own and the websocket isn't taken for a busy one.
func TestGivenUpBeforeItWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &gatedSender{begun: make(chan []byte, 8), let: make(chan struct{})}
		c := newCommandSocket(s)
		do := func(ctx context.Context) (chan *http.Response, chan error) {
			resps, errs := make(chan *http.Response, 1), make(chan error, 1)
			go func() {
				resp, err := c.do(httptest.NewRequestWithContext(ctx, http.MethodGet, "/x", http.NoBody), &restRequest{Method: "GET", URI: "x"})
				resps <- resp
				errs <- err
			}()
			synctest.Wait()
			return resps, errs
		}
		first, firstErr := do(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		_, givenUp := do(ctx)
		third, thirdErr := do(t.Context())
		cancel()
		if err := <-givenUp; !errors.Is(err, context.Canceled) {
			t.Fatalf("the request that was given up: %v", err)
		}
		s.let <- struct{}{}
		c.answer([]byte(`{"type":"RESTResponse","request_id":"1","status_code":204}`))
		if resp, err := <-first, <-firstErr; err != nil || resp.StatusCode != 204 {
			t.Fatalf("the first request: %v, %v", resp, err)
		}
		s.let <- struct{}{}
		synctest.Wait()
		if n := len(s.begun); n != 2 {
			t.Fatalf("%d messages were sent, want 2", n)
		}
		c.answer([]byte(`{"type":"RESTResponse","request_id":"1","status_code":500}`)) // Once more: nobody's.
		c.answer([]byte(`{"type":"RESTResponse","request_id":"","status_code":400}`))
		synctest.Wait()
		select {
		case resp := <-third:
			if err := <-thirdErr; err != nil || resp.StatusCode != 400 {
				t.Fatalf("the third request: %v, %v", resp, err)
			}
		default:
			t.Fatal("the answer without an id did not reach the request that it belongs to")
		}
		if !c.quiet() {
			t.Error("a websocket with nothing under way is taken for a busy one")
		}
	})
}

// TestSocketIsQuietAfterTheLastWasGivenUp is about the newest request.
func TestSocketIsQuietAfterTheLastWasGivenUp(t *testing.T) {
	c := newCommandSocket(nil)
	c.writing = true // Nobody sends.
	x, err := c.begin(&restRequest{Method: "GET", URI: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if load, _ := c.load(); load != 1 {
		t.Errorf("load %d before, want 1", load)
	}
	c.forget(x)
	if load, _ := c.load(); load != 0 || !c.quiet() {
		t.Errorf("load %d after it was given up, want 0", load)
	}
}
