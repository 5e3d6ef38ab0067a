package pbx

import (
	"maps"
	"slices"
	"strings"

	"github.com/ari-go/ari/internal/sim/wire"
)

// Reconfigure makes the endpoints of SIP those that the configuration objects say, and tells what is new about them. An endpoint can be reached at the
// contacts of its addresses of record. Nobody is there, so one whose contacts are to be looked after turns out to be unreachable.
func (p *PBX) Reconfigure() {
	for _, key := range slices.Sorted(maps.Keys(p.Objects)) {
		if id, ok := strings.CutPrefix(key, "endpoint/"); ok {
			p.reconfigure(id)
		}
	}
	maps.DeleteFunc(p.Phonebook, func(_ string, e *Endpoint) bool {
		return e.configured && p.Objects["endpoint/"+e.resource] == nil
	})
}

// Static reports whether an endpoint is one that a test has made, as if it stood in a configuration file.
func (p *PBX) Static(resource string) bool {
	e := p.Phonebook["PJSIP/"+resource]
	return e != nil && !e.configured
}

func (p *PBX) reconfigure(id string) {
	e := p.Phonebook["PJSIP/"+id]
	if e == nil {
		e = &Endpoint{tech: "PJSIP", resource: id, configured: true, called: func(*Channel) {}}
		p.Phonebook["PJSIP/"+id] = e
		p.ToEndpointItself(e.tech, id, func() wire.Event { return p.Event("EndpointStateChange", wire.F("endpoint", e.json(p, "unknown"))) })
		e.tellState(p)
	}
	if !e.configured {
		return
	}
	before := e.contact
	e.contact = contact{}
	for aor := range strings.SplitSeq(p.Objects["endpoint/"+id]["aors"], ",") {
		if o := p.Objects["aor/"+strings.TrimSpace(aor)]; o != nil && o["contact"] != "" {
			e.contact = contact{aor: strings.TrimSpace(aor), uri: o["contact"], qualified: o["qualify_frequency"] != "0"}
		}
	}
	if reachable := e.contact.uri != "" && !e.contact.qualified; reachable != e.reachable {
		e.reachable = reachable
		e.tellState(p)
		e.tellPeer(p)
	}
	if now := e.contact; now.uri != "" && now.uri == before.uri && now.aor == before.aor && now.qualified != before.qualified {
		status := "NonQualified"
		if now.qualified {
			status = "Unreachable"
		}
		e.tellContact(p, now, status)
	}
}

// A contact is where an endpoint of SIP is.
type contact struct {
	aor, uri  string
	qualified bool // it is looked after whether somebody is there
}

// tellPeer tells whether an endpoint of SIP can be reached.
func (e *Endpoint) tellPeer(p *PBX) {
	status := "Unreachable"
	if e.reachable {
		status = "Reachable"
	}
	p.ToEndpoint(e.tech, e.resource, func() wire.Event {
		return p.Event("PeerStatusChange", wire.F("endpoint", e.JSON(p)), wire.F("peer", wire.Object(wire.F("peer_status", status))))
	})
}

// tellContact tells how an address of an endpoint of SIP is now.
func (e *Endpoint) tellContact(p *PBX, c contact, status string) {
	p.ToEndpoint(e.tech, e.resource, func() wire.Event {
		return p.Event("ContactStatusChange", wire.F("endpoint", e.JSON(p)), wire.F("contact_info", wire.Object(
			wire.F("uri", c.uri), wire.F("contact_status", status), wire.F("aor", c.aor), wire.F("roundtrip_usec", "0"))))
	})
}
