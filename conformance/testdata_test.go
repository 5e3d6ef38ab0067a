package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/pkg/ari"
)

// undescribed are the members that Asterisk sends and that the description doesn't know, each with the reason why that may be.
var undescribed = map[string]string{}

// TestRecordings proves that each frame and each answer that was recorded decodes into its type with nothing lost.
func TestRecordings(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, files, "there are no recordings")
	d, err := describe()
	require.NoError(t, err)
	seen := make(map[string]bool)
	for _, file := range files {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".jsonl"), func(t *testing.T) {
			lines := readRecording(t, file)
			var frames [][]byte
			for i, l := range lines {
				switch {
				case l.Dir == "event":
					frames = append(frames, l.Body)
				case l.Dir == "response" && l.Status < 300 && l.Body != nil:
					op := d.byID[l.Operation]
					require.NotNil(t, op, "line %d: %s", i+1, l.Operation)
					checkResponse(t, seen, op, l.Body)
				}
			}
			checkFrames(t, seen, frames)
		})
	}
	for member := range undescribed {
		require.True(t, seen[member], "%s is listed as undescribed, but no recording has it", member)
	}
}

func readRecording(t *testing.T, file string) []line {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var lines []line
	scanner := bufio.NewScanner(bytes.NewReader(data))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var l line
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &l))
		lines = append(lines, l)
	}
	require.NoError(t, scanner.Err())
	return lines
}

// checkFrames sends frames to a client, by a websocket, and looks at what it makes of them.
func checkFrames(t *testing.T, seen map[string]bool, frames [][]byte) {
	t.Helper()
	if len(frames) == 0 {
		return
	}
	// Answers to commands over the websocket aren't events, and reach nobody.
	frames = slices.DeleteFunc(slices.Clone(frames), func(frame []byte) bool {
		ev, err := ari.DecodeEvent(frame)
		require.NoError(t, err)
		if _, ok := ev.(*ari.RESTResponse); !ok {
			return false
		}
		checkNothingLost(t, seen, ev.Header().Type, frame, ev)
		return true
	})
	// Those that end the client come last.
	slices.SortStableFunc(frames, func(a, b []byte) int { return ends(a) - ends(b) })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for _, frame := range frames {
			if err := conn.Write(r.Context(), websocket.MessageText, frame); err != nil {
				return
			}
		}
		_, _, _ = conn.Read(r.Context())
	}))
	defer server.Close()
	client, err := ari.NewClient(server.URL+"/ari", "replay", ari.WithEventBuffer(len(frames)+10), quietly)
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Close(ctx)) }()
	sub := ari.Subscribe[ari.Event](client)
	require.NoError(t, client.Connect(ctx))
	next := 0
	for next < len(frames) {
		ev, err := sub.Next(ctx)
		require.NoError(t, err)
		if ev.Header().Raw() == nil {
			continue // The client's own.
		}
		require.JSONEq(t, string(frames[next]), string(ev.Header().Raw()))
		require.NotEqual(t, reflect.TypeFor[*ari.UnknownEvent](), reflect.TypeOf(ev), "%s", frames[next])
		checkNothingLost(t, seen, ev.Header().Type, frames[next], ev)
		next++
	}
}

func ends(frame []byte) int {
	if bytes.Contains(frame, []byte(`"ApplicationReplaced"`)) {
		return 1
	}
	return 0
}

// models are the types of answers, by the names of their schemas.
var models = map[string]func() any{
	"Application":     func() any { return new(gen.Application) },
	"AsteriskInfo":    func() any { return new(gen.AsteriskInfo) },
	"AsteriskPing":    func() any { return new(gen.AsteriskPing) },
	"Bridge":          func() any { return new(gen.Bridge) },
	"Channel":         func() any { return new(gen.Channel) },
	"ConfigTuple":     func() any { return new(gen.ConfigTuple) },
	"DeviceState":     func() any { return new(gen.DeviceState) },
	"Endpoint":        func() any { return new(gen.Endpoint) },
	"LiveRecording":   func() any { return new(gen.LiveRecording) },
	"LogChannel":      func() any { return new(gen.LogChannel) },
	"Mailbox":         func() any { return new(gen.Mailbox) },
	"Module":          func() any { return new(gen.Module) },
	"Playback":        func() any { return new(gen.Playback) },
	"RTPstat":         func() any { return new(gen.RTPstat) },
	"Sound":           func() any { return new(gen.Sound) },
	"StoredRecording": func() any { return new(gen.StoredRecording) },
	"Variable":        func() any { return new(gen.Variable) },
	"Variables":       func() any { return new(gen.Variables) },
}

