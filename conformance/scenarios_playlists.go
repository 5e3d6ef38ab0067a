package conformance

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// Several media in one playback, tones, and playing to a channel in a bridge.
var _ = register(
	scenario{name: "playback-list-controlled", run: playbackListControlled, unrecorded: true},
	scenario{name: "playback-list-stopped", run: playbackListStopped, unrecorded: true},
	scenario{name: "playback-spoken-controlled", run: playbackSpokenControlled, unrecorded: true},
	scenario{name: "playback-tones", run: playbackTones, unrecorded: true},
	scenario{name: "playback-to-bridged-channel", run: playbackToBridgedChannel, unrecorded: true},
	scenario{name: "playback-to-bridged-channel-hangup", run: playbackToBridgedChannelHangup, unrecorded: true},
	scenario{name: "playback-on-bridge-controlled", run: playbackOnBridgeControlled, unrecorded: true},
)

// started waits until a playback has come to a medium.
func (s *S) started(p *ari.Playback, media string) *ari.PlaybackStarted {
	s.Helper()
	return await(s, p, func(ev *ari.PlaybackStarted) bool { return ev.Playback.MediaURI == media })
}

// control sends an operation to what has just begun.
func (s *S) control(p *ari.Playback, operation ari.PlaybackOperation) {
	s.Helper()
	s.command(func(ctx context.Context) error { return p.Control(ctx, operation) })
}

// Pausing and restarting concern the medium that is playing; those before it don't come again.
func playbackListControlled(s *S) {
	ch, tone := s.up("a", extSilent), s.Server().Tone
	p := got(ch.PlayWith(s.Ctx, ari.PlayOptions{PlaybackID: s.id("p")}, "sound:beep", "sound:beeperr", tone))(s)
	require.Equal(s, "sound:beeperr", s.started(p, "sound:beep").Playback.NextMediaURI)
	require.Equal(s, tone, s.started(p, "sound:beeperr").Playback.NextMediaURI)
	require.Empty(s, s.started(p, tone).Playback.NextMediaURI)
	s.control(p, ari.PlaybackOperationPause)
	require.Equal(s, ari.PlaybackStatePaused, got(p.Refresh(s.Ctx))(s).State)
	s.control(p, ari.PlaybackOperationUnpause)
	s.started(p, tone)
	s.control(p, ari.PlaybackOperationRestart)
	s.stop(p)
	s.ok(p.Wait(s.Ctx))
	s.sequence(p, "PlaybackStarted", "PlaybackContinuing sound:beep", "PlaybackStarted", "PlaybackContinuing sound:beeperr", "PlaybackStarted", "PlaybackStarted", "PlaybackFinished done")
	s.ok(ch.Stop(s.Ctx))
	s.sequence(ch, "StasisStart", "StasisEnd", "ChannelDestroyed 16")
}

// Stopping ends the whole list: what would come next doesn't begin.
func playbackListStopped(s *S) {
	ch, tone := s.up("a", extSilent), s.Server().Tone
	p := got(ch.PlayWith(s.Ctx, ari.PlayOptions{PlaybackID: s.id("p")}, "sound:beep", tone, "sound:beeperr"))(s)
	s.started(p, tone)
	s.stop(p)
	s.ok(p.Wait(s.Ctx))
	ended := await[*ari.PlaybackFinished](s, p)
	require.Equal(s, tone, ended.Playback.MediaURI)
	require.Equal(s, ari.PlaybackStateDone, ended.Playback.State)
	s.ok(ch.Stop(s.Ctx))
	await[*ari.ChannelDestroyed](s, ch)
	s.sequence(p, "PlaybackStarted", "PlaybackContinuing sound:beep", "PlaybackStarted", "PlaybackFinished done")
}

// A tone has no end of its own. It can be paused and started again, in whatever country's way.
func playbackTones(s *S) {
	ch := s.up("a", extSilent)
	b := s.bridged("bridge", s.up("b", extSilent))
	for _, media := range []string{"tone:ring", "tone:busy;tonezone=us"} {
		for name, play := range sorted(map[string]func() (*ari.Playback, error){
			"to a channel": func() (*ari.Playback, error) { return ch.Play(s.Ctx, media) },
			"to a bridge":  func() (*ari.Playback, error) { return b.Play(s.Ctx, media) },
		}) {
			p := got(play())(s)
			require.Equal(s, media, s.started(p, media).Playback.MediaURI, "%s", name)
			s.control(p, ari.PlaybackOperationPause)
			require.Equal(s, ari.PlaybackStatePaused, got(p.Refresh(s.Ctx))(s).State, "%s", name)
			s.control(p, ari.PlaybackOperationUnpause)
			s.started(p, media)
			s.control(p, ari.PlaybackOperationRestart)
			s.stop(p)
			s.ok(p.Wait(s.Ctx))
			s.sequence(p, "PlaybackStarted", "PlaybackStarted", "PlaybackFinished done")
		}
	}
	// One that nobody knows is over at once.
	p := got(ch.Play(s.Ctx, "tone:no-such-tone"))(s)
	await[*ari.PlaybackFinished](s, p)
}

