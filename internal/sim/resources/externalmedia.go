package resources

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/external"
	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/wire"
)

// connectionID is the variable that says where a program connects to.
const connectionID = "MEDIA_WEBSOCKET_CONNECTION_ID"

var isUUID = regexp.MustCompile(`^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`)

var errInternal = failed(http.StatusInternalServerError, "An internal error prevented this request from being handled")

// ChannelsExternalMedia makes a channel whose media go to and come from a program.
func (o *operations) ChannelsExternalMedia(w http.ResponseWriter, r *http.Request, q gen.ChannelsExternalMediaParams) {
	vars, bad := argsOf(r).variables(false)
	m := mediaOf(q)
	if bad == nil {
		bad = o.checkMedia(m)
	}
	if bad != nil {
		respond(w, 0, nil, bad)
		return
	}
	if o.p.AwaitThaw(r.Context()) != nil {
		return // Whoever has asked has gone.
	}
	far, refused := o.connect(r.Context(), m)
	var ch *pbx.Channel
	var answer wire.JSON
	err := func() *apiError {
		o.p.Mu.Lock()
		defer o.p.Mu.Unlock()
		if bad := o.mediaID(deref(q.ChannelID)); bad != nil {
			return bad
		}
		if !media.Codecs[m.format] || refused != nil || strings.HasPrefix(m.host, ":") || m.unknownHost() || m.encapsulation == "audiosocket" && !isUUID.MatchString(m.data) {
			return errInternal
		}
		ch = o.newMedia(m, far, pbx.Party{ID: deref(q.ChannelID), Variables: vars, App: q.App, OrigApp: true})
		answer = ch.JSONWithVariables()
		if !m.dials() {
			o.callMedia(ch, m)
		}
		return nil
	}()
	if err != nil {
		far.close()
	} else if m.dials() {
		o.dialMedia(r.Context(), ch, m)
	}
	respond(w, http.StatusOK, answer, err)
}

// mediaID looks at the id that a channel of external media is to have.
func (o *operations) mediaID(id string) *apiError {
	switch {
	case len(id) > maxID:
		return errIDTooLong
	case o.p.Config.Version.Major < 20 && o.p.Taken(id):
		return errDuplicate
	case o.p.Taken(id):
		return errInternal
	default:
		return nil
	}
}

// A mediaEnd is what Asterisk has towards a program before there is a channel.
type mediaEnd struct {
	conn net.Conn         // by AudioSocket
	port media.PacketConn // by RTP
}

func (e mediaEnd) close() {
	if e.conn != nil {
		_ = e.conn.Close() // Nobody needs it.
	}
	if e.port != nil {
		_ = e.port.Close()
	}
}

// connect connects to the program, where that comes first.
func (o *operations) connect(ctx context.Context, m externalMedia) (e mediaEnd, err error) {
	switch m.encapsulation {
	case "audiosocket":
		e.conn, err = o.legs.DialAudioSocket(ctx, m.host)
	case "rtp":
		if external.Discards(m.host) {
			return e, nil
		}
		var port net.PacketConn
		if port, err = o.legs.Network().ListenPacket(ctx, "127.0.0.1:0"); err == nil {
			e.port, _ = port.(media.PacketConn) // All are.
		}
	}
	return e, err
}

// newMedia makes the channel and its far end.
func (o *operations) newMedia(m externalMedia, e mediaEnd, request pbx.Party) *pbx.Channel {
	m.party(o.p, &request, e)
	connection := ""
	for _, v := range request.Own {
		if v.Name == connectionID {
			connection = v.Value
		}
	}
	ch := o.p.NewParty(request)
	switch {
	case e.conn != nil:
		o.legs.AudioSocket(ch, e.conn, m.data, m.format)
	case e.port != nil:
		o.legs.RTP(ch, e.port, external.Resolve(m.host), m.format, o.p.Serial)
	case m.encapsulation == "none":
		section := ""
		if m.dials() {
			section = m.host
		}
		o.legs.WebSocket(ch, external.WebSocketOptions{ID: connection, Format: m.format, Options: deref(m.options), Section: section})
	}
	return ch
}

