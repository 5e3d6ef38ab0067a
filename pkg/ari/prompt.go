package ari

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// ErrTooFewDigits says that a caller has typed fewer digits than [PromptOptions] asks for.
var ErrTooFewDigits = errors.New("ari: too few digits")

// How long a caller may take, unless PromptOptions say otherwise.
const (
	defaultFirstTimeout = 5 * time.Second
	defaultDigitTimeout = 3 * time.Second
)

// NoTimeout stands for a time without an end in [PromptOptions].
const NoTimeout time.Duration = math.MaxInt64

// telephoneKeys are the keys that a telephone can have.
const telephoneKeys = "0123456789*#ABCD"

// PromptOptions say what a caller is expected to type. The zero value takes as many digits as are typed without a pause.
type PromptOptions struct {
	// MaxDigits is with how many digits the input is complete; 0 stands for no limit.
	MaxDigits int

	// MinDigits is how many digits are needed: fewer are [ErrTooFewDigits]. With 0, typing nothing is no error.
	MinDigits int

	// Terminators are keys that end the input, such as "#". They are not part of it.
	Terminators string

	// FirstTimeout is how long to wait for the first key, from the end of the media on; 0 stands for 5 s, and NoTimeout for
	// as long as ctx and the call last. With a negative value, only what is typed before that end counts.
	FirstTimeout time.Duration

	// DigitTimeout is how long to wait for each further key, 0 stands for 3 s. With a negative value, only what has been
	// typed already counts.
	DigitTimeout time.Duration

	// NoBargeIn has the media played to their end whatever is typed meanwhile. Otherwise the first key ends them, and
	// they don't begin if something has been typed ahead.
	NoBargeIn bool

	// Lang is the language of the media, such as "en"; by default the channel's.
	Lang string
}

// check returns an error that is ErrInvalid if the options make no sense.
func (o *PromptOptions) check() error {
	switch {
	case o.MaxDigits < 0 || o.MinDigits < 0:
		return annotate("prompt", fmt.Errorf("%w: a negative number of digits", ErrInvalid))
	case o.MaxDigits > 0 && o.MinDigits > o.MaxDigits:
		return annotate("prompt", fmt.Errorf("%w: %d digits at least and %d at most", ErrInvalid, o.MinDigits, o.MaxDigits))
	case strings.Trim(o.Terminators, telephoneKeys) != "":
		return annotate("prompt", fmt.Errorf("%w: the terminators %q are not all keys of a telephone", ErrInvalid, o.Terminators))
	}
	return nil
}

// A Keypad collects the keys that a caller presses, for one [Keypad.Prompt] after another. What is typed ahead, before a
// prompt has begun, is kept for it: callers who know a menu don't wait for its questions.
//
// [Channel.Keypad] makes one. Make it when the call begins, and close it at the end. While the channel is in a bridge, keys
// are reported only if the bridge sees the audio: see [Controller.CreateBridge].
type Keypad struct {
	ch   *Channel
	keys *Subscription[*ChannelDtmfReceived]
}

// Keypad returns a keypad of the channel, which collects keys from this call on. Each keypad of a channel gets all of them.
func (o *Channel) Keypad() *Keypad {
	if o == nil {
		o = &Channel{} // Its prompts fail.
	}
	return &Keypad{ch: o, keys: Subscribe[*ChannelDtmfReceived](o)}
}

// Close ends the keypad, and a prompt that is under way. It may be called more than once.
func (k *Keypad) Close() { k.keys.Close() }

// Flush throws away what has been typed ahead, as one does before a question that nobody can expect, or whose answer
// must be deliberate.
func (k *Keypad) Flush() {
	for {
		if _, ok := k.keys.TryNext(); !ok {
			return
		}
	}
}

