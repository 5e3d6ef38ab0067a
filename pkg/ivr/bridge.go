package ivr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// BridgeOptions say how a conversation goes. The zero value lets two parties talk until one hangs up.
type BridgeOptions struct {
	// Limit is how long the conversation may last; 0 is no limit.
	Limit time.Duration

	// Warnings tell the caller that the limit comes near.
	Warnings []Warning

	// Commands are what the parties can do by keys while they talk.
	Commands []Command

	// Refer, if set, lets the parties' telephones transfer the call by their own transfer key (SIP REFER): see
	// [TransferOptions]. Where it isn't set, Asterisk does what it does by itself. Since Asterisk 20.13, 21.8, 22.3.
	Refer *TransferOptions
}

// A Warning is played to the caller some time before a conversation's limit.
type Warning struct {
	// Before is how long before the limit it begins.
	Before time.Duration

	// Prompt is played; a beep by default.
	Prompt Phrase
}

// A Side is who may press the keys of a [Command].
type Side uint8

// The sides.
const (
	Either Side = iota
	ByCaller
	ByCallee
)

// A Command is something that can be done by keys in a conversation, such as [TransferByKeys].
type Command struct {
	// Keys are what to press, such as "*1". The keys of one command may be 3 s apart at most.
	Keys string

	// By says who may press them.
	By Side

	// Do does it. ctx doesn't end with one of the parties, but with the function that the conversation belongs to. If the outcome isn't empty, the
	// conversation ends with it; with an error, it fails. Otherwise it goes on, and who has left the bridge meanwhile is put
	// back into it.
	Do func(ctx context.Context, c *Conversation) (Outcome, error)
}

// A Conversation is what a [Command] works on.
type Conversation struct {
	Caller, Callee *ari.Channel
	Bridge         *ari.Bridge

	// By is who has pressed the keys, and Other the other party.
	By, Other *ari.Channel

	// Keypad has the keys that By presses from then on; nil if it was no key.
	Keypad *ari.Keypad

	res *BridgeResult
}

type conversation = Conversation

// A BridgeResult is how a conversation went.
type BridgeResult struct {
	// Outcome is HungUp, PeerHungUp, TimeLimit, Transferred, Canceled, Failed, or what a command said.
	Outcome Outcome

	// Duration is how long it lasted.
	Duration time.Duration

	// Keys are those of the command that ended it.
	Keys string

	// Transfer is what came of a transfer, if there was one: whom the call went to, and how they talked.
	Transfer *DialResult
}

// Bridge lets two parties talk, and returns when one of them hangs up, the limit is reached or a command ends it. Both must be
// answered. The channels stay as they are: who didn't hang up is there, and in no bridge.
//
// The bridge reports keys only if there are commands; without, Asterisk can connect two telephones past itself. When the
// callee has hung up, the outcome is PeerHungUp and the error nil; when the caller has, the error is his end. It fails
// with ari.ErrNoEvents without a connected client. Since Asterisk 12.
func Bridge(ctx context.Context, caller, callee *ari.Channel, opts BridgeOptions) (*BridgeResult, error) {
	return converse(ctx, conversation{Caller: caller, Callee: callee}, opts)
}

// bridgeType is a bridge's type that is right for the options.
func (o *BridgeOptions) bridgeType() string {
	if len(o.Commands) > 0 {
		return "mixing,dtmf_events"
	}
	return "mixing"
}

// A talk is a conversation that is going on.
type talk struct {
	conversation
	opts           *BridgeOptions
	caller, callee presence
	pressed        chan keyPress
}

// A presence is a channel's being there.
type presence struct {
	left <-chan struct{}
	why  func() error // nil as long as it is there
}

// watch watches a channel's presence.
func watch(ctx context.Context, ch *ari.Channel) (p presence, release func()) {
	ctx, release = ch.Context(ctx)
	return presence{ctx.Done(), func() error { return context.Cause(ctx) }}, release
}

// endOf is the end of a channel, if that is what an error is; otherwise nil.
func endOf(err error, ch *ari.Channel) error {
	if end, ok := errors.AsType[*ari.EndError](err); ok && end.Entity.ID == ch.ID {
		return end
	}
	return nil
}

// A keyPress is a command that somebody has given.
type keyPress struct {
	command *Command
	by      *ari.Channel
	keypad  *ari.Keypad
	done    chan struct{} // closed when it is done
}

// converse connects two parties in a bridge of theirs, or one that they are in already.
func converse(ctx context.Context, c conversation, opts BridgeOptions) (res *BridgeResult, err error) {
	res = &BridgeResult{Outcome: Failed}
	var clean cleaner
	defer clean.run(&err)
	if err := opts.check(); err != nil {
		return res, err
	}
	c.res = res
	t := &talk{conversation: c, opts: &opts, pressed: make(chan keyPress)}
	ctx, cancel := context.WithCancel(ctx)
	var release func()
	t.caller, release = watch(ctx, c.Caller)
	defer release()
	t.callee, release = watch(ctx, c.Callee)
	defer release()
	var listeners sync.WaitGroup
	defer listeners.Wait()
	defer cancel()
	t.listen(ctx, &listeners)
	err = t.listenRefer(ctx, &listeners)
	if err == nil && t.Bridge == nil {
		err = t.connect(ctx, &clean)
	}
	begun := time.Now()
	if err == nil {
		res.Keys, res.Outcome, err = t.last(ctx, &listeners)
	}
	res.Duration = time.Since(begun)
	if err != nil || res.Outcome == "" {
		res.Outcome, err = t.ended(ctx, err)
	} else { // A caller who has transferred the other is gone.
		err = endOf(t.caller.why(), t.Caller)
	}
	return res, err
}

