package aritest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ari-go/ari/internal/ariserver"
	"github.com/ari-go/ari/pkg/ari"
)

// Asterisk's limits.
const (
	maxLine = 4096
	maxBody = 40960
	maxList = 127
)

// A router finds operations as Asterisk does. It takes the handlers that oapi-codegen made, and gives them requests whose
// parameters are written as they expect them.
type router struct {
	p    *pbx
	root *node
	ops  map[string]*ariserver.Operation // by method and path, as in "GET /channels"
}

// A node is a segment of a path.
type node struct {
	children map[string]*node
	wildcard *node
	param    string
	methods  map[string]route
}

type route struct {
	op      *ariserver.Operation
	handler http.HandlerFunc
}

func newNode() *node { return &node{children: map[string]*node{}, methods: map[string]route{}} }

// newRouter makes the routes of the operations that the version has.
func newRouter(p *pbx, h ariserver.ServerInterface) *router {
	r := &router{p: p, root: newNode(), ops: map[string]*ariserver.Operation{}}
	for i := range ariserver.Operations {
		op := &ariserver.Operations[i]
		if hasVersion(op.Since, p.opts.version) {
			r.ops[op.Method+" "+op.Path] = op
		}
	}
	ariserver.HandlerWithOptions(h, ariserver.StdHTTPServerOptions{
		BaseRouter: r,
		ErrorHandlerFunc: func(w http.ResponseWriter, _ *http.Request, err error) {
			fail(w, http.StatusBadRequest, err.Error())
		},
	})
	return r
}

// hasVersion reports whether a release has something that came with these releases.
func hasVersion(since []string, v ari.Version) bool {
	for i, text := range slices.Backward(since) {
		first, err := ari.ParseVersion(text)
		if err != nil {
			return false
		}
		if first.Major == v.Major || first.Major < v.Major && i == len(since)-1 {
			return v.Compare(first) >= 0
		}
	}
	return false
}

// HandleFunc takes an operation's handler; ariserver calls it.
func (r *router) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	op := r.ops[pattern]
	if op == nil {
		return
	}
	n := r.root
	for segment := range strings.SplitSeq(strings.Trim(op.Path, "/"), "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			if n.wildcard == nil {
				n.wildcard = newNode()
			}
			n = n.wildcard
			n.param = strings.TrimSuffix(name, "}")
			continue
		}
		if n.children[segment] == nil {
			n.children[segment] = newNode()
		}
		n = n.children[segment]
	}
	n.methods[op.Method] = route{op, handler}
}

// fail answers with an error as ARI words it.
func fail(w http.ResponseWriter, status int, message string) {
	write(w, status, object(field{"message", message}))
}

// failAllocation is how Asterisk answers when it couldn't make something.
func failAllocation(w http.ResponseWriter) {
	write(w, http.StatusInternalServerError, object(field{"error", "Allocation failed"}))
}

func write(w http.ResponseWriter, status int, body jsonText) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // The client may have gone.
}

// failHTML is an error of the web server itself.
func (r *router) failHTML(w http.ResponseWriter, status int, text string) {
	title := http.StatusText(status)
	body := fmt.Sprintf("<!DOCTYPE html>\n<html><head><title>%d %s</title></head><body><h1>%s</h1><p>%s</p></body></html>\n", status, title, title, text)
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// ServeHTTP serves a request that came by HTTP.
func (r *router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Server", "Asterisk/"+r.p.opts.version.String())
	w.Header().Set("Cache-Control", "no-cache, no-store")
	if len(req.Method)+len(req.RequestURI)+len(" HTTP/1.1 ") > maxLine {
		w.Header().Set("Connection", "close")
		r.failHTML(w, http.StatusBadRequest, "Request line too long")
		return
	}
	path, ok := strings.CutPrefix(req.URL.EscapedPath(), "/ari")
	if !ok || path != "" && path[0] != '/' {
		r.failHTML(w, http.StatusNotFound, "The requested URL was not found on this server.")
		return
	}
	if req.ContentLength > maxBody {
		w.Header().Set("Connection", "close")
		fail(w, http.StatusRequestEntityTooLarge, "Request body too large")
		return
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, maxBody+1))
	if err != nil {
		fail(w, http.StatusBadRequest, "Error parsing request body")
		return
	}
	if len(body) > maxBody {
		w.Header().Set("Connection", "close")
		fail(w, http.StatusRequestEntityTooLarge, "Request body too large")
		return
	}
	query, err := url.ParseQuery(strings.ReplaceAll(req.URL.RawQuery, ";", "%3B"))
	if err != nil {
		fail(w, http.StatusBadRequest, "Error parsing request query")
		return
	}
	r.serve(w, req, path, query, body, req.Header.Get("Content-Type"))
}

