package resources

import (
	"net/http"
	"net/url"
	"strings"
)

// Users are the two that there are: one may do everything, the other only read.
type Users struct{ Name, Password, Reader, ReaderPassword string }

// may tells what a user may do.
type may int

const (
	nothing may = iota
	readOnly
	everything
)

// authenticate looks at the user and password of a request.
func (r *Router) authenticate(req *http.Request, query url.Values) may {
	name, secret, ok := req.BasicAuth()
	if req.Header.Get("Authorization") == "" {
		name, secret, ok = strings.Cut(query.Get("api_key"), ":")
	}
	u := &r.users
	switch {
	case ok && name == u.Name && secret == u.Password:
		return everything
	case ok && name == u.Reader && secret == u.ReaderPassword:
		return readOnly
	default:
		return nothing
	}
}
