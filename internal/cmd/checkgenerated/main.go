// Command checkgenerated fails if a generated file is stale, missing, left over, or not known to git.
// Its arguments are git pathspecs of the generated files. It generates in a copy: the tree stays as it is.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "checkgenerated:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, pathspecs []string) (err error) {
	if len(pathspecs) == 0 {
		return errors.New("want the pathspecs of generated files")
	}
	all, err := list(ctx, "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	generated, err := list(ctx, append([]string{"--cached", "--others", "--exclude-standard", "--"}, pathspecs...)...)
	if err != nil {
		return err
	}
	unknown, err := list(ctx, append([]string{"--others", "--"}, pathspecs...)...)
	if err != nil {
		return err
	}

	dir, err := os.MkdirTemp("", "ari-generate-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, name := range all {
		if slices.Contains(generated, name) {
			continue
		}
		if err := copyFile(name, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	// The generators write into folders that may hold nothing but generated files.
	for _, name := range generated {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			return err
		}
	}
	generate := exec.CommandContext(ctx, "go", "generate", ".")
	generate.Dir = dir
	generate.Stdout, generate.Stderr = os.Stdout, os.Stderr
	if err := generate.Run(); err != nil {
		return fmt.Errorf("go generate: %w", err)
	}

	var faults []string
	for _, name := range unknown {
		faults = append(faults, name+" isn't known to git")
	}
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		fault, err := compare(filepath.ToSlash(name), file)
		if fault != "" {
			faults = append(faults, fault)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range generated {
		if _, err := os.Stat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
			faults = append(faults, name+" is no longer generated: remove it")
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("run make generate, and commit what it makes:\n  %s", strings.Join(faults, "\n  "))
	}
	return nil
}

// compare says what is wrong with a file of the tree, given the file that was just made.
func compare(name, made string) (fault string, err error) {
	want, err := os.ReadFile(made)
	if err != nil {
		return "", err
	}
	have, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return name + " is missing", nil
	case err != nil:
		return "", err
	case !bytes.Equal(have, want):
		return name + " is stale", nil
	default:
		return "", nil
	}
}

// list returns the files of the tree that git ls-files names with these arguments.
func list(ctx context.Context, args ...string) ([]string, error) {
	output, err := exec.CommandContext(ctx, "git", append([]string{"ls-files", "-z"}, args...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	var names []string
	for name := range strings.SplitSeq(string(output), "\x00") {
		// A file may be known to git and gone from the tree.
		if info, err := os.Stat(name); name != "" && err == nil && info.Mode().IsRegular() {
			names = append(names, name)
		}
	}
	return names, nil
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}
