package ari

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The texts of all errors begin with the package's name, and have it only there.
func TestTextsOfErrors(t *testing.T) {
	end := &EndError{Entity: Entity{"channel", "c1"}, Reason: ErrLeftStasis}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(end)
	refused := &Error{Method: "GET", Path: "/x", err: unsupported("it", since9, Version{16, 28, 0})}
	for _, err := range []error{
		end, refused,
		&Error{Method: "GET", Path: "/x", err: ctxError(ctx)},
		&HandlerError{Handler: "h", Event: &Connected{EventHeader: EventHeader{Type: "Connected"}}, Err: refused},
		&HandlerError{Handler: "h", Event: &Connected{EventHeader: EventHeader{Type: "Connected"}}, Err: &PanicError{Value: "x"}},
		&PanicError{Value: "x"}, &FrameError{Err: errTest}, &OverflowError{Listener: "l"},
		annotate("prompt", refused), &playbackError{id: "p"}, &recordingError{}, &recordingError{&LiveRecording{}},
	} {
		assert.Equal(t, 0, strings.LastIndex(err.Error(), "ari: "), "%s", err)
	}
}

// Nor is there an exception among the variables.
func TestTextsOfErrorVariables(t *testing.T) {
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := goparser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			vars, ok := decl.(*ast.GenDecl)
			if !ok || vars.Tok != token.VAR {
				continue
			}
			for _, spec := range vars.Specs {
				v := spec.(*ast.ValueSpec)
				if !v.Names[0].IsExported() || len(v.Values) == 0 {
					continue
				}
				call, ok := v.Values[0].(*ast.CallExpr)
				if !ok || len(call.Args) != 1 {
					continue
				}
				if lit, ok := call.Args[0].(*ast.BasicLit); ok {
					text, err := strconv.Unquote(lit.Value)
					require.NoError(t, err)
					assert.True(t, strings.HasPrefix(text, "ari: "), "%s: %q", v.Names[0], text)
					found++
				}
			}
		}
	}
	assert.Greater(t, found, 20)
}

// A page that says 404 isn't ARI's: it tells nothing of the object.
func TestPageIsNotNotFound(t *testing.T) {
	w := newRecorder(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		rw.WriteHeader(http.StatusNotFound)
		_, _ = rw.Write([]byte("<html><p>The requested URL was not found on this server.</p></html>"))
	})
	_, err := w.controller(t).Playback("p1").Refresh(t.Context())
	require.ErrorIs(t, err, ErrNoARI)
	require.NotErrorIs(t, err, ErrNotFound)
	assert.ErrorContains(t, err, "no ARI at this URL")
	_, exists, err := w.controller(t).exists(t.Context(), kindPlayback, "p1")
	require.ErrorIs(t, err, ErrNoARI)
	assert.False(t, exists)
}

func TestErrors(t *testing.T) {
	statuses := map[int]error{
		400: ErrInvalid, 401: ErrUnauthorized, 403: ErrForbidden, 404: ErrNotFound, 409: ErrConflict, 412: ErrPreconditionFailed,
		413: ErrTooLarge, 422: ErrUnprocessable, 500: ErrInternal, 501: ErrNotImplemented, 503: ErrUnavailable,
	}
	for status := range statuses {
		w := newRecorder(t, answerJSON(status, `{"message":"No such luck"}`))
		err := w.controller(t).Channel("c1").Answer(t.Context())
		var e *Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, &Error{
			Operation: "channelsAnswer", Method: "POST", Path: "/pbx1/ari/channels/c1/answer", StatusCode: status, Message: "No such luck",
		}, e)
		for other, s := range statuses {
			assert.Equal(t, other == status, errors.Is(fmt.Errorf("wrapped: %w", err), s), "%d against %d", status, other)
		}
		assert.Contains(t, err.Error(), "channelsAnswer (POST /pbx1/ari/channels/c1/answer)")
		assert.Contains(t, err.Error(), "No such luck")
	}
	for status, message := range map[int]string{409: "Channel not in Stasis application", 422: "Channel not in Stasis application"} {
		e := &Error{StatusCode: status, Message: message}
		require.ErrorIs(t, e, ErrNotInStasis)
		require.ErrorIs(t, e, statuses[status])
	}
	assert.NotErrorIs(t, &Error{StatusCode: 409, Message: "Bridge with id 'b' already exists"}, ErrNotInStasis)
}

