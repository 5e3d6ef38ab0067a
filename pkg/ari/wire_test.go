package ari

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ari-go/ari/internal/arispec"
)

// optionCalls are the methods that take an option struct, each with the operation that it sends.
var optionCalls = []struct {
	operation string
	call      any // func(context.Context, *Controller, options) error
}{
	{"bridgesAddChannel", func(ctx context.Context, c *Controller, o AddChannelOptions) error {
		return c.Bridge("b1").AddChannelWith(ctx, o, "c1")
	}},
	{"bridgesCreateWithId", func(ctx context.Context, c *Controller, o CreateBridgeOptions) error {
		_, err := c.CreateBridge(ctx, o)
		return err
	}},
	{"bridgesPlayWithId", func(ctx context.Context, c *Controller, o BridgePlayOptions) error {
		_, err := c.Bridge("b1").PlayWith(ctx, o, "sound:a")
		return err
	}},
	{"bridgesRecord", func(ctx context.Context, c *Controller, o BridgeRecordOptions) error {
		_, err := c.Bridge("b1").RecordWith(ctx, "r1", "wav", o)
		return err
	}},
	{"channelsContinueInDialplan", func(ctx context.Context, c *Controller, o ContinueOptions) error {
		return c.Channel("c1").ContinueWith(ctx, o)
	}},
	{"channelsCreate", func(ctx context.Context, c *Controller, o CreateChannelOptions) error {
		_, err := c.CreateChannel(ctx, o)
		return err
	}},
	{"channelsDial", func(ctx context.Context, c *Controller, o DialOptions) error { return c.Channel("c1").DialWith(ctx, o) }},
	{"channelsExternalMedia", func(ctx context.Context, c *Controller, o ExternalMediaOptions) error {
		_, err := c.CreateExternalMedia(ctx, o)
		return err
	}},
	{"channelsMove", func(ctx context.Context, c *Controller, o MoveOptions) error {
		return c.Channel("c1").MoveWith(ctx, "elsewhere", o)
	}},
	{"channelsOriginateWithId", func(ctx context.Context, c *Controller, o OriginateOptions) error {
		_, err := c.Originate(ctx, o)
		return err
	}},
	{"channelsPlayWithId", func(ctx context.Context, c *Controller, o PlayOptions) error {
		_, err := c.Channel("c1").PlayWith(ctx, o, "sound:a")
		return err
	}},
	{"channelsRecord", func(ctx context.Context, c *Controller, o RecordOptions) error {
		_, err := c.Channel("c1").RecordWith(ctx, "r1", "wav", o)
		return err
	}},
	{"channelsSendDTMF", func(ctx context.Context, c *Controller, o SendDTMFOptions) error {
		return c.Channel("c1").SendDTMFWith(ctx, "1", o)
	}},
	{"channelsSnoopChannelWithId", func(ctx context.Context, c *Controller, o SnoopOptions) error {
		_, err := c.Channel("c1").Snoop(ctx, o)
		return err
	}},
	{"endpointsRefer", func(ctx context.Context, c *Controller, o ReferOptions) error {
		return c.Refer(ctx, o)
	}},
	{"endpointsReferToEndpoint", func(ctx context.Context, c *Controller, o EndpointReferOptions) error {
		return c.Endpoint("PJSIP", "a").Refer(ctx, o)
	}},
	{"endpointsSendMessage", func(ctx context.Context, c *Controller, o MessageOptions) error {
		return c.SendMessage(ctx, o)
	}},
	{"endpointsSendMessageToEndpoint", func(ctx context.Context, c *Controller, o EndpointMessageOptions) error {
		return c.Endpoint("PJSIP", "a").SendMessage(ctx, o)
	}},
	{"eventsUserEvent", func(ctx context.Context, c *Controller, o UserEventOptions) error {
		return c.SendUserEvent(ctx, "e", o)
	}},
	{"mailboxesUpdate", func(ctx context.Context, c *Controller, o MessageCounts) error {
		return c.Mailbox("m").Update(ctx, o)
	}},
	{"soundsList", func(ctx context.Context, c *Controller, o SoundsOptions) error {
		_, err := c.SoundsWith(ctx, o)
		return err
	}},
}

