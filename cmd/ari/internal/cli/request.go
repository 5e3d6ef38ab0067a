package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/pkg/ari"
	"github.com/spf13/cobra"

	"github.com/ari-go/ari/cmd/ari/internal/operations"
)

// A request is one operation with what was typed.
type request struct {
	op   *operations.Operation
	conn *connection

	texts   map[string]*string
	numbers map[string]*int64
	bools   map[string]*bool
	lists   map[string]*[]string
	body    string
	output  string
}

// bodyFlag is the flag for the whole body. An operation has a parameter named body.
const bodyFlag = "request-body"

// A built request has its parts in the form that Asterisk takes.
type built struct {
	method, path string
	query        map[string][]string // each item once; a list is one parameter on the wire
	body         map[string]json.RawMessage
}

func (r *request) flags(cmd *cobra.Command) {
	r.texts, r.numbers = make(map[string]*string), make(map[string]*int64)
	r.bools, r.lists = make(map[string]*bool), make(map[string]*[]string)
	f := cmd.Flags()
	takesBody := false
	for _, in := range r.op.Inputs {
		if in.In == operations.InPath {
			continue
		}
		takesBody = takesBody || in.In == operations.InBody
		help := usage(in)
		switch in.Kind {
		case operations.Number:
			r.numbers[in.Name] = f.Int64(in.Name, 0, help)
		case operations.Bool:
			r.bools[in.Name] = f.Bool(in.Name, false, help)
		case operations.List, operations.Object:
			r.lists[in.Name] = f.StringArray(in.Name, nil, help)
		case operations.Text:
			r.texts[in.Name] = f.String(in.Name, "", help)
		}
		complete(cmd, in)
	}
	if takesBody {
		f.StringVar(&r.body, bodyFlag, "", "the whole body as `JSON`, @FILE, or - for standard input")
	}
	if r.op.Binary {
		f.StringVar(&r.output, "output", "", "`file` to write the answer to; - is standard output")
	}
}

