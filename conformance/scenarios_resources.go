package conformance

import (
	"strings"
	"time"

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
	scenario{name: "device-states", run: deviceStates},
	scenario{name: "endpoints", run: endpoints},
	scenario{name: "endpoint-events", run: endpointEvents, needs: []Feature{SIP, Registration}, alone: true},
	scenario{name: "messages", run: messages, needs: []Feature{Messages}},
	scenario{name: "refer", run: refer, needs: []Feature{SIP}, since: "20.5"},
	scenario{name: "mailboxes", run: mailboxes},
	scenario{name: "applications", run: applications, alone: true},
	scenario{name: "application-subscriptions", run: applicationSubscriptions, alone: true},
	scenario{name: "application-filter", run: applicationFilter, alone: true},
	scenario{name: "user-events", run: userEvents},
	scenario{name: "user-event-of-dialplan", run: userEventOfDialplan},
	scenario{name: "sounds", run: sounds},
	scenario{name: "asterisk-info", run: asteriskInfo},
	scenario{name: "asterisk-modules", run: asteriskModules, needs: []Feature{Administration}, alone: true},
	scenario{name: "asterisk-logging", run: asteriskLogging, needs: []Feature{Administration}},
	scenario{name: "asterisk-config", run: asteriskConfig, needs: []Feature{Administration}},
	scenario{name: "subscriptions", run: subscriptions, options: everything, alone: true},
	scenario{name: "subscribe-all", run: subscribeAll, needs: []Feature{Own}, unrecorded: true},
	scenario{name: "application-replaced", run: applicationReplaced},
	scenario{name: "adoption", run: adoption},
	scenario{name: "two-applications", run: twoApplications},
	scenario{name: "broadcast-and-claim", run: broadcastAndClaim, since: "20.20"},
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

func deviceStates(s *S) {
	d := s.ARI.DeviceState("Stasis:" + s.id("lamp"))
	got(s.ARI.Application("").Subscribe(s.Ctx, key(d)))(s)
	for _, state := range []ari.DeviceStateValue{ari.DeviceStateValueINUSE, ari.DeviceStateValueRINGING, ari.DeviceStateValueNOTINUSE} {
		s.ok(d.Update(s.Ctx, state))
		await(s, d, func(ev *ari.DeviceStateChanged) bool { return ev.DeviceState.State == state })
		require.Equal(s, state, got(d.Refresh(s.Ctx))(s).State)
	}
	listed := false
	for _, other := range got(s.ARI.DeviceStates(s.Ctx))(s) {
		listed = listed || other.Name == d.Name
	}
	require.True(s, listed)
	s.ok(d.Delete(s.Ctx))
	// Older versions tell of the end as well.
	want := []string{"DeviceStateChanged INUSE", "DeviceStateChanged RINGING", "DeviceStateChanged NOT_INUSE"}
	if !s.from("20") {
		want = append(want, "DeviceStateChanged UNKNOWN")
	}
	s.sequence(d, want...)
	got(s.ARI.Application("").Unsubscribe(s.Ctx, key(d)))(s)
	s.ok(d.Delete(s.Ctx)) // There is none any more.
	s.refused(s.ARI.DeviceState("PJSIP/alice").Update(s.Ctx, ari.DeviceStateValueINUSE), 409, ari.ErrConflict)
	s.refused(s.ARI.DeviceState("PJSIP/alice").Delete(s.Ctx), 409, ari.ErrConflict)
	s.refused(d.Update(s.Ctx, "NONSENSE"), 500, ari.ErrInternal)
	s.unsent(d.Update(s.Ctx, ""), ari.ErrInvalid)
	// What doesn't exist has a state all the same.
	require.Equal(s, ari.DeviceStateValueINVALID, got(s.ARI.DeviceState("PJSIP/no-such-phone").Refresh(s.Ctx))(s).State)
	require.Equal(s, ari.DeviceStateValueUNKNOWN, got(s.ARI.DeviceState("Stasis:nothing").Refresh(s.Ctx))(s).State)
}

func endpoints(s *S) {
	find := func(list []*ari.Endpoint, resource string) bool {
		for _, e := range list {
			if e.Technology == "PJSIP" && e.Resource == resource {
				return true
			}
		}
		return false
	}
	require.True(s, find(got(s.ARI.Endpoints(s.Ctx))(s), "alice"))
	require.True(s, find(got(s.ARI.EndpointsByTech(s.Ctx, "PJSIP"))(s), "nobody"))
	alice := got(s.ARI.Endpoint("PJSIP", "alice").Refresh(s.Ctx))(s)
	require.Equal(s, "alice", alice.Resource)
	require.Equal(s, ari.EndpointStateOffline, got(s.ARI.Endpoint("PJSIP", "nobody").Refresh(s.Ctx))(s).State)
	_, err := s.ARI.Endpoint("PJSIP", "missing").Refresh(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
	_, err = s.ARI.EndpointsByTech(s.Ctx, "nonsense")
	s.refused(err, 404, ari.ErrNotFound)
	_, err = s.ARI.EndpointsByTech(s.Ctx, "")
	s.unsent(err, ari.ErrInvalid)
}

// A telephone registers, is called, and goes.
func endpointEvents(s *S) {
	e := s.ARI.Endpoint("PJSIP", s.Server().Registrar)
	got(s.ARI.Application("").Subscribe(s.Ctx, key(e)))(s)
	line := s.Answer(s, Phone{})
	s.Register(s, line)
	contact := await[*ari.ContactStatusChange](s, e)
	require.Contains(s, contact.ContactInfo.URI, "sip:")
	require.Equal(s, e.Resource, contact.ContactInfo.Aor)
	await(s, e, func(ev *ari.PeerStatusChange) bool { return ev.Peer.PeerStatus == "Reachable" })
	await(s, e, func(ev *ari.EndpointStateChange) bool { return ev.Endpoint.State == ari.EndpointStateOnline })
	require.Equal(s, ari.EndpointStateOnline, got(e.Refresh(s.Ctx))(s).State)

	// The endpoint's channels are its own affair too: most of their events come twice, since the application has subscribed to the channel as well.
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: "PJSIP/" + e.Resource, ChannelID: s.id("a")}))(s)
	await[*ari.StasisStart](s, ch)
	s.sequence(ch, "ChannelCreated", "Dial", "Dial", "Dial ANSWER", "Dial ANSWER", "StasisStart")
	require.Equal(s, []string{ch.ID}, got(e.Refresh(s.Ctx))(s).ChannelIds)
	s.ok(ch.Stop(s.Ctx))
	s.ok(line.Wait(s.Ctx))

	s.Register(s, nil)
	await(s, e, func(ev *ari.EndpointStateChange) bool { return ev.Endpoint.State == ari.EndpointStateOffline })
	await(s, e, func(ev *ari.ContactStatusChange) bool {
		return ev.ContactInfo.ContactStatus == ari.ContactStatusRemoved
	})
}

