package asterisk

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the files that tests compare with")

func TestPlainVersion(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"22.10.1+dfsg+~cs6.17.60671434-1": "22.10.1", "16.28.0~dfsg-0+deb11u4": "16.28.0", "20.20.1": "20.20.1", "18.9-cert5": "18.9", "GIT-master": "",
	} {
		assert.Equal(t, want, plainVersion(in), in)
	}
}

func TestParseExternal(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]*Instance{
		"http://me:secret@pbx:8088/ari": {URL: "http://pbx:8088/ari", Username: "me", Password: "secret"},
		"pbx":                           {URL: "http://pbx:8088/ari", Username: username, Password: password},
		"me:s%2Fcret@pbx":               {URL: "http://pbx:8088/ari", Username: "me", Password: "s/cret"},
		"https://pbx/prefix/ari/":       {URL: "https://pbx/prefix/ari", Username: username, Password: password},
		"url=http://pbx:1234/ari;user=me;password=with=signs@inside": {URL: "http://pbx:1234/ari", Username: "me", Password: "with=signs@inside"},
	} {
		got, err := parseExternal(setting)
		if assert.NoError(t, err, setting) {
			assert.Equal(t, want.URL, got.URL, setting)
			assert.Equal(t, want.Username, got.Username, setting)
			assert.Equal(t, want.Password, got.Password, setting)
			assert.True(t, got.External)
		}
	}
	for _, setting := range []string{"http://", "url=x;port=3", "http://me:se cret@pbx:port/"} {
		_, err := parseExternal(setting)
		if assert.Error(t, err, setting) {
			assert.NotContains(t, err.Error(), "cret")
		}
	}
}

func TestWithoutTargets(t *testing.T) {
	t.Parallel()
	config := "Acquire \"\";\nAcquire::http::Proxy \"http://proxy\";\nAcquire::IndexTargets::deb::Packages \"\";\n"
	assert.Equal(t, "Acquire \"\";\nAcquire::http::Proxy \"http://proxy\";\n", withoutTargets(config))
}

// The configuration in the folder compose is the same as that of the tests, at the usual ports.
func TestComposeConfiguration(t *testing.T) {
	t.Parallel()
	s := settings{
		Address: loopback, HTTPPort: 8088, SIPPort: 5060, RTPFrom: 16000, RTPTo: 16999,
		Username: username, Password: password, ReadOnlyUsername: readOnlyUsername, ReadOnlyPassword: readOnlyPassword,
		RegisterUser: registerUser, RegisterPassword: registerPassword, Phones: make(map[string]int),
	}
	for i, name := range phoneNames {
		s.Phones[name] = 5070 + 2*i
	}
	// Where things are is the image's business.
	s.Files = map[string]string{
		"asterisk.conf":    "[options]\nverbose = 3\nnocolor = yes\n",
		"logger.conf":      "[logfiles]\nconsole => notice,warning,error,verbose\n",
		"musiconhold.conf": "[default]\nmode = files\ndirectory = moh\n",
	}
	files, err := s.render()
	require.NoError(t, err)
	const dir = "compose"
	if *update {
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, os.MkdirAll(dir, 0o755))
		for name, content := range files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
		}
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, len(files), "run go test ./test/asterisk -run TestComposeConfiguration -update")
	for name, content := range files {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, content, string(data), "%s: run go test ./test/asterisk -run TestComposeConfiguration -update", name)
	}
}
