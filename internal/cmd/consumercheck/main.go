// Command consumercheck does what README tells a newcomer to do: it gets this module by README's very commands, builds
// README's first program, and installs what README runs from afar. It fails if that doesn't work, or if the newcomer's module or program inherits a module that
// pkg/ari doesn't need: the generator's, the linters', the tests'.
//
// Run it from the module's root. What it gets is the last commit, as a version that a proxy of its own serves.
package main

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	module  = "github.com/ari-go/ari"
	version = "v0.0.1"
)

// allowed are the modules that a program with pkg/ari consists of.
var allowed = []string{
	module,
	"github.com/apapsch/go-jsonmerge/v2", // of the runtime
	"github.com/coder/websocket",         // events
	"github.com/google/uuid",             // of the runtime
	"github.com/oapi-codegen/runtime",    // of the generated client
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "consumercheck:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	readme, err := output(ctx, "", nil, "git", "show", "HEAD:README.md")
	if err != nil {
		return err
	}
	commands, program, err := quickStart(string(readme))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ari-consumer-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	env, err := serve(ctx, dir)
	if err != nil {
		return err
	}
	consumer := filepath.Join(dir, "consumer")
	if err := write(consumer, "main.go", []byte(program)); err != nil {
		return err
	}
	for _, command := range append(commands, "go build -o program .") {
		command = strings.Replace(command, "go run ", "go install ", 1) // It would run for ever.
		if _, err := output(ctx, consumer, env, strings.Fields(command)...); err != nil {
			return err
		}
	}
	required, err := requirements(ctx, consumer)
	if err != nil {
		return err
	}
	built, err := modules(filepath.Join(consumer, "program"))
	if err != nil {
		return err
	}
	if err := check(required, built); err != nil {
		return err
	}
	fmt.Printf("after %q, README's program consists of %s\n", strings.Join(commands, "; "), strings.Join(built, ", "))
	return nil
}

var (
	commandLine = regexp.MustCompile(`(?m)^    (go (?:mod init|get|run) \S+)$`)
	goProgram   = regexp.MustCompile("(?s)```go\n(package main\n.*?)```")
)

// quickStart finds the commands that README begins with, and its first program.
func quickStart(readme string) (commands []string, program string, err error) {
	for _, found := range commandLine.FindAllStringSubmatch(readme, -1) {
		commands = append(commands, found[1])
	}
	found := goProgram.FindStringSubmatch(readme)
	if len(commands) == 0 || found == nil {
		return nil, "", errors.New("README has no go get command, or no program")
	}
	return commands, found[1], nil
}

// nested returns the pathspecs that leave out the modules within this one, which are no part of it.
func nested(ctx context.Context) (pathspecs []string, err error) {
	files, err := output(ctx, "", nil, "git", "ls-tree", "-r", "--name-only", "HEAD")
	if err != nil {
		return nil, err
	}
	for file := range strings.Lines(string(files)) {
		if module, ok := strings.CutSuffix(strings.TrimSpace(file), "/go.mod"); ok {
			pathspecs = append(pathspecs, ":(exclude)"+module)
		}
	}
	return pathspecs, nil
}

// serve makes a proxy of files that has the last commit as a version of the module, and returns the environment of a go command
// that has nothing yet. What it needs besides comes from the cache of this machine, or from where it came from.
func serve(ctx context.Context, dir string) (env []string, err error) {
	versions := filepath.Join(dir, "proxy", module, "@v")
	others, err := nested(ctx)
	if err != nil {
		return nil, err
	}
	archive := []string{"git", "archive", "--format=zip", "--prefix=" + module + "@" + version + "/", "HEAD", "--", "."}
	for name, command := range map[string][]string{
		version + ".mod": {"git", "show", "HEAD:go.mod"},
		version + ".zip": append(archive, others...),
	} {
		content, err := output(ctx, "", nil, command...)
		if err != nil {
			return nil, err
		}
		if err := write(versions, name, content); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(
		write(versions, "list", []byte(version+"\n")),
		write(versions, version+".info", []byte(`{"Version": "`+version+`"}`)),
	); err != nil {
		return nil, err
	}
	// Nothing is asked of a checksum database for what the sums at hand vouch for.
	sums, err := os.ReadFile("go.sum")
	if err != nil {
		return nil, err
	}
	if err := write(filepath.Join(dir, "consumer"), "go.sum", sums); err != nil {
		return nil, err
	}
	known, err := output(ctx, "", nil, "go", "env", "GOMODCACHE", "GOPROXY")
	if err != nil {
		return nil, err
	}
	cache, proxy, _ := strings.Cut(strings.TrimSpace(string(known)), "\n")
	return append(os.Environ(),
		"GOPROXY=file://"+filepath.ToSlash(filepath.Join(dir, "proxy"))+",file://"+filepath.ToSlash(filepath.Join(cache, "cache", "download"))+","+proxy,
		"GOMODCACHE="+filepath.Join(dir, "cache"), "GOBIN="+filepath.Join(dir, "bin"), "GONOSUMDB="+module, "GOFLAGS=-modcacherw", "GOWORK=off",
	), nil
}

// check looks for modules that should not be there.
func check(required, built []string) error {
	var faults []string
	for _, m := range required {
		if !slices.Contains(allowed, m) {
			faults = append(faults, "its go.mod requires "+m)
		}
	}
	for _, m := range built {
		if !slices.Contains(allowed, m) {
			faults = append(faults, "its program contains "+m)
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("a module that imports pkg/ari inherits more than it should:\n  %s", strings.Join(faults, "\n  "))
	}
	return nil
}

// requirements returns the modules that a module's go.mod names.
func requirements(ctx context.Context, dir string) ([]string, error) {
	data, err := output(ctx, dir, nil, "go", "mod", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var mod struct {
		Require []struct {
			Path string `json:"Path"`
		} `json:"Require"`
	}
	if err := json.Unmarshal(data, &mod); err != nil {
		return nil, err
	}
	var paths []string
	for _, r := range mod.Require {
		paths = append(paths, r.Path)
	}
	return paths, nil
}

// modules returns the modules that a program was built from.
func modules(program string) ([]string, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, m := range info.Deps {
		paths = append(paths, m.Path)
	}
	return paths, nil
}

func write(dir, name string, content []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), content, 0o600)
}

// output runs a command and returns what it prints.
func output(ctx context.Context, dir string, env []string, command ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, exit.Stderr)
	}
	return out, err
}
