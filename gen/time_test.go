package gen

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestTime(t *testing.T) {
	want := time.Date(2026, time.November, 23, 0, 41, 40, 897_000_000, time.UTC)
	for _, text := range []string{
		"2026-11-23T00:41:40.897+0000",
		"2026-11-23T02:41:40.897+0200",
		"2026-11-22T19:11:40.897-0530",
		"2026-11-23T00:41:40.897Z",
		"2026-11-23T02:41:40.897+02:00",
		"2026-11-23T00:41:40.897000000Z",
	} {
		var have Time
		if err := json.Unmarshal([]byte(`"`+text+`"`), &have); err != nil || !have.Equal(want) {
			t.Errorf("%s is read as %v, %v", text, have, err)
		}
	}
	if have, err := ParseTime("2026-11-23T00:41:40Z"); err != nil || !have.Equal(want.Truncate(time.Second)) {
		t.Errorf("without a fraction: %v, %v", have, err)
	}
	for _, text := range []string{"2026-11-23", "2026-11-23T00:41:40.897", "2026-13-23T00:41:40.897+0000", "now", " ", "1763858500"} {
		if have, err := ParseTime(text); err == nil {
			t.Errorf("%q is read as %v", text, have)
		} else if !strings.Contains(err.Error(), text) {
			t.Errorf("%q: the error doesn't show it: %v", text, err)
		}
	}
}

func TestTimeInJSON(t *testing.T) {
	type message struct {
		At   Time  `json:"at"`
		Then *Time `json:"then,omitempty"`
	}
	at := time.Date(2026, time.November, 23, 0, 41, 40, 0, time.FixedZone("", -3*60*60))
	text, err := json.Marshal(message{At: Time{at}})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"at":"2026-11-23T00:41:40.000-0300"}`; string(text) != want {
		t.Errorf("have %s, want %s", text, want)
	}
	var m message
	if err := json.Unmarshal([]byte(`{"at":null,"then":""}`), &m); err != nil || !m.At.IsZero() || !m.Then.IsZero() {
		t.Errorf("null and empty: %v, %v, %v", m.At, m.Then, err)
	}
	for _, text := range []string{`{"at":1}`, `{"at":{}}`, `{"at":true}`, `{"at":"x"}`} {
		if err := json.Unmarshal([]byte(text), &m); err == nil {
			t.Errorf("%s is read as %v", text, m.At)
		}
	}
	// The text may be escaped like any JSON string.
	if err := json.Unmarshal([]byte(`{"at":"2026-11-23T00:41:40.000\u002b0000"}`), &m); err != nil {
		t.Error(err)
	}
}

// A time with a year that its layout has no room for must not be written as something unreadable.
func TestTimeOutOfRange(t *testing.T) {
	for _, year := range []int{-1, 10000} {
		if text, err := json.Marshal(Time{time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)}); err == nil {
			t.Errorf("the year %d is written as %s", year, text)
		}
	}
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{`"2026-11-23T00:41:40.897+0000"`, `"2026-11-23T00:41:40Z"`, `""`, `null`, `"0000-01-01T00:00:00.000-2359"`, `1`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var first Time
		if json.Unmarshal(data, &first) != nil {
			return
		}
		text, err := json.Marshal(first)
		if err != nil {
			return
		}
		var second Time
		if err := json.Unmarshal(text, &second); err != nil {
			t.Fatalf("%s was written as %s: %v", data, text, err)
		}
		// Milliseconds and whole minutes of a zone are what ARI's form has room for.
		if want := first.Truncate(time.Millisecond); !second.Equal(want) {
			t.Fatalf("%s was written as %s, which is %v, not %v", data, text, second, want)
		}
	})
}
