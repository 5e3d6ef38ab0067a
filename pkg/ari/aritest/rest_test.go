package aritest_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/internal/ariserver"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// What an Asterisk 22.10.1 answers to what it can't do, word for word.
func TestErrors(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	srv.Endpoint("PJSIP/alice")
	srv.Extension("1011", "Answer()", "Wait(600)")
	l := listen(t, srv, "app=hello")
	srv.Call("1000", aritest.WithChannelID("c"), aritest.Answered())
	l.await("StasisStart c")
	ok(t, srv, "POST", "/channels/d?endpoint=Local/1011@default&context=default&extension=1011")
	ok(t, srv, "POST", "/bridges/b")
	for _, c := range []struct {
		request string
		body    string
		status  int
		message string
	}{
		{"GET /nosuch", "", 404, "Resource not found"},
		{"GET /channels/", "", 404, "ARI URLs do not end with a slash. Try /ari/channels"},
		{"PUT /channels", "", 405, "Invalid method"},
		{"GET /channels/create", "", 405, "Invalid method"},
		{"POST /bridges", "{bad", 400, "Error parsing request body"},
		{"GET /channels/nosuch", "", 404, "Channel not found"},
		{"POST /channels?app=hello", "", 400, "Endpoint must be specified"},
		{"POST /channels?endpoint=noslash&app=hello", "", 400, "Invalid endpoint specified"},
		{"POST /channels?endpoint=PJSIP/alice", "", 400, "Application or extension must be specified"},
		{"POST /channels?endpoint=PJSIP/alice&app=hello&originator=nobody", "", 400, "Provided originator channel was not found"},
		{"POST /channels?endpoint=PJSIP/alice&app=hello&formats=nonsense", "", 400, "Provided format (nonsense) was not found"},
		{"POST /channels/c?endpoint=PJSIP/alice&app=hello", "", 409, "Channel with given unique ID already exists"},
		{"POST /channels/x?endpoint=PJSIP/alice&app=hello", `{"variables":{"A":1}}`, 400, "Each value in 'variables' must be a string or an object with 'value' and optional 'report_events'"},
		{"POST /channels?endpoint=Local/1011@default&context=default&extension=1011&label=nosuch", "", 404, "Requested label can not be found"},
		{"POST /channels/" + strings.Repeat("x", 150) + "?endpoint=PJSIP/alice&app=hello", "", 400, "Uniqueid length exceeds maximum of 149"},
		{"POST /channels/d/answer", "", 409, "Channel not in Stasis application"},
		{"POST /channels/c/mute", "", 400, "Direction is required"},
		{"POST /channels/c/mute?direction=sideways", "", 400, "Invalid direction specified"},
		{"POST /channels/c/play?media=sound:x&offsetms=-1", "", 400, "offsetms cannot be negative"},
		{"POST /channels/c/record?name=r&format=nonsense", "", 422, "specified format is unknown on this system"},
		{"POST /channels/c/record?name=r&format=wav&terminateOn=x", "", 400, "terminateOn invalid"},
		{"POST /channels/c/record?name=r&format=wav&ifExists=x", "", 400, "ifExists invalid"},
		{"GET /channels/c/variable?variable=NOSUCH", "", 404, "Provided variable was not found"},
		{"GET /channels/c/variable?variable=NOSUCH()", "", 500, "Unable to read provided function"},
		{"GET /channels/nosuch/variable?variable=A", "", 404, "Provided channel was not found"},
		{"POST /channels/c/variables", "{}", 400, "The 'variables' field must be a JSON object"},
		{"POST /channels/c/snoop?app=hello", "", 400, "Direction must be specified for at least spy or whisper"},
		{"POST /channels/c/snoop?app=hello&spy=x", "", 400, "Invalid direction specified for spy"},
		{"POST /channels/c/redirect?endpoint=Local/1", "", 422, "Endpoint technology 'Local' does not match channel technology 'PJSIP'"},
		{"GET /channels/d/rtp_statistics", "", 403, "Unsupported channel type"},
		{"DELETE /channels/c?reason=x", "", 400, "Invalid reason for hangup reason provided"},
		{"DELETE /channels/c?reason=busy&reason_code=17", "", 400, "The reason and reason_code can't both be specified"},
		{"POST /channels/c/dial", "", 409, "Channel is not in the 'Down' state"},
		{"POST /channels/c/transfer_progress?states=x", "", 400, "Invalid states value"},
		{"POST /channels/externalMedia?app=hello&external_host=127.0.0.1&format=ulaw", "", 400, "external_host must be <host>:<port> for all transports other than websocket"},
		{"POST /channels/externalMedia?app=hello&external_host=127.0.0.1:9&format=nosuch", "", 500, "An internal error prevented this request from being handled"},
		{"POST /channels/externalMedia?app=hello&external_host=127.0.0.1:9&format=ulaw&encapsulation=x", "", 501, "The encapsulation and/or transport is not supported"},
		{"POST /bridges/b", "", 409, "Bridge with id 'b' already exists"},
		{"POST /bridges?type=mixing,holding", "", 500, "Unable to create bridge. Possible duplicate bridge id '(null)'"},
		{"GET /bridges/nosuch", "", 404, "Bridge not found"},
		{"POST /bridges/b/addChannel?channel=nosuch", "", 400, "Channel not found"},
		{"POST /bridges/b/addChannel?channel=d", "", 422, "Channel not in Stasis application"},
		{"POST /bridges/b/removeChannel?channel=c", "", 422, "Channel not in this bridge"},
		{"DELETE /bridges/b/moh", "", 409, "Bridge isn't playing music"},
		{"POST /bridges/b/play?media=sound:x&announcer_format=x", "", 422, "specified announcer_format is unknown on this system"},
		{"GET /playbacks/nosuch", "", 404, "Playback not found"},
		{"GET /recordings/live/nosuch", "", 404, "Recording not found"},
		{"POST /recordings/stored/nosuch/copy?destinationRecordingName=x", "", 404, "Recording not found"},
		{"GET /sounds/nosuch", "", 404, "Sound not found"},
		{"GET /sounds?lang=xx", "", 404, "No sounds found that matched the query"},
		{"PUT /deviceStates/PJSIP%2Falice?deviceState=INUSE", "", 409, "Uncontrolled device specified"},
		{"PUT /deviceStates/Stasis%3Aa?deviceState=x", "", 500, "Unknown device"},
		{"GET /endpoints/Nosuch", "", 404, "No Endpoints found - invalid tech Nosuch"},
		{"GET /endpoints/PJSIP/nosuch", "", 404, "Endpoint not found"},
		{"GET /mailboxes/nosuch", "", 404, "Mailbox not found"},
		{"POST /events/user/x?application=nosuch", "", 404, "Application not found"},
		{"POST /events/user/x?application=hello&source=x:y", "", 400, "Invalid event source URI scheme"},
		{"POST /events/user/x?application=hello&source=channel:x", "", 422, "Event source was not found"},
		{"POST /events/claim?channelId=c&application=hello", "", 404, "Channel not found or not in broadcast state"},
		{"POST /applications/hello/subscription?eventSource=x:y", "", 400, "Invalid event source URI scheme"},
		{"POST /applications/hello/subscription?eventSource=channel:x", "", 422, "Event source does not exist"},
		{"DELETE /applications/hello/subscription?eventSource=channel:x", "", 422, "Event source was not subscribed to"},
		{"PUT /applications/hello/eventFilter", `{"allowed":["x"]}`, 400, "Invalid format definition"},
		{"GET /asterisk/modules/nosuch.so", "", 404, "Module could not be found in running modules"},
		{"POST /asterisk/modules/nosuch.so", "", 409, "Module load declined"},
		{"PUT /asterisk/modules/app_echo.so", "", 409, "Module does not support reloading"},
		{"DELETE /asterisk/logging/nosuch", "", 404, "Log channel does not exist"},
		{"GET /asterisk/config/dynamic/nosuch/aor/x", "", 404, "configClass 'nosuch' not found"},
		{"GET /asterisk/config/dynamic/res_pjsip/nosuch/x", "", 404, "objectType 'nosuch' not found"},
		{"GET /asterisk/config/dynamic/res_pjsip/aor/x", "", 404, "Object with id 'x' not found"},
		{"DELETE /asterisk/config/dynamic/res_pjsip/aor/alice", "", 403, "Could not delete object with id 'alice'"},
	} {
		method, path, _ := strings.Cut(c.request, " ")
		var body []string
		if c.body != "" {
			body = []string{c.body}
		}
		status, text, header := do(t, srv, method, path, body...)
		require.Equal(t, c.status, status, "%s: %s", c.request, text)
		var e struct{ Message string }
		require.NoError(t, json.Unmarshal([]byte(text), &e), "%s: %s", c.request, text)
		require.Equal(t, c.message, e.Message, "%s", c.request)
		require.Equal(t, "Asterisk/22.10.1", header.Get("Server"))
	}
	require.Len(t, srv.Channels(), 3)
}

