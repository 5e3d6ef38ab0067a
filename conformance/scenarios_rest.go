package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

var _ = register(
	scenario{name: "rest-errors", run: restErrors},
	scenario{name: "rest-wrong-password", run: restWrongPassword},
	scenario{name: "rest-read-only", run: restReadOnly, needs: []Feature{Reader}},
	scenario{name: "rest-empty-ids", run: restEmptyIDs},
	scenario{name: "rest-odd-ids", run: restOddIDs},
	scenario{name: "rest-lists-with-commas", run: restListsWithCommas},
	scenario{name: "rest-not-asterisk", run: restNotAsterisk, unrecorded: true},
	scenario{name: "rest-tls", run: restTLS, unrecorded: true, needs: []Feature{TLS}},
	scenario{name: "rest-over-websocket", run: restOverWebsocket, since: "20.14"},
	scenario{name: "rest-over-websocket-unreadable", run: restOverWebsocketUnreadable, since: "20.14", unrecorded: true},
	scenario{name: "outbound-websocket", run: outboundWebsocket, since: "20.15", needs: []Feature{Own, Outgoing}},
)

// Each status that ARI uses, with the sentinel that stands for it.
func restErrors(s *S) {
	ch := s.up("a", extSilent)
	down := got(s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{Endpoint: local(extSilent), ChannelID: s.id("down")}))(s)
	await[*ari.StasisStart](s, down)
	b := s.bridge("bridge")
	s.refused(ch.Hangup(s.Ctx, "nonsense"), 400, ari.ErrInvalid)
	s.refused(s.ARI.Channel("nobody").Answer(s.Ctx), 404, ari.ErrNotFound)
	s.refused(s.ARI.Channel(ch.ID+";2").Answer(s.Ctx), 409, ari.ErrNotInStasis)
	s.refused(down.Answer(s.Ctx), 412, ari.ErrPreconditionFailed)
	s.refused(b.AddChannel(s.Ctx, ch.ID+";2"), 422, ari.ErrUnprocessable)
	_, err := s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: "Nonsense/1"})
	s.refused(err, 500, ari.ErrInternal)

	// What every error tells.
	err = s.ARI.Channel("nobody").Answer(s.Ctx)
	var e *ari.Error
	require.ErrorAs(s, err, &e)
	require.Equal(s, "channelsAnswer", e.Operation)
	require.Equal(s, http.MethodPost, e.Method)
	require.True(s, strings.HasSuffix(e.Path, "/channels/nobody/answer"), "%s", e.Path)
	require.NotContains(s, err.Error(), s.Server().Password)
	for name, err := range sorted(map[string]error{
		"ring": s.ARI.Channel("nobody").Ring(s.Ctx), "stop ring": s.ARI.Channel("nobody").StopRing(s.Ctx), "hold": s.ARI.Channel("nobody").Hold(s.Ctx),
		"unhold": s.ARI.Channel("nobody").Unhold(s.Ctx), "mute": s.ARI.Channel("nobody").Mute(s.Ctx, ari.MuteDirectionIn),
		"unmute": s.ARI.Channel("nobody").Unmute(s.Ctx, ari.MuteDirectionIn), "silence": s.ARI.Channel("nobody").StartSilence(s.Ctx),
		"stop silence": s.ARI.Channel("nobody").StopSilence(s.Ctx), "moh": s.ARI.Channel("nobody").StartMOH(s.Ctx, ""),
		"stop moh": s.ARI.Channel("nobody").StopMOH(s.Ctx), "move": s.ARI.Channel("nobody").Move(s.Ctx, s.AppName),
		"continue": s.ARI.Channel("nobody").Continue(s.Ctx), "hangup": s.ARI.Channel("nobody").Stop(s.Ctx),
		"dtmf": s.ARI.Channel("nobody").SendDTMF(s.Ctx, "1"),
	}) {
		require.Error(s, err, "%s", name)
		s.refused(err, 404, ari.ErrNotFound)
	}
	list := got(s.ARI.Channels(s.Ctx))(s)
	require.GreaterOrEqual(s, len(list), 3)
}

// A wrong password is told at once, by every way, and never shown.
func restWrongPassword(s *S) {
	const wrong = "wrong-secret"
	c := s.controller(ari.WithBasicAuth(s.Server().Username, wrong))
	_, err := c.Channels(s.Ctx)
	s.refused(err, 401, ari.ErrUnauthorized)
	require.NotContains(s, err.Error(), wrong)
	_, err = s.controller(ari.WithBasicAuth("nobody", wrong)).Channels(s.Ctx)
	s.refused(err, 401, ari.ErrUnauthorized)
	p := s.newClient(s.AppName+"-other", ari.WithBasicAuth(s.Server().Username, wrong))
	err = p.Client.Connect(s.Ctx)
	require.ErrorIs(s, err, ari.ErrUnauthorized)
	require.NotContains(s, err.Error(), wrong)
	require.ErrorIs(s, p.Client.Run(s.Ctx), ari.ErrUnauthorized)
}

