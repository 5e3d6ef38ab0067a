package ari

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
)

// server is what is known of the Asterisk that answers.
type server struct {
	version atomic.Pointer[Version]
	name    atomic.Pointer[string]                     // what the last answer called it
	untold  atomic.Bool                                // It was asked for its version, and didn't tell.
	ask     func(ctx context.Context) (Version, error) // asks it for its version
}

// note takes the version from an answer.
func (s *server) note(h http.Header) {
	name := h.Get("Server")
	if last := s.name.Load(); last != nil && *last == name || !strings.HasPrefix(name, "Asterisk/") {
		return
	}
	s.name.Store(&name)
	if v, err := ParseVersion(name); err == nil {
		s.version.Store(&v)
	}
}

// knownVersion returns Asterisk's version, if it can be told. What can't be told is no reason to refuse a command.
func (s *server) knownVersion(ctx context.Context) (Version, bool) {
	if v := s.version.Load(); v != nil {
		return *v, true
	}
	if s.untold.Load() {
		return Version{}, false
	}
	v, err := s.ask(ctx)
	if err == nil {
		return v, true
	}
	if e, ok := errors.AsType[*Error](err); !ok || e.StatusCode != 0 && e.StatusCode < 500 {
		s.untold.Store(true) // There was an answer; another would be the same.
	}
	return Version{}, false
}

// refuseMistakable keeps an operation from an Asterisk that is too old for it and would take it for another one.
func refuseMistakable(s *server) func(*http.Request) error {
	return func(req *http.Request) error {
		op := requestOf(req.Context()).op
		if op == nil || !mistakable[op] {
			return nil
		}
		v, known := s.knownVersion(req.Context())
		if !known || op.since.have(v) {
			return nil
		}
		e := newRequestError(req, unsupported("it", op.since, v))
		e.Message = "not sent"
		return e
	}
}

// mistakable are the operations whose path an older Asterisk takes for another operation's, with a word of the path for
// an id: POST /channels/create originates a channel with the id "create".
var mistakable = func() map[*operation]bool {
	set := make(map[*operation]bool)
	for i := range operations {
		op := &operations[i]
		for j := range operations {
			other := &operations[j]
			if other != op && other.method == op.method && matchPath(other.path, op.path) {
				set[op] = true
			}
		}
	}
	return set
}()

func unsupported(what string, since versions, v Version) error {
	return fmt.Errorf("%w: %s needs Asterisk %s, this is %s", ErrUnsupported, what, since, v)
}

// tooNewValue finds a parameter whose value this version doesn't know yet.
func tooNewValue(raw string, op *operation, v Version) (err error) {
	_ = queryParts(raw, func(name, value string) error {
		if p := op.param(name); p != nil {
			if since, ok := p.values[value]; ok && !since.have(v) {
				err = unsupported(name+"="+value, since, v)
			}
		}
		return nil
	})
	return err
}
