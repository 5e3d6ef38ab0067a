package arispec

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// A tiny spec in Asterisk's own form, with the parts that the tests change.
const (
	tinyListing = `{
  "_copyright": "c", "_author": "a", "_svn_revision": "r",
  "apiVersion": "10.0.0", "swaggerVersion": "1.1", "basePath": "http://localhost:8088/ari",
  "apis": [
    {"path": "/api-docs/things.{format}", "description": "prose"},
    {"path": "/api-docs/events.{format}", "description": "prose"}
  ]
}`
	tinyThings = `{
  "_copyright": "c", "apiVersion": "2.0.0", "swaggerVersion": "1.1", "basePath": "http://localhost:8088/ari",
  "resourcePath": "/api-docs/things.{format}", "requiresModules": ["res_things"], "since": ["12.0.0"],
  "apis": [
    {"path": "/things/{thingId}", "description": "prose", "operations": [
      {"httpMethod": "POST", "nickname": "change", "summary": "prose", "notes": "prose", "since": ["12.0.0"], "responseClass": "Thing",
        "parameters": [
          {"name": "thingId", "paramType": "path", "dataType": "string", "description": "prose"},
          {"name": "mode", "paramType": "query", "dataType": "string", "required": true, "defaultValue": "slow",
            "allowableValues": {"valueType": "LIST", "values": ["slow", "fast"]}},
          {"name": "count", "paramType": "query", "dataType": "int", "defaultValue": 3, "allowableValues": {"valueType": "RANGE", "min": 0}},
          {"name": "tags", "paramType": "query", "dataType": "string", "allowMultiple": true},
          {"name": "variables", "paramType": "body", "dataType": "containers"}
        ],
        "errorResponses": [{"code": 404, "reason": "prose"}, {"code": 400, "reason": "prose"}, {"code": 404, "reason": "prose"}]},
      {"httpMethod": "DELETE", "nickname": "drop", "summary": "prose", "responseClass": "void",
        "parameters": [{"name": "thingId", "paramType": "path", "dataType": "string", "required": true}]}
    ]}
  ],
  "models": {
    "Thing": {"id": "Thing", "description": "prose", "properties": {
      "name": {"type": "string", "required": true, "description": "prose"},
      "state": {"type": "string", "allowableValues": {"valueType": "LIST", "values": ["on", "off"]}},
      "made": {"type": "Date"},
      "parts": {"type": "List[Thing]"}
    }}
  }
}`
	tinyEvents = `{
  "apiVersion": "2.0.0", "swaggerVersion": "1.2", "resourcePath": "/api-docs/events.{format}",
  "apis": [{"path": "/events", "operations": [
    {"httpMethod": "GET", "nickname": "eventWebsocket", "summary": "prose", "responseClass": "Message", "upgrade": "websocket", "websocketProtocol": "ari",
      "parameters": [{"name": "app", "paramType": "query", "dataType": "string", "required": true, "allowMultiple": true}]}
  ]}],
  "models": {
    "Message": {"id": "Message", "discriminator": "type", "subTypes": ["Event", "Missing"], "properties": {"type": {"type": "string", "required": true}}},
    "Missing": {"id": "Missing", "properties": {}},
    "Event": {"id": "Event", "subTypes": ["ThingMade", "ThingGone"], "properties": {"timestamp": {"type": "Date", "required": true}}},
    "ThingMade": {"id": "ThingMade", "properties": {"thing": {"type": "Thing", "required": true}}},
    "ThingGone": {"id": "ThingGone", "properties": {}}
  }
}`
)

func tiny() map[string]string {
	return map[string]string{Listing: tinyListing, "things.json": tinyThings, "events.json": tinyEvents}
}

