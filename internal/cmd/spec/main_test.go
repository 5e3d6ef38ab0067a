package main

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ari-go/ari/test/asterisk"
)

// chdir makes an empty folder the working directory, and returns the repository's.
func chdir(t *testing.T) (root string) {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	return root
}

// tree returns every file below the working directory with its content.
func tree(t *testing.T) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		files[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func sameTree(t *testing.T, want map[string]string) {
	t.Helper()
	got := tree(t)
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is new", name)
		}
	}
	for name, content := range want {
		if got[name] != content {
			t.Errorf("%s changed", name)
		}
	}
}

func TestImportOfAnImportedSpecChangesNothing(t *testing.T) {
	root := chdir(t)
	for _, version := range []string{"16", "22"} {
		dir := filepath.Join(root, "spec", "asterisk-"+version)
		if err := run(t.Context(), []string{"-from", dir, "-history", ""}, io.Discard); err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		want := make(map[string]string)
		for _, f := range files {
			content, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			want[filepath.Join("spec", "asterisk-"+version, f.Name())] = string(content)
		}
		sameTree(t, want)
		if err := os.RemoveAll("spec"); err != nil {
			t.Fatal(err)
		}
	}
}

const minimalResource = `{"swaggerVersion": "1.1", "apiVersion": "2.0.0", "resourcePath": "/api-docs/sounds.{format}", "_copyright": "c",
  "apis": [{"path": "/sounds", "description": "prose", "operations": [{"httpMethod": "GET", "nickname": "list", "summary": "prose", "responseClass": "void"}]}]}`

const minimalListing = `{"apiVersion": "10.0.0", "swaggerVersion": "1.1", "basePath": "http://localhost:8088/ari",
  "apis": [{"path": "/api-docs/sounds.{format}", "description": "prose"}]}`