// checkResponse decodes an answer into the type that its operation's description names.
func checkResponse(t *testing.T, seen map[string]bool, op *operation, body []byte) {
	t.Helper()
	name, isList := strings.CutPrefix(op.result, "[]")
	items := []json.RawMessage{body}
	if isList {
		require.NoError(t, json.Unmarshal(body, &items))
	}
	for _, item := range items {
		if name == "string" {
			continue
		}
		model := models[name]
		require.NotNil(t, model, "%s answers with %q", op.id, op.result)
		v := model()
		require.NoError(t, json.Unmarshal(item, v), "%s: %s", op.id, item)
		checkNothingLost(t, seen, name, item, v)
	}
}

// checkNothingLost asserts that a decoded value, encoded again, says what the raw one does.
func checkNothingLost(t *testing.T, seen map[string]bool, name string, raw []byte, v any) {
	t.Helper()
	for _, member := range unknown(reflect.TypeOf(v), decodeAny(t, raw), name) {
		seen[member] = true
		if undescribed[member] == "" {
			t.Errorf("%s isn't described: %s", member, raw)
		}
	}
	again, err := json.Marshal(v)
	require.NoError(t, err)
	for _, loss := range losses(decodeAny(t, raw), decodeAny(t, again), name) {
		path, _, _ := strings.Cut(loss, ":")
		if undescribed[path] == "" {
			t.Errorf("lost: %s\n of %s\nmade %s", loss, raw, again)
		}
	}
}

func decodeAny(t *testing.T, data []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	require.NoError(t, dec.Decode(&v))
	_, err := dec.Token()
	require.ErrorIs(t, err, io.EOF)
	return v
}

// unknown lists the members of a raw value for which its Go type has no field.
func unknown(typ reflect.Type, raw any, path string) []string {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	var out []string
	switch raw := raw.(type) {
	case map[string]any:
		if typ.Kind() != reflect.Struct {
			return nil // A map takes everything.
		}
		fields := fieldsOf(typ)
		for _, name := range slices.Sorted(maps.Keys(raw)) {
			member, ok := fields[name]
			if !ok {
				out = append(out, path+"."+name)
				continue
			}
			out = append(out, unknown(member, raw[name], path+"."+name)...)
		}
	case []any:
		if typ.Kind() != reflect.Slice {
			return nil
		}
		for _, item := range raw {
			out = append(out, unknown(typ.Elem(), item, path+"[]")...)
		}
	}
	return out
}

// fieldsOf are the types of a struct's fields, those of embedded structs included, by their names in JSON.
func fieldsOf(typ reflect.Type) map[string]reflect.Type {
	out := make(map[string]reflect.Type)
	for field := range typ.Fields() {
		if !field.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" {
			embedded := field.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			maps.Copy(out, fieldsOf(embedded))
			continue
		}
		if name == "" {
			name = field.Name
		}
		out[name] = field.Type
	}
	return out
}

// losses lists what a raw value says and the other one doesn't. What is left out may be what Go leaves out: an empty text, 0, false, or nothing.
func losses(raw, again any, path string) []string {
	if again == nil && isZero(raw) {
		return nil
	}
	var out []string
	switch raw := raw.(type) {
	case map[string]any:
		other, ok := again.(map[string]any)
		if !ok {
			return []string{path + ": it is no object"}
		}
		for _, name := range slices.Sorted(maps.Keys(raw)) {
			out = append(out, losses(raw[name], other[name], path+"."+name)...)
		}
	case []any:
		other, ok := again.([]any)
		if !ok || len(other) != len(raw) {
			return []string{path + ": another list"}
		}
		for i := range raw {
			out = append(out, losses(raw[i], other[i], path+"[]")...)
		}
	case json.Number:
		// A number may have become a text where Asterisk's modules disagree.
		if fmt.Sprint(again) != raw.String() {
			out = append(out, fmt.Sprintf("%s: %v became %v", path, raw, again))
		}
	default:
		if !reflect.DeepEqual(raw, again) {
			out = append(out, fmt.Sprintf("%s: %v became %v", path, raw, again))
		}
	}
	return out
}

func isZero(raw any) bool {
	switch raw := raw.(type) {
	case nil:
		return true
	case string:
		return raw == ""
	case bool:
		return !raw
	case json.Number:
		n, err := raw.Float64()
		return err == nil && n == 0
	case []any:
		return len(raw) == 0
	case map[string]any:
		return len(raw) == 0
	default:
		return false
	}
}

// What checks the recordings finds what is lost.
func TestLossesAreFound(t *testing.T) {
	t.Parallel()
	raw := decodeAny(t, []byte(`{"type":"StasisEnd","channel":{"id":"1","new":{"a":1}},"timestamp":"2026-01-01T00:00:00.000+0000","more":""}`))
	require.Equal(t, []string{"E.channel.new", "E.more"}, unknown(reflect.TypeFor[*ari.StasisEnd](), raw, "E"))
	again := decodeAny(t, []byte(`{"type":"StasisStart","channel":{"id":"1"},"timestamp":"2026-01-01T00:00:00.000+0000"}`))
	require.Equal(t, []string{"E.channel.new: it is no object", "E.type: StasisEnd became StasisStart"}, losses(raw, again, "E"))
}