func messages(s *S) {
	carol := s.ARI.Endpoint("PJSIP", "carol")
	got(s.ARI.Application("").Subscribe(s.Ctx, key(carol)))(s)
	s.Message(s, "carol", "somebody", "Grüße")
	ev := await[*ari.TextMessageReceived](s, carol)
	require.Equal(s, "Grüße", ev.Message.Body)
	require.Contains(s, ev.Message.From, "carol")
	require.Contains(s, ev.Message.To, "somebody")

	inbox := s.Inbox(s, "dave")
	s.ok(s.ARI.SendMessage(s.Ctx, ari.MessageOptions{To: "pjsip:dave", From: "sip:me@127.0.0.1", Body: "first", Variables: map[string]string{"X-Test": "1"}}))
	require.Equal(s, "first", got(inbox(s.Ctx))(s))
	inbox = s.Inbox(s, "bob")
	s.ok(s.ARI.Endpoint("PJSIP", "bob").SendMessage(s.Ctx, ari.EndpointMessageOptions{From: "sip:me@127.0.0.1", Body: "second"}))
	require.Equal(s, "second", got(inbox(s.Ctx))(s))

	s.refused(s.ARI.SendMessage(s.Ctx, ari.MessageOptions{To: "nonsense:dave", From: "sip:me@127.0.0.1", Body: "x"}), 404, ari.ErrNotFound)
	s.unsent(s.ARI.SendMessage(s.Ctx, ari.MessageOptions{From: "sip:me@127.0.0.1", Body: "x"}), ari.ErrInvalid)
	s.refused(s.ARI.Endpoint("Nonsense", "dave").SendMessage(s.Ctx, ari.EndpointMessageOptions{From: "sip:me@127.0.0.1", Body: "x"}), 404, ari.ErrNotFound)
}

