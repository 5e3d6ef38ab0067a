package gen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// TimeLayout is how Asterisk writes a time: milliseconds, and a numeric zone without a colon.
const TimeLayout = "2006-01-02T15:04:05.000-0700"

// Time is a time stamp as ARI writes it, such as 2026-11-23T00:41:40.897+0000. RFC 3339 is read too,
// since proxies and other implementations of ARI write that.
type Time struct {
	time.Time
}

// ParseTime reads a time stamp in ARI's form or in that of RFC 3339.
func ParseTime(s string) (Time, error) {
	t, err := time.Parse(TimeLayout, s)
	if err != nil {
		var rfcErr error
		if t, rfcErr = time.Parse(time.RFC3339Nano, s); rfcErr != nil {
			return Time{}, fmt.Errorf("%q is neither a time of ARI nor of RFC 3339", s)
		}
	}
	return Time{t}, nil
}

// UnmarshalText reads what ParseTime reads; an empty text is the zero time.
func (t *Time) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*t = Time{}
		return nil
	}
	parsed, err := ParseTime(string(text))
	if err == nil {
		*t = parsed
	}
	return err
}

// UnmarshalJSON reads a JSON string as UnmarshalText does; null leaves the time as it is.
func (t *Time) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	if len(data) < 2 || data[0] != '"' || data[len(data)-1] != '"' {
		return fmt.Errorf("a time must be a string, not %.40s", data)
	}
	if bytes.IndexByte(data, '\\') >= 0 {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		return t.UnmarshalText([]byte(s))
	}
	return t.UnmarshalText(data[1 : len(data)-1])
}

// MarshalText writes ARI's form.
func (t Time) MarshalText() ([]byte, error) {
	if y := t.Year(); y < 0 || y > 9999 {
		return nil, fmt.Errorf("the year %d doesn't fit into a time of ARI", y)
	}
	return t.AppendFormat(nil, TimeLayout), nil
}

// MarshalJSON writes ARI's form as a JSON string.
func (t Time) MarshalJSON() ([]byte, error) {
	text, err := t.MarshalText()
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%q", text), nil
}