// Who may only read can connect, and hear.
func restReadOnly(s *S) {
	server := s.Server()
	p := s.connect(s.AppName+"-reader", ari.WithBasicAuth(server.ReaderUsername, server.ReaderPassword))
	got(p.ARI.Channels(s.Ctx))(s)
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("a"), App: p.AppName}))(s)
	start := await[*ari.StasisStart](p, ch)
	s.refused(start.Channel.Answer(s.Ctx), 403, ari.ErrForbidden)
	s.refused(start.Channel.Stop(s.Ctx), 403, ari.ErrForbidden)
	_, err := p.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{})
	s.refused(err, 403, ari.ErrForbidden)
	require.Equal(s, ari.ChannelStateUp, got(start.Channel.Refresh(s.Ctx))(s).State)
	s.ok(ch.Stop(s.Ctx))
	await[*ari.StasisEnd](p, ch)
}

// An id that would make another request of it isn't sent.
func restEmptyIDs(s *S) {
	for _, id := range []string{"", ".", ".."} {
		s.unsent(s.ARI.Channel(id).StopRing(s.Ctx), ari.ErrInvalid)
		s.unsent(s.ARI.StopChannel(s.Ctx, id), ari.ErrInvalid)
		s.unsent(s.ARI.StopBridge(s.Ctx, id), ari.ErrInvalid)
		_, err := s.ARI.Channel(id).Variable(s.Ctx, "X")
		s.unsent(err, ari.ErrInvalid)
		_, err = s.ARI.Bridge(id).Refresh(s.Ctx)
		s.unsent(err, ari.ErrInvalid)
		_, err = s.ARI.Sound(id).Refresh(s.Ctx)
		s.unsent(err, ari.ErrInvalid)
		s.unsent(s.ARI.StoredRecording(id).Delete(s.Ctx), ari.ErrInvalid)
	}
	lines, _ := s.recorder.recorded()
	for _, l := range lines {
		require.True(s, l.Dir == "event" || l.Operation == "eventsEventWebsocket" || l.Operation == "asteriskPing" && s.cfg.Transport == Websocket, "%s", l.summary())
	}
}

// oddIDs are ids with everything that has a meaning in URLs and in Asterisk.
var oddIDs = []string{"a/b", "a+b", "a;b", "a@b", "a%b", "a b", "a%2Fb", "a?b=c&d", "a#b", "ünïcödé-☎", "a:b", `a"b'c`, "a=b", "a\\b", "(a)[b]"}

func restOddIDs(s *S) {
	for _, odd := range oddIDs {
		id := s.id(odd)
		ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: id, OtherChannelID: s.id("other " + odd)}))(s)
		require.Equal(s, id, ch.ID)
		start := await[*ari.StasisStart](s, ch)
		require.Equal(s, id, start.Channel.ID)
		require.Equal(s, id, got(ch.Refresh(s.Ctx))(s).ID)
		got(s.ARI.Channel(s.id("other " + odd)).Refresh(s.Ctx))(s)
		s.ok(ch.SetVariable(s.Ctx, "ODD", odd))
		await(s, ch, func(ev *ari.ChannelVarset) bool { return ev.Variable == "ODD" && ev.Value == odd })

		b := got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: "bridge " + id, Name: odd}))(s)
		require.Equal(s, "bridge "+id, b.ID)
		require.Equal(s, odd, b.Name)
		s.ok(b.AddChannel(s.Ctx, id))
		require.Equal(s, []string{id}, got(b.Refresh(s.Ctx))(s).Channels)
		p := got(b.PlayWith(s.Ctx, ari.BridgePlayOptions{PlaybackID: "playback " + id}, s.Server().Tone))(s)
		await[*ari.PlaybackStarted](s, p)
		require.Equal(s, "playback "+id, got(p.Refresh(s.Ctx))(s).ID)
		s.stop(p)
		s.ok(p.Wait(s.Ctx))
		s.ok(b.Stop(s.Ctx))
		s.ok(ch.Stop(s.Ctx))
		s.sequence(ch, "StasisStart", "ChannelEnteredBridge", "ChannelLeftBridge", "StasisEnd", "ChannelDestroyed")
	}
}

