package gen

import (
	"encoding/json"
	"fmt"
)

// VariableValue is the value of a channel's or bridge's variable in a request.
type VariableValue struct {
	Value string
	// ReportEvents makes events about the object carry the variable.
	// Since Asterisk 20.20, 22.10, 23.4; before, a request with it fails with 400.
	ReportEvents bool
}

type reportedValue struct {
	Value        string `json:"value"`
	ReportEvents bool   `json:"report_events"`
}

// MarshalJSON writes a plain string unless events are asked for, since older versions of Asterisk
// take nothing else.
func (v VariableValue) MarshalJSON() ([]byte, error) {
	if !v.ReportEvents {
		return json.Marshal(v.Value)
	}
	return json.Marshal(reportedValue(v))
}

// UnmarshalJSON reads both forms.
func (v *VariableValue) UnmarshalJSON(data []byte) error {
	*v = VariableValue{}
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &v.Value)
	}
	return json.Unmarshal(data, (*reportedValue)(v))
}

// TextOrNumber is a text that some of Asterisk's modules send as a JSON number.
type TextOrNumber string

// UnmarshalJSON reads a JSON string, a number as it is written, or null.
func (t *TextOrNumber) UnmarshalJSON(data []byte) error {
	var n json.Number
	switch {
	case string(data) == "null":
		return nil
	case len(data) > 0 && data[0] == '"':
		return json.Unmarshal(data, (*string)(t))
	case json.Unmarshal(data, &n) == nil:
		*t = TextOrNumber(n)
		return nil
	default:
		return fmt.Errorf("want a text or a number, have %.40s", data)
	}
}