// A channel that has just gone can't go into a bridge. Other operations' 400 is about their parameters.
func TestChannelGoneFromBridge(t *testing.T) {
	body := []byte(`{"message":"Channel not found"}`)
	for operation, gone := range map[string]bool{"bridgesAddChannel": true, "bridgesRemoveChannel": true, "bridgesSetVideoSource": false, "channelsMove": false} {
		assert.NotNil(t, operationByID(operation), operation)
		err := newError(operation, "POST", "/ari/bridges/b/addChannel", 400, nil, body)
		require.ErrorIs(t, err, ErrInvalid, operation)
		assert.Equal(t, gone, errors.Is(err, ErrNotFound), operation)
	}
	err := newError("bridgesAddChannel", "POST", "/ari/bridges/b/addChannel", 400, nil, []byte(`{"message":"Channel parameter is required"}`))
	require.NotErrorIs(t, err, ErrNotFound)
}

func TestErrorBodies(t *testing.T) {
	for name, test := range map[string]struct {
		contentType, body, want string
	}{
		"message":         {"application/json", `{"message":"Channel not found"}`, "Channel not found"},
		"error":           {"application/json", `{"error":"Allocation failed"}`, "Allocation failed"},
		"HTML":            {"text/html", "<html><head><title>502 Bad Gateway</title></head><body>...", "502 Bad Gateway"},
		"Asterisk's HTML": {"text/html", "<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1>\n<p>Nothing here.</p>", "Nothing here."},
		"HTML untitled":   {"text/html", "<h1>Oops</h1>", "<h1>Oops</h1>"},
		"empty":           {"", "", ""},
		"text":            {"text/plain", "try\nagain", "try again"},
		"not an object":   {"application/json", `["x"]`, `["x"]`},
		"long":            {"text/plain", strings.Repeat("é", 300), strings.Repeat("é", 60) + "..."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRecorder(t, func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Type", test.contentType)
				rw.WriteHeader(http.StatusBadGateway)
				_, _ = io.WriteString(rw, test.body)
			})
			err := w.controller(t).Channel("c1").Answer(t.Context())
			var e *Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, http.StatusBadGateway, e.StatusCode)
			assert.Equal(t, test.want, e.Message)
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"empty": {answerJSON(200, ""), "the answer is empty"},
		"HTML": {func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(rw, "<title>Login</title>")
		}, `the answer is "text/html" instead of JSON: <title>Login</title>`},
		"another type": {answerJSON(200, `["a"]`), `["a"]`},
		"cut off by Content-Length": {func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			rw.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(rw, `{"id":"c`)
		}, "the answer broke off"},
		"cut off": {answerJSON(200, `{"id":"c`), "isn't the JSON that was expected"},
	} {
		t.Run(name, func(t *testing.T) {
			ch, err := newRecorder(t, test.answer).controller(t).Channel("c1").Refresh(t.Context())
			assert.Nil(t, ch)
			require.ErrorIs(t, err, ErrProtocol)
			var e *Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, 200, e.StatusCode)
			assert.Contains(t, err.Error(), test.want)
			assert.Contains(t, err.Error(), "channelsGet (GET /pbx1/ari/channels/c1)")
		})
	}
}

// A command that follows a redirect would become a GET, and do something else.
func TestRedirectsAreErrors(t *testing.T) {
	w := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "https://user:secret@pbx.example"+r.URL.Path, http.StatusMovedPermanently)
	})
	client, err := NewClient(w.URL+"/ari", "hello", WithBasicAuth("asterisk", "asterisk"))
	require.NoError(t, err)
	for name, do := range map[string]func() error{
		"connect": func() error { return client.Connect(t.Context()) },
		"answer":  func() error { return client.ARI().Channel("c1").Answer(t.Context()) },
		"list":    func() error { _, err := client.ARI().Channels(t.Context()); return err },
	} {
		err := do()
		var refusal *Error
		require.ErrorAs(t, err, &refusal, name)
		assert.Equal(t, http.StatusMovedPermanently, refusal.StatusCode, name)
		assert.Contains(t, err.Error(), "redirected to https://user:xxxxx@pbx.example/ari/", name)
		assert.NotContains(t, err.Error(), "secret", name)
	}
	assert.Equal(t, 3, w.count(), "nothing was sent elsewhere")
	require.NoError(t, client.Close(t.Context()))
}

func TestErrorsShowNoCredentials(t *testing.T) {
	c, err := NewController("http://user:s3cret@127.0.0.1:1/ari")
	require.NoError(t, err)
	err = c.Channel("c1").SetVariable(t.Context(), "PIN", "4711")
	require.Error(t, err)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Error("failed", "error", err)
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), log.String()} {
		assert.NotContains(t, text, "s3cret")
		assert.NotContains(t, text, "4711", "values of the query don't belong in an error")
	}
	assert.Contains(t, log.String(), "operation=channelsSetChannelVar")
}
