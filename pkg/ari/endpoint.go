package ari

import "github.com/ari-go/ari/gen"

// Endpoint is a peer that Asterisk can call or send messages to: the snapshot of when it was read, and
// its controller.
type Endpoint struct {
	gen.Endpoint
	ctrl *Controller
}

// Endpoint returns a handle for an endpoint by its technology and resource, such as PJSIP and alice,
// without a request.
func (c *Controller) Endpoint(technology, resource string) *Endpoint {
	return &Endpoint{Endpoint: gen.Endpoint{Technology: technology, Resource: resource}, ctrl: c}
}

func (o *Endpoint) scope() scope {
	if o == nil {
		return scope{}
	}
	return o.ctrl.scopeOf(places{own: o.ctrl.key(kindEndpoint, o.Technology+"/"+o.Resource)})
}
