package conformance

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The documents name scenarios that there are.
func TestDocumentsNameScenarios(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file, section string
		column        int
	}{
		{"../docs/asterisk-behaviour.md", "# How Asterisk behaves", 2},
		{"../docs/testing.md", "## Asterisk's own testsuite", 2},
	} {
		data, err := os.ReadFile(c.file)
		require.NoError(t, err)
		_, text, ok := strings.Cut(string(data), c.section+"\n")
		require.True(t, ok, "%s has no section %q", c.file, c.section)
		if !strings.HasPrefix(c.section, "# ") {
			text, _, _ = strings.Cut(text, "\n## ")
		}
		rows := 0
		for line := range strings.Lines(text) {
			cells := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), `\|`, ""), "|")
			if len(cells) < 4 || strings.Contains(cells[1], "---") || slices.Contains(cells, " scenario ") {
				continue
			}
			rows++
			cell := remark.ReplaceAllString(strings.TrimSpace(cells[c.column]), "")
			if cell == "none" {
				continue // No scenario shows it.
			}
			for name := range strings.SplitSeq(cell, ",") {
				name = strings.TrimSpace(name)
				known := slices.ContainsFunc(scenarios, func(sc scenario) bool { return sc.name == name })
				assert.True(t, known, "%s: no scenario is called %q", c.file, name)
			}
		}
		require.Greater(t, rows, 50, "%s has lost its table", c.file)
	}
}

// remark is what is said behind the names.
var remark = regexp.MustCompile(`(?: \(|;|:).*$`)
