package ari

import "time"

// Asterisk tells times as numbers, in seconds or milliseconds. Here they are read.

// Duration is how long the digit was pressed; DurationMs has it as it was sent.
func (e *ChannelDtmfReceived) Duration() time.Duration { return milliseconds(e.DurationMs) }

// Duration is how long the party talked; DurationMs has it as it was sent.
func (e *ChannelTalkingFinished) Duration() time.Duration { return milliseconds(e.DurationMs) }

// Duration is how long the recording is, without the time in which it was paused, in whole seconds. It is 0 until the
// recording has ended. Since Asterisk 12.5.
func (o *LiveRecording) Duration() time.Duration {
	if o == nil {
		return 0
	}
	return seconds(o.LiveRecording.Duration)
}

// TalkingDuration is how long somebody talked, in whole seconds. It is 0 until the recording has ended, and if it was made
// without [RecordOptions].MaxSilence: then Asterisk doesn't measure it. Since Asterisk 12.5.
func (o *LiveRecording) TalkingDuration() time.Duration {
	if o == nil {
		return 0
	}
	return seconds(o.LiveRecording.TalkingDuration)
}

// SilenceDuration is how long nobody talked: the rest of Duration, where TalkingDuration is measured. Since Asterisk 12.5.
func (o *LiveRecording) SilenceDuration() time.Duration {
	if o == nil {
		return 0
	}
	return seconds(o.LiveRecording.SilenceDuration)
}

// seconds is a number of seconds of Asterisk's, which can be -1 by its rounding.
func seconds(n int) time.Duration { return time.Duration(max(n, 0)) * time.Second }

func milliseconds(n int) time.Duration { return time.Duration(max(n, 0)) * time.Millisecond }