func files(contents map[string]string) fstest.MapFS {
	fsys := make(fstest.MapFS)
	for name, content := range contents {
		fsys[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return fsys
}

func readTiny(t testing.TB) *Spec {
	t.Helper()
	spec, notices, err := Read(files(tiny()))
	if err != nil {
		t.Fatal(err)
	}
	if len(notices) > 0 {
		t.Fatalf("notices: %v", notices)
	}
	return spec
}

func TestReadTiny(t *testing.T) {
	spec := readTiny(t)
	if want := (Count{Operations: 3, Parameters: 7, Models: 6, Properties: 7, Events: 2}); spec.Count() != want {
		t.Errorf("have %+v, want %+v", spec.Count(), want)
	}
	op := spec.Resource("things").APIs[0].Operations[1]
	if !slices.Equal(op.ErrorCodes, []int{400, 404}) {
		t.Errorf("error codes %v, want each once, sorted", op.ErrorCodes)
	}
	if !op.Parameters[0].Required {
		t.Error("a path parameter isn't required")
	}
	if spec.Resource("others") != nil {
		t.Error("a resource that isn't there")
	}
}

func TestFactsOnly(t *testing.T) {
	written, err := readTiny(t).Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range written {
		for _, word := range []string{"prose", "description", "summary", "notes", "reason", "_copyright", "basePath"} {
			if bytes.Contains(content, []byte(word)) {
				t.Errorf("%s has %q:\n%s", name, word, content)
			}
		}
	}
	again := reread(t, written)
	for name := range written {
		if !bytes.Equal(written[name], again[name]) {
			t.Errorf("%s changed when it was read and written again", name)
		}
	}
	if len(again) != len(written) {
		t.Errorf("%d files became %d", len(written), len(again))
	}
}

func reread(t testing.TB, written map[string][]byte) map[string][]byte {
	t.Helper()
	fsys := make(fstest.MapFS)
	for name, content := range written {
		fsys[name] = &fstest.MapFile{Data: content}
	}
	spec, notices, err := Read(fsys)
	if err != nil {
		t.Fatal(err)
	}
	if len(notices) > 0 {
		t.Errorf("notices about a canonical spec: %v", notices)
	}
	again, err := spec.Files()
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// Order that means nothing makes no difference; the order of parameters and values is kept.
func TestCanonicalOrder(t *testing.T) {
	shuffled := tiny()
	shuffled[Listing] = replace(t, shuffled[Listing], `/api-docs/things.{format}", "description": "prose"},
    {"path": "/api-docs/events`, `/api-docs/events.{format}", "description": "prose"},
    {"path": "/api-docs/things`)
	shuffled["events.json"] = replace(t, shuffled["events.json"], `"ThingMade", "ThingGone"`, `"ThingGone", "ThingMade"`)
	spec, _, err := Read(files(shuffled))
	if err != nil {
		t.Fatal(err)
	}
	have, err := spec.Files()
	if err != nil {
		t.Fatal(err)
	}
	want, err := readTiny(t).Files()
	if err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(have, want, bytes.Equal) {
		t.Error("another order of the same facts is written in another way")
	}
}

func replace(t testing.TB, s, old, updated string) string {
	t.Helper()
	if strings.Count(s, old) != 1 {
		t.Fatalf("%q occurs %d times", old, strings.Count(s, old))
	}
	return strings.Replace(s, old, updated, 1)
}

func TestReadNotices(t *testing.T) {
	for _, test := range []struct{ file, old, updated, want string }{
		{"things.json", `"dataType": "string", "description": "prose"`, `"dataType": "string", "descriptioni": "prose"`, `things.json: apis[0].operations[0].parameters[0]: key "descriptioni" is read as "description"`},
		{"things.json", `"defaultValue": "slow"`, `"defalutValue": "slow"`, `things.json: apis[0].operations[0].parameters[1]: key "defalutValue" is read as "defaultValue"`},
		{"things.json", `"allowMultiple": true`, `"allowMultiple": true, "__note": "prose"`, `things.json: apis[0].operations[0].parameters[3]: key "__note" is a note without meaning`},
		{"things.json", `"code": 400`, `"code": "400"`, `things.json: apis[0].operations[0].errorResponses[1]: code "400" is a string`},
		{"things.json", `"httpMethod": "DELETE"`, `"httpMehtod": "DELETE"`, `things.json: apis[0].operations[1]: key "httpMehtod" is read as "httpMethod"`},
		{"events.json", `"discriminator"`, `"discriminater"`, `events.json: models.Message: key "discriminater" is read as "discriminator"`},
	} {
		t.Run(test.updated, func(t *testing.T) {
			contents := tiny()
			contents[test.file] = replace(t, contents[test.file], test.old, test.updated)
			spec, notices, err := Read(files(contents))
			if err != nil {
				t.Fatal(err)
			}
			if len(notices) != 1 || notices[0].String() != test.want {
				t.Errorf("notices are %v, want %s", notices, test.want)
			}
			have, err := spec.Files()
			if err != nil {
				t.Fatal(err)
			}
			want, err := readTiny(t).Files()
			if err != nil {
				t.Fatal(err)
			}
			if !maps.EqualFunc(have, want, bytes.Equal) {
				t.Error("the misspelt spec reads as something else")
			}
		})
	}
}

const op = "things.json: apis[0].operations[0]"

// readErrors are changes of the tiny spec, each with a part of the error that it must give.
var readErrors = map[string]struct{ file, old, updated, want string }{
	"broken JSON":              {"things.json", `"models": {`, `"models": [`, `things.json: broken JSON in "models"`},
	"cut off":                  {"events.json", tinyEvents, tinyEvents[:100], `events.json: broken JSON`},
	"text behind":              {"events.json", tinyEvents, tinyEvents + "{}", `events.json: broken JSON: more text behind the object`},
	"empty file":               {"events.json", tinyEvents, "", `events.json: broken JSON: unexpected EOF`},
	"not an object":            {"events.json", tinyEvents, "[]", `events.json: want an object, have a list`},
	"duplicate key":            {"things.json", `"since": ["12.0.0"], "responseClass"`, `"since": ["12.0.0"], "notes": "", "responseClass"`, op + `: key "notes" occurs twice`},
	"duplicate model":          {"events.json", `"Missing": {"id": "Missing", "properties": {}}`, `"Missing": {"id": "Missing", "properties": {}}, "Missing": {"id": "Missing", "properties": {}}`, `events.json: models: key "Missing" occurs twice`},
	"unknown key":              {"things.json", `"required": true, "defaultValue"`, `"required": true, "maxLength": 3, "defaultValue"`, op + `.parameters[1]: unknown key "maxLength"`},
	"unknown key, listing":     {Listing, `"apiVersion"`, `"title": "x", "apiVersion"`, `resources.json: unknown key "title"`},
	"unknown key, listed":      {Listing, `events.{format}",`, `events.{format}", "x": 1,`, `resources.json: apis[1]: unknown key "x"`},
	"unknown key, resource":    {"things.json", `"requiresModules"`, `"produces": [], "requiresModules"`, `things.json: unknown key "produces"`},
	"unknown key, api":         {"events.json", `"path": "/events",`, `"path": "/events", "x": 1,`, `events.json: apis[0]: unknown key "x"`},
	"unknown key, operation":   {"things.json", `"nickname": "drop",`, `"nickname": "drop", "type": "x",`, `things.json: apis[0].operations[1]: unknown key "type"`},
	"unknown key, error":       {"things.json", `"code": 400,`, `"code": 400, "responseModel": "Thing",`, op + `.errorResponses[1]: unknown key "responseModel"`},
	"unknown key, values":      {"things.json", `"values": ["slow", "fast"]`, `"values": ["slow", "fast"], "step": 1`, op + `.parameters[1].allowableValues: unknown key "step"`},
	"unknown key, model":       {"things.json", `"id": "Thing",`, `"id": "Thing", "extends": "x",`, `things.json: models.Thing: unknown key "extends"`},
	"unknown key, property":    {"things.json", `"made": {`, `"made": {"format": "x", `, `things.json: models.Thing.properties.made: unknown key "format"`},
	"missing key":              {"things.json", `"responseClass": "void",`, ``, `things.json: apis[0].operations[1]: key "responseClass" is missing`},
	"missing code":             {"things.json", `"code": 400,`, ``, op + `.errorResponses[1]: key "code" is missing`},
	"missing properties":       {"events.json", `"Missing", "properties": {}`, `"Missing"`, `events.json: models.Missing: key "properties" is missing`},
	"empty nickname":           {"things.json", `"nickname": "drop"`, `"nickname": ""`, `things.json: apis[0].operations[1].nickname: is empty`},
	"odd nickname":             {"things.json", `"nickname": "drop"`, `"nickname": "drop-it"`, `things.json: apis[0].operations[1].nickname: "drop-it" can't become part of an identifier`},
	"unknown method":           {"things.json", `"DELETE"`, `"FETCH"`, `things.json: apis[0].operations[1].httpMethod: unknown method "FETCH"`},
	"method twice":             {"things.json", `"DELETE"`, `"POST"`, `things.json: apis[0].operations[1]: POST /things/{thingId} occurs twice`},
	"unknown upgrade":          {"events.json", `"upgrade": "websocket"`, `"upgrade": "h2c"`, `events.json: apis[0].operations[0].upgrade: unknown protocol "h2c"`},
	"unknown paramType":        {"things.json", `"name": "tags", "paramType": "query"`, `"name": "tags", "paramType": "header"`, op + `.parameters[3].paramType: unknown place "header" of parameter "tags"`},
	"unknown dataType, query":  {"things.json", `"paramType": "query", "dataType": "int"`, `"paramType": "query", "dataType": "Date"`, op + `.parameters[2].dataType: unknown type "Date" of query parameter "count"`},
	"unknown dataType, body":   {"things.json", `"containers"`, `"Thing"`, op + `.parameters[4].dataType: unknown type "Thing" of body parameter "variables"`},
	"unknown dataType, path":   {"things.json", `"dataType": "string", "description"`, `"dataType": "int", "description"`, op + `.parameters[0].dataType: path parameter "thingId" is not a plain string`},
	"parameter twice":          {"things.json", `"name": "count"`, `"name": "mode"`, op + `.parameters[2]: query parameter "mode" occurs twice`},
	"odd parameter":            {"things.json", `"name": "count"`, `"name": "co unt"`, op + `.parameters[2].name: "co unt" can't become an identifier`},
	"unknown valueType":        {"things.json", `"valueType": "RANGE"`, `"valueType": "REGEX"`, op + `.parameters[2].allowableValues.valueType: unknown kind "REGEX"`},
	"values of a number":       {"things.json", `{"valueType": "RANGE", "min": 0}`, `{"valueType": "LIST", "values": ["1"]}`, op + `.parameters[2].allowableValues: a list of values for the type "int"`},
	"range of a text":          {"things.json", `{"valueType": "LIST", "values": ["slow", "fast"]}`, `{"valueType": "RANGE", "max": 1}`, op + `.parameters[1].allowableValues: a range for the type "string"`},
	"empty range":              {"things.json", `"min": 0`, `"min": 1, "max": 0`, op + `.parameters[2].allowableValues: the range from 1 to 0 of parameter "count" is empty`},
	"same path but for names":  {"things.json", `  "apis": [`, `  "apis": [{"path": "/things/{id}", "operations": []},`, `path "/things/{thingId}" is declared in things.json too`},
	"no values":                {"things.json", `"values": ["slow", "fast"]`, `"values": []`, op + `.parameters[1].allowableValues.values: is empty`},
	"value twice":              {"things.json", `"values": ["slow", "fast"]`, `"values": ["slow", "slow"]`, op + `.parameters[1].allowableValues.values: "slow" occurs twice`},
	"range of a property":      {"things.json", `{"valueType": "LIST", "values": ["on", "off"]}`, `{"valueType": "RANGE", "min": 0}`, `things.json: models.Thing.properties.state.allowableValues: a range on a property`},
	"default, string":          {"things.json", `"defaultValue": "slow"`, `"defaultValue": 1`, op + `.parameters[1].defaultValue: 1 isn't a default of the type "string" of parameter "mode"`},
	"default, number":          {"things.json", `"defaultValue": 3`, `"defaultValue": "3"`, op + `.parameters[2].defaultValue: 3 isn't a default of the type "int"`},
	"default, fraction":        {"things.json", `"defaultValue": 3`, `"defaultValue": 3.5`, op + `.parameters[2].defaultValue: 3.5 isn't a default of the type "int"`},
	"default, object":          {"things.json", `"defaultValue": 3`, `"defaultValue": {}`, op + `.parameters[2].defaultValue: want a string, a number, true or false, have an object`},
	"default, null":            {"things.json", `"defaultValue": 3`, `"defaultValue": null`, op + `.parameters[2].defaultValue: want a string, a number, true or false, have null`},
	"default, out of range":    {"things.json", `"min": 0`, `"min": 4`, op + `.parameters[2].defaultValue: 3 is outside the range of parameter "count"`},
	"default, not a value":     {"things.json", `"defaultValue": "slow"`, `"defaultValue": "medium"`, op + `.parameters[1].defaultValue: "medium" is none of the values`},
	"code, text":               {"things.json", `"code": 400`, `"code": "bad"`, op + `.errorResponses[1].code: want a number, have the string "bad"`},
	"code, success":            {"things.json", `"code": 400`, `"code": 200`, op + `.errorResponses[1].code: 200 isn't an error status`},
	"null":                     {"things.json", `"allowMultiple": true`, `"allowMultiple": null`, op + `.parameters[3].allowMultiple: want true or false, have null`},
	"wrong kind":               {"things.json", `"allowMultiple": true`, `"allowMultiple": "true"`, op + `.parameters[3].allowMultiple: want true or false, have the string "true"`},
	"unknown type, property":   {"things.json", `"type": "List[Thing]"`, `"type": "List[Part]"`, `things.json: models.Thing.properties.parts.type: type "List[Part]" is neither a primitive nor a model`},
	"unknown type, response":   {"things.json", `"responseClass": "Thing"`, `"responseClass": "List[Part]"`, `things.json: POST /things/{thingId}.responseClass: type "List[Part]" is neither`},
	"void list":                {"things.json", `"responseClass": "Thing"`, `"responseClass": "List[void]"`, `things.json: POST /things/{thingId}.responseClass: type "List[void]" is neither`},
	"unknown subtype":          {"events.json", `"ThingMade", "ThingGone"`, `"ThingMade", "ThingLost"`, `events.json: models.Event.subTypes: "ThingLost" is not a model`},
	"subtype twice":            {"events.json", `"ThingMade", "ThingGone"`, `"ThingMade", "ThingMade"`, `events.json: models.Event.subTypes: "ThingMade" occurs twice`},
	"two parents":              {"events.json", `"Event", "Missing"`, `"Event", "Missing", "ThingGone"`, `"ThingGone" is a subtype of`},
	"own ancestor":             {"events.json", `"ThingMade", "ThingGone"`, `"ThingMade", "ThingGone", "Event"`, `subtype of`},
	"ring":                     {"events.json", `"ThingGone": {"id": "ThingGone",`, `"ThingGone": {"id": "ThingGone", "subTypes": ["Message"],`, `is its own ancestor`},
	"unknown discriminator":    {"events.json", `"discriminator": "type"`, `"discriminator": "kind"`, `events.json: models.Message.discriminator: "kind" is not a property`},
	"model under another name": {"events.json", `"id": "Missing"`, `"id": "Lost"`, `events.json: models.Missing.id: "Lost" differs from its key "Missing"`},
	"odd model":                {"events.json", `"Missing": {"id": "Missing"`, `"Mis-sing": {"id": "Mis-sing"`, `events.json: models.Mis-sing.id: "Mis-sing" can't become an identifier`},
	"odd property":             {"things.json", `"made":`, `"ma-de":`, `things.json: models.Thing.properties.ma-de: "ma-de" can't become an identifier`},
	"model in two files":       {"events.json", `"Missing": {"id": "Missing", "properties": {}}`, `"Missing": {"id": "Missing", "properties": {}}, "Thing": {"id": "Thing", "properties": {}}`, `things.json: models.Thing: model is declared in events.json too`},
	"path in two files":        {"events.json", `"path": "/events"`, `"path": "/things/{thingId}"`, `has {thingId}`},
	"path twice":               {"things.json", `  "apis": [`, `  "apis": [{"path": "/things/{thingId}", "operations": []},`, `things.json: apis[1]: path "/things/{thingId}" occurs twice`},
	"duplicate nickname":       {"things.json", `"nickname": "drop"`, `"nickname": "change"`, `gives the operation id thingsChange, as does things.json: DELETE /things/{thingId}`},
	"nickname in other case":   {"things.json", `"nickname": "drop"`, `"nickname": "Change"`, `gives the operation id thingsChange`},
	"no placeholder":           {"things.json", `"/things/{thingId}"`, `"/things/thingId"`, `things.json: apis[0].operations[0]: path parameter "thingId" of change has no placeholder in "/things/thingId"`},
	"no path parameter":        {"things.json", `"/things/{thingId}"`, `"/things/{thingId}/{part}"`, `things.json: apis[0].operations[0]: path "/things/{thingId}/{part}" has {part}, but change has no such path parameter`},
	"placeholder twice":        {"things.json", `"/things/{thingId}"`, `"/things/{thingId}/{thingId}"`, `has {thingId} twice`},
	"unbalanced braces":        {"things.json", `"/things/{thingId}"`, `"/things/{thingId"`, `unbalanced or empty braces`},
	"relative path":            {"events.json", `"path": "/events"`, `"path": "events"`, `events.json: apis[0].path: "events" doesn't begin with a slash`},
	"listed twice":             {Listing, `/api-docs/events.`, `/api-docs/things.`, `resources.json: apis[1].path: "/api-docs/things.{format}" is listed twice`},
	"listed, not there":        {Listing, `/api-docs/events.`, `/api-docs/parts.`, `resources.json lists it: open parts.json`},
	"listing, path traversal":  {Listing, `/api-docs/events.`, `/api-docs/../../etc/passwd.`, `resources.json: apis[1].path: "/api-docs/../../etc/passwd.{format}" isn't of the form /api-docs/NAME.{format}`},
	"listing, absolute":        {Listing, `/api-docs/events.`, `/etc/events.`, `isn't of the form`},
	"listing, itself":          {Listing, `/api-docs/events.`, `/api-docs/resources.`, `isn't of the form`},
	"listing, no format":       {Listing, `events.{format}`, `events.json`, `isn't of the form`},
	"listing, nothing":         {Listing, tinyListing, `{"apiVersion": "1", "swaggerVersion": "1.1", "apis": []}`, `resources.json: lists no resource`},
}

func TestReadErrors(t *testing.T) {
	for name, test := range readErrors {
		t.Run(name, func(t *testing.T) {
			contents := tiny()
			contents[test.file] = replace(t, contents[test.file], test.old, test.updated)
			spec, _, err := Read(files(contents))
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is\n%v\nwant in it\n%s", err, test.want)
			}
			if spec != nil {
				t.Error("a spec beside the error")
			}
		})
	}
}

func TestReadNothing(t *testing.T) {
	if _, _, err := Read(fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v, want fs.ErrNotExist", err)
	}
}

func TestOperationID(t *testing.T) {
	for _, test := range []struct{ resource, nickname, want string }{
		{"channels", "list", "channelsList"},
		{"channels", "transfer_progress", "channelsTransferProgress"},
		{"deviceStates", "get", "deviceStatesGet"},
		{"a", "_b__c_", "aBC"},
	} {
		if have := OperationID(test.resource, test.nickname); have != test.want {
			t.Errorf("%s, %s: have %s, want %s", test.resource, test.nickname, have, test.want)
		}
	}
}

// Known slips of the pen are recognised, and no known key is taken for another one.
func TestIsSlip(t *testing.T) {
	for word, known := range map[string]string{
		"descriptioni": "description", "defalutValue": "defaultValue", "nicknam": "nickname", "parameterz": "parameters",
	} {
		if !isSlip(word, known) {
			t.Errorf("%s isn't seen as %s", word, known)
		}
	}
	all := []string{
		"apiVersion", "swaggerVersion", "basePath", "resourcePath", "apis", "models", "path", "description", "operations", "httpMethod", "nickname", "summary",
		"notes", "responseClass", "parameters", "errorResponses", "since", "upgrade", "websocketProtocol", "name", "paramType", "dataType", "required",
		"allowMultiple", "defaultValue", "allowableValues", "valueType", "values", "min", "max", "code", "reason", "id", "properties", "discriminator",
		"subTypes", "type", "requiresModules",
	}
	for _, word := range all {
		for _, known := range all {
			if isSlip(word, known) {
				t.Errorf("%s is seen as a slip for %s", word, known)
			}
		}
	}
}

// What the reader accepts must survive being written and read again, and convert to valid OpenAPI.
func checkAccepted(t *testing.T, things, events string) {
	t.Helper()
	spec, _, err := Read(files(map[string]string{Listing: tinyListing, "things.json": things, "events.json": events}))
	if err != nil {
		return
	}
	written, err := spec.Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range written {
		if !json.Valid(content) {
			t.Fatalf("%s isn't JSON: %s", name, content)
		}
	}
	if again := reread(t, written); !maps.EqualFunc(written, again, bytes.Equal) {
		t.Fatalf("written %s, and again %s", written, again)
	}
	checkConverts(t, spec)
}

func FuzzRead(f *testing.F) {
	f.Add(tinyThings)
	f.Add(`{"apiVersion":"1","swaggerVersion":"1.1","resourcePath":"/x","apis":[]}`)
	for _, test := range readErrors {
		if test.file == "things.json" {
			f.Add(strings.Replace(tinyThings, test.old, test.updated, 1))
		}
	}
	f.Fuzz(func(t *testing.T, things string) { checkAccepted(t, things, tinyEvents) })
}

// Bytes that a fuzzer changes are seldom JSON still. So here the tree is changed: each byte of the
// input picks a place and what becomes of it.
func FuzzReadTree(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{3, 0, 17, 1, 40, 2, 60, 3})
	f.Fuzz(func(t *testing.T, changes []byte) {
		var docs [2]any
		for i, content := range []string{tinyThings, tinyEvents} {
			if err := json.Unmarshal([]byte(content), &docs[i]); err != nil {
				t.Fatal(err)
			}
		}
		for len(changes) >= 4 {
			changeTree(docs[changes[0]%2], int(changes[1]), int(changes[2]), int(changes[3]))
			changes = changes[4:]
		}
		var contents [2]string
		for i, doc := range docs {
			content, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			contents[i] = string(content)
		}
		checkAccepted(t, contents[0], contents[1])
	})
}

// changeTree gives the value at a place another one.
func changeTree(root any, place, kind, choice int) {
	var sets []func(any)
	var values []any
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range sortedKeys(v) {
				sets = append(sets, func(updated any) {
					if updated == nil {
						delete(v, key)
					} else {
						v[key] = updated
					}
				})
				values = append(values, v[key])
				walk(v[key])
			}
		case []any:
			for i := range v {
				sets = append(sets, func(updated any) { v[i] = updated })
				values = append(values, v[i])
				walk(v[i])
			}
		}
	}
	walk(root)
	if len(sets) == 0 {
		return
	}
	words := []any{
		"", "string", "int", "long", "double", "boolean", "Date", "object", "containers", "void", "binary", "List[string]", "List[Thing]", "List[void]",
		"Thing", "Event", "VariableValue", "GET", "PUT", "path", "query", "body", "/things", "/{a}", "/things/{name}", "type", "timestamp", "RANGE", "LIST",
		true, false, 0.0, -1.5, 1e300, 404.0, "404",
		map[string]any{},
		[]any{},
		[]any{"a", "a"},
		[]any{"1", "true"},
	}
	set := sets[place%len(sets)]
	switch kind % 4 {
	case 0:
		set(nil)
	case 1:
		set(words[choice%len(words)])
	default: // a copy of what stands elsewhere
		copied, err := json.Marshal(values[choice%len(values)])
		if err != nil {
			return
		}
		var v any
		if json.Unmarshal(copied, &v) == nil {
			set(v)
		}
	}
}
