package arispec

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Examples are requests, answers and events that were recorded on a real Asterisk.
type Examples struct {
	requests map[string]*recordedRequest     // by operation
	answers  map[string]map[int]*yamlExample // by operation and status
	messages map[string]*yamlExample         // by type
}

type recordedLine struct {
	Dir       string              `json:"dir"`
	Operation string              `json:"operation"`
	Path      string              `json:"path"`
	Query     map[string][]string `json:"query"`
	Status    int                 `json:"status"`
	Body      json.RawMessage     `json:"body"`
}

// recordedRequest is a request that succeeded.
type recordedRequest struct {
	line recordedLine
	rank int
}

// yamlExample is a recorded JSON value, with its members in the order in which they came.
type yamlExample struct {
	raw  json.RawMessage
	rank int
}

// Sizes that an example should not exceed, in bytes.
const (
	exampleSize   = 1500
	exampleOfList = 3000
)

// ReadExamples reads a folder of recordings, such as conformance/testdata/asterisk-22.
func ReadExamples(folder string) (*Examples, error) {
	e := &Examples{requests: make(map[string]*recordedRequest), answers: make(map[string]map[int]*yamlExample), messages: make(map[string]*yamlExample)}
	files, err := fs.Glob(os.DirFS(folder), "*.jsonl")
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("arispec: %s has no recordings", folder)
	}
	for _, file := range files {
		content, err := os.ReadFile(path.Join(folder, file))
		if err != nil {
			return nil, err
		}
		if err := e.read(file, content); err != nil {
			return nil, fmt.Errorf("arispec: %s: %w", file, err)
		}
	}
	return e, nil
}

func (e *Examples) read(file string, content []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, len(content)+1)
	var request recordedLine // the last one: a response stands right behind its request
	for lines.Scan() {
		var line recordedLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return err
		}
		switch line.Dir {
		case "request":
			request = line
		case "response":
			if line.Status < 300 && line.Operation == request.Operation {
				e.request(file, request)
			}
			e.answer(line)
		case "event", "sent":
			e.message(line.Body)
		}
	}
	return lines.Err()
}

// request keeps, of an operation's requests, the one that says most.
func (e *Examples) request(file string, line recordedLine) {
	if line.Operation == "" {
		return
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(line.Body, &members) // a body that is no object has none
	rank := len(line.Query) + 2*len(members)
	if strings.HasPrefix(file, "rest-") {
		rank -= 100 // these try odd ids and values
	}
	if have := e.requests[line.Operation]; have == nil || rank > have.rank {
		e.requests[line.Operation] = &recordedRequest{line, rank}
	}
}

func (e *Examples) answer(line recordedLine) {
	if line.Operation == "" || len(line.Body) == 0 {
		return
	}
	if e.answers[line.Operation] == nil {
		e.answers[line.Operation] = make(map[int]*yamlExample)
	}
	rank := len(line.Body)
	switch {
	case line.Body[0] == '[' && rank > len("[]"):
		rank = exampleOfList - rank // the shortest list that isn't empty
	case rank > exampleSize:
		rank = -rank
	}
	if have := e.answers[line.Operation][line.Status]; have == nil || rank > have.rank {
		e.answers[line.Operation][line.Status] = &yamlExample{line.Body, rank}
	}
}

// message keeps, of a type's messages, the one with the most members, and the shortest of these.
func (e *Examples) message(body json.RawMessage) {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return
	}
	var name string
	if json.Unmarshal(members["type"], &name) != nil {
		return
	}
	const much = 1 << 20
	rank := len(members)*much - len(body)
	if have := e.messages[name]; have == nil || rank > have.rank {
		e.messages[name] = &yamlExample{body, rank}
	}
}

// node is the example as YAML, in block style.
func (y *yamlExample) node() (*yaml.Node, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(y.raw, &root); err != nil {
		return nil, fmt.Errorf("arispec: example %.60s: %w", y.raw, err)
	}
	n := root.Content[0]
	block(n)
	return n, nil
}

func block(n *yaml.Node) {
	n.Style = 0
	for _, child := range n.Content {
		block(child)
	}
}

// addTo writes the examples into a description. Where it has one already, that one stays.
func (e *Examples) addTo(doc mapping) error {
	if e == nil {
		return nil
	}
	var failed error
	set := func(m mapping, y *yamlExample) {
		if m == nil || y == nil || m["example"] != nil {
			return
		}
		n, err := y.node()
		if err != nil {
			failed = err
			return
		}
		m["example"] = n
	}
	eachOperation(doc, func(path, _ string, op mapping) {
		id := textAt(op, "operationId")
		if request := e.requests[id]; request != nil {
			e.parameters(doc, path, op, request.line)
			if len(request.line.Body) > 0 {
				set(at(op, "requestBody", "content", "application/json"), &yamlExample{raw: request.line.Body})
			}
		}
		for status, y := range e.answers[id] {
			response := at(op, "responses", strconv.Itoa(status))
			set(at(response, "content", "application/json"), y)
			if status == 401 {
				set(at(doc, "components", "responses", "Failure", "content", "application/json"), y)
			}
		}
	})
	for _, name := range sortedKeys(e.messages) {
		set(at(doc, "components", "schemas", name), e.messages[name])
	}
	return failed
}

// parameters gives an operation's parameters the values that a request had.
func (e *Examples) parameters(doc mapping, template string, op mapping, line recordedLine) {
	for _, q := range mappings(op["parameters"]) {
		if shared, ok := strings.CutPrefix(textAt(q, "$ref"), "#/components/parameters/"); ok {
			q = at(doc, "components", "parameters", shared)
		}
		name := textAt(q, "name")
		if q["in"] == "path" {
			if value := pathValue(template, line.Path, name); value != "" && q["example"] == nil {
				q["example"] = value
			}
			continue
		}
		values := line.Query[name]
		if len(values) == 0 {
			continue
		}
		if value := exampleValue(textAt(at(q, "schema"), "type"), values[0]); value != nil {
			q["example"] = value
		}
	}
}

// exampleValue is a query's value as the parameter's type has it; nil if it isn't of that type.
func exampleValue(typ, value string) any {
	switch typ {
	case "integer":
		if n, err := strconv.Atoi(value); err == nil {
			return n
		}
		return nil
	case "boolean":
		if b, err := strconv.ParseBool(value); err == nil {
			return b
		}
		return nil
	case "array":
		var items []any
		for item := range strings.SplitSeq(value, ",") {
			items = append(items, item)
		}
		return items
	default:
		return value
	}
}

// pathValue is what a path has in the place of a template's placeholder.
func pathValue(template, actual, name string) string {
	want, have := strings.Split(template, "/"), strings.Split(actual, "/")
	have = have[max(0, len(have)-len(want)+1):] // below the base URL
	for i, segment := range want[1:] {
		if segment == "{"+name+"}" && i < len(have) {
			value, err := url.PathUnescape(have[i])
			if err != nil {
				return ""
			}
			return value
		}
	}
	return ""
}
