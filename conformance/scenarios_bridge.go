package conformance

import (
	"errors"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/pkg/ari"
)

var _ = register(
	scenario{name: "bridge-mixing", run: bridgeMixing},
	scenario{name: "bridge-types", run: bridgeTypes},
	scenario{name: "bridge-without-id", run: bridgeWithoutID},
	scenario{name: "bridge-subscribed", run: bridgeSubscribed},
	scenario{name: "bridge-holding-roles", run: bridgeHoldingRoles},
	scenario{name: "bridge-absorb-dtmf", run: bridgeAbsorbDTMF, needs: []Feature{SIP}},
	scenario{name: "bridge-sound", run: bridgeSound, needs: []Feature{SIP, RTP}},
	scenario{name: "bridge-moh", run: bridgeMOH, needs: []Feature{SIP, RTP}},
	scenario{name: "bridge-destroy-with-channels", run: bridgeDestroyWithChannels},
	scenario{name: "bridge-to-bridge", run: bridgeToBridge},
	scenario{name: "bridge-hangup", run: bridgeHangup},
	scenario{name: "bridge-video-source", run: bridgeVideoSource, needs: []Feature{Video}},
	scenario{name: "bridge-errors", run: bridgeErrors},
	scenario{name: "bridge-blind-transfer", run: bridgeBlindTransfer, needs: []Feature{SIP, BlindTransfers}},
	scenario{name: "bridge-attended-transfer", run: bridgeAttendedTransfer, needs: []Feature{SIP, Transfers}},
	scenario{name: "bridge-attended-transfer-to-application", run: bridgeAttendedTransferToApplication, needs: []Feature{SIP, Transfers}},
	scenario{name: "transfer-in-dialplan", run: transferInDialplan, needs: []Feature{SIP, Transfers, DialplanBridges}, options: everything, alone: true},
	scenario{name: "transfer-by-application", run: transferByApplication, needs: []Feature{SIP, BlindTransfers}, since: "22.3"},
)

// bridge makes a bridge.
func (s *S) bridge(suffix string) *ari.Bridge {
	s.Helper()
	return got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: s.id(suffix), Type: "mixing"}))(s)
}

// bridged makes a bridge with channels in it.
func (s *S) bridged(suffix string, channels ...*ari.Channel) *ari.Bridge {
	s.Helper()
	b := s.bridge(suffix)
	ids := make([]string, len(channels))
	for i, ch := range channels {
		ids[i] = ch.ID
	}
	s.ok(b.AddChannel(s.Ctx, ids...))
	return b
}

func bridgeMixing(s *S) {
	a, c := s.up("a", extSilent), s.up("c", extSilent)
	b := got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: s.id("bridge"), Type: "mixing", Name: "A & B"}))(s)
	require.Equal(s, s.id("bridge"), b.ID)
	require.Equal(s, "A & B", b.Name)
	require.Equal(s, ari.BridgeTypeMixing, b.BridgeType)
	require.Empty(s, b.Channels)
	s.ok(b.AddChannel(s.Ctx, a.ID))
	s.ok(s.ARI.BridgeAddChannel(s.Ctx, b.ID, c.ID))
	s.ok(b.AddChannel(s.Ctx, c.ID)) // It is in already: it leaves, and enters again.
	require.ElementsMatch(s, []string{a.ID, c.ID}, got(b.Refresh(s.Ctx))(s).Channels)
	listed := false
	for _, other := range got(s.ARI.Bridges(s.Ctx))(s) {
		listed = listed || other.ID == b.ID
	}
	require.True(s, listed)
	s.ok(b.RemoveChannel(s.Ctx, a.ID, c.ID))
	require.Empty(s, got(b.Refresh(s.Ctx))(s).Channels)
	s.ok(b.Stop(s.Ctx))
	s.ok(gone(s.Ctx, s.ARI, made{"bridge", b.ID})) // It can be seen for a moment more.
	s.sequence(a, "StasisStart", "ChannelEnteredBridge", "ChannelLeftBridge")
	s.sequence(c, "StasisStart", "ChannelEnteredBridge", "ChannelLeftBridge", "ChannelEnteredBridge", "ChannelLeftBridge")
	s.never(nil, "BridgeCreated", "StasisEnd")
}

