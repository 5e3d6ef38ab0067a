// Package wiretest has what tests of frames share.
package wiretest

import (
	"bytes"
	"encoding/json"
)

// HasDuplicates reports whether an object in a frame has a name twice. Asterisk never sends that, and what counts then is
// of no interest.
func HasDuplicates(frame []byte) bool {
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
