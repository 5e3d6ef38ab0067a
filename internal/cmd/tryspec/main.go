// Command tryspec runs the whole generation for a spec that isn't the repository's own, in a folder of
// its own, and builds the result: a client of that Asterisk. The repository stays as it is.
//
//	go run ./internal/cmd/tryspec -from /usr/share/asterisk/rest-api
//
// Run it from the module's root. The overlay is applied as far as it matches; what it has no text for
// is listed. Package gen, the complete low-level client, must build. Packages ari and aritest are written
// for the newest imported Asterisk, and ari speaks with older ones by itself; whether their hand-written
// part also compiles with what is generated from this spec is told, but is no error.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ari-go/ari/internal/arispec"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tryspec:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) (err error) {
	var from arispec.Location
	flags := flag.NewFlagSet("tryspec", flag.ContinueOnError)
	flags.StringVar(&from.From, "from", "", "`folder` with rest-api JSON, or URL of a running Asterisk")
	flags.StringVar(&from.User, "user", os.Getenv("ARI_USERNAME"), "`name` of a user in the running Asterisk's ari.conf (default $ARI_USERNAME)")
	flags.StringVar(&from.Version, "version", "", "Asterisk `release`, where the source doesn't tell it (default: from the folder's name)")
	out := flags.String("out", "", "`folder` to leave the result in (default: a temporary one)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if from.From == "" || flags.NArg() > 0 {
		return errors.New("want -from and no other arguments")
	}
	from.Password = os.Getenv("ARI_PASSWORD")

	t := &try{out: stdout, dir: *out, start: time.Now()}
	if t.root, err = os.Getwd(); err != nil {
		return err
	}
	if t.dir == "" {
		if t.dir, err = os.MkdirTemp("", "ari-try-*"); err != nil {
			return err
		}
		defer func() {
			if err == nil {
				err = os.RemoveAll(t.dir)
			} else {
				t.say("what was made is in %s", t.dir)
			}
		}()
	} else if t.dir, err = newFolder(t.dir); err != nil {
		return err
	}
	return t.run(ctx, from)
}

// newFolder makes a folder, which must be empty if it is there: nothing of the user's is overwritten.
func newFolder(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(entries) > 0 {
		return "", fmt.Errorf("%s isn't empty", dir)
	}
	return filepath.Abs(dir)
}

type try struct {
	root  string // the repository
	dir   string // where the result goes
	out   io.Writer
	start time.Time
}

func (t *try) say(format string, args ...any) {
	fmt.Fprintf(t.out, "%5.1fs  %s\n", time.Since(t.start).Seconds(), fmt.Sprintf(format, args...))
}

func (t *try) run(ctx context.Context, from arispec.Location) error {
	imported, err := load(ctx, from)
	if err != nil {
		return err
	}
	for _, n := range imported.Notices {
		t.say("note: %s", n)
	}
	version := imported.Source.Version
	t.say("Asterisk %s: %d operations, %d models, %d events", version,
		imported.Spec.Count().Operations, imported.Spec.Count().Models, imported.Spec.Count().Events)

	if err := t.describe(ctx, imported); err != nil {
		return err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		if err := t.copy(name); err != nil {
			return err
		}
	}
	folders, err := t.goOutput(ctx, t.root, "list", "-deps", "-f", "{{if .Module}}{{if .Module.Main}}{{.Dir}}{{end}}{{end}}", "./pkg/ari", "./pkg/ari/aritest")
	if err != nil {
		return err
	}
	if err := t.copyHandWritten(filepath.Join(t.root, "api", "*.yaml")); err != nil {
		return err
	}
	for folder := range strings.Lines(folders) {
		if err := t.copyHandWritten(filepath.Join(strings.TrimSpace(folder), "*.*")); err != nil { // embedded texts too
			return err
		}
	}
	if err := t.goCommand(ctx, t.root, "run", "./internal/cmd/oapicodegen", "-lenient", "-dir", t.dir,
		"-openapi", filepath.Join(t.dir, "api", "openapi.yaml"), "api/models.yaml", "api/client.yaml", "api/server.yaml"); err != nil {
		return err
	}
	if err := t.goCommand(ctx, t.root, "run", "./internal/cmd/wrapcomments",
		filepath.Join(t.dir, "gen", "models.gen.go"), filepath.Join(t.dir, "gen", "client.gen.go")); err != nil {
		return err
	}
	if err := t.goCommand(ctx, t.dir, "build", "./gen/..."); err != nil {
		return err
	}
	t.say("gen builds")

	notes, err := t.goOutput(ctx, t.root, "run", "./internal/cmd/pkggen", "-lenient",
		"-openapi", filepath.Join(t.dir, "api", "openapi.yaml"), "-gen", filepath.Join(t.dir, "gen"), "-out", filepath.Join(t.dir, "pkg", "ari"))
	if err != nil {
		return err
	}
	for note := range strings.Lines(notes) {
		t.say("%s", strings.TrimSpace(note))
	}
	if err := t.goCommand(ctx, t.root, "run", "./internal/cmd/servergen",
		"-openapi", filepath.Join(t.dir, "api", "openapi.yaml"), "-out", filepath.Join(t.dir, "internal", "ariserver")); err != nil {
		return err
	}
	for _, pkg := range []string{"pkg/ari", "pkg/ari/aritest"} {
		if err := t.goCommand(ctx, t.dir, "build", "./internal/ariserver", "./"+pkg); err != nil {
			t.say("%s's generated part is made; its hand-written part asks for what this Asterisk lacks:\n%s", pkg, firstLines(err, 5))
			return nil
		}
		t.say("%s builds", pkg)
	}
	return nil
}

