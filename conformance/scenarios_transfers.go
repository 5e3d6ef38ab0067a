package conformance

import (
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// Attended transfers: a party with two calls connects those that it talks to.
var _ = register(
	scenario{name: "attended-transfer-links-bridges", run: attendedTransferLinksBridges, needs: []Feature{SIP, Transfers}, unrecorded: true},
	scenario{name: "attended-transfer-to-dialplan", run: attendedTransferToDialplan, needs: []Feature{SIP, Transfers}, unrecorded: true},
	scenario{name: "attended-transfer-from-dialplan", run: attendedTransferFromDialplan, needs: []Feature{SIP, Transfers}, unrecorded: true},
	scenario{name: "attended-transfer-by-application", run: attendedTransferByApplication, needs: []Feature{SIP, Transfers}, since: "22.3", unrecorded: true},
)

// Two bridges, of one application or of two, are linked by a Local channel: each half takes the party's place in a bridge and in its application. The
// party's channels leave: the second at once, the first with its hangup.
func attendedTransferLinksBridges(s *S) {
	other := s.connect(s.AppName + "-other")
	for _, target := range []*App{s.App, other} {
		_, first, a := s.talking(Call{})
		_, _, c := s.talking(Call{From: "bob"})
		line := s.Place(s, Call{To: "app-" + target.AppName})
		a2 := await[*ari.StasisStart](target, nil).Channel
		s.ok(a2.Answer(s.Ctx))
		second := got(line.Party(s.Ctx, 0))(s)
		s.ok(second.Await(s.Ctx, "answered"))
		s.Place(s, Call{From: "carol", To: "app-" + target.AppName})
		d := await[*ari.StasisStart](target, nil).Channel
		s.ok(d.Answer(s.Ctx))
		left, right := s.bridged("left-"+target.AppName, a, c), s.bridged("right-"+target.AppName, a2, d)

		s.ok(first.Refer(s.Ctx, "app-"+target.AppName, second))
		ev := await[*ari.BridgeAttendedTransfer](s, nil)
		require.Equal(s, "link", ev.DestinationType)
		require.Equal(s, "Success", ev.Result)
		require.Equal(s, a.ID, ev.TransfererFirstLeg.ID)
		require.Equal(s, a2.ID, ev.TransfererSecondLeg.ID)
		require.Equal(s, c.ID, ev.Transferee.ID)
		require.Equal(s, d.ID, ev.TransferTarget.ID)
		near := await(s, a, func(ev *ari.StasisStart) bool { return ev.ReplaceChannel != nil })
		far := await(target, a2, func(ev *ari.StasisStart) bool { return ev.ReplaceChannel != nil })
		require.Equal(s, ev.DestinationLinkFirstLeg.ID, near.Channel.ID)
		require.Equal(s, ev.DestinationLinkSecondLeg.ID, far.Channel.ID)
		require.Equal(s, a.ID, near.ReplaceChannel.ID)
		require.Equal(s, a2.ID, far.ReplaceChannel.ID)
		await[*ari.StasisEnd](target, a2)
		await[*ari.ChannelEnteredBridge](s, near.Channel)
		s.sequence(left, "ChannelEnteredBridge", "ChannelEnteredBridge", "ChannelLeftBridge", "ChannelEnteredBridge")
		s.ok(first.Hangup(s.Ctx))
		await[*ari.StasisEnd](s, a)
		require.ElementsMatch(s, []string{c.ID, near.Channel.ID}, got(left.Refresh(s.Ctx))(s).Channels)
		require.ElementsMatch(s, []string{d.ID, far.Channel.ID}, got(right.Refresh(s.Ctx))(s).Channels)
		for _, ch := range []*ari.Channel{c, d} {
			s.ok(ch.Stop(s.Ctx))
		}
		s.ok(near.Channel.Stop(s.Ctx)) // Which takes the other half along.
		await[*ari.StasisEnd](s, near.Channel)
		await[*ari.StasisEnd](target, far.Channel)
		s.ok(left.Stop(s.Ctx))
		s.ok(right.Stop(s.Ctx))
	}
}

// The second call is with an application of the dialplan, which one half of the Local channel takes over.
func attendedTransferToDialplan(s *S) {
	_, first, a := s.talking(Call{})
	_, _, c := s.talking(Call{From: "bob"})
	second := got(s.Place(s, Call{To: extEcho}).Party(s.Ctx, 0))(s)
	s.ok(second.Await(s.Ctx, "answered"))
	b := s.bridged("bridge", a, c)
	s.ok(first.Refer(s.Ctx, extEcho, second))
	ev := await[*ari.BridgeAttendedTransfer](s, nil)
	require.Equal(s, "application", ev.DestinationType)
	require.Contains(s, []string{"Answer", "Echo"}, ev.DestinationApplication) // The answer waits for media.
	require.Equal(s, c.ID, ev.Transferee.ID)
	start := await(s, a, func(ev *ari.StasisStart) bool { return ev.ReplaceChannel != nil })
	require.Equal(s, ev.ReplaceChannel.ID, start.Channel.ID)
	require.ElementsMatch(s, []string{c.ID, start.Channel.ID}, got(b.Refresh(s.Ctx))(s).Channels)
	s.ok(first.Hangup(s.Ctx))
	await[*ari.StasisEnd](s, a)
	s.ok(start.Channel.Stop(s.Ctx))
	await[*ari.StasisEnd](s, start.Channel)
}

// The same the other way round: the first call is with the dialplan, the second in a bridge.
func attendedTransferFromDialplan(s *S) {
	first := got(s.Place(s, Call{To: extEcho}).Party(s.Ctx, 0))(s)
	s.ok(first.Await(s.Ctx, "answered"))
	_, second, a := s.talking(Call{})
	_, _, c := s.talking(Call{From: "bob"})
	b := s.bridged("bridge", a, c)
	s.ok(first.Refer(s.Ctx, "app-"+s.AppName, second))
	ev := await[*ari.BridgeAttendedTransfer](s, nil)
	require.Equal(s, "application", ev.DestinationType)
	require.Contains(s, []string{"Answer", "Echo"}, ev.DestinationApplication) // The answer waits for media.
	require.Equal(s, a.ID, ev.TransfererSecondLeg.ID)
	start := await(s, a, func(ev *ari.StasisStart) bool { return ev.ReplaceChannel != nil })
	require.Equal(s, ev.ReplaceChannel.ID, start.Channel.ID)
	await[*ari.StasisEnd](s, a)
	require.ElementsMatch(s, []string{c.ID, start.Channel.ID}, got(b.Refresh(s.Ctx))(s).Channels)
	s.ok(start.Channel.Stop(s.Ctx))
	await[*ari.StasisEnd](s, start.Channel)
}

// The application is told of the second call, and carries the transfer out by itself.
func attendedTransferByApplication(s *S) {
	_, first, a := s.talking(Call{})
	_, _, c := s.talking(Call{From: "bob"})
	_, second, a2 := s.talking(Call{})
	s.ok(a.SetVariable(s.Ctx, "PJSIP_TRANSFER_HANDLING()", "ari-only"))
	b := s.bridged("bridge", a, c)
	s.ok(first.Refer(s.Ctx, "app-"+s.AppName, second))
	ev := await[*ari.ChannelTransfer](s, nil)
	require.Equal(s, a.ID, ev.ReferredBy.SourceChannel.ID)
	require.Equal(s, c.ID, ev.ReferredBy.ConnectedChannel.ID)
	require.Equal(s, b.ID, ev.ReferredBy.Bridge.ID)
	require.Equal(s, a2.ID, ev.ReferTo.DestinationChannel.ID)
	require.NotEmpty(s, ev.ReferTo.RequestedDestination.ProtocolID)
	s.ok(a.TransferProgress(s.Ctx, "channel_answered"))
	require.ElementsMatch(s, []string{a.ID, c.ID}, got(b.Refresh(s.Ctx))(s).Channels)
	s.never(nil, "BridgeAttendedTransfer")
	s.ok(first.Hangup(s.Ctx))
	await[*ari.StasisEnd](s, a)
	s.ok(second.Hangup(s.Ctx))
	await[*ari.StasisEnd](s, a2)
}
