package arispec

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func writeFolder(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range contents {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What a server serves has another form and another basePath, and must give the same sums.
func TestSourceIsStable(t *testing.T) {
	dir := writeFolder(t, tiny())
	imported, err := Import(t.Context(), Location{From: dir, Version: "22.10"})
	if err != nil {
		t.Fatal(err)
	}
	if imported.Source.Version != (Version{22, 10, 0}) || len(imported.Source.Sums) != 3 {
		t.Errorf("the source is %+v", imported.Source)
	}
	served := tiny()
	served["things.json"] = strings.ReplaceAll(strings.Replace(served["things.json"], "http://localhost:8088", "http://192.0.2.1", 1), "\n", "\n\t")
	again, err := Import(t.Context(), Location{From: writeFolder(t, served), Version: "22.10.0"})
	if err != nil {
		t.Fatal(err)
	}
	if string(again.Source.Bytes()) != string(imported.Source.Bytes()) {
		t.Errorf("VERSION is\n%s\nand\n%s", again.Source.Bytes(), imported.Source.Bytes())
	}
	changed := tiny()
	changed["things.json"] = strings.Replace(changed["things.json"], "prose", "prosa", 1)
	other, err := Import(t.Context(), Location{From: writeFolder(t, changed), Version: "22.10.0"})
	if err != nil {
		t.Fatal(err)
	}
	if other.Source.Sums["things.json"] == imported.Source.Sums["things.json"] {
		t.Error("another text has the same sum")
	}
	read, err := ReadSource(fstest.MapFS{VersionFile: {Data: imported.Source.Bytes()}})
	if err != nil || string(read.Bytes()) != string(imported.Source.Bytes()) {
		t.Errorf("VERSION is read as %+v, %v", read, err)
	}
}

func TestReadSourceErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "line 1",
		"# nothing":                            "names no Asterisk",
		"asterisk new":                         "VERSION, line 1",
		"asterisk 22.1.0\nasterisk 22.2.0":     "line 2",
		"asterisk 22.1.0\nmd5 abc x.json":      "line 2",
		"sha256 abc channels.json":             "names no Asterisk",
		"asterisk 22.1.0\nsha256 channel.json": "line 2",
	} {
		_, err := ReadSource(fstest.MapFS{VersionFile: {Data: []byte(text)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want in it %s", text, err, want)
		}
	}
}

func TestImportErrors(t *testing.T) {
	dir := writeFolder(t, tiny())
	if _, err := Import(t.Context(), Location{From: dir}); !errors.Is(err, ErrNoVersion) {
		t.Errorf("error is %v, want ErrNoVersion", err)
	}
	if _, err := Import(t.Context(), Location{From: t.TempDir(), Version: "22.1"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v, want fs.ErrNotExist", err)
	}
}

func TestDebianVersion(t *testing.T) {
	root := t.TempDir()
	folder := filepath.Join(root, "usr", "share", "asterisk", "rest-api")
	status := filepath.Join(root, "var", "lib", "dpkg", "status")
	for _, dir := range []string{folder, filepath.Dir(status)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if version, err := debianVersion(folder); version != "" || err != nil {
		t.Errorf("without a status file: %q, %v", version, err)
	}
	for text, want := range map[string]string{
		"Package: asterisk\nVersion: 1:16.28.0~dfsg-0+deb11u4\n":                                      "16.28.0~dfsg-0+deb11u4",
		"Package: asterisk\nVersion: 22.1.0-1\n":                                                      "22.1.0-1",
		"Package: asterisk-modules\nVersion: 1:1.1\n\nPackage: asterisk\nVersion: 1:22.1.0\n\nP: x\n": "22.1.0",
		"Package: bash\nVersion: 5.2\n":                                                               "",
	} {
		if err := os.WriteFile(status, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if version, err := debianVersion(folder); version != want || err != nil {
			t.Errorf("%q: have %q, %v, want %q", text, version, err, want)
		}
	}
}

func TestDownload(t *testing.T) {
	answers := map[string]string{
		"/pbx/ari/asterisk/info":           `{"system": {"version": "22.10.1"}}`,
		"/pbx/ari/api-docs/resources.json": tinyListing,
		"/pbx/ari/api-docs/things.json":    tinyThings,
		"/pbx/ari/api-docs/events.json":    tinyEvents,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		answer, ok := answers[r.URL.Path]
		switch {
		case user != "asterisk" || password != "secret":
			w.WriteHeader(http.StatusUnauthorized)
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = io.WriteString(w, answer)
		}
	}))
	defer server.Close()
	get := func(base, password string) (fs.FS, string, error) {
		return Download(t.Context(), server.Client(), base, "asterisk", password)
	}
	for _, path := range []string{"/pbx", "/pbx/", "/pbx/ari", "/pbx/ari/"} {
		files, version, err := get(server.URL+path, "secret")
		if err != nil || version != "22.10.1" {
			t.Errorf("%s: version %q, %v", path, version, err)
			continue
		}
		if _, _, err := Read(files); err != nil {
			t.Error(err)
		}
	}

	fails := func(base, password, want string) {
		t.Helper()
		_, _, err := get(base, password)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("error is %v, want in it %s", err, want)
		}
	}
	fails(server.URL+"/pbx", "wrong", "401 Unauthorized")
	fails(server.URL, "secret", "/ari/asterisk/info?only=system: 404 Not Found")
	fails("http://127.0.0.1:1", "secret", "connect")
	for _, base := range []string{"127.0.0.1:8088", "ftp://127.0.0.1", "http://", "http://[", "http://127.0.0.1/?secret", "http://127.0.0.1/#secret"} {
		fails(base, "secret", "isn't a base URL")
	}
	fails("http://asterisk:secret@127.0.0.1", "", "user and password apart")
	answers["/pbx/ari/api-docs/resources.json"] = strings.Replace(tinyListing, "events", "../events", 1)
	fails(server.URL+"/pbx", "secret", "isn't of the form")
	answers["/pbx/ari/api-docs/resources.json"] = strings.Replace(tinyListing, "events", "parts", 1)
	fails(server.URL+"/pbx", "secret", "/api-docs/parts.json: 404")
	answers["/pbx/ari/api-docs/resources.json"] = strings.Repeat(" ", maxFile+1)
	fails(server.URL+"/pbx", "secret", "more than")
	answers["/pbx/ari/asterisk/info"] = "<html>"
	fails(server.URL+"/pbx", "secret", "is this an Asterisk?")
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	if _, err := Folders(dir); err == nil || !strings.Contains(err.Error(), "holds no imported spec") {
		t.Errorf("without a spec the error is %v", err)
	}
	for name, version := range map[string]string{"a": "22.9.0", "b": "9.30.2", "c": "22.10.0"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, VersionFile), []byte("asterisk "+version+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folders, err := Folders(dir)
	want := []Folder{
		{filepath.Join(dir, "b"), Version{9, 30, 2}}, {filepath.Join(dir, "a"), Version{22, 9, 0}}, {filepath.Join(dir, "c"), Version{22, 10, 0}},
	}
	if err != nil || !slices.Equal(folders, want) {
		t.Errorf("have %v, %v, want %v", folders, err, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "a", VersionFile), []byte("22\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Folders(dir); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "a")) {
		t.Errorf("with a bad one the error is %v", err)
	}
}
