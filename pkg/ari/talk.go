package ari

import (
	"context"
	"strconv"
	"time"
)

// DetectTalkOptions say what counts as talking. A zero value means Asterisk's default.
type DetectTalkOptions struct {
	// Silence is how long the party must be silent to have finished. The default is 2.5 s. Sent in milliseconds, rounded up.
	Silence time.Duration

	// Level is how loud a sound must be to count as talking: the mean amplitude of its samples, up to 32767. The default is
	// that of dsp.conf, which is 256 unless it is set there. With a low one, the noise of a room is taken for talking.
	Level int
}

// DetectTalk has Asterisk listen to whether the party on the channel talks, and tell so by [ChannelTalkingStarted] and
// [ChannelTalkingFinished], which says how long. It goes on until the channel's end, or [Channel.StopDetectTalk]. It fails
// with ErrNotFound if the channel is gone. The server needs the module func_talkdetect; without it, nothing is told. Since
// Asterisk 12.4.
//
// Who wants to be told of the first word subscribes before: the events come once the detection is set.
func (o *Channel) DetectTalk(ctx context.Context) error {
	return o.DetectTalkWith(ctx, DetectTalkOptions{})
}

// DetectTalkWith is DetectTalk with options. Called again, it changes them. It fails with ErrInvalid if one is negative.
func (o *Channel) DetectTalkWith(ctx context.Context, opts DetectTalkOptions) error {
	if opts.Silence < 0 || opts.Level < 0 {
		return refuse(opChannelsSetChannelVar, "a negative silence or level")
	}
	var silence, level string
	if ms := units(opts.Silence, time.Millisecond); ms != nil {
		silence = strconv.Itoa(*ms)
	}
	if opts.Level > 0 {
		level = "," + strconv.Itoa(opts.Level)
	}
	return o.SetVariable(ctx, "TALK_DETECT(set)", silence+level)
}

// StopDetectTalk ends what DetectTalk began. Of somebody who talks at that moment, no end is told. It fails with ErrNotFound
// if the channel is gone.
func (o *Channel) StopDetectTalk(ctx context.Context) error {
	return o.SetVariable(ctx, "TALK_DETECT(remove)", "")
}
