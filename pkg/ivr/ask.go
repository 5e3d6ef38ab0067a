package ivr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// A Verdict is what is to be thought of what a caller has typed.
type Verdict uint8

// The verdicts.
const (
	More  Verdict = iota // It isn't complete. At the end of the input, it is wrong.
	Valid                // It is an answer.
	Wrong                // It is no answer, and can't become one.

	unconfirmed
)

// The times and numbers that hold where the options say nothing.
const (
	defaultAttempts    = 3
	defaultFirstKey    = 5 * time.Second
	defaultFurtherKeys = 3 * time.Second
)

// AskOptions are a question to a caller, and what its answer may be. The zero value takes whatever is typed without a pause, or up to
// the key #.
type AskOptions struct {
	// Prompt is the question. The first key ends it.
	Prompt Phrase

	// Choices are the answers that are possible, such as "1", "2" and "42". Where they are all there is, the input ends as soon
	// as no longer one can be meant.
	Choices []string

	// MinDigits and MaxDigits are how many digits the answer has; MaxDigits 0 is no limit.
	MinDigits, MaxDigits int

	// Match says what to think of what has been typed, instead of Choices, MinDigits and MaxDigits: after each key, and once
	// more at the end of the input, which is the terminator or a pause.
	Match func(typed string, ended bool) Verdict

	// Terminator is the key that ends the input: "#" by default, where it isn't a choice. "-" is none.
	Terminator string

	// FirstTimeout is how long to wait for the first key, from the end of the question on: 5 s by default. DigitTimeout is how
	// long to wait for each further one: 3 s.
	FirstTimeout, DigitTimeout time.Duration

	// Attempts is how often to ask: 3 times by default.
	Attempts int

	// Invalid is played after an answer that isn't one, before the question comes again; Silent after no answer. By default,
	// it is the sound pbx-invalid, and nothing.
	Invalid, Silent Phrase

	// Confirm, if set, has the caller confirm what he has typed. If he doesn't, he is asked again.
	Confirm *ConfirmOptions

	// NoBargeIn has the question played to its end.
	NoBargeIn bool

	// Lang is the language, such as "de"; by default the channel's.
	Lang string

	// Keypad is where keys come from. One that lives as long as the call has what was typed ahead, so that callers who know
	// the questions need not hear them; without it, only keys that are pressed from now on count.
	Keypad *ari.Keypad
}

// An AskResult is how a question was answered.
type AskResult struct {
	// Outcome is Done if there is an answer; Silence or Invalid if there was none to the last attempt; HungUp, Canceled, Failed.
	Outcome Outcome

	// Digits are the answer, or what was typed at last.
	Digits string

	// Attempts is how often the question was asked.
	Attempts int
}

// Ask asks a caller for digits until the answer is one, three times by default. The outcome is Done with an answer.
//
// The error is nil as long as the caller is there: see the package's documentation. Besides, it is ari.ErrInvalid if the options
// make no sense, and ari.ErrPlaybackFailed if a sound is missing. Since Asterisk 12.
func Ask(ctx context.Context, caller *ari.Channel, opts AskOptions) (*AskResult, error) {
	res := &AskResult{Outcome: Failed}
	if err := opts.complete(); err != nil {
		return res, err
	}
	keypad, done := keypadOf(caller, opts.Keypad)
	defer done()
	opts.Keypad = keypad
	var complaint Phrase
	for res.Attempts < opts.Attempts {
		res.Attempts++
		verdict, err := opts.once(ctx, caller, complaint, res)
		switch {
		case err != nil:
			err = leaving(ctx, err, caller)
			res.Outcome = outcomeOf(ctx, err)
			return res, err
		case verdict == Valid:
			res.Outcome = Done
			return res, nil
		case verdict == unconfirmed: // He knows that it was wrong.
			res.Outcome, complaint = Invalid, nil
		case res.Digits == "":
			res.Outcome, complaint = Silence, opts.Silent
		default:
			res.Outcome, complaint = Invalid, opts.Invalid
		}
	}
	return res, nil
}

