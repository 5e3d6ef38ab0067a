// Command trygenerators lets other generators of Go make clients from api/openapi.yaml as it is, builds them in a temporary
// module, and decodes all recorded events with them: each must come out with nothing lost.
//
//	go run ./internal/cmd/trygenerators
//
// Run it from the module's root.
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
	"time"
)

const ogen = "github.com/ogen-go/ogen@v1.24.0"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "trygenerators:", err)
		os.Exit(1)
	}
}

// oapiConfig is for the whole description. Without the prefix, the enumerated value `client` would become a constant
// with the name of the client.
const oapiConfig = `package: oapi
output: oapi/oapi.gen.go
generate: {models: true, client: true}
compatibility: {always-prefix-enum-values: true}
output-options: {skip-prune: true}
`

// decode is a program that decodes the recordings of the folders that it is given.
const decode = `package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"try/oapi"
	"try/ogen"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	events := 0
	for _, folder := range os.Args[1:] {
		files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
		if err != nil {
			return err
		}
		for _, name := range files {
			n, err := decode(name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			events += n
		}
	}
	if events == 0 {
		return fmt.Errorf("no recorded events in %q", os.Args[1:])
	}
	fmt.Printf("%d recorded events decoded by each\n", events)
	return nil
}

func decode(name string) (events int, err error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var line struct {
			Dir  string
			Body json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return 0, err
		}
		if line.Dir != "event" {
			continue
		}
		events++
		var one ogen.AnyMessage
		if err := one.UnmarshalJSON(line.Body); err != nil {
			return 0, fmt.Errorf("ogen: %s: %w", line.Body, err)
		}
		if err := same(line.Body, one); err != nil {
			return 0, fmt.Errorf("ogen: %w", err)
		}
		var other oapi.AnyMessage
		if err := json.Unmarshal(line.Body, &other); err != nil {
			return 0, fmt.Errorf("oapi-codegen: %s: %w", line.Body, err)
		}
		value, err := other.ValueByDiscriminator()
		if err != nil {
			return 0, fmt.Errorf("oapi-codegen: %s: %w", line.Body, err)
		}
		if err := same(line.Body, value); err != nil {
			return 0, fmt.Errorf("oapi-codegen: %w", err)
		}
	}
	return events, lines.Err()
}

// same compares what was decoded with what was sent.
func same(sent []byte, value any) error {
	encoded, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var want, have any
	if err := json.Unmarshal(sent, &want); err != nil {
		return err
	}
	if err := json.Unmarshal(encoded, &have); err != nil {
		return err
	}
	if !reflect.DeepEqual(want, have) {
		return fmt.Errorf("sent %s, and decoded as %s", sent, encoded)
	}
	return nil
}
`

func run(ctx context.Context, args []string, stdout io.Writer) (err error) {
	flags := flag.NewFlagSet("trygenerators", flag.ContinueOnError)
	openapi := flags.String("openapi", "api/openapi.yaml", "the description")
	recordings := flags.String("recordings", "conformance/testdata/asterisk-*", "`pattern` of the folders with recordings")
	if err := flags.Parse(args); err != nil {
		return err
	}
	description, err := filepath.Abs(*openapi)
	if err != nil {
		return err
	}
	folders, err := filepath.Glob(*recordings)
	if err != nil || len(folders) == 0 {
		return errors.Join(fmt.Errorf("no folder is like %s", *recordings), err)
	}
	for i, folder := range folders {
		if folders[i], err = filepath.Abs(folder); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "ari-generators-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for name, content := range map[string]string{"oapi.yaml": oapiConfig, "decode/main.go": decode} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return err
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "oapi"), 0o755); err != nil {
		return err
	}
	// The versions of what both need are those of this module.
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		content = bytes.Replace(content, []byte("module github.com/ari-go/ari\n"), []byte("module try\n"), 1)
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	start := time.Now()
	for _, step := range []struct {
		say  string
		args []string
	}{
		{"", []string{"get", ogen}},
		{"ogen makes a client", []string{"run", "github.com/ogen-go/ogen/cmd/ogen", "--target", "ogen", "--package", "ogen", "--clean", description}},
		{"oapi-codegen makes a client", []string{"tool", "oapi-codegen", "-config", "oapi.yaml", description}},
		{"", []string{"get", "./..."}},
		{"both build", []string{"build", "./..."}},
		{"", append([]string{"run", "./decode"}, folders...)},
	} {
		cmd := exec.CommandContext(ctx, "go", step.args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		output, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("go %s: %w\n%.4000s", step.args[0], err, output)
		}
		if step.say != "" {
			fmt.Fprintf(stdout, "%5.1fs  %s\n", time.Since(start).Seconds(), step.say)
		}
		if step.args[0] == "run" && step.say == "" {
			fmt.Fprintf(stdout, "%5.1fs  %s", time.Since(start).Seconds(), output)
		}
	}
	return nil
}
