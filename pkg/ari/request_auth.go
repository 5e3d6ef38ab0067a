package ari

import "net/http"

// authorize gives a request its Authorization header. It stands below the users' interceptors, so that none can log what
// is in it.
func authorize(header string) func(*http.Request) error {
	return func(req *http.Request) error {
		if header != "" {
			req.Header.Set("Authorization", header)
		}
		return nil
	}
}
