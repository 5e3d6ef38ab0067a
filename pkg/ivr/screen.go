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
	// Media are played to who has answered. By default he hears the caller's number: vm-from-phonenumber and its digits,
	// or vm-unknown-caller.
	Media []string

	// Accept are keys that take the call, "1" by default; Decline are keys that don't, "2" by default.
	Accept, Decline string

	// Timeout is how long to wait for a key, from the end of the media on; 0 stands for 5 s.
	Timeout time.Duration

	// Repeats is how often the media are played again when no key comes, or another one.
	Repeats int

	// Lang is the language of the media; by default the channel's.
	Lang string
}

const defaultScreenTime = 5 * time.Second

// ask returns nil if the call is wanted; errDeclined if it isn't, or who has answered hangs up.
func (s *Screen) ask(ctx context.Context, caller, callee *ari.Channel) error {
	media := s.Media
	if len(media) == 0 {
		media = whoCalls(caller)
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

// whoCalls are media that say a caller's number.
func whoCalls(caller *ari.Channel) []string {
	if caller == nil || caller.Caller.Number == "" {
		return []string{"sound:vm-unknown-caller"}
	}
	media := []string{"sound:vm-from-phonenumber"}
	for _, c := range caller.Caller.Number {
		if c >= '0' && c <= '9' {
			media = append(media, "sound:digits/"+string(c))
		}
	}
	return media
}
