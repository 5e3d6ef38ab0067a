package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A description of a later Asterisk may bring what it likes: the generator makes nothing that breaks a caller.
func TestPromises(t *testing.T) {
	const hand = "package ari\n\ntype Hand struct{ X int }\n\nfunc (c *Controller) Made(ctx context.Context, opts MadeOptions) error { return nil }\n"
	const before = "package ari\n\ntype PlayOptions struct{ Lang string }\n\nfunc (o *Channel) Answer(ctx context.Context) error { return nil }\n"
	const recorded = "field Hand.X string\nfield PlayOptions.Lang string\nfunc (*Channel) Answer(context.Context) error\n" +
		"func (*Controller) Made(context.Context) error\ntype PlayOptions\n"
	tests := map[string]struct {
		generated string
		want      string
	}{
		"nothing new": {before, ""},
		"the first option": {strings.ReplaceAll(before, "func (o *Channel) Answer", "type AnswerOptions struct{ Silent bool }\n\n"+
			"func (o *Channel) AnswerWith(ctx context.Context, opts AnswerOptions) error { return nil }\n\nfunc (o *Channel) Answer"), ""},
		"an option more":           {strings.ReplaceAll(before, "Lang string", "Lang string; Loud bool"), ""},
		"a required parameter":     {strings.ReplaceAll(before, "ctx context.Context)", "ctx context.Context, how string)"), `"func (*Channel) Answer(context.Context) error" would become "func (*Channel) Answer(context.Context, string) error"`},
		"another type":             {strings.ReplaceAll(before, "Lang string", "Lang []string"), `"field PlayOptions.Lang string" would become "field PlayOptions.Lang []string"`},
		"an option that is gone":   {strings.ReplaceAll(before, "Lang string", ""), `"field PlayOptions.Lang string" would be gone`},
		"a method that is gone":    {"package ari\n\ntype PlayOptions struct{ Lang string }\n", `"func (*Channel) Answer(context.Context) error" would be gone`},
		"a method by another name": {strings.ReplaceAll(before, ") Answer", ") PickUp"), `"func (*Channel) Answer(context.Context) error" would be gone`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			record := filepath.Join(dir, "api.txt")
			for file, text := range map[string]string{"hand.go": hand, "channel.gen.go": before, "api.txt": recorded, "bad_test.go": "no Go"} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := checkPromises(map[string][]byte{"channel.gen.go": []byte(tt.generated)}, dir, record)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || strings.Count(err.Error(), "would") != 1):
				t.Errorf("error is %v, want %s and nothing else", err, tt.want)
			}
		})
	}
}

// What was generated and is written by hand now, with the same signature, is no break.
func TestPromisesKeptByHand(t *testing.T) {
	dir := t.TempDir()
	record := filepath.Join(dir, "api.txt")
	for file, text := range map[string]string{
		"hand.go":        "package ari\n\nfunc (o *Channel) Answer(ctx context.Context) error { return nil }\n",
		"channel.gen.go": "package ari\n\nfunc (o *Channel) Answer(ctx context.Context) error { return nil }\n",
		"api.txt":        "func (*Channel) Answer(context.Context) error\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := checkPromises(map[string][]byte{"channel.gen.go": []byte("package ari\n")}, dir, record); err != nil {
		t.Error(err)
	}
}
