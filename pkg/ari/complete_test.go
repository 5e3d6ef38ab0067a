package ari

import (
	"encoding/json"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// twins are the operations that differ from another only in who chooses the id. The id is always ours, so the other
// one is used.
var twins = map[string]string{
	"bridgesCreate":        "bridgesCreateWithId",
	"bridgesPlay":          "bridgesPlayWithId",
	"channelsOriginate":    "channelsOriginateWithId",
	"channelsPlay":         "channelsPlayWithId",
	"channelsSnoopChannel": "channelsSnoopChannelWithId",
}

// usedOperations returns the operations that the package's methods begin, by the op variables that they name.
func usedOperations(t *testing.T) map[string]bool {
	t.Helper()
	used := make(map[string]bool)
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || name == "operations.gen.go" {
			continue
		}
		file, err := goparser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && strings.HasPrefix(id.Name, "op") {
				used[id.Name] = true
			}
			return true
		})
	}
	return used
}

func TestEveryOperationHasAMethod(t *testing.T) {
	used := usedOperations(t)
	require.NotEmpty(t, operations)
	for i := range operations {
		op := &operations[i]
		id := op.id
		if twin, ok := twins[id]; ok {
			require.NotNil(t, operationByID(twin), twin)
			id = twin
		}
		if id == "eventsEventWebsocket" {
			continue // Client.Connect opens it
		}
		assert.True(t, used["op"+strings.ToUpper(id[:1])+id[1:]], "no method sends %s", op.id)
	}
}

func TestConfiguredMethodsExist(t *testing.T) {
	raw, err := os.ReadFile("../../api/methods.yaml")
	require.NoError(t, err)
	var conf struct {
		Operations map[string]struct{ Method, By string } `yaml:"operations"`
	}
	require.NoError(t, yaml.Unmarshal(raw, &conf))
	require.NotEmpty(t, conf.Operations)
	receivers := make(map[string]reflect.Type)
	for _, v := range []any{
		&Client{}, &Controller{}, &Application{}, &Bridge{}, &Channel{}, &DeviceState{}, &Endpoint{}, &LiveRecording{},
		&LogChannel{}, &Mailbox{}, &Module{}, &Playback{}, &Sound{}, &StoredRecording{},
	} {
		receivers[reflect.TypeOf(v).Elem().Name()] = reflect.TypeOf(v)
	}
	for id, m := range conf.Operations {
		assert.NotNil(t, operationByID(id), "api/methods.yaml names the operation %s, which doesn't exist", id)
		receiver, name, _ := strings.Cut(m.Method+m.By, ".")
		require.Contains(t, receivers, receiver)
		_, ok := receivers[receiver].MethodByName(name)
		assert.True(t, ok, "%s.%s, for %s", receiver, name, id)
	}
}

// Members of bodies are in the table, with those that Asterisk requires.
func TestBodyMembers(t *testing.T) {
	required := make(map[string]string)
	for i := range operations {
		for _, m := range operations[i].body {
			if m.required {
				required[operations[i].id] = m.name
			}
		}
	}
	for _, id := range []string{"bridgesSetBridgeVars", "channelsSetChannelVars"} {
		assert.Equal(t, "variables", required[id], id)
	}

	op := opChannelsSetChannelVars
	for body, want := range map[string]string{
		`{"variables": {"A": "1"}}`:          "",
		`{"variables": {}}`:                  "",
		`{"variables": null}`:                "variables",
		`{"other": {"A": "1"}}`:              "variables",
		`{}`:                                 "variables",
		`{"variables": "", "other": "null"}`: "",
	} {
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(body), &members))
		assert.Equal(t, want, op.missing(members), body)
	}
	assert.Equal(t, "variables", op.missing(nil))
	assert.Empty(t, opChannelsOriginateWithId.missing(nil))
	assert.Empty(t, opChannelsRing.missing(nil))
}

func TestOperationTable(t *testing.T) {
	for i := range operations {
		op := &operations[i]
		assert.Same(t, op, operationByID(op.id), "the table must be sorted by id")
		path := op.path
		for strings.Contains(path, "{") {
			before, rest, _ := strings.Cut(path, "{")
			_, after, _ := strings.Cut(rest, "}")
			path = before + "an%2Fid" + after
		}
		if found := operationFor(op.method, path); assert.NotNil(t, found, op.id) {
			assert.Equal(t, op.id, found.id)
		}
		assert.NotEmpty(t, op.since, op.id)
	}
	assert.Nil(t, operationFor("PATCH", "/channels"))
	assert.Nil(t, operationFor("GET", "/channels/a/b/c"))
	assert.Equal(t, "channelsCreate", operationFor("POST", "/channels/create").id)
	set := make(map[string]bool)
	for op := range mistakable {
		set[op.id] = true
	}
	assert.Equal(t, map[string]bool{"channelsCreate": true, "channelsExternalMedia": true}, set)
}
