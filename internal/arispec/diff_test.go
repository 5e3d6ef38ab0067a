package arispec

import (
	"strings"
	"testing"
)

// The report that README links to must be of the specs that are here.
func TestDiffReportIsUpToDate(t *testing.T) {
	folders := importedFolders(t)
	older, newer := importFolder(t, folders[0]), importFolder(t, folders[len(folders)-1])
	want := Diff(older.Spec, newer.Spec, "Asterisk "+older.Source.Version.String(), "Asterisk "+newer.Source.Version.String())
	if have := readFile(t, "docs/asterisk-changes.md"); string(have) != string(want) {
		t.Error("docs/asterisk-changes.md is stale: run make generate")
	}
}

func TestDiffOfTheSame(t *testing.T) {
	spec := readTiny(t)
	if have, want := string(Diff(spec, spec, "A", "B")), "# ARI from A to B\n\nNothing changed.\n"; have != want {
		t.Errorf("have %q, want %q", have, want)
	}
}

func TestDiff(t *testing.T) {
	for name, test := range map[string]struct{ file, old, updated, want, back string }{
		"nickname":        {"things.json", `"nickname": "drop"`, `"nickname": "remove"`, "  - nickname: `remove`, was `drop`", "  - nickname: `drop`, was `remove`"},
		"response":        {"things.json", `"responseClass": "void"`, `"responseClass": "Thing"`, "  - returns: `Thing`, was `void`", "  - returns: `void`, was `Thing`"},
		"method":          {"things.json", `"httpMethod": "DELETE"`, `"httpMethod": "PUT"`, "- **Added** `PUT /things/{thingId}` (drop), returns `void`\n  - path parameter `thingId` (string)", "- **Removed** `PUT /things/{thingId}` (drop)"},
		"parameter":       {"things.json", `{"name": "count",`, `{"name": "size", "paramType": "query", "dataType": "long", "required": true}, {"name": "count",`, "  - added: query parameter `size` (long, required)", "  - removed: query parameter `size`"},
		"parameter type":  {"things.json", `"dataType": "int"`, `"dataType": "long"`, "  - query parameter `count`\n    - type: `long`, was `int`", "    - type: `int`, was `long`"},
		"list":            {"things.json", `"dataType": "string", "allowMultiple": true`, `"dataType": "string"`, "    - type: `string`, was `list of string`", "    - type: `list of string`, was `string`"},
		"required":        {"things.json", `"required": true, "defaultValue"`, `"defaultValue"`, "  - query parameter `mode`\n    - no longer required", "    - now required"},
		"default":         {"things.json", `"defaultValue": 3`, `"defaultValue": 4`, "    - default: `4`, was `3`", "    - default: `3`, was `4`"},
		"no default":      {"things.json", `"defaultValue": 3, `, ``, "    - default: no longer `3`", "    - default: now `3`"},
		"empty default":   {"things.json", `"allowMultiple": true`, `"allowMultiple": true, "defaultValue": ""`, "    - default: now `\"\"`", "    - default: no longer `\"\"`"},
		"value":           {"things.json", `"slow", "fast"`, `"slow", "full"`, "    - value removed: `fast`\n    - value added: `full`", "    - value added: `fast`\n    - value removed: `full`"},
		"range":           {"things.json", `"min": 0`, `"min": 0, "max": 9`, "    - range: `0 to 9`, was `at least 0`", "    - range: `at least 0`, was `0 to 9`"},
		"error":           {"things.json", `"code": 400`, `"code": 409`, "  - error removed: `400`\n  - error added: `409`", "  - error added: `400`\n  - error removed: `409`"},
		"module":          {"things.json", `["res_things"]`, `["res_stuff"]`, "### Modules\n\n- required module added: `res_stuff`\n- required module removed: `res_things`", "- required module removed: `res_stuff`"},
		"property":        {"things.json", `"made": {"type": "Date"}`, `"size": {"type": "int", "required": true}`, "- `Thing`\n  - removed: `made`\n  - added: `size` (`int`, required)", "  - added: `made` (`Date`)"},
		"property type":   {"things.json", `"made": {"type": "Date"}`, `"made": {"type": "string"}`, "  - `made`\n    - type: `string`, was `Date`", "    - type: `Date`, was `string`"},
		"property value":  {"things.json", `"on", "off"`, `"on"`, "  - `state`\n    - value removed: `off`", "    - value added: `off`"},
		"property needed": {"things.json", `"made": {"type": "Date"}`, `"made": {"type": "Date", "required": true}`, "  - `made`\n    - now required", "    - no longer required"},
		"model":           {"things.json", `"models": {`, `"models": {"Part": {"id": "Part", "properties": {"a": {"type": "string"}}},`, "### Models\n\n- **Added** `Part`\n  - `a` (`string`)\n", "- **Removed** `Part`"},
		"event":           {"events.json", `"subTypes": ["ThingMade", "ThingGone"]`, `"subTypes": ["ThingMade"]`, "### Models\n\n- `Event`\n  - subtype removed: `ThingGone`", "  - subtype added: `ThingGone`"},
		"websocket":       {"events.json", `, "websocketProtocol": "ari"`, `, "websocketProtocol": "ari2"`, "  - websocket protocol: `ari2`, was `ari`", "  - websocket protocol: `ari`, was `ari2`"},
		"version":         {Listing, `10.0.0`, `11.0.0`, "Nothing changed.", "Nothing changed."},
		"since":           {"things.json", `"summary": "prose", "notes": "prose", "since": ["12.0.0"]`, `"summary": "prose", "since": ["13.0.0"]`, "Nothing changed.", "Nothing changed."},
	} {
		t.Run(name, func(t *testing.T) {
			older := readTiny(t)
			contents := tiny()
			contents[test.file] = replace(t, contents[test.file], test.old, test.updated)
			newer, _, err := Read(files(contents))
			if err != nil {
				t.Fatal(err)
			}
			if have := string(Diff(older, newer, "A", "B")); !strings.Contains(have, test.want) {
				t.Errorf("have\n%s\nwant in it\n%s", have, test.want)
			}
			if have := string(Diff(newer, older, "B", "A")); !strings.Contains(have, test.back) {
				t.Errorf("back: have\n%s\nwant in it\n%s", have, test.back)
			}
		})
	}
}

