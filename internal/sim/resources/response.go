package resources

import (
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/ari-go/ari/internal/sim/wire"
)

// An apiError is an answer other than success.
type apiError struct {
	status  int
	message string
}

func (e *apiError) Error() string { return e.message }

func failed(status int, message string) *apiError { return &apiError{status, message} }

// respond writes what an operation came to: an error, a body, or nothing.
func respond(w http.ResponseWriter, status int, body wire.JSON, err *apiError) {
	switch {
	case err != nil && err.message == "":
		failAllocation(w)
	case err != nil:
		fail(w, err.status, err.message)
	case body != nil:
		write(w, status, body)
	default:
		w.WriteHeader(status)
	}
}

// list answers with a list.
func list[T interface{ JSON() wire.JSON }](items []T) wire.JSON {
	all := make([]wire.JSON, len(items))
	for i, item := range items {
		all[i] = item.JSON()
	}
	return wire.AppendValue(nil, all)
}

// deref is a parameter's value, or nothing.
func deref[T any](v *T) T {
	if v == nil {
		var none T
		return none
	}
	return *v
}

// fail answers with an error as ARI words it.
func fail(w http.ResponseWriter, status int, message string) {
	write(w, status, wire.Object(wire.F("message", message)))
}

// failAllocation is how Asterisk answers when it couldn't make something.
func failAllocation(w http.ResponseWriter) {
	write(w, http.StatusInternalServerError, wire.Object(wire.F("error", "Allocation failed")))
}

func write(w http.ResponseWriter, status int, body wire.JSON) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // It is JSON, and the client may have gone.
}

// failHTML is an error of the web server itself.
func failHTML(w http.ResponseWriter, status int, text string) {
	title := http.StatusText(status)
	body := fmt.Sprintf("<!DOCTYPE html>\n<html><head><title>%d %s</title></head><body><h1>%s</h1><p>%s</p></body></html>\n", status, title, title, text)
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) //nolint:gosec // The texts are our own.
}