// check returns an error that is ErrInvalid if the options make no sense.
func (o *BridgeOptions) check() error {
	for _, c := range o.Commands {
		if c.Keys == "" || strings.Trim(c.Keys, "0123456789*#ABCD") != "" || c.Do == nil {
			return fmt.Errorf("ivr: bridge: %w: a command needs keys of a telephone (%q) and something to do", ari.ErrInvalid, c.Keys)
		}
	}
	return nil
}

// connect puts the two into a new bridge.
func (t *talk) connect(ctx context.Context, clean *cleaner) error {
	bridge, err := createBridge(ctx, t.Caller.Controller(), t.opts.bridgeType(), clean)
	if err != nil {
		return err
	}
	t.Bridge = bridge
	return bridge.AddChannel(ctx, t.Caller.ID, t.Callee.ID)
}

// last returns when the conversation is over. Without an outcome or an error, somebody has left.
func (t *talk) last(ctx context.Context, playing *sync.WaitGroup) (keys string, out Outcome, err error) {
	var limit <-chan time.Time
	if t.opts.Limit > 0 {
		limit = time.After(t.opts.Limit)
		for _, w := range t.opts.Warnings {
			playing.Go(func() { t.warn(ctx, w) })
		}
	}
	for {
		select {
		case <-t.caller.left:
			return "", "", nil
		case <-t.callee.left:
			return "", "", nil
		case <-limit:
			return "", TimeLimit, nil
		case p := <-t.pressed:
			out, err := t.do(ctx, p)
			if out != "" || err != nil {
				return p.command.Keys, out, err
			}
		}
	}
}

// warn tells the caller that the limit comes near.
func (t *talk) warn(ctx context.Context, w Warning) {
	prompt := w.Prompt
	if len(prompt) == 0 {
		prompt = Sounds("beep")
	}
	if pause(ctx, max(0, t.opts.Limit-w.Before)) {
		_ = playPhrase(ctx, t.Caller, "", prompt)
	}
}

// listen waits for the keys of both parties.
func (t *talk) listen(ctx context.Context, listeners *sync.WaitGroup) {
	for _, side := range []struct {
		by Side
		ch *ari.Channel
	}{{ByCaller, t.Caller}, {ByCallee, t.Callee}} {
		commands := make(map[string]*Command)
		var sequences []string
		for i, c := range t.opts.Commands {
			if c.By == Either || c.By == side.by {
				commands[c.Keys] = &t.opts.Commands[i]
				sequences = append(sequences, c.Keys)
			}
		}
		if len(sequences) == 0 {
			continue
		}
		keypad := side.ch.Keypad()
		listeners.Go(func() {
			defer keypad.Close()
			for {
				keys, err := keypad.Match(ctx, sequences...)
				if err != nil {
					return
				}
				p := keyPress{commands[keys], side.ch, keypad, make(chan struct{})}
				select {
				case t.pressed <- p:
				case <-ctx.Done():
					return
				}
				select {
				case <-p.done:
				case <-ctx.Done():
					return
				}
			}
		})
	}
}

// do does what somebody has asked for by keys.
func (t *talk) do(ctx context.Context, p keyPress) (Outcome, error) {
	defer close(p.done)
	c := t.conversation
	c.By, c.Other, c.Keypad = p.by, t.Callee, p.keypad
	if p.by == t.Callee {
		c.Other = t.Caller
	}
	out, err := p.command.Do(ctx, &c)
	if out != "" || err != nil || t.caller.why() != nil || t.callee.why() != nil {
		return out, err
	}
	// It may be that nobody has left the bridge; to be added once more does little harm then, but is heard.
	now, err := t.Bridge.Refresh(ctx)
	if err != nil {
		return "", err
	}
	for _, ch := range []*ari.Channel{t.Caller, t.Callee} {
		if !slices.Contains(now.Channels, ch.ID) {
			err = errors.Join(err, t.Bridge.AddChannel(ctx, ch.ID))
		}
	}
	return "", err
}

// ended says who has left, or what else has ended the conversation.
func (t *talk) ended(ctx context.Context, err error) (Outcome, error) {
	if isGone(err) && ctx.Err() == nil { // Somebody's end is on its way.
		select {
		case <-t.caller.left:
		case <-t.callee.left:
		case <-time.After(leaveTime):
		}
	}
	if end := endOf(t.caller.why(), t.Caller); end != nil {
		return HungUp, end
	}
	if ctx.Err() != nil {
		return outcomeOf(ctx, ctx.Err()), reasonOf(ctx)
	}
	if t.calleeLeft() {
		return PeerHungUp, nil
	}
	if err == nil { // Nobody can tell of ends.
		err = cmp.Or(t.caller.why(), t.callee.why())
	}
	return outcomeOf(ctx, err), err
}

func (t *talk) calleeLeft() bool { return endOf(t.callee.why(), t.Callee) != nil }
