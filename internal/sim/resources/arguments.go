package resources

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ari-go/ari/internal/ariserver"
	"github.com/ari-go/ari/internal/sim/text"
)

type argsKey struct{}

// args are the query parameters of a request, wherever they came from, and the rest of its body.
type args struct {
	values map[string]string   // as they came
	lists  map[string][]string // of parameters that are lists
	body   map[string]json.RawMessage
	apiKey string
	router *Router
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
func (r *Router) arguments(op *ariserver.Operation, query url.Values, body []byte, contentType string) (*args, error) {
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
		if len(p.Since) > 0 && !r.p.Config.Version.AtLeast(p.Since...) {
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
			query.Set(p.Name, strconv.FormatBool(text.IsTrue(value)))
		case p.Kind == ariserver.Integer:
			query.Set(p.Name, strconv.Itoa(text.LeadingInt(value)))
		default:
			query.Set(p.Name, value)
		}
	}
	return query.Encode()
}
