package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/ari-go/ari/internal/arispec"
)

// description is what api/openapi.yaml says, as far as it is needed here.
type description struct {
	operations []*operation
	byID       map[string]*operation
	events     map[string]since
}

// operation is one of ARI's.
type operation struct {
	id, method, path string
	segments         []string
	since            since
	result           string // the schema of a success, such as "Channel" or "[]Channel"; "" for none
}

// since lists the first version of each branch that has something.
type since []string

// have reports whether a version has it.
func (s since) have(version string) bool {
	major, _, _ := strings.Cut(version, ".")
	for _, first := range s {
		if branch, _, _ := strings.Cut(first, "."); branch == major {
			return compareVersions(version, first) >= 0
		}
	}
	return false
}

// compareVersions compares two versions by their numbers.
func compareVersions(a, b string) int {
	return slices.Compare(numbers(a), numbers(b))
}

func numbers(version string) []int {
	var out []int
	for part := range strings.SplitSeq(version, ".") {
		n := 0
		_, _ = fmt.Sscanf(part, "%d", &n)
		out = append(out, n)
	}
	return out
}

// describe reads the description, once.
var describe = sync.OnceValues(func() (*description, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(root, "api/openapi.yaml"))
	if err != nil {
		return nil, err
	}
	flat, err := arispec.Flatten(data)
	if err != nil {
		return nil, err
	}
	return parseDescription(flat)
})

// moduleRoot is the folder of the module that the test runs in.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", fmt.Errorf("conformance: no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

type yamlSchema struct {
	Ref        string      `yaml:"$ref"`
	AllOf      []yamlRef   `yaml:"allOf"`
	Type       string      `yaml:"type"`
	Items      *yamlSchema `yaml:"items"`
	Event      bool        `yaml:"x-ari-event"`
	Since      since       `yaml:"x-ari-since"`
	Properties yaml.Node   `yaml:"properties"`
}

type yamlRef struct {
	Ref string `yaml:"$ref"`
}

func (s *yamlSchema) name() string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return s.Ref[strings.LastIndex(s.Ref, "/")+1:]
	case len(s.AllOf) > 0:
		return (&yamlSchema{Ref: s.AllOf[0].Ref}).name()
	case s.Type == "array":
		return "[]" + s.Items.name()
	default:
		return s.Type
	}
}

type yamlOperation struct {
	OperationID string `yaml:"operationId"`
	Since       since  `yaml:"x-ari-since"`
	Responses   map[string]struct {
		Content map[string]struct {
			Schema *yamlSchema `yaml:"schema"`
		} `yaml:"content"`
	} `yaml:"responses"`
}

func parseDescription(data []byte) (*description, error) {
	var doc struct {
		Paths      map[string]map[string]yaml.Node `yaml:"paths"`
		Components struct {
			Schemas map[string]yamlSchema `yaml:"schemas"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	d := &description{byID: make(map[string]*operation), events: make(map[string]since)}
	for path, methods := range doc.Paths {
		for method, node := range methods {
			method = strings.ToUpper(method)
			if !slices.Contains([]string{"GET", "POST", "PUT", "DELETE"}, method) {
				continue
			}
			var y yamlOperation
			if err := node.Decode(&y); err != nil {
				return nil, err
			}
			op := &operation{id: y.OperationID, method: method, path: path, segments: strings.Split(path, "/"), since: y.Since}
			for status, response := range y.Responses {
				if strings.HasPrefix(status, "2") {
					for _, content := range response.Content {
						op.result = content.Schema.name()
					}
				}
			}
			d.operations = append(d.operations, op)
			d.byID[op.id] = op
		}
	}
	slices.SortFunc(d.operations, func(a, b *operation) int { return strings.Compare(a.id, b.id) })
	for name, schema := range doc.Components.Schemas {
		if schema.Event {
			d.events[name] = schema.Since
		}
	}
	return d, nil
}

// find returns the operation that a request belongs to, by its method and its path below the base URL, still encoded; or nil.
func (d *description) find(method, path string) *operation {
	segments := strings.Split(path, "/")
	var best *operation
	for _, op := range d.operations {
		if op.method != method || len(op.segments) != len(segments) {
			continue
		}
		matches := true
		for i, segment := range op.segments {
			if segment != segments[i] && !strings.HasPrefix(segment, "{") {
				matches = false
				break
			}
		}
		// A literal segment wins over a placeholder.
		if matches && (best == nil || strings.Count(op.path, "{") < strings.Count(best.path, "{")) {
			best = op
		}
	}
	return best
}