// A telephone is asked to call somebody, outside of any call. Whether it does so is its own affair.
func refer(s *S) {
	s.Answer(s, Phone{Name: "dave"})
	s.ok(s.ARI.Refer(s.Ctx, ari.ReferOptions{To: "pjsip:dave", From: "sip:me@127.0.0.1", ReferTo: "sip:somebody@127.0.0.1", DisplayName: "Some Body", Variables: map[string]string{"X-Test": "1"}}))
	s.ok(s.ARI.Endpoint("PJSIP", "dave").Refer(s.Ctx, ari.EndpointReferOptions{From: "sip:me@127.0.0.1", ReferTo: "sip:somebody@127.0.0.1", ToSelf: true}))
	s.refused(s.ARI.Refer(s.Ctx, ari.ReferOptions{To: "nonsense:dave", From: "sip:me@127.0.0.1", ReferTo: "sip:somebody@127.0.0.1"}), 404, ari.ErrNotFound)
	s.refused(s.ARI.Endpoint("Nonsense", "dave").Refer(s.Ctx, ari.EndpointReferOptions{From: "sip:me@127.0.0.1", ReferTo: "sip:somebody@127.0.0.1"}), 404, ari.ErrNotFound)
	s.unsent(s.ARI.Refer(s.Ctx, ari.ReferOptions{To: "pjsip:dave"}), ari.ErrInvalid)
}

// Without the module that keeps them, there are no mailboxes; with it there are.
func mailboxes(s *S) {
	list, err := s.ARI.Mailboxes(s.Ctx)
	box := s.ARI.Mailbox("1000@default")
	if err != nil {
		s.refused(err, 404, ari.ErrNotFound)
		s.refused(box.Update(s.Ctx, ari.MessageCounts{OldMessages: 1, NewMessages: 2}), 404, ari.ErrNotFound)
		_, err = box.Refresh(s.Ctx)
		s.refused(err, 404, ari.ErrNotFound)
		s.refused(box.Delete(s.Ctx), 404, ari.ErrNotFound)
		return
	}
	require.Empty(s, list)
	s.ok(box.Update(s.Ctx, ari.MessageCounts{OldMessages: 1, NewMessages: 2}))
	now := got(box.Refresh(s.Ctx))(s)
	require.Equal(s, 1, now.OldMessages)
	require.Equal(s, 2, now.NewMessages)
	s.ok(box.Delete(s.Ctx))
	s.refused(box.Delete(s.Ctx), 404, ari.ErrNotFound)
}

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

