package ari

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/wire"
	"github.com/ari-go/ari/internal/wire/wiretest"
)

func eventTypeOf(tb testing.TB, frame []byte) *eventType {
	tb.Helper()
	var header EventHeader
	require.NoError(tb, json.Unmarshal(frame, &header))
	require.Contains(tb, eventTypes, header.Type)
	return eventTypes[header.Type]
}

// byReflection decodes as encoding/json does.
func byReflection(t *eventType, frame []byte) (Event, error) {
	ev := t.new()
	err := json.Unmarshal(frame, ev)
	ev.Header().text = string(frame)
	return ev, err
}

// decodeFrame decodes a frame of which nothing is known yet.
func decodeFrame(t *eventType, frame []byte, c *Controller) (Event, error) {
	return decodeEvent(t, wire.NewReader(frame), c)
}

func fillFrom(ev Event, frame []byte) (*wire.MisfitError, error) {
	r := wire.NewReader(frame)
	return fillEvent(ev, &r)
}

// requireSameOfScanned requires that a frame that was scanned before decodes to the same.
func requireSameOfScanned(t *testing.T, typ *eventType, frame []byte, want Event) {
	t.Helper()
	var scan wire.Frame
	if scan.Scan(frame) != nil {
		return // It has no type.
	}
	have := typ.new()
	r := scan.Reader()
	_, err := fillEvent(have, &r)
	require.NoError(t, err)
	require.Equal(t, want, have)
}

func TestDecodeRecordedFrames(t *testing.T) {
	types := make(map[string]bool)
	for _, frame := range recordedFrames(t) {
		typ := eventTypeOf(t, frame)
		types[typ.name] = true
		want, err := byReflection(typ, frame)
		require.NoError(t, err)
		have := typ.new()
		misfit, err := fillFrom(have, frame)
		require.NoError(t, err)
		require.Nil(t, misfit, "%s", frame)
		require.Equal(t, want, have)
		requireSameOfScanned(t, typ, frame, want)
		require.Equal(t, json.RawMessage(frame), have.Header().Raw())
		require.Equal(t, 2026, have.Header().Timestamp.UTC().Year())
	}
	require.Greater(t, len(types), 40)
}

// Nothing in an event may refer to the reader's buffer, which is used again.
func TestDecodeKeepsNothingOfTheFrame(t *testing.T) {
	for _, frame := range recordedFrames(t) {
		typ := eventTypeOf(t, frame)
		want, err := decodeFrame(typ, frame, nil)
		require.NoError(t, err)
		buffer := bytes.Clone(frame)
		have, err := decodeFrame(typ, buffer, nil)
		require.NoError(t, err)
		clear(buffer)
		require.Equal(t, want, have)
	}
}

// Every field of every event is decoded, and every object gets its controller.
func TestDecodeEveryFieldOfEveryType(t *testing.T) {
	ctrl := &Controller{application: "hello"}
	for _, name := range slices.Sorted(maps.Keys(eventTypes)) {
		want := eventTypes[name].new()
		n := 0
		fillValue(t, reflect.ValueOf(want).Elem(), &n)
		frame, err := json.Marshal(want)
		require.NoError(t, err)
		want.bind(ctrl)
		want.Header().ctrl = ctrl
		want.Header().text = string(frame)

		have, err := decodeFrame(eventTypes[name], frame, ctrl)
		require.NoError(t, err)
		require.Equal(t, want, have)

		// The same with a blank wherever one may be, and with all the text escaped.
		var pretty bytes.Buffer
		require.NoError(t, json.Indent(&pretty, escapeAll(frame), " ", "\t"))
		have, err = decodeFrame(eventTypes[name], pretty.Bytes(), ctrl)
		require.NoError(t, err)
		want.Header().text = pretty.String()
		require.Equal(t, want, have)
	}
}

