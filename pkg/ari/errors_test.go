package ari

import (
	"context"
	"go/ast"
	goparser "go/parser"
	"go/token"
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
