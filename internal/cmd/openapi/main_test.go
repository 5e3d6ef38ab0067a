package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ari-go/ari/internal/arispec"
)

const root = "../../.."

func arguments(t *testing.T, spec string, more ...string) (args []string, out string) {
	t.Helper()
	out = filepath.Join(t.TempDir(), "openapi.yaml")
	args = []string{
		"-spec", filepath.Join(root, "spec", spec), "-history", filepath.Join(root, "spec", "history.tsv"),
		"-overlay", filepath.Join(root, "api", "overlay.yaml"), "-out", out,
		"-recordings", filepath.Join(root, "conformance", "testdata", "asterisk-22"),
	}
	return append(args, more...), out
}

// newest is the name of the spec that is generated from.
func newest(t *testing.T) string {
	t.Helper()
	folders, err := arispec.Folders(filepath.Join(root, "spec"))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(folders[len(folders)-1].Path)
}

func TestCommittedDescriptionIsUpToDate(t *testing.T) {
	args, out := arguments(t, newest(t))
	if err := run(t.Context(), args, io.Discard); err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(filepath.Join(root, "api", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Error("api/openapi.yaml is stale: run make generate")
	}
}

// Without -spec the newest is taken.
func TestDefaultSpec(t *testing.T) {
	out := filepath.Join(t.TempDir(), "openapi.yaml")
	t.Chdir(root)
	if err := run(t.Context(), []string{"-out", out}, io.Discard); err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.ReadFile("api/openapi.yaml"); err != nil || !bytes.Equal(have, want) {
		t.Errorf("not made from the newest spec: %v", err)
	}
}

// The overlay has texts for what an older Asterisk lacks.
func TestLenient(t *testing.T) {
	args, out := arguments(t, "asterisk-16")
	if err := run(t.Context(), args, io.Discard); err == nil || !strings.Contains(err.Error(), "aren't there") {
		t.Errorf("strict: error is %v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a failed run wrote its file")
	}
	var log strings.Builder
	if err := run(t.Context(), append(args, "-lenient"), &log); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "match nothing in Asterisk 16.28.0") {
		t.Errorf("nothing is told: %q", &log)
	}
}

func TestArguments(t *testing.T) {
	for _, more := range [][]string{{"extra"}, {"-unknown"}, {"-spec", ""}, {"-spec", "nowhere"}, {"-history", "nowhere"}, {"-overlay", "nowhere"}, {"-recordings", "nowhere"}} {
		args, _ := arguments(t, newest(t), more...)
		if err := run(t.Context(), args, io.Discard); err == nil {
			t.Errorf("%q: no error", more)
		}
	}
}