// fillValue gives each exported field in v a value of its own.
func fillValue(t *testing.T, v reflect.Value, n *int) {
	*n++
	if v.Type() == reflect.TypeFor[Time]() {
		v.Set(reflect.ValueOf(Time{Time: time.Date(2026, time.March, 1, 0, 0, 0, *n*int(time.Millisecond), time.Local)}))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(-int64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(t, v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fillValue(t, v.Field(i), n)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fillValue(t, v.Index(0), n)
		fillValue(t, v.Index(1), n)
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		fillValue(t, value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(fmt.Sprintf("name %d", *n)), value)
	case reflect.Interface:
		v.Set(reflect.ValueOf("anything"))
	default:
		require.FailNow(t, "an event has a field of a kind that this test doesn't know", "%s", v.Type())
	}
}

// escapeAll writes every character within strings as an escape.
func escapeAll(frame []byte) []byte {
	var out []byte
	inside := false
	for _, c := range frame {
		switch {
		case c == '"':
			inside = !inside
			out = append(out, c)
		case inside:
			out = fmt.Appendf(out, `\u%04x`, c)
		default:
			out = append(out, c)
		}
	}
	return out
}

func TestDecodeIsLenient(t *testing.T) {
	channel := func(c gen.Channel) Event { return &ChannelDestroyed{Channel: &Channel{Channel: c}} }
	for _, c := range []struct {
		frame  string
		want   Event
		misfit string // empty: none
	}{
		// Numbers and booleans as texts.
		{`{"cause_txt":16}`, &ChannelDestroyed{CauseTxt: "16"}, ""},
		{`{"cause_txt":-1.50e+3}`, &ChannelDestroyed{CauseTxt: "-1.50e+3"}, ""},
		{`{"cause_txt":false}`, &ChannelDestroyed{CauseTxt: "false"}, ""},
		{`{"channel":{"state":7}}`, channel(gen.Channel{State: "7"}), ""},
		{`{"channel":{"channelvars":{"A":1,"B":true,"C":null,"D":"d"}}}`, channel(gen.Channel{ChannelVars: map[string]string{"A": "1", "B": "true", "C": "", "D": "d"}}), ""},
		{`{"args":[1,"two",true,null]}`, &StasisStart{Args: []string{"1", "two", "true", ""}}, ""},
		{`{"peer":{"port":4569,"time":"12"}}`, &PeerStatusChange{Peer: gen.Peer{Port: "4569", Time: "12"}}, ""},

		// Texts as numbers, booleans and times.
		{`{"cause":"16"}`, &ChannelDestroyed{Cause: 16}, ""},
		{`{"soft":"true"}`, &ChannelHangupRequest{Soft: true}, ""},
		{`{"channel":{"dialplan":{"priority":"-1"}}}`, channel(gen.Channel{Dialplan: gen.DialplanCEP{Priority: -1}}), ""},
		{`{"recording":{"duration":"3"}}`, &RecordingFinished{Recording: &LiveRecording{LiveRecording: gen.LiveRecording{Duration: 3}}}, ""},
		{`{"timestamp":"\u0032026-11-23T00:41:40.897+0000"}`, &ChannelDestroyed{EventHeader: EventHeader{Timestamp: mustParse(t, "2026-11-23T00:41:40.897+0000")}}, ""},
		{`{"timestamp":"2026-11-23T00:41:40Z"}`, &ChannelDestroyed{EventHeader: EventHeader{Timestamp: mustParse(t, "2026-11-23T00:41:40Z")}}, ""},
		{`{"timestamp":""}`, &ChannelDestroyed{}, ""},

		// What doesn't fit is left out, and the rest isn't.
		{`{"cause":{"a":[1,"}"]},"cause_txt":"x"}`, &ChannelDestroyed{CauseTxt: "x"}, `want a number, not {"a":[1,"}"]}, at offset 9`},
		{`{"cause":"sixteen","cause_txt":"x"}`, &ChannelDestroyed{CauseTxt: "x"}, `want a number, not "sixteen", at offset 9`},
		{`{"cause":1.5,"cause_txt":"x"}`, &ChannelDestroyed{CauseTxt: "x"}, `want a number, not 1.5, at offset 9`},
		{`{"cause":99999999999999999999}`, &ChannelDestroyed{}, `want a number, not 99999999999999999999, at offset 9`},
		{`{"cause":true}`, &ChannelDestroyed{}, `want a number, not true, at offset 9`},
		{`{"cause_txt":["x"],"cause":1}`, &ChannelDestroyed{Cause: 1}, `want a text, not ["x"], at offset 13`},
		{`{"channel":"c1","cause":1}`, &ChannelDestroyed{Cause: 1}, `want an object, not "c1", at offset 11`},
		{`{"channel":{"caller":[],"id":"c1"}}`, channel(gen.Channel{ID: "c1"}), `want an object, not [], at offset 21`},
		{`{"channel":{"channelvars":{"A":[]}}}`, channel(gen.Channel{ChannelVars: map[string]string{"A": ""}}), `want a text, not [], at offset 31`},
		{`{"channel":{"channelvars":[1]}}`, channel(gen.Channel{}), `want an object, not [1], at offset 26`},
		{`{"args":"one"}`, &StasisStart{}, `want a list, not "one", at offset 8`},
		{`{"args":["one",{}]}`, &StasisStart{Args: []string{"one", ""}}, `want a text, not {}, at offset 15`},
		{`{"soft":1,"cause":2}`, &ChannelHangupRequest{Cause: 2}, `want a boolean, not 1, at offset 8`},
		{`{"timestamp":"today","cause":1}`, &ChannelDestroyed{Cause: 1}, `want a time, not "today", at offset 13`},
		{`{"timestamp":1763858500}`, &ChannelDestroyed{}, `want a time, not 1763858500, at offset 13`},
		{`{"userevent":7,"eventname":"x"}`, &ChannelUserevent{EventName: "x"}, `want a value for UserEvent, not 7, at offset 13`},
		{`{"recording":{"duration":"x","silence_duration":[],"name":"r"}}`, &RecordingFinished{Recording: &LiveRecording{LiveRecording: gen.LiveRecording{Name: "r"}}}, `want a number, not "x", at offset 25`},
		{`{"cause":"` + strings.Repeat("é", 30) + `"}`, &ChannelDestroyed{}, `want a number, not "` + strings.Repeat("é", 19) + `, at offset 9`},

		// Null is nothing.
		{`{"cause":null,"cause_txt":null,"channel":null,"tech_cause":null,"timestamp":null,"type":null}`, &ChannelDestroyed{}, ""},
		{`{"channel":{"dialplan":null,"channelvars":null,"caller":{"name":null},"id":"c1"}}`, channel(gen.Channel{ID: "c1"}), ""},
		{`{"args":null,"replace_channel":null}`, &StasisStart{}, ""},
		{`{"userevent":null}`, &ChannelUserevent{}, ""},
		{`{"soft":null}`, &ChannelHangupRequest{}, ""},
		{`{"recording":{"duration":null}}`, &RecordingFinished{Recording: &LiveRecording{}}, ""},

		// Of several members with one name the last one counts.
		{`{"cause":1,"cause_txt":"a","cause":2,"cause_txt":"b","cause":null}`, &ChannelDestroyed{Cause: 2, CauseTxt: "b"}, ""},
		{`{"args":["a","b"],"args":["c"]}`, &StasisStart{Args: []string{"c"}}, ""},
		{`{"channel":{"id":"a"},"channel":null}`, &ChannelDestroyed{}, ""},
		{`{"cause":1,"cause":"x"}`, &ChannelDestroyed{Cause: 1}, `want a number, not "x", at offset 19`},

		// Names match to the letter; unknown ones are skipped, whatever they hold.
		{`{"Cause":1,"CAUSE":1,"causes":1,"caus":{"cause":1},"":1,"c\u0061use":2}`, &ChannelDestroyed{Cause: 2}, ""},

		// Strings.
		{`{"cause_txt":"\u00e9\n\ud83d\ude00\/\"\\"}`, &ChannelDestroyed{CauseTxt: "é\n😀/\"\\"}, ""},
		{`{"cause_txt":"\ud83d"}`, &ChannelDestroyed{CauseTxt: "\ufffd"}, ""},
		{"{\"cause_txt\":\"a\xffé\"}", &ChannelDestroyed{CauseTxt: "a\ufffdé"}, ""},
		{"{\"cause_txt\":\"gr\u00fc\u00dfe\"}", &ChannelDestroyed{CauseTxt: "grüße"}, ""},
		{`{"args":[]}`, &StasisStart{Args: []string{}}, ""},
		{`{"args":["0","1","2","3","4","5","6","7","8","9"]}`, &StasisStart{Args: strings.Split("0123456789", "")}, ""},
	} {
		have := reflect.New(reflect.TypeOf(c.want).Elem()).Interface().(Event)
		misfit, err := fillFrom(have, []byte(c.frame))
		require.NoError(t, err, c.frame)
		c.want.Header().text = c.frame
		assert.Equal(t, c.want, have, c.frame)
		if c.misfit == "" {
			assert.Nil(t, misfit, c.frame)
		} else {
			assert.EqualError(t, misfit, c.misfit, c.frame)
		}
	}
}

func mustParse(t *testing.T, text string) Time {
	at, err := gen.ParseTime(text)
	require.NoError(t, err)
	return at
}

func TestDecodeLogsAMisfit(t *testing.T) {
	var book logBook
	c := offline(t, WithLogger(book.logger()))

	ev, err := decodeFrame(eventTypes["StasisStart"], []byte(startFrame("c1")), c.ctrl)
	require.NoError(t, err)
	assert.Equal(t, "c1", ev.(*StasisStart).Channel.ID)

	ev, err = decodeFrame(eventTypes["StasisStart"], []byte(`{"type":"StasisStart","args":7,"channel":{"id":"c1"}}`), c.ctrl)
	require.NoError(t, err)
	assert.Equal(t, "c1", ev.(*StasisStart).Channel.ID)
	require.NoError(t, c.Close(t.Context())) // waits for the log too
	assert.Len(t, book.with("left out"), 1)
	assert.Len(t, book.with(`event=StasisStart error="want a list, not 7, at offset 29"`), 1)
}

func TestDecodeNamesTheFault(t *testing.T) {
	deep := strings.Repeat(`[`, wire.MaxDepth) + strings.Repeat(`]`, wire.MaxDepth)
	for frame, want := range map[string]string{
		``:                                       "the frame ends too early at offset 0",
		`null`:                                   "an event must be a JSON object at offset 0",
		`[{}]`:                                   "an event must be a JSON object at offset 0",
		`"x"`:                                    "an event must be a JSON object at offset 0",
		`{"cause":16`:                            "the frame ends too early at offset 11",
		`{"cause":16}}`:                          "something follows the event at offset 12",
		`{"cause":16,}`:                          "a member's name was expected at offset 12",
		`{"cause":016}`:                          "a comma or the closing bracket was expected at offset 10",
		`{"cause":+16}`:                          "a value was expected at offset 9",
		`{"cause":}`:                             "a value was expected at offset 9",
		`{"cause":tru}`:                          "a value was expected at offset 12",
		`{"cause":nil}`:                          "a value was expected at offset 10",
		`{"cause_txt":"x\y"}`:                    "a string holds an unknown escape at offset 16",
		"{\"cause_txt\":\"x\n\"}":                "a string holds a control character at offset 15",
		`{"channel":nul{}}`:                      "a value was expected at offset 14",
		`{"channel":nul`:                         "the frame ends too early at offset 14",
		`{"channel":{"id":"c1"`:                  "the frame ends too early at offset 21",
		`{"channel":{"id":"c1"]}`:                "a comma or the closing bracket was expected at offset 21",
		`{"channel":{"dialplan":{"priority":1.}`: "a digit was expected at offset 37",
		`{"channel":{"channelvars":{"A":}}}`:     "a value was expected at offset 31",
		`{"channel":{"channelvars":{"A"}}}`:      "a colon was expected at offset 30",
		`{"other":[1,]}`:                         "a value was expected at offset 12",
		`{"other":[` + deep + `]}`:               "the event nests too deep at offset 1009",
		`{"channel":{"other":` + deep + `}}`:     "the event nests too deep at offset 1019",
	} {
		_, err := decodeFrame(eventTypes["ChannelDestroyed"], []byte(frame), nil)
		assert.EqualError(t, err, "ChannelDestroyed: "+want, "%.60s", frame)
		assert.False(t, json.Valid([]byte(frame)) && strings.HasPrefix(frame, "{") && !strings.Contains(frame, deep), "%.60s", frame)
	}
	for frame, want := range map[string]string{
		`{"args":["a"`:     "the frame ends too early at offset 12",
		`{"args":nul"x"}`:  "a value was expected at offset 11",
		`{"args":["a",]}`:  "a value was expected at offset 13",
		`{"args":["a" 1]}`: "a comma or the closing bracket was expected at offset 13",
		`{"args":["a"}`:    "a comma or the closing bracket was expected at offset 12",
	} {
		_, err := decodeFrame(eventTypes["StasisStart"], []byte(frame), nil)
		assert.EqualError(t, err, "StasisStart: "+want, frame)
	}
}

func TestDecodeCutOffFrames(t *testing.T) {
	seen := make(map[string]bool)
	for _, frame := range recordedFrames(t) {
		typ := eventTypeOf(t, frame)
		if seen[typ.name] {
			continue
		}
		seen[typ.name] = true
		for end := range frame {
			_, err := decodeFrame(typ, frame[:end], nil)
			var fault *wire.SyntaxError
			if !errors.As(err, &fault) || fault.Offset != end {
				require.FailNow(t, "a frame was cut off", "at %d: %v: %s", end, err, frame)
			}
		}
	}
}

func TestDecodeAllocatesLittle(t *testing.T) {
	for frame, most := range map[string]int{
		dtmfFrame("c1", "5"): 3, // the text, the event, its channel
		startFrame("c1"):     4, // and the arguments
	} {
		typ := eventTypeOf(t, []byte(frame))
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := decodeFrame(typ, []byte(frame), nil); err != nil {
				t.Fatal(err)
			}
		})
		assert.LessOrEqual(t, int(allocs), most+1, frame) // one for this test's own copy
	}
}

