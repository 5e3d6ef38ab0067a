package conformance

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// What applications trip over that were tried on something kinder.
var _ = register(
	scenario{name: "continue-behind-playback", run: continueBehindPlayback, unrecorded: true},
	scenario{name: "continue-behind-recording", run: continueBehindRecording, unrecorded: true},
	scenario{name: "continue-context-alone", run: continueContextAlone, unrecorded: true},
	scenario{name: "continue-originated", run: continueOriginated, unrecorded: true},
	scenario{name: "nowhere-to-continue", run: continueNowhere, options: everything, unrecorded: true},
	scenario{name: "answered-by-recording", run: recordingAnswers, options: everything, unrecorded: true},
	scenario{name: "recording-of-nothing", run: recordingOfNothing, unrecorded: true},
	scenario{name: "recording-is-stored-from-the-beginning", run: recordingStoredFromTheBeginning, unrecorded: true},
	scenario{name: "recording-blocks-bridge", run: recordingBlocksBridge, unrecorded: true},
	scenario{name: "playback-of-no-number", run: playbackOfNoNumber, unrecorded: true},
	scenario{name: "queued-playback-at-hangup", run: playbackQueuedAtHangup, options: everything, unrecorded: true},
	scenario{name: "playback-is-early-media", run: playbackIsEarlyMedia, options: everything, unrecorded: true},
	scenario{name: "external-media-unreachable", run: externalMediaUnreachable, since: "18", unrecorded: true},
	scenario{name: "asterisk-config-values", run: asteriskConfigValues, needs: []Feature{Administration}, since: "18", unrecorded: true},
	scenario{name: "bridge-alone", run: bridgeAlone, unrecorded: true},
	scenario{name: "bridge-native-digits", run: bridgeNativeDigits, needs: []Feature{SIP}, since: "16.27", unrecorded: true},
)

// Continue is carried out behind a playback, and what was told the channel since then before it leaves.
func continueBehindPlayback(s *S) {
	ch := s.up("a", extSilent)
	got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
	first := got(ch.Play(s.Ctx, s.Server().Tone))(s)
	await[*ari.PlaybackStarted](s, first)
	s.ok(ch.ContinueWith(s.Ctx, ari.ContinueOptions{Context: contextTarget, Extension: "100", Priority: 1}))
	second := got(ch.Play(s.Ctx, "sound:digits/1"))(s)
	s.ok(first.Stop(s.Ctx))
	require.Equal(s, "100", await[*ari.ChannelUserevent](s, ch).UserEvent["Where"])
	s.sequence(ch, "StasisStart", "PlaybackStarted", "PlaybackFinished done", "PlaybackStarted", "PlaybackFinished done", "StasisEnd", "ChannelUserevent")
	require.NotEqual(s, first.ID, second.ID)
}

// The same with a recording.
func continueBehindRecording(s *S) {
	ch := s.upAt("a", extQuiet, "Wait")
	got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
	r := got(ch.RecordWith(s.Ctx, s.id("r"), "wav", ari.RecordOptions{IfExists: ari.IfExistsOverwrite}))(s)
	await[*ari.RecordingStarted](s, r)
	s.ok(ch.ContinueWith(s.Ctx, ari.ContinueOptions{Context: contextTarget, Extension: "100", Priority: 1}))
	require.Equal(s, ari.LiveRecordingStateRecording, got(r.Refresh(s.Ctx))(s).State)
	s.ok(r.Stop(s.Ctx))
	await[*ari.ChannelUserevent](s, ch)
	s.sequence(ch, "StasisStart", "RecordingStarted", "RecordingFinished done", "StasisEnd", "ChannelUserevent")
	s.ok(r.Stored().Delete(s.Ctx))
}

// A context without an extension is its extension s, also for a label.
func continueContextAlone(s *S) {
	first := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local("app-" + s.AppName), ChannelID: s.id("a"), Extension: extSilent}))(s)
	incoming := await[*ari.StasisStart](s, nil).Channel
	require.Equal(s, first.ID+";2", incoming.ID)
	for _, ch := range []*ari.Channel{incoming, s.up("b", extSilent)} {
		got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
		s.ok(ch.ContinueWith(s.Ctx, ari.ContinueOptions{Context: contextTarget}))
		require.Equal(s, "s", await[*ari.ChannelUserevent](s, ch).UserEvent["Where"])
	}
	ch := s.up("c", extSilent)
	got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
	s.ok(ch.ContinueWith(s.Ctx, ari.ContinueOptions{Context: contextTarget, Label: "label"}))
	require.Equal(s, "label", await[*ari.ChannelUserevent](s, ch).UserEvent["Where"])
}

// A channel that was originated goes on behind the first priority of the extension that it was made with.
func continueOriginated(s *S) {
	ch := s.up("a", extSilent)
	got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
	s.ok(ch.Continue(s.Ctx))
	at := await(s, ch, func(ev *ari.ChannelDialplan) bool { return ev.DialplanApp == "Wait" })
	require.Equal(s, extSilent, at.Channel.Dialplan.Exten)
	require.EqualValues(s, 2, at.Channel.Dialplan.Priority)
}

