package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../../.."

func arguments(t *testing.T, spec string, more ...string) (args []string, out string) {
	t.Helper()
	out = filepath.Join(t.TempDir(), "openapi.yaml")
	args = []string{
		"-spec", filepath.Join(root, "spec", spec), "-history", filepath.Join(root, "spec", "history.tsv"),
		"-overlay", filepath.Join(root, "api", "overlay.yaml"), "-out", out,
	}
	return append(args, more...), out
}

func TestCommittedDescriptionIsUpToDate(t *testing.T) {
	args, out := arguments(t, "asterisk-22")
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
	for _, more := range [][]string{{"extra"}, {"-unknown"}, {"-spec", ""}, {"-spec", "nowhere"}, {"-history", "nowhere"}, {"-overlay", "nowhere"}} {
		args, _ := arguments(t, "asterisk-22", more...)
		if err := run(t.Context(), args, io.Discard); err == nil {
			t.Errorf("%q: no error", more)
		}
	}
}
