package conformance

import (
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/pkg/ari"
)

var _ = register(
	scenario{name: "snoop", run: snoop},
	scenario{name: "snoop-heard", run: snoopHeard, needs: []Feature{SIP, RTP}},
	scenario{name: "external-media", run: externalMedia, needs: []Feature{RTP}},
	scenario{name: "external-media-both-ways", run: externalMediaBothWays, needs: []Feature{SIP, RTP}},
	scenario{name: "external-media-errors", run: externalMediaErrors},
)

func snoop(s *S) {
	ch := s.up("a", extEcho)
	spy := got(ch.Snoop(s.Ctx, ari.SnoopOptions{SnoopID: s.id("spy"), Spy: ari.SnoopDirectionBoth, Whisper: ari.SnoopDirectionOut, AppArgs: "one,two"}))(s)
	start := await[*ari.StasisStart](s, spy)
	require.Equal(s, []string{"one", "two"}, start.Args)
	require.True(s, strings.HasPrefix(start.Channel.Name, "Snoop/"+ch.ID+"-"), "%s", start.Channel.Name)
	require.Equal(s, ari.ChannelStateUp, start.Channel.State)
	p := got(spy.Play(s.Ctx, "sound:beep"))(s)
	s.ok(p.Wait(s.Ctx))

	app := s.AppName
	direction := gen.ChannelsSnoopChannelParamsSpyIn
	resp := got(s.ARI.API().ChannelsSnoopChannelWithResponse(s.Ctx, ch.ID, &gen.ChannelsSnoopChannelParams{App: app, Spy: &direction}))(s)
	require.NotNil(s, resp.JSON200)
	await[*ari.StasisStart](s, "channel:"+resp.JSON200.ID)

	_, err := ch.Snoop(s.Ctx, ari.SnoopOptions{})
	s.refused(err, 400, ari.ErrInvalid)
	_, err = ch.Snoop(s.Ctx, ari.SnoopOptions{Spy: "sideways"})
	s.refused(err, 400, ari.ErrInvalid)
	_, err = s.ARI.Channel("nobody").Snoop(s.Ctx, ari.SnoopOptions{Spy: ari.SnoopDirectionIn})
	s.refused(err, 404, ari.ErrNotFound)
	_, err = ch.Snoop(s.Ctx, ari.SnoopOptions{SnoopID: spy.ID, Spy: ari.SnoopDirectionIn})
	s.refused(err, 500, ari.ErrInternal)

	// Who is spied on takes the spies along.
	s.ok(ch.Stop(s.Ctx))
	s.sequence(spy, "StasisStart", "PlaybackStarted", "PlaybackFinished done", "StasisEnd")
}

// What is whispered is heard.
func snoopHeard(s *S) {
	line, party, ch := s.talking(Call{Sound: true})
	spy := got(ch.Snoop(s.Ctx, ari.SnoopOptions{Whisper: ari.SnoopDirectionOut}))(s)
	await[*ari.StasisStart](s, spy)
	other := s.up("silent", extQuiet)
	s.bridged("bridge", ch, other)
	p := got(spy.Play(s.Ctx, s.Server().Tone))(s)
	await[*ari.PlaybackStarted](s, p)
	s.ok(party.HearSound(s.Ctx))
	s.ok(party.Hangup(s.Ctx))
	s.ok(line.Wait(s.Ctx))
}

func externalMedia(s *S) {
	media := s.Media(s)
	ch := got(s.ARI.CreateExternalMedia(s.Ctx, ari.ExternalMediaOptions{
		ExternalHost: media.Addr(), Format: "ulaw", ChannelID: s.id("a"), Variables: map[string]string{"COLOUR": "blue"},
	}))(s)
	require.True(s, strings.HasPrefix(ch.Name, "UnicastRTP/"+media.Addr()+"-"), "%s", ch.Name)
	require.Equal(s, "blue", ch.ChannelVars["COLOUR"])
	require.NotEmpty(s, ch.ChannelVars["UNICASTRTP_LOCAL_PORT"])
	start := await[*ari.StasisStart](s, ch)
	require.Equal(s, ari.ChannelStateUp, start.Channel.State)
	b := s.bridged("bridge", ch)
	p := got(b.Play(s.Ctx, s.Server().Tone))(s)
	s.ok(media.HearSound(s.Ctx))
	s.stop(p)
	s.ok(b.Stop(s.Ctx))
	s.ok(ch.Stop(s.Ctx))
	s.sequence(ch, "StasisStart", "ChannelEnteredBridge", "ChannelLeftBridge", "StasisEnd", "ChannelDestroyed")
}

func externalMediaBothWays(s *S) {
	line, party, ch := s.talking(Call{Sound: true})
	media := s.Media(s)
	external := got(s.ARI.CreateExternalMedia(s.Ctx, ari.ExternalMediaOptions{ExternalHost: media.Addr(), Format: "ulaw", Encapsulation: ari.EncapsulationRTP, Transport: ari.TransportUDP, ConnectionType: ari.ConnectionTypeClient, Direction: ari.MediaDirectionBoth}))(s)
	await[*ari.StasisStart](s, external)
	b := s.bridged("bridge", ch, external)
	s.ok(media.HearSound(s.Ctx))
	s.ok(media.Speak(s.Ctx))
	s.ok(party.HearSound(s.Ctx))
	s.ok(party.Hangup(s.Ctx))
	s.ok(line.Wait(s.Ctx))
	await[*ari.StasisEnd](s, ch)
	require.Equal(s, []string{external.ID}, got(b.Refresh(s.Ctx))(s).Channels)
}

func externalMediaErrors(s *S) {
	_, err := s.ARI.CreateExternalMedia(s.Ctx, ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:9"})
	s.unsent(err, ari.ErrInvalid)
	_, err = s.ARI.CreateExternalMedia(s.Ctx, ari.ExternalMediaOptions{ExternalHost: "127.0.0.1", Format: "ulaw"})
	s.refused(err, 400, ari.ErrInvalid)
	_, err = s.ARI.CreateExternalMedia(s.Ctx, ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "nonsense"})
	require.Error(s, err)
	_, err = s.ARI.CreateExternalMedia(s.Ctx, ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "ulaw", Encapsulation: "nonsense"})
	s.refused(err, 501, ari.ErrNotImplemented)
	_, err = s.ARI.CreateExternalMedia(s.Ctx, ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "ulaw", Transport: "nonsense"})
	if s.from("20") {
		s.refused(err, 400, ari.ErrInvalid)
	} else {
		s.refused(err, 501, ari.ErrNotImplemented)
	}
	// Older versions don't look at the direction.
	_, err = s.ARI.CreateExternalMedia(s.Ctx, ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "ulaw", Direction: "nonsense"})
	require.Equal(s, s.from("20"), err != nil, "%v", err)
	ch := s.up("a", extSilent)
	_, err = s.ARI.CreateExternalMedia(s.Ctx, ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "ulaw", ChannelID: ch.ID})
	if s.from("20") {
		s.refused(err, 500, ari.ErrInternal)
	} else {
		s.refused(err, 409, ari.ErrConflict)
	}
}
