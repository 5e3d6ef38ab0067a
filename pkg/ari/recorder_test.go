package ari

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// seen is a request as it came over the wire.
type seen struct {
	line        string // method and URI, still encoded
	contentType string
	body        string
}

// recorder is a server that notes what it gets and answers what it is told.
type recorder struct {
	*httptest.Server
	mu     sync.Mutex
	seen   []seen
	answer http.HandlerFunc
}

func newRecorder(t *testing.T, answer http.HandlerFunc, changes ...func(*http.Server)) *recorder {
	t.Helper()
	w := &recorder{answer: answer}
	w.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		w.seen = append(w.seen, seen{r.Method + " " + r.RequestURI, r.Header.Get("Content-Type"), string(body)})
		w.mu.Unlock()
		w.answer(rw, r)
	}))
	for _, change := range changes {
		change(w.Config)
	}
	w.Start()
	t.Cleanup(w.Close)
	return w
}

func (w *recorder) last(t *testing.T) seen {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.NotEmpty(t, w.seen, "no request came")
	return w.seen[len(w.seen)-1]
}

func (w *recorder) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen)
}

// controller returns a controller under a base path that isn't the usual one, so that absolute paths show.
func (w *recorder) controller(t *testing.T, opts ...ControllerOption) *Controller {
	t.Helper()
	c, err := NewController(w.URL+"/pbx1/ari/", append([]ControllerOption{WithBasicAuth("user", "s3cret")}, opts...)...)
	require.NoError(t, err)
	c.application = "hello"
	return c
}

func answerJSON(status int, body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.Header().Set("Server", "Asterisk/22.10.1~dfsg")
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	}
}

func noContent(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNoContent) }

func second[T any](_ T, err error) error { return err }

func serverVersion(v string, answer http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Server", "Asterisk/"+v)
		answer(rw, r)
	}
}
