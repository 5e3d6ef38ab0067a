package resources

import (
	"net/http"
	"strings"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/wire"
)

var errNoEndpoint = failed(http.StatusNotFound, "Endpoint not found")

func (o *operations) message(w http.ResponseWriter, r *http.Request, to, from, body string, known bool) {
	vars, bad := argsOf(r).texts()
	o.locked(w, http.StatusAccepted, func() (wire.JSON, *apiError) {
		switch {
		case bad != nil:
			return nil, bad
		case !known && o.p.Addressed(to) == nil:
			return nil, errNoEndpoint
		}
		m := pbx.Message{To: to, From: from, Body: body, Variables: map[string]string{}}
		for _, v := range vars {
			m.Variables[v.Name] = v.Value
		}
		o.p.Messages = append(o.p.Messages, m)
		o.p.Signal()
		return nil, nil
	})
}

func (o *operations) refer(w http.ResponseWriter, r *http.Request, to string) {
	_, bad := argsOf(r).texts()
	o.locked(w, http.StatusAccepted, func() (wire.JSON, *apiError) {
		switch {
		case bad != nil:
			return nil, bad
		case o.p.Addressed(to) == nil:
			return nil, errNoEndpoint
		}
		return nil, nil
	})
}

// EndpointsList lists all endpoints.
func (o *operations) EndpointsList(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) { return o.endpoints(""), nil })
}

// endpoints lists the endpoints of a technology, or all.
func (o *operations) endpoints(tech string) wire.JSON {
	all := []wire.JSON{}
	for _, e := range o.p.EndpointsOf(tech) {
		all = append(all, e.JSON(o.p))
	}
	return wire.AppendValue(nil, all)
}

// EndpointsListByTech lists the endpoints of a technology.
func (o *operations) EndpointsListByTech(w http.ResponseWriter, _ *http.Request, tech string) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		if !o.p.HasTech(tech) {
			return nil, failed(http.StatusNotFound, "No Endpoints found - invalid tech "+tech)
		}
		return o.endpoints(tech), nil
	})
}

// EndpointsGet shows an endpoint.
func (o *operations) EndpointsGet(w http.ResponseWriter, _ *http.Request, tech, resource string) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		if e := o.p.Phonebook[tech+"/"+resource]; e != nil {
			return e.JSON(o.p), nil
		}
		return nil, errNoEndpoint
	})
}

// EndpointsSendMessage sends a text to an address.
func (o *operations) EndpointsSendMessage(w http.ResponseWriter, r *http.Request, q gen.EndpointsSendMessageParams) {
	o.message(w, r, q.To, q.From, deref(q.Body), false)
}

// EndpointsSendMessageToEndpoint sends a text to an endpoint.
func (o *operations) EndpointsSendMessageToEndpoint(w http.ResponseWriter, r *http.Request, tech, resource string, q gen.EndpointsSendMessageToEndpointParams) {
	o.message(w, r, strings.ToLower(tech)+":"+resource, q.From, deref(q.Body), false)
}

// EndpointsRefer asks an address to call somebody.
func (o *operations) EndpointsRefer(w http.ResponseWriter, r *http.Request, q gen.EndpointsReferParams) {
	o.refer(w, r, q.To)
}

// EndpointsReferToEndpoint asks an endpoint to call somebody.
func (o *operations) EndpointsReferToEndpoint(w http.ResponseWriter, r *http.Request, tech, resource string, _ gen.EndpointsReferToEndpointParams) {
	o.refer(w, r, strings.ToLower(tech)+":"+resource)
}
