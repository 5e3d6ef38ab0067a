package arispec

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func tinyDescription(t testing.TB) []byte {
	t.Helper()
	description, err := Convert(readTiny(t), Version{22, 10, 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return description
}

func overlayOf(actions string) []byte {
	return []byte("overlay: 1.1.0\ninfo: {title: Texts, version: 1.0.0}\nactions:\n" + actions)
}

func TestOverlay(t *testing.T) {
	result, unmatched, err := Overlay(tinyDescription(t), overlayOf(`
- target: $.components.schemas.Thing
  update:
    description: &text A thing.
    properties: {state: {description: How it is., enum: [half, on]}}
- target: $.components.schemas.Missing
  update: {description: *text}
- target: $.components.schemas.Thing.properties.state.enum[?(@ == 'off')]
  remove: true
`), nil, true)
	if err != nil || len(unmatched) > 0 {
		t.Fatal(err, unmatched)
	}
	doc := loadDoc(t, result)
	thing := doc.Components.Schemas["Thing"].Value
	if thing.Description != "A thing." || doc.Components.Schemas["Missing"].Value.Description != "A thing." {
		t.Error("a text is missing")
	}
	if want := []any{"on", "half"}; !slices.Equal(thing.Properties["state"].Value.Enum, want) {
		t.Errorf("values are %v, want %v: one added, one known, one removed", thing.Properties["state"].Value.Enum, want)
	}
	again, _, err := Overlay(result, overlayOf("- {target: $.info, update: {title: Asterisk REST Interface}}"), nil, true)
	if err != nil || !bytes.Equal(again, result) {
		t.Errorf("the result isn't canonical: %v", err)
	}
}

// What an overlay says about things that aren't there is an error, or left out and told of.
func TestOverlayOfAnotherVersion(t *testing.T) {
	for target, action := range map[string]string{
		"$.components.schemas.Part":                  `{target: $.components.schemas.Part, update: {description: A part.}}`,
		"$.components.schemas.Thing.properties.size": `{target: $.components.schemas.Thing, update: {properties: {size: {description: How big.}}}}`,
		"$.paths['/things/{thingId}'].get":           `{target: "$.paths['/things/{thingId}']", update: {get: {summary: Get a thing}}}`,
		"$.paths['/things/{thingId}'].post.requestBody.content['application/json'].schema.properties.size": `{target: "$.paths['/things/{thingId}'].post.requestBody.content['application/json'].schema", update: {properties: {size: {description: How big.}}}}`,
	} {
		overlay := overlayOf("- " + action + "\n- {target: $.components.schemas.Thing, update: {description: A thing.}}\n")
		if _, _, err := Overlay(tinyDescription(t), overlay, nil, true); err == nil || !strings.Contains(err.Error(), target) {
			t.Errorf("strict: error is %v, want %s in it", err, target)
		}
		result, unmatched, err := Overlay(tinyDescription(t), overlay, nil, false)
		if err != nil {
			t.Error(err)
			continue
		}
		if !slices.Equal(unmatched, []string{target}) {
			t.Errorf("unmatched are %q, want %q", unmatched, target)
		}
		doc := loadDoc(t, result)
		if doc.Components.Schemas["Thing"].Value.Properties["size"] != nil || doc.Paths.Value("/things/{thingId}").Get != nil {
			t.Errorf("%s was added", target)
		}
		if doc.Components.Schemas["Thing"].Value.Description != "A thing." {
			t.Error("what matches wasn't applied")
		}
	}
}

func TestOverlayErrors(t *testing.T) {
	for overlay, want := range map[string]string{
		"":                            "overlay",
		"a: [":                        "overlay",
		"overlay: 1.0.0\nactionz: []": "actionz",
		"overlay: 1.0.0\nactions: []": "overlay",
		string(overlayOf("- {target: '$[', update: {}}")):               "$[",
		string(overlayOf("- {target: $.info, update: &a {title: *a}}")): "alias *a names itself",
		string(overlayOf("- {target: $.info, updat: {}}")):              `unknown key "updat"`,
		string(overlayOf("- {target: $.info}")):                         "action 1, target $.info: has neither update nor remove",
		"a: &a [*a]":                                                    "overlay",
	} {
		if _, _, err := Overlay(tinyDescription(t), []byte(overlay), nil, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want %s in it", overlay, err, want)
		}
	}
	if _, _, err := Overlay([]byte("a: ["), overlayOf("- {target: $, update: {}}"), nil, true); err == nil {
		t.Error("no error from a broken description")
	}
	if _, _, err := Overlay(nil, overlayOf("- {target: $, update: {}}"), nil, true); err == nil {
		t.Error("no error from an empty description")
	}
}

// The texts of several values that came at the same time stand in one sentence.
func TestSinceOfValues(t *testing.T) {
	history, err := ParseHistory([]byte("feature\t20\t22\n" +
		"op POST /things/{thingId}\t20.0.0\t22.0.0\n" +
		"param POST /things/{thingId} query:mode\t20.0.0\t22.0.0\n" +
		"enum POST /things/{thingId} query:mode=slow\t20.0.0\t22.0.0\n" +
		"enum POST /things/{thingId} query:mode=fast\t20.3.0\t22.1.0\n" +
		"param POST /things/{thingId} query:count\t20.2.0\t22.0.0\n" +
		"param POST /things/{thingId} body:variables\t20.4.0\t22.2.0\n" +
		"prop Thing.made\t-\t22.5.0\n"))
	if err != nil {
		t.Fatal(err)
	}
	description, err := Convert(readTiny(t), Version{22, 10, 1}, history)
	if err != nil {
		t.Fatal(err)
	}
	result, _, err := Overlay(description, overlayOf("- {target: \"$.paths['/things/{thingId}'].post\", update: {description: Changes it.}}"), history, true)
	if err != nil {
		t.Fatal(err)
	}
	doc := loadDoc(t, result)
	op := findOperation(t, doc, "thingsChange")
	for what, texts := range map[string][2]string{
		"operation":      {op.Description, "Changes it. Since Asterisk 20."},
		"same as owner":  {op.Parameters.GetByInAndName("path", "thingId").Description, ""},
		"a value":        {op.Parameters.GetByInAndName("query", "mode").Description, "`fast` since Asterisk 20.3, 22.1."},
		"a parameter":    {op.Parameters.GetByInAndName("query", "count").Description, "Since Asterisk 20.2."},
		"a body":         {bodySchema(t, doc, "thingsChange").Properties["variables"].Value.Description, "Since Asterisk 20.4, 22.2."},
		"a property":     {property(t, doc, "Thing", "made").Description, "Since Asterisk 22.5."},
		"without record": {property(t, doc, "Thing", "name").Description, ""},
	} {
		if texts[0] != texts[1] {
			t.Errorf("%s: have %q, want %q", what, texts[0], texts[1])
		}
	}
}

func FuzzOverlay(f *testing.F) {
	f.Add(overlayOf("- {target: $.components.schemas.Thing, update: {description: A thing.}}"))
	f.Add(overlayOf("- {target: \"$.components.schemas.Thing.properties.state.enum[?(@ == 'off')]\", remove: true}"))
	f.Add(overlayOf("- {target: $.info, update: &a {title: x, description: *a}}"))
	f.Add([]byte("a: &a [*a]"))
	description := tinyDescription(f)
	f.Fuzz(func(_ *testing.T, overlay []byte) {
		// It must not panic, whatever comes.
		_, _, _ = Overlay(description, overlay, nil, true)
		_, _, _ = Overlay(description, overlay, nil, false)
	})
}

func FuzzOverlayDescription(f *testing.F) {
	f.Add(tinyDescription(f))
	f.Add([]byte("paths: {/x: {get: {parameters: [{x-ari-since: [a], x-ari-value-since: {a: 1}}]}}}"))
	overlay := overlayOf("- {target: $.info, update: {title: x}}")
	f.Fuzz(func(_ *testing.T, description []byte) {
		_, _, _ = Overlay(description, overlay, &History{}, false)
	})
}