// complete puts in what is usual where nothing is said.
func (o *AskOptions) complete() error {
	for _, c := range o.Choices {
		if c == "" || strings.Trim(c, "0123456789*#ABCD") != "" {
			return fmt.Errorf("ivr: ask: %w: the choice %q isn't made of a telephone's keys", ari.ErrInvalid, c)
		}
	}
	if o.MaxDigits > 0 && o.MinDigits > o.MaxDigits || o.MinDigits < 0 || o.MaxDigits < 0 {
		return fmt.Errorf("ivr: ask: %w: %d digits at least and %d at most", ari.ErrInvalid, o.MinDigits, o.MaxDigits)
	}
	if o.Terminator == "" && !slices.ContainsFunc(o.Choices, func(c string) bool { return strings.Contains(c, "#") }) {
		o.Terminator = "#"
	}
	o.Terminator = strings.ReplaceAll(o.Terminator, "-", "")
	if o.Match == nil {
		o.Match = o.match
	}
	if o.Invalid == nil {
		o.Invalid = Sounds("pbx-invalid")
	}
	o.FirstTimeout = cmp.Or(o.FirstTimeout, defaultFirstKey)
	o.DigitTimeout = cmp.Or(o.DigitTimeout, defaultFurtherKeys)
	o.Attempts = cmp.Or(o.Attempts, defaultAttempts)
	return nil
}

// match judges by Choices, MinDigits and MaxDigits.
func (o *AskOptions) match(typed string, ended bool) Verdict {
	if len(o.Choices) > 0 {
		return among(o.Choices, typed, ended)
	}
	switch {
	case o.MaxDigits > 0 && len(typed) == o.MaxDigits, ended && len(typed) >= max(o.MinDigits, 1):
		return Valid
	case ended:
		return Wrong
	}
	return More
}

// among judges by choices. What a longer choice begins with is an answer only at the end.
func among(choices []string, typed string, ended bool) Verdict {
	found, longer := false, false
	for _, c := range choices {
		found = found || c == typed
		longer = longer || len(c) > len(typed) && strings.HasPrefix(c, typed)
	}
	switch {
	case found && (ended || !longer):
		return Valid
	case longer && !ended:
		return More
	}
	return Wrong
}

// once asks once, after a complaint about the answer before. What was typed is in the result.
func (o *AskOptions) once(ctx context.Context, caller *ari.Channel, complaint Phrase, res *AskResult) (Verdict, error) {
	question, err := slices.Concat(complaint, o.Prompt).mediaFor(caller, o.Lang)
	if err != nil {
		return Wrong, err
	}
	verdict, err := o.read(ctx, question, res)
	if err == nil && verdict == Valid && o.Confirm != nil {
		return o.confirmed(ctx, caller, res.Digits)
	}
	return verdict, err
}

// read plays the question and reads one input, key by key.
func (o *AskOptions) read(ctx context.Context, media []string, res *AskResult) (Verdict, error) {
	res.Digits = ""
	prompt := ari.PromptOptions{
		MaxDigits: 1, Terminators: o.Terminator, FirstTimeout: o.FirstTimeout, NoBargeIn: o.NoBargeIn, Lang: o.Lang,
	}
	for {
		key, err := o.Keypad.Prompt(ctx, prompt, media...)
		if err != nil {
			return Wrong, err
		}
		if key == "" {
			return cmp.Or(o.Match(res.Digits, true), Wrong), nil
		}
		res.Digits += key
		if v := o.Match(res.Digits, false); v != More {
			return v, nil
		}
		prompt.FirstTimeout, media = o.DigitTimeout, nil
	}
}

// confirmed asks whether what was typed is right.
func (o *AskOptions) confirmed(ctx context.Context, caller *ari.Channel, digits string) (Verdict, error) {
	opts := *o.Confirm
	if opts.Prompt == nil {
		opts.Prompt = Phrase{Sound("you-entered"), Digits(digits), Sound("if-correct-press"), Digits(cmp.Or(opts.Yes, "1"))}
	}
	opts.Keypad, opts.Lang = o.Keypad, cmp.Or(opts.Lang, o.Lang)
	res, err := Confirm(ctx, caller, opts)
	if err != nil || !res.Yes {
		return unconfirmed, err
	}
	return Valid, nil
}