// FuzzDecode compares the decoders with encoding/json. Both take the same frames.
// What encoding/json can read into the struct is the same for both, and what it
// can't, because a value has the wrong type, is no error here.
func FuzzDecode(f *testing.F) {
	names := slices.Sorted(maps.Keys(eventTypes))
	for _, frame := range recordedFrames(f) {
		f.Add(uint8(slices.Index(names, eventTypeOf(f, frame).name)), frame)
	}
	for i, name := range names {
		f.Add(uint8(i), []byte(`{"type":"`+name+`","cause":"16","timestamp":null,"channel":{"id":7,"channelvars":{"a":"\ud83d\u00e9"}},"args":["x",null]}`))
	}
	f.Fuzz(func(t *testing.T, which uint8, frame []byte) {
		if strings.Count(string(frame), "{")+strings.Count(string(frame), "[") <= wire.MaxDepth {
			compareWithReflection(t, eventTypes[names[int(which)%len(names)]], frame)
		}
	})
}

// compareWithReflection decodes a frame in both ways. It returns whether encoding/json
// found no fault in it either.
func compareWithReflection(t *testing.T, typ *eventType, frame []byte) bool {
	have := typ.new()
	misfit, err := fillFrom(have, frame)
	if !json.Valid(frame) || bytes.TrimLeft(frame, " \t\r\n")[0] != '{' {
		require.Error(t, err, "%s", frame)
		return false
	}
	require.NoError(t, err, "%s", frame)
	requireSameOfScanned(t, typ, frame, have)
	have.bind(nil)

	var anything any
	if wiretest.HasDuplicates(frame) || json.Unmarshal(frame, &anything) == nil && hasOtherNames(anything) {
		return false
	}
	want, err := byReflection(typ, frame)
	if err != nil {
		return false
	}
	require.Nil(t, misfit, "%s", frame)
	require.Equal(t, want, have, "%s", frame)
	return true
}

