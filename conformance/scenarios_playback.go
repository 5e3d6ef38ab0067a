package conformance

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/pkg/ari"
)

var _ = register(
	scenario{name: "playback", run: playback},
	scenario{name: "playback-without-id", run: playbackWithoutID},
	scenario{name: "playback-control", run: playbackControl},
	scenario{name: "playback-several", run: playbackSeveral},
	scenario{name: "playback-missing", run: playbackMissing},
	scenario{name: "playback-queued", run: playbackQueued},
	scenario{name: "playback-cut-by-hangup", run: playbackCutByHangup},
	scenario{name: "playback-kinds", run: playbackKinds},
	scenario{name: "playback-on-bridge", run: playbackOnBridge},
	scenario{name: "playback-on-bridge-formats", run: playbackOnBridgeFormats, since: "20.17"},
	scenario{name: "playback-heard", run: playbackHeard, needs: []Feature{SIP, RTP}},
	scenario{name: "playback-blocks-commands", run: playbackBlocksCommands},
	scenario{name: "recording", run: recording},
	scenario{name: "recording-paused-and-muted", run: recordingPausedAndMuted},
	scenario{name: "recording-cancelled", run: recordingCancelled},
	scenario{name: "recording-ends-by-itself", run: recordingEndsByItself},
	scenario{name: "recording-terminated-by-digit", run: recordingTerminatedByDigit},
	scenario{name: "recording-cut-by-hangup", run: recordingCutByHangup},
	scenario{name: "recording-exists", run: recordingExists},
	scenario{name: "recording-stored", run: recordingStored},
	scenario{name: "recording-on-bridge", run: recordingOnBridge},
	scenario{name: "bridge-without-channels", run: bridgeWithoutChannels},
	scenario{name: "recording-of-bridged-channel", run: recordingOfBridgedChannel},
	scenario{name: "recording-errors", run: recordingErrors},
)

// stop stops a playback that has just begun: for a moment after that was told, it can't be stopped.
func (s *S) stop(p *ari.Playback) {
	s.Helper()
	s.command(p.Stop)
}

// command sends a command to what has just begun to run, until it is ready for it.
func (s *S) command(send func(context.Context) error) {
	s.Helper()
	for {
		err := send(s.Ctx)
		if !errors.Is(err, ari.ErrInternal) {
			s.ok(err)
			return
		}
		s.ok(pause(s.Ctx))
	}
}

func playback(s *S) {
	ch := s.up("a", extSilent)
	p := got(ch.PlayWith(s.Ctx, ari.PlayOptions{PlaybackID: s.id("p"), Lang: "en"}, "sound:beep"))(s)
	require.Equal(s, s.id("p"), p.ID)
	require.Equal(s, "channel:"+ch.ID, p.TargetURI)
	require.Equal(s, "sound:beep", p.MediaURI)
	require.Equal(s, "en", p.Language)
	s.ok(p.Wait(s.Ctx))
	s.ok(p.Wait(s.Ctx)) // However late.
	s.sequence(p, "PlaybackStarted", "PlaybackFinished done")
	s.sequence(ch, "StasisStart", "PlaybackStarted", "PlaybackFinished done")
	s.ok(gone(s.Ctx, s.ARI, made{"playback", p.ID})) // The event may be ahead of that.
	s.refused(p.Stop(s.Ctx), 404, ari.ErrNotFound)
	s.refused(p.Control(s.Ctx, ari.PlaybackOperationPause), 404, ari.ErrNotFound)
	require.ErrorIs(s, s.ARI.Playback(p.ID).Wait(s.Ctx), ari.ErrNotFound)
}

func playbackWithoutID(s *S) {
	ch := s.up("a", extSilent)
	resp := got(s.ARI.API().ChannelsPlayWithResponse(s.Ctx, ch.ID, &gen.ChannelsPlayParams{Media: []string{"sound:beep"}}))(s)
	require.NotNil(s, resp.JSON201)
	s.sequence("playback:"+resp.JSON201.ID, "PlaybackStarted", "PlaybackFinished done")
	b := s.bridged("bridge", ch)
	onBridge := got(s.ARI.API().BridgesPlayWithResponse(s.Ctx, b.ID, &gen.BridgesPlayParams{Media: []string{"sound:beep"}}))(s)
	require.NotNil(s, onBridge.JSON201)
	s.sequence("playback:"+onBridge.JSON201.ID, "PlaybackStarted", "PlaybackFinished done")
}

