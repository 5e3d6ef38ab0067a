package ivr

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/ari-go/ari/pkg/ari"
)

// TransferOptions say how a party of a conversation transfers the other one: see [BlindTransfer], [AttendedTransfer] and
// BridgeOptions.Refer. The zero value takes a number and calls it as Local/NUMBER@default.
type TransferOptions struct {
	// Targets says whom to call for a number; nobody, if the number isn't allowed. Nil is Local/NUMBER@default.
	Targets func(number string) []Target

	// Number, if it isn't empty, is called without asking for one.
	Number string

	// Prompt asks for the number: by default the sound pbx-transfer. MaxDigits is how many digits it has at most; it ends with # or
	// after a pause.
	Prompt    Phrase
	MaxDigits int

	// Hold is what the transferred party hears meanwhile: music by default.
	Hold Waiting

	// Dial says how the target is called, and how the conversation goes then; its Targets aren't used.
	Dial DialOptions

	// Failed tells who transfers that the target couldn't be reached: by default the sound beeperr.
	Failed Phrase

	// Complete and Cancel are the keys with which who transfers ends a consultation: "*2" connects the others, as does to hang
	// up, and "*#" brings him back to the other one.
	Complete, Cancel string
}

// BlindTransfer is a command for [BridgeOptions]: who presses the keys is asked for a number, and is hung up when he has dialled one.
// The other party hears how the number is called, and talks to who answers. The conversation's outcome is Transferred, and
// its result's Transfer says what came of it. Then the caller of [Dial] is in the script's hands again, unless it was he who transferred.
func BlindTransfer(keys string, by Side, opts TransferOptions) Command {
	return Command{Keys: keys, By: by, Do: opts.blind}
}

// AttendedTransfer is a command for [BridgeOptions]: who presses the keys is asked for a number, and talks to who answers there,
// while the other party hears music. By hanging up, or with the key Complete, he connects the two; with Cancel, or when the
// number doesn't answer or hangs up, he is back with the other party.
//
// If he hangs up while the number is still ringing, the other party hears it ring.
func AttendedTransfer(keys string, by Side, opts TransferOptions) Command {
	return Command{Keys: keys, By: by, Do: opts.attended}
}

// targets are whom to call for a number.
func (o *TransferOptions) targets(number string) []Target {
	switch {
	case number == "":
		return nil
	case o.Targets == nil:
		return Endpoints("Local/" + number + "@default")
	}
	return o.Targets(number)
}

// ask asks who transfers for the number.
func (o *TransferOptions) ask(ctx context.Context, c *Conversation) ([]Target, error) {
	if o.Number != "" {
		return o.targets(o.Number), nil
	}
	prompt := o.Prompt
	if prompt == nil {
		prompt = Sounds("pbx-transfer")
	}
	res, err := Ask(ctx, c.By, AskOptions{Prompt: prompt, MaxDigits: o.MaxDigits, Attempts: 1, Keypad: c.Keypad})
	return o.targets(res.Digits), err
}

// hold lets the other party wait out of the bridge.
func (o *TransferOptions) hold(ctx context.Context, c *Conversation) (end func(), err error) {
	if err := c.Bridge.RemoveChannel(ctx, c.Other.ID); err != nil {
		return func() {}, err
	}
	end, err = o.Hold.or(Music("")).begin(ctx, c.Other)
	return sync.OnceFunc(end), err
}

// besides is a context that ends with ctx, unless that ends since By has left, and with the other party.
func (c *Conversation) besides(ctx context.Context) (context.Context, func()) {
	free, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if endOf(context.Cause(ctx), c.By) == nil {
			cancel(context.Cause(ctx))
		}
	})
	free, release := c.Other.Context(free)
	return free, func() {
		stop()
		release()
		cancel(nil)
	}
}

// settle ends a transfer's command. An error that only says that the other party has left is none of the caller's script, if that
// party isn't the caller.
func (c *Conversation) settle(out Outcome, err error) (Outcome, error) {
	if c.Other != c.Caller && endOf(err, c.Other) != nil || endOf(err, c.By) != nil {
		err = nil
	}
	return out, err
}

