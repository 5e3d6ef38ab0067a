package ari

import (
	"net/http"
	"strings"
	"time"
)

// playAgain sends a play to a bridge again that has met another one. Asterisk makes a channel for what plays to a bridge when
// there is none yet. Of several requests at once one wins, and the others are answered with 500 and "Allocation failed"; so,
// now and then, is one that comes while the channel of the last playback is just leaving. They have made nothing, and behind
// the winner there is a queue. Seen on 22.10 and 16.28.
func playAgain(next Doer) Doer {
	return DoerFunc(func(req *http.Request) (*http.Response, error) {
		for try := 1; ; try++ {
			resp, err := next.Do(req)
			if err != nil || try == tries || !hasCollided(requestOf(req.Context()).op, resp) {
				return resp, err
			}
			if isReadUp(req) || !sleep(req.Context(), time.Duration(try)*retryDelay) {
				return resp, nil
			}
		}
	})
}

// hasCollided reports whether an answer is that to a play to a bridge which has met another one.
func hasCollided(op *operation, resp *http.Response) bool {
	if op != opBridgesPlay && op != opBridgesPlayWithId || resp.StatusCode != http.StatusInternalServerError {
		return false
	}
	body, err := readWhole(resp)
	return err == nil && strings.Contains(string(body), noAllocation)
}

// isReadUp reports whether a request can't be sent again, because its body can be read only once.
func isReadUp(req *http.Request) bool {
	return req.Body != nil && req.Body != http.NoBody && req.GetBody == nil
}
