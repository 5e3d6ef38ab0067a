package ariserver

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestUnimplemented(t *testing.T) {
	h := HandlerWithOptions(Unimplemented{}, StdHTTPServerOptions{})
	for i := range Operations {
		op := &Operations[i]
		path := strings.NewReplacer("{", "", "}", "").Replace(op.Path)
		query := "?"
		for _, p := range op.Params {
			if p.Required {
				query += p.Name + "=1&"
			}
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(op.Method, path+query, nil))
		var body struct{ Message string }
		if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil || rec.Code != http.StatusNotImplemented || body.Message == "" {
			t.Errorf("%s answers %d %s", op.ID, rec.Code, rec.Body)
		}
	}
}
