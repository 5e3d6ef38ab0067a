package conformance

import (
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/pkg/ari"
)

var _ = register(
	scenario{name: "applications", run: applications, alone: true},
	scenario{name: "application-subscriptions", run: applicationSubscriptions, alone: true},
	scenario{name: "application-filter", run: applicationFilter, alone: true},
	scenario{name: "user-events", run: userEvents},
	scenario{name: "user-event-of-dialplan", run: userEventOfDialplan},
	scenario{name: "subscriptions", run: subscriptions, options: everything, alone: true},
	scenario{name: "subscribe-all", run: subscribeAll, needs: []Feature{Own}, unrecorded: true},
	scenario{name: "application-replaced", run: applicationReplaced},
	scenario{name: "adoption", run: adoption},
	scenario{name: "two-applications", run: twoApplications},
	scenario{name: "broadcast-and-claim", run: broadcastAndClaim, since: "20.20"},
)

func applications(s *S) {
	ch := s.up("a", extSilent)
	app := got(s.ARI.Application("").Refresh(s.Ctx))(s)
	require.Equal(s, s.AppName, app.Name)
	require.ElementsMatch(s, []string{ch.ID, ch.ID + ";2"}, app.ChannelIDs)
	listed := false
	for _, other := range got(s.ARI.Applications(s.Ctx))(s) {
		listed = listed || other.Name == app.Name
	}
	require.True(s, listed)
	nobody := s.ARI.Application("nobody-has-this")
	_, err := nobody.Refresh(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
	_, err = nobody.Subscribe(s.Ctx, key(ch))
	s.refused(err, 404, ari.ErrNotFound)
	_, err = nobody.Unsubscribe(s.Ctx, key(ch))
	s.refused(err, 404, ari.ErrNotFound)
	_, err = nobody.Filter(s.Ctx, ari.EventFilter{})
	s.refused(err, 404, ari.ErrNotFound)
}

// An application can hear of what belongs to another one.
func applicationSubscriptions(s *S) {
	other := s.connect(s.AppName + "-other")
	ch := s.up("a", extSilent)
	b := s.bridge("bridge")
	app := got(other.ARI.Application("").Subscribe(s.Ctx, key(ch), key(b), "endpoint:PJSIP/bob", "endpoint:PJSIP", "deviceState:Stasis:"+s.id("lamp")))(s)
	require.Equal(s, []string{ch.ID}, app.ChannelIDs)
	require.Equal(s, []string{b.ID}, app.BridgeIDs)
	require.ElementsMatch(s, []string{"PJSIP/bob", "PJSIP"}, app.EndpointIDs)
	s.ok(b.AddChannel(s.Ctx, ch.ID))
	await[*ari.ChannelEnteredBridge](other, ch)
	// That is the bridge's event: whoever has subscribed to the channel only doesn't hear of it.
	app = got(other.ARI.Application("").Unsubscribe(s.Ctx, key(b), "endpoint:PJSIP/bob"))(s)
	require.Empty(s, app.BridgeIDs)
	s.ok(ch.Stop(s.Ctx))
	other.sequence(ch, "ChannelEnteredBridge", "ChannelHangupRequest", "ChannelDestroyed 16")
	other.never(ch, "ChannelLeftBridge", "StasisStart", "StasisEnd")

	for source, status := range sorted(map[string]int{"nonsense:x": 400, "channel:nobody": 422, "bridge:nobody": 422, "endpoint:PJSIP/missing": 422}) {
		_, err := other.ARI.Application("").Subscribe(s.Ctx, source)
		if status == 400 {
			s.refused(err, status, ari.ErrInvalid)
			continue
		}
		s.refused(err, status, ari.ErrUnprocessable)
	}
	_, err := other.ARI.Application("").Unsubscribe(s.Ctx, key(b))
	s.refused(err, 422, ari.ErrUnprocessable)
	_, err = other.ARI.Application("").Subscribe(s.Ctx)
	s.unsent(err, ari.ErrInvalid)
	// Those before a bad one stay subscribed.
	_, err = other.ARI.Application("").Subscribe(s.Ctx, key(b), "channel:nobody")
	s.refused(err, 422, ari.ErrUnprocessable)
	require.Equal(s, []string{b.ID}, got(other.ARI.Application("").Refresh(s.Ctx))(s).BridgeIDs)
}

func applicationFilter(s *S) {
	app := got(s.ARI.Application("").Filter(s.Ctx, ari.EventFilter{Disallowed: []string{"ChannelVarset", "StasisEnd"}}))(s)
	require.Equal(s, []gen.EventTypeName{{Type: "ChannelVarset"}}, app.EventsDisallowed, "the client lives by StasisEnd")
	ch := s.up("a", extSilent)
	s.ok(ch.SetVariable(s.Ctx, "COLOUR", "blue"))
	s.ok(ch.Answer(s.Ctx)) // Which waits until what was asked for before is done.
	app = got(s.ARI.Application("").Filter(s.Ctx, ari.EventFilter{Allowed: []string{"ChannelUserevent"}}))(s)
	require.Contains(s, app.EventsAllowed, gen.EventTypeName{Type: "StasisEnd"})
	s.ok(s.ARI.SendUserEvent(s.Ctx, "One", ari.UserEventOptions{Application: s.AppName, Source: []string{key(ch)}}))
	await[*ari.ChannelUserevent](s, ch)
	s.ok(ch.StartMOH(s.Ctx, ""))
	app = got(s.ARI.Application("").Filter(s.Ctx, ari.EventFilter{}))(s)
	require.Empty(s, app.EventsAllowed)
	require.Empty(s, app.EventsDisallowed)
	s.never(ch, "ChannelVarset")
	s.ok(ch.SetVariable(s.Ctx, "COLOUR", "red"))
	s.sequence(ch, "ChannelVarset COLOUR=red")
	s.ok(ch.Stop(s.Ctx))
	await[*ari.ChannelDestroyed](s, ch)

	// A controller without events sends a filter as it is.
	plain := s.controller()
	app = got(plain.Application(s.AppName).Filter(s.Ctx, ari.EventFilter{Disallowed: []string{"StasisStart"}}))(s)
	require.Equal(s, []gen.EventTypeName{{Type: "StasisStart"}}, app.EventsDisallowed)
	got(plain.Application(s.AppName).Filter(s.Ctx, ari.EventFilter{}))(s)
}

func userEvents(s *S) {
	ch, b := s.up("a", extSilent), s.bridge("bridge")
	s.ok(s.ARI.SendUserEvent(s.Ctx, "Greeting", ari.UserEventOptions{
		Application: s.AppName,
		Source:      []string{key(ch), key(b), "endpoint:PJSIP/alice"},
		Variables:   map[string]any{"text": "one, two", "number": 1.5, "list": []any{"a", true, nil}, "object": map[string]any{"a": "b"}},
	}))
	ev := await[*ari.ChannelUserevent](s, ch)
	require.Equal(s, "Greeting", ev.EventName)
	require.Equal(s, map[string]any{
		"eventname": "Greeting", "text": "one, two", "number": 1.5, "list": []any{"a", true, nil}, "object": map[string]any{"a": "b"},
	}, ev.UserEvent)
	require.Equal(s, b.ID, ev.Bridge.ID)
	require.Equal(s, "alice", ev.Endpoint.Resource)
	s.ok(s.ARI.SendUserEvent(s.Ctx, "Bare", ari.UserEventOptions{Application: s.AppName}))
	require.Equal(s, map[string]any{"eventname": "Bare"}, await(s, nil, func(ev *ari.ChannelUserevent) bool { return ev.EventName == "Bare" }).UserEvent)

	s.refused(s.ARI.SendUserEvent(s.Ctx, "X", ari.UserEventOptions{Application: "nobody-has-this"}), 404, ari.ErrNotFound)
	s.refused(s.ARI.SendUserEvent(s.Ctx, "X", ari.UserEventOptions{Application: s.AppName, Source: []string{"channel:nobody"}}), 422, ari.ErrUnprocessable)
	s.refused(s.ARI.SendUserEvent(s.Ctx, "X", ari.UserEventOptions{Application: s.AppName, Source: []string{"nonsense:x"}}), 400, ari.ErrInvalid)
	s.unsent(s.ARI.SendUserEvent(s.Ctx, "", ari.UserEventOptions{Application: s.AppName}), ari.ErrInvalid)
}

func userEventOfDialplan(s *S) {
	ch := s.up("a", extUserEvent)
	ev := await(s, nil, func(ev *ari.ChannelUserevent) bool { return ev.EventName == "Greeting" })
	require.Equal(s, ch.ID+";2", ev.Channel.ID)
	require.Equal(s, map[string]any{"eventname": "Greeting", "Key": "value", "Other": "two words"}, ev.UserEvent)
}

// Whoever hears of everything hears of what belongs to no application.
func subscriptions(s *S) {
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extHangsUp), ChannelID: s.id("a"), Context: contextTarget, Extension: "100"}))(s)
	s.sequence(ch, "ChannelCreated", "Dial", "Dial ANSWER", "ChannelUserevent", "ChannelUserevent", "ChannelDestroyed 16")
	b := s.bridge("bridge")
	s.ok(b.Stop(s.Ctx))
	s.sequence(b, "BridgeCreated", "BridgeDestroyed")
	app := got(s.ARI.Application("").Refresh(s.Ctx))(s)
	require.Equal(s, []string{"__AST_CHANNEL_ALL_TOPIC"}, app.ChannelIDs)
	require.Equal(s, []string{"__AST_BRIDGE_ALL_TOPIC"}, app.BridgeIDs)
	require.Empty(s, app.DeviceNames)
}

