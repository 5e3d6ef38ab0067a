package ari

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// A Doer sends one request and returns its answer. [*http.Client] is one.
type Doer interface {
	Do(req *http.Request) (*http.Response, error)
}

// direct sends requests without an [http.Client], which takes time for cookies and redirects. Asterisk has neither,
// and a command that follows a redirect as a GET would do something else.
type direct struct{ http.RoundTripper }

func (d direct) Do(req *http.Request) (*http.Response, error) { return d.RoundTrip(req) }

// The doer stands between the generated client and the transport. All that a request owes to Asterisk's
// ways is here, once, for every transport: how ids are encoded, what may not be sent, what goes into the
// body, when to try again, and what an answer with an error status becomes.
type doer struct {
	transport Doer
	basePath  string // the path of the base URL without a slash at its end, such as /ari
	auth      string // the Authorization header, or ""
	version   atomic.Pointer[Version]
	server    atomic.Pointer[string]                     // what the last answer called its server
	untold    atomic.Bool                                // Asterisk was asked for its version, and didn't tell
	ask       func(ctx context.Context) (Version, error) // asks Asterisk for its version
	gate      *gate

	background func(func()) // runs what goes on after a request has returned
}

const (
	// maxLine is the longest request line that is sent: Asterisk takes 4096 bytes.
	maxLine = 4000

	// maxItems is how many items of a list Asterisk takes in the query. In the body there may be any number.
	maxItems = 127

	// tries is how often a GET or DELETE is sent whose connection died under it.
	tries      = 3
	retryDelay = 20 * time.Millisecond

	// maxBody is the longest body that Asterisk takes.
	maxBody = 40 << 10

	// maxErrorBody is how much is read of an answer that has an error status.
	maxErrorBody = 64 << 10
)

// Do implements gen.HttpRequestDoer.
func (d *doer) Do(req *http.Request) (*http.Response, error) {
	var op *operation
	if c, ok := req.Context().(*request); ok {
		op = c.op
	} else if path, ok := strings.CutPrefix(req.URL.EscapedPath(), d.basePath); ok {
		op = operationFor(req.Method, path)
	}
	undo := undoPath(req, op, d.basePath) // Long parameters may go from the query into the body.
	if err := d.prepare(req, op); err != nil {
		return nil, err
	}
	leave, err := d.gate.enter(req.Context(), op)
	if err != nil {
		return nil, failure(req, op, err)
	}
	var resp *http.Response
	if undo != "" {
		resp, err = d.sendDetached(req, undo)
	} else {
		resp, err = d.send(req)
	}
	leave()
	if err != nil {
		return nil, failure(req, op, err)
	}
	d.noteVersion(resp.Header)
	if resp.StatusCode < 200 || resp.StatusCode >= 300 {
		return nil, d.refusal(req, op, resp)
	}
	return resp, nil
}

// prepare checks a request and gives it the form that Asterisk reads.
func (d *doer) prepare(req *http.Request, op *operation) error {
	path := req.URL.EscapedPath()
	if strings.Contains(strings.TrimPrefix(path, d.basePath), "//") {
		return &Error{Method: req.Method, Path: path, Message: "not sent: the path has an empty id", err: ErrInvalid}
	}
	if op != nil {
		if err := d.check(req, op, path); err != nil {
			return err
		}
		if err := fitLine(req, op, path); err != nil {
			return &Error{Operation: op.id, Method: req.Method, Path: path, Message: "not sent", err: err}
		}
	}
	// Go leaves a plus sign in a path as it is. Asterisk reads it as a space.
	if strings.IndexByte(path, '+') >= 0 {
		req.URL.RawPath = strings.ReplaceAll(path, "+", "%2B")
	}
	if d.auth != "" {
		req.Header.Set("Authorization", d.auth)
	}
	if req.Method == http.MethodDelete {
		// It may be sent twice. Without this net/http takes that for granted for GET only; an empty list
		// of values is not sent.
		req.Header["X-Idempotency-Key"] = []string{}
	}
	return nil
}

// check refuses what Asterisk must not get: an operation without a required parameter, a list with an empty item,
// and an operation that another would be taken for.
func (d *doer) check(req *http.Request, op *operation, path string) error {
	refused := func(format string, args ...any) error {
		return &Error{Operation: op.id, Method: op.method, Path: path, Message: "not sent: " + fmt.Sprintf(format, args...), err: ErrInvalid}
	}
	for i := range op.params {
		p := &op.params[i]
		if p.required && !hasValue(req.URL.RawQuery, p.name) {
			// In the body it is as good.
			if members, err := bodyMembers(req); err != nil || isEmptyJSON(members[p.name]) {
				return refused("the parameter %q is required", p.name)
			}
		}
	}
	if op.missing(nil) != "" {
		if members, err := bodyMembers(req); err == nil && op.missing(members) != "" {
			return refused("the member %q of the body is required", op.missing(members))
		}
	}
	if name := emptyItem(req.URL.RawQuery, op); name != "" {
		return refused("the list %q has an empty item", name)
	}
	if !mistakable[op] {
		return nil
	}
	v, known := d.knownVersion(req.Context())
	if known && !op.since.have(v) {
		return &Error{Operation: op.id, Method: op.method, Path: path, Message: "not sent", err: unsupported("it", op.since, v)}
	}
	return nil
}

