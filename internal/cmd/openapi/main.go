// Command openapi makes the OpenAPI description from an imported spec, the overlay and the recordings; from it, the JSON
// Schema and the AsyncAPI description of the events.
//
//	go run ./internal/cmd/openapi -spec spec/asterisk-22 -history spec/history.tsv -overlay api/overlay.yaml -recordings conformance/testdata/asterisk-22 -out api/openapi.yaml
//
// Without -spec it takes the newest Asterisk's in spec/.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/ari-go/ari/internal/arispec"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, log io.Writer) error {
	flags := flag.NewFlagSet("openapi", flag.ContinueOnError)
	flags.SetOutput(log)
	spec := flags.String("spec", "", "`folder` of the imported spec (default: the newest in spec)")
	historyFile := flags.String("history", "spec/history.tsv", "`file` that tells since when each feature exists")
	overlayFile := flags.String("overlay", "api/overlay.yaml", "overlay `file` with texts and corrections")
	recordings := flags.String("recordings", "conformance/testdata/asterisk-22", "`folder` of recordings, which the examples are taken from")
	out := flags.String("out", "api/openapi.yaml", "`file` to write")
	events := flags.String("events", "", "`file` to write the JSON Schema of the events to")
	async := flags.String("asyncapi", "", "`file` to write the AsyncAPI description of the events to")
	media := flags.String("media", "", "`file` to write the AsyncAPI description of media websockets to")
	mediaRecordings := flags.String("media-recordings", "api/testdata/media", "`folder` of recordings of media websockets")
	lenient := flags.Bool("lenient", false, "let actions of the overlay match nothing, for a spec that it wasn't written for")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return errors.New("want no arguments but flags")
	}
	if *spec == "" {
		folders, err := arispec.Folders("spec")
		if err != nil {
			return err
		}
		*spec = folders[len(folders)-1].Path
	}

	imported, err := arispec.Import(ctx, arispec.Location{From: *spec})
	if err != nil {
		return err
	}
	table, err := os.ReadFile(*historyFile)
	if err != nil {
		return err
	}
	history, err := arispec.ParseHistory(table)
	if err != nil {
		return err
	}
	overlay, err := os.ReadFile(*overlayFile)
	if err != nil {
		return err
	}
	examples, err := arispec.ReadExamples(*recordings)
	if err != nil {
		return err
	}
	description, unmatched, err := arispec.Describe(ctx, imported, arispec.Sources{History: history, Overlay: overlay, Examples: examples, Strict: !*lenient})
	if err != nil {
		return err
	}
	if len(unmatched) > 0 {
		fmt.Fprintf(log, "note: %d actions of the overlay match nothing in Asterisk %s\n", len(unmatched), imported.Source.Version)
	}
	if err := os.WriteFile(*out, description, 0o644); err != nil {
		return err
	}
	for _, more := range []struct {
		file string
		make func([]byte) ([]byte, error)
	}{{*events, arispec.EventsSchema}, {*async, arispec.AsyncAPI}} {
		if more.file == "" {
			continue
		}
		content, err := more.make(description)
		if err != nil {
			return err
		}
		if err := os.WriteFile(more.file, content, 0o644); err != nil {
			return err
		}
	}
	if *media == "" {
		return nil
	}
	content, err := arispec.MediaAPI(imported.Source.Version.String(), *mediaRecordings)
	if err != nil {
		return err
	}
	return os.WriteFile(*media, content, 0o644)
}
