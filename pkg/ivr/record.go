package ivr

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// The times that hold where the options say nothing.
const (
	defaultMaxRecording = 3 * time.Minute
	defaultMaxSilence   = 5 * time.Second
)

// RecordOptions say how somebody is recorded. The zero value beeps, and records up to three minutes, until the key #, five seconds of
// silence or the hangup.
type RecordOptions struct {
	// Name is the recording's name, below Asterisk's folder of recordings; a new one if it is empty. Format is "wav" by default.
	Name, Format string

	// Prompt is played before.
	Prompt Phrase

	// NoBeep leaves the beep out.
	NoBeep bool

	// MaxDuration is how long it may last: 3 minutes by default. MaxSilence is how long a silence ends it: 5 s by default; a
	// negative one never does, and then it isn't known whether anything was said. Both count in whole seconds.
	MaxDuration, MaxSilence time.Duration

	// MinDuration is how long it must be to be kept.
	MinDuration time.Duration

	// EndKeys are keys that end it: "#" by default, "-" is none.
	EndKeys string

	// Append adds to what is recorded under that name already. Otherwise it is replaced.
	Append bool

	// Review lets the caller decide what becomes of the recording: 1 keeps it, 2 plays it, 3 records anew, 4 goes on with
	// it, * throws it away. ReviewPrompt says so: the sound vm-review by default. Who hangs up or presses nothing keeps it.
	Review       bool
	ReviewPrompt Phrase

	// Lang is the language of the prompts; by default the channel's.
	Lang string

	// Keypad is where keys come from.
	Keypad *ari.Keypad
}

// A RecordResult is what was recorded.
type RecordResult struct {
	// Outcome is Key, Silence, TimeLimit or HungUp, which ended it; Discarded; Canceled or Failed.
	Outcome Outcome

	// Recording is what is kept; nil if nothing is: it was too short, nothing was said, or it was thrown away.
	Recording *ari.StoredRecording

	// Duration is how long it lasts, in whole seconds.
	Duration time.Duration

	// Key is the key that ended it.
	Key string
}

// Record records what a caller says. What he has said before he hangs up is kept; then the outcome is HungUp, and the error
// his end. When ctx ends otherwise, nothing is kept.
//
// It fails as the package's documentation says; besides, with ari.ErrUnprocessable if the format is unknown, and with
// ari.ErrNotInStasis if the channel is in a bridge. The channel must be answered. Since Asterisk 12; playing it back since 14.
func Record(ctx context.Context, caller *ari.Channel, opts RecordOptions) (*RecordResult, error) {
	r := &recorder{ch: caller, opts: opts, res: &RecordResult{Outcome: Failed}}
	r.opts.Name = cmp.Or(opts.Name, caller.Controller().NewID())
	r.opts.Format = cmp.Or(opts.Format, "wav")
	r.opts.MaxDuration = cmp.Or(opts.MaxDuration, defaultMaxRecording)
	r.opts.MaxSilence = max(0, cmp.Or(opts.MaxSilence, defaultMaxSilence))
	r.opts.EndKeys = strings.ReplaceAll(cmp.Or(opts.EndKeys, "#"), "-", "")
	ctx, release := caller.Context(ctx)
	defer release()
	keypad, done := keypadOf(caller, opts.Keypad)
	defer done()
	r.opts.Keypad = keypad
	err := playPhrase(ctx, caller, opts.Lang, opts.Prompt)
	if err == nil {
		err = r.record(ctx, opts.Append)
	}
	if err == nil && r.res.Recording != nil && opts.Review {
		err = r.review(ctx)
	}
	if err != nil {
		err = leaving(ctx, err, caller)
		r.res.Outcome = outcomeOf(ctx, err)
	}
	return r.res, err
}

// A recorder records somebody.
type recorder struct {
	ch   *ari.Channel
	opts RecordOptions
	res  *RecordResult
}