func playbackControl(s *S) {
	ch := s.up("a", extSilent)
	p := got(ch.PlayWith(s.Ctx, ari.PlayOptions{PlaybackID: s.id("p"), Offset: time.Second, Skip: 500 * time.Millisecond}, s.Server().Tone))(s)
	await[*ari.PlaybackStarted](s, p)
	state := func() ari.PlaybackState { return got(p.Refresh(s.Ctx))(s).State }
	require.Equal(s, ari.PlaybackStatePlaying, state())
	s.command(func(ctx context.Context) error { return p.Control(ctx, ari.PlaybackOperationPause) })
	require.Equal(s, ari.PlaybackStatePaused, state())
	for _, operation := range []ari.PlaybackOperation{ari.PlaybackOperationForward, ari.PlaybackOperationReverse, ari.PlaybackOperationRestart} {
		s.refused(p.Control(s.Ctx, operation), 409, ari.ErrConflict)
	}
	s.ok(p.Control(s.Ctx, ari.PlaybackOperationUnpause))
	await[*ari.PlaybackStarted](s, p) // Once more, though it only goes on.
	require.Equal(s, ari.PlaybackStatePlaying, state())
	for _, operation := range []ari.PlaybackOperation{ari.PlaybackOperationForward, ari.PlaybackOperationReverse, ari.PlaybackOperationRestart} {
		s.ok(p.Control(s.Ctx, operation))
	}
	s.refused(p.Control(s.Ctx, "nonsense"), 400, ari.ErrInvalid)
	s.unsent(p.Control(s.Ctx, ""), ari.ErrInvalid)
	s.stop(p)
	s.ok(p.Wait(s.Ctx))
	s.sequence(p, "PlaybackStarted", "PlaybackStarted", "PlaybackFinished done")
}

func playbackSeveral(s *S) {
	ch := s.up("a", extSilent)
	p := got(ch.PlayWith(s.Ctx, ari.PlayOptions{PlaybackID: s.id("p")}, "sound:beep", "sound:beeperr", "sound:beep"))(s)
	require.Equal(s, "sound:beeperr", p.NextMediaURI)
	s.ok(p.Wait(s.Ctx))
	// The event between two media tells of the one that has ended.
	s.sequence(p, "PlaybackStarted", "PlaybackContinuing sound:beep", "PlaybackStarted", "PlaybackContinuing sound:beeperr", "PlaybackStarted", "PlaybackFinished done")
	require.Equal(s, "sound:beeperr", await[*ari.PlaybackContinuing](s, p).Playback.NextMediaURI)
	_, err := ch.Play(s.Ctx)
	s.unsent(err, ari.ErrInvalid)
}

// A medium that doesn't exist fails the playback if it is the last one. Before others, it is passed over.
func playbackMissing(s *S) {
	ch := s.up("a", extSilent)
	p := got(ch.PlayWith(s.Ctx, ari.PlayOptions{PlaybackID: s.id("p")}, "sound:no-such-sound"))(s)
	require.ErrorIs(s, p.Wait(s.Ctx), ari.ErrPlaybackFailed)
	s.sequence(p, "PlaybackStarted", "PlaybackFinished failed")
	p = got(ch.PlayWith(s.Ctx, ari.PlayOptions{PlaybackID: s.id("q")}, "sound:no-such-sound", "sound:beep"))(s)
	s.ok(p.Wait(s.Ctx))
	p = got(ch.PlayWith(s.Ctx, ari.PlayOptions{PlaybackID: s.id("r")}, "sound:beep", "sound:no-such-sound"))(s)
	require.ErrorIs(s, p.Wait(s.Ctx), ari.ErrPlaybackFailed)
	// The end of these is never told.
	for _, media := range []string{"recording:no-such-recording", "no-such-kind:1"} {
		p = got(ch.Play(s.Ctx, media))(s)
		require.ErrorIs(s, p.Wait(s.Ctx), ari.ErrPlaybackFailed)
		s.sequence(p, "PlaybackStarted")
		s.never(p, "PlaybackFinished")
	}
	_, err := s.ARI.Channel("nobody").Play(s.Ctx, "sound:beep")
	s.refused(err, 404, ari.ErrNotFound)
	require.Equal(s, ari.ChannelStateUp, got(ch.Refresh(s.Ctx))(s).State)
}

