package aritest

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/ariserver"
)

// operations are the handlers of all operations. One that is new to the description answers 501 until it is here; a test
// sees to it that none stays so.
type operations struct {
	ariserver.Unimplemented
	p *pbx
}

var _ ariserver.ServerInterface = (*operations)(nil)

// errHungup is what a command gets that waited on a channel that was hung up.
var errHungup = errors.New("hung up")

// An apiError is an answer other than success.
type apiError struct {
	status  int
	message string
}

func (e *apiError) Error() string { return e.message }

func failed(status int, message string) *apiError { return &apiError{status, message} }

// respond writes what an operation came to: an error, a body, or nothing.
func respond(w http.ResponseWriter, status int, body jsonText, err *apiError) {
	switch {
	case err != nil && err.message == "":
		failAllocation(w)
	case err != nil:
		fail(w, err.status, err.message)
	case body != nil:
		write(w, status, body)
	default:
		w.WriteHeader(status)
	}
}

// locked runs f with the lock held and answers with what it returns.
func (o *operations) locked(w http.ResponseWriter, status int, f func() (jsonText, *apiError)) {
	o.p.mu.Lock()
	body, err := f()
	o.p.mu.Unlock()
	respond(w, status, body, err)
}

// list answers with a list.
func list[T interface{ json() jsonText }](items []T) jsonText {
	all := make([]jsonText, len(items))
	for i, item := range items {
		all[i] = item.json()
	}
	return appendValue(nil, all)
}

func decode[T any](body jsonText) T {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		panic(err) // our own JSON
	}
	return v
}

// deref is a parameter's value, or nothing.
func deref[T any](v *T) T {
	if v == nil {
		var none T
		return none
	}
	return *v
}

// variables reads the member "variables" of a body.
func (a *args) variables(required bool) ([]variable, *apiError) {
	raw, ok := a.body["variables"]
	if !ok {
		if required {
			return nil, failed(http.StatusBadRequest, "The 'variables' field must be a JSON object")
		}
		return nil, nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		if required {
			return nil, failed(http.StatusBadRequest, "The 'variables' field must be a JSON object")
		}
		members = nil // Asterisk takes no notice of it.
	}
	return readVariables(members, a.router.p.has.syncSetVar)
}

// texts reads the member "variables" of a message's body.
func (a *args) texts() ([]variable, *apiError) {
	var members map[string]json.RawMessage
	if raw, ok := a.body["variables"]; ok && json.Unmarshal(raw, &members) != nil {
		members = nil // Asterisk takes no notice of it.
	}
	return readVariables(members, false)
}

// readVariables reads variables, which may be reported in events since some version.
func readVariables(members map[string]json.RawMessage, reportable bool) ([]variable, *apiError) {
	bad := failed(http.StatusBadRequest, "Each value in 'variables' must be a string or an object with 'value' and optional 'report_events'")
	if !reportable {
		bad = failed(http.StatusBadRequest, "Only string values in the 'variables' object allowed")
	}
	vars := make([]variable, 0, len(members))
	for name, raw := range members {
		v := variable{name: name}
		if json.Unmarshal(raw, &v.value) != nil {
			var reported struct {
				Value  *string `json:"value"`
				Report bool    `json:"report_events"`
			}
			if !reportable || json.Unmarshal(raw, &reported) != nil || reported.Value == nil {
				return nil, bad
			}
			v.value, v.report = *reported.Value, reported.Report
		}
		vars = append(vars, v)
	}
	slices.SortFunc(vars, func(a, b variable) int { return strings.Compare(a.name, b.name) })
	return vars, nil
}

// Applications.

var errNoApp = failed(http.StatusNotFound, "Application not found")

func (o *operations) ApplicationsList(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) { return list(o.p.appOrder), nil })
}

// app runs f for an application and answers with the application.
func (o *operations) app(w http.ResponseWriter, name string, f func(*app) *apiError) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		a := o.p.apps[name]
		if a == nil {
			return nil, errNoApp
		}
		if err := f(a); err != nil {
			return nil, err
		}
		body := a.json()
		o.p.reap(a)
		return body, nil
	})
}

func (o *operations) ApplicationsGet(w http.ResponseWriter, _ *http.Request, name string) {
	o.app(w, name, func(*app) *apiError { return nil })
}

func (o *operations) ApplicationsFilter(w http.ResponseWriter, r *http.Request, name string) {
	body := argsOf(r).body
	o.app(w, name, func(a *app) *apiError {
		allowed, types, ok := filterList(body, "allowed")
		if !ok {
			return failed(http.StatusBadRequest, "Invalid format definition")
		}
		disallowed, notTypes, ok2 := filterList(body, "disallowed")
		if !ok2 {
			return failed(http.StatusBadRequest, "Invalid format definition")
		}
		if _, given := body["allowed"]; given || len(body) == 0 {
			a.allowed, a.allowedTypes = allowed, types
		}
		if _, given := body["disallowed"]; given || len(body) == 0 {
			a.disallowed, a.disallowedTypes = disallowed, notTypes
		}
		return nil
	})
}

// filterList reads one list of an event filter.
func filterList(body map[string]json.RawMessage, member string) (objects []jsonText, types map[string]bool, ok bool) {
	raw, given := body[member]
	if !given {
		return nil, nil, true
	}
	var items []struct {
		Type *string `json:"type"`
	}
	if json.Unmarshal(raw, &items) != nil {
		return nil, nil, false
	}
	types = map[string]bool{}
	for _, item := range items {
		if item.Type == nil {
			return nil, nil, false
		}
		types[*item.Type] = true
		objects = append(objects, object(field{"type", *item.Type}))
	}
	return objects, types, true
}

// sources reads a list of event sources, and does something with each, in order.
func (o *operations) sources(w http.ResponseWriter, r *http.Request, name string, f func(*app, source) *apiError) {
	sources := argsOf(r).lists["eventSource"]
	o.app(w, name, func(a *app) *apiError {
		if len(sources) == 0 {
			return failed(http.StatusBadRequest, "Missing parameter eventSource")
		}
		parsed := make([]source, len(sources))
		for i, text := range sources {
			s, ok := parseSource(text)
			if !ok {
				return failed(http.StatusBadRequest, "Invalid event source URI scheme")
			}
			parsed[i] = s
		}
		for _, s := range parsed {
			if err := f(a, s); err != nil {
				return err
			}
		}
		return nil
	})
}

func (o *operations) ApplicationsSubscribe(w http.ResponseWriter, r *http.Request, name string, _ gen.ApplicationsSubscribeParams) {
	o.sources(w, r, name, func(a *app, s source) *apiError {
		if !o.p.exists(s) {
			return failed(http.StatusUnprocessableEntity, "Event source does not exist")
		}
		o.p.subscribe(a, s)
		return nil
	})
}

func (o *operations) ApplicationsUnsubscribe(w http.ResponseWriter, r *http.Request, name string, _ gen.ApplicationsUnsubscribeParams) {
	o.sources(w, r, name, func(a *app, s source) *apiError {
		if s.name == "" && s.scheme != "deviceState" && a.all(s.scheme) {
			return failed(http.StatusNotImplemented, "Not implemented")
		}
		if !o.p.unsubscribe(a, s) {
			return failed(http.StatusUnprocessableEntity, "Event source was not subscribed to")
		}
		return nil
	})
}
