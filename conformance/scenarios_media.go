package conformance

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

var _ = register(
	scenario{name: "dtmf-by-rtp", run: dtmfByRTP, needs: []Feature{SIP}},
	scenario{name: "prompt", run: prompt, needs: []Feature{SIP}},
	scenario{name: "dtmf-by-info", run: dtmfByInfo, needs: []Feature{SIP}},
	scenario{name: "dtmf-to-dialplan", run: dtmfToDialplan},
	scenario{name: "dtmf-from-dialplan", run: dtmfFromDialplan},
	scenario{name: "hold-by-caller", run: holdByCaller, needs: []Feature{SIP}},
	scenario{name: "hold-by-application", run: holdByApplication, needs: []Feature{SIP, RTP}},
	scenario{name: "mute", run: mute},
	scenario{name: "music-on-hold", run: musicOnHold, needs: []Feature{SIP, RTP}},
	scenario{name: "silence", run: silence, needs: []Feature{SIP, RTP}},
	scenario{name: "talk-detection", run: talkDetection, needs: []Feature{SIP, RTP}},
	scenario{name: "tone-detection", run: toneDetection, since: "22", needs: []Feature{SIP, RTP}},
	scenario{name: "connected-line", run: connectedLine},
)

func dtmfByRTP(s *S) {
	line, party, ch := s.talking(Call{Sound: true})
	s.ok(party.Dial(s.Ctx, "15#*0D"))
	s.sequence(ch, "StasisStart", "ChannelDtmfReceived 1", "ChannelDtmfReceived 5", "ChannelDtmfReceived #", "ChannelDtmfReceived *", "ChannelDtmfReceived 0", "ChannelDtmfReceived D")
	require.Positive(s, await[*ari.ChannelDtmfReceived](s, ch).Duration())
	s.ok(ch.SendDTMFWith(s.Ctx, "42#", ari.SendDTMFOptions{Before: 10 * time.Millisecond, Between: 50 * time.Millisecond, Duration: 100 * time.Millisecond, After: 10 * time.Millisecond}))
	s.ok(party.HearDigits(s.Ctx, "42#"))
	s.ok(party.Hangup(s.Ctx))
	s.ok(line.Wait(s.Ctx))
}

// Digits end a prompt, also those that were typed before it, and a hangup does.
func prompt(s *S) {
	line, party, ch := s.talking(Call{Sound: true})
	keypad := ch.Keypad()
	defer keypad.Close()
	type answer struct {
		digits string
		err    error
	}
	answers := make(chan answer, 1)
	ask := func(opts ari.PromptOptions, media ...string) {
		go func() {
			digits, err := keypad.Prompt(s.Ctx, opts, media...)
			answers <- answer{digits, err}
		}()
	}

	s.ok(party.Dial(s.Ctx, "15#"))
	await(s, ch, func(ev *ari.ChannelDtmfReceived) bool { return ev.Digit == "#" })
	ask(ari.PromptOptions{Terminators: "#"}, s.Server().Tone)
	require.Equal(s, answer{"15", nil}, <-answers)
	s.never(ch, "PlaybackStarted")

	ask(ari.PromptOptions{MaxDigits: 1}, "sound:beep", s.Server().Tone)
	await(s, ch, func(ev *ari.PlaybackStarted) bool { return ev.Playback.MediaURI == s.Server().Tone })
	s.ok(party.Dial(s.Ctx, "7"))
	require.Equal(s, answer{"7", nil}, <-answers)
	s.sequence(ch, "ChannelDtmfReceived 1", "ChannelDtmfReceived 5", "ChannelDtmfReceived #", "PlaybackStarted", "PlaybackFinished done",
		"PlaybackStarted", "ChannelDtmfReceived 7", "PlaybackFinished done")

	// This one can't be stopped. The next waits for it.
	ask(ari.PromptOptions{MaxDigits: 1}, "digits:1234", "sound:beep")
	await[*ari.PlaybackStarted](s, ch)
	s.ok(party.Dial(s.Ctx, "8"))
	require.Equal(s, answer{"8", nil}, <-answers)

	ask(ari.PromptOptions{}, "sound:no-such-sound", "sound:beep")
	missing := <-answers
	require.ErrorIs(s, missing.err, ari.ErrPlaybackFailed)

	ask(ari.PromptOptions{}, s.Server().Tone)
	await(s, ch, func(ev *ari.PlaybackStarted) bool { return ev.Playback.MediaURI == s.Server().Tone })
	s.ok(party.Hangup(s.Ctx))
	over := <-answers
	require.ErrorIs(s, over.err, ari.ErrEnded)
	s.ok(line.Wait(s.Ctx))
}

func dtmfByInfo(s *S) {
	line, party, ch := s.talking(Call{From: "sipp-info"})
	for _, digit := range "7*" {
		s.ok(party.Info(s.Ctx, digit))
		require.Equal(s, string(digit), await[*ari.ChannelDtmfReceived](s, ch).Digit)
	}
	s.ok(party.Hangup(s.Ctx))
	s.ok(line.Wait(s.Ctx))
}

func dtmfToDialplan(s *S) {
	ch := s.up("a", extReads)
	s.refused(ch.SendDTMF(s.Ctx, ""), 400, ari.ErrInvalid)
	s.ok(ch.SendDTMFWith(s.Ctx, "1w234", ari.SendDTMFOptions{Between: 60 * time.Millisecond}))
	ev := await(s, nil, func(ev *ari.ChannelUserevent) bool { return ev.EventName == "Digits" })
	require.Equal(s, "1234", ev.UserEvent["Digits"])
	s.sequence(ch, "StasisStart", "StasisEnd", "ChannelDestroyed 16")
}