// Where there is no such extension, the call ends without a cause, for both halves.
func continueNowhere(s *S) {
	ch := s.up("a", extSilent)
	s.ok(ch.ContinueWith(s.Ctx, ari.ContinueOptions{Context: contextTarget, Extension: "nowhere", Priority: 1}))
	for _, id := range []string{ch.ID, ch.ID + ";2"} {
		require.Zero(s, await[*ari.ChannelDestroyed](s, "channel:"+id).Cause)
	}
	s.sequence(ch, "StasisEnd", "ChannelDestroyed 0")
}

// Who is recorded is answered.
func recordingAnswers(s *S) {
	first := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local("app-" + s.AppName), ChannelID: s.id("a"), Extension: extSilent}))(s)
	ch := await(s, nil, func(ev *ari.StasisStart) bool { return ev.Channel.ID == first.ID+";2" }).Channel
	require.Equal(s, ari.ChannelStateRing, ch.State)
	r := got(ch.RecordWith(s.Ctx, s.id("r"), "wav", ari.RecordOptions{IfExists: ari.IfExistsOverwrite}))(s)
	require.Equal(s, ari.LiveRecordingStateQueued, r.State)
	await[*ari.RecordingStarted](s, r)
	require.Equal(s, ari.ChannelStateUp, got(ch.Refresh(s.Ctx))(s).State)
	await(s, first, func(ev *ari.Dial) bool { return ev.DialStatus == "ANSWER" })
	s.ok(r.Stop(s.Ctx))
	await[*ari.RecordingFinished](s, r)
	s.ok(r.Stored().Delete(s.Ctx))
}

// Where no sound comes, not even silence, a recording counts no time and ends by itself after some seconds.
func recordingOfNothing(s *S) {
	ch := s.upAt("a", extSilent, "Wait")
	r := got(ch.RecordWith(s.Ctx, s.id("r"), "wav", ari.RecordOptions{MaxDuration: time.Second, IfExists: ari.IfExistsOverwrite}))(s)
	started := await[*ari.RecordingStarted](s, r)
	finished := await[*ari.RecordingFinished](s, r)
	require.Zero(s, finished.Recording.Duration())
	require.Greater(s, finished.Timestamp.Sub(started.Timestamp.Time), 3*time.Second)
	s.ok(r.Stored().Delete(s.Ctx))
}

// A recording is among those that are stored while it is being made.
func recordingStoredFromTheBeginning(s *S) {
	ch := s.upAt("a", extQuiet, "Wait")
	r := got(ch.RecordWith(s.Ctx, s.id("r"), "wav", ari.RecordOptions{IfExists: ari.IfExistsOverwrite}))(s)
	await[*ari.RecordingStarted](s, r)
	got(r.Stored().Refresh(s.Ctx))(s)
	s.ok(r.Stop(s.Ctx))
	await[*ari.RecordingFinished](s, r)
	s.ok(r.Stored().Delete(s.Ctx))
}

// A channel isn't put into a bridge as long as a recording of it runs, or waits.
func recordingBlocksBridge(s *S) {
	ch := s.up("a", extSilent)
	pb := got(ch.Play(s.Ctx, s.Server().Tone))(s)
	await[*ari.PlaybackStarted](s, pb)
	r := got(ch.RecordWith(s.Ctx, s.id("r"), "wav", ari.RecordOptions{IfExists: ari.IfExistsOverwrite}))(s)
	s.refused(s.bridge("b").AddChannel(s.Ctx, ch.ID), 409, ari.ErrConflict)
	s.ok(r.Cancel(s.Ctx))
	s.ok(pb.Stop(s.Ctx))
}

// The end of what can't be said is never told, and the playback is gone.
func playbackOfNoNumber(s *S) {
	ch := s.up("a", extSilent)
	for _, media := range []string{"number:", "number:many"} {
		pb := got(ch.Play(s.Ctx, media))(s)
		await[*ari.PlaybackStarted](s, pb)
		s.ok(gone(s.Ctx, s.ARI, made{"playback", pb.ID}))
		s.never(pb, "PlaybackFinished")
	}
	// With another medium behind it, it is passed over.
	pb := got(ch.Play(s.Ctx, "number:many", "sound:digits/1"))(s)
	await[*ari.PlaybackFinished](s, pb)
	s.never(pb, "PlaybackContinuing")
	s.sequence(pb, "PlaybackStarted", "PlaybackStarted", "PlaybackFinished done")
}

// What waits when the call ends begins, and fails.
func playbackQueuedAtHangup(s *S) {
	ch := s.up("a", extSilent)
	first := got(ch.Play(s.Ctx, s.Server().Tone))(s)
	await[*ari.PlaybackStarted](s, first)
	second := got(ch.Play(s.Ctx, s.Server().Tone))(s)
	s.ok(ch.Stop(s.Ctx))
	end := "PlaybackFinished failed"
	if !s.from("16.30") && !s.from("20") {
		end = "PlaybackFinished"
	}
	s.sequence(second, "PlaybackStarted", end)
}