// ConfirmOptions are a question that is answered by yes or no.
type ConfirmOptions struct {
	// Prompt is the question. As a part of a question for digits, it is by default "you entered ..., if correct press 1".
	Prompt Phrase

	// Yes and No are the keys: "1" and "2" by default.
	Yes, No string

	// Timeout is how long to wait for a key, from the end of the question on: 5 s by default.
	Timeout time.Duration

	// Attempts is how often to ask: 3 times by default.
	Attempts int

	// Lang and Keypad are as in [AskOptions].
	Lang   string
	Keypad *ari.Keypad
}

// A ConfirmResult is how a question was answered.
type ConfirmResult struct {
	// Outcome is Done if there was an answer; Silence or Invalid if there was none; HungUp, Canceled, Failed.
	Outcome Outcome

	// Yes says that the answer was yes. Without an answer it is false.
	Yes bool
}

// Confirm asks a caller for yes or no. It fails as [Ask] does. Since Asterisk 12.
func Confirm(ctx context.Context, caller *ari.Channel, opts ConfirmOptions) (*ConfirmResult, error) {
	yes, no := cmp.Or(opts.Yes, "1"), cmp.Or(opts.No, "2")
	res, err := Ask(ctx, caller, AskOptions{
		Prompt: opts.Prompt, Choices: []string{yes, no}, FirstTimeout: opts.Timeout, Attempts: opts.Attempts,
		Invalid: Phrase{}, Lang: opts.Lang, Keypad: opts.Keypad,
	})
	return &ConfirmResult{Outcome: res.Outcome, Yes: res.Outcome == Done && res.Digits == yes}, err
}

// MenuOptions are a menu. Keys are required.
type MenuOptions struct {
	// Prompt says what there is.
	Prompt Phrase

	// Keys are what can be chosen, such as "1", "2", "*9". One may begin with another: then the shorter one is meant after a
	// pause.
	Keys []string

	// Extensions, if it isn't 0, lets callers dial numbers of up to so many digits at once, besides Keys; Known says which
	// there are, and all are if it is nil.
	Extensions int
	Known      func(extension string) bool

	// Timeout is how long to wait for a key, from the end of the prompt on: 5 s by default.
	Timeout time.Duration

	// Attempts, Invalid, Silent, Lang and Keypad are as in [AskOptions].
	Attempts        int
	Invalid, Silent Phrase
	Lang            string
	Keypad          *ari.Keypad
}

// Menu lets a caller choose by keys. The outcome is Done, and the result's Digits are the keys, or the extension that he has
// dialled. It fails as [Ask] does; besides, it is ari.ErrInvalid if there is nothing to choose. Since Asterisk 12.
func Menu(ctx context.Context, caller *ari.Channel, opts MenuOptions) (*AskResult, error) {
	if len(opts.Keys) == 0 && opts.Extensions <= 0 {
		return &AskResult{Outcome: Failed}, errors.Join(ari.ErrInvalid, errors.New("ivr: a menu without keys"))
	}
	ask := AskOptions{
		Prompt: opts.Prompt, Choices: opts.Keys, FirstTimeout: opts.Timeout, Attempts: opts.Attempts,
		Invalid: opts.Invalid, Silent: opts.Silent, Lang: opts.Lang, Keypad: opts.Keypad,
	}
	if opts.Extensions > 0 {
		ask.Match = opts.match
	}
	return Ask(ctx, caller, ask)
}

// match judges keys and extensions.
func (o *MenuOptions) match(typed string, ended bool) Verdict {
	key := among(o.Keys, typed, true) == Valid
	known := len(typed) <= o.Extensions && strings.Trim(typed, "0123456789") == "" && (o.Known == nil || o.Known(typed))
	switch {
	case ended && typed != "" && (key || known):
		return Valid
	case ended:
		return Wrong
	case len(typed) >= o.Extensions && (key || known):
		return Valid
	case len(typed) < o.Extensions, among(o.Keys, typed, false) == More:
		return More
	}
	return Wrong
}