// complete tells the shell what a flag can be. A registration fails only for a flag that isn't there.
func complete(cmd *cobra.Command, in operations.Input) {
	values := in.Values
	if in.Kind == operations.Bool {
		values = []string{"true", "false"}
	}
	_ = cmd.RegisterFlagCompletionFunc(in.Name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// usage is a flag's text of help. What stands in back quotes is the name of its value.
func usage(in operations.Input) string {
	text := strings.ReplaceAll(in.Description, "`", "'")
	switch {
	case in.Kind == operations.Object:
		text = "`NAME=VALUE`, may be repeated: " + text
	case in.Kind == operations.List && in.In == operations.InBody:
		text = "`JSON` of an item, may be repeated: " + text
	case in.Kind == operations.List:
		text = "`item`, may be repeated: " + text
	}
	if in.Required {
		text = "(required) " + text
	}
	if len(in.Values) > 0 && in.Kind != operations.Bool {
		text += " Values: " + strings.Join(in.Values, ", ") + "."
	}
	return wrap(text, 90)
}

// build makes the request of what was typed.
func (r *request) build(cmd *cobra.Command, args []string) (*built, error) {
	b := &built{method: r.op.Method, path: r.op.Path, query: make(map[string][]string), body: make(map[string]json.RawMessage)}
	for i, in := range r.op.Of(operations.InPath) {
		if args[i] == "" {
			return nil, usagef("%s is empty", argumentName(in.Name))
		}
		b.path = strings.Replace(b.path, "{"+in.Name+"}", url.PathEscape(args[i]), 1)
	}
	if err := r.readBody(cmd, b); err != nil {
		return nil, err
	}
	for _, in := range r.op.Inputs {
		if in.In == operations.InPath || !cmd.Flags().Changed(in.Name) {
			continue
		}
		if in.In == operations.InBody && r.body != "" {
			return nil, usagef("--%s and --"+bodyFlag+" both say what is in the body: give one of them", in.Name)
		}
		if err := r.put(b, in); err != nil {
			return nil, err
		}
	}
	for _, in := range required(r.op) {
		if b.body[in.Name] == nil && b.query[in.Name] == nil {
			return nil, usagef("%s needs --%s: %s", r.op.ID, in.Name, strings.ReplaceAll(in.Description, "`", "'"))
		}
	}
	return b, nil
}

// readBody takes what the flag for the whole body says.
func (r *request) readBody(cmd *cobra.Command, b *built) error {
	if r.body == "" {
		return nil
	}
	text := []byte(r.body)
	var err error
	if r.body == "-" {
		text, err = io.ReadAll(cmd.InOrStdin())
	} else if file, ok := strings.CutPrefix(r.body, "@"); ok {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return usageError{err}
	}
	if err := json.Unmarshal(text, &b.body); err != nil {
		return usagef("--"+bodyFlag+" is no JSON object: %w", err)
	}
	return nil
}

// put puts what one flag says into the request.
func (r *request) put(b *built, in operations.Input) error {
	var value any
	switch in.Kind {
	case operations.Number:
		value = *r.numbers[in.Name]
	case operations.Bool:
		value = *r.bools[in.Name]
	case operations.Text:
		value = *r.texts[in.Name]
	case operations.List:
		items := *r.lists[in.Name]
		if in.In == operations.InBody {
			return b.putItems(in.Name, items)
		}
		value = items
	case operations.Object:
		return b.putVariables(in.Name, *r.lists[in.Name])
	}
	if items, plain := inQuery(value); in.In == operations.InQuery && plain {
		b.query[in.Name] = items
		return nil
	}
	return b.putJSON(in.Name, value)
}

// inQuery is a value as a query has it. A list with a comma in an item can't stand there.
func inQuery(value any) (items []string, ok bool) {
	switch v := value.(type) {
	case []string:
		return v, !slices.ContainsFunc(v, func(item string) bool { return strings.Contains(item, ",") })
	case string:
		return []string{v}, true
	default:
		return []string{fmt.Sprint(v)}, true
	}
}

// encode writes a query. The commas between a list's items aren't encoded: Asterisk splits before it decodes.
func encode(query map[string][]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		var items []string
		for _, item := range query[name] {
			items = append(items, strings.ReplaceAll(url.QueryEscape(item), "+", "%20"))
		}
		parts = append(parts, name+"="+strings.Join(items, ","))
	}
	return strings.Join(parts, "&")
}

func (b *built) putJSON(name string, value any) error {
	text, err := json.Marshal(value)
	b.body[name] = text
	return err
}

// putItems puts a list of any values, each of which is JSON.
func (b *built) putItems(name string, items []string) error {
	var list []json.RawMessage
	for _, item := range items {
		if !json.Valid([]byte(item)) {
			return usagef("--%s: %q is no JSON", name, item)
		}
		list = append(list, json.RawMessage(item))
	}
	return b.putJSON(name, list)
}

func (b *built) putVariables(name string, items []string) error {
	values := make(map[string]string)
	for _, item := range items {
		key, value, ok := strings.Cut(item, "=")
		if !ok || key == "" {
			return usagef("--%s: %q: want NAME=VALUE", name, item)
		}
		values[key] = value
	}
	return b.putJSON(name, values)
}

// send sends a request through the controller's whole chain.
func send(ctx context.Context, ctrl *ari.Controller, b *built) (*http.Response, error) {
	client, ok := ctrl.API().ClientInterface.(*gen.Client)
	if !ok {
		return nil, errors.New("the controller has no client")
	}
	target := strings.TrimSuffix(client.Server, "/") + b.path
	if len(b.query) > 0 {
		target += "?" + encode(b.query)
	}
	var body io.Reader = http.NoBody
	if len(b.body) > 0 {
		text, err := json.Marshal(b.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, b.method, target, body)
	if err != nil {
		return nil, err
	}
	if len(b.body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	return client.Client.Do(req)
}
