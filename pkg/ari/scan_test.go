package ari

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestScanFindsWhatNamesEntities(t *testing.T) {
	frame := []byte(` { "cause" : -17 , "list":[1,[{"id":"no"}],{}], "channel" : {"caller":{"id":"no"},"id":"c\/1","state":"Up"},` +
		`"endpoint":{"resource":"alice","technology":"PJSIP"},"recording":{"target_uri":"bridge:b1","name":"gr\u00fc\u00dfe"},` +
		`"playback":{"id":"é"},"cause_txt":"User busy","none":null,"yes":true,"no":false,"application":"hello","t\u0079pe":"Mixed"} `)
	var s scanned
	require.NoError(t, scanFrame(frame, &s))

	assert.Equal(t, "Mixed", string(s.text(s.typ)))
	assert.Equal(t, "hello", string(s.text(s.app)))
	assert.Equal(t, "-17", string(s.text(s.cause)))
	assert.Equal(t, "User busy", string(s.text(s.causeText)))
	require.NotNil(t, s.member("channel"))
	assert.Equal(t, "c/1", string(s.text(s.member("channel").id)))
	assert.Equal(t, "Up", string(s.text(s.member("channel").state)))
	assert.Equal(t, "alice", string(s.text(s.member("endpoint").resource)))
	assert.Equal(t, "PJSIP", string(s.text(s.member("endpoint").technology)))
	assert.Equal(t, "grüße", string(s.text(s.member("recording").name)))
	assert.Equal(t, "bridge:b1", string(s.text(s.member("recording").target)))
	assert.Equal(t, "é", string(s.text(s.member("playback").id)))
	assert.False(t, s.member("playback").name.ok())
	assert.Nil(t, s.member("bridge"))
	assert.Nil(t, s.member("list"))
}

func TestScanTakesMoreObjectsThanAnyEventHas(t *testing.T) {
	frame := `{"type":"X"` + strings.Repeat(`,"other":{"id":"o"}`, 100) + `,"channel":{"id":"c1"}}`
	var s scanned
	require.NoError(t, scanFrame([]byte(frame), &s))
	assert.Equal(t, "c1", string(s.text(s.member("channel").id)))
}

func TestScanNamesTheFault(t *testing.T) {
	deep := strings.Repeat(`[`, maxDepth+1) + strings.Repeat(`]`, maxDepth+1)
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
		var s scanned
		assert.EqualError(t, scanFrame([]byte(frame), &s), want, "%.60s", frame)
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	frame := []byte(enteredBridgeFrame("b1", "c1"))
	var s scanned
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if scanFrame(frame, &s) != nil || len(s.text(s.member("bridge").id)) != 2 {
			t.Fatal("not found")
		}
	}))
}

// FuzzScan compares the scan with encoding/json: both take the same frames, and
// find the same type and the same ids in them.
func FuzzScan(f *testing.F) {
	for _, frame := range []string{
		startFrame("c1"), enteredBridgeFrame("b", "c"), playbackFrame("PlaybackFinished", "p", "channel:c", "done"),
		`{"a":{"id":"\ud83d\ude00\ud83d","name":null},"type":"X","a":1,"b":[{}],"c":1e-5}`, `{"type":"\u0000","a":{"id":"` + "\xff" + `"}}`,
		`{"type":"X","cause":1,"type":null}`, `{"type":"X"`, ` {"type" :"X" , "x":{ } } `, `{"type":"X","a":-0.0E+1}`,
	} {
		f.Add([]byte(frame))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		var s scanned
		err := scanFrame(frame, &s)

		var want map[string]json.RawMessage
		valid := json.Unmarshal(frame, &want) == nil && want != nil
		if strings.Count(string(frame), "{")+strings.Count(string(frame), "[") > maxDepth || hasDuplicates(frame) {
			return
		}
		typ, isText := asText(want["type"])
		if !valid || !isText || typ == "" {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, typ, string(s.text(s.typ)))
		app, _ := asText(want["application"])
		require.Equal(t, app, string(s.text(s.app)))
		for key, raw := range want {
			m := s.member(key)
			var fields map[string]json.RawMessage
			if json.Unmarshal(raw, &fields) != nil || fields == nil {
				require.Nil(t, m, key)
				continue
			}
			require.NotNil(t, m, key)
			for name, sp := range map[string]span{
				"id": m.id, "name": m.name, "target_uri": m.target, "technology": m.technology, "resource": m.resource, "state": m.state,
			} {
				text, isText := asText(fields[name])
				require.Equal(t, isText, sp.ok(), "%s.%s", key, name)
				require.Equal(t, text, string(s.text(sp)), "%s.%s", key, name)
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

// hasDuplicates reports whether an object near the top has a name twice. Asterisk
// never sends that, and what counts then is of no interest.
func hasDuplicates(frame []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(frame))
	seen := []map[string]bool{}
	isKey := []bool{}
	for {
		tok, err := dec.Token()
		if err != nil {
			return false
		}
		top := len(seen) - 1
		if top >= 0 && isKey[top] {
			if name, ok := tok.(string); ok {
				if seen[top][name] {
					return true
				}
				seen[top][name] = true
				isKey[top] = false
				continue
			}
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			if top >= 0 && seen[top] != nil {
				isKey[top] = true // for after the value
			}
			if tok == json.Delim('{') {
				seen, isKey = append(seen, map[string]bool{}), append(isKey, true)
			} else {
				seen, isKey = append(seen, nil), append(isKey, false)
			}
		case json.Delim('}'), json.Delim(']'):
			seen, isKey = seen[:top], isKey[:top]
		default:
			if top >= 0 && seen[top] != nil {
				isKey[top] = true
			}
		}
	}
}
