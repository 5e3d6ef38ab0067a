package resources

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/release"
	"github.com/ari-go/ari/internal/sim/wire"
)

var isUUID = regexp.MustCompile(`^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`)

var errInternal = failed(http.StatusInternalServerError, "An internal error prevented this request from being handled")

// ChannelsExternalMedia makes a channel whose media go to and come from a program.
func (o *operations) ChannelsExternalMedia(w http.ResponseWriter, r *http.Request, q gen.ChannelsExternalMediaParams) {
	vars, bad := argsOf(r).variables(false)
	m := mediaOf(q)
	if bad == nil {
		bad = m.check(o.p.Config.Version)
	}
	if bad != nil {
		respond(w, 0, nil, bad)
		return
	}
	var conn net.Conn
	var refused error
	if m.encapsulation == "audiosocket" && o.p.Config.Network {
		conn, refused = media.DialAudioSocket(r.Context(), m.host, m.data)
	}
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		p := o.p
		id := deref(q.ChannelID)
		if len(id) > maxID {
			return nil, errIDTooLong
		}
		if p.Config.Version.Major < 20 && p.Taken(id) {
			return nil, errDuplicate
		}
		if p.Taken(id) || !media.Codecs[m.format] || refused != nil || strings.HasPrefix(m.host, ":") || m.unknownHost() || m.encapsulation == "audiosocket" && !isUUID.MatchString(m.data) {
			if conn != nil {
				_ = conn.Close() // Nobody needs it.
			}
			return nil, errInternal
		}
		request := pbx.Party{ID: id, Variables: vars, App: q.App, OrigApp: true}
		m.party(p, &request)
		ch := p.NewParty(request)
		if conn != nil {
			ch.Carry(conn)
		}
		answer := ch.JSONWithVariables()
		ch.CallParty(30*time.Second, func() {
			ch.RunStasis(q.App, m.data)
		})
		return answer, nil
	})
}

// An externalMedia is how external media are to be carried.
type externalMedia struct {
	app, host, encapsulation, transport, connection, format, direction, data string
}

func mediaOf(q gen.ChannelsExternalMediaParams) externalMedia {
	or := func(value, otherwise string) string {
		if value == "" {
			return otherwise
		}
		return value
	}
	return externalMedia{
		app: q.App, host: deref(q.ExternalHost), encapsulation: or(string(deref(q.Encapsulation)), "rtp"), transport: or(string(deref(q.Transport)), "udp"),
		connection: or(string(deref(q.ConnectionType)), "client"), format: q.Format, direction: or(string(deref(q.Direction)), "both"),
		data: deref(q.Data),
	}
}

// check looks for what doesn't fit together. Old versions have RTP only.
func (m externalMedia) check(v release.Version) *apiError {
	old, websockets := v.Major < 18, v.AtLeast("20.16", "21.11", "22.6", "23.0")
	bad := func(text string) *apiError { return failed(http.StatusBadRequest, text) }
	server := m.transport == "websocket" && m.connection == "server"
	_, _, hostErr := net.SplitHostPort(m.host)
	switch {
	case m.app == "":
		return bad("app cannot be empty")
	case old && (m.encapsulation != "rtp" || m.transport != "udp" || m.connection != "client"),
		!websockets && (m.encapsulation != "rtp" || m.transport != "udp") && (m.encapsulation != "audiosocket" || m.transport != "tcp"),
		!websockets && m.connection == "server":
		return failed(http.StatusNotImplemented, "The encapsulation and/or transport is not supported")
	case m.transport == "websocket" && m.encapsulation != "none":
		return bad("encapsulation must be 'none' for websocket transport")
	case m.encapsulation == "rtp" && m.transport != "udp":
		return bad("transport must be 'udp' for rtp encapsulation")
	case m.encapsulation == "audiosocket" && m.transport != "tcp":
		return bad("transport must be 'tcp' for audiosocket encapsulation")
	case m.connection == "server" && m.transport != "websocket":
		return bad("'server' connection_type can only be used with the websocket transport")
	case m.host == "" && !server:
		return bad("external_host is required for all but websocket server connections")
	case m.transport != "websocket" && hostErr != nil:
		return bad("external_host must be <host>:<port> for all transports other than websocket")
	case m.format == "":
		return bad("format cannot be empty")
	case v.Major >= 20 && m.direction != "both" && m.direction != "in" && m.direction != "out":
		return bad("Invalid direction specified")
	case m.encapsulation != "rtp" && m.encapsulation != "audiosocket" && m.encapsulation != "none",
		m.encapsulation == "none" && m.transport != "websocket":
		return failed(http.StatusNotImplemented, "The encapsulation and/or transport is not supported")
	case m.transport == "websocket" && !server: // No websocket clients are configured.
		return bad("external_host must be a valid websocket_client connection id.")
	case m.encapsulation == "audiosocket" && m.data == "":
		return bad("data can not be empty")
	}
	return nil
}

// party says how the channel is called, and which variables it has.
func (m externalMedia) party(p *pbx.PBX, r *pbx.Party) {
	serial := p.Serial
	p.Serial++
	pointer := fmt.Sprintf("0x7f%010x", serial*0x140+0x10)
	switch {
	case m.transport == "websocket":
		host := m.host
		if host == "" {
			host = "INCOMING"
		}
		r.Tech, r.Dest, r.Name = "WebSocket", host, "WebSocket/"+host+"/"+pointer
		r.Own = []pbx.Variable{{Name: "MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE", Value: "160"}, {Name: "MEDIA_WEBSOCKET_CONNECTION_ID", Value: p.Uuid()}}
	case m.encapsulation == "audiosocket":
		r.Tech, r.Dest, r.Name = "AudioSocket", m.host+"/"+m.data+"/c("+m.format+")", "AudioSocket/"+m.host+"-"+m.data
		r.Own = []pbx.Variable{{Name: "AUDIOSOCKET_UUID", Value: m.data}, {Name: "AUDIOSOCKET_SERVICE", Value: m.host}}
	default:
		r.Tech, r.Dest, r.Name = "UnicastRTP", m.host+"/c("+m.format+")", "UnicastRTP/"+m.host+"-"+pointer
		r.Own = []pbx.Variable{
			{Name: "UNICASTRTP_LOCAL_ADDRESS", Value: "127.0.0.1"}, {Name: "UNICASTRTP_LOCAL_PORT", Value: strconv.Itoa(10000 + serial*2%10000)},
		}
	}
}

// unknownHost reports whether the host can't be found: one that is named so that it can't be.
func (m externalMedia) unknownHost() bool {
	host, _, _ := net.SplitHostPort(m.host)
	return strings.HasSuffix(strings.TrimSuffix(host, "."), ".invalid")
}