// knownVersion returns Asterisk's version, if it can be told. What can't be told is no reason to refuse a command.
func (d *doer) knownVersion(ctx context.Context) (Version, bool) {
	if v := d.version.Load(); v != nil {
		return *v, true
	}
	if d.untold.Load() {
		return Version{}, false
	}
	v, err := d.ask(ctx)
	if err == nil {
		return v, true
	}
	if e, ok := errors.AsType[*Error](err); !ok || e.StatusCode != 0 && e.StatusCode < 500 {
		d.untold.Store(true) // There was an answer; another would be the same.
	}
	return Version{}, false
}

// isEmptyJSON reports whether a member of the body isn't there, or has nothing in it.
func isEmptyJSON(member json.RawMessage) bool {
	switch string(bytes.TrimSpace(member)) {
	case "", "null", `""`, "[]", "{}":
		return true
	}
	return false
}

// emptyItem returns the name of a list in the query that has an empty item among others, or "".
func emptyItem(raw string, op *operation) string {
	if !strings.Contains(raw, ",") {
		return ""
	}
	found := ""
	_ = queryParts(raw, func(name, value string) error {
		if p := op.param(name); p != nil && p.kind == paramList && slices.Contains(strings.Split(value, ","), "") {
			found = name
		}
		return nil
	})
	return found
}

// mistakable are the operations whose path an older Asterisk takes for another operation's, with a word
// of the path for an id: POST /channels/create originates a channel with the id "create".
var mistakable = func() map[*operation]bool {
	set := make(map[*operation]bool)
	for i := range operations {
		op := &operations[i]
		for j := range operations {
			other := &operations[j]
			if other != op && other.method == op.method && matchPath(other.path, op.path) {
				set[op] = true
			}
		}
	}
	return set
}()

func unsupported(what string, since versions, v Version) error {
	return fmt.Errorf("%w: %s needs Asterisk %s, this is %s", ErrUnsupported, what, since, v)
}

// hasValue reports whether a raw query has a value for name.
func hasValue(raw, name string) bool {
	for raw != "" {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		if len(part) > len(name)+1 && part[len(name)] == '=' && part[:len(name)] == name {
			return true
		}
	}
	return false
}

// fitLine moves the query into the JSON body if it doesn't fit into the request line, or if an item of
// a list holds a comma or another character that has a meaning in the query's lists.
func fitLine(req *http.Request, op *operation, path string) error {
	raw := req.URL.RawQuery
	if raw == "" || len(req.Method)+len(path)+len(raw)+len("  ?HTTP/1.1") <= maxLine && !splitsItem(raw, op) {
		return nil
	}
	members, err := bodyMembers(req)
	if err != nil {
		return err
	}
	if members == nil {
		members = make(map[string]json.RawMessage)
	}
	err = queryParts(raw, func(name, value string) error {
		v, err := jsonValue(op.param(name), value)
		if err != nil {
			return fmt.Errorf("parameter %s: %w", name, err)
		}
		members[name] = v
		return nil
	})
	if err != nil {
		return err
	}
	body, err := json.Marshal(members)
	if err != nil {
		return err
	}
	req.URL.RawQuery = ""
	req.Header.Set("Content-Type", "application/json")
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, err = req.GetBody()
	return err
}

// splitsItem reports whether the value of a list parameter has an item that Asterisk would not read as it is:
// it splits the list at commas, but not within brackets or quotes, and takes quotes and backslashes out. Nor does it
// read a list with too many items.
func splitsItem(raw string, op *operation) bool {
	if !strings.Contains(raw, "%") && strings.Count(raw, ",") < maxItems {
		return false
	}
	found := false
	_ = queryParts(raw, func(name, value string) error {
		p := op.param(name)
		if p == nil || p.kind != paramList {
			return nil
		}
		// The generated client joins items with plain commas; those within an item are encoded.
		found = found || strings.Count(value, ",") >= maxItems
		for item := range strings.SplitSeq(value, ",") {
			text, err := url.QueryUnescape(item)
			found = found || err != nil || !readAsItIs(text)
		}
		return nil
	})
	return found
}