// Each value of each type of event, in turn, is one of another kind, or isn't there.
func TestDecodeOddValues(t *testing.T) {
	odd := []any{nil, true, 5, -1.5, 1e40, "", "5", "é\"", "2026-11-23T02:41:40.897+0200", map[string]any{}, map[string]any{"id": "x"}, []any{}, []any{"a", nil}}
	same, all := 0, 0
	done := make(map[string]bool) // models, by their members' names
	for _, name := range slices.Sorted(maps.Keys(eventTypes)) {
		ev := eventTypes[name].new()
		n := 0
		fillValue(t, reflect.ValueOf(ev).Elem(), &n)
		text, err := json.Marshal(ev)
		require.NoError(t, err)
		var frame map[string]any
		require.NoError(t, json.Unmarshal(text, &frame))
		try := func() {
			text, err := json.Marshal(frame)
			require.NoError(t, err)
			all++
			if compareWithReflection(t, eventTypes[name], text) {
				same++
			}
		}
		var vary func(object map[string]any)
		vary = func(object map[string]any) {
			for key, value := range object {
				for _, o := range odd {
					object[key] = o
					try()
				}
				delete(object, key)
				try()
				object[key] = value
				if inner, ok := value.(map[string]any); ok {
					if members := fmt.Sprint(slices.Sorted(maps.Keys(inner))); !done[members] {
						done[members] = true
						vary(inner)
					}
				}
			}
		}
		vary(frame)
	}
	assert.Greater(t, all, 1000)
	assert.Greater(t, same, all/5, "encoding/json read too few of them for a comparison")
}

// hasOtherNames reports whether there are names that only encoding/json may take
// for known ones, since it ignores case.
func hasOtherNames(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if name != strings.ToLower(name) || strings.ContainsRune(name, 'ſ') || hasOtherNames(member) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, hasOtherNames)
	}
	return false
}