// With all events come device states. Asterisk 22 can lock up when such a connection ends, so this one has an endpoint of its own.
func subscribeAll(s *S) {
	s.moveTo(s.Own(s, Setup{}), ari.WithSubscribeAll())
	app := got(s.ARI.Application("").Refresh(s.Ctx))(s)
	require.Equal(s, []string{"__AST_CHANNEL_ALL_TOPIC"}, app.ChannelIDs)
	require.Equal(s, []string{"__AST_BRIDGE_ALL_TOPIC"}, app.BridgeIDs)
	require.Equal(s, []string{"__AST_DEVICE_STATE_ALL_TOPIC"}, app.DeviceNames)
	lamp := s.ARI.DeviceState("Stasis:lamp")
	s.ok(lamp.Update(s.Ctx, ari.DeviceStateValueINUSE))
	await[*ari.DeviceStateChanged](s, lamp)
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extHangsUp), ChannelID: s.id("a"), Context: contextTarget, Extension: "100"}))(s)
	await[*ari.ChannelDestroyed](s, ch)
}

// A second websocket takes an application over, and the first one's client ends.
func applicationReplaced(s *S) {
	first := s.connect(s.AppName + "-shared")
	ch := got(first.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("a")}))(s)
	await[*ari.StasisStart](first, ch)
	second := s.connect(first.AppName)
	select {
	case <-first.Client.Done():
	case <-s.Ctx.Done():
		require.Fail(s, "the first client goes on")
	}
	require.ErrorIs(s, first.Client.Err(), ari.ErrReplaced)
	require.ErrorIs(s, first.Client.Connect(s.Ctx), ari.ErrReplaced)
	require.ErrorIs(s, first.Client.Run(s.Ctx), ari.ErrReplaced)
	// Its calls are the second one's now.
	s.ok(second.ARI.StopChannel(s.Ctx, ch.ID))
	second.sequence(ch, "StasisEnd", "ChannelDestroyed 16")
	first.sequence(nil, "ApplicationReplaced")
}

