package ari

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// refuseInvalid keeps from Asterisk what it must not get: a path with an empty id, which would be another operation's, an
// operation without a required parameter, a list with an empty item, and what Asterisk doesn't survive.
func refuseInvalid(basePath string) func(*http.Request) error {
	return func(req *http.Request) error {
		if why := invalid(req, basePath); why != "" {
			e := newRequestError(req, ErrInvalid)
			e.Message = "not sent: " + why
			return e
		}
		return nil
	}
}

// invalid says what is wrong with a request, or "".
func invalid(req *http.Request, basePath string) string {
	if strings.Contains(strings.TrimPrefix(req.URL.EscapedPath(), basePath), "//") {
		return "the path has an empty id"
	}
	op := requestOf(req.Context()).op
	if op == nil {
		return ""
	}
	for i := range op.params {
		p := &op.params[i]
		if p.required && !hasValue(req.URL.RawQuery, p.name) {
			// In the body it is as good.
			if members, err := bodyMembers(req); err != nil || !p.isIn(members) {
				return fmt.Sprintf("the parameter %q is required", p.name)
			}
		}
	}
	if op == opChannelsSetChannelVar {
		name, _ := paramText(req, "variable")
		if _, ok := paramText(req, "value"); !ok && strings.Contains(name, "(") {
			return fmt.Sprintf("the function %s has no value, which crashes some versions of Asterisk; set the empty one", name)
		}
	}
	if op.missing(nil) != "" {
		if members, err := bodyMembers(req); err == nil && op.missing(members) != "" {
			return fmt.Sprintf("the member %q of the body is required", op.missing(members))
		}
	}
	if name := emptyItem(req.URL.RawQuery, op); name != "" {
		return fmt.Sprintf("the list %q has an empty item", name)
	}
	return ""
}

// isEmptyJSON reports whether a member of the body isn't there, or has nothing in it.
func isEmptyJSON(member json.RawMessage) bool {
	switch string(bytes.TrimSpace(member)) {
	case "", "null", `""`, "[]", "{}":
		return true
	}
	return false
}

// isIn reports whether a JSON body has a value for the parameter. Asterisk takes one of another type for none at all, and
// some operations don't survive that.
func (p *param) isIn(members map[string]json.RawMessage) bool {
	value := bytes.TrimSpace(members[p.name])
	return !isEmptyJSON(value) && (p.kind != paramString || value[0] == '"')
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

// paramText returns the value of a parameter from the query, or else from the body, and whether it is there at all.
func paramText(req *http.Request, name string) (text string, ok bool) {
	_ = queryParts(req.URL.RawQuery, func(n, value string) error {
		if n == name && !ok {
			text, _ = url.QueryUnescape(value)
			ok = true
		}
		return nil
	})
	if ok {
		return text, true
	}
	members, err := bodyMembers(req)
	if err != nil || json.Unmarshal(members[name], &text) != nil {
		return "", false
	}
	return text, string(members[name]) != "null"
}

// paramItems returns the items of a list parameter from the query, or else from the body.
func paramItems(req *http.Request, name string) (items []string) {
	found := false
	_ = queryParts(req.URL.RawQuery, func(n, value string) error {
		if n == name && !found {
			found = true
			for item := range strings.SplitSeq(value, ",") {
				text, _ := url.QueryUnescape(item)
				items = append(items, text)
			}
		}
		return nil
	})
	if members, err := bodyMembers(req); !found && err == nil && json.Unmarshal(members[name], &items) != nil {
		var one string
		if json.Unmarshal(members[name], &one) == nil {
			items = []string{one}
		}
	}
	return items
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

// setBody replaces a request's body by JSON.
func setBody(req *http.Request, body []byte) {
	req.Header.Set("Content-Type", "application/json")
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody()
}

// queryParts splits a raw query into names and values, still encoded.
func queryParts(raw string, each func(name, value string) error) error {
	for raw != "" {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return err
		}
		if err := each(name, value); err != nil {
			return err
		}
	}
	return nil
}