// blind carries out a blind transfer.
func (o *TransferOptions) blind(ctx context.Context, c *Conversation) (Outcome, error) {
	ctx, release := c.besides(ctx)
	defer release()
	end, err := o.hold(ctx, c)
	defer end()
	if err != nil {
		return c.settle("", err)
	}
	targets, err := o.ask(ctx, c)
	if err != nil || len(targets) == 0 {
		return c.settle("", err)
	}
	end()
	if err := hangUp(ctx, c.By, "", false); err != nil {
		return "", err
	}
	return c.settle(Transferred, o.handOver(ctx, c, targets))
}

// handOver connects the other party with targets, and returns when that is over.
func (o *TransferOptions) handOver(ctx context.Context, c *Conversation, targets []Target) (err error) {
	opts := o.Dial
	opts.Targets = targets
	c.res.Transfer, err = Dial(ctx, c.Other, opts)
	return errors.Join(err, c.letGo(ctx))
}

// letGo hangs the other party up behind a transfer, if nobody else would.
func (c *Conversation) letGo(ctx context.Context) error {
	if c.Other == c.Caller {
		return nil
	}
	return hangUp(ctx, c.Other, "", false)
}

// attended carries out an attended transfer.
func (o *TransferOptions) attended(ctx context.Context, c *Conversation) (Outcome, error) {
	ctx, release := c.besides(ctx)
	defer release()
	end, err := o.hold(ctx, c)
	defer end()
	if err != nil {
		return c.settle("", err)
	}
	targets, err := o.ask(ctx, c)
	if err != nil || len(targets) == 0 {
		return c.settle("", err)
	}
	opts := o.Dial
	opts.Targets, opts.EarlyMedia = targets, false
	reached, err := Reach(ctx, c.By, opts)
	switch {
	case endOf(err, c.By) != nil: // He doesn't wait for the answer.
		end()
		return c.settle(Transferred, o.handOver(ctx, c, targets))
	case err != nil:
		return c.settle("", err)
	case reached.Outcome != Answered:
		return c.settle("", o.failed(ctx, c))
	}
	complete, err := o.consult(ctx, c, reached.Channel)
	if err != nil || !complete {
		return c.settle("", errors.Join(err, hangUp(ctx, reached.Channel, "", false)))
	}
	end()
	return o.complete(ctx, c, reached)
}

// failed tells who transfers that nobody was reached.
func (o *TransferOptions) failed(ctx context.Context, c *Conversation) error {
	prompt := o.Failed
	if prompt == nil {
		prompt = Sounds("beeperr")
	}
	return playPhrase(ctx, c.By, "", prompt)
}

// consult lets who transfers talk to the target, and reports whether the others are to be connected.
func (o *TransferOptions) consult(ctx context.Context, c *Conversation, target *ari.Channel) (bool, error) {
	give := func(out Outcome) func(context.Context, *Conversation) (Outcome, error) {
		return func(context.Context, *Conversation) (Outcome, error) { return out, nil }
	}
	talked, err := Bridge(ctx, c.By, target, BridgeOptions{Commands: []Command{
		{Keys: cmp.Or(o.Complete, "*2"), By: ByCaller, Do: give(Transferred)},
		{Keys: cmp.Or(o.Cancel, "*#"), By: ByCaller, Do: give(Key)},
	}})
	complete := talked.Outcome == Transferred || endOf(err, c.By) != nil
	_, err = c.settle("", err)
	return complete, err
}

// complete connects the other party with a target that has answered, and returns when they have talked.
func (o *TransferOptions) complete(ctx context.Context, c *Conversation, reached *DialResult) (Outcome, error) {
	err := hangUp(ctx, c.By, "", false)
	if err == nil {
		reached.Bridge, err = Bridge(ctx, c.Other, reached.Channel, o.Dial.Bridge)
	}
	c.res.Transfer = reached
	if reached.Bridge == nil || reached.Bridge.Outcome != Transferred {
		err = errors.Join(err, hangUp(ctx, reached.Channel, "", false))
	}
	return c.settle(Transferred, errors.Join(err, c.letGo(ctx)))
}

// WarmTransfer hands a caller over to a human, as a voice bot does: he hears music (or what the options say) while targets are called;
// who answers hears the announcement, and takes the call with a key. When nobody takes it, the outcome is Declined, NoAnswer and
// so on, the caller is back, and the bot goes on. It is [Dial] with a [Screen]; it fails as Dial does.
func WarmTransfer(ctx context.Context, caller *ari.Channel, announcement Phrase, opts DialOptions) (*DialResult, error) {
	var screen Screen
	if opts.Screen != nil {
		screen = *opts.Screen
	}
	screen.Prompt = announcement
	opts.Screen, opts.Waiting, opts.EarlyMedia = &screen, opts.Waiting.or(Music("")), false
	return Dial(ctx, caller, opts)
}

