package ari

import (
	"net/http"
	"strings"
)

// escapePlus encodes a plus sign in the path. Go leaves it as it is; Asterisk reads it as a space.
func escapePlus(req *http.Request) error {
	if path := req.URL.EscapedPath(); strings.IndexByte(path, '+') >= 0 {
		req.URL.RawPath = plusEscaped(path)
	}
	return nil
}

func plusEscaped(path string) string { return strings.ReplaceAll(path, "+", "%2B") }
