package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
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
			"docs: null\noptions: {SnoopOptions: {operations: [channelsSnoopChannel, channelsSnoopChannelWithId, bridgesAddChannel], required: false}}\n" +
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
		"an operation that isn't there": {
			"operations: {channelsHangUp: {by: Channel.Hangup}}",
			[]string{"methods.yaml: operations.channelsHangUp: there is no such operation"},
		},
		"a misspelt argument": {
			"docs: null\noperations: {asteriskSetGlobalVar: {args: [val!]}}",
			[]string{`methods.yaml: operations.asteriskSetGlobalVar.args: "val!" is no parameter of it`},
		},
		"a misspelt argument of a hand-written method": {
			"operations: {channelsHangup: {args: [reason, reason_code, raeson]}}",
			[]string{`methods.yaml: operations.channelsHangup.args: "raeson" is no parameter of it`},
		},
		"a required argument": {
			"operations: {asteriskSetGlobalVar: {args: [value!, variable]}}",
			[]string{`methods.yaml: operations.asteriskSetGlobalVar.args: "variable" is required, and so is an argument anyway`},
		},
		"an unknown receiver": {
			"operations: {asteriskPing: {method: Contoller.Ping}}",
			[]string{"methods.yaml: operations.asteriskPing.method: Contoller is neither Controller nor among objects"},
		},
		"a place that changes nothing": {
			"operations: {channelsAnswer: {method: Channel.Answer}}",
			[]string{"methods.yaml: operations.channelsAnswer: is Channel.Answer anyway"},
		},
		"options without any": {
			"operations: {channelsAnswer: {method: Channel.Answer, options: PickUpOptions}}",
			[]string{"methods.yaml: operations.channelsAnswer.options: it has no optional parameter for PickUpOptions"},
		},
		"options by their own name": {
			"operations: {channelsContinueInDialplan: {options: ContinueOptions}}",
			[]string{"methods.yaml: operations.channelsContinueInDialplan.options: has this name anyway"},
		},
		"options beside by": {
			"operations: {channelsHangup: {options: HangupOptions}}",
			[]string{"methods.yaml: operations.channelsHangup: options, result and required have no effect beside by"},
		},
		"an option struct of an unknown operation": {
			"options: {AddChannelOptions: {operations: [bridgesAddChannels, bridgesAddChannel]}}",
			[]string{"methods.yaml: options.AddChannelOptions: there is no operation bridgesAddChannels"},
		},
		"an option struct of a generated method": {
			"options: {RingOptions: {operations: [channelsRing], required: true}}",
			[]string{
				"methods.yaml: options.RingOptions: the method of channelsRing isn't hand-written",
				"methods.yaml: options.RingOptions.required: no operation has a required parameter",
			},
		},
		"an option struct of nothing": {
			"options: {RingOptions: {}}",
			[]string{"methods.yaml: options.RingOptions: names no operation"},
		},
		"an unknown object": {
			"objects: {Chanel: {channelId: ID}}",
			[]string{"methods.yaml: objects.Chanel: there is no such model"},
		},
		"an object's unknown parts": {
			"objects: {Mailbox: {mailboxName: Name, mailbox: Names}}",
			[]string{
				"methods.yaml: objects.Mailbox: no path has a parameter mailbox",
				"methods.yaml: objects.Mailbox: package gen's Mailbox has no field Names",
			},
		},
		"an unknown path": {
			"paths: {'/sound/{soundId}': Sounds}",
			[]string{
				"methods.yaml: paths./sound/{soundId}: Sounds isn't among objects",
				"methods.yaml: paths./sound/{soundId}: no operation has such a path",
			},
		},
		"names": {
			"docs: null\nnames: {offset: Offset, skipms: Skipms}",
			[]string{
				"methods.yaml: names.offset: no option struct has such a parameter",
				"methods.yaml: names.skipms: has this name anyway",
			},
		},
		"docs": {
			"docs: {PlayOptions.Offsetms: a text, Channel.StartMOH.class: a text}",
			[]string{
				"methods.yaml: docs.Channel.StartMOH.class: there is no such option field, and no such argument of a generated method",
				"methods.yaml: docs.PlayOptions.Offsetms: there is no such option field, and no such argument of a generated method",
			},
		},
		"durations": {
			"durations: {skipms: m, beep: s, time: s}",
			[]string{
				"methods.yaml: durations.beep: no option struct has such a number",
				`methods.yaml: durations.skipms: the unit "m" is neither s nor ms`,
				"methods.yaml: durations.time: no option struct has such a number",
			},
		},
		"enumerations": {
			"enums: {ChannelsMuteParamsDirektion: MuteDirection, ChannelState: ChannelState}",
			[]string{
				"methods.yaml: enums.ChannelState: has this name anyway",
				"methods.yaml: enums.ChannelsMuteParamsDirektion: package gen has no such enumeration",
			},
		},
		"files": {
			"files: {Recording: recording}",
			[]string{"methods.yaml: files.Recording: isn't among objects"},
		},
		"fields": {
			"fields: {ChannelTalkingFinished.length: Length, CallerID.name: Name}",
			[]string{
				"methods.yaml: fields.CallerID.name: there is no such event, or it has no such property",
				"methods.yaml: fields.ChannelTalkingFinished.length: there is no such event, or it has no such property",
			},
		},
		"models": {
			"models: {RTPstats: RTPStatistics}\nwire: [Dialed, Channel]",
			[]string{
				"methods.yaml: models and wire: RTPstats is no model that package ari hands out unchanged",
				"methods.yaml: models and wire: Channel is no model that package ari hands out unchanged",
			},
		},
		"required without any": {
			"operations: {soundsList: {method: Controller.Sounds, required: true}}",
			[]string{"methods.yaml: operations.soundsList.required: it has no required parameter"},
		},
		"vital events": {
			"vital: [StasisStart, StasisStrat, Channel]",
			[]string{"methods.yaml: vital: StasisStrat is not an event", "methods.yaml: vital: Channel is not an event"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var have []string
			g := configured(t, tt.changes)
			for _, err := range append(g.misfits(), g.unsent()...) {
				have = append(have, err.Error())
			}
			if !slices.Equal(have, tt.want) {
				t.Errorf("have\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// ofTheWire is what a text says of the wire that isn't so in Go.
var ofTheWire = regexp.MustCompile(`makes (one |an id |a UUID )?up|makes up|\bin (milli)?seconds|-1\b|\b[45]\d\d\b|report_events|[Aa]lways required`)

// The texts of options tell what Go users give.
func TestOptionTexts(t *testing.T) {
	g := configured(t, "{}")
	sets, err := g.optionSets()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sortedKeys(sets) {
		for _, in := range sets[name].fields {
			text, _, _ := strings.Cut(g.optionDoc(name, sets[name], in), " Sent in ")
			if found := ofTheWire.FindString(text); found != "" {
				t.Errorf("%s.%s says %q: %s", name, g.fieldName(in), found, text)
			}
			if text == "" {
				t.Errorf("%s.%s has no text", name, g.fieldName(in))
			}
		}
	}
}

func TestNamedErrors(t *testing.T) {
	for text, want := range map[string]string{
		"Does it. Fails with 404 if there is none, 409 if it is not in a Stasis application, and 500 if it fails. Since Asterisk 12.": "Does it. Fails with ErrNotFound if there is none, ErrNotInStasis if it is not in a Stasis application, and ErrInternal if it fails. Since Asterisk 12.",
		"Fails with 409 if the name is in use, also in `logger.conf`, 404 only if there is none, 500 on other errors.":                "Fails with ErrConflict if the name is in use, also in `logger.conf`, ErrNotFound only if there is none, ErrInternal on other errors.",
		"All or nothing: fails with 400 if no name is given. Answers 202 if it waits.":                                                "All or nothing: fails with ErrInvalid if no name is given. Answers 202 if it waits.",
		"Fails with 404 if the offer has run out, by default after 500 milliseconds, 426 if it isn't upgraded.":                       "Fails with ErrNotFound if the offer has run out, by default after 500 milliseconds, 426 if it isn't upgraded.",
	} {
		if have := namedErrors(text); have != want {
			t.Errorf("have %q, want %q", have, want)
		}
	}
}

// Each argument of a generated method is explained, and no failure is told by its status.
func TestMethodTexts(t *testing.T) {
	g := configured(t, "{}")
	var b bytes.Buffer
	for _, file := range g.objectFiles() {
		if err := g.methods(&b, file); err != nil {
			t.Fatal(err)
		}
	}
	if found := regexp.MustCompile(`[Ff]ails with \d+`).FindString(b.String()); found != "" {
		t.Errorf("a text has %q", found)
	}
	for _, op := range g.api.operations {
		if g.conf.Operations[op.ID].By != "" {
			continue
		}
		p, err := g.place(op)
		if err != nil {
			t.Fatal(err)
		}
		inputs, err := g.inputs(op)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range g.arguments(op, p, inputs) {
			if a.text == "" {
				t.Errorf("%s has no text", a.key(p))
			}
			if !strings.Contains(b.String(), "//   - "+a.name+": ") {
				t.Errorf("%s isn't explained", a.key(p))
			}
		}
	}
}

// A method keeps its signature when its operation gets its first option: that is XWith's.
func TestFirstOption(t *testing.T) {
	g := configured(t, "operations: {asteriskGetInfo: {args: null}, channelsMove: {method: Channel.Move, args: [appArgs]}}")
	var b bytes.Buffer
	for _, file := range []string{"channel", "controller"} {
		if err := g.methods(&b, file); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		"func (c *Controller) Info(ctx context.Context) (*AsteriskInfo, error) {\nreturn c.InfoWith(ctx, InfoOptions{})\n}",
		"func (c *Controller) InfoWith(ctx context.Context, opts InfoOptions) (*AsteriskInfo, error) {",
		"func (o *Channel) Move(ctx context.Context, app string, appArgs string) error {\nreq, err",
		"func (o *Channel) Dial(ctx context.Context) error {\nreturn o.DialWith(ctx, DialOptions{})\n}",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("missing: %s", want)
		}
	}
	if strings.Contains(b.String(), "MoveWith") {
		t.Error("there is a MoveWith without options")
	}
}

// A list at the end is variadic, with the options before it.
func TestVariadicMethods(t *testing.T) {
	args := []argument{{name: "name", typ: "string"}, {name: "ids", typ: "[]string", list: true}}
	for options, want := range map[string]string{
		"":      "ctx context.Context, name string, ids ...string",
		"XOpts": "ctx context.Context, name string, opts XOpts, ids ...string",
	} {
		if have := params(args, options); have != want {
			t.Errorf("have %s, want %s", have, want)
		}
	}
	if have, want := passed(args, "XOpts{}"), "ctx, name, XOpts{}, ids..."; have != want {
		t.Errorf("have %s, want %s", have, want)
	}
	if have, want := passed(args[:1], "XOpts{}"), "ctx, name, XOpts{}"; have != want {
		t.Errorf("have %s, want %s", have, want)
	}
}

// Since when an option exists is told by the history, whatever the text.
func TestOptionTextOfOurOwn(t *testing.T) {
	g := configured(t, "docs: {PlayOptions.PlaybackID: Our text.}")
	sets, err := g.optionSets()
	if err != nil {
		t.Fatal(err)
	}
	set := sets["PlayOptions"]
	if have, want := g.optionDoc("PlayOptions", set, set.fields["playbackId"]), "Our text. Since Asterisk 12.2."; have != want {
		t.Errorf("have %q, want %q", have, want)
	}
	if have, want := g.reportedSince(), "Since Asterisk 20.20, 22.10, 23.4"; !strings.HasPrefix(have, want) {
		t.Errorf("variables are reported %q, want %q", have, want)
	}
}

// Keys that nobody knows, and entries that can't be meant.
func TestLoadConfig(t *testing.T) {
	for text, want := range map[string]string{
		"options: {PlayOptions: {omit: [lang]}}":                               "field omit not found",
		"operation: {}":                                                        "field operation not found",
		"operations: {channelsRing: {}}":                                       "operation channelsRing: want either by or method",
		"operations: {channelsRing: {method: Ring}}":                           "operation channelsRing: want either by or method",
		"operations: {channelsRing: {method: Channel.Ring, by: Channel.Ring}}": "operation channelsRing: want either by or method",
	} {
		file := filepath.Join(t.TempDir(), "methods.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadConfig(file); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: error is %v, want in it %q and the file", text, err, want)
		}
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
		r := run{
			openapi: filepath.Join(repo, "api", "openapi.yaml"), gen: filepath.Join(repo, "gen"), methods: file, out: out,
			api: filepath.Join(repo, "pkg", "ari", "testdata", "api.txt"), lenient: lenient, notes: &notes,
		}
		return out, r.generate()
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
