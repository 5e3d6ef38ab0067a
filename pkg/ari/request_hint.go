package ari

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Asterisk says little about some failures. What is usually behind them, and what of a request's arguments can be at fault,
// can be concluded from the request; seen on 22.10 and 16.28.
const (
	hintTLS          = "it closes the connection without a word; if the port is one for TLS, the URL must begin with https://"
	hintCollided     = "other playbacks to the bridge begin at the same time, or an option has a value that it can't have"
	hintNoAllocation = "the technology is unknown, or the endpoint doesn't exist or isn't registered"
)

// hintOn is what is usually behind an answer to a request, or "".
func hintOn(req *http.Request, op *operation, status int, message string) string {
	switch op {
	case opChannelsOriginate, opChannelsOriginateWithId, opChannelsCreate:
		if status == http.StatusInternalServerError && message == noAllocation {
			return hintNoAllocation
		}
	case opBridgesPlay, opBridgesPlayWithId:
		if status == http.StatusInternalServerError && message == noAllocation {
			return hintCollided
		}
	case opChannelsExternalMedia:
		if status == http.StatusInternalServerError {
			return mediaHint(req, message)
		}
	case opBridgesCreate, opBridgesCreateWithId:
		if attributes, _ := paramText(req, "type"); status == http.StatusInternalServerError && attributes != "" && message == "Unable to create bridge" {
			return fmt.Sprintf("the type %q has an attribute that is unknown, or two that contradict each other", attributes)
		}
	case opBridgesAddChannel, opBridgesRemoveChannel:
		if status == http.StatusBadRequest || status == http.StatusUnprocessableEntity || status == http.StatusConflict {
			return channelsHint(req)
		}
	}
	return ""
}

// channelsHint names the channels of a request, one of which is at fault.
func channelsHint(req *http.Request) string {
	ids := paramItems(req, "channel")
	switch {
	case len(ids) == 0:
		return ""
	case len(ids) == 1:
		return fmt.Sprintf("channel %q", ids[0])
	}
	for i, id := range ids {
		ids[i] = fmt.Sprintf("%q", id)
	}
	return "one of the channels " + strings.Join(ids, ", ")
}

// mediaHint lists what may be wrong with external media that Asterisk could not make for a reason that it keeps to itself.
func mediaHint(req *http.Request, message string) string {
	text := func(name string) string {
		value, _ := paramText(req, name)
		return value
	}
	encapsulation, hostport := text("encapsulation"), text("external_host")
	if data := text("data"); encapsulation == "audiosocket" && !isUUID(data) {
		return fmt.Sprintf("data must be a UUID, %q is none", data)
	}
	var suspects []string
	host, _, err := net.SplitHostPort(hostport)
	if err == nil {
		if _, err := netip.ParseAddr(host); err != nil {
			suspects = append(suspects, fmt.Sprintf("the host %q is unknown", host))
		}
	}
	if message == noAllocation { // An older Asterisk says so if it is something else.
		return strings.Join(suspects, "")
	}
	if encapsulation == "audiosocket" {
		suspects = append(suspects, "nobody listens at "+hostport)
	}
	suspects = append(suspects, fmt.Sprintf("the format %q is unknown", text("format")))
	if id := text("channelId"); id != "" && !isOwnID(id) {
		suspects = append(suspects, fmt.Sprintf("the id %q is taken", id))
	}
	return strings.Join(suspects, ", or ")
}

// isUUID reports whether a text is a UUID as Asterisk reads it: 8-4-4-4-12 digits.
func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i := range len(text) {
		switch c := text[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)):
			return false
		}
	}
	return true
}

// isOwnID reports whether an id is one that newID has made, so that nobody else can have taken it.
func isOwnID(id string) bool { return strings.HasPrefix(id, "ari-") && len(id) > 20 }
