package conformance

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// Requests as they go over the line. Package ari sends most of them never, or always the right way.
var _ = register(
	scenario{name: "request-credentials", run: requestCredentials, needs: []Feature{Reader}, unrecorded: true},
	scenario{name: "request-bodies", run: requestBodies, unrecorded: true},
	scenario{name: "request-methods", run: requestMethods, unrecorded: true},
	scenario{name: "request-without-parameters", run: requestWithoutParameters, unrecorded: true},
	scenario{name: "request-for-configuration", run: requestForConfiguration, needs: []Feature{Administration}, unrecorded: true},
	scenario{name: "dangerous-functions", run: dangerousFunctions, unrecorded: true},
)

// A request is one that no client has made.
type request struct {
	method, path string
	query        url.Values
	body         io.Reader
	contentType  string
	user, secret string
	keyInQuery   bool // the credentials, instead of in a header
}

// reply is what came of it.
type reply struct {
	status int
	header http.Header
	body   string
}

// raw sends a request; without a user, it is the one that may do everything.
func (s *S) raw(r request) reply {
	s.Helper()
	server := s.Server()
	if r.user == "" {
		r.user, r.secret = server.Username, server.Password
	}
	query := r.query
	if r.keyInQuery {
		query = url.Values{"api_key": {r.user + ":" + r.secret}}
	}
	target := server.URL + r.path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req := got(http.NewRequestWithContext(s.Ctx, r.method, target, r.body))(s)
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	if !r.keyInQuery && r.user != nobodyAtAll {
		req.SetBasicAuth(r.user, r.secret)
	}
	resp, err := s.recorder.transport.RoundTrip(req)
	s.ok(err)
	defer resp.Body.Close()
	body := got(io.ReadAll(resp.Body))(s)
	return reply{resp.StatusCode, resp.Header, string(body)}
}

// nobodyAtAll stands for a request without credentials.
const nobodyAtAll = "-"

