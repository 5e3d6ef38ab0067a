package arispec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func checkConverts(t testing.TB, spec *Spec) {
	t.Helper()
	description, err := Convert(spec, Version{22, 10, 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := load(t.Context(), description); err != nil {
		t.Fatalf("%v\n%s", err, description)
	}
}

func findOperation(t testing.TB, doc *openapi3.T, id string) *openapi3.Operation {
	t.Helper()
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			if op.OperationID == id {
				return op
			}
		}
	}
	t.Fatalf("no operation %s", id)
	return nil
}

func bodySchema(t testing.TB, doc *openapi3.T, id string) *openapi3.Schema {
	t.Helper()
	op := findOperation(t, doc, id)
	if op.RequestBody == nil {
		t.Fatalf("%s has no body", id)
	}
	return op.RequestBody.Value.Content.Get("application/json").Schema.Value
}

func property(t testing.TB, doc *openapi3.T, model, name string) *openapi3.Schema {
	t.Helper()
	ref := doc.Components.Schemas[model]
	if ref == nil || ref.Value.Properties[name] == nil {
		t.Fatalf("no property %s.%s", model, name)
	}
	return ref.Value.Properties[name].Value
}

// What trips a converter of ARI's specs to OpenAPI.
func TestTraps(t *testing.T) {
	folders := importedFolders(t)
	newest := folders[len(folders)-1]
	doc, imported := convertFolder(t, newest), importFolder(t, newest)

	t.Run("nicknames recur across resources", func(t *testing.T) {
		count := make(map[string]int)
		ids := make(map[string]bool)
		for _, item := range doc.Paths.Map() {
			for _, op := range item.Operations() {
				if ids[op.OperationID] {
					t.Errorf("operation id %s occurs twice", op.OperationID)
				}
				ids[op.OperationID] = true
				count[op.Extensions["x-ari-nickname"].(string)]++
			}
		}
		if count["list"] < 7 || count["get"] < 8 || count["record"] < 2 {
			t.Errorf("list, get and record occur %d, %d and %d times, want at least 7, 8 and 2", count["list"], count["get"], count["record"])
		}
	})
	t.Run("names keep their spelling", func(t *testing.T) {
		op := findOperation(t, doc, "channelsExternalMedia")
		for _, name := range []string{"external_host", "connection_type", "channelId", "transport_data"} {
			if op.Parameters.GetByInAndName("query", name) == nil {
				t.Errorf("no parameter %s", name)
			}
		}
		findOperation(t, doc, "channelsTransferProgress")
		findOperation(t, doc, "channelsRtpstatistics")
	})
	t.Run("a keyword of Go as a name", func(t *testing.T) {
		if findOperation(t, doc, "bridgesCreate").Parameters.GetByInAndName("query", "type") == nil {
			t.Error("no parameter type")
		}
	})
	t.Run("path parameters without required", func(t *testing.T) {
		n := 0
		for path, item := range doc.Paths.Map() {
			for _, op := range item.Operations() {
				for _, p := range op.Parameters {
					if p.Value.In == "path" && !p.Value.Required {
						t.Errorf("%s: %s isn't required", path, p.Value.Name)
					}
					if p.Value.Name == "tech" || p.Value.Name == "resource" {
						n++
					}
				}
			}
		}
		if n < 7 {
			t.Errorf("%d parameters tech and resource, want at least 7", n)
		}
	})
	t.Run("several methods on one path", func(t *testing.T) {
		n := 0
		for _, item := range doc.Paths.Map() {
			if len(item.Operations()) > 1 {
				n++
			}
		}
		if doc.Paths.Len() < 76 || n < 26 {
			t.Errorf("%d of %d paths have several methods, want at least 26 of 76", n, doc.Paths.Len())
		}
	})
	t.Run("literal segments beside wildcards", func(t *testing.T) {
		for _, path := range []string{
			"/channels/create", "/channels/externalMedia", "/channels/{channelId}",
			"/endpoints/sendMessage", "/endpoints/refer", "/endpoints/{tech}",
		} {
			if doc.Paths.Value(path) == nil {
				t.Errorf("no path %s", path)
			}
		}
	})
	t.Run("query parameters have twins in the body", func(t *testing.T) {
		op := findOperation(t, doc, "channelsOriginate")
		body := bodySchema(t, doc, "channelsOriginate")
		for _, p := range op.Parameters {
			twin := body.Properties[p.Value.Name]
			if twin == nil || twin.Value.Extensions["x-ari-query-twin"] != true {
				t.Errorf("no twin of %s", p.Value.Name)
			}
		}
		if len(body.Properties) != len(op.Parameters)+1 {
			t.Errorf("the body has %v", slices.Collect(maps.Keys(body.Properties)))
		}
		if bodySchema(t, doc, "channelsCreate").Properties["variables"] == nil {
			t.Error("no variables")
		}
	})
	t.Run("the event websocket", func(t *testing.T) {
		op := findOperation(t, doc, "eventsEventWebsocket")
		if op.Responses.Status(101) == nil || op.Responses.Status(200) != nil || op.Extensions["x-ari-upgrade"] != "websocket" {
			t.Error("it isn't a websocket")
		}
	})
	t.Run("a binary response", func(t *testing.T) {
		content := findOperation(t, doc, "recordingsGetStoredFile").Responses.Status(200).Value.Content
		if media := content.Get("application/octet-stream"); media == nil || media.Schema.Value.Format != "binary" {
			t.Error("it isn't binary")
		}
	})
	t.Run("models of other files", func(t *testing.T) {
		if imported.Spec.Resource("events").APIs == nil || len(property(t, doc, "StasisStart", "channel").AllOf) != 1 {
			t.Error("StasisStart.channel doesn't refer to Channel")
		}
		if ref := property(t, doc, "StasisStart", "channel").AllOf[0].Ref; ref != "#/components/schemas/Channel" {
			t.Errorf("it refers to %s", ref)
		}
	})
	t.Run("inheritance by subtypes", func(t *testing.T) {
		for _, name := range []string{"type", "asterisk_id", "application", "timestamp", "channel", "args", "replace_channel"} {
			property(t, doc, "StasisStart", name)
		}
		mapping := doc.Components.Schemas["Message"].Value.Discriminator.Mapping
		if len(mapping) != 46 || mapping["MissingParams"].Ref == "" || mapping["Event"].Ref != "" || mapping["RESTRequest"].Ref != "" {
			t.Errorf("the discriminator knows %d names, want all 45 events and MissingParams", len(mapping))
		}
		for _, name := range []string{"ApplicationRegistered", "ApplicationUnregistered", "ApplicationReplaced"} {
			if n := len(doc.Components.Schemas[name].Value.Properties); n != 4 {
				t.Errorf("%s has %d properties, want its parents' 4", name, n)
			}
		}
		if doc.Components.Schemas["RESTResponse"].Value.Extensions["x-ari-event"] != true {
			t.Error("RESTResponse isn't an event")
		}
		for _, name := range []string{"Dialed", "RESTHeader", "RESTRequest", "MissingParams", "Event"} {
			if doc.Components.Schemas[name] == nil || doc.Components.Schemas[name].Value.Extensions["x-ari-event"] != nil {
				t.Errorf("%s is missing, or an event", name)
			}
		}
	})
	t.Run("error codes that are strings", func(t *testing.T) {
		op := findOperation(t, doc, "channelsMove")
		if op.Responses.Status(404) == nil || op.Responses.Status(409) == nil {
			t.Error("404 or 409 is missing")
		}
	})
	t.Run("a wrong since", func(t *testing.T) {
		// The branches to come follow.
		have := fmt.Sprint(findOperation(t, doc, "eventsClaimChannel").Extensions["x-ari-since"])
		if !strings.HasPrefix(strings.Trim(have, "[]")+" ", "20.20.0 22.10.0 23.4.0 ") {
			t.Errorf("claimChannel is there since %s", have)
		}
	})
	t.Run("errors have no content", func(t *testing.T) {
		for _, item := range doc.Paths.Map() {
			for _, op := range item.Operations() {
				for code, response := range op.Responses.Map() {
					if (code == "default" || code >= "400") && len(response.Value.Content) > 0 {
						t.Errorf("%s: %s has content", op.OperationID, code)
					}
				}
			}
		}
	})
	t.Run("success statuses", func(t *testing.T) {
		for id, want := range map[string][]int{
			"channelsAnswer": {204}, "channelsOriginate": {200}, "bridgesCreate": {200}, "channelsSnoopChannel": {200},
			"channelsPlay": {201}, "channelsPlayWithId": {201}, "bridgesPlay": {201}, "bridgesPlayWithId": {201}, "channelsRecord": {201}, "bridgesRecord": {201},
			"playbacksGet": {200}, "recordingsGetLive": {200}, "recordingsStop": {204},
			"endpointsSendMessage": {202}, "endpointsSendMessageToEndpoint": {202}, "endpointsRefer": {202}, "endpointsReferToEndpoint": {202},
			"asteriskReloadModule": {202, 204},
		} {
			responses := findOperation(t, doc, id).Responses
			for _, code := range []int{200, 201, 202, 204} {
				if have := responses.Status(code) != nil; have != slices.Contains(want, code) {
					t.Errorf("%s: response %d is there: %v", id, code, have)
				}
			}
		}
	})
	t.Run("bodies", func(t *testing.T) {
		filter := bodySchema(t, doc, "applicationsFilter")
		if filter.Properties["filter"] != nil || filter.Properties["allowed"] == nil || filter.Properties["disallowed"] == nil {
			t.Error("the filter is wrapped")
		}
		fields := bodySchema(t, doc, "asteriskUpdateObject").Properties["fields"].Value
		if !fields.Type.Is("array") || fields.Items.Ref != "#/components/schemas/ConfigTuple" {
			t.Error("the fields of an object aren't a list of ConfigTuple")
		}
		if ref := bodySchema(t, doc, "channelsSetChannelVars").Properties["variables"].Value.AdditionalProperties.Schema.Ref; ref != "#/components/schemas/VariableValue" {
			t.Errorf("a channel variable is a %s", ref)
		}
		if !bodySchema(t, doc, "endpointsSendMessage").Properties["variables"].Value.AdditionalProperties.Schema.Value.Type.Is("string") {
			t.Error("a message's variable isn't a text")
		}
		if bodySchema(t, doc, "endpointsRefer").Properties["display_name"] == nil {
			t.Error("a referral has no display name")
		}
		user := bodySchema(t, doc, "eventsUserEvent").Properties["variables"].Value
		if any := user.AdditionalProperties; any.Has == nil || !*any.Has {
			t.Error("a user event's variable isn't any value")
		}
	})
}