// Playbacks wait for each other. One that is stopped before its turn ends without having begun.
func playbackQueued(s *S) {
	ch := s.up("a", extSilent)
	first := got(ch.PlayWith(s.Ctx, ari.PlayOptions{PlaybackID: s.id("first")}, s.Server().Tone))(s)
	second := got(ch.PlayWith(s.Ctx, ari.PlayOptions{PlaybackID: s.id("second")}, "sound:beep"))(s)
	third := got(ch.PlayWith(s.Ctx, ari.PlayOptions{PlaybackID: s.id("third")}, "sound:beep"))(s)
	await[*ari.PlaybackStarted](s, first)
	require.Equal(s, ari.PlaybackStateQueued, got(second.Refresh(s.Ctx))(s).State)
	s.refused(second.Control(s.Ctx, ari.PlaybackOperationPause), 409, ari.ErrConflict)
	s.stop(second)
	s.stop(first)
	s.ok(third.Wait(s.Ctx))
	s.ok(second.Wait(s.Ctx))
	s.sequence(second, "PlaybackFinished done")
	s.sequence(third, "PlaybackStarted", "PlaybackFinished done")
}

// To Asterisk, a playback that a hangup has cut off has failed. To who waits for it, the channel has ended.
func playbackCutByHangup(s *S) {
	ch := s.up("a", extSilent)
	p := got(ch.Play(s.Ctx, s.Server().Tone))(s)
	await[*ari.PlaybackStarted](s, p)
	s.ok(ch.Stop(s.Ctx))
	err := p.Wait(s.Ctx)
	require.ErrorIs(s, err, ari.ErrEnded)
	require.NotErrorIs(s, err, ari.ErrPlaybackFailed)
	s.sequence(p, "PlaybackStarted", "PlaybackFinished failed")
	s.sequence(ch, "PlaybackStarted", "PlaybackFinished", "StasisEnd", "ChannelDestroyed")
	require.ErrorIs(s, s.ARI.Playback(p.ID).Wait(s.Ctx), ari.ErrNotFound)
}

// What is spoken rather than played can't be controlled.
func playbackKinds(s *S) {
	ch := s.up("a", extSilent)
	for _, media := range []string{"number:7", "digits:1", "characters:a", "tone:1004/100,!0/100", "tone:busy;tonezone=us"} {
		p := got(ch.Play(s.Ctx, media))(s)
		await[*ari.PlaybackStarted](s, p)
		if strings.HasPrefix(media, "tone:") {
			s.stop(p)
		}
		s.ok(p.Wait(s.Ctx))
	}
	p := got(ch.Play(s.Ctx, "number:1234567"))(s)
	await[*ari.PlaybackStarted](s, p)
	s.refused(p.Control(s.Ctx, ari.PlaybackOperationPause), 500, ari.ErrInternal)
	s.ok(ch.Stop(s.Ctx))
}

// A bridge plays through a channel of its own, which nobody hears of. It stays for a while.
func playbackOnBridge(s *S) {
	ch := s.up("a", extSilent)
	b := s.bridged("bridge", ch)
	p := got(b.PlayWith(s.Ctx, ari.BridgePlayOptions{PlaybackID: s.id("p"), Lang: "en", Skip: time.Second}, s.Server().Tone))(s)
	require.Equal(s, "bridge:"+b.ID, p.TargetURI)
	await[*ari.PlaybackStarted](s, b)
	s.command(func(ctx context.Context) error { return p.Control(ctx, ari.PlaybackOperationForward) })
	s.stop(p)
	s.ok(p.Wait(s.Ctx))
	s.sequence(p, "PlaybackStarted", "PlaybackFinished done")
	p = got(b.Play(s.Ctx, "sound:no-such-sound"))(s)
	require.ErrorIs(s, p.Wait(s.Ctx), ari.ErrPlaybackFailed)
	_, err := s.ARI.Bridge("nobody").Play(s.Ctx, "sound:beep")
	s.refused(err, 404, ari.ErrNotFound)
	s.never(ch, "PlaybackStarted")
	s.ok(b.Stop(s.Ctx))
}