// Who is known may do what is his, whether he says his name in a header or in the query.
func requestCredentials(s *S) {
	server := s.Server()
	reader, owner := [2]string{server.ReaderUsername, server.ReaderPassword}, [2]string{server.Username, server.Password}
	for _, inQuery := range []bool{false, true} {
		for _, c := range []struct {
			user   [2]string
			method string
			status int
		}{
			{[2]string{reader[0], "wrong"}, http.MethodGet, 401},
			{[2]string{"stranger", owner[1]}, http.MethodGet, 401},
			{reader, http.MethodGet, 200},
			{reader, http.MethodOptions, 204},
			{reader, http.MethodPost, 403},
			{reader, http.MethodPut, 403},
			{reader, http.MethodDelete, 403},
			{owner, http.MethodGet, 200},
			{owner, http.MethodOptions, 204},
			{owner, http.MethodPost, 400}, // without an endpoint
			{owner, http.MethodPut, 405},
			{owner, http.MethodDelete, 405},
		} {
			r := s.raw(request{method: c.method, path: "/channels", user: c.user[0], secret: c.user[1], keyInQuery: inQuery})
			require.Equal(s, c.status, r.status, "%s as %s, in the query: %v: %s", c.method, c.user[0], inQuery, r.body)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r := s.raw(request{method: method, path: "/channels", user: nobodyAtAll})
		require.Equal(s, 401, r.status)
		require.Contains(s, r.header.Get("WWW-Authenticate"), "Basic realm=")
	}
}

// Parameters may come as JSON or as a form, with parameters of the content type, and in pieces.
func requestBodies(s *S) {
	const asJSON, asForm = "application/json", "application/x-www-form-urlencoded"
	for _, c := range []struct{ body, contentType string }{
		{`{"type":"holding"}`, asJSON},
		{`{"type":"holding"}`, asJSON + "; charset=utf-8"},
		{`{"type":"holding"}`, asJSON + "; param=ignored"},
		{"type=holding", asForm},
	} {
		r := s.raw(request{method: http.MethodPost, path: "/bridges", body: strings.NewReader(c.body), contentType: c.contentType})
		require.Equal(s, 200, r.status, "%s: %s", c.contentType, r.body)
		var b struct {
			ID   string         `json:"id"`
			Type ari.BridgeType `json:"bridge_type"`
		}
		s.ok(json.Unmarshal([]byte(r.body), &b))
		require.Equal(s, ari.BridgeTypeHolding, b.Type, "%s", c.contentType)
		s.ok(s.ARI.StopBridge(s.Ctx, b.ID))
	}
	for _, body := range []string{`{"type":"holding",`, `{"type":"holding", unquoted}`} {
		r := s.raw(request{method: http.MethodPost, path: "/bridges", body: strings.NewReader(body), contentType: asJSON})
		require.Equal(s, 400, r.status, "%s: %s", body, r.body)
	}

	// A reader of unknown length is sent in chunks.
	ch := s.up("a", extSilent)
	pieces := io.MultiReader(strings.NewReader(`{"variable":"CHUNKED",`), strings.NewReader(`"value":"in pieces"}`))
	r := s.raw(request{method: http.MethodPost, path: "/channels/" + ch.ID + "/variable", body: pieces, contentType: asJSON})
	require.Equal(s, 204, r.status, "%s", r.body)
	s.ok(ch.Answer(s.Ctx)) // Which waits until what was asked for before is done.
	require.Equal(s, "in pieces", got(ch.Variable(s.Ctx, "CHUNKED"))(s))
}

// An address says what can be done with it, and what isn't one is told.
func requestMethods(s *S) {
	r := s.raw(request{method: http.MethodOptions, path: "/channels"})
	require.Equal(s, 204, r.status)
	require.Equal(s, "OPTIONS,GET,POST", r.header.Get("Allow"))
	r = s.raw(request{method: http.MethodDelete, path: "/bridges"})
	require.Equal(s, 405, r.status)
	require.Equal(s, "OPTIONS,GET,POST", r.header.Get("Allow"))
	for _, path := range []string{"/nonsense", "/channels/a/b/c", "/channels/"} {
		require.Equal(s, 404, s.raw(request{method: http.MethodGet, path: path}).status, "%s", path)
	}
	// To pages of other origins nothing is allowed that the configuration doesn't say.
	require.Empty(s, s.raw(request{method: http.MethodGet, path: "/channels"}).header.Get("Access-Control-Allow-Origin"))
}

// What an operation can't do without is asked for.
func requestWithoutParameters(s *S) {
	ch, app := s.up("a", extSilent), "/applications/"+s.AppName
	for _, c := range []struct{ method, path string }{
		{http.MethodPost, app + "/subscription"},
		{http.MethodDelete, app + "/subscription"},
		{http.MethodPost, "/channels"},
		{http.MethodPost, "/channels/create"},
		{http.MethodPost, "/channels/" + ch.ID + "/dtmf"},
		{http.MethodGet, "/channels/" + ch.ID + "/variable"},
	} {
		r := s.raw(request{method: c.method, path: c.path})
		require.Equal(s, 400, r.status, "%s %s: %s", c.method, c.path, r.body)
	}
	require.Equal(s, 500, s.raw(request{method: http.MethodPost, path: "/channels/" + ch.ID + "/play"}).status)
	for source, status := range sorted(map[string]int{
		"": 400, "nonsense:x": 400, "nonsense": 400, "channel:nobody": 422, "bridge:nobody": 422, "endpoint:Nonsense/x": 422, "endpoint:Nonsense": 422,
	}) {
		for _, method := range []string{http.MethodPost, http.MethodDelete} {
			r := s.raw(request{method: method, path: app + "/subscription", query: url.Values{"eventSource": {source}}})
			require.Equal(s, status, r.status, "%s %s: %s", method, source, r.body)
		}
	}
}

// Objects of the configuration have an address of four parts, and attributes that are checked.
func requestForConfiguration(s *S) {
	const base = "/asterisk/config/dynamic"
	id := s.id("aor")
	fields := `{"fields":[{"attribute":"max_contacts","value":"2"}]}`
	put := func(path, body string) int {
		return s.raw(request{method: http.MethodPut, path: path, body: strings.NewReader(body), contentType: "application/json"}).status
	}
	do := func(method, path string) int { return s.raw(request{method: method, path: path}).status }

	require.Equal(s, 400, put(base+"/res_pjsip/aor/"+id, `{"fields":[{"attribute":"nonsense","value":"x"}]}`))
	require.Equal(s, 404, do(http.MethodGet, base+"/res_pjsip/aor/"+id), "what was refused wasn't made")
	require.Equal(s, 200, put(base+"/res_pjsip/aor/"+id, fields))
	for _, path := range []string{
		"/asterisk/nonsense/dynamic/res_pjsip/aor/" + id, "/asterisk/config/nonsense/res_pjsip/aor/" + id,
		base + "/nonsense/aor/" + id, base + "/res_pjsip/nonsense/" + id,
	} {
		require.Equal(s, 404, put(path, fields), "%s", path)
		require.Equal(s, 404, do(http.MethodGet, path), "%s", path)
		require.Equal(s, 404, do(http.MethodDelete, path), "%s", path)
	}
	require.Equal(s, 404, do(http.MethodGet, base+"/res_pjsip/aor/"+id+"-none"))
	require.Equal(s, 404, do(http.MethodDelete, base+"/res_pjsip/aor/"+id+"-none"))

	value := func() string {
		for _, f := range got(s.ARI.ConfigObject(s.Ctx, "res_pjsip", "aor", id))(s) {
			if f.Attribute == "max_contacts" {
				return f.Value
			}
		}
		return ""
	}
	require.Equal(s, "2", value())
	require.Equal(s, 400, put(base+"/res_pjsip/aor/"+id, `{"fields":[{"attribute":"max_contacts","value":"3"},{"attribute":"nonsense","value":"x"}]}`))
	require.Equal(s, "2", value(), "nothing of what was refused is kept")
	require.Equal(s, 200, put(base+"/res_pjsip/aor/"+id, `{"fields":[{"attribute":"max_contacts","value":"3"}]}`))
	require.Equal(s, "3", value())
	require.Equal(s, 204, do(http.MethodDelete, base+"/res_pjsip/aor/"+id))
	require.Equal(s, 404, do(http.MethodGet, base+"/res_pjsip/aor/"+id))
}

// What could do harm to the machine isn't done for an application, though the dialplan may.
func dangerousFunctions(s *S) {
	ch := s.up("a", extSilent)
	for _, function := range []string{"SHELL(echo -n harm)", "FILE(/etc/hostname,0,1)"} {
		_, err := ch.Variable(s.Ctx, function)
		s.refused(err, 500, ari.ErrInternal)
	}
}
