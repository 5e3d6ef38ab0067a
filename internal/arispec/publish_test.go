package arispec

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// flat is the committed description as Go is generated from it.
func flat(t testing.TB) []byte {
	t.Helper()
	description, err := Flatten(readFile(t, "api/openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return description
}

func TestCompactSince(t *testing.T) {
	branches := []int{12, 13, 14, 15, 16}
	for _, tt := range []struct {
		since []string
		want  string
	}{
		{[]string{"12.0.0", "13.0.0", "14.0.0", "15.0.0", "16.0.0"}, "12+"},
		{[]string{"13.13.0", "14.2.0", "15.0.0", "16.0.0"}, "13.13, 14.2+"},
		{[]string{"13.26.0", "16.3.0"}, "13.26, 16.3+"},
		{[]string{"13.26.0", "14.0.0", "16.3.1"}, "13.26, 14, 16.3.1+"},
		{[]string{"12.0.0", "13.0.0"}, "12, 13"}, // it is gone
		{[]string{"16.10.0"}, "16.10+"},
		{[]string{"14.10.0"}, "14.10"},
		{nil, ""},
	} {
		if have := compactSince(versions(tt.since), branches); have != tt.want {
			t.Errorf("%v is %q, want %q", tt.since, have, tt.want)
		}
	}
	for _, text := range []string{"", "12.0+", "x", "12,13", "12++"} {
		if since, err := expandSince(text, branches); err == nil {
			t.Errorf("%q is read as %v", text, since)
		}
	}
}

// No feature's history may get lost on the way through its short form.
func TestCompactSinceLosesNothing(t *testing.T) {
	history := readHistory(t)
	for feature, since := range history.rows {
		if len(since) == 0 {
			continue
		}
		short := compactSince(since, history.Branches())
		have, err := expandSince(short, history.Branches())
		if err != nil || !slices.Equal(have, since) {
			t.Errorf("%s: %v is %q, which is %v, %v", feature, since, short, have, err)
		}
	}
}

// What is published must have all that was converted: Go is made from it.
func TestFlattenTakesPublishingBack(t *testing.T) {
	for _, name := range importedFolders(t) {
		t.Run(name, func(t *testing.T) {
			imported := importFolder(t, name)
			converted, err := Convert(imported.Spec, imported.Source.Version, readHistory(t))
			if err != nil {
				t.Fatal(err)
			}
			before, _, err := Overlay(converted, readFile(t, "api/overlay.yaml"), readHistory(t), false)
			if err != nil {
				t.Fatal(err)
			}
			public, _, err := Describe(t.Context(), imported, Sources{History: readHistory(t), Overlay: readFile(t, "api/overlay.yaml")})
			if err != nil {
				t.Fatal(err)
			}
			after, err := Flatten(public)
			if err != nil {
				t.Fatal(err)
			}
			want, have := comparable(t, before), comparable(t, after)
			for _, section := range []string{"paths", "components"} {
				if diff := firstDifference(section, want[section], have[section]); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// comparable leaves out what publishing says in another way: since when a part exists, if it is since its owner does, and
// the texts of what all messages share.
func comparable(t *testing.T, description []byte) mapping {
	t.Helper()
	doc, err := parseTree(description)
	if err != nil {
		t.Fatal(err)
	}
	schemas := at(doc, "components", "schemas")
	delete(at(schemas, eventModel), "description")
	for name := range schemas {
		for _, shared := range []string{"asterisk_id", "type", "application", "timestamp"} {
			delete(at(schemas, name, "properties", shared), "description")
		}
	}
	substitute(doc, func(m mapping) mapping { return without(m, sinceKey, valueSinceKey, enumKey, "example") })
	return doc
}

func firstDifference(where string, want, have any) string {
	w, ok1 := want.(mapping)
	h, ok2 := have.(mapping)
	if !ok1 || !ok2 {
		if reflect.DeepEqual(want, have) {
			return ""
		}
		return fmt.Sprintf("%s: want %v, have %v", where, want, have)
	}
	for _, key := range sortedKeys(w) {
		if diff := firstDifference(where+"."+key, w[key], h[key]); diff != "" {
			return diff
		}
	}
	for key := range h {
		if _, ok := w[key]; !ok {
			return where + "." + key + ": is new"
		}
	}
	return ""
}

// What generators of other languages need of the description.
func TestPublished(t *testing.T) {
	raw := readFile(t, "api/openapi.yaml")
	doc, err := parseTree(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(raw), "# Generated ") {
		t.Error("the first line doesn't say that it's generated")
	}
	if i := strings.Index(string(raw), "x-go-"); i >= 0 {
		t.Error("something of Go's stands in it: ", string(raw[i:i+40]))
	}
	schemas := at(doc, "components", "schemas")
	t.Run("messages", func(t *testing.T) {
		leaves := at(schemas, anyMessage, "discriminator", "mapping")
		if len(leaves) != 46 || len(listAt(at(schemas, anyMessage), "oneOf")) != 46 {
			t.Errorf("%d messages", len(leaves))
		}
		for name := range leaves {
			all := mappings(at(schemas, name)["allOf"])
			if len(all) != 2 || all[0]["$ref"] != schemaPrefix+messageModel || at(all[1], "properties", "type") != nil {
				t.Errorf("%s isn't a Message with members of its own: %v", name, all)
			}
			if name != "MissingParams" && at(schemas, name)["example"] == nil {
				t.Errorf("%s has no example", name)
			}
		}
	})
	t.Run("operations", func(t *testing.T) {
		eachOperation(doc, func(_, _ string, op mapping) {
			id := textAt(op, "operationId")
			examples := 0
			for _, q := range mappings(op["parameters"]) {
				if at(q, "schema")["enum"] != nil {
					t.Errorf("%s: %s has values without a name", id, q["name"])
				}
				if q["example"] != nil || q["$ref"] != nil {
					examples++
				}
			}
			if body := at(op, "requestBody", "content", "application/json"); body != nil && textAt(at(body, "schema"), "$ref") == "" {
				t.Errorf("%s: the body has no name", id)
			}
			for status := range at(op, "responses") {
				response := at(op, "responses", status)
				content := at(response, "content", "application/json")
				if content["example"] != nil {
					examples++
				}
				if status >= "400" && status != "default" && textAt(at(content, "schema"), "$ref") != schemaPrefix+errorSchema {
					t.Errorf("%s: %s is no Error", id, status)
				}
			}
			if examples == 0 {
				t.Errorf("%s has no example", id)
			}
		})
	})
	t.Run("properties", func(t *testing.T) {
		for name := range schemas {
			for _, properties := range ownProperties(at(schemas, name)) {
				for property := range properties {
					if at(properties, property)["enum"] != nil {
						t.Errorf("%s.%s has values without a name", name, property)
					}
				}
			}
		}
	})
}

func TestPublishErrors(t *testing.T) {
	clash := mapping{"components": mapping{"schemas": mapping{
		"A": mapping{"properties": mapping{"b": mapping{"type": "string", "enum": []any{"x"}}}}, "AB": mapping{"type": "object"},
	}}}
	if err := publish(clash, nil, nil); err == nil || !strings.Contains(err.Error(), "AB") {
		t.Errorf("an enumeration with the name of a model: error is %v", err)
	}
	for _, content := range []string{"", "a: [", "- a"} {
		if _, err := Flatten([]byte(content)); err == nil {
			t.Errorf("%q is flattened", content)
		}
	}
}

func TestReadExamplesErrors(t *testing.T) {
	if _, err := ReadExamples(t.TempDir()); err == nil {
		t.Error("no error from an empty folder")
	}
	for _, line := range []string{"{", `{"dir":"event","body":{"type":1}} x`} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "a.jsonl"), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadExamples(folder); err == nil {
			t.Errorf("no error from %s", line)
		}
	}
}