func playbackOnBridgeFormats(s *S) {
	ch := s.up("a", extSilent)
	b := s.bridged("bridge", ch)
	_, err := b.PlayWith(s.Ctx, ari.BridgePlayOptions{AnnouncerFormat: "nonsense"}, "sound:beep")
	s.refused(err, 422, ari.ErrUnprocessable)
	p := got(b.PlayWith(s.Ctx, ari.BridgePlayOptions{AnnouncerFormat: "slin16"}, "sound:beep"))(s)
	s.ok(p.Wait(s.Ctx))
	_, err = b.RecordWith(s.Ctx, "", "wav", ari.BridgeRecordOptions{RecorderFormat: "nonsense"})
	s.refused(err, 422, ari.ErrUnprocessable)
	r := got(b.RecordWith(s.Ctx, "", "wav", ari.BridgeRecordOptions{RecorderFormat: "slin16"}))(s)
	await[*ari.RecordingStarted](s, r)
	s.ok(r.Stop(s.Ctx))
	got(r.Wait(s.Ctx))(s)
	s.ok(b.Stop(s.Ctx))
}

func playbackHeard(s *S) {
	line, party, ch := s.talking(Call{})
	p := got(ch.Play(s.Ctx, s.Server().Tone))(s)
	s.ok(party.HearSound(s.Ctx))
	s.ok(party.Hangup(s.Ctx))
	s.ok(line.Wait(s.Ctx))
	s.sequence(p, "PlaybackStarted", "PlaybackFinished")
}

// A command that waits until it is carried out waits for the playback, and others don't.
func playbackBlocksCommands(s *S) {
	ch := s.up("a", extSilent)
	b := s.bridge("bridge")
	p := got(ch.Play(s.Ctx, s.Server().Tone))(s)
	await[*ari.PlaybackStarted](s, p)
	ctx, cancel := context.WithTimeout(s.Ctx, 300*time.Millisecond)
	defer cancel()
	require.ErrorIs(s, b.AddChannel(ctx, ch.ID), context.DeadlineExceeded)
	s.ok(ch.StartMOH(s.Ctx, ""))
	require.Equal(s, ari.PlaybackStatePlaying, got(p.Refresh(s.Ctx))(s).State)
	// Nobody waits any more, but the command is in the queue, and is carried out at last.
	s.stop(p)
	await[*ari.ChannelEnteredBridge](s, ch)
	s.sequence(ch, "PlaybackStarted", "PlaybackFinished done", "ChannelEnteredBridge")
}

func recording(s *S) {
	ch := s.up("a", extEcho)
	name := s.id("r")
	r := got(ch.RecordWith(s.Ctx, name, "wav", ari.RecordOptions{Beep: true, IfExists: ari.IfExistsOverwrite}))(s)
	require.Equal(s, name, r.Name)
	require.Equal(s, "wav", r.Format)
	require.Equal(s, "channel:"+ch.ID, r.TargetURI)
	await[*ari.RecordingStarted](s, ch)
	now := got(r.Refresh(s.Ctx))(s)
	require.Equal(s, ari.LiveRecordingStateRecording, now.State)
	s.ok(r.Stop(s.Ctx))
	done := got(r.Wait(s.Ctx))(s)
	require.Equal(s, ari.LiveRecordingStateDone, done.State)
	require.Zero(s, done.TalkingDuration())
	s.sequence(r, "RecordingStarted", "RecordingFinished done")
	s.ok(gone(s.Ctx, s.ARI, made{"recording", r.Name})) // The event may be ahead of that.
	s.ok(r.Stored().Delete(s.Ctx))
}

