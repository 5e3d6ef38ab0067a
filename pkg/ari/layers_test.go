package ari

import (
	"fmt"
	"go/ast"
	"go/importer"
	goparser "go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// layers are the package's files from the ground up. A file names only what stands in its layer or below; what it needs from
// above it takes as an interface, declared where it is used.
var layers = []struct {
	name  string
	files []string
}{
	{"ground", []string{
		"doc.go", "cause.go", "cleanup.go", "context.go", "ends.go", "entity.go", "errors.go", "ids.go", "operation.go", "operations.gen.go", "outbound.go", "source.go",
		"version.go", "workers.go", "report.go",
	}},
	{"requests", []string{
		"request.go", "request_answer.go", "request_config.go", "request_auth.go", "request_check.go", "request_collide.go", "request_dead.go", "request_decode.go", "request_escape.go",
		"request_filter.go", "request_fit.go", "request_hint.go", "request_leave.go", "request_limit.go", "request_operation.go", "request_retry.go",
		"request_road.go", "request_socket.go", "request_undo.go", "request_version.go", "transport.go",
	}},
	{"events, objects, controller", []string{
		"application.go", "application.gen.go", "bridge.go", "bridge.gen.go", "channel.go", "channel.gen.go", "controller.go", "controller.gen.go",
		"decode.go", "decoders.gen.go", "device.go", "device.gen.go", "durations.go", "endpoint.go", "endpoint.gen.go", "event.go", "events.gen.go",
		"interceptor.go", "issues.go", "life.go", "mailbox.go", "mailbox.gen.go", "models.gen.go", "object.go", "observer.go", "options.go", "options_client.go", "options_controller.go", "options_server.go", "options_session.go", "playback.go", "playback.gen.go", "recording.go",
		"recording.gen.go", "registry.go", "sound.go", "sound.gen.go", "system.go", "system.gen.go", "stats.go", "talk.go", "call.go",
	}},
	{"followers, subscriptions, index", []string{"follow.go", "hub.go", "inbound.go", "index.go", "subscription.go"}},
	{"session", []string{
		"accept_conn.go", "accept_pool.go", "accept_source.go",
		"ask.go", "calls.go", "dial_pool.go", "commands.go", "connect.go", "feed.go", "keepalive.go", "observe.go", "probe.go", "reconcile.go", "session.go", "state.go", "sweep.go", "traps.go", "wanted.go",
		"websocket.go",
	}},
	{"client, handlers, prompts", []string{"client.go", "drain.go", "handler.go", "health.go", "prompt.go", "sessions.go"}},
	{"server", []string{"server.go", "server_auth.go", "server_peer.go"}},
}

// The connection half can be changed safely only as long as nothing below knows what stands above.
func TestLayers(t *testing.T) {
	layer := make(map[string]int)
	for i, l := range layers {
		for _, name := range l.files {
			layer[name] = i
		}
	}
	fset, files, info := checked(t)
	var wrong []string
	for _, file := range files {
		name := filepath.Base(fset.Position(file.Pos()).Filename)
		own, known := layer[name]
		if !known {
			t.Errorf("%s stands in no layer", name)
			continue
		}
		delete(layer, name)
		layer[name] = own
		ast.Inspect(file, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			used := info.Uses[id]
			if used == nil || used.Pkg() == nil || used.Pkg().Name() != "ari" || !used.Pos().IsValid() {
				return true
			}
			where := filepath.Base(fset.Position(used.Pos()).Filename)
			if above, ok := layer[where]; ok && above > own {
				wrong = append(wrong, fmt.Sprintf("%s (%s) names %s of %s (%s)", name, layers[own].name, used.Name(), where, layers[above].name))
			}
			return true
		})
	}
	slices.Sort(wrong)
	for _, w := range slices.Compact(wrong) {
		t.Error(w)
	}
}

// checked parses and type-checks the package.
func checked(t *testing.T) (*token.FileSet, []*ast.File, *types.Info) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}", ".").Output()
	require.NoError(t, err)
	exports := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		path, export, _ := strings.Cut(strings.TrimSpace(line), "=")
		exports[path] = export
	}
	fset := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := goparser.ParseFile(fset, name, nil, goparser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, file)
	}
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })}
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	_, err = conf.Check("github.com/ari-go/ari/pkg/ari", fset, files, info)
	require.NoError(t, err)
	return fset, files, info
}

// What grows beyond these bounds has more than one concern.
func TestFilesAndStructsAreSmall(t *testing.T) {
	const maxLines, maxFields = 500, 20
	fset, files, _ := checked(t)
	for _, file := range files {
		name := filepath.Base(fset.Position(file.Pos()).Filename)
		if strings.HasSuffix(name, ".gen.go") {
			continue
		}
		if lines := fset.File(file.Pos()).LineCount(); lines > maxLines {
			t.Errorf("%s has %d lines", name, lines)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok && s.Fields.NumFields() > maxFields {
				t.Errorf("%s has %d fields", spec.Name.Name, s.Fields.NumFields())
			}
			return true
		})
	}
}