func bridgeTypes(s *S) {
	for _, c := range []struct {
		typ, video string
		bridge     ari.BridgeType
	}{
		{"", "talker", ari.BridgeTypeMixing},
		{"mixing", "talker", ari.BridgeTypeMixing},
		{"holding", "", ari.BridgeTypeHolding},
		{"mixing,dtmf_events", "talker", ari.BridgeTypeMixing},
		{"mixing,proxy_media", "talker", ari.BridgeTypeMixing},
		{"mixing,video_sfu", "sfu", ari.BridgeTypeMixing},
		{"mixing,video_single", "single", ari.BridgeTypeMixing},
		{"mixing,dtmf_events,proxy_media,video_sfu,sdp_label", "sfu", ari.BridgeTypeMixing},
		{"mixing,nonsense", "talker", ari.BridgeTypeMixing},
	} {
		b := got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{Type: c.typ}))(s)
		require.Equal(s, c.bridge, b.BridgeType, "%s", c.typ)
		if c.video != "" {
			require.Equal(s, c.video, b.VideoMode, "%s", c.typ)
		}
		require.NotEmpty(s, b.Technology)
		s.ok(s.ARI.StopBridge(s.Ctx, b.ID))
	}
	// A type that says neither how channels are mixed nor that they are held is none.
	for _, typ := range []string{"mixing,holding", "dtmf_events", "nonsense"} {
		_, err := s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{Type: typ})
		s.refused(err, 500, ari.ErrInternal)
	}
}

// Without an id of the client's, Asterisk makes one up.
func bridgeWithoutID(s *S) {
	name := s.id("bridge")
	resp := got(s.ARI.API().BridgesCreateWithResponse(s.Ctx, &gen.BridgesCreateParams{Name: &name}, gen.BridgesCreateJSONRequestBody{}))(s)
	require.NotNil(s, resp.JSON200)
	require.NotEmpty(s, resp.JSON200.ID)
	require.Equal(s, name, resp.JSON200.Name)
	s.ok(s.ARI.StopBridge(s.Ctx, resp.JSON200.ID))
}

// An application that wants to hear of a bridge's end must subscribe to the bridge, or have a channel in it.
func bridgeSubscribed(s *S) {
	silent, heard := s.bridge("silent"), s.bridge("heard")
	got(s.ARI.Application("").Subscribe(s.Ctx, key(heard)))(s)
	s.ok(silent.Stop(s.Ctx))
	s.ok(heard.Stop(s.Ctx))
	s.sequence(heard, "BridgeDestroyed")
	s.never(silent, "BridgeDestroyed")
	_, err := s.ARI.Application("").Subscribe(s.Ctx, key(silent))
	s.refused(err, 422, ari.ErrUnprocessable)
}

func bridgeHoldingRoles(s *S) {
	b := got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: s.id("bridge"), Type: "holding"}))(s)
	for _, role := range []string{"participant", "announcer", "nonsense"} {
		ch := s.up("as-"+role, extSilent)
		s.ok(b.AddChannelWith(s.Ctx, ari.AddChannelOptions{Role: role}, ch.ID))
		await[*ari.ChannelEnteredBridge](s, ch)
	}
	require.Len(s, got(b.Refresh(s.Ctx))(s).Channels, 3)
	require.Equal(s, "holding_bridge", got(b.Refresh(s.Ctx))(s).Technology)
	s.ok(b.Stop(s.Ctx))
}

func bridgeAbsorbDTMF(s *S) {
	_, first, a := s.talking(Call{Sound: true})
	_, second, c := s.talking(Call{From: "bob", Sound: true})
	_, third, d := s.talking(Call{From: "carol", Sound: true})
	b := got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: s.id("bridge"), Type: "mixing,dtmf_events"}))(s)
	s.ok(b.AddChannelWith(s.Ctx, ari.AddChannelOptions{AbsorbDTMF: true, Mute: true, InhibitConnectedLineUpdates: s.from("18")}, a.ID))
	s.ok(b.AddChannel(s.Ctx, c.ID, d.ID))
	s.ok(first.Dial(s.Ctx, "1"))
	s.sequence(a, "ChannelEnteredBridge", "ChannelDtmfReceived 1")
	s.ok(second.Dial(s.Ctx, "2"))
	s.sequence(c, "ChannelEnteredBridge", "ChannelDtmfReceived 2")
	// Only the second's digit has come through.
	s.ok(third.HearDigits(s.Ctx, "2"))
	s.ok(b.Stop(s.Ctx))
}

func bridgeSound(s *S) {
	_, first, a := s.talking(Call{})
	_, second, c := s.talking(Call{From: "bob", Sound: true})
	b := s.bridged("bridge", a, c)
	s.ok(first.HearSound(s.Ctx))
	s.ok(second.Hangup(s.Ctx))
	s.sequence(c, "StasisStart", "ChannelEnteredBridge", "ChannelLeftBridge", "StasisEnd")
	require.Equal(s, []string{a.ID}, got(b.Refresh(s.Ctx))(s).Channels)
	s.ok(b.Stop(s.Ctx))
}