func recordingPausedAndMuted(s *S) {
	ch := s.up("a", extEcho)
	r := got(ch.Record(s.Ctx, "", "wav"))(s)
	require.True(s, strings.HasPrefix(r.Name, "ari-"), "%s", r.Name)
	await[*ari.RecordingStarted](s, r)
	s.ok(r.Pause(s.Ctx))
	require.Equal(s, ari.LiveRecordingStatePaused, got(r.Refresh(s.Ctx))(s).State)
	s.ok(r.Pause(s.Ctx))
	s.ok(r.Unpause(s.Ctx))
	s.ok(r.Unpause(s.Ctx))
	require.Equal(s, ari.LiveRecordingStateRecording, got(r.Refresh(s.Ctx))(s).State)
	s.ok(r.Mute(s.Ctx))
	s.ok(r.Mute(s.Ctx))
	s.ok(r.Unmute(s.Ctx))
	s.ok(r.Unmute(s.Ctx))
	s.ok(r.Stop(s.Ctx))
	got(r.Wait(s.Ctx))(s)
	s.sequence(r, "RecordingStarted", "RecordingFinished done")
	s.ok(gone(s.Ctx, s.ARI, made{"recording", r.Name}))
	for _, operation := range []func(context.Context) error{r.Pause, r.Unpause, r.Mute, r.Unmute, r.Stop, r.Cancel} {
		s.refused(operation(s.Ctx), 404, ari.ErrNotFound)
	}
	s.ok(r.Stored().Delete(s.Ctx))
}