// A program ends, and its calls stay. Asterisk doesn't tell the next one of them; a client that adopts them does.
func adoption(s *S) {
	first := s.connect(s.AppName + "-restarted")
	ch := got(first.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("a"), AppArgs: "one,two"}))(s)
	await[*ari.StasisStart](first, ch)
	s.ok(first.Client.Close(s.Ctx))

	second := s.connect(first.AppName)
	s.ok(second.Client.Close(s.Ctx))
	second.never(ch, "StasisStart")

	third := s.connect(first.AppName, ari.WithAdoption())
	start := await[*ari.StasisStart](third, ch)
	require.True(s, start.Synthetic())
	require.Equal(s, []string{"one", "two"}, start.Args)
	s.ok(start.Channel.Stop(s.Ctx))
	third.sequence(ch, "StasisStart", "StasisEnd", "ChannelDestroyed 16")
}

// One client can have several applications, and tell whose an event is.
func twoApplications(s *S) {
	one, two := s.AppName+"-one", s.AppName+"-two"
	p := s.connect(one, ari.WithApplications(two))
	a := got(p.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("a")}))(s)
	require.Equal(s, one, await[*ari.StasisStart](p, a).Application)
	c := got(p.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("c"), App: two}))(s)
	require.Equal(s, two, await[*ari.StasisStart](p, c).Application)
	s.ok(a.Move(s.Ctx, two))
	await(p, a, func(ev *ari.StasisStart) bool { return ev.Application == two })
	await(p, a, func(ev *ari.StasisEnd) bool { return ev.Application == one })
	require.Equal(s, ari.ChannelStateUp, got(a.Refresh(s.Ctx))(s).State)
	s.ok(a.Stop(s.Ctx))
	await(p, a, func(ev *ari.StasisEnd) bool { return ev.Application == two })
}

// A call is offered to several applications, and the first one to claim it gets it.
func broadcastAndClaim(s *S) {
	other := s.connect(s.AppName + "-other")
	got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extBroadcast + s.AppName + ".*"), ChannelID: s.id("a"), Extension: extSilent, CallerID: "Alice <4711>"}))(s)
	offer := await[*ari.CallBroadcast](s, nil)
	await[*ari.CallBroadcast](other, nil)
	require.Equal(s, s.id("a")+";2", offer.Channel.ID)
	require.Equal(s, "4711", offer.Caller)
	s.refused(offer.Channel.Answer(s.Ctx), 409, ari.ErrNotInStasis)
	s.refused(s.ARI.ClaimChannel(s.Ctx, "nobody", s.AppName), 404, ari.ErrNotFound)
	s.unsent(s.ARI.ClaimChannel(s.Ctx, "", s.AppName), ari.ErrInvalid)
	s.ok(other.ARI.ClaimChannel(s.Ctx, offer.Channel.ID, other.AppName))
	start := await[*ari.StasisStart](other, offer.Channel)
	require.Equal(s, []string{"one", "two"}, start.Args)
	require.Equal(s, other.AppName, await[*ari.CallClaimed](s, nil).WinnerApp)
	require.Error(s, s.ARI.ClaimChannel(s.Ctx, offer.Channel.ID, s.AppName))
	s.never(nil, "StasisStart")
}
