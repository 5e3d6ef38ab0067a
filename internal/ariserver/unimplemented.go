package ariserver

import (
	"fmt"
	"net/http"
)

// notImplemented answers with an error as ARI words it.
func notImplemented(w http.ResponseWriter, operation string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotImplemented)
	_, _ = fmt.Fprintf(w, `{"message":"%s is not implemented"}`, operation) // The client may have gone.
}