func writeFiles(t *testing.T, files map[string]string) {
	t.Helper()
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestImportFromDebian(t *testing.T) {
	chdir(t)
	writeFiles(t, map[string]string{
		"root/usr/share/asterisk/rest-api/resources.json": minimalListing,
		"root/usr/share/asterisk/rest-api/sounds.json":    minimalResource,
		"root/var/lib/dpkg/status":                        "Package: bash\nVersion: 5.2-1\n\nPackage: asterisk\nStatus: install ok installed\nVersion: 1:22.10.1+dfsg+~cs6.17-1\n",
		"spec/asterisk-22/gone.json":                      "{}",
		"spec/history.tsv":                                "feature\t20\t22\nop GET /sounds\t20.0.0\t-\n",
	})
	if err := run(t.Context(), []string{"-from", "root/usr/share/asterisk/rest-api"}, io.Discard); err != nil {
		t.Fatal(err)
	}
	got := tree(t)
	if _, ok := got["spec/asterisk-22/gone.json"]; ok {
		t.Error("a file that is no longer in the spec is still there")
	}
	if strings.Contains(got["spec/asterisk-22/sounds.json"], "prose") {
		t.Error("prose was imported")
	}
	if want := "\nasterisk 22.10.1\nsha256 "; !strings.Contains(got["spec/asterisk-22/VERSION"], want) {
		t.Errorf("VERSION is %q, want %q in it", got["spec/asterisk-22/VERSION"], want)
	}
	if want := "feature\t20\t22\nop GET /sounds\t20.0.0\t22.10.1\n"; got["spec/history.tsv"] != want {
		t.Errorf("the history is %q, want %q", got["spec/history.tsv"], want)
	}
}

// What is generated from is the newest Asterisk, not what was imported last.
func TestTellsWhatIsGeneratedFrom(t *testing.T) {
	chdir(t)
	writeFiles(t, map[string]string{"raw/resources.json": minimalListing, "raw/sounds.json": minimalResource})
	for _, tt := range []struct{ version, want string }{
		{"9.1.0", "make generate reads spec/asterisk-9, Asterisk 9.1.0,"},
		{"22.10.1", "make generate reads spec/asterisk-22, Asterisk 22.10.1,"},
		{"9.2.0", "make generate reads spec/asterisk-22, Asterisk 22.10.1,"},
	} {
		var log strings.Builder
		if err := run(t.Context(), []string{"-from", "raw", "-version", tt.version}, &log); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(filepath.ToSlash(log.String()), tt.want) {
			t.Errorf("after the import of %s: %q, want in it %q", tt.version, &log, tt.want)
		}
	}
}

func TestFailedImportChangesNothing(t *testing.T) {
	good := map[string]string{"raw/resources.json": minimalListing, "raw/sounds.json": minimalResource}
	spec := map[string]string{"spec/asterisk-22/old.json": "{}", "spec/history.tsv": "feature\t22\n"}
	version := []string{"-from", "raw", "-version", "22.10.1"}
	for name, test := range map[string]struct {
		files map[string]string
		args  []string
		want  string
	}{
		"no version":       {nil, []string{"-from", "raw"}, "-version"},
		"not a version":    {nil, []string{"-from", "raw", "-version", "new"}, `"new" isn't an Asterisk version`},
		"another version":  {map[string]string{"raw/VERSION": "asterisk 22.9.0\n"}, version, "says 22.9.0, not 22.10.1"},
		"broken file":      {map[string]string{"raw/sounds.json": "{"}, version, "sounds.json: broken JSON"},
		"broken history":   {map[string]string{"spec/history.tsv": "?"}, version, "history, line 1"},
		"not a spec":       {map[string]string{"spec/asterisk-22/README.md": "?"}, version, "is no imported spec"},
		"missing folder":   {nil, []string{"-from", "nowhere", "-version", "22.10.1"}, "resources.json"},
		"unknown flag":     {nil, []string{"-form", "raw"}, "-form"},
		"nothing to read":  {nil, nil, "want -from"},
		"history is a dir": {nil, append([]string{"-history", "raw"}, version...), "raw"},
	} {
		t.Run(name, func(t *testing.T) {
			chdir(t)
			writeFiles(t, good)
			writeFiles(t, spec)
			writeFiles(t, test.files)
			before := tree(t)
			err := run(t.Context(), test.args, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q in it", err, test.want)
			}
			sameTree(t, before)
		})
	}
}

func TestCredentialsStayHidden(t *testing.T) {
	chdir(t)
	const secret = "S3cret"
	status := http.StatusUnauthorized
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != secret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/ari/asterisk/info":
			_, _ = io.WriteString(w, `{"system": {"version": "22.10.1~dfsg"}}`)
		case "/ari/api-docs/resources.json":
			_, _ = io.WriteString(w, minimalListing)
		default:
			w.WriteHeader(status)
			_, _ = io.WriteString(w, minimalResource)
		}
	}))
	defer server.Close()

	for _, args := range [][]string{
		{"-from", server.URL, "-user", "asterisk"},
		{"-from", server.URL, "-password", secret},
		{"-from", strings.Replace(server.URL, "://", "://asterisk:"+secret+"@", 1)},
		{"-from", strings.Replace(server.URL, "http://", "ftp://asterisk:"+secret+"@", 1)},
		{"-from", "http://asterisk:" + secret + "@%zz"},
		{"-from", "http://127.0.0.1:1", "-password", secret},
		{"-password", secret, "-help"},
		{"-password", secret, "-from"},
	} {
		var log bytes.Buffer
		err := run(t.Context(), args, &log)
		if err == nil {
			t.Errorf("%q: no error", args)
		} else if strings.Contains(err.Error()+log.String(), secret) {
			t.Errorf("%q: the password is in the error: %v\n%s", args, err, &log)
		}
	}

	status = http.StatusOK
	t.Setenv("ARI_PASSWORD", secret)
	var log bytes.Buffer
	if err := run(t.Context(), []string{"-from", server.URL + "/ari/", "-user", "asterisk"}, &log); err != nil {
		t.Fatal(err)
	}
	files := tree(t)
	if files["spec/asterisk-22/sounds.json"] == "" || files["spec/history.tsv"] == "" {
		t.Errorf("nothing was imported: %v", files)
	}
	for name, content := range files {
		if strings.Contains(content+log.String(), secret) {
			t.Errorf("the password is in %s or in the log", name)
		}
	}
}

// A running Asterisk and the folder that it was installed with must give the same bytes.
func TestImportFromRunningAsterisk(t *testing.T) {
	for _, version := range asterisk.Versions() {
		t.Run(version, func(t *testing.T) {
			inst := asterisk.Start(t, asterisk.Options{Version: version})
			root, err := asterisk.Lookup(version)
			if err != nil {
				t.Skip("the Asterisk is one of another machine:", err)
			}
			chdir(t)
			t.Setenv("ARI_PASSWORD", inst.Password)
			if err := run(t.Context(), []string{"-from", inst.URL, "-user", inst.Username, "-out", "imported"}, io.Discard); err != nil {
				t.Fatal(err)
			}
			before := tree(t)
			folder := filepath.Join(root.Dir, "usr", "share", "asterisk", "rest-api")
			if err := run(t.Context(), []string{"-from", folder, "-version", inst.Version, "-out", "imported"}, io.Discard); err != nil {
				t.Fatal(err)
			}
			sameTree(t, before)
		})
	}
}