// Prompt plays media, one after the other, and returns the digits that the caller types. What was typed ahead counts;
// what is typed beyond the end of the input is kept for the next prompt. Without media it only waits for digits. The
// channel must be answered.
//
// The input ends with MaxDigits, with a terminator, or when the caller takes too long. Nothing typed is an empty string
// and no error, whether by a terminator or by a time-out, unless MinDigits asks for more. With an error come the digits
// that there are.
//
// A hangup ends Prompt at once with an [*EndError], as does whatever else takes the channel away from the application;
// but an input that is complete by then is returned. The error is ErrPlaybackFailed if a medium can't be played, and then
// those that follow aren't; ErrTooFewDigits if MinDigits aren't reached; ErrInvalid if the options make no sense;
// ErrPreconditionFailed if the channel isn't answered; ErrNoEvents without a connected client; and ctx's error when ctx
// ends, which stops the media. While the connection is down, digits are lost.
//
// A key stops the media, except for number:, digits: and characters:, which Asterisk can't stop: they are played to their
// end, which Prompt doesn't wait for, and the media behind them don't begin.
//
// A keypad has one Prompt at a time. Since Asterisk 12.
func (k *Keypad) Prompt(ctx context.Context, opts PromptOptions, media ...string) (string, error) {
	if err := opts.check(); err != nil {
		return "", err
	}
	if !k.ch.Controller().hasEvents() {
		return "", ErrNoEvents
	}
	in := input{PromptOptions: opts}
	err := k.play(ctx, &in, media)
	for err != nil && !in.ended { // What was typed meanwhile counts.
		ev, ok := k.keys.TryNext()
		if !ok {
			break
		}
		in.press(ev.Digit)
	}
	if _, hungUp := errors.AsType[*EndError](err); err == nil || hungUp && in.ended {
		err = k.collect(ctx, &in)
	}
	return in.digits, err
}

// Prompt plays media, one after the other, and returns the digits that the caller types from this call on, as
// [Keypad.Prompt] does. It is for a single question: what is typed before or after it is lost. Use [Channel.Keypad] for a
// dialogue. Since Asterisk 12.
func (o *Channel) Prompt(ctx context.Context, opts PromptOptions, media ...string) (string, error) {
	k := o.Keypad()
	defer k.Close()
	return k.Prompt(ctx, opts, media...)
}

// An input is what has been typed so far.
type input struct {
	PromptOptions
	digits string
	begun  bool // a key has been pressed
	ended  bool // no more keys belong to it
}

func (in *input) press(key string) {
	in.begun = true
	if strings.Contains(in.Terminators, key) {
		in.ended = true
		return
	}
	in.digits += key
	in.ended = len(in.digits) == in.MaxDigits
}

// play plays the media until a key is pressed, or to their end.
func (k *Keypad) play(ctx context.Context, in *input, media []string) error {
	for _, medium := range media {
		if !in.NoBargeIn {
			if ev, ok := k.keys.TryNext(); ok {
				in.press(ev.Digit)
				return nil
			}
		}
		if err := k.over(ctx); err != nil {
			return err
		}
		id := k.ch.ctrl.NewID()
		playback, err := k.ch.PlayWith(ctx, PlayOptions{PlaybackID: id, Lang: in.Lang}, medium)
		if err == nil {
			err = k.listen(ctx, in, playback)
		} else {
			playback = k.ch.ctrl.Playback(id) // It may have begun when ctx ended.
		}
		if in.begun || k.over(ctx) != nil {
			k.silence(ctx, playback)
		}
		if err != nil {
			err = k.reason(ctx, err)
		}
		if err != nil || in.begun {
			return err
		}
	}
	return nil
}

// over returns why no prompt can go on; nil if one can.
func (k *Keypad) over(ctx context.Context) error {
	if err := k.keys.Err(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctxError(ctx)
	}
	return nil
}

// listen waits until a playback is over, or a key is pressed.
func (k *Keypad) listen(ctx context.Context, in *input, playback *Playback) error {
	if in.NoBargeIn {
		return playback.Wait(ctx)
	}
	playing, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan error, 1)
	go func() {
		defer cancel()
		over <- playback.Wait(playing)
	}()
	ev, err := k.keys.Next(playing)
	cancel()
	ended := <-over
	if err == nil {
		in.press(ev.Digit)
		return nil
	}
	if err := k.keys.Err(); err != nil {
		return err
	}
	return ended
}

