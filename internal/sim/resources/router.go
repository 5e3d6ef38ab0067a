package resources

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ari-go/ari/internal/ariserver"
	"github.com/ari-go/ari/internal/sim/applications"
	"github.com/ari-go/ari/internal/sim/external"
	"github.com/ari-go/ari/internal/sim/pbx"
)

// Asterisk's limits.
const (
	maxLine = 4096
	maxBody = 40960
	maxList = 127
)

// A Router finds operations as Asterisk does. It takes the handlers that oapi-codegen made, and gives them requests whose
// parameters are written as they expect them.
type Router struct {
	p     *pbx.PBX
	legs  *external.Legs
	users Users
	root  *node
	ops   map[string]*ariserver.Operation // by method and path, as in "GET /channels"; while the routes are made
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

// NewRouter makes the routes of the operations that the version has.
func NewRouter(p *pbx.PBX, s *applications.Sockets, legs *external.Legs, u Users) *Router {
	r := &Router{p: p, legs: legs, users: u, root: newNode()}
	ops := map[string]*ariserver.Operation{}
	for i := range ariserver.Operations {
		op := &ariserver.Operations[i]
		if p.Config.Version.AtLeast(op.Since...) {
			ops[op.Method+" "+op.Path] = op
		}
	}
	r.ops = ops
	ariserver.HandlerWithOptions(&operations{p: p, sockets: s, legs: legs}, ariserver.StdHTTPServerOptions{
		BaseRouter: r,
		ErrorHandlerFunc: func(w http.ResponseWriter, _ *http.Request, err error) {
			fail(w, http.StatusBadRequest, err.Error())
		},
	})
	r.ops = nil
	s.Handle(r.serve)
	return r
}

// HandleFunc takes an operation's handler; ariserver calls it.
func (r *Router) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
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

// name says which Asterisk answers.
func (r *Router) name(w http.ResponseWriter) {
	w.Header().Set("Server", "Asterisk/"+r.p.Config.Version.String())
}

// Refuse answers with an error without carrying anything out.
func (r *Router) Refuse(w http.ResponseWriter, status int, message string) {
	r.name(w)
	fail(w, status, message)
}

// ServeHTTP serves a request that came by HTTP.
func (r *Router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.name(w)
	w.Header().Set("Cache-Control", "no-cache, no-store")
	if len(req.Method)+len(req.RequestURI)+len(" HTTP/1.1 ") > maxLine {
		w.Header().Set("Connection", "close")
		failHTML(w, http.StatusBadRequest, "Request line too long")
		return
	}
	if id, ok := strings.CutPrefix(req.URL.EscapedPath(), "/media/"); ok && r.p.Has.MediaWebsocket {
		r.legs.Connect(w, req, id, func(status int, text string) { failHTML(w, status, text) })
		return
	}
	path, ok := strings.CutPrefix(req.URL.EscapedPath(), "/ari")
	if !ok || path != "" && path[0] != '/' {
		failHTML(w, http.StatusNotFound, "The requested URL was not found on this server.")
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

// serve finds the operation and lets it answer. The path is that behind /ari, still encoded.
func (r *Router) serve(w http.ResponseWriter, req *http.Request, path string, query url.Values, body []byte, contentType string) {
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
func (r *Router) find(path string) (n *node, values map[string]string, ok bool) {
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