func bridgeMOH(s *S) {
	_, party, ch := s.talking(Call{})
	b := s.bridged("bridge", ch)
	s.ok(b.StartMOH(s.Ctx, "high"))
	s.ok(party.HearSound(s.Ctx))
	s.ok(b.StopMOH(s.Ctx))
	s.refused(b.StopMOH(s.Ctx), 409, ari.ErrConflict)
	s.ok(b.StartMOH(s.Ctx, ""))
	s.ok(b.Stop(s.Ctx))
	s.refused(s.ARI.Bridge("nobody").StartMOH(s.Ctx, ""), 404, ari.ErrNotFound)
	s.refused(s.ARI.Bridge("nobody").StopMOH(s.Ctx), 404, ari.ErrNotFound)
}

// Channels outlive their bridge, and stay in the application. Their leaving ends the application's interest in the bridge, so that it is only sure to hear of
// the bridge's end if it has subscribed to it.
func bridgeDestroyWithChannels(s *S) {
	a, c := s.up("a", extSilent), s.up("c", extSilent)
	b := s.bridged("bridge", a, c)
	got(s.ARI.Application("").Subscribe(s.Ctx, key(b)))(s)
	sub := ari.Subscribe[*ari.BridgeDestroyed](b)
	s.ok(b.Stop(s.Ctx))
	ev := got(sub.Next(s.Ctx))(s)
	require.Equal(s, b.ID, ev.Bridge.ID)
	_, err := sub.Next(s.Ctx)
	require.ErrorIs(s, err, ari.ErrEnded)
	for _, ch := range []*ari.Channel{a, c} {
		s.sequence(ch, "StasisStart", "ChannelEnteredBridge", "ChannelLeftBridge")
		require.Equal(s, ari.ChannelStateUp, got(ch.Refresh(s.Ctx))(s).State)
	}
	s.never(nil, "StasisEnd")
	s.refused(b.Stop(s.Ctx), 404, ari.ErrNotFound)
}

// A channel goes from one bridge to the next without a stop.
func bridgeToBridge(s *S) {
	ch := s.up("a", extSilent)
	first, second := s.bridged("first", ch), s.bridge("second")
	s.ok(second.AddChannel(s.Ctx, ch.ID))
	s.sequence(ch, "StasisStart", "ChannelEnteredBridge", "ChannelLeftBridge", "ChannelEnteredBridge")
	require.Empty(s, got(first.Refresh(s.Ctx))(s).Channels)
	require.Equal(s, []string{ch.ID}, got(second.Refresh(s.Ctx))(s).Channels)
	s.sequence(first, "ChannelEnteredBridge", "ChannelLeftBridge")
	s.sequence(second, "ChannelEnteredBridge")
}

func bridgeHangup(s *S) {
	a, c := s.up("a", extSilent), s.up("c", extSilent)
	b := s.bridged("bridge", a, c)
	s.ok(a.Stop(s.Ctx))
	s.sequence(a, "StasisStart", "ChannelEnteredBridge", "ChannelLeftBridge", "StasisEnd", "ChannelDestroyed 16")
	require.Equal(s, []string{c.ID}, got(b.Refresh(s.Ctx))(s).Channels)
	s.never(c, "ChannelLeftBridge")
}

func bridgeVideoSource(s *S) {
	a, c := s.up("a", extSilent), s.up("c", extSilent)
	b := got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: s.id("bridge"), Type: "mixing,video_single"}))(s)
	s.refused(b.SetVideoSource(s.Ctx, a.ID), 422, ari.ErrUnprocessable) // It isn't in there.
	s.ok(b.AddChannel(s.Ctx, a.ID, c.ID))
	s.ok(b.SetVideoSource(s.Ctx, a.ID))
	require.Equal(s, a.ID, await[*ari.BridgeVideoSourceChanged](s, b).Bridge.VideoSourceID)
	require.Equal(s, a.ID, got(b.Refresh(s.Ctx))(s).VideoSourceID)
	s.ok(b.SetVideoSource(s.Ctx, c.ID))
	ev := await[*ari.BridgeVideoSourceChanged](s, b)
	require.Equal(s, c.ID, ev.Bridge.VideoSourceID)
	require.Equal(s, a.ID, ev.OldVideoSourceID)
	// Neither an event nor the bridge itself shows that it has none any more.
	s.ok(b.ClearVideoSource(s.Ctx))
	require.Equal(s, c.ID, got(b.Refresh(s.Ctx))(s).VideoSourceID)
	s.sequence(b, "BridgeVideoSourceChanged", "BridgeVideoSourceChanged")
	s.refused(s.ARI.Bridge("nobody").ClearVideoSource(s.Ctx), 404, ari.ErrNotFound)
	s.refused(b.SetVideoSource(s.Ctx, "nobody"), 400, ari.ErrInvalid)
}

