package resources

import (
	"encoding/json"
	"net/http"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/applications"
	"github.com/ari-go/ari/internal/sim/wire"
)

var errNoApp = failed(http.StatusNotFound, "Application not found")

func (o *operations) ApplicationsList(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) { return list(o.p.Apps()), nil })
}

func (o *operations) ApplicationsGet(w http.ResponseWriter, _ *http.Request, name string) {
	o.app(w, name, func(*applications.App) *apiError { return nil })
}

func (o *operations) ApplicationsFilter(w http.ResponseWriter, r *http.Request, name string) {
	body := argsOf(r).body
	o.app(w, name, func(a *applications.App) *apiError {
		allowed, ok := filterList(body, "allowed")
		disallowed, ok2 := filterList(body, "disallowed")
		if !ok || !ok2 {
			return failed(http.StatusBadRequest, "Invalid format definition")
		}
		if _, given := body["allowed"]; given || len(body) == 0 {
			a.FilterAllowed(allowed)
		}
		if _, given := body["disallowed"]; given || len(body) == 0 {
			a.FilterDisallowed(disallowed)
		}
		return nil
	})
}

func (o *operations) ApplicationsSubscribe(w http.ResponseWriter, r *http.Request, name string, _ gen.ApplicationsSubscribeParams) {
	o.sources(w, r, name, func(a *applications.App, s applications.Source) *apiError {
		if !o.p.Exists(s) {
			return failed(http.StatusUnprocessableEntity, "Event source does not exist")
		}
		a.Subscribe(s)
		return nil
	})
}

func (o *operations) ApplicationsUnsubscribe(w http.ResponseWriter, r *http.Request, name string, _ gen.ApplicationsUnsubscribeParams) {
	o.sources(w, r, name, func(a *applications.App, s applications.Source) *apiError {
		if s.Name == "" && s.Scheme != "deviceState" && a.All(s.Scheme) {
			return failed(http.StatusNotImplemented, "Not implemented")
		}
		if !a.Unsubscribe(s) {
			return failed(http.StatusUnprocessableEntity, "Event source was not subscribed to")
		}
		return nil
	})
}

// app runs f for an application and answers with the application.
func (o *operations) app(w http.ResponseWriter, name string, f func(*applications.App) *apiError) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		a := o.p.App(name)
		if a == nil {
			return nil, errNoApp
		}
		if err := f(a); err != nil {
			return nil, err
		}
		body := a.JSON()
		o.p.Reap(a)
		return body, nil
	})
}

// sources reads a list of event sources, and does something with each, in order.
func (o *operations) sources(w http.ResponseWriter, r *http.Request, name string, f func(*applications.App, applications.Source) *apiError) {
	sources := argsOf(r).lists["eventSource"]
	if len(sources) == 0 {
		fail(w, http.StatusBadRequest, "Missing parameter eventSource")
		return
	}
	o.app(w, name, func(a *applications.App) *apiError {
		parsed := make([]applications.Source, len(sources))
		for i, text := range sources {
			s, ok := applications.ParseSource(text)
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

// filterList reads one list of an event filter; one that isn't there is empty.
func filterList(body map[string]json.RawMessage, member string) (f applications.Filter, ok bool) {
	raw, given := body[member]
	if !given {
		return applications.Filter{}, true
	}
	var items []struct {
		Type *string `json:"type"`
	}
	if json.Unmarshal(raw, &items) != nil {
		return applications.Filter{}, false
	}
	types := make([]string, len(items))
	for i, item := range items {
		if item.Type == nil || *item.Type == "" {
			return applications.Filter{}, false
		}
		types[i] = *item.Type
	}
	return applications.NewFilter(types), true
}
