package pbx

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/text"
	"github.com/ari-go/ari/internal/sim/wire"
)

// EndpointsOf are the endpoints of a technology, or all.
func (p *PBX) EndpointsOf(tech string) []*Endpoint {
	var all []*Endpoint
	for _, name := range slices.Sorted(maps.Keys(p.Phonebook)) {
		if e := p.Phonebook[name]; tech == "" || e.tech == tech {
			all = append(all, e)
		}
	}
	return all
}

// Addressed is the endpoint of an address such as pjsip:alice.
func (p *PBX) Addressed(to string) *Endpoint {
	tech, resource, _ := strings.Cut(to, ":")
	for _, e := range p.Phonebook {
		if strings.EqualFold(e.tech, tech) && (e.resource == resource || e.resource == text.Before(resource, "/")) {
			return e
		}
	}
	return nil
}

// Endpoint finds an endpoint by what is dialled: alice, or trunk in 100@trunk and in trunk/sip:100@host.
func (p *PBX) Endpoint(tech, dest string) *Endpoint {
	for _, name := range []string{dest, text.Before(dest, "/"), text.After(dest, "@")} {
		if e := p.Phonebook[tech+"/"+name]; e != nil {
			return e
		}
	}
	return nil
}

// HasTech reports whether there are endpoints of a technology.
func (p *PBX) HasTech(tech string) bool {
	for _, e := range p.Phonebook {
		if e.tech == tech {
			return true
		}
	}
	return tech == "PJSIP"
}

// JSON is the endpoint as ARI shows it.
func (e *Endpoint) JSON(p *PBX) wire.JSON {
	state := "online"
	if !e.reachable {
		state = "offline"
	}
	return e.json(p, state)
}

func (e *Endpoint) json(p *PBX, state string) wire.JSON {
	ids := []string{}
	for _, ch := range p.ChannelOrder {
		if ch.Tech == e.tech && strings.HasPrefix(ch.name, e.tech+"/"+e.resource+"-") {
			ids = append(ids, ch.ID)
		}
	}
	return wire.Object(wire.F("technology", e.tech), wire.F("resource", e.resource), wire.F("state", state), wire.F("channel_ids", ids))
}

// A Message is a text that was sent through Asterisk.
type Message struct {
	To, From, Body string
	Variables      map[string]string
}

// An Endpoint is a telephone, or a line, that Asterisk can call.
type Endpoint struct {
	tech, resource string
	caller         Caller
	reachable      bool
	called         func(*Channel) // called, with the lock held, when Asterisk calls it
	configured     bool           // by a configuration object
	contact        contact        // of one that is configured
}

// SetEndpoint makes an endpoint or changes it, and tells if it can be reached now, or no more.
func (p *PBX) SetEndpoint(name string, reachable bool, called func(*Channel)) *Endpoint {
	tech, resource, _ := strings.Cut(name, "/")
	e := p.Phonebook[tech+"/"+resource]
	if e == nil {
		e = &Endpoint{tech: tech, resource: resource, caller: Caller{resource, resource}}
		p.Phonebook[tech+"/"+resource] = e
	}
	was := e.reachable
	e.reachable, e.called, e.configured = reachable, called, false
	if was != reachable {
		e.tellState(p)
		e.tellRegistration(p)
		p.deviceChanged(name, e.tech)
	}
	return e
}

// tellState tells what the endpoint is like now.
func (e *Endpoint) tellState(p *PBX) {
	p.ToEndpointItself(e.tech, e.resource, func() wire.Event {
		return p.Event("EndpointStateChange", wire.F("endpoint", e.JSON(p)))
	})
}

// tellRegistration tells of a telephone that has registered, or has taken that back.
func (e *Endpoint) tellRegistration(p *PBX) {
	if e.tech != "PJSIP" {
		return
	}
	status := "Removed"
	if e.reachable {
		status = "NonQualified"
	}
	e.tellPeer(p)
	e.tellContact(p, contact{aor: e.resource, uri: "sip:" + e.resource + "@127.0.0.1:5060"}, status)
}

// Receive takes a text that an endpoint has sent, and tells those who are subscribed to it. A SIP text brings its headers along.
func (p *PBX) Receive(e *Endpoint, to, body string) {
	from := strings.ToLower(e.tech) + ":" + e.resource
	headers := []wire.Field{}
	if e.tech == "PJSIP" {
		const here = "127.0.0.1"
		if !strings.Contains(to, ":") {
			to = "pjsip:" + to + "@" + here
		}
		from = "<sip:" + e.resource + "@" + here + ">"
		address := here + ":5060"
		headers = []wire.Field{
			wire.F("PJSIP_RECVADDR", address), wire.F("PJSIP_TRANSPORT", "udp"), wire.F("PJSIP_ENDPOINT", e.resource),
			wire.F("Via", "SIP/2.0/UDP "+address), wire.F("From", from), wire.F("To", "<sip:"+strings.TrimPrefix(to, "pjsip:")+">"),
			wire.F("Call-ID", p.Uuid()+"@"+here), wire.F("Max-Forwards", "70"), wire.F("CSeq", "1 MESSAGE"), wire.F("Content-Type", "text/plain"),
			wire.F("Content-Length", strconv.Itoa(len(body))),
		}
	}
	p.ToEndpoint(e.tech, e.resource, func() wire.Event {
		return p.Event("TextMessageReceived", wire.F("message", wire.Object(wire.F("from", from), wire.F("to", to),
			wire.F("body", body), wire.F("variables", wire.Members(headers)))), wire.F("endpoint", e.JSON(p)))
	})
}

// A farEnd is whoever is at the other end of a channel. It is told, with the lock held, what comes from Asterisk.
type farEnd interface {
	// Rang tells that it rings: here, or at the other end.
	Rang()
	// Progress tells that there are early media.
	Progress()
	// Answered tells that the call has been answered.
	Answered()
	// Hears tells of a medium that begins: "sound:hello-world", "moh:default", "beep".
	Hears(media string)
	// Sounds tells what is to be heard.
	Sounds(f media.Frame)
	// Gets tells of a digit.
	Gets(digit string)
	// Redirected tells that it is to call somebody else.
	Redirected()
	// Over tells that the call is over, with a hangup cause, and a SIP status if there was one.
	Over(cause, status int)
	// Changed tells that something else about the call is new.
	Changed()
}