func bridgeErrors(s *S) {
	ch := s.up("a", extSilent)
	b, nobody := s.bridge("bridge"), s.ARI.Bridge("nobody")
	s.refused(nobody.AddChannel(s.Ctx, ch.ID), 404, ari.ErrNotFound)
	s.refused(nobody.RemoveChannel(s.Ctx, ch.ID), 404, ari.ErrNotFound)
	s.refused(nobody.Stop(s.Ctx), 404, ari.ErrNotFound)
	for _, err := range []error{b.AddChannel(s.Ctx, "nobody"), b.RemoveChannel(s.Ctx, "nobody")} {
		s.refused(err, 400, ari.ErrInvalid)
		s.refused(err, 400, ari.ErrNotFound)
	}
	s.refused(b.RemoveChannel(s.Ctx, ch.ID), 422, ari.ErrUnprocessable)
	s.unsent(b.AddChannel(s.Ctx), ari.ErrInvalid)
	s.unsent(b.RemoveChannel(s.Ctx), ari.ErrInvalid)

	got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
	s.ok(ch.ContinueWith(s.Ctx, ari.ContinueOptions{Context: contextTarget, Extension: "100"}))
	await[*ari.ChannelUserevent](s, ch)
	s.refused(b.AddChannel(s.Ctx, ch.ID), 422, ari.ErrUnprocessable)
	s.refused(b.RemoveChannel(s.Ctx, ch.ID), 422, ari.ErrUnprocessable)

	_, err := s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: b.ID})
	if s.from("20.13") {
		s.refused(err, 409, ari.ErrConflict)
	} else {
		require.True(s, errors.Is(err, ari.ErrProtocol) || errors.Is(err, ari.ErrInternal), "%v", err)
	}
	_, err = s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: b.ID, Type: "holding"})
	if s.from("20.13") {
		s.refused(err, 409, ari.ErrConflict)
	} else {
		s.refused(err, 500, ari.ErrInternal)
	}
}

// A party asks to be replaced by an extension. The other one stays in the bridge, where a Local channel to the extension takes the first one's place, and
// enters the application for that.
func bridgeBlindTransfer(s *S) {
	line, party, a := s.talking(Call{})
	_, _, c := s.talking(Call{From: "bob"})
	b := s.bridged("bridge", a, c)
	s.ok(party.Refer(s.Ctx, extSilent, nil))
	ev := await[*ari.BridgeBlindTransfer](s, b)
	require.Equal(s, "Success", ev.Result)
	require.Equal(s, extSilent, ev.Exten)
	require.Equal(s, "default", ev.Context)
	require.True(s, ev.IsExternal)
	require.Equal(s, a.ID, ev.Channel.ID)
	require.NotNil(s, ev.ReplaceChannel)
	start := await[*ari.StasisStart](s, ev.ReplaceChannel)
	require.Equal(s, ev.ReplaceChannel.ID, start.Channel.ID)
	require.Equal(s, a.ID, start.ReplaceChannel.ID)
	s.ok(party.Hangup(s.Ctx))
	s.ok(line.Wait(s.Ctx))
	await[*ari.StasisEnd](s, a)
	require.ElementsMatch(s, []string{c.ID, ev.ReplaceChannel.ID}, got(b.Refresh(s.Ctx))(s).Channels)
	s.sequence(c, "StasisStart", "ChannelEnteredBridge")
}

// A party with two calls connects those that it talks to: their bridges become one.
func bridgeAttendedTransfer(s *S) {
	_, first, a := s.talking(Call{From: "alice"})
	_, _, c := s.talking(Call{From: "bob"})
	_, second, a2 := s.talking(Call{From: "alice"})
	_, _, d := s.talking(Call{From: "carol"})
	left, right := s.bridged("left", a, c), s.bridged("right", a2, d)
	s.ok(first.Refer(s.Ctx, "app-"+s.AppName, second))
	ev := await[*ari.BridgeAttendedTransfer](s, nil)
	require.Equal(s, "Success", ev.Result)
	require.Equal(s, a.ID, ev.TransfererFirstLeg.ID)
	require.Equal(s, a2.ID, ev.TransfererSecondLeg.ID)
	require.Equal(s, left.ID, ev.TransfererFirstLegBridge.ID)
	require.Equal(s, right.ID, ev.TransfererSecondLegBridge.ID)
	require.Contains(s, []string{"bridge", "link"}, ev.DestinationType)
	require.Equal(s, c.ID, ev.Transferee.ID)
	require.Equal(s, d.ID, ev.TransferTarget.ID)
	s.ok(second.Await(s.Ctx, "bye"))
	s.ok(first.Hangup(s.Ctx))
	await[*ari.StasisEnd](s, a)
	await[*ari.StasisEnd](s, a2)
}

