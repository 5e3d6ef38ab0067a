// Command oapicodegen runs oapi-codegen for each configuration file that it is given, on api/openapi.yaml in the form
// that Go is generated from: flat, and with the overlay of Go's own names and types.
//
//	go run ./internal/cmd/oapicodegen api/models.yaml api/client.yaml
//
// Run it from the module's root: the configurations name their output relative to the working directory.
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

	"github.com/ari-go/ari/internal/arispec"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "oapicodegen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, log io.Writer) (err error) {
	flags := flag.NewFlagSet("oapicodegen", flag.ContinueOnError)
	flags.SetOutput(log)
	openapi := flags.String("openapi", "api/openapi.yaml", "the description")
	overlayFile := flags.String("overlay", "api/overlay-go.yaml", "overlay `file` with Go's names and types")
	dir := flags.String("dir", ".", "`folder` to run oapi-codegen in: a module's root")
	lenient := flags.Bool("lenient", false, "let actions of the overlay match nothing, for a spec that it wasn't written for")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("want configuration files of oapi-codegen")
	}
	description, err := os.ReadFile(*openapi)
	if err != nil {
		return err
	}
	overlay, err := os.ReadFile(*overlayFile)
	if err != nil {
		return err
	}
	flat, _, err := arispec.ForGo(description, overlay, !*lenient)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "ari-openapi-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	file := filepath.Join(temp, "openapi.yaml")
	if err := os.WriteFile(file, flat, 0o600); err != nil {
		return err
	}
	for _, config := range flags.Args() {
		cmd := exec.CommandContext(ctx, "go", "tool", "oapi-codegen", "-config", config, file)
		cmd.Dir = *dir
		var output bytes.Buffer
		cmd.Stdout, cmd.Stderr = &output, &output
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("oapi-codegen -config %s: %w\n%s", config, err, output.Bytes())
		}
	}
	return nil
}
