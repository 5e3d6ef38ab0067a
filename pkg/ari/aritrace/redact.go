package aritrace

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Hidden stands where something is left out.
const Hidden = "***"

// secretNames are parts of the names of what nobody should read: variables, attributes of the configuration, parameters.
var secretNames = []string{"password", "passwd", "secret", "token", "credential", "authorization", "api_key", "apikey", "api-key", "md5_cred", "private_key", "privatekey"}

// userInfo is who uses a URL; it stands in media URIs, for example. secretParam is a secret in a URL's query.
var (
	userInfo    = regexp.MustCompile(`(://)[^/?#@\s"\\]+@`)
	secretParam = regexp.MustCompile(`(?i)([?&;](?:[^=&"\\\s]*(?:password|passwd|secret|token|credential|signature|api_?key)[^=&"\\\s]*|sig)=)[^&"\\\s,]+`)
)

// A redactor hides what nobody should read.
type redactor struct {
	names  []string // in lower case
	digits bool
}

func newRedactor() redactor { return redactor{names: slices.Clone(secretNames)} }

func (r *redactor) secret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(r.names, func(part string) bool { return strings.Contains(name, part) })
}

// text hides what a text has of URLs.
func (r *redactor) text(s string) string {
	if strings.Contains(s, "://") {
		s = userInfo.ReplaceAllString(s, "${1}"+Hidden+"@")
	}
	if strings.ContainsAny(s, "?&") {
		s = secretParam.ReplaceAllString(s, "${1}"+Hidden)
	}
	return s
}

// json hides what JSON has; nil if it is none. Most of it has nothing to hide, and stays as it is.
func (r *redactor) json(text []byte) json.RawMessage {
	if !json.Valid(text) {
		return nil
	}
	if !r.suspicious(text) {
		return text
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(r.value(v)) != nil {
		return nil
	}
	return bytes.TrimSpace(out.Bytes())
}

// suspicious reports whether there may be something to hide. An escaped letter may hide a name.
func (r *redactor) suspicious(text []byte) bool {
	lower := bytes.ToLower(text)
	if bytes.Contains(lower, []byte("://")) || bytes.Contains(lower, []byte(`:\/\/`)) || bytes.Contains(lower, []byte(`\u00`)) {
		return true
	}
	if r.digits && (bytes.Contains(lower, []byte(`"digit"`)) || bytes.Contains(lower, []byte(`"dtmf"`))) {
		return true
	}
	return slices.ContainsFunc(r.names, func(part string) bool { return bytes.Contains(lower, []byte(part)) })
}

// value hides what is in a value of JSON.
func (r *redactor) value(v any) any {
	switch v := v.(type) {
	case string:
		return r.text(v)
	case []any:
		for i := range v {
			v[i] = r.value(v[i])
		}
	case map[string]any:
		named := r.namesSecret(v)
		for key, member := range v {
			switch {
			case member == nil:
			case r.secret(key), named && strings.EqualFold(key, "value"), r.digits && (key == "digit" || key == "dtmf"):
				v[key] = Hidden
			default:
				v[key] = r.value(member)
			}
		}
	}
	return v
}

// namesSecret reports whether an object says by a member that its value is a secret: a variable that is set, an attribute.
func (r *redactor) namesSecret(object map[string]any) bool {
	for _, key := range []string{"variable", "attribute", "name"} {
		if name, ok := object[key].(string); ok && r.secret(name) {
			return true
		}
	}
	return false
}

// query hides what a query has.
func (r *redactor) query(query string) string {
	if query == "" {
		return ""
	}
	parts := strings.Split(query, "&")
	named := r.asksForSecret(query)
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		text, err := url.QueryUnescape(value)
		switch {
		case r.secret(name), named && name == "value", r.digits && name == "dtmf":
			parts[i] = name + "=" + Hidden
		case err == nil && r.text(text) != text:
			parts[i] = name + "=" + url.QueryEscape(r.text(text))
		}
	}
	return strings.Join(parts, "&")
}

// asksForSecret reports whether a query names a variable that is a secret.
func (r *redactor) asksForSecret(query string) bool {
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if text, err := url.QueryUnescape(value); err == nil && name == "variable" && r.secret(text) {
			return true
		}
	}
	return false
}

// Hide hides in a command what a recorder hides, so that it can be compared with a recorded one.
func Hide(cmd Command) Command {
	r := newRedactor()
	cmd.Query = r.query(cmd.Query)
	cmd.Body = r.json(cmd.Body)
	return cmd
}
