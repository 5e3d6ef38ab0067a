package ari

import (
	"context"
	"time"
)

// CallOptions say whom [Controller.Call] calls, and how. Endpoint is required.
type CallOptions struct {
	// Endpoint is the party to call, as technology and resource: "PJSIP/alice", "PJSIP/100@trunk", "Local/100@default".
	Endpoint string

	// CallerID is shown to the called party: a number, or a name and number such as "Alice <100>".
	CallerID string

	// Timeout is how long to wait for an answer; 0 stands for 30 s, a negative value for no limit. Sent in seconds, rounded
	// up.
	Timeout time.Duration

	// AppArgs are arguments for the application, separated by commas: those of the [StasisStart].
	AppArgs string

	// Originator is the id of a channel on whose behalf the call is made: its codecs are offered.
	Originator string

	// Formats are the codecs to offer, separated by commas; not together with Originator.
	Formats string

	// Variables are set on the channel before it is called.
	Variables map[string]string

	// ChannelID is the new channel's id; one of ours if it is empty.
	ChannelID string
}

// Call calls an endpoint and returns when the called party has answered and its channel is in the client's application,
// ready for every command. It is Originate and WaitAnswered in one, and leaves nothing behind when it fails: the call is
// given up when ctx ends.
//
// It says why a call has failed: errors.Is tells [ErrBusy], [ErrNoAnswer], [ErrRejected], [ErrUnreachable] (which an unknown
// endpoint is, too) and [ErrCongestion] apart, and the [*EndError] has the hangup cause. Handlers of [Client.OnCall] don't
// get the channel. Without a connected client it fails with [ErrNoEvents] and calls nobody.
func (c *Controller) Call(ctx context.Context, opts CallOptions) (*Channel, error) {
	if c == nil || c.api == nil {
		return nil, errNoController
	}
	if !c.hasEvents() {
		return nil, ErrNoEvents
	}
	ch, err := c.Originate(ctx, OriginateOptions{
		Endpoint: opts.Endpoint, CallerID: opts.CallerID, Timeout: opts.Timeout, AppArgs: opts.AppArgs,
		Originator: opts.Originator, Formats: opts.Formats, Variables: opts.Variables, ChannelID: opts.ChannelID,
	})
	if err != nil {
		return nil, err
	}
	if err := ch.WaitAnswered(ctx); err != nil {
		c.giveUp(ctx, ch)
		return nil, err
	}
	return ch, nil
}

// giveUp hangs a called channel up, which is gone already, most likely. If Asterisk doesn't answer now, that is done when it
// does again.
func (c *Controller) giveUp(ctx context.Context, ch *Channel) {
	if err := ch.Stop(Cleanup(ctx)); err == nil || isAnswer(err) {
		return
	}
	c.chain.life.background(func(ctx context.Context) {
		_, _ = c.chain.atLast(ctx, func(ctx context.Context) (int, error) {
			err := ch.Stop(ctx)
			if isAnswer(err) {
				return 0, nil
			}
			return 0, err
		})
	})
}
