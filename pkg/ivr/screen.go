package ivr

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// A Screen asks somebody who has answered whether he wants the call: he hears who calls, and takes it with a key. It also keeps
// calls off mailboxes and answering machines, which press none.
type Screen struct {
	// Prompt is played to who has answered. By default he hears the caller's number: vm-from-phonenumber and its digits,
	// or vm-unknown-caller.
	Prompt Phrase

	// Accept are keys that take the call, "1" by default; Decline are keys that don't, "2" by default.
	Accept, Decline string

	// Timeout is how long to wait for a key, from the end of the prompt on; 0 stands for 5 s.
	Timeout time.Duration

	// Repeats is how often the prompt is played again when no key comes, or another one.
	Repeats int

	// Lang is the language of the prompt; by default the channel's.
	Lang string
}

const defaultScreenTime = 5 * time.Second

// ask returns nil if the call is wanted; errDeclined if it isn't, or who has answered hangs up.
func (s *Screen) ask(ctx context.Context, caller, callee *ari.Channel) error {
	prompt := s.Prompt
	if len(prompt) == 0 {
		prompt = whoCalls(caller)
	}
	media, err := prompt.mediaFor(callee, s.Lang)
	if err != nil {
		return err
	}
	keypad := callee.Keypad()
	defer keypad.Close()
	for range 1 + s.Repeats {
		key, err := keypad.Prompt(ctx, ari.PromptOptions{MaxDigits: 1, FirstTimeout: cmp.Or(s.Timeout, defaultScreenTime), Lang: s.Lang}, media...)
		switch {
		case isEnd(err) && !isEnd(context.Cause(ctx)):
			return errors.Join(errDeclined, err)
		case err != nil:
			return err
		case key != "" && strings.Contains(cmp.Or(s.Accept, "1"), key):
			return nil
		case key != "" && strings.Contains(cmp.Or(s.Decline, "2"), key):
			return errDeclined
		}
	}
	return errDeclined
}

// whoCalls says a caller's number.
func whoCalls(caller *ari.Channel) Phrase {
	if caller == nil || caller.Caller.Number == "" {
		return Sounds("vm-unknown-caller")
	}
	return Phrase{Sound("vm-from-phonenumber"), Digits(caller.Caller.Number)}
}
