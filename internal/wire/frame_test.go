package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/internal/wire/wiretest"
)

const enteredBridge = `{"type":"ChannelEnteredBridge","bridge":{"id":"b1","technology":"simple_bridge","bridge_type":"mixing","bridge_class":"stasis",` +
	`"creator":"Stasis","name":"","channels":["c1"],"creationtime":"2026-11-23T00:41:40.897+0000","video_mode":"none"},` +
	`"channel":{"id":"c1","name":"PJSIP/alice-00000001","state":"Up","protocol_id":"x","caller":{"name":"","number":"100"},` +
	`"connected":{"name":"","number":""},"accountcode":"","dialplan":{"context":"default","exten":"100","priority":2,"app_name":"Stasis",` +
	`"app_data":"hello"},"creationtime":"2026-11-23T00:41:40.897+0000","language":"en"},` +
	`"timestamp":"2026-11-23T00:41:40.897+0000","asterisk_id":"00:00:00:00:00:00","application":"hello"}`

const transfer = `{"type":"ChannelTransfer","application":"hello","refer_to":{"requested_destination":{"destination":"200"},` +
	`"connected_channel":null},"referred_by" : {"source_channel":{"caller":{"id":"no"},"id":"c1","state":"Up"},` +
	`"c\u006fnnected_channel":{"id":"c\/2"}, "bridge":{"id":"b1"},"other":[{"id":"no"}]}}`

func TestInnerFindsObjectsOneLevelDeeper(t *testing.T) {
	var s Frame
	require.NoError(t, s.Scan([]byte(transfer)))
	by := s.Object("referred_by")
	require.NotNil(t, by)
	for key, want := range map[string]string{"source_channel": "c1", "connected_channel": "c/2", "bridge": "b1"} {
		inner := s.Inner(by, key)
		require.NotNil(t, inner, key)
		assert.Equal(t, want, string(s.Text(inner.ID)), key)
	}
	assert.Equal(t, "Up", string(s.Text(s.Inner(by, "source_channel").State)))
	for _, key := range []string{"other", "destination_channel", "", "id", "caller"} {
		assert.Nil(t, s.Inner(by, key), key)
	}
	to := s.Object("refer_to")
	require.NotNil(t, to)
	assert.Nil(t, s.Inner(to, "connected_channel"), "null is nothing")

	require.NoError(t, s.Scan([]byte(`{"type":"X","a":{},"b":{"c":{"id":"1"},"c":{"id":"2"},"d":{"id":"3"},"d":null}}`)))
	assert.Nil(t, s.Inner(s.Object("a"), "c"))
	assert.Equal(t, "2", string(s.Text(s.Inner(s.Object("b"), "c").ID)), "the last one counts")
	assert.Nil(t, s.Inner(s.Object("b"), "d"), "the last one counts, here too")
}

func TestScanFindsWhatNamesEntities(t *testing.T) {
	frame := []byte(` { "cause" : -17 , "list":[1,[{"id":"no"}],{}], "channel" : {"caller":{"id":"no"},"id":"c\/1","state":"Up"},` +
		`"endpoint":{"resource":"alice","technology":"PJSIP"},"recording":{"target_uri":"bridge:b1","name":"gr\u00fc\u00dfe"},` +
		`"playback":{"id":"é"},"cause_txt":"User busy","none":null,"yes":true,"no":false,"application":"hello","t\u0079pe":"Mixed"} `)
	var s Frame
	require.NoError(t, s.Scan(frame))

	assert.Equal(t, "Mixed", string(s.Text(s.Type)))
	assert.Equal(t, "hello", string(s.Text(s.App)))
	assert.Equal(t, "-17", string(s.Text(s.Cause)))
	assert.Equal(t, "User busy", string(s.Text(s.CauseText)))
	require.NotNil(t, s.Object("channel"))
	assert.Equal(t, "c/1", string(s.Text(s.Object("channel").ID)))
	assert.Equal(t, "Up", string(s.Text(s.Object("channel").State)))
	assert.Equal(t, "alice", string(s.Text(s.Object("endpoint").Resource)))
	assert.Equal(t, "PJSIP", string(s.Text(s.Object("endpoint").Technology)))
	assert.Equal(t, "grüße", string(s.Text(s.Object("recording").Name)))
	assert.Equal(t, "bridge:b1", string(s.Text(s.Object("recording").Target)))
	assert.Equal(t, "é", string(s.Text(s.Object("playback").ID)))
	assert.False(t, s.Object("playback").Name.OK())
	assert.Nil(t, s.Object("bridge"))
	assert.Nil(t, s.Object("list"))
}

func TestScanTakesMoreObjectsThanAnyEventHas(t *testing.T) {
	frame := `{"type":"X"` + strings.Repeat(`,"other":{"id":"o"}`, 100) + `,"channel":{"id":"c1"}}`
	var s Frame
	require.NoError(t, s.Scan([]byte(frame)))
	assert.Equal(t, "c1", string(s.Text(s.Object("channel").ID)))
}

