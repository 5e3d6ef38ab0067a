package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
)

const repo = "../../.."

// loaded is what the repository generates from. Tests change copies of its config only.
var loaded = sync.OnceValues(func() (*generator, error) {
	return load(filepath.Join(repo, "api", "openapi.yaml"), filepath.Join(repo, "gen"), filepath.Join(repo, "api", "methods.yaml"))
})

// configured returns the repository's generator with the changes to api/methods.yaml that the text makes: a key's
// value of null removes it.
func configured(t *testing.T, changes string) *generator {
	t.Helper()
	g, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(g.conf.file)
	if err != nil {
		t.Fatal(err)
	}
	var all, changed map[string]any
	if err := errors.Join(yaml.Unmarshal(raw, &all), yaml.Unmarshal([]byte(changes), &changed)); err != nil {
		t.Fatal(err)
	}
	merge(all, changed)
	raw, err = yaml.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "methods.yaml")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	conf, err := loadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	conf.file = "methods.yaml"
	return &generator{api: g.api, gen: g.gen, conf: conf}
}

func merge(into, changes map[string]any) {
	for key, v := range changes {
		have, isMap := into[key].(map[string]any)
		change, changesMap := v.(map[string]any)
		switch {
		case isMap && changesMap:
			merge(have, change)
		case v == nil:
			delete(into, key)
		default:
			into[key] = v
		}
	}
}

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		changes string
		want    []string // all problems
	}{
		"as it is": {"{}", nil},
		"a hand-written method leaves an argument out": {
			"operations: {channelsHangup: {args: [reason]}}",
			[]string{`methods.yaml: operations.channelsHangup: nothing sends "reason_code": add it to the hand-written method and to its args, or the operation to an option struct`},
		},
		"a required parameter is no option": {
			"operations: {channelsRecord: {args: [name]}}",
			[]string{`methods.yaml: operations.channelsRecord: nothing sends "format": add it to the hand-written method and to its args, or the operation to an option struct`},
		},
		"a body's member is in no option struct": {
			"operations: {bridgesSetBridgeVars: {args: null}}",
			[]string{`methods.yaml: operations.bridgesSetBridgeVars: nothing sends "variables": add it to the hand-written method and to its args, or the operation to an option struct`},
		},
		"the sent operation lacks an option": {
			"options: {SnoopOptions: {operations: [channelsSnoopChannel, channelsSnoopChannelWithId, bridgesAddChannel], required: false}}\n" +
				"operations: {channelsSnoopChannel: {args: [app]}, channelsSnoopChannelWithId: {args: [app]}}",
			[]string{
				`methods.yaml: options.SnoopOptions: channelsSnoopChannel has "spy", but bridgesAddChannel, which is sent, has not`,
				`methods.yaml: options.SnoopOptions: channelsSnoopChannel has "whisper", but bridgesAddChannel, which is sent, has not`,
				`methods.yaml: options.SnoopOptions: channelsSnoopChannel has "appArgs", but bridgesAddChannel, which is sent, has not`,
				`methods.yaml: options.SnoopOptions: channelsSnoopChannel has "snoopId", but bridgesAddChannel, which is sent, has not`,
				`methods.yaml: options.SnoopOptions: channelsSnoopChannelWithId has "spy", but bridgesAddChannel, which is sent, has not`,
				`methods.yaml: options.SnoopOptions: channelsSnoopChannelWithId has "whisper", but bridgesAddChannel, which is sent, has not`,
				`methods.yaml: options.SnoopOptions: channelsSnoopChannelWithId has "appArgs", but bridgesAddChannel, which is sent, has not`,
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var have []string
			for _, err := range configured(t, tt.changes).check() {
				have = append(have, err.Error())
			}
			if !slices.Equal(have, tt.want) {
				t.Errorf("have\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// A parameter that is new to an operation whose method is hand-written stops the generation, unless it is lenient.
func TestNewParameterOfHandWrittenMethod(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(repo, "api", "methods.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "methods.yaml")
	raw = bytes.Replace(raw, []byte("args: [reason, reason_code]"), []byte("args: [reason]"), 1)
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	var notes bytes.Buffer
	generate := func(lenient bool) (string, error) {
		out := t.TempDir()
		return out, run(filepath.Join(repo, "api", "openapi.yaml"), filepath.Join(repo, "gen"), file, out, lenient, &notes)
	}
	out, err := generate(false)
	if err == nil || !strings.Contains(err.Error(), `operations.channelsHangup: nothing sends "reason_code"`) {
		t.Errorf("strict: %v", err)
	}
	if files, _ := os.ReadDir(out); len(files) > 0 {
		t.Errorf("%d files were written in spite of the error", len(files))
	}
	out, err = generate(true)
	if err != nil || !strings.Contains(notes.String(), `nothing sends "reason_code"`) {
		t.Errorf("lenient: %v, with the notes %q", err, notes.String())
	}
	if files, _ := os.ReadDir(out); len(files) == 0 {
		t.Error("lenient: nothing was written")
	}
}
