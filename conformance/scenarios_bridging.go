package conformance

import (
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// What else happens to channels in bridges.
var _ = register(
	scenario{name: "bridge-linked-ids", run: bridgeLinkedIDs, unrecorded: true},
	scenario{name: "bridge-made-twice", run: bridgeMadeTwice, unrecorded: true},
	scenario{name: "bridge-of-another", run: bridgeOfAnother, unrecorded: true},
	scenario{name: "bridge-video-source-leaves", run: bridgeVideoSourceLeaves, needs: []Feature{Video}, unrecorded: true},
	scenario{name: "bridge-blind-transfer-to-application", run: bridgeBlindTransferToApplication, needs: []Feature{SIP, BlindTransfers}, unrecorded: true},
	scenario{name: "all-connected-lines", run: connectedLineAll, unrecorded: true},
	scenario{name: "hold-intercepted", run: holdIntercepted, unrecorded: true},
	scenario{name: "bridge-hold-of-two", run: bridgeHoldOfTwo, unrecorded: true},
)

// Two channels that are mixed are one call, and know each other's account. Those that are only held aren't.
func bridgeLinkedIDs(s *S) {
	for _, kind := range []string{"mixing", "holding"} {
		first, second := s.up(kind+"-first", extSilent), s.up(kind+"-second", extSilent)
		for _, ch := range []*ari.Channel{first, second} {
			s.ok(ch.SetVariable(s.Ctx, "CHANNEL(accountcode)", ch.ID))
			require.Equal(s, ch.ID, got(ch.Variable(s.Ctx, "CHANNEL(linkedid)"))(s))
			require.Empty(s, got(ch.Variable(s.Ctx, "CHANNEL(peeraccount)"))(s))
		}
		b := got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: s.id("bridge-" + kind), Type: kind}))(s)
		s.ok(b.AddChannel(s.Ctx, first.ID))
		await[*ari.ChannelEnteredBridge](s, first)
		s.ok(b.AddChannel(s.Ctx, second.ID))
		await[*ari.ChannelEnteredBridge](s, second)
		s.ok(b.RemoveChannel(s.Ctx, first.ID, second.ID))
		for _, pair := range [][2]*ari.Channel{{first, second}, {second, first}} {
			ch, peer := pair[0], pair[1]
			linked, account := ch.ID, ""
			if kind == "mixing" {
				linked, account = first.ID, peer.ID
			}
			require.Equal(s, linked, got(ch.Variable(s.Ctx, "CHANNEL(linkedid)"))(s), "%s", kind)
			require.Equal(s, account, got(ch.Variable(s.Ctx, "CHANNEL(peeraccount)"))(s), "%s", kind)
		}
		s.ok(b.Stop(s.Ctx))
	}
}

// A bridge of an id that exists is refused, whether it is said to be the same or another. Older versions let the same pass.
func bridgeMadeTwice(s *S) {
	b := got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: s.id("bridge"), Name: "name", Type: "mixing"}))(s)
	for _, c := range []struct {
		name, kind string
		same       bool
	}{
		{"name", "mixing", true}, {"name", "holding", false}, {"other", "mixing", false}, {"other", "holding", false}, {"", "holding", false}, {"other", "", false},
	} {
		_, err := s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: b.ID, Name: c.name, Type: c.kind})
		switch {
		case s.from("20.13"):
			s.refused(err, 409, ari.ErrConflict)
		case c.same:
			require.NotErrorIs(s, err, ari.ErrConflict)
		default:
			s.refused(err, 500, ari.ErrInternal)
		}
		now := got(b.Refresh(s.Ctx))(s)
		require.Equal(s, "name", now.Name)
		require.Equal(s, ari.BridgeTypeMixing, now.BridgeType)
	}
}

// A channel isn't taken out of a bridge that it isn't in, and stays in its own.
func bridgeOfAnother(s *S) {
	ch := s.up("a", extSilent)
	b, other := s.bridged("bridge", ch), s.bridge("other")
	s.refused(other.RemoveChannel(s.Ctx, ch.ID), 422, ari.ErrUnprocessable)
	require.Equal(s, []string{ch.ID}, got(b.Refresh(s.Ctx))(s).Channels)
	s.ok(b.RemoveChannel(s.Ctx, ch.ID))
	s.refused(b.RemoveChannel(s.Ctx, ch.ID), 422, ari.ErrUnprocessable)
	s.ok(other.Stop(s.Ctx))
	s.ok(b.Stop(s.Ctx))
}

