package gen

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestVariableValue(t *testing.T) {
	for text, value := range map[string]VariableValue{
		`"a"`:                                {Value: "a"},
		`""`:                                 {},
		`{"value":"a","report_events":true}`: {Value: "a", ReportEvents: true},
	} {
		written, err := json.Marshal(value)
		if err != nil || string(written) != text {
			t.Errorf("%+v is written as %s, %v, want %s", value, written, err, text)
		}
		have := VariableValue{Value: "old", ReportEvents: true}
		if err := json.Unmarshal([]byte(text), &have); err != nil || have != value {
			t.Errorf("%s is read as %+v, %v", text, have, err)
		}
	}
	have := VariableValue{Value: "old", ReportEvents: true}
	if err := json.Unmarshal([]byte(`{"value":"a"}`), &have); err != nil || have != (VariableValue{Value: "a"}) {
		t.Errorf("an object without report_events is read as %+v, %v", have, err)
	}
	for _, text := range []string{`1`, `[]`, `true`, `{"value":1}`, `{"value":"a","report_events":"yes"}`} {
		if err := json.Unmarshal([]byte(text), &have); err == nil {
			t.Errorf("%s is read as %+v", text, have)
		}
	}
}

func FuzzVariableValue(f *testing.F) {
	for _, s := range []string{`"a"`, `{"value":"a","report_events":true}`, `{"report_events":true}`, `null`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second VariableValue
		if json.Unmarshal(data, &first) != nil {
			return
		}
		text, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &second); err != nil || second != first {
			t.Fatalf("%s is %+v, written as %s, which is %+v, %v", data, first, text, second, err)
		}
	})
}

func TestTextOrNumber(t *testing.T) {
	for text, want := range map[string]TextOrNumber{
		`"4569"`: "4569", `4569`: "4569", `-1.50`: "-1.50", `1e3`: "1e3", `""`: "", `null`: "old", `"a\u00e9"`: "aé",
	} {
		have := TextOrNumber("old")
		if err := json.Unmarshal([]byte(text), &have); err != nil || have != want {
			t.Errorf("%s is read as %q, %v, want %q", text, have, err, want)
		}
	}
	for _, text := range []string{`true`, `[]`, `{}`} {
		var have TextOrNumber
		if err := json.Unmarshal([]byte(text), &have); err == nil {
			t.Errorf("%s is read as %q", text, have)
		}
	}
}

func FuzzTextOrNumber(f *testing.F) {
	for _, s := range []string{`"a"`, `1`, `-1.5e3`, `null`, `{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second TextOrNumber
		if json.Unmarshal(data, &first) != nil {
			return
		}
		if trimmed := bytes.TrimSpace(data); trimmed[0] != '"' && string(trimmed) != "null" && string(trimmed) != string(first) {
			t.Fatalf("the number %s is read as %q", data, first)
		}
		text, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &second); err != nil || second != first {
			t.Fatalf("%s is %q, written as %s, which is %q, %v", data, first, text, second, err)
		}
	})
}
