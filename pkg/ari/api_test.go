package ari

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/internal/goapi"
)

var update = flag.Bool("update", false, "write the files that tests compare with")

const apiFile = "testdata/api.txt"

// Who calls a method doesn't compile any more when its signature changes, or who sets an option when that is gone. So a
// change must show in review: in a file of all that is exported. What is generated isn't even made if it would change
// something there: see internal/cmd/pkggen.
func TestExportedAPI(t *testing.T) {
	have := strings.Join(exportedAPI(t), "\n") + "\n"
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(apiFile), 0o755))
		require.NoError(t, os.WriteFile(apiFile, []byte(have), 0o644))
	}
	want, err := os.ReadFile(apiFile)
	require.NoError(t, err)
	wanted := strings.Split(strings.ReplaceAll(string(want), "\r\n", "\n"), "\n")
	got := strings.Split(have, "\n")
	for _, line := range wanted {
		assert.True(t, slices.Contains(got, line), "gone, or changed: %s", line)
	}
	for _, line := range got {
		assert.True(t, slices.Contains(wanted, line), "new, or changed: %s", line)
	}
	if t.Failed() {
		t.Log("If it is meant, run go test ./pkg/ari -run TestExportedAPI -update. What is gone or changed breaks users: see CONTRIBUTING.md.")
	}
}

// exportedAPI lists the package's exported types with their fields, functions and methods.
func exportedAPI(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	files := make(map[string][]byte)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		files[name], err = os.ReadFile(name)
		require.NoError(t, err)
	}
	lines, err := goapi.Lines(files)
	require.NoError(t, err)
	return lines
}
