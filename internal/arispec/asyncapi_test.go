package arispec

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// What tools for AsyncAPI stumble over, and what the description must have.
func TestAsyncAPI(t *testing.T) {
	content, err := AsyncAPI(readFile(t, "api/openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if string(content) != string(readFile(t, "api/asyncapi.yaml")) {
		t.Error("api/asyncapi.yaml is stale: run make generate")
	}
	doc, err := parseTree(content)
	if err != nil {
		t.Fatal(err)
	}
	messages := at(doc, "components", "messages")
	if len(messages) != 47 { // 45 events, MissingParams and RESTRequest
		t.Errorf("%d messages", len(messages))
	}
	for name := range messages {
		m := at(messages, name)
		if strings.Contains(textAt(m, "title"), ":") {
			t.Errorf("%s: a colon in a title breaks names of classes", name)
		}
		if at(doc, "components", "schemas", name, "properties", "type")["const"] != name || at(m, "payload")["$ref"] != schemaPrefix+name {
			t.Errorf("%s has no type of its own", name)
		}
		if len(mappings(m["examples"])) == 0 {
			t.Errorf("%s has no example", name)
		}
	}
	if at(doc, "components", "schemas", "Event") != nil {
		t.Error("a schema has a name that languages have a class of")
	}
	// Enumerations inside of others get names that nobody can guess.
	schemas := at(doc, "components", "schemas")
	for name := range schemas {
		if at(schemas, name)["enum"] != nil {
			continue
		}
		substitute(at(schemas, name), func(m mapping) mapping {
			if m["enum"] != nil {
				t.Errorf("an enumeration without a name in %s: %v", name, m)
			}
			return m
		})
	}
	for _, twin := range []string{"", "Outbound"} {
		send := at(doc, "operations", "send"+twin+"Request")
		if send["action"] != "send" || at(send, "reply") == nil || at(doc, "operations", "receive"+twin+"Messages") == nil {
			t.Errorf("operations %q are missing", twin)
		}
	}
	for _, name := range []string{restRequest, restResponse} {
		if at(messages, name)["correlationId"] == nil {
			t.Errorf("%s has no correlation id", name)
		}
	}
	if _, err := AsyncAPI([]byte("openapi: 3.0.3")); err == nil {
		t.Error("no error from a description without messages")
	}
}

func TestEventsSchema(t *testing.T) {
	content, err := EventsSchema(readFile(t, "api/openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if string(content) != string(readFile(t, "api/events.schema.json")) {
		t.Error("api/events.schema.json is stale: run make generate")
	}
	var schema struct {
		OneOf []map[string]string `json:"oneOf"`
		Defs  map[string]struct {
			Properties map[string]struct {
				Const string `json:"const"`
			} `json:"properties"`
			Required []string `json:"required"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(content, &schema); err != nil {
		t.Fatal(err)
	}
	if len(schema.OneOf) != 46 {
		t.Errorf("%d messages", len(schema.OneOf))
	}
	for _, ref := range schema.OneOf {
		name := strings.TrimPrefix(ref["$ref"], defsPrefix)
		def := schema.Defs[name]
		if def.Properties["type"].Const != name || !slices.Contains(def.Required, "type") {
			t.Errorf("%s is told apart by %+v", name, def)
		}
	}
	if _, err := EventsSchema([]byte("openapi: 3.0.3")); err == nil {
		t.Error("no error from a description without messages")
	}
}

func TestMediaAPI(t *testing.T) {
	version := importNewest(t).Source.Version.String()
	content, err := MediaAPI(version, repo+"/api/testdata/media")
	if err != nil {
		t.Fatal(err)
	}
	if string(content) != string(readFile(t, "api/asyncapi-media.yaml")) {
		t.Error("api/asyncapi-media.yaml is stale: run make generate")
	}
	doc, err := parseTree(content)
	if err != nil {
		t.Fatal(err)
	}
	// Each of the 20 messages in JSON, all but one in plain text, and the media itself.
	if n := len(at(doc, "components", "messages")); n != 40 {
		t.Errorf("%d messages", n)
	}
	for _, twin := range []string{"", "Outbound"} {
		for _, name := range []string{"receive" + twin + "Messages", "send" + twin + "Commands"} {
			if len(mappings(at(doc, "operations", name)["messages"])) == 0 {
				t.Errorf("no operation %s", name)
			}
		}
	}
	if _, err := MediaAPI(version, t.TempDir()); err == nil {
		t.Error("no error without recordings")
	}
}