func dtmfFromDialplan(s *S) {
	ch := s.up("a", extDigits)
	s.sequence(ch, "StasisStart", "ChannelDtmfReceived 1", "ChannelDtmfReceived 2", "ChannelDtmfReceived 3", "ChannelDtmfReceived #")
}

func holdByCaller(s *S) {
	line, party, ch := s.talking(Call{})
	for range 2 {
		s.ok(party.Hold(s.Ctx))
		await[*ari.ChannelHold](s, ch)
		s.ok(party.Unhold(s.Ctx))
		await[*ari.ChannelUnhold](s, ch)
	}
	s.ok(party.Hangup(s.Ctx))
	s.ok(line.Wait(s.Ctx))
	s.sequence(ch, "StasisStart", "ChannelHold", "ChannelUnhold", "ChannelHold", "ChannelUnhold", "StasisEnd")
}

// The far end isn't told of the hold: it gets music.
func holdByApplication(s *S) {
	line, party, ch := s.talking(Call{Sound: true})
	s.ok(ch.Hold(s.Ctx))
	s.ok(party.HearSound(s.Ctx))
	s.ok(ch.Unhold(s.Ctx))
	s.ok(party.Hangup(s.Ctx))
	s.ok(line.Wait(s.Ctx))
	s.sequence(ch, "StasisStart", "StasisEnd")
	s.never(ch, "ChannelHold", "ChannelUnhold")
}

// A muted channel's digits are heard all the same.
func mute(s *S) {
	ch := s.upAt("a", extEcho, "Echo")
	for _, direction := range []ari.MuteDirection{ari.MuteDirectionOut, ari.MuteDirectionBoth, ari.MuteDirectionIn} {
		s.ok(ch.Mute(s.Ctx, direction))
		if direction == ari.MuteDirectionIn {
			s.ok(ch.SendDTMF(s.Ctx, "1"))
			await[*ari.ChannelDtmfReceived](s, ch)
		}
		s.ok(ch.Unmute(s.Ctx, direction))
	}
	s.refused(ch.Mute(s.Ctx, "sideways"), 400, ari.ErrInvalid)
	s.refused(ch.Unmute(s.Ctx, "sideways"), 400, ari.ErrInvalid)
	s.ok(ch.SendDTMF(s.Ctx, "2"))
	s.sequence(ch, "StasisStart", "ChannelDtmfReceived 1", "ChannelDtmfReceived 2")
}

func musicOnHold(s *S) {
	line, party, ch := s.talking(Call{Sound: true})
	s.ok(ch.StartMOH(s.Ctx, ""))
	s.ok(party.HearSound(s.Ctx))
	s.ok(ch.StopMOH(s.Ctx))
	s.ok(ch.StartMOH(s.Ctx, "high"))
	s.ok(ch.StopMOH(s.Ctx))
	s.ok(ch.StopMOH(s.Ctx)) // There is none any more.
	s.ok(party.Hangup(s.Ctx))
	s.ok(line.Wait(s.Ctx))
	s.refused(s.ARI.Channel("nobody").StartMOH(s.Ctx, ""), 404, ari.ErrNotFound)
}

func silence(s *S) {
	line, party, ch := s.talking(Call{Sound: true})
	s.ok(ch.StartSilence(s.Ctx))
	s.ok(ch.StopSilence(s.Ctx))
	s.ok(party.Hangup(s.Ctx))
	s.ok(line.Wait(s.Ctx))
}

func talkDetection(s *S) {
	line, party, ch := s.talking(Call{Sound: true})
	s.ok(party.Await(s.Ctx, "answered"))
	s.ok(ch.DetectTalk(s.Ctx))
	await[*ari.ChannelTalkingStarted](s, ch)
	s.ok(ch.DetectTalkWith(s.Ctx, ari.DetectTalkOptions{Silence: 200 * time.Millisecond, Level: 256})) // in its place
	s.ok(party.Hush(s.Ctx))
	await[*ari.ChannelTalkingFinished](s, ch)
	s.ok(ch.StopDetectTalk(s.Ctx))
	s.ok(party.Hangup(s.Ctx))
	s.ok(line.Wait(s.Ctx))
	s.sequence(ch, "StasisStart", "ChannelTalkingStarted", "ChannelTalkingFinished", "StasisEnd")
}

func toneDetection(s *S) {
	line, party, ch := s.talking(Call{Sound: true})
	s.ok(ch.SetVariable(s.Ctx, "TONE_DETECT(440,200,r)", ""))
	require.Equal(s, ch.ID, await[*ari.ChannelToneDetected](s, ch).Channel.ID)
	s.ok(party.Hangup(s.Ctx))
	s.ok(line.Wait(s.Ctx))
}

func connectedLine(s *S) {
	ch := s.up("a", extSilent)
	s.ok(ch.SetVariable(s.Ctx, "CONNECTEDLINE(name,i)", "Bob"))
	s.ok(ch.SetVariable(s.Ctx, "CONNECTEDLINE(number)", "4712"))
	ev := await(s, ch, func(ev *ari.ChannelConnectedLine) bool { return ev.Channel.Connected.Number == "4712" })
	require.Equal(s, "Bob", ev.Channel.Connected.Name)
	s.ok(ch.SetVariable(s.Ctx, "CALLERID(name)", "Alice"))
	caller := await[*ari.ChannelCallerID](s, ch)
	require.Equal(s, "Alice", caller.Channel.Caller.Name)
	require.NotEmpty(s, caller.CallerPresentationTxt)
}
