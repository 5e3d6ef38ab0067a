// Command consumercheck makes a module that imports pkg/ari, as users do, and fails if that module or
// its program inherits a module that pkg/ari doesn't need: the generator's, the linters', the tests'.
//
// Run it from the module's root.
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
	"slices"
	"strings"
)

// allowed are the modules that a program with pkg/ari consists of.
var allowed = []string{
	"github.com/ari-go/ari",
	"github.com/apapsch/go-jsonmerge/v2", // of the runtime
	"github.com/coder/websocket",         // events
	"github.com/google/uuid",             // of the runtime
	"github.com/oapi-codegen/runtime",    // of the generated client
}

const program = `package main

import _ "github.com/ari-go/ari/pkg/ari"

func main() {}
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "consumercheck:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ari-consumer-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600); err != nil {
		return err
	}
	// With the sums at hand, nothing has to be asked of a checksum database.
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o600); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"mod", "init", "example.com/consumer"},
		{"mod", "edit", "-require=github.com/ari-go/ari@v0.0.0", "-replace=github.com/ari-go/ari=" + root},
		{"mod", "tidy"},
		{"build", "-o", "consumer", "."},
	} {
		if _, err := goCommand(ctx, dir, args...); err != nil {
			return err
		}
	}

	required, err := requirements(ctx, dir)
	if err != nil {
		return err
	}
	built, err := modules(filepath.Join(dir, "consumer"))
	if err != nil {
		return err
	}
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
	fmt.Printf("a program with pkg/ari consists of %s\n", strings.Join(built, ", "))
	return nil
}

// requirements returns the modules that a module's go.mod names.
func requirements(ctx context.Context, dir string) ([]string, error) {
	output, err := goCommand(ctx, dir, "mod", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var mod struct {
		Require []struct {
			Path string `json:"Path"`
		} `json:"Require"`
	}
	if err := json.Unmarshal(output, &mod); err != nil {
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

func goCommand(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	output, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, exit.Stderr)
	}
	return output, err
}
