// Command specdiff reports, in Markdown and for people, what changed between two specs. Both may be
// imported ones or folders of Asterisk's own rest-api files. By default they are the oldest and the newest
// Asterisk's in spec/.
//
//	go run ./internal/cmd/specdiff -old spec/asterisk-16 -new spec/asterisk-22
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ari-go/ari/internal/arispec"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "specdiff:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("specdiff", flag.ContinueOnError)
	flags.SetOutput(stderr)
	older := flags.String("old", "", "`folder` of the older spec (default: the oldest in spec)")
	newer := flags.String("new", "", "`folder` of the newer spec (default: the newest in spec)")
	out := flags.String("out", "", "`file` to write (default: standard output)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return errors.New("want no arguments but flags")
	}
	if *older == "" || *newer == "" {
		folders, err := arispec.Folders("spec")
		if err != nil {
			return err
		}
		*older, *newer = cmp.Or(*older, folders[0].Path), cmp.Or(*newer, folders[len(folders)-1].Path)
	}
	was, wasName, err := read(*older)
	if err != nil {
		return err
	}
	is, isName, err := read(*newer)
	if err != nil {
		return err
	}
	report := arispec.Diff(was, is, wasName, isName)
	if *out == "" {
		_, err = stdout.Write(report)
		return err
	}
	return os.WriteFile(*out, report, 0o644)
}

// read reads a spec, and what to call it: the release if the folder tells it, else the folder's name.
func read(dir string) (*arispec.Spec, string, error) {
	files := os.DirFS(dir)
	spec, _, err := arispec.Read(files)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", dir, err)
	}
	src, err := arispec.ReadSource(files)
	if errors.Is(err, fs.ErrNotExist) {
		return spec, filepath.Base(filepath.Clean(dir)), nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", dir, err)
	}
	return spec, "Asterisk " + src.Version.String(), nil
}