// Whose video is shown may leave, and so may the others. Who watches the bridge hears of all that, and of its end.
func bridgeVideoSourceLeaves(s *S) {
	b := s.bridge("bridge")
	got(s.ARI.Application("").Subscribe(s.Ctx, key(b)))(s)
	a, c, d := s.up("a", extEcho), s.up("c", extEcho), s.up("d", extEcho)
	s.ok(b.AddChannel(s.Ctx, a.ID, c.ID, d.ID))
	s.ok(b.SetVideoSource(s.Ctx, d.ID))
	ev := await[*ari.BridgeVideoSourceChanged](s, b)
	require.Equal(s, "single", ev.Bridge.VideoMode)
	require.Equal(s, d.ID, ev.Bridge.VideoSourceID)
	s.ok(b.SetVideoSource(s.Ctx, c.ID))
	require.Equal(s, d.ID, await[*ari.BridgeVideoSourceChanged](s, b).OldVideoSourceID)
	for _, ch := range []*ari.Channel{d, c, a} {
		s.ok(ch.Stop(s.Ctx))
		await[*ari.ChannelLeftBridge](s, ch)
	}
	s.ok(b.Stop(s.Ctx))
	s.sequence(b, "ChannelEnteredBridge", "ChannelEnteredBridge", "ChannelEnteredBridge", "ChannelLeftBridge", "ChannelLeftBridge", "ChannelLeftBridge", "BridgeDestroyed")
}

// The extension of a blind transfer may be an application's: then that gets the far half of the Local channel that takes the place.
func bridgeBlindTransferToApplication(s *S) {
	other := s.connect(s.AppName + "-other")
	for i, target := range []*App{s.App, other} {
		line, party, a := s.talking(Call{})
		_, _, c := s.talking(Call{From: []string{"bob", "carol"}[i]})
		b := s.bridged(target.AppName, a, c)
		s.ok(party.Refer(s.Ctx, "app-"+target.AppName, nil))
		replaced := await(s, nil, func(ev *ari.StasisStart) bool { return ev.ReplaceChannel != nil })
		require.Equal(s, a.ID, replaced.ReplaceChannel.ID)
		far := await(target, nil, func(ev *ari.StasisStart) bool { return ev.ReplaceChannel == nil })
		require.Equal(s, "app-"+target.AppName, far.Channel.Dialplan.Exten)
		s.ok(party.Hangup(s.Ctx))
		s.ok(line.Wait(s.Ctx))
		await[*ari.StasisEnd](s, a)
		require.ElementsMatch(s, []string{c.ID, replaced.Channel.ID}, got(b.Refresh(s.Ctx))(s).Channels)
		s.ok(far.Channel.Stop(s.Ctx))
		await[*ari.StasisEnd](target, far.Channel)
		await[*ari.StasisEnd](s, replaced.Channel)
		s.ok(c.Stop(s.Ctx))
		s.ok(b.Stop(s.Ctx))
	}
}

// A name and a number are set at once, and told at once.
func connectedLineAll(s *S) {
	ch := s.up("a", extSilent)
	s.ok(ch.SetVariable(s.Ctx, "CONNECTEDLINE(all)", "TEST <1234>"))
	ev := await(s, ch, func(ev *ari.ChannelConnectedLine) bool { return ev.Channel.Connected.Number == "1234" })
	require.Equal(s, "TEST", ev.Channel.Connected.Name)
	require.Equal(s, "1234", got(ch.Variable(s.Ctx, "CONNECTEDLINE(num)"))(s))
}

// With HOLD_INTERCEPT, a hold and its end are events instead of music.
func holdIntercepted(s *S) {
	ch := s.up("a", extSilent)
	s.ok(ch.SetVariable(s.Ctx, "HOLD_INTERCEPT(set)", ""))
	s.ok(ch.Hold(s.Ctx))
	await[*ari.ChannelHold](s, ch)
	s.ok(ch.Unhold(s.Ctx))
	await[*ari.ChannelUnhold](s, ch)
	s.ok(ch.Stop(s.Ctx))
	s.sequence(ch, "StasisStart", "ChannelHold", "ChannelUnhold", "StasisEnd")
}

// A channel on hold in a bridge of two stays in it when a third one comes. Of the music's end no event tells.
func bridgeHoldOfTwo(s *S) {
	a, c, d := s.up("a", extSilent), s.up("c", extSilent), s.up("d", extSilent)
	b := s.bridged("bridge", a, c)
	s.ok(a.Hold(s.Ctx))
	s.ok(b.AddChannel(s.Ctx, d.ID))
	require.ElementsMatch(s, []string{a.ID, c.ID, d.ID}, got(b.Refresh(s.Ctx))(s).Channels)
	require.Equal(s, "softmix", got(b.Refresh(s.Ctx))(s).Technology)
	s.never(a, "ChannelHold", "ChannelUnhold")
	s.ok(b.Stop(s.Ctx))
}