// readAsItIs reports whether an item of a list in the query has the same meaning alone as among others.
func readAsItIs(item string) bool {
	return !strings.ContainsAny(item, `,"\`) &&
		strings.Count(item, "(") == strings.Count(item, ")") && strings.Count(item, "[") == strings.Count(item, "]")
}

// jsonValue turns a parameter's value from the query into the JSON type that Asterisk wants: it takes a
// value of another type for none at all.
func jsonValue(p *param, value string) (json.RawMessage, error) {
	if p != nil && p.kind == paramList {
		var items []string
		for item := range strings.SplitSeq(value, ",") {
			text, err := url.QueryUnescape(item)
			if err != nil {
				return nil, err
			}
			items = append(items, text)
		}
		return json.Marshal(items)
	}
	text, err := url.QueryUnescape(value)
	if err != nil {
		return nil, err
	}
	if p != nil {
		switch p.kind {
		case paramNumber:
			if _, err := strconv.ParseFloat(text, 64); err == nil {
				return json.RawMessage(text), nil
			}
		case paramBool:
			if b, err := strconv.ParseBool(text); err == nil {
				return strconv.AppendBool(nil, b), nil
			}
		case paramString, paramList:
		}
	}
	return json.Marshal(text)
}

// bodyMembers returns the members of a request's JSON body; nil if it has none.
func bodyMembers(req *http.Request) (map[string]json.RawMessage, error) {
	if req.GetBody == nil || req.ContentLength == 0 {
		return nil, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var members map[string]json.RawMessage
	if err := json.NewDecoder(body).Decode(&members); err != nil {
		return nil, fmt.Errorf("the body isn't a JSON object: %w", err)
	}
	return members, nil
}

// send sends a request, and sends a GET or DELETE again whose connection died: Asterisk closes idle
// connections, and answers one over its limit by closing it.
func (d *doer) send(req *http.Request) (*http.Response, error) {
	again := req.Method == http.MethodGet || req.Method == http.MethodDelete
	for try := 1; ; try++ {
		resp, err := d.transport.Do(req)
		if err == nil || !again || try == tries || !died(err) {
			return resp, err
		}
		timer := time.NewTimer(time.Duration(try) * retryDelay)
		select {
		case <-timer.C:
		case <-req.Context().Done():
			timer.Stop()
			return nil, context.Cause(req.Context())
		}
		if req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

func died(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// failure is the error of a request that got no answer.
func failure(req *http.Request, op *operation, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // its text repeats the URL
	}
	if req.ContentLength > maxBody && died(err) {
		// Asterisk has answered 413 and closed the connection, without reading the body. Whether the answer
		// or the end of the connection is seen first is chance.
		err = fmt.Errorf("%w: the body has %d bytes, Asterisk takes %d: %w", ErrTooLarge, req.ContentLength, maxBody, err)
	}
	if req.Context().Err() == nil && !errors.Is(err, ErrTooLarge) {
		err = fmt.Errorf("%w: %w", ErrConnection, err)
	}
	e := &Error{Method: req.Method, Path: req.URL.EscapedPath(), err: err}
	if op != nil {
		e.Operation = op.id
	}
	return e
}

func (d *doer) noteVersion(h http.Header) {
	server := h.Get("Server")
	if last := d.server.Load(); last != nil && *last == server || !strings.HasPrefix(server, "Asterisk/") {
		return
	}
	d.server.Store(&server)
	if v, err := ParseVersion(server); err == nil {
		d.version.Store(&v)
	}
}

// refusal makes the error of an answer whose status isn't a success.
func (d *doer) refusal(req *http.Request, op *operation, resp *http.Response) error {
	body, readErr := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	_ = resp.Body.Close()
	id := ""
	if op != nil {
		id = op.id
	}
	e := newError(id, req.Method, req.URL.EscapedPath(), resp.StatusCode, resp.Header, body)
	if readErr != nil {
		e.err = fmt.Errorf("%w: the answer broke off: %w", ErrProtocol, readErr)
	}
	if op == nil {
		return e
	}
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed {
		if v := d.version.Load(); v != nil && !op.since.have(*v) {
			e.err = unsupported("it", op.since, *v)
		}
	}
	if resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusNotImplemented {
		if v := d.version.Load(); v != nil {
			e.err = errors.Join(e.err, tooNewValue(req.URL.RawQuery, op, *v))
		}
	}
	return e
}

// tooNewValue finds a parameter whose value this version doesn't know yet.
func tooNewValue(raw string, op *operation, v Version) (err error) {
	_ = queryParts(raw, func(name, value string) error {
		if p := op.param(name); p != nil {
			if since, ok := p.values[value]; ok && !since.have(v) {
				err = unsupported(name+"="+value, since, v)
			}
		}
		return nil
	})
	return err
}