func TestScanNamesTheFault(t *testing.T) {
	deep := strings.Repeat(`[`, MaxDepth+1) + strings.Repeat(`]`, MaxDepth+1)
	for frame, want := range map[string]string{
		``:                               "the frame ends too early at offset 0",
		`  `:                             "the frame ends too early at offset 2",
		`[]`:                             "an event must be a JSON object at offset 0",
		`{}`:                             "the event has no type at offset 2",
		`{"type":""}`:                    "the event has no type at offset 11",
		`{"type":7}`:                     "the event has no type at offset 10",
		`{"message":"Response invalid"}`: "the event has no type at offset 30",
		`{"type":"X"`:                    "the frame ends too early at offset 11",
		`{"type":"X",}`:                  "a member's name was expected at offset 12",
		`{"type":"X" "a":1}`:             "a comma or the closing bracket was expected at offset 12",
		`{"type" "X"}`:                   "a colon was expected at offset 8",
		`{"type":"X","a":}`:              "a value was expected at offset 16",
		`{"type":"X","a":nul}`:           "a value was expected at offset 19",
		`{"type":"X","a":[1,]}`:          "a value was expected at offset 19",
		`{"type":"X","a":01}`:            "a comma or the closing bracket was expected at offset 17",
		`{"type":"X","a":1.}`:            "a digit was expected at offset 18",
		`{"type":"X","a":-}`:             "a digit was expected at offset 17",
		`{"type":"X","a":1e}`:            "a digit was expected at offset 18",
		`{"type":"X\x"}`:                 "a string holds an unknown escape at offset 11",
		`{"type":"X\u00g0"}`:             "a hexadecimal digit was expected at offset 14",
		"{\"type\":\"X\n\"}":             "a string holds a control character at offset 10",
		`{"type":"X"} x`:                 "something follows the event at offset 13",
		`{"type":"X","a":{"b":{"c":"`:    "the frame ends too early at offset 27",
		`{"type":"X","a":` + deep + `}`:  "the event nests too deep at offset 1016",
	} {
		var s Frame
		assert.EqualError(t, s.Scan([]byte(frame)), want, "%.60s", frame)
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	frame := []byte(enteredBridge)
	var s Frame
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if s.Scan(frame) != nil || len(s.Text(s.Object("bridge").ID)) != 2 {
			t.Fatal("not found")
		}
	}))
}

// FuzzScan compares the scan with encoding/json: both take the same frames, and
// find the same type and the same ids in them.
func FuzzScan(f *testing.F) {
	for _, frame := range []string{
		enteredBridge, transfer,
		`{"type":"PlaybackFinished","application":"hello","playback":{"id":"p","media_uri":"sound:a","target_uri":"channel:c","state":"done"}}`,
		`{"a":{"id":"\ud83d\ude00\ud83d","name":null},"type":"X","a":1,"b":[{}],"c":1e-5}`, `{"type":"\u0000","a":{"id":"` + "\xff" + `"}}`,
		`{"type":"X","cause":1,"type":null}`, `{"type":"X"`, ` {"type" :"X" , "x":{ } } `, `{"type":"X","a":-0.0E+1}`,
	} {
		f.Add([]byte(frame))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		var s Frame
		err := s.Scan(frame)

		var want map[string]json.RawMessage
		valid := json.Unmarshal(frame, &want) == nil && want != nil
		if strings.Count(string(frame), "{")+strings.Count(string(frame), "[") > MaxDepth || wiretest.HasDuplicates(frame) {
			return
		}
		typ, isText := asText(want["type"])
		if !valid || !isText || typ == "" {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, typ, string(s.Text(s.Type)))
		app, _ := asText(want["application"])
		require.Equal(t, app, string(s.Text(s.App)))
		for key, raw := range want {
			m := s.Object(key)
			var fields map[string]json.RawMessage
			if json.Unmarshal(raw, &fields) != nil || fields == nil {
				require.Nil(t, m, key)
				continue
			}
			require.NotNil(t, m, key)
			for name, sp := range map[string]Span{
				"id": m.ID, "name": m.Name, "target_uri": m.Target, "technology": m.Technology, "resource": m.Resource, "state": m.State,
			} {
				text, isText := asText(fields[name])
				require.Equal(t, isText, sp.OK(), "%s.%s", key, name)
				require.Equal(t, text, string(s.Text(sp)), "%s.%s", key, name)
			}
			for name, raw := range fields {
				inner := s.Inner(m, name)
				var deeper map[string]json.RawMessage
				if json.Unmarshal(raw, &deeper) != nil || deeper == nil {
					require.Nil(t, inner, "%s.%s", key, name)
					continue
				}
				require.NotNil(t, inner, "%s.%s", key, name)
				id, _ := asText(deeper["id"])
				require.Equal(t, id, string(s.Text(inner.ID)), "%s.%s", key, name)
			}
		}
	})
}

func asText(raw json.RawMessage) (string, bool) {
	var text *string
	if len(raw) == 0 || json.Unmarshal(raw, &text) != nil || text == nil {
		return "", false
	}
	return *text, true
}

func BenchmarkScan(b *testing.B) {
	frame := []byte(enteredBridge)
	var s Frame
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Scan(frame); err != nil {
			b.Fatal(err)
		}
	}
}