func TestAccess(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	get := func(method, path, user, password string) *http.Response {
		req, err := http.NewRequestWithContext(soon(t), method, srv.URL+path, nil)
		require.NoError(t, err)
		if user != "" {
			req.SetBasicAuth(user, password)
		}
		resp, err := srv.HTTPClient().Do(req)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp
	}
	resp := get("GET", "/channels", "", "")
	require.Equal(t, 401, resp.StatusCode)
	require.Equal(t, `Basic realm="Asterisk REST Interface"`, resp.Header.Get("WWW-Authenticate"))
	require.Equal(t, 401, get("GET", "/channels", srv.Username, "wrong").StatusCode)
	require.Equal(t, 200, get("GET", "/channels?api_key="+srv.Username+":"+srv.Password, "", "").StatusCode)
	require.Equal(t, 200, get("GET", "/channels", srv.ReadOnlyUsername, srv.ReadOnlyPassword).StatusCode)
	require.Equal(t, 403, get("POST", "/bridges", srv.ReadOnlyUsername, srv.ReadOnlyPassword).StatusCode)
	resp = get("OPTIONS", "/bridges", srv.Username, srv.Password)
	require.Equal(t, 204, resp.StatusCode)
	require.Equal(t, "OPTIONS,GET,POST", resp.Header.Get("Allow"))
	require.Equal(t, 405, get("HEAD", "/bridges", srv.Username, srv.Password).StatusCode)
	require.Equal(t, 426, get("GET", "/events?app=x", srv.Username, srv.Password).StatusCode)
	resp = get("POST", "/bridges?name="+strings.Repeat("x", 5000), srv.Username, srv.Password)
	require.Equal(t, 400, resp.StatusCode)
	require.Equal(t, "text/html", resp.Header.Get("Content-Type"))
	status, text, _ := do(t, srv, "POST", "/bridges", `{"X":"`+strings.Repeat("x", 50_000)+`"}`)
	require.Equal(t, 413, status)
	require.JSONEq(t, `{"message":"Request body too large"}`, text)
}