// An item of a list may hold what separates items.
func restListsWithCommas(s *S) {
	first, second := s.id("one, two"), s.id("three")
	a := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: first, OtherChannelID: s.id("x")}))(s)
	await[*ari.StasisStart](s, a)
	c := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: second, OtherChannelID: s.id("y")}))(s)
	await[*ari.StasisStart](s, c)
	b := s.bridge("bridge, with a comma")
	s.ok(b.AddChannel(s.Ctx, first, second))
	require.ElementsMatch(s, []string{first, second}, got(b.Refresh(s.Ctx))(s).Channels)
	app := got(s.ARI.Application("").Subscribe(s.Ctx, key(a), key(b)))(s)
	require.Contains(s, app.BridgeIDs, b.ID)
	s.ok(b.RemoveChannel(s.Ctx, first))
	require.Equal(s, []string{second}, got(b.Refresh(s.Ctx))(s).Channels)
	p := got(a.Play(s.Ctx, "tone:1004/100,!0/100", "sound:beep"))(s)
	require.Equal(s, "tone:1004/100,!0/100", p.MediaURI)
	require.Equal(s, "sound:beep", p.NextMediaURI)
	s.stop(p)
	got(s.ARI.Application("").Unsubscribe(s.Ctx, key(b)))(s)
	s.ok(s.ARI.SendUserEvent(s.Ctx, "Event", ari.UserEventOptions{Application: s.AppName, Source: []string{key(a), key(b)}}))
	require.Equal(s, b.ID, await[*ari.ChannelUserevent](s, a).Bridge.ID)
	if s.from("20.20") {
		s.ok(a.SetVariable(s.Ctx, "LIST", "a-b"))
		require.Equal(s, map[string]string{"CUT(LIST,-,2)": "b", "LIST": "a-b"}, got(a.Variables(s.Ctx, "CUT(LIST,-,2)", "LIST"))(s))
	}
}

// Whoever answers, an error tells what it was.
func restNotAsterisk(s *S) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if strings.Contains(r.URL.Path, "missing") {
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = io.WriteString(w, "<html><head><title>A proxy</title></head></html>")
	}))
	s.Cleanup(web.Close)
	c, err := ari.NewController(web.URL + "/ari")
	s.ok(err)
	_, err = c.Channels(s.Ctx)
	require.ErrorIs(s, err, ari.ErrProtocol)
	_, err = c.Channel("missing").Refresh(s.Ctx)
	var e *ari.Error
	require.ErrorAs(s, err, &e)
	require.Equal(s, http.StatusBadGateway, e.StatusCode)
	require.Equal(s, "A proxy", e.Message)
	client, err := ari.NewClient(web.URL+"/ari", s.AppName)
	s.ok(err)
	require.Error(s, client.Connect(s.Ctx))
	web.Close()
	require.Error(s, client.Connect(s.Ctx))
}

// quietly keeps what a client logs out of the test's output.
var quietly = ari.WithLogger(slog.New(slog.DiscardHandler))

func restTLS(s *S) {
	server := s.Server()
	auth := ari.WithBasicAuth(server.Username, server.Password)
	c, err := ari.NewController(server.TLSURL, auth, ari.WithTLSConfig(&tls.Config{RootCAs: server.CAPool, MinVersion: tls.VersionTLS12}))
	s.ok(err)
	got(c.Info(s.Ctx))(s)
	client, err := ari.NewClient(server.TLSURL, s.AppName+"-tls", auth, ari.WithTLSConfig(&tls.Config{RootCAs: server.CAPool, MinVersion: tls.VersionTLS12}), quietly)
	s.ok(err)
	starts := ari.Subscribe[*ari.StasisStart](client)
	s.ok(client.Connect(s.Ctx))
	ch := got(client.ARI().Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("a")}))(s)
	require.Equal(s, ch.ID, got(starts.Next(s.Ctx))(s).Channel.ID)
	s.ok(ch.Stop(s.Ctx))
	s.ok(client.Close(s.Ctx))

	// A certificate that nobody vouches for is refused.
	untrusting, err := ari.NewController(server.TLSURL, auth)
	s.ok(err)
	_, err = untrusting.Info(s.Ctx)
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(s, err, &unknown)
	client, err = ari.NewClient(server.TLSURL, s.AppName+"-tls", auth)
	s.ok(err)
	require.ErrorAs(s, client.Connect(s.Ctx), &unknown)
}

// restResponse is the answer to a request that was sent over the event websocket.
type restResponse struct {
	Type        string `json:"type"`
	RequestID   string `json:"request_id"`
	StatusCode  int    `json:"status_code"`
	MessageBody string `json:"message_body"`
}

