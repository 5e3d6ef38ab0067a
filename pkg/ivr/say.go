package ivr

import (
	"context"

	"github.com/ari-go/ari/pkg/ari"
)

// SayOptions say how something is said. The zero value says it in the channel's language, until a key is pressed.
type SayOptions struct {
	// Lang is the language, such as "de"; by default the channel's.
	Lang string

	// NoBargeIn plays everything to its end, whatever is typed meanwhile.
	NoBargeIn bool

	// Keypad is where keys come from. One that lives as long as the call keeps what is typed ahead for the next question;
	// without it, only keys that are pressed from now on count.
	Keypad *ari.Keypad
}

// A SayResult is how [Say] ended.
type SayResult struct {
	// Outcome is Done, Key, HungUp, Canceled or Failed.
	Outcome Outcome

	// Key is what the caller has pressed.
	Key string
}

// Say says something to a caller: sounds, numbers, dates and so on. A key stops it at once, and is in the result. With a
// Keypad, a key that was typed ahead stops it before it begins.
//
// The error is nil as long as the caller is there: see the package's documentation. Besides, it is ari.ErrInvalid for what
// can't be said in the language, and ari.ErrPlaybackFailed, naming the sound, if Asterisk doesn't have one. Then what
// follows it is not said. Since Asterisk 12.
func Say(ctx context.Context, caller *ari.Channel, opts SayOptions, parts ...Part) (*SayResult, error) {
	media, err := Phrase(parts).mediaFor(caller, opts.Lang)
	if err != nil {
		return &SayResult{Outcome: Failed}, err
	}
	if len(media) == 0 {
		return &SayResult{Outcome: Done}, nil
	}
	keypad, done := keypadOf(caller, opts.Keypad)
	defer done()
	key := ""
	if opts.NoBargeIn {
		err = playAll(ctx, caller, opts.Lang, media)
	} else {
		key, err = keypad.Prompt(ctx, ari.PromptOptions{MaxDigits: 1, FirstTimeout: -1, Lang: opts.Lang}, media...)
	}
	err = leaving(ctx, err, caller)
	res := &SayResult{Outcome: outcomeOf(ctx, err), Key: key}
	if err == nil && key != "" {
		res.Outcome = Key
	}
	return res, err
}

// keypadOf is a keypad to use, and what closes it if it is a new one.
func keypadOf(ch *ari.Channel, keypad *ari.Keypad) (k *ari.Keypad, done func()) {
	if keypad != nil {
		return keypad, func() {}
	}
	k = ch.Keypad()
	return k, k.Close
}