// callMedia calls the program, which needs the lock.
func (o *operations) callMedia(ch *pbx.Channel, m externalMedia) {
	ch.CallParty(30*time.Second, func() {
		ch.RunStasis(m.app, m.data)
	})
}

// dialMedia connects to the program of a websocket_client, and calls it. Meanwhile the channel is there.
func (o *operations) dialMedia(ctx context.Context, ch *pbx.Channel, m externalMedia) {
	conn, err := o.legs.Dial(ctx, m.host, deref(m.options))
	o.p.Mu.Lock()
	defer o.p.Mu.Unlock()
	if err == nil && !external.Connected(ch, conn) {
		return
	}
	if !ch.Hungup {
		o.callMedia(ch, m)
	}
}

// An externalMedia is how external media are to be carried.
type externalMedia struct {
	app, host, encapsulation, transport, connection, format, direction, data string
	options                                                                  *string // of the transport
}

// dials reports whether Asterisk connects by websocket.
func (m externalMedia) dials() bool { return m.transport == "websocket" && m.connection == "client" }

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
		data: deref(q.Data), options: q.TransportData,
	}
}

// checkMedia looks for what doesn't fit together. Old versions have RTP only.
func (o *operations) checkMedia(m externalMedia) *apiError {
	v := o.p.Config.Version
	_, configured := o.legs.Client(m.host)
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
	case m.transport == "websocket" && !server && !configured:
		return bad("external_host must be a valid websocket_client connection id.")
	case m.encapsulation == "audiosocket" && m.data == "":
		return bad("data can not be empty")
	}
	return nil
}

// party says how the channel is called, and which variables it has.
func (m externalMedia) party(p *pbx.PBX, r *pbx.Party, e mediaEnd) {
	serial := p.Serial
	p.Serial++
	pointer := fmt.Sprintf("0x7f%010x", serial*0x140+0x10)
	switch {
	case m.transport == "websocket":
		host, connection := m.host, m.host
		if !m.dials() {
			host, connection = "INCOMING", p.Uuid()
		}
		r.Tech, r.Dest, r.Name = "WebSocket", host, "WebSocket/"+host+"/"+pointer
		if m.options != nil {
			r.Dest += "/" + *m.options
		}
		r.Own = []pbx.Variable{
			{Name: "MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE", Value: strconv.Itoa(media.FrameBytes(m.format))},
			{Name: connectionID, Value: connection},
		}
	case m.encapsulation == "audiosocket":
		r.Tech, r.Dest, r.Name = "AudioSocket", m.host+"/"+m.data+"/c("+m.format+")", "AudioSocket/"+m.host+"-"+m.data
		r.Own = []pbx.Variable{{Name: "AUDIOSOCKET_UUID", Value: m.data}, {Name: "AUDIOSOCKET_SERVICE", Value: m.host}}
	default:
		r.Tech, r.Dest, r.Name = "UnicastRTP", m.host+"/c("+m.format+")", "UnicastRTP/"+m.host+"-"+pointer
		port := strconv.Itoa(10000 + serial*2%10000)
		if e.port != nil {
			_, port, _ = net.SplitHostPort(e.port.LocalAddr().String())
		}
		r.Own = []pbx.Variable{{Name: "UNICASTRTP_LOCAL_ADDRESS", Value: "127.0.0.1"}, {Name: "UNICASTRTP_LOCAL_PORT", Value: port}}
	}
}

// unknownHost reports whether the host can't be found: one that is named so that it can't be.
func (m externalMedia) unknownHost() bool {
	host, _, _ := net.SplitHostPort(m.host)
	return strings.HasSuffix(strings.TrimSuffix(host, "."), ".invalid")
}