// Every parameter of an operation arrives when every option has a value, and so does every option's value.
func TestEveryOptionIsSent(t *testing.T) {
	wires := wireNames(t)
	for _, tt := range optionCalls {
		t.Run(tt.operation, func(t *testing.T) {
			server, c := newWireServer(t)
			call := reflect.ValueOf(tt.call)
			options := reflect.New(call.Type().In(2)).Elem()
			want := fill(t, options)
			require.Positive(t, options.NumField())
			out := call.Call([]reflect.Value{reflect.ValueOf(t.Context()), reflect.ValueOf(c), options})
			require.Nil(t, out[0].Interface())

			got := server.last(t)
			u, names := arrived(t, tt.operation, got)
			for _, wire := range wires[tt.operation] {
				assert.True(t, names[wire], "%s isn't sent in %s with the body %s", wire, got.line, got.body)
			}
			query, err := url.QueryUnescape(u.RawQuery)
			require.NoError(t, err)
			sent := u.Path + "?" + query + " " + got.body
			for field, value := range want {
				assert.Contains(t, sent, value, "the value of %s", field)
			}
		})
	}
}

// argumentCalls are the hand-written methods without an option struct, each with the operation that it sends: as many calls
// as it takes to send all that the operation has.
var argumentCalls = map[string][]func(context.Context, *Controller) error{
	"applicationsFilter": {func(ctx context.Context, c *Controller) error {
		_, err := c.Application("a").Filter(ctx, EventFilter{Allowed: []string{"Dial"}, Disallowed: []string{"Dial"}})
		return err
	}},
	"applicationsSubscribe": {func(ctx context.Context, c *Controller) error {
		_, err := c.Application("a").Subscribe(ctx, "channel:c1")
		return err
	}},
	"applicationsUnsubscribe": {func(ctx context.Context, c *Controller) error {
		_, err := c.Application("a").Unsubscribe(ctx, "channel:c1")
		return err
	}},
	"bridgesSetBridgeVar": {func(ctx context.Context, c *Controller) error {
		return c.Bridge("b1").SetReportedVariable(ctx, "A", "1")
	}},
	"bridgesSetBridgeVars": {func(ctx context.Context, c *Controller) error {
		return c.Bridge("b1").SetVariables(ctx, map[string]string{"A": "1"})
	}},
	"channelsHangup": {
		func(ctx context.Context, c *Controller) error { return c.Channel("c1").Hangup(ctx, HangupReasonBusy) },
		func(ctx context.Context, c *Controller) error { return c.Channel("c1").HangupWithCode(ctx, 21) },
	},
	"channelsSetChannelVar": {func(ctx context.Context, c *Controller) error {
		return c.Channel("c1").SetReportedVariable(ctx, "A", "1")
	}},
	"channelsSetChannelVars": {
		func(ctx context.Context, c *Controller) error {
			return c.Channel("c1").SetVariables(ctx, map[string]string{"A": "1"})
		},
		func(ctx context.Context, c *Controller) error {
			return c.Channel("c1").SetReportedVariables(ctx, map[string]string{"A": "1"})
		},
	},
}

// What api/methods.yaml calls an argument of a hand-written method is one.
func TestEveryArgumentIsSent(t *testing.T) {
	wires := wireNames(t)
	for operation, calls := range argumentCalls {
		t.Run(operation, func(t *testing.T) {
			server, c := newWireServer(t)
			sent := make(map[string]bool)
			for _, call := range calls {
				require.NoError(t, call(t.Context(), c))
				_, names := arrived(t, operation, server.last(t))
				maps.Copy(sent, names)
			}
			for _, wire := range wires[operation] {
				assert.True(t, sent[wire], "%s isn't sent", wire)
			}
		})
	}

	raw, err := os.ReadFile("../../api/methods.yaml")
	require.NoError(t, err)
	var conf struct {
		Operations map[string]struct{ By string } `yaml:"operations"`
	}
	require.NoError(t, yaml.Unmarshal(raw, &conf))
	tried := map[string]bool{"eventsEventWebsocket": true} // which is no request of a controller
	for _, tt := range optionCalls {
		tried[tt.operation] = true
	}
	for id, op := range conf.Operations {
		_, twin := twins[id]
		assert.True(t, op.By == "" || twin || tried[id] || argumentCalls[id] != nil || len(wires[id]) == 0, "no call of %s", id)
	}
}

