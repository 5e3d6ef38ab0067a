package ari

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	// maxLine is the longest request line that is sent: Asterisk takes 4096 bytes.
	maxLine = 4000

	// maxItems is how many items of a list Asterisk takes in the query. In the body there may be any number.
	maxItems = 127
)

// fitLine moves the query into the JSON body if it doesn't fit into the request line, or if an item of a list holds a
// comma or another character that has a meaning in the query's lists.
func fitLine(req *http.Request) error {
	op := requestOf(req.Context()).op
	if op == nil || fits(req, op) {
		return nil
	}
	if err := moveQuery(req, op); err != nil {
		e := newRequestError(req, err)
		e.Message = "not sent"
		return e
	}
	return nil
}

func fits(req *http.Request, op *operation) bool {
	raw := req.URL.RawQuery
	return raw == "" ||
		len(req.Method)+len(req.URL.EscapedPath())+len(raw)+len("  ?HTTP/1.1") <= maxLine && !splitsItem(raw, op)
}

func moveQuery(req *http.Request, op *operation) error {
	members, err := bodyMembers(req)
	if err != nil {
		return err
	}
	if members == nil {
		members = make(map[string]json.RawMessage)
	}
	err = queryParts(req.URL.RawQuery, func(name, value string) error {
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
	setBody(req, body)
	return nil
}

// splitsItem reports whether the value of a list parameter has an item that Asterisk would not read as it is: it splits
// the list at commas, but not within brackets or quotes, and takes quotes and backslashes out. Nor does it read a list
// with too many items.
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

// jsonValue turns a parameter's value from the query into the JSON type that Asterisk wants: it takes a value of another
// type for none at all.
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