func sounds(s *S) {
	all := got(s.ARI.SoundsWith(s.Ctx, ari.SoundsOptions{Lang: "en", Format: "gsm"}))(s)
	require.NotEmpty(s, all)
	sound := got(s.ARI.Sound("hello-world").Refresh(s.Ctx))(s)
	require.Equal(s, "hello-world", sound.ID)
	require.Contains(s, sound.Formats, gen.FormatLangPair{Format: "gsm", Language: "en"})
	require.Equal(s, "digits/1", got(s.ARI.Sound("digits/1").Refresh(s.Ctx))(s).ID)
	_, err := s.ARI.Sound("missing").Refresh(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
	_, err = s.ARI.SoundsWith(s.Ctx, ari.SoundsOptions{Lang: "xx"})
	s.refused(err, 404, ari.ErrNotFound)
}

func asteriskInfo(s *S) {
	ping := got(s.ARI.Ping(s.Ctx))(s)
	require.Equal(s, "pong", ping.Ping)
	require.WithinDuration(s, time.Now(), ping.Timestamp.Time, time.Minute)
	info := got(s.ARI.Info(s.Ctx))(s)
	require.True(s, strings.HasPrefix(info.System.Version, s.version()), "%s", info.System.Version)
	require.NotNil(s, info.Build)
	require.NotNil(s, info.Config)
	require.False(s, info.Status.StartupTime.IsZero())
	info = got(s.ARI.Info(s.Ctx, ari.InfoSectionSystem, ari.InfoSectionStatus))(s)
	require.NotNil(s, info.System)
	require.NotNil(s, info.Status)
	require.Nil(s, info.Build)
	require.Equal(s, s.version(), got(s.ARI.Version(s.Ctx))(s).String())
	require.True(s, s.supports("channelsAnswer"))
	require.Equal(s, s.from("20.20", "22.10"), s.supports("eventsClaimChannel"))
	// A version too old for an operation is told so.
	if !s.from("20.16") {
		err := s.ARI.Channel("nobody").Progress(s.Ctx)
		require.ErrorIs(s, err, ari.ErrUnsupported)
		require.NotErrorIs(s, err, ari.ErrNotFound)
		require.ErrorContains(s, err, "22.6")
	}
}

func asteriskModules(s *S) {
	const name = "res_clialiases.so" // It isn't loaded, and nobody needs it.
	find := func() bool {
		for _, m := range got(s.ARI.Modules(s.Ctx))(s) {
			if m.Name == name {
				return true
			}
		}
		return false
	}
	m := s.ARI.Module(name)
	require.False(s, find())
	_, err := m.Refresh(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
	s.refused(m.Reload(s.Ctx), 404, ari.ErrNotFound)
	s.refused(m.Unload(s.Ctx), 404, ari.ErrNotFound)
	s.ok(m.Load(s.Ctx))
	require.True(s, find())
	require.Equal(s, "Running", got(m.Refresh(s.Ctx))(s).Status)
	s.refused(m.Load(s.Ctx), 409, ari.ErrConflict)
	s.ok(m.Reload(s.Ctx))
	s.ok(m.Unload(s.Ctx))
	require.False(s, find())
	s.refused(s.ARI.Module("no_such_module.so").Load(s.Ctx), 409, ari.ErrConflict)
}

func asteriskLogging(s *S) {
	name := s.id("log")
	find := func() bool {
		for _, c := range got(s.ARI.LogChannels(s.Ctx))(s) {
			if strings.HasSuffix(c.Channel, name) {
				require.Equal(s, "File", c.Type)
				return true
			}
		}
		return false
	}
	c := s.ARI.LogChannel(name)
	s.refused(c.Rotate(s.Ctx), 404, ari.ErrNotFound)
	s.refused(c.Delete(s.Ctx), 404, ari.ErrNotFound)
	s.unsent(c.Add(s.Ctx, ""), ari.ErrInvalid)
	s.ok(c.Add(s.Ctx, "notice,warning,error"))
	require.True(s, find())
	s.refused(c.Add(s.Ctx, "notice"), 409, ari.ErrConflict)
	s.ok(c.Delete(s.Ctx))
	require.False(s, find())
	s.ok(c.Add(s.Ctx, "notice"))
	s.ok(c.Rotate(s.Ctx))
}

// Objects of the configuration that live in memory can be made, changed and deleted.
func asteriskConfig(s *S) {
	const class, typ = "res_pjsip", "auth"
	id := s.id("auth")
	fields := got(s.ARI.UpdateConfigObject(s.Ctx, class, typ, id, []ari.ConfigTuple{{Attribute: "username", Value: "ada"}, {Attribute: "password", Value: "x, y"}}))(s)
	find := func(list []ari.ConfigTuple, attribute string) string {
		for _, f := range list {
			if f.Attribute == attribute {
				return f.Value
			}
		}
		return ""
	}
	require.Equal(s, "ada", find(fields, "username"))
	require.Equal(s, "x, y", find(got(s.ARI.ConfigObject(s.Ctx, class, typ, id))(s), "password"))
	fields = got(s.ARI.UpdateConfigObject(s.Ctx, class, typ, id, []ari.ConfigTuple{{Attribute: "username", Value: "grace"}}))(s)
	require.Equal(s, "grace", find(fields, "username"))
	_, err := s.ARI.UpdateConfigObject(s.Ctx, class, typ, id, []ari.ConfigTuple{{Attribute: "nonsense", Value: "x"}})
	s.refused(err, 400, ari.ErrInvalid)
	s.ok(s.ARI.DeleteConfigObject(s.Ctx, class, typ, id))
	s.refused(s.ARI.DeleteConfigObject(s.Ctx, class, typ, id), 404, ari.ErrNotFound)
	_, err = s.ARI.ConfigObject(s.Ctx, class, typ, id)
	s.refused(err, 404, ari.ErrNotFound)
	_, err = s.ARI.ConfigObject(s.Ctx, "nonsense", typ, id)
	s.refused(err, 404, ari.ErrNotFound)
	// What comes from a file can't be changed.
	s.refused(s.ARI.DeleteConfigObject(s.Ctx, class, "endpoint", "alice"), 403, ari.ErrForbidden)
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