// newWireServer returns a server that answers everything, and a controller for it.
func newWireServer(t *testing.T) (*recorder, *Controller) {
	t.Helper()
	server := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			answerJSON(http.StatusOK, "[]")(rw, r)
			return
		}
		answerJSON(http.StatusOK, `{"id":"x"}`)(rw, r)
	})
	c := server.controller(t)
	c.chain.server.version.Store(&Version{Major: 99})
	return server, c
}

// arrived returns a request's URL, and the names in its query and its body.
func arrived(t *testing.T, operation string, got seen) (*url.URL, map[string]bool) {
	t.Helper()
	method, uri, _ := strings.Cut(got.line, " ")
	u, err := url.Parse(uri)
	require.NoError(t, err)
	require.Same(t, operationByID(operation), operationFor(method, strings.TrimPrefix(u.EscapedPath(), "/pbx1/ari")), got.line)
	names := make(map[string]bool)
	for name := range u.Query() {
		names[name] = true
	}
	if got.body != "" {
		var body map[string]any
		require.NoError(t, json.Unmarshal([]byte(got.body), &body))
		for name := range body {
			names[name] = true
		}
	}
	return u, names
}

// fill gives every field a value of its own, and returns how each looks on the wire.
func fill(t *testing.T, options reflect.Value) map[string]string {
	t.Helper()
	want := make(map[string]string)
	for i := range options.NumField() {
		field, name := options.Field(i), options.Type().Field(i).Name
		text := fmt.Sprintf("value-of-%s", name)
		switch v := field.Addr().Interface().(type) {
		case *time.Duration:
			// A time is 7001 s or 7001000 ms, and one more for the next field.
			*v = time.Duration(7000+i) * time.Second
			text = fmt.Sprint(7000 + i)
		case *map[string]string:
			*v = map[string]string{"of" + name: text}
		case *map[string]any:
			*v = map[string]any{"of" + name: text}
		case *[]string:
			*v = []string{text}
		default:
			switch field.Kind() {
			case reflect.String:
				field.SetString(text)
			case reflect.Bool:
				field.SetBool(true)
				continue // the wire's name is enough
			case reflect.Int, reflect.Int64:
				field.SetInt(int64(9000 + i))
				text = fmt.Sprint(9000 + i)
			default:
				t.Fatalf("%s is a %s, which this test has no value for", name, field.Type())
			}
		}
		want[name] = text
	}
	return want
}

// wireNames are the names of each operation's query parameters and of its body's members, as described.
func wireNames(t *testing.T) map[string][]string {
	t.Helper()
	description, err := os.ReadFile("../../api/openapi.yaml")
	require.NoError(t, err)
	raw, err := arispec.Flatten(description)
	require.NoError(t, err)
	var api struct {
		Paths map[string]map[string]struct {
			ID         string                      `yaml:"operationId"`
			Parameters []struct{ Name, In string } `yaml:"parameters"`
			Body       struct {
				Content map[string]struct {
					Schema struct {
						Properties map[string]struct {
							Twin bool `yaml:"x-ari-query-twin"`
						}
					}
				}
			} `yaml:"requestBody"`
		}
	}
	require.NoError(t, yaml.Unmarshal(raw, &api))
	names := make(map[string][]string)
	for _, item := range api.Paths {
		for _, op := range item {
			for _, p := range op.Parameters {
				if p.In == "query" {
					names[op.ID] = append(names[op.ID], p.Name)
				}
			}
			for _, content := range op.Body.Content {
				for member, p := range content.Schema.Properties {
					if !p.Twin {
						names[op.ID] = append(names[op.ID], member)
					}
				}
			}
		}
	}
	require.NotEmpty(t, names)
	return names
}

func TestEveryOptionStructIsTried(t *testing.T) {
	tried := make(map[string]bool)
	for _, tt := range optionCalls {
		tried[reflect.TypeOf(tt.call).In(2).Name()] = true
	}
	files, err := filepath.Glob("*.gen.go")
	require.NoError(t, err)
	for _, file := range files {
		if slices.Contains([]string{"decoders.gen.go", "events.gen.go", "models.gen.go", "operations.gen.go"}, file) {
			continue
		}
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(raw)) {
			if name, ok := strings.CutPrefix(line, "type "); ok {
				name, _, _ = strings.Cut(name, " ")
				assert.True(t, tried[name], "no call with %s", name)
			}
		}
	}
}