// A new resource, an event in it, and a model that moves to another file.
func TestDiffOfResources(t *testing.T) {
	older := readTiny(t)
	contents := tiny()
	contents[Listing] = replace(t, contents[Listing], `"apis": [`, `"apis": [{"path": "/api-docs/parts.{format}"},`)
	contents["events.json"] = replace(t, contents["events.json"], `"Missing": {"id": "Missing", "properties": {}},`, ``)
	contents["parts.json"] = `{"apiVersion": "2.0.0", "swaggerVersion": "1.1", "resourcePath": "/x", "requiresModules": ["res_parts"],
		"apis": [{"path": "/parts", "operations": [{"httpMethod": "GET", "nickname": "list", "responseClass": "void"}]}],
		"models": {"Missing": {"id": "Missing", "properties": {"why": {"type": "string"}}}}}`
	newer, _, err := Read(files(contents))
	if err != nil {
		t.Fatal(err)
	}
	have := string(Diff(older, newer, "A", "B"))
	want := `# ARI from A to B

| | added | removed | changed | in all now |
|---|---:|---:|---:|---:|
| operations | 1 | 0 | 0 | 4 |
| parameters | 0 | 0 | 0 | 7 |
| models | 0 | 0 | 1 | 6 |
| properties | 1 | 0 | 0 | 8 |
| events | 0 | 0 | 0 | 2 |

## parts

### Modules

- required module added: ` + "`res_parts`" + `

### Operations

- **Added** ` + "`GET /parts`" + ` (list), returns ` + "`void`" + `

### Models

- ` + "`Missing`" + `
  - added: ` + "`why` (`string`)" + `
`
	if have != want {
		t.Errorf("have\n%s\nwant\n%s", have, want)
	}
}