func recordingCancelled(s *S) {
	ch := s.up("a", extEcho)
	r := got(ch.Record(s.Ctx, s.id("r"), "wav"))(s)
	await[*ari.RecordingStarted](s, r)
	s.ok(r.Cancel(s.Ctx))
	// It looks as if it had been stored.
	done := got(r.Wait(s.Ctx))(s)
	require.Equal(s, ari.LiveRecordingStateDone, done.State)
	s.sequence(r, "RecordingStarted", "RecordingFinished done")
	_, err := r.Stored().Refresh(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
}

func recordingEndsByItself(s *S) {
	ch := s.upAt("a", extTone, "Milliwatt")
	r := got(ch.RecordWith(s.Ctx, s.id("longest"), "wav", ari.RecordOptions{MaxDuration: time.Second, IfExists: ari.IfExistsOverwrite}))(s)
	require.Positive(s, got(r.Wait(s.Ctx))(s).Duration())
	s.ok(r.Stored().Delete(s.Ctx))
	ch = s.upAt("b", extQuiet, "Wait")
	r = got(ch.RecordWith(s.Ctx, s.id("silence"), "wav", ari.RecordOptions{MaxSilence: time.Second, IfExists: ari.IfExistsOverwrite}))(s)
	done := got(r.Wait(s.Ctx))(s)
	require.Positive(s, done.Duration())
	require.LessOrEqual(s, done.SilenceDuration(), done.Duration())
	require.LessOrEqual(s, done.TalkingDuration(), done.Duration())
	s.ok(r.Stored().Delete(s.Ctx))
}

func recordingTerminatedByDigit(s *S) {
	ch := s.up("a", extDigits) // It sends 123#.
	r := got(ch.RecordWith(s.Ctx, s.id("r"), "wav", ari.RecordOptions{TerminateOn: ari.TerminateOnHash, IfExists: ari.IfExistsOverwrite}))(s)
	got(r.Wait(s.Ctx))(s)
	s.sequence(ch, "StasisStart", "RecordingStarted", "ChannelDtmfReceived 1", "ChannelDtmfReceived 2", "ChannelDtmfReceived 3", "ChannelDtmfReceived #", "RecordingFinished")
	s.ok(r.Stored().Delete(s.Ctx))
}

func recordingCutByHangup(s *S) {
	ch := s.up("a", extEcho)
	r := got(ch.RecordWith(s.Ctx, s.id("r"), "wav", ari.RecordOptions{IfExists: ari.IfExistsOverwrite}))(s)
	await[*ari.RecordingStarted](s, r)
	s.ok(ch.Stop(s.Ctx))
	s.sequence(ch, "StasisStart", "RecordingStarted", "RecordingFinished done", "StasisEnd", "ChannelDestroyed 16")
	s.ok(r.Stored().Delete(s.Ctx))
}

func recordingExists(s *S) {
	ch := s.up("a", extEcho)
	record := func(opts ari.RecordOptions) (*ari.LiveRecording, error) {
		return ch.RecordWith(s.Ctx, s.id("r"), "wav", opts)
	}
	for _, exists := range []ari.IfExists{"", ari.IfExistsOverwrite, ari.IfExistsAppend} {
		r := got(record(ari.RecordOptions{IfExists: exists}))(s)
		await[*ari.RecordingStarted](s, r)
		_, err := record(ari.RecordOptions{IfExists: ari.IfExistsOverwrite})
		s.refused(err, 409, ari.ErrConflict) // It is running.
		s.ok(r.Stop(s.Ctx))
		got(r.Wait(s.Ctx))(s)
		// The name is in use until it is gone, which the event may be ahead of.
		s.ok(gone(s.Ctx, s.ARI, made{"recording", r.Name}))
	}
	_, err := record(ari.RecordOptions{})
	s.refused(err, 409, ari.ErrConflict)
	_, err = record(ari.RecordOptions{IfExists: ari.IfExistsFail})
	s.refused(err, 409, ari.ErrConflict)
	s.ok(s.ARI.StoredRecording(s.id("r")).Delete(s.Ctx))
}

func recordingStored(s *S) {
	ch := s.upAt("a", extTone, "Milliwatt")
	name := s.id("folder/r + 1")
	r := got(ch.RecordWith(s.Ctx, name, "wav", ari.RecordOptions{MaxDuration: time.Second, IfExists: ari.IfExistsOverwrite}))(s)
	require.Equal(s, name, got(r.Wait(s.Ctx))(s).Name)
	stored := got(r.Stored().Refresh(s.Ctx))(s)
	require.Equal(s, name, stored.Name)
	require.Equal(s, "wav", stored.Format)
	listed := false
	for _, other := range got(s.ARI.StoredRecordings(s.Ctx))(s) {
		listed = listed || other.Name == name
	}
	require.True(s, listed)

	file := got(stored.File(s.Ctx))(s)
	require.Equal(s, "audio/wav", file.ContentType)
	head := make([]byte, 4)
	n := got(file.Read(head))(s)
	require.Equal(s, "RIFF", string(head[:n]))
	require.Greater(s, file.Length, int64(1000))
	s.ok(file.Close())

	copied := got(stored.Copy(s.Ctx, s.id("copy")))(s)
	require.Equal(s, s.id("copy"), copied.Name)
	_, err := stored.Copy(s.Ctx, s.id("copy"))
	s.refused(err, 409, ari.ErrConflict)
	_, err = stored.Copy(s.Ctx, "../outside")
	s.refused(err, 403, ari.ErrForbidden)
	_, err = stored.Copy(s.Ctx, "")
	s.unsent(err, ari.ErrInvalid)
	p := got(ch.Play(s.Ctx, "recording:"+s.id("copy")))(s)
	s.ok(p.Wait(s.Ctx))
	s.ok(copied.Delete(s.Ctx))
	s.ok(stored.Delete(s.Ctx))
	missing := s.ARI.StoredRecording("missing")
	_, err = missing.Refresh(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
	_, err = missing.File(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
	_, err = missing.Copy(s.Ctx, "other")
	s.refused(err, 404, ari.ErrNotFound)
	s.refused(missing.Delete(s.Ctx), 404, ari.ErrNotFound)
}

func recordingOnBridge(s *S) {
	ch := s.up("a", extSilent)
	b := s.bridged("bridge", ch)
	r := got(b.RecordWith(s.Ctx, s.id("r"), "ulaw", ari.BridgeRecordOptions{IfExists: ari.IfExistsOverwrite, Beep: true, TerminateOn: ari.TerminateOnAny, MaxDuration: time.Minute, MaxSilence: time.Minute}))(s)
	require.Equal(s, "bridge:"+b.ID, r.TargetURI)
	await[*ari.RecordingStarted](s, b)
	s.ok(r.Stop(s.Ctx))
	got(r.Wait(s.Ctx))(s)
	s.sequence(r, "RecordingStarted", "RecordingFinished done")
	_, err := s.ARI.Bridge("nobody").Record(s.Ctx, "", "wav")
	s.refused(err, 404, ari.ErrNotFound)
	_, err = b.Record(s.Ctx, "", "nonsense")
	s.refused(err, 422, ari.ErrUnprocessable)
	s.ok(r.Stored().Delete(s.Ctx))
	s.ok(b.Stop(s.Ctx))
}

// An application hears of a bridge only as long as one of its channels is in it. Who waits for a playback or a recording on it must not wait for ever.
func bridgeWithoutChannels(s *S) {
	b := s.bridge("bridge")
	p := got(b.Play(s.Ctx, s.Server().Tone))(s)
	await[*ari.PlaybackStarted](s, p)
	s.stop(p)
	s.ok(p.Wait(s.Ctx))

	ch := s.up("a", extSilent)
	s.ok(b.AddChannel(s.Ctx, ch.ID))
	r := got(b.RecordWith(s.Ctx, s.id("r"), "ulaw", ari.BridgeRecordOptions{IfExists: ari.IfExistsOverwrite}))(s)
	await[*ari.RecordingStarted](s, r)
	s.ok(ch.Stop(s.Ctx))
	await[*ari.StasisEnd](s, ch)
	_ = r.Stop(s.Ctx) // It may have ended with the last channel.
	got(r.Wait(s.Ctx))(s)
	s.ok(r.Stored().Delete(s.Ctx))

	all := ari.Subscribe[*ari.BridgeDestroyed](b)
	s.ok(b.Stop(s.Ctx))
	got(all.Next(s.Ctx))(s)
	_, err := all.Next(s.Ctx)
	require.ErrorIs(s, err, ari.ErrEnded)
}

// A channel in a bridge can't be recorded, and one that is being recorded can't enter a bridge.
func recordingOfBridgedChannel(s *S) {
	ch := s.up("a", extEcho)
	b := s.bridged("bridge", ch)
	r := got(ch.RecordWith(s.Ctx, s.id("r"), "wav", ari.RecordOptions{IfExists: ari.IfExistsOverwrite}))(s)
	_, err := r.Wait(s.Ctx)
	require.ErrorIs(s, err, ari.ErrRecordingFailed)
	require.NotEmpty(s, await[*ari.RecordingFailed](s, r).Recording.Cause)
	s.sequence(r, "RecordingFailed")

	s.ok(b.RemoveChannel(s.Ctx, ch.ID))
	r = got(ch.RecordWith(s.Ctx, s.id("s"), "wav", ari.RecordOptions{IfExists: ari.IfExistsOverwrite}))(s)
	await[*ari.RecordingStarted](s, r)
	s.refused(b.AddChannel(s.Ctx, ch.ID), 409, ari.ErrConflict)
	s.ok(r.Stop(s.Ctx))
	got(r.Wait(s.Ctx))(s)
	s.ok(r.Stored().Delete(s.Ctx))
}

func recordingErrors(s *S) {
	ch := s.up("a", extEcho)
	_, err := ch.Record(s.Ctx, "", "nonsense")
	s.refused(err, 422, ari.ErrUnprocessable)
	_, err = ch.Record(s.Ctx, "", "")
	s.unsent(err, ari.ErrInvalid)
	_, err = s.ARI.Channel("nobody").Record(s.Ctx, "", "wav")
	s.refused(err, 404, ari.ErrNotFound)
	_, err = ch.Record(s.Ctx, "../../outside", "wav")
	s.refused(err, 500, ari.ErrInternal)
	_, err = ch.RecordWith(s.Ctx, "", "wav", ari.RecordOptions{IfExists: "nonsense"})
	s.refused(err, 400, ari.ErrInvalid)
	_, err = ch.RecordWith(s.Ctx, "", "wav", ari.RecordOptions{TerminateOn: "nonsense"})
	s.refused(err, 400, ari.ErrInvalid)
	missing := s.ARI.LiveRecording("missing")
	_, err = missing.Refresh(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
	_, err = missing.Wait(s.Ctx)
	require.ErrorIs(s, err, ari.ErrNotFound)
}
