package sim_test

import (
	"go/build"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rooms are the packages of the simulated Asterisk, from the ground up.
var rooms = []string{"release", "text", "wire", "media", "applications", "pbx", "phones", "external", "resources", "."}

// A room knows only those below it, and none knows the client that it is there to test.
func TestLayers(t *testing.T) {
	t.Parallel()
	const self = "github.com/ari-go/ari/internal/sim"
	for i, room := range rooms {
		pkg, err := build.ImportDir(room, 0)
		require.NoError(t, err)
		for _, imported := range pkg.Imports {
			assert.False(t, strings.HasPrefix(imported, "github.com/ari-go/ari/pkg/"), "%s imports %s", room, imported)
			if path.Dir(imported) == self {
				assert.Contains(t, rooms[:i], path.Base(imported), "%s imports what stands above it", room)
			}
			assert.NotEqual(t, self, imported, "%s imports the server", room)
		}
	}
	require.Equal(t, len(rooms), len(slices.Compact(slices.Sorted(slices.Values(rooms)))))
}
