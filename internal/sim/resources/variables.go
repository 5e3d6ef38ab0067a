package resources

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/ari-go/ari/internal/sim/pbx"
)

// variables reads the member "variables" of a body.
func (a *args) variables(required bool) ([]pbx.Variable, *apiError) {
	raw, ok := a.body["variables"]
	if !ok {
		if required {
			return nil, failed(http.StatusBadRequest, "The 'variables' field must be a JSON object")
		}
		return nil, nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		if required {
			return nil, failed(http.StatusBadRequest, "The 'variables' field must be a JSON object")
		}
		members = nil // Asterisk takes no notice of it.
	}
	return readVariables(members, a.router.p.Has.SyncSetVar)
}

// texts reads the member "variables" of a message's body.
func (a *args) texts() ([]pbx.Variable, *apiError) {
	var members map[string]json.RawMessage
	if raw, ok := a.body["variables"]; ok && json.Unmarshal(raw, &members) != nil {
		members = nil // Asterisk takes no notice of it.
	}
	return readVariables(members, false)
}

// readVariables reads variables, which may be reported in events since some version.
func readVariables(members map[string]json.RawMessage, reportable bool) ([]pbx.Variable, *apiError) {
	bad := failed(http.StatusBadRequest, "Each value in 'variables' must be a string or an object with 'value' and optional 'report_events'")
	if !reportable {
		bad = failed(http.StatusBadRequest, "Only string values in the 'variables' object allowed")
	}
	vars := make([]pbx.Variable, 0, len(members))
	for name, raw := range members {
		v := pbx.Variable{Name: strings.TrimSpace(name)}
		if json.Unmarshal(raw, &v.Value) != nil {
			var reported struct {
				Value  *string `json:"value"`
				Report bool    `json:"report_events"`
			}
			if !reportable || json.Unmarshal(raw, &reported) != nil || reported.Value == nil {
				return nil, bad
			}
			v.Value, v.Report = *reported.Value, reported.Report
		}
		vars = append(vars, v)
	}
	slices.SortFunc(vars, func(a, b pbx.Variable) int { return strings.Compare(a.Name, b.Name) })
	return vars, nil
}