// The second call is with nobody but an application: the other party of the first one takes its place there.
func bridgeAttendedTransferToApplication(s *S) {
	_, first, a := s.talking(Call{From: "alice"})
	_, _, c := s.talking(Call{From: "bob"})
	_, second, a2 := s.talking(Call{From: "alice"})
	s.bridged("first", a, c)
	s.ok(first.Refer(s.Ctx, "app-"+s.AppName, second))
	ev := await[*ari.BridgeAttendedTransfer](s, nil)
	require.Equal(s, "Success", ev.Result)
	require.Equal(s, "application", ev.DestinationType)
	require.Equal(s, "Stasis", ev.DestinationApplication)
	start := await(s, nil, func(ev *ari.StasisStart) bool { return ev.ReplaceChannel != nil })
	require.Equal(s, a2.ID, start.ReplaceChannel.ID)
	await[*ari.StasisEnd](s, a2)
	s.ok(first.Hangup(s.Ctx))
	await[*ari.StasisEnd](s, a)
}

// Two bridges that belong to no application become one when their common party connects the others. That takes three parties in each: two would swap.
func transferInDialplan(s *S) {
	call := func() (Party, *ari.Channel) {
		party := got(s.Place(s, Call{From: "alice", To: extDial + extSilent}).Party(s.Ctx, 0))(s)
		s.ok(party.Await(s.Ctx, "answered"))
		entered := await(s, nil, func(ev *ari.ChannelEnteredBridge) bool { return ev.Channel.Caller.Name == "alice" })
		await(s, entered.Bridge, func(ev *ari.ChannelEnteredBridge) bool { return ev.Channel.ID != entered.Channel.ID })
		return party, entered.Channel
	}
	first, a := call()
	second, c := call()
	for _, ch := range []*ari.Channel{a, c} {
		third := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{
			Endpoint: local(extSilent), Context: "default", Extension: extJoin, Variables: map[string]string{"TARGET": ch.Name},
		}))(s)
		await[*ari.ChannelEnteredBridge](s, third)
	}

	s.ok(first.Refer(s.Ctx, extDial+extSilent, second))
	merged := await[*ari.BridgeMerged](s, nil)
	require.NotEqual(s, merged.Bridge.ID, merged.BridgeFrom.ID)
	ev := await[*ari.BridgeAttendedTransfer](s, nil)
	require.Equal(s, "Success", ev.Result)
	require.Equal(s, "bridge", ev.DestinationType)
	s.ok(second.Await(s.Ctx, "bye"))
	s.ok(first.Hangup(s.Ctx))
	for _, ch := range got(s.ARI.Channels(s.Ctx))(s) {
		_ = ch.Stop(s.Ctx) // One takes others with it.
	}
}

// The application is asked to carry out a transfer itself.
func transferByApplication(s *S) {
	_, party, a := s.talking(Call{From: "alice"})
	_, _, c := s.talking(Call{From: "bob"})
	s.ok(a.SetVariable(s.Ctx, "PJSIP_TRANSFER_HANDLING()", "ari-only"))
	s.bridged("bridge", a, c)
	s.ok(party.Refer(s.Ctx, "1234", nil))
	ev := await[*ari.ChannelTransfer](s, nil)
	require.Equal(s, a.ID, ev.ReferredBy.SourceChannel.ID)
	require.Equal(s, c.ID, ev.ReferredBy.ConnectedChannel.ID)
	require.NotNil(s, ev.ReferTo)
	require.Contains(s, ev.ReferTo.RequestedDestination.Destination, "1234")
	s.unsent(a.TransferProgress(s.Ctx, ""), ari.ErrInvalid)
	s.refused(a.TransferProgress(s.Ctx, "nonsense"), 400, ari.ErrInvalid)
	s.ok(a.TransferProgress(s.Ctx, "channel_progress"))
	s.ok(a.TransferProgress(s.Ctx, "channel_answered"))
	s.ok(party.Hangup(s.Ctx))
	s.refused(s.ARI.Channel("nobody").TransferProgress(s.Ctx, "channel_answered"), 404, ari.ErrNotFound)
}