func TestParameters(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	// A plus sign is a space in paths and queries, and a slash can be part of an id.
	require.Contains(t, ok(t, srv, "POST", "/bridges/a+b%2Fc%2Bd?name=x+y%2Bz"), `"id":"a b/c+d"`)
	require.Contains(t, ok(t, srv, "GET", "/bridges/a%20b%2Fc%2Bd"), `"name":"x y+z"`)
	// An empty segment ends the path.
	require.True(t, strings.HasPrefix(ok(t, srv, "GET", "/bridges//nosuch"), "["))
	// The body wins over the query, if the type is right.
	require.Contains(t, ok(t, srv, "POST", "/bridges/1?name=query&type=holding", `{"name":"body","type":1}`), `"name":"body"`)
	require.Contains(t, ok(t, srv, "GET", "/bridges/1"), `"bridge_type":"mixing"`)
	// Asterisk takes members of this body for variables, and those of the query too.
	require.Contains(t, ok(t, srv, "POST", "/bridges?bridgeId=2", `{"name":"n","V":{"value":"1","report_events":true}}`), `"bridgevars":{"V":"1"}`)
	require.Contains(t, ok(t, srv, "GET", "/bridges/2/variable?variable=name"), `"n"`)
	// The last of several wins, and a list is split at commas.
	require.Contains(t, ok(t, srv, "POST", "/bridges/3?name=a&name=b"), `"name":"b"`)
	l := listen(t, srv, "app=hello")
	srv.Call("1000", aritest.WithChannelID("x,y"), aritest.Answered())
	srv.Call("1000", aritest.WithChannelID("z"), aritest.Answered())
	l.await("StasisStart z")
	status, _, _ := do(t, srv, "POST", "/bridges/3/addChannel?channel=x,y")
	require.Equal(t, 400, status)
	ok(t, srv, "POST", "/bridges/3/addChannel", `{"channel":["x,y","z"]}`)
	require.Contains(t, ok(t, srv, "GET", "/bridges/3"), `"channels":["z","x,y"]`)
	status, _, _ = do(t, srv, "POST", "/bridges/3/removeChannel?channel="+strings.Repeat("z,", 127)+"z")
	require.Equal(t, 400, status)
	require.JSONEq(t, `{}`, ok(t, srv, "GET", "/asterisk/info?only=nonsense"))
	require.Contains(t, ok(t, srv, "GET", "/asterisk/info?only=system,config"), `"version":"22.10.1"`)
	require.NotContains(t, ok(t, srv, "GET", "/asterisk/info?only=system,config"), `"status"`)
}

