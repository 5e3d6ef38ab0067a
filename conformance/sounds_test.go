package conformance_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/test/asterisk"
)

var updateSounds = flag.Bool("update-sounds", false, "write the simulator's list of sounds from an installed Asterisk")

// The simulator has the sounds that real Asterisks have, and they last as long.
func TestSounds(t *testing.T) {
	t.Parallel()
	const list = "../internal/sim/media/sounds.txt"
	asterisk.Each(t, func(t *testing.T, version string) {
		asterisk.Require(t, version)
		root, err := asterisk.Lookup(version)
		if err != nil {
			t.Skip(err) // An Asterisk that somebody else has installed.
		}
		var real strings.Builder
		folder := os.DirFS(filepath.Join(root.Dir, "usr/share/asterisk/sounds/en_US_f_Allison"))
		require.NoError(t, fs.WalkDir(folder, ".", func(path string, file fs.DirEntry, err error) error {
			name, ok := strings.CutSuffix(path, ".gsm")
			if err != nil || !ok {
				return err
			}
			info, err := file.Info()
			if err != nil {
				return err
			}
			fmt.Fprintln(&real, name, info.Size()/33*20) // Each 33 bytes of GSM are 20 ms.
			return nil
		}))
		if *updateSounds {
			require.NoError(t, os.WriteFile(list, []byte(real.String()), 0o600))
		}
		simulated, err := os.ReadFile(list)
		require.NoError(t, err)
		require.Equal(t, real.String(), string(simulated))
	})
}