func TestEntities(t *testing.T) {
	folders := importedFolders(t)
	doc := convertFolder(t, folders[len(folders)-1])
	for event, want := range map[string][]string{
		"StasisStart":         {"channel channel", "replace_channel channel"},
		"Dial":                {"peer channel", "caller channel", "forwarded channel"},
		"ChannelUserevent":    {"channel channel", "bridge bridge", "endpoint endpoint"},
		"TextMessageReceived": {"endpoint endpoint"},
		"ApplicationReplaced": nil,
		"ChannelTransfer": { // nested, and the channel that is always there first
			"referred_by.source_channel channel", "refer_to.connected_channel channel", "refer_to.destination_channel channel",
			"referred_by.connected_channel channel", "refer_to.bridge bridge", "referred_by.bridge bridge",
		},
	} {
		var have []string
		list, _ := doc.Components.Schemas[event].Value.Extensions["x-ari-entities"].([]any)
		for _, item := range list {
			e := item.(map[string]any)
			have = append(have, fmt.Sprint(e["field"], " ", e["kind"]))
		}
		if !slices.Equal(have, want) {
			t.Errorf("%s: %q instead of %q", event, have, want)
		}
	}
}

// An older form of a property that is an object today.
func TestListOfVariables(t *testing.T) {
	contents := tiny()
	contents["things.json"] = replace(t, contents["things.json"], `"models": {`, `"models": {"TextMessage": {"id": "TextMessage", "properties": {"variables": {"type": "List[Thing]"}}},`)
	spec, _, err := Read(files(contents))
	if err != nil {
		t.Fatal(err)
	}
	description, err := Convert(spec, Version{13, 0, 0}, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := property(t, loadDoc(t, description), "TextMessage", "variables")
	if !list.Type.Is("array") || list.AdditionalProperties.Schema != nil {
		t.Error("it isn't a plain list")
	}
}

func TestConvertErrors(t *testing.T) {
	for want, test := range map[string]struct{ file, old, updated string }{
		`channels.json: POST /channels/{thingId}: two body parameters, "variables" and "more"`: {
			"things.json", `"dataType": "containers"}`, `"dataType": "containers"}, {"name": "more", "paramType": "body", "dataType": "object"}`,
		},
		`"mode" is a query parameter and the body's name`: {"things.json", `"name": "variables"`, `"name": "mode"`},
		`the spec has a model VariableValue`:              {"events.json", `"Missing": {"id": "Missing", "properties": {}}`, `"Missing": {"id": "Missing", "properties": {}}, "VariableValue": {"id": "VariableValue", "properties": {}}`},
	} {
		contents := tiny()
		contents[test.file] = replace(t, contents[test.file], test.old, test.updated)
		// Channels' variables are what VariableValue is for.
		contents["channels.json"] = strings.NewReplacer("things", "channels", `"Thing"`, `"Channel"`, "List[Thing]", "List[Channel]").Replace(contents["things.json"])
		contents[Listing] = replace(t, contents[Listing], `"apis": [`, `"apis": [{"path": "/api-docs/channels.{format}"},`)
		spec, _, err := Read(files(contents))
		if err == nil {
			_, err = Convert(spec, Version{22, 0, 0}, nil)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want in it %s", err, want)
		}
	}
}

// Where the spec is wrong about what Asterisk does, the description must be right.
func TestCorrections(t *testing.T) {
	doc := loadDoc(t, flat(t))
	hasValues := func(t *testing.T, s *openapi3.Schema, values ...string) {
		t.Helper()
		for _, v := range values {
			if !slices.Contains(s.Enum, any(v)) {
				t.Errorf("no value %q among %v", v, s.Enum)
			}
		}
	}
	required := func(t *testing.T, model, name string, want bool) {
		t.Helper()
		property(t, doc, model, name)
		if have := slices.Contains(doc.Components.Schemas[model].Value.Required, name); have != want {
			t.Errorf("%s.%s: required is %v", model, name, have)
		}
	}
	t.Run("time stamps", func(t *testing.T) {
		for _, at := range [][2]string{{"StasisStart", "timestamp"}, {"Channel", "creationtime"}, {"Bridge", "creationtime"}, {"StatusInfo", "startup_time"}, {"AsteriskPing", "timestamp"}} {
			if have := property(t, doc, at[0], at[1]).Format; have != TimeFormat {
				t.Errorf("%s.%s has the format %q", at[0], at[1], have)
			}
		}
	})
	t.Run("channel states", func(t *testing.T) {
		state := property(t, doc, "Channel", "state")
		hasValues(t, state, "Down", "Rsrvd", "Mute", "Dialing Offhook")
		if slices.Contains(state.Enum, any("Rsrved")) {
			t.Error("Rsrved is there")
		}
	})
	t.Run("a paused playback", func(t *testing.T) { hasValues(t, property(t, doc, "Playback", "state"), "paused", "playing") })
	t.Run("what old servers and some cases omit", func(t *testing.T) {
		for _, at := range [][2]string{
			{"Channel", "caller_rdnis"},
			{"Channel", "tenantid"},
			{"Channel", "channelvars"},
			{"Bridge", "bridgevars"},
			{"Bridge", "video_source_id"},
			{"BridgeVideoSourceChanged", "old_video_source_id"},
			{"ContactInfo", "roundtrip_usec"},
			{"ChannelVarset", "channel"},
			{"Dial", "caller"},
			{"StasisStart", "replace_channel"},
			{"RESTResponse", "message_body"},
			{"RESTResponse", "content_type"},
			{"RESTRequest", "request_id"},
			{"RESTRequest", "transaction_id"},
			{"StasisStart", "asterisk_id"},
			{"Endpoint", "state"},
		} {
			required(t, at[0], at[1], false)
		}
	})
	t.Run("a priority outside the dialplan", func(t *testing.T) {
		if !property(t, doc, "DialplanCEP", "priority").Nullable {
			t.Error("it can't be null")
		}
	})
	t.Run("media experience scores", func(t *testing.T) {
		for _, name := range []string{
			"txmes", "rxmes", "remote_maxmes", "remote_minmes", "remote_normdevmes", "remote_stdevmes",
			"local_maxmes", "local_minmes", "local_normdevmes", "local_stdevmes",
		} {
			required(t, "RTPstat", name, false)
		}
	})
	t.Run("numbers of 32 bits without a sign", func(t *testing.T) {
		for _, name := range []string{"local_ssrc", "remote_ssrc", "txoctetcount"} {
			if s := property(t, doc, "RTPstat", name); !s.Type.Is("integer") || s.Format == "int32" {
				t.Errorf("%s is %v in %q", name, s.Type, s.Format)
			}
		}
	})
	t.Run("texts that are numbers", func(t *testing.T) {
		for _, name := range []string{"time", "port"} {
			if have := property(t, doc, "Peer", name).OneOf; len(have) != 2 {
				t.Errorf("Peer.%s is a %v", name, have)
			}
		}
		if !property(t, doc, "ContactInfo", "roundtrip_usec").Type.Is("string") {
			t.Error("ContactInfo.roundtrip_usec really is a text")
		}
	})
	t.Run("a mute without a direction", func(t *testing.T) {
		for _, id := range []string{"channelsMute", "channelsUnmute"} {
			direction := findOperation(t, doc, id).Parameters.GetByInAndName("query", "direction")
			if !direction.Required || direction.Schema.Value.Default != nil {
				t.Errorf("%s may go without", id)
			}
		}
	})
	t.Run("directions of external media", func(t *testing.T) {
		hasValues(t, findOperation(t, doc, "channelsExternalMedia").Parameters.GetByInAndName("query", "direction").Schema.Value, "both", "in", "out")
		hasValues(t, bodySchema(t, doc, "channelsExternalMedia").Properties["direction"].Value, "both", "in", "out")
	})
	t.Run("pseudo ids are told of", func(t *testing.T) {
		for name, id := range map[string]string{
			"channel_ids": "__AST_CHANNEL_ALL_TOPIC", "bridge_ids": "__AST_BRIDGE_ALL_TOPIC",
			"endpoint_ids": "__AST_ENDPOINT_ALL_TOPIC", "device_names": "__AST_DEVICE_STATE_ALL_TOPIC",
		} {
			if text := property(t, doc, "Application", name).Description; !strings.Contains(text, id) {
				t.Errorf("Application.%s: no word of %s", name, id)
			}
		}
	})
	t.Run("texts that tell of special values", func(t *testing.T) {
		for at, word := range map[[2]string]string{
			{"ChannelHold", "musicclass"}: "N/A", {"LogChannel", "channel"}: "onsole", {"Dial", "dialstatus"}: "mpty", {"ChannelUserevent", "userevent"}: "eventname",
			{"ChannelTransfer", "state"}: "channel_declined", {"BridgeAttendedTransfer", "destination_type"}: "threeway", {"BridgeAttendedTransfer", "result"}: "Not Permitted",
			{"CallBroadcast", "caller"}: "mpty", {"Event", "application"}: "single call", {"StasisStart", "args"}: "mpty",
		} {
			if text := property(t, doc, at[0], at[1]).Description; !strings.Contains(text, word) {
				t.Errorf("%s.%s: no word of %q in %q", at[0], at[1], word, text)
			}
		}
	})
	t.Run("the bug of bridge creation is told of", func(t *testing.T) {
		op := findOperation(t, doc, "bridgesCreate")
		text := op.Description + bodySchema(t, doc, "bridgesCreate").Properties["variables"].Value.Description
		if !strings.Contains(text, "id in the path") || !strings.Contains(text, "400") {
			t.Errorf("no word of the way around it in %q", text)
		}
	})
}