// Every operation of the description is there, whatever it says to a request that makes no sense.
func TestEveryOperation(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	for _, op := range ariserver.Operations {
		path := op.Path
		for strings.Contains(path, "{") {
			before, rest, _ := strings.Cut(path, "{")
			_, after, _ := strings.Cut(rest, "}")
			path = before + "nosuch" + after
		}
		if len(op.Params) > 0 {
			path += "?x=y"
			for _, p := range op.Params {
				path += "&" + p.Name + "=nosuch"
			}
		}
		status, text, _ := do(t, srv, op.Method, path, "{}")
		require.NotContains(t, []int{405, 0}, status, op.ID)
		require.NotContains(t, text, "Resource not found", op.ID)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t, aritest.WithVersion("16.28.0"))
	status, text, header := do(t, srv, "GET", "/channels/x/variables?variables=a")
	require.Equal(t, 404, status)
	require.JSONEq(t, `{"message":"Resource not found"}`, text)
	require.Equal(t, "Asterisk/16.28.0", header.Get("Server"))
	status, _, _ = do(t, srv, "POST", "/endpoints/refer?to=a&from=b&refer_to=c")
	require.Equal(t, 405, status) // It is taken for an endpoint's technology.
	require.Contains(t, ok(t, srv, "POST", "/bridges/b"), `"id":"b"`)
	require.Contains(t, ok(t, srv, "POST", "/bridges?bridgeId=b"), `"id":"b"`)
	_, err := aritest.Start(aritest.WithVersion("nonsense"))
	require.Error(t, err)
}

// Connections beyond the limit are closed without a word.
func TestSessionLimit(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t, aritest.WithSessionLimit(1))
	addr := strings.TrimSuffix(strings.TrimPrefix(srv.URL, "http://"), "/ari")
	dial := func() net.Conn {
		conn, err := (&net.Dialer{}).DialContext(soon(t), "tcp", addr)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
		return conn
	}
	first := dial()
	_, err := io.WriteString(first, "GET /ari/asterisk/ping HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	buf := make([]byte, 12)
	_, err = io.ReadFull(first, buf)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 401", string(buf))
	n, err := dial().Read(buf)
	require.Zero(t, n)
	require.ErrorIs(t, err, io.EOF)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t, aritest.WithTLS())
	require.True(t, strings.HasPrefix(srv.TLSURL, "https://127.0.0.1:"))
	require.NotNil(t, srv.CAPool)
	req, err := http.NewRequestWithContext(soon(t), "GET", srv.TLSURL+"/asterisk/ping", nil)
	require.NoError(t, err)
	_, err = srv.HTTPClient().Do(req)
	require.ErrorContains(t, err, "certificate")
}

func TestRESTOverWebsocket(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	l := listen(t, srv, "app=hello")
	send := func(message string) {
		require.NoError(t, l.ws.Write(soon(t), websocket.MessageText, []byte(message)))
	}
	answer := func(id string) frame {
		var found frame
		l.until("the answer to "+id, func() bool {
			for _, f := range l.frames {
				if f.text("type") == "RESTResponse" && f.text("request_id") == id {
					found = f
					return true
				}
			}
			return false
		})
		return found
	}
	send(`{"type":"RESTRequest","request_id":"1","transaction_id":"t","method":"POST","uri":"bridges/b?name=x","query_strings":[{"name":"name","value":"y"}]}`)
	r := answer("1")
	require.Equal(t, "200", r.text("status_code"))
	require.Equal(t, "bridges/b", r.text("uri"))
	require.Equal(t, "t", r.text("transaction_id"))
	require.Contains(t, r.text("message_body"), `"name":"y"`)
	send(`{"type":"RESTRequest","request_id":"2","method":"GET","uri":"/bridges"}`)
	require.Equal(t, "405", answer("2").text("status_code"))
	send(`{"type":"RESTRequest","request_id":"3","method":"GET","uri":"ari/bridges"}`)
	require.Equal(t, "404", answer("3").text("status_code"))
	send(`{"type":"RESTRequest","request_id":"4","method":"POST","uri":"bridges/c","content_type":"application/json","message_body":"{\"name\":\"z\"}"}`)
	require.Contains(t, answer("4").text("message_body"), `"name":"z"`)
	send(`{"type":"RESTRequest","request_id":"5","method":"DELETE","uri":"bridges/c"}`)
	require.Equal(t, "204", answer("5").text("status_code"))
	send(`{"type":"Nonsense","request_id":"6"}`)
	require.Equal(t, "400", answer("6").text("status_code"))
	send(`nonsense`)
	require.Equal(t, "Failed to parse request message JSON", answer("").text("reason_phrase"))
	require.Len(t, srv.Bridges(), 1)
}