// may tells what a user may do.
type may int

const (
	nothing may = iota
	readOnly
	everything
)

// authenticate looks at the user and password of a request.
func (r *router) authenticate(req *http.Request, query url.Values) may {
	name, secret, ok := req.BasicAuth()
	if req.Header.Get("Authorization") == "" {
		name, secret, ok = strings.Cut(query.Get("api_key"), ":")
	}
	o := &r.p.opts
	switch {
	case ok && name == o.user && secret == o.secret:
		return everything
	case ok && name == o.reader && secret == o.readerSecret:
		return readOnly
	default:
		return nothing
	}
}

// serve finds the operation and lets it answer. The path is that behind /ari, still encoded.
func (r *router) serve(w http.ResponseWriter, req *http.Request, path string, query url.Values, body []byte, contentType string) {
	user := r.authenticate(req, query)
	if user == nothing {
		w.Header().Set("WWW-Authenticate", `Basic realm="Asterisk REST Interface"`)
		fail(w, http.StatusUnauthorized, "Authentication required")
		return
	}
	if user == readOnly && req.Method != http.MethodGet && req.Method != http.MethodOptions {
		fail(w, http.StatusForbidden, "Write access denied")
		return
	}
	if strings.HasSuffix(path, "/") && path != "/" {
		fail(w, http.StatusNotFound, "ARI URLs do not end with a slash. Try /ari"+strings.TrimRight(path, "/"))
		return
	}
	n, values, ok := r.find(path)
	if !ok {
		fail(w, http.StatusNotFound, "Resource not found")
		return
	}
	if req.Method == http.MethodOptions {
		w.Header().Set("Allow", n.allow())
		w.WriteHeader(http.StatusNoContent)
		return
	}
	found, ok := n.methods[req.Method]
	if !ok {
		w.Header().Set("Allow", n.allow())
		fail(w, http.StatusMethodNotAllowed, "Invalid method")
		return
	}
	args, err := r.arguments(found.op, query, body, contentType)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	for name, value := range values {
		req.SetPathValue(name, value)
	}
	req = req.WithContext(context.WithValue(req.Context(), argsKey{}, args))
	req.URL.RawQuery = args.encode(found.op)
	found.handler(w, req)
}

func (n *node) allow() string {
	allowed := []string{http.MethodOptions}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if _, ok := n.methods[method]; ok {
			allowed = append(allowed, method)
		}
	}
	return strings.Join(allowed, ",")
}

// find follows the segments of a path, as Asterisk does: words before ids, and no further than an empty segment.
func (r *router) find(path string) (n *node, values map[string]string, ok bool) {
	n, values = r.root, map[string]string{}
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if segment == "" {
			break
		}
		name, err := url.QueryUnescape(segment) // A plus sign is a space in paths too.
		if err != nil {
			name = segment
		}
		switch {
		case n.children[name] != nil:
			n = n.children[name]
		case n.wildcard != nil:
			n = n.wildcard
			values[n.param] = name
		default:
			return nil, nil, false
		}
	}
	return n, values, true
}

type argsKey struct{}

// args are the query parameters of a request, wherever they came from, and the rest of its body.
type args struct {
	values map[string]string   // as they came
	lists  map[string][]string // of parameters that are lists
	body   map[string]json.RawMessage
	apiKey string
	router *router
}

// argsOf returns what the router found in the request.
func argsOf(req *http.Request) *args {
	a, ok := req.Context().Value(argsKey{}).(*args)
	if !ok {
		return &args{}
	}
	return a
}

var (
	errBody = errors.New("Error parsing request body")
	errList = errors.New("Too many values") //nolint:staticcheck // Asterisk's wording
)