// record records once.
func (r *recorder) record(ctx context.Context, more bool) error {
	ifExists := ari.IfExistsOverwrite
	if more {
		ifExists = ari.IfExistsAppend
	}
	live, err := r.ch.RecordWith(ctx, r.opts.Name, r.opts.Format, ari.RecordOptions{
		MaxDuration: r.opts.MaxDuration, MaxSilence: r.opts.MaxSilence, IfExists: ifExists, Beep: !r.opts.NoBeep,
	})
	if err != nil {
		return err
	}
	key := r.await(ctx, live)
	if ctx.Err() != nil && !isEnd(context.Cause(ctx)) {
		err := undo(ctx, r.ch.Controller(), live.Cancel)
		return errors.Join(reasonOf(ctx), err, r.drop(ctx))
	}
	waiting, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	final, err := live.Wait(waiting)
	if err != nil && !isEnd(err) {
		return err
	}
	if key == "" && (isEnd(err) || r.unexplained(final)) {
		pause(ctx, leaveTime) // The caller's end is on its way, most likely.
	}
	r.judge(ctx, final, key)
	if r.res.Recording == nil {
		err = r.drop(ctx)
	} else {
		err = nil
	}
	if ctx.Err() != nil {
		return errors.Join(err, reasonOf(ctx))
	}
	return err
}

// await waits for the end of a recording, and returns the key that ended it.
func (r *recorder) await(ctx context.Context, live *ari.LiveRecording) (key string) {
	listening, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		if r.opts.EndKeys == "" {
			return
		}
		if k, err := r.opts.Keypad.Match(listening, strings.Split(r.opts.EndKeys, "")...); err == nil {
			key = k
			r.stop(listening, live)
		}
	}()
	select {
	case <-live.Done():
	case <-ctx.Done():
		if isEnd(context.Cause(ctx)) { // The recording's own end follows.
			select {
			case <-live.Done():
			case <-time.After(leaveTime):
			}
		}
	}
	cancel()
	<-over
	return key
}

// stop ends a recording, also after an outage if ctx is still alive then: it ends when the recording does.
func (r *recorder) stop(ctx context.Context, live *ari.LiveRecording) {
	for {
		err := live.Stop(ari.Cleanup(ctx))
		if !errors.Is(err, ari.ErrConnection) || !pause(ctx, retryPause) || r.ch.Controller().WaitConnected(ctx) != nil {
			return
		}
	}
}

// unexplained reports whether a recording ended neither by time nor by silence.
func (r *recorder) unexplained(final *ari.LiveRecording) bool {
	return final != nil && final.Duration() < r.opts.MaxDuration-time.Second &&
		(r.opts.MaxSilence == 0 || final.SilenceDuration() < r.opts.MaxSilence-time.Second)
}

// judge says why a recording ended, and whether it is kept.
func (r *recorder) judge(ctx context.Context, final *ari.LiveRecording, key string) {
	res := r.res
	res.Key, res.Recording, res.Duration = key, r.ch.Controller().StoredRecording(r.opts.Name), 0
	spoken := true
	if final != nil {
		res.Duration = final.Duration()
		spoken = r.opts.MaxSilence == 0 || final.TalkingDuration() > 0
	}
	switch {
	case isEnd(context.Cause(ctx)):
		res.Outcome = HungUp
	case key != "":
		res.Outcome = Key
	case res.Duration >= r.opts.MaxDuration:
		res.Outcome = TimeLimit
	default:
		res.Outcome = Silence
	}
	if !spoken || res.Duration < r.opts.MinDuration {
		res.Recording = nil
	}
}

// drop deletes what has been recorded.
func (r *recorder) drop(ctx context.Context) error {
	r.res.Recording = nil
	return undo(ctx, r.ch.Controller(), r.ch.Controller().StoredRecording(r.opts.Name).Delete)
}

// review lets the caller decide what becomes of his recording.
func (r *recorder) review(ctx context.Context) error {
	prompt := r.opts.ReviewPrompt
	if prompt == nil {
		prompt = Sounds("vm-review")
	}
	for r.res.Recording != nil {
		choice, err := Menu(ctx, r.ch, MenuOptions{Prompt: prompt, Keys: []string{"1", "2", "3", "4", "*"}, Lang: r.opts.Lang, Keypad: r.opts.Keypad})
		if err != nil || choice.Outcome != Done {
			return err
		}
		switch choice.Digits {
		case "1":
			return nil
		case "2":
			_, err = Say(ctx, r.ch, SayOptions{Lang: r.opts.Lang, Keypad: r.opts.Keypad}, StoredRecording(r.opts.Name))
		case "3", "4":
			err = r.record(ctx, choice.Digits == "4")
		case "*":
			r.res.Outcome = Discarded
			return r.drop(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