// What is played to a channel goes on in a bridge, one after the other. The channel hears it, and the bridge isn't told.
func playbackToBridgedChannel(s *S) {
	ch := s.up("a", extSilent)
	b := s.bridged("bridge", ch)
	first := got(ch.PlayWith(s.Ctx, ari.PlayOptions{PlaybackID: s.id("first")}, "sound:beep"))(s)
	second := got(ch.PlayWith(s.Ctx, ari.PlayOptions{PlaybackID: s.id("second")}, "sound:beeperr"))(s)
	require.Equal(s, "channel:"+ch.ID, first.TargetURI)
	s.ok(first.Wait(s.Ctx))
	s.ok(second.Wait(s.Ctx))
	s.sequence(first, "PlaybackStarted", "PlaybackFinished done")
	s.sequence(second, "PlaybackStarted", "PlaybackFinished done")
	s.ok(b.RemoveChannel(s.Ctx, ch.ID))
	s.sequence(ch, "ChannelEnteredBridge", "PlaybackStarted", "PlaybackFinished", "PlaybackStarted", "PlaybackFinished", "ChannelLeftBridge")
	s.ok(b.Stop(s.Ctx))
}

// A hangup there ends what plays, and the channel leaves.
func playbackToBridgedChannelHangup(s *S) {
	ch, tone := s.up("a", extSilent), s.Server().Tone
	b := s.bridged("bridge", ch)
	first := got(ch.PlayWith(s.Ctx, ari.PlayOptions{PlaybackID: s.id("first")}, "sound:beep"))(s)
	second := got(ch.PlayWith(s.Ctx, ari.PlayOptions{PlaybackID: s.id("second")}, tone))(s)
	s.ok(first.Wait(s.Ctx))
	s.started(second, tone)
	s.ok(ch.Stop(s.Ctx))
	s.sequence(second, "PlaybackStarted", "PlaybackFinished failed")
	s.sequence(ch, "ChannelEnteredBridge", "ChannelLeftBridge", "StasisEnd", "ChannelDestroyed 16")
	s.ok(b.Stop(s.Ctx))
}

// A playback on a bridge can be wound forward and back, paused and begun again.
func playbackOnBridgeControlled(s *S) {
	ch, tone := s.up("a", extSilent), s.Server().Tone
	b := s.bridged("bridge", ch)
	p := got(b.PlayWith(s.Ctx, ari.BridgePlayOptions{PlaybackID: s.id("p")}, tone))(s)
	s.started(p, tone)
	for _, operation := range []ari.PlaybackOperation{ari.PlaybackOperationForward, ari.PlaybackOperationReverse, ari.PlaybackOperationRestart} {
		s.control(p, operation)
	}
	s.control(p, ari.PlaybackOperationPause)
	require.Equal(s, ari.PlaybackStatePaused, got(p.Refresh(s.Ctx))(s).State)
	s.control(p, ari.PlaybackOperationUnpause)
	s.started(p, tone)
	s.stop(p)
	s.ok(p.Wait(s.Ctx))
	s.sequence(p, "PlaybackStarted", "PlaybackStarted", "PlaybackFinished done")
	s.ok(b.Stop(s.Ctx))
}

// What is spoken can't be controlled, but for going on, which it does anyway.
func playbackSpokenControlled(s *S) {
	ch := s.up("a", extSilent)
	p := got(ch.Play(s.Ctx, "number:123456789"))(s)
	await[*ari.PlaybackStarted](s, p)
	for _, operation := range []ari.PlaybackOperation{ari.PlaybackOperationReverse, ari.PlaybackOperationForward, ari.PlaybackOperationRestart, ari.PlaybackOperationPause} {
		err := p.Control(s.Ctx, operation)
		s.refused(err, 500, ari.ErrInternal)
		require.ErrorContains(s, err, "Could not "+string(operation)+" playback")
	}
	s.ok(p.Control(s.Ctx, ari.PlaybackOperationUnpause))
	s.refused(p.Stop(s.Ctx), 500, ari.ErrInternal)
	s.ok(ch.Stop(s.Ctx))
}