// arguments puts query and body together.
func (r *router) arguments(op *ariserver.Operation, query url.Values, body []byte, contentType string) (*args, error) {
	a := &args{
		values: map[string]string{}, lists: map[string][]string{}, body: map[string]json.RawMessage{}, apiKey: query.Get("api_key"), router: r,
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media = ""
	}
	switch {
	case len(body) == 0:
	case media == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, errBody
		}
		for name, values := range form {
			query[name] = append(query[name], values...)
		}
	case media == "application/json":
		if !json.Valid(body) {
			return nil, errBody
		}
		if err := json.Unmarshal(body, &a.body); err != nil {
			a.body = map[string]json.RawMessage{} // some other JSON than an object
		}
	}
	for _, p := range op.Params {
		if len(p.Since) > 0 && !hasVersion(p.Since, r.p.opts.version) {
			continue
		}
		if values := query[p.Name]; len(values) > 0 {
			last := values[len(values)-1]
			a.values[p.Name] = last
			if p.Kind == ariserver.List && last != "" {
				a.lists[p.Name] = splitList(last)
			}
		}
		member, ok := a.body[p.Name]
		if !ok {
			continue
		}
		if err := a.override(p, member); err != nil {
			return nil, err
		}
	}
	for _, list := range a.lists {
		if len(list) > maxList {
			return nil, errList
		}
	}
	return a, nil
}

// override takes a parameter from a member of the body, if it has the right type.
func (a *args) override(p ariserver.Param, member json.RawMessage) error {
	var v any
	if err := json.Unmarshal(member, &v); err != nil {
		return errBody
	}
	delete(a.values, p.Name)
	delete(a.lists, p.Name)
	switch v := v.(type) {
	case string:
		switch p.Kind {
		case ariserver.List:
			a.lists[p.Name] = []string{v}
			a.values[p.Name] = v
		case ariserver.String:
			a.values[p.Name] = v
		default:
		}
	case []any:
		if p.Kind == ariserver.List {
			for _, item := range v {
				if text, ok := item.(string); ok {
					a.lists[p.Name] = append(a.lists[p.Name], text)
				}
			}
			a.values[p.Name] = strings.Join(a.lists[p.Name], ",")
		}
	case float64:
		if p.Kind == ariserver.Integer {
			a.values[p.Name] = strconv.FormatInt(int64(v), 10)
		}
	case bool:
		if p.Kind == ariserver.Boolean {
			a.values[p.Name] = strconv.FormatBool(v)
		}
	}
	return nil
}

// splitList splits at commas that aren't quoted.
func splitList(text string) []string {
	var items []string
	var item strings.Builder
	quoted := false
	depth := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			i++
			item.WriteByte(text[i])
			continue
		case c == '"':
			quoted = !quoted
			continue
		case c == '(' || c == '[':
			depth++
		case (c == ')' || c == ']') && depth > 0:
			depth--
		case c == ',' && !quoted && depth == 0:
			items = append(items, item.String())
			item.Reset()
			continue
		}
		item.WriteByte(c)
	}
	return append(items, item.String())
}

// encode writes the parameters as the generated handlers read them. What the description requires is always there, since
// Asterisk has its own answers to what is missing.
func (a *args) encode(op *ariserver.Operation) string {
	query := url.Values{}
	for _, p := range op.Params {
		value, ok := a.values[p.Name]
		switch {
		case !ok && !p.Required:
		case p.Kind == ariserver.Boolean:
			query.Set(p.Name, strconv.FormatBool(isTrue(value)))
		case p.Kind == ariserver.Integer:
			query.Set(p.Name, strconv.Itoa(leadingInt(value)))
		default:
			query.Set(p.Name, value)
		}
	}
	return query.Encode()
}

func isTrue(text string) bool {
	return slices.Contains([]string{"yes", "true", "y", "t", "1", "on"}, strings.ToLower(text))
}

// leadingInt reads the number that a text begins with, or 0.
func leadingInt(text string) int {
	text = strings.TrimSpace(text)
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || end == 0 && (text[end] == '-' || text[end] == '+')) {
		end++
	}
	n, err := strconv.Atoi(text[:end])
	if err != nil {
		return 0
	}
	return n
}
