// Command spec imports ARI's description of itself, from a folder or a running Asterisk, into spec/.
//
//	go run ./internal/cmd/spec -from /usr/share/asterisk/rest-api
//	ARI_PASSWORD=secret go run ./internal/cmd/spec -from http://127.0.0.1:8088 -user asterisk
//
// It keeps facts only, and writes them in one canonical form: importing the same version again, from
// wherever, changes nothing. A failed import changes nothing either.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"

	"github.com/ari-go/ari/internal/arispec"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "spec:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, log io.Writer) error {
	var from arispec.Location
	flags := flag.NewFlagSet("spec", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&from.From, "from", "", "`folder` with rest-api JSON, or URL of a running Asterisk")
	flags.StringVar(&from.User, "user", os.Getenv("ARI_USERNAME"), "`name` of a user in the running Asterisk's ari.conf (default $ARI_USERNAME)")
	flags.StringVar(&from.Password, "password", "", "the user's password (default $ARI_PASSWORD)")
	flags.StringVar(&from.Version, "version", "", "Asterisk `release`, such as 22.10.1, where the source doesn't tell it")
	out := flags.String("out", "", "`folder` to write (default spec/asterisk-MAJOR)")
	history := flags.String("history", "spec/history.tsv", "`file` that tells since when each feature exists; \"\" for none")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if from.From == "" || flags.NArg() > 0 {
		return errors.New("want -from and no other arguments")
	}
	if from.Password == "" {
		// Not the flag's default: its help would print it.
		from.Password = os.Getenv("ARI_PASSWORD")
	}

	imported, err := arispec.Import(ctx, from)
	if err != nil {
		return err
	}
	for _, n := range imported.Notices {
		fmt.Fprintln(log, "note:", n)
	}
	ours := *out == ""
	if ours {
		*out = filepath.Join("spec", "asterisk-"+strconv.Itoa(imported.Source.Version.Major))
	}
	files, err := imported.Files()
	if err != nil {
		return err
	}
	table, changed, err := extend(*history, imported)
	if err != nil {
		return err
	}
	if err := write(*out, files, *history, table); err != nil {
		return err
	}
	fmt.Fprintf(log, "Asterisk %s: %d files in %s, %d new entries in the history\n", imported.Source.Version, len(files), *out, changed)
	if ours {
		tellSource(log, filepath.Dir(*out))
	}
	return nil
}

// tellSource says which of the imported specs the repository's code is generated from: not the one that was just
// imported if there is a newer one.
func tellSource(log io.Writer, dir string) {
	folders, err := arispec.Folders(dir)
	if err != nil {
		fmt.Fprintln(log, "note: the import is done, but make generate will fail:", err)
		return
	}
	newest := folders[len(folders)-1]
	fmt.Fprintf(log, "make generate reads %s, Asterisk %s, which is the newest here\n", newest.Path, newest.Version)
}

// extend returns the history file's content with the imported version in it; nil without a file.
func extend(file string, imported *arispec.Imported) (table []byte, changed int, err error) {
	if file == "" {
		return nil, 0, nil
	}
	history := &arispec.History{}
	old, err := os.ReadFile(file)
	if err == nil {
		history, err = arispec.ParseHistory(old)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	changed = history.Extend(imported.Source.Version, imported.Spec)
	return history.Bytes(), changed, nil
}

// write replaces the folder and the history file. Whatever can fail is done beside them first.
func write(dir string, files map[string][]byte, history string, table []byte) (err error) {
	if err := replaceable(dir); err != nil {
		return err
	}
	dir = filepath.Clean(dir)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(filepath.Dir(dir), ".spec-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	fresh, old := filepath.Join(scratch, "new"), filepath.Join(scratch, "old")
	if err := os.Mkdir(fresh, 0o755); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(fresh, name), content, 0o644); err != nil {
			return err
		}
	}
	freshTable := history + ".new"
	if table != nil {
		if err := os.MkdirAll(filepath.Dir(history), 0o755); err != nil {
			return err
		}
		defer os.Remove(freshTable) // gone already if all went well
		if err := os.WriteFile(freshTable, table, 0o644); err != nil {
			return err
		}
	}

	if err := os.Rename(dir, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return errors.Join(err, putBack(old, dir))
	}
	if table != nil {
		if err := os.Rename(freshTable, history); err != nil {
			return errors.Join(err, os.Rename(dir, fresh), putBack(old, dir))
		}
	}
	return nil
}

func putBack(old, dir string) error {
	err := os.Rename(old, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // there was none before
	}
	return err
}

// replaceable refuses to replace a folder that doesn't look like an imported spec.
func replaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || e.Name() != arispec.VersionFile && filepath.Ext(e.Name()) != ".json" {
			return fmt.Errorf("%s holds %s, so it is no imported spec, and isn't replaced", dir, e.Name())
		}
	}
	return nil
}