// Requests can be sent over the event websocket; their answers come among the events.
func restOverWebsocket(s *S) {
	server := s.Server()
	header := make(http.Header)
	req := http.Request{Header: header}
	req.SetBasicAuth(server.Username, server.Password)
	conn, resp, err := websocket.Dial(s.Ctx, server.URL+"/events?app="+s.AppName+"-raw", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: s.recorder}, HTTPHeader: header,
	})
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close()
	}
	s.ok(err)
	defer conn.CloseNow()
	ask := func(id, method, uri string) restResponse {
		request, err := json.Marshal(map[string]string{"type": "RESTRequest", "request_id": id, "method": method, "uri": uri})
		s.ok(err)
		s.ok(conn.Write(s.Ctx, websocket.MessageText, request))
		for {
			_, frame, err := conn.Read(s.Ctx)
			s.ok(err)
			var response restResponse
			s.ok(json.Unmarshal(frame, &response))
			if response.Type == "RESTResponse" {
				require.Equal(s, id, response.RequestID)
				return response
			}
		}
	}
	pong := ask("1", http.MethodGet, "asterisk/ping")
	require.Equal(s, http.StatusOK, pong.StatusCode)
	require.Contains(s, pong.MessageBody, "pong")
	require.Equal(s, http.StatusNotFound, ask("2", http.MethodGet, "channels/nobody").StatusCode)
	require.Equal(s, http.StatusOK, ask("3", http.MethodPost, "bridges/"+s.id("bridge")).StatusCode)
	require.Equal(s, http.StatusNoContent, ask("4", http.MethodDelete, "bridges/"+s.id("bridge")).StatusCode)
	s.ok(conn.Close(websocket.StatusNormalClosure, ""))
}

// Asterisk connects to the application, and tells when it has and when it no longer does.
func outboundWebsocket(s *S) {
	var mu sync.Mutex
	frames := make(chan []byte, 100)
	moved := make(chan struct{}) // what comes before would be forgotten
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"ari"}})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for {
			_, frame, err := conn.Read(context.WithoutCancel(r.Context()))
			if err != nil {
				return
			}
			select {
			case <-moved:
			case <-r.Context().Done():
				return
			}
			mu.Lock()
			s.recorder.frame(frame)
			mu.Unlock()
			frames <- frame
		}
	}))
	s.Cleanup(server.Close)
	next := func(typ, app string) {
		for {
			select {
			case frame := <-frames:
				var ev struct {
					Type        string `json:"type"`
					Application string `json:"application"`
				}
				s.ok(json.Unmarshal(frame, &ev))
				if ev.Type == typ && ev.Application == app {
					return
				}
			case <-s.Ctx.Done():
				require.Failf(s, "no event", "%s of %s", typ, app)
			}
		}
	}
	env := s.Own(s, Setup{Outbound: []Outbound{{Name: "phone-home", URI: "ws" + strings.TrimPrefix(server.URL, "http") + "/", Apps: []string{"home-one", "home-two"}}}})
	s.moveTo(env)
	close(moved)
	next("ApplicationRegistered", "home-one")
	next("ApplicationRegistered", "home-two")
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("a"), App: "home-one"}))(s)
	next("StasisStart", "home-one")
	s.ok(ch.Stop(s.Ctx))
	next("StasisEnd", "home-one")
	s.ok(env.DropOutbound(s.Ctx, "phone-home", "home-two"))
	next("ApplicationUnregistered", "home-two")
	_, err := s.ARI.Application("home-two").Refresh(s.Ctx)
	require.True(s, errors.Is(err, ari.ErrNotFound), "%v", err)
	s.ok(env.Stop())
}

// What can't be read is answered with an error that doesn't say to which request.
func restOverWebsocketUnreadable(s *S) {
	server := s.Server()
	header := make(http.Header)
	req := http.Request{Header: header}
	req.SetBasicAuth(server.Username, server.Password)
	conn, resp, err := websocket.Dial(s.Ctx, server.URL+"/events?app="+s.AppName+"-raw", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: s.recorder}, HTTPHeader: header,
	})
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close()
	}
	s.ok(err)
	defer conn.CloseNow()
	for _, message := range []string{
		`{`,
		`{"type":"RESTRequest","request_id":"1","method":"GET","uri":"asterisk/ping"} and more`,
		`{"type":"RESTRequest","request_id":7,"method":"GET","uri":"asterisk/ping"}`,
	} {
		s.ok(conn.Write(s.Ctx, websocket.MessageText, []byte(message)))
		_, frame, err := conn.Read(s.Ctx)
		s.ok(err)
		var response restResponse
		s.ok(json.Unmarshal(frame, &response))
		require.Equal(s, "RESTResponse", response.Type)
		require.Empty(s, response.RequestID)
	}
	s.ok(conn.Close(websocket.StatusNormalClosure, ""))
}