// load imports the spec. A folder such as asterisk-18.26.4 says its release by its name.
func load(ctx context.Context, from arispec.Location) (*arispec.Imported, error) {
	imported, err := arispec.Import(ctx, from)
	if err == nil || from.Version != "" || !errors.Is(err, arispec.ErrNoVersion) {
		return imported, err
	}
	_, release, _ := strings.Cut(filepath.Base(filepath.Clean(from.From)), "-")
	if _, parseErr := arispec.ParseVersion(release); parseErr != nil {
		return nil, err
	}
	from.Version = release
	return arispec.Import(ctx, from)
}

// describe writes spec/ and api/openapi.yaml.
func (t *try) describe(ctx context.Context, imported *arispec.Imported) error {
	table, err := os.ReadFile(filepath.Join(t.root, "spec", "history.tsv"))
	if err != nil {
		return err
	}
	history, err := arispec.ParseHistory(table)
	if err != nil {
		return err
	}
	if n := history.Extend(imported.Source.Version, imported.Spec); n > 0 {
		t.say("%d features are new to the history", n)
	}
	files, err := imported.Files()
	if err != nil {
		return err
	}
	for name, content := range files {
		folder := "asterisk-" + strconv.Itoa(imported.Source.Version.Major)
		if err := t.write(filepath.Join("spec", folder, name), content); err != nil {
			return err
		}
	}
	if err := t.write(filepath.Join("spec", "history.tsv"), history.Bytes()); err != nil {
		return err
	}

	overlay, err := os.ReadFile(filepath.Join(t.root, "api", "overlay.yaml"))
	if err != nil {
		return err
	}
	description, unmatched, err := arispec.Describe(ctx, imported, arispec.Sources{History: history, Overlay: overlay})
	if err != nil {
		return err
	}
	if len(unmatched) > 0 {
		t.say("%d actions of the overlay match nothing here", len(unmatched))
	}
	missing, err := arispec.Undocumented(ctx, description)
	if err != nil {
		return err
	}
	for _, what := range missing {
		t.say("no text in the overlay: %s", what)
	}
	return t.write(filepath.Join("api", "openapi.yaml"), description)
}

func (t *try) write(name string, content []byte) error {
	file := filepath.Join(t.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

func (t *try) copy(name string) error {
	content, err := os.ReadFile(filepath.Join(t.root, name))
	if err != nil {
		return err
	}
	return t.write(name, content)
}

// copyHandWritten copies the files of a pattern, which lie in the repository, but for tests and what is generated.
func (t *try) copyHandWritten(pattern string) error {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, file := range files {
		name, err := filepath.Rel(t.root, file)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".gen.go") || strings.HasSuffix(name, "_test.go") || filepath.Base(name) == "openapi.yaml" {
			continue
		}
		if err := t.copy(name); err != nil {
			return err
		}
	}
	return nil
}

func (t *try) goCommand(ctx context.Context, dir string, args ...string) error {
	_, err := t.goOutput(ctx, dir, args...)
	return err
}

func (t *try) goOutput(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, output.Bytes())
	}
	return output.String(), nil
}

func firstLines(err error, n int) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	if len(lines) > n {
		lines = append(lines[:n], fmt.Sprintf("... and %d more lines", len(lines)-n))
	}
	return strings.Join(lines, "\n")
}
