// Package media gives a program the audio of a call on Asterisk: it reads what the caller says, and says what the caller
// hears, by chan_websocket, AudioSocket or RTP.
//
//	stream, err := media.Open(ctx, ch, media.Options{})
//	...
//	defer stream.Close()
//	answer, err := stream.Say(ctx, media.PCM(speech, 24000))
//	...
//	err = answer.Wait(ctx)
//
// # Speaking
//
// An [Utterance] is something that is said: a [Source] gives its samples, as fast or as slowly as it likes. Stop silences it
// within a frame and tells how much the caller has heard; Pause and Resume lose nothing. What was said and what was
// heard are different things, since Asterisk may keep a queue: this package knows what is in it, and [Heard] says how.
//
// [Stream.WriteFrame] is for live audio, which must not be late.
//
// # Listening
//
// Audio comes in frames of 20 ms of 16-bit samples, at the rate of [Options], whatever is on the wire. Readers never hold
// up anything: who is too slow misses something, and it is counted. [Stream.OnTurn] tells when the caller speaks,
// [Stream.BargeIn] lets the caller interrupt, [Stream.OnDigit] tells keys.
//
// # Time
//
// All streams on one Asterisk share one clock that wakes them each 20 ms, by deadlines that are fixed in advance. By
// AudioSocket and RTP it says when a frame goes out. By websocket Asterisk's clock does, and its queue is filled half a
// second ahead.
//
// docs/media.md says which transport is right when, and what was measured.
package media