// transferHandling is the dialplan function that says who deals with a telephone's transfers.
const transferHandling = "PJSIP_TRANSFER_HANDLING()"

// listenRefer waits for transfers that the parties' telephones ask for.
func (t *talk) listenRefer(ctx context.Context, listeners *sync.WaitGroup) error {
	if t.opts.Refer == nil {
		return nil
	}
	ok, err := t.Caller.Controller().Supports(ctx, "channelsTransferProgress")
	if err == nil && !ok {
		err = ari.ErrUnsupported
	}
	for _, ch := range []*ari.Channel{t.Caller, t.Callee} {
		if err != nil {
			return err
		}
		asked := ari.Subscribe[*ari.ChannelTransfer](ch)
		listeners.Go(func() {
			defer asked.Close()
			for ev, err := range asked.All(ctx) {
				if err == nil && ev.State == "" && !t.refer(ctx, ev, ch) {
					return
				}
			}
		})
		err = ch.SetVariable(ctx, transferHandling, "ari-only")
		if errors.Is(err, ari.ErrInternal) || errors.Is(err, ari.ErrInvalid) { // It is no PJSIP channel.
			err = nil
		}
	}
	return err
}

// refer passes a transfer on that a party's telephone asks for, or that takes the party's place; and reports whether the conversation
// still goes on.
func (t *talk) refer(ctx context.Context, ev *ari.ChannelTransfer, ch *ari.Channel) bool {
	var do func(context.Context, *Conversation) (Outcome, error)
	switch to := ev.ReferTo; {
	case ev.ReferredBy == nil || to == nil:
		return true
	case ev.ReferredBy.SourceChannel.ID == ch.ID:
		do = func(ctx context.Context, c *Conversation) (Outcome, error) { return t.opts.Refer.byPhone(ctx, c, to) }
	case to.DestinationChannel != nil && to.DestinationChannel.ID == ch.ID:
		// The other call of the telephone is where it is dealt with, and takes the other party along.
		do = func(context.Context, *Conversation) (Outcome, error) { return Transferred, nil }
	default:
		return true
	}
	p := keyPress{&Command{Do: do}, ch, nil, make(chan struct{})}
	select {
	case t.pressed <- p:
	case <-ctx.Done():
		return false
	}
	select {
	case <-p.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// The states of a transfer that a telephone is told.
const (
	transferAnswered = "channel_answered"
	transferProgress = "channel_progress"
	transferDeclined = "channel_declined"
)

// byPhone carries out a transfer that a telephone has asked for.
func (o *TransferOptions) byPhone(ctx context.Context, c *Conversation, to *ari.ReferTo) (Outcome, error) {
	ctx, release := c.besides(ctx)
	defer release()
	if to.ConnectedChannel != nil { // With another call of the same telephone: the one at its far end has answered.
		if err := c.By.TransferProgress(ctx, transferAnswered); err != nil {
			return c.settle("", err)
		}
		return o.complete(ctx, c, &DialResult{Outcome: Answered, Channel: to.ConnectedChannel})
	}
	targets := o.targets(to.RequestedDestination.Destination)
	if len(targets) == 0 {
		return c.settle("", c.By.TransferProgress(ctx, transferDeclined))
	}
	if err := c.By.TransferProgress(ctx, transferProgress); err != nil {
		return c.settle("", err)
	}
	opts := o.Dial
	opts.Targets, opts.EarlyMedia = targets, false
	reached, err := Reach(ctx, c.Other, opts)
	if err != nil || reached.Outcome != Answered {
		return c.settle("", errors.Join(err, c.tell(ctx, transferDeclined)))
	}
	if err := c.tell(ctx, transferAnswered); err != nil {
		return c.settle("", errors.Join(err, hangUp(ctx, reached.Channel, "", false)))
	}
	return o.complete(ctx, c, reached)
}

// tell tells the telephone that has asked for a transfer how it goes. It may be gone already.
func (c *Conversation) tell(ctx context.Context, state string) error {
	if err := c.By.TransferProgress(ctx, state); !isGone(err) {
		return err
	}
	return nil
}