// silence stops a playback, as far as that is possible.
func (k *Keypad) silence(ctx context.Context, playback *Playback) {
	if _, ended := errors.AsType[*EndError](k.keys.Err()); ended {
		return // The channel is gone, and the playback with it.
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	const shortly = 10 * time.Millisecond
	for pause := shortly; ; pause *= 2 {
		// For a moment after it has begun, no playback can be stopped.
		if err := playback.Stop(ctx); !errors.Is(err, ErrInternal) || !stoppable(playback.MediaURI) {
			return
		}
		if playback.life == nil { // Nobody knows whether it has come to be.
			if !sleep(ctx, pause) {
				return
			}
			continue
		}
		if _, err := waitBriefly(ctx, playback.life, pause, stageEnded); !errors.Is(err, errTooLong) {
			return
		}
	}
}

// stoppable reports whether Asterisk can stop a medium once it has begun.
func stoppable(media string) bool {
	kind, _, _ := strings.Cut(media, ":")
	return kind != "number" && kind != "digits" && kind != "characters"
}

// collect waits for the rest of the input.
func (k *Keypad) collect(ctx context.Context, in *input) error {
	for !in.ended {
		ev, err := k.next(ctx, in.timeout())
		if errors.Is(err, errTooLong) {
			break
		}
		if err != nil {
			return err
		}
		in.press(ev.Digit)
	}
	if len(in.digits) < in.MinDigits {
		return fmt.Errorf("%w: %d instead of %d", ErrTooFewDigits, len(in.digits), in.MinDigits)
	}
	return nil
}

// timeout is how long the next key may take.
func (in *input) timeout() time.Duration {
	limit, usual := in.FirstTimeout, defaultFirstTimeout
	if in.begun {
		limit, usual = in.DigitTimeout, defaultDigitTimeout
	}
	if limit == 0 {
		return usual
	}
	return limit
}

// next returns the next key, or fails with errTooLong if none is pressed in time.
func (k *Keypad) next(ctx context.Context, limit time.Duration) (*ChannelDtmfReceived, error) {
	if limit == NoTimeout {
		return k.keys.Next(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTooLong)
	defer cancel()
	return k.keys.Next(ctx)
}

// Match waits until the caller types one of these sequences of keys, such as "*1" and "*2", and returns it: keys with which
// a call that is going on can be commanded. Other keys are passed over. The keys of a sequence may be 3 s apart at most. If
// one sequence ends with another, the longer one is meant; if one begins with another, the shorter one is always found
// first.
//
// It fails as [Keypad.Prompt] does: with an [*EndError] when the call ends, ctx's error when ctx ends, ErrInvalid if there is
// no sequence or one isn't made of a telephone's keys. Asterisk reports keys that are pressed in a bridge only if it is made
// for that: see [Controller.CreateBridge].
func (k *Keypad) Match(ctx context.Context, sequences ...string) (string, error) {
	longest := 0
	for _, s := range sequences {
		if s == "" || strings.Trim(s, telephoneKeys) != "" {
			return "", annotate("match", fmt.Errorf("%w: the sequence %q is not made of a telephone's keys", ErrInvalid, s))
		}
		longest = max(longest, len(s))
	}
	if longest == 0 {
		return "", annotate("match", fmt.Errorf("%w: there is no sequence of keys", ErrInvalid))
	}
	if !k.ch.Controller().hasEvents() {
		return "", ErrNoEvents
	}
	for typed := ""; ; {
		limit := NoTimeout
		if typed != "" {
			limit = defaultDigitTimeout
		}
		ev, err := k.next(ctx, limit)
		if errors.Is(err, errTooLong) {
			typed = ""
			continue
		}
		if err != nil {
			return "", err
		}
		typed += ev.Digit
		typed = typed[max(0, len(typed)-longest):]
		if found := longestSuffix(typed, sequences); found != "" {
			return found, nil
		}
	}
}

// longestSuffix returns the longest of the sequences with which a text ends, or "".
func longestSuffix(text string, sequences []string) (found string) {
	for _, s := range sequences {
		if len(s) > len(found) && strings.HasSuffix(text, s) {
			found = s
		}
	}
	return found
}

// failureLag is endLag for a playback that has failed. Most hangups that make one fail are told before that. That of a
// channel that has used its time up is not, but its end follows at once; and if a medium is missing, the caller hears
// nothing meanwhile.
const failureLag = 100 * time.Millisecond

// reason returns why a prompt has failed: err, or what is behind it. It is nil if nothing has failed.
func (k *Keypad) reason(ctx context.Context, err error) error {
	var lag time.Duration
	switch {
	case errors.Is(err, ErrPlaybackFailed):
		lag = failureLag
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrNotInStasis):
		lag = endLag
	case ctx.Err() != nil:
		return ctxError(ctx)
	case errors.Is(err, ErrGap) && k.keys.Err() == nil:
		return nil // Nobody knows how the playback has ended, but the call goes on.
	default:
		return err
	}
	waiting, cancel := context.WithTimeoutCause(ctx, lag, errTooLong)
	defer cancel()
	if end := k.keys.AwaitEnd(waiting); !errors.Is(end, errTooLong) {
		return end
	}
	return err
}