// Who isn't answered yet hears what is played as early media, and the other side is told so.
func playbackIsEarlyMedia(s *S) {
	first := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local("app-" + s.AppName), ChannelID: s.id("a"), Extension: extSilent}))(s)
	ch := await(s, nil, func(ev *ari.StasisStart) bool { return ev.Channel.ID == first.ID+";2" }).Channel
	got(ch.Play(s.Ctx, "sound:digits/1"))(s)
	await(s, first, func(ev *ari.Dial) bool { return ev.DialStatus == "PROGRESS" })
	require.Equal(s, ari.ChannelStateRing, got(ch.Refresh(s.Ctx))(s).State)
}

// External media to where nobody is are an error that doesn't say why.
func externalMediaUnreachable(s *S) {
	for _, opts := range []ari.ExternalMediaOptions{
		{ExternalHost: "nobody.invalid:9000", Format: "ulaw"},
		{ExternalHost: "127.0.0.1:1", Format: "slin", Encapsulation: "audiosocket", Transport: "tcp", Data: "40325ec2-5efd-4bd3-805f-53576e581d13"},
	} {
		_, err := s.ARI.CreateExternalMedia(s.Ctx, opts)
		require.ErrorContains(s, err, "500")
	}
}

// What is played to a bridge, or recorded of it, ends when the last channel leaves.
func bridgeAlone(s *S) {
	for _, kind := range []string{"mixing", "holding"} {
		ch := s.up(kind, extSilent)
		b := got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: s.id("bridge-" + kind), Type: kind}))(s)
		s.ok(b.AddChannel(s.Ctx, ch.ID))
		pb := got(b.Play(s.Ctx, s.Server().Tone))(s)
		await[*ari.PlaybackStarted](s, pb)
		s.ok(b.RemoveChannel(s.Ctx, ch.ID))
		s.ok(gone(s.Ctx, s.ARI, made{"playback", pb.ID}))
	}
}

// Two SIP channels in a bridge of the type mixing are connected past it, and no digit is reported; a bridge that is to hear digits reports them.
func bridgeNativeDigits(s *S) {
	for _, kind := range []string{"mixing", "mixing,dtmf_events", "mixing,proxy_media"} {
		line, party, ch := s.talking(Call{})
		_, otherParty, other := s.talking(Call{})
		b := got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{Type: kind}))(s)
		s.ok(b.AddChannel(s.Ctx, ch.ID, other.ID))
		for kind == "mixing" && got(b.Refresh(s.Ctx))(s).Technology != "native_rtp" {
			s.ok(pause(s.Ctx))
		}
		s.ok(party.Dial(s.Ctx, "5"))
		s.ok(otherParty.HearDigits(s.Ctx, "5"))
		if kind == "mixing" {
			s.never(ch, "ChannelDtmfReceived 5")
		} else {
			await[*ari.ChannelDtmfReceived](s, ch)
		}
		s.ok(b.Stop(s.Ctx))
		s.ok(ch.Stop(s.Ctx))
		s.ok(other.Stop(s.Ctx))
		s.ok(line.Wait(s.Ctx))
	}
}

// Values of configuration objects are checked, and shown in one way.
func asteriskConfigValues(s *S) {
	id := s.id("object")
	set := func(typ, attribute, value string) (string, error) {
		fields, err := s.ARI.UpdateConfigObject(s.Ctx, "res_pjsip", typ, id, []ari.ConfigTuple{{Attribute: attribute, Value: value}})
		for _, f := range fields {
			if f.Attribute == attribute {
				return f.Value, err
			}
		}
		return "", err
	}
	for _, c := range []struct{ typ, attribute, value, shown string }{
		{"endpoint", "allow", "!all,ulaw,alaw", "(ulaw|alaw)"},
		{"endpoint", "allow", "g722", "(ulaw|alaw|g722)"},
		{"endpoint", "direct_media", "no", "false"},
		{"endpoint", "callerid", "Bob <12>", `"Bob" <12>`},
		{"aor", "remove_existing", "yes", "true"},
		{"aor", "contact", "sip:x@127.0.0.1", "sip:x@127.0.0.1"},
		{"aor", "max_contacts", "1", "1"},
	} {
		require.Equal(s, c.shown, got(set(c.typ, c.attribute, c.value))(s), c.attribute)
	}
	for _, c := range []struct{ typ, attribute, value string }{
		{"endpoint", "allow", "BLECH"},
		{"aor", "max_contacts", "many"},
		{"aor", "max_contacts", "-1"},
		{"aor", "qualify_frequency", "99999999"},
		{"aor", "contact", "nonsense"},
		{"auth", "auth_type", "nonsense"},
	} {
		_, err := set(c.typ, c.attribute, c.value)
		s.refused(err, 400, ari.ErrInvalid)
	}
	for _, typ := range []string{"endpoint", "aor"} {
		s.ok(s.ARI.DeleteConfigObject(s.Ctx, "res_pjsip", typ, id))
	}
}
