package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	older, newer := filepath.Join("..", "..", "..", "spec", "asterisk-16"), filepath.Join("..", "..", "..", "spec", "asterisk-22")
	var report strings.Builder
	if err := run([]string{"-old", older, "-new", newer}, &report, io.Discard); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(report.String(), "# ARI from Asterisk 16.28.0 to Asterisk 22.") {
		t.Errorf("the report begins with %.80q", report.String())
	}
	out := filepath.Join(t.TempDir(), "report.md")
	if err := run([]string{"-old", older, "-new", newer, "-out", out}, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	if written, err := os.ReadFile(out); err != nil || string(written) != report.String() {
		t.Errorf("the file differs from what was printed: %v", err)
	}

	// A folder of Asterisk's own has no VERSION.
	raw := filepath.Join(t.TempDir(), "raw")
	if err := os.CopyFS(raw, os.DirFS(older)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(raw, "VERSION")); err != nil {
		t.Fatal(err)
	}
	report.Reset()
	if err := run([]string{"-old", older, "-new", raw}, &report, io.Discard); err != nil || report.String() != "# ARI from Asterisk 16.28.0 to raw\n\nNothing changed.\n" {
		t.Errorf("have %q, %v", report.String(), err)
	}

	for _, args := range [][]string{nil, {"-old", older}, {"-old", older, "-new", "nowhere"}, {"-old", "nowhere", "-new", newer}, {"-old", older, "-new", newer, "more"}, {"-x"}} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
