package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/pkg/ari"
)

// Who hears of what.
var _ = register(
	scenario{name: "originate-for-another-application", run: originateForAnotherApplication, unrecorded: true},
	scenario{name: "originate-for-another-application-phone", run: originateForAnotherApplicationPhone, needs: []Feature{SIP}, unrecorded: true},
	scenario{name: "subscription-outlives-application", run: subscriptionOutlivesApplication, unrecorded: true},
	scenario{name: "bridge-watched", run: bridgeWatched, unrecorded: true},
	scenario{name: "device-state-subscribed-twice", run: deviceStateSubscribedTwice, unrecorded: true},
	scenario{name: "endpoint-technology", run: endpointTechnology, needs: []Feature{SIP}, alone: true, unrecorded: true},
	scenario{name: "messages-by-technology", run: messagesByTechnology, needs: []Feature{Messages}, alone: true, unrecorded: true},
	scenario{name: "application-filter-both", run: applicationFilterBoth, alone: true, unrecorded: true},
	scenario{name: "user-event-combinations", run: userEventCombinations, unrecorded: true},
	scenario{name: "stasis-status", run: stasisStatus, options: everything, unrecorded: true},
	scenario{name: "variables-in-all-events", run: variablesInAllEvents, needs: []Feature{Own}, unrecorded: true},
	scenario{name: "broadcast-unclaimed", run: broadcastUnclaimed, options: everything, since: "20.20", unrecorded: true},
	scenario{name: "broadcast-to-some", run: broadcastToSome, since: "20.20", unrecorded: true},
	scenario{name: "move-with-arguments", run: moveWithArguments, unrecorded: true},
)

// A channel that is originated for another application is that one's, both halves of it, also what the other half does in the dialplan.
func originateForAnotherApplication(s *S) {
	other := s.connect(s.AppName + "-other")
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{
		Endpoint: local(extHangsUp), App: other.AppName, ChannelID: s.id("a"), OtherChannelID: s.id("b"),
	}))(s)
	start := await[*ari.StasisStart](other, ch)
	require.Equal(s, other.AppName, start.Application)
	await[*ari.ChannelDestroyed](other, ch)
	half := "channel:" + s.id("b")
	await[*ari.ChannelDestroyed](other, half)
	for _, application := range []string{"Answer", "Wait", "Hangup"} {
		await(other, half, func(ev *ari.ChannelDialplan) bool { return ev.DialplanApp == application })
	}
	for _, entity := range []any{ch, half} {
		s.never(entity, "StasisStart", "StasisEnd", "ChannelStateChange", "ChannelDialplan", "ChannelDestroyed", "Dial")
	}
}

func originateForAnotherApplicationPhone(s *S) {
	other := s.connect(s.AppName + "-other")
	line := s.Answer(s, Phone{})
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: line.Endpoint(), App: other.AppName, ChannelID: s.id("a")}))(s)
	start := await[*ari.StasisStart](other, ch)
	s.ok(start.Channel.Stop(s.Ctx))
	other.sequence(ch, "StasisStart", "StasisEnd", "ChannelDestroyed 16")
	s.ok(line.Wait(s.Ctx))
	s.never(ch, "StasisStart", "StasisEnd", "ChannelStateChange", "ChannelDestroyed", "Dial")
}

// What an application has subscribed to it hears of until it unsubscribes, wherever the channel is.
func subscriptionOutlivesApplication(s *S) {
	ch := s.up("a", extSilent)
	app := got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
	require.Contains(s, app.ChannelIDs, ch.ID)
	s.ok(ch.ContinueWith(s.Ctx, ari.ContinueOptions{Context: contextTarget, Extension: "100"}))
	await[*ari.StasisEnd](s, ch)
	await[*ari.ChannelUserevent](s, ch)
	s.ok(ch.Stop(s.Ctx))
	s.sequence(ch, "StasisStart", "StasisEnd", "ChannelUserevent", "ChannelDestroyed 16")
}

// An application that watches a bridge hears of what happens in it, until it has enough.
func bridgeWatched(s *S) {
	watcher := s.connect(s.AppName + "-watcher")
	ch, b := s.up("a", extSilent), s.bridge("bridge")
	app := got(watcher.ARI.Application("").Subscribe(s.Ctx, key(b)))(s)
	require.Equal(s, []string{b.ID}, app.BridgeIDs)
	s.ok(b.AddChannel(s.Ctx, ch.ID))
	await[*ari.ChannelEnteredBridge](watcher, b)
	require.Empty(s, got(watcher.ARI.Application("").Unsubscribe(s.Ctx, key(b)))(s).BridgeIDs)
	s.ok(b.RemoveChannel(s.Ctx, ch.ID))
	s.sequence(b, "ChannelEnteredBridge", "ChannelLeftBridge")
	s.ok(b.Stop(s.Ctx))
	watcher.sequence(b, "ChannelEnteredBridge")
	watcher.never(nil, "StasisStart", "ChannelLeftBridge")
}

// Who subscribes twice hears once, and unsubscribes once.
func deviceStateSubscribedTwice(s *S) {
	d := s.ARI.DeviceState("Stasis:" + s.id("lamp"))
	app := s.ARI.Application("")
	for range 2 {
		require.Equal(s, []string{d.Name}, got(app.Subscribe(s.Ctx, key(d)))(s).DeviceNames)
	}
	s.ok(d.Update(s.Ctx, ari.DeviceStateValueINUSE))
	await[*ari.DeviceStateChanged](s, d)
	s.ok(d.Update(s.Ctx, ari.DeviceStateValueBUSY))
	s.sequence(d, "DeviceStateChanged INUSE", "DeviceStateChanged BUSY")
	require.Empty(s, got(app.Unsubscribe(s.Ctx, key(d)))(s).DeviceNames)
	_, err := app.Unsubscribe(s.Ctx, key(d))
	s.refused(err, 422, ari.ErrUnprocessable)
	s.ok(d.Update(s.Ctx, ari.DeviceStateValueINUSE))
	got(app.Subscribe(s.Ctx, key(d)))(s)
	s.ok(d.Update(s.Ctx, ari.DeviceStateValueRINGING))
	await(s, d, func(ev *ari.DeviceStateChanged) bool { return ev.DeviceState.State == ari.DeviceStateValueRINGING })
	s.sequence(d, "DeviceStateChanged INUSE", "DeviceStateChanged BUSY", "DeviceStateChanged RINGING")
	got(app.Unsubscribe(s.Ctx, key(d)))(s)
	s.ok(d.Delete(s.Ctx))
}

// Who subscribes to a technology hears of all its endpoints' channels, and of no other technology's.
func endpointTechnology(s *S) {
	watcher := s.connect(s.AppName + "-watcher")
	require.Equal(s, []string{"PJSIP"}, got(watcher.ARI.Application("").Subscribe(s.Ctx, "endpoint:PJSIP"))(s).EndpointIDs)
	line := s.Answer(s, Phone{Name: "bob"})
	other := s.up("local", extSilent)
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: "PJSIP/bob", ChannelID: s.id("a")}))(s)
	await[*ari.StasisStart](s, ch)
	s.ok(ch.Stop(s.Ctx))
	s.ok(line.Wait(s.Ctx))
	await[*ari.ChannelDestroyed](watcher, ch)
	watcher.sequence(ch, "ChannelCreated", "ChannelDestroyed 16")
	watcher.never(other, "ChannelCreated", "ChannelStateChange", "Dial", "StasisStart")
	s.ok(other.Stop(s.Ctx))
}

// A text comes to who has subscribed to its endpoint or to the technology, and twice to who has to both.
func messagesByTechnology(s *S) {
	one, both := s.connect(s.AppName+"-one"), s.connect(s.AppName+"-both")
	got(one.ARI.Application("").Subscribe(s.Ctx, "endpoint:PJSIP"))(s)
	got(both.ARI.Application("").Subscribe(s.Ctx, "endpoint:PJSIP/carol", "endpoint:PJSIP"))(s)
	s.Message(s, "carol", "somebody", "first")
	s.Message(s, "alice", "somebody", "second")
	for _, c := range []struct {
		p     *App
		texts []string
	}{{one, []string{"first", "second"}}, {both, []string{"first", "first", "second"}}} {
		for _, text := range c.texts {
			require.Equal(s, text, await[*ari.TextMessageReceived](c.p, nil).Message.Body)
		}
	}
	s.never(nil, "TextMessageReceived")
}

// What is allowed and forbidden at once is forbidden.
func applicationFilterBoth(s *S) {
	app := got(s.ARI.Application("").Filter(s.Ctx, ari.EventFilter{Allowed: []string{"StasisStart", "StasisEnd", "ChannelUserevent", "ChannelVarset"}, Disallowed: []string{"ChannelVarset"}}))(s)
	require.Contains(s, app.EventsAllowed, gen.EventTypeName{Type: "ChannelUserevent"})
	require.Contains(s, app.EventsDisallowed, gen.EventTypeName{Type: "ChannelVarset"})
	ch := s.up("a", extSilent)
	s.ok(ch.SetVariable(s.Ctx, "COLOUR", "blue"))
	s.ok(ch.StartMOH(s.Ctx, ""))
	s.ok(ch.StopMOH(s.Ctx))
	s.ok(s.ARI.SendUserEvent(s.Ctx, "One", ari.UserEventOptions{Application: s.AppName, Source: []string{key(ch)}}))
	await[*ari.ChannelUserevent](s, ch)
	s.ok(ch.Stop(s.Ctx))
	await[*ari.StasisEnd](s, ch)
	s.never(ch, "ChannelVarset", "ChannelDialplan", "ChannelCallerID")
	require.Empty(s, got(s.ARI.Application("").Filter(s.Ctx, ari.EventFilter{}))(s).EventsAllowed)
}

// A user event may have any of a channel, a bridge, an endpoint and variables, or nothing.
func userEventCombinations(s *S) {
	ch, b := s.up("a", extSilent), s.bridge("bridge")
	sources := []string{key(ch), key(b), "endpoint:PJSIP/alice"}
	for set := range 1 << (len(sources) + 1) {
		opts := ari.UserEventOptions{Application: s.AppName}
		for i, source := range sources {
			if set&(1<<i) != 0 {
				opts.Source = append(opts.Source, source)
			}
		}
		want := map[string]any{"eventname": "Set"}
		if set&(1<<len(sources)) != 0 {
			opts.Variables = map[string]any{"foo": "bar"}
			want["foo"] = "bar"
		}
		s.ok(s.ARI.SendUserEvent(s.Ctx, "Set", opts))
		ev := await[*ari.ChannelUserevent](s, nil)
		require.Equal(s, want, ev.UserEvent)
		require.Equal(s, set&1 != 0, ev.Channel != nil)
		require.Equal(s, set&2 != 0, ev.Bridge != nil)
		require.Equal(s, set&4 != 0, ev.Endpoint != nil)
	}
}

// The dialplan learns by STASISSTATUS whether an application took a call.
func stasisStatus(s *S) {
	call := func(suffix, app string) *ari.Channel {
		return got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{
			Endpoint: local("app-" + app), ChannelID: s.id(suffix), OtherChannelID: s.id(suffix + "-far"), Context: "default", Extension: extSilent,
		}))(s)
	}
	status := func(suffix string) any {
		far := "channel:" + s.id(suffix+"-far")
		return await(s, far, func(ev *ari.ChannelUserevent) bool { return ev.EventName == "After" }).UserEvent["Status"]
	}
	call("nobody", s.AppName+"-nobody")
	require.Equal(s, "FAILED", status("nobody"))

	call("taken", s.AppName)
	taken := await(s, nil, func(ev *ari.StasisStart) bool { return ev.Channel.ID == s.id("taken-far") })
	s.ok(taken.Channel.Continue(s.Ctx))
	require.Equal(s, "SUCCESS", status("taken"))

	// The application's connection has ended, and then the next call comes.
	short := s.connect(s.AppName + "-short")
	call("first", short.AppName)
	first := await(short, nil, func(ev *ari.StasisStart) bool { return ev.Channel.ID == s.id("first-far") })
	s.ok(short.Client.Close(s.Ctx))
	// That may be noticed a moment later, so that a call still gets in.
	for i := 0; ; i++ {
		suffix := fmt.Sprintf("second-%d", i)
		call(suffix, short.AppName)
		ctx, cancel := context.WithTimeout(s.Ctx, time.Second)
		out := s.log.wait(ctx, func() bool {
			return slices.Contains(s.log.labels("channel:"+s.id(suffix+"-far"), map[string]bool{"ChannelUserevent": true}), "ChannelUserevent After")
		})
		cancel()
		if out == nil {
			require.Equal(s, "FAILED", status(suffix))
			break
		}
		s.ok(s.ARI.Channel(s.id(suffix)).Stop(s.Ctx))
	}
	s.ok(s.ARI.Channel(first.Channel.ID).Continue(s.Ctx))
	require.Equal(s, "SUCCESS", status("first"))
}

// The configured variables are in each event of a channel from its beginning to its end.
func variablesInAllEvents(s *S) {
	s.moveTo(s.Own(s, Setup{ChannelVars: []string{"COLOUR", "CHANNEL(language)"}}))
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{
		Endpoint: local(extSilent), ChannelID: s.id("a"), Variables: map[string]string{"COLOUR": "blue", "CHANNEL(language)": "gobbledegook"},
	}))(s)
	want := map[string]string{"COLOUR": "blue", "CHANNEL(language)": "gobbledegook"}
	require.Equal(s, want, await[*ari.StasisStart](s, ch).Channel.ChannelVars)
	b := s.bridged("bridge", ch)
	require.Equal(s, want, await[*ari.ChannelEnteredBridge](s, ch).Channel.ChannelVars)
	s.ok(b.RemoveChannel(s.Ctx, ch.ID))
	require.Equal(s, want, await[*ari.ChannelLeftBridge](s, ch).Channel.ChannelVars)
	s.ok(b.Stop(s.Ctx))
	s.ok(ch.Stop(s.Ctx))
	require.Equal(s, want, await[*ari.StasisEnd](s, ch).Channel.ChannelVars)
	require.Equal(s, want, await[*ari.ChannelDestroyed](s, ch).Channel.ChannelVars)
}

// A call that nobody claims goes on in the dialplan after a while.
func broadcastUnclaimed(s *S) {
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{
		Endpoint: local(extBroadcast + s.AppName), ChannelID: s.id("a"), Context: "default", Extension: extSilent,
	}))(s)
	require.Equal(s, ch.ID+";2", await[*ari.CallBroadcast](s, nil).Channel.ID)
	ev := await(s, "channel:"+ch.ID+";2", func(ev *ari.ChannelUserevent) bool { return ev.EventName == "After" })
	require.Equal(s, "TIMEOUT", ev.UserEvent["Status"])
	s.refused(s.ARI.ClaimChannel(s.Ctx, ch.ID+";2", s.AppName), 404, ari.ErrNotFound)
	s.sequence(nil, "CallBroadcast")
}

// A call is offered to those applications whose names fit, and belongs to the first who takes it.
func broadcastToSome(s *S) {
	fits, doesnt := s.connect(s.AppName+"-fits-one"), s.connect(s.AppName+"-another")
	late := s.connect(s.AppName + "-fits-two")
	got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extBroadcast + s.AppName + "-fits-.*"), ChannelID: s.id("a"), Extension: extSilent}))(s)
	offer := await[*ari.CallBroadcast](fits, nil)
	await[*ari.CallBroadcast](late, nil)
	s.ok(fits.ARI.ClaimChannel(s.Ctx, offer.Channel.ID, fits.AppName))
	await[*ari.StasisStart](fits, offer.Channel)
	s.refused(late.ARI.ClaimChannel(s.Ctx, offer.Channel.ID, late.AppName), 409, ari.ErrConflict)
	doesnt.never(nil, "CallBroadcast")
	late.never(nil, "StasisStart")
}

// A channel goes from one application to the next, each time with other arguments, and stays where it is when there is no next one.
func moveWithArguments(s *S) {
	one, more := s.connect(s.AppName+"-one"), s.connect(s.AppName+"-more")
	ch := s.up("a", extSilent)
	s.ok(ch.Move(s.Ctx, "nobody-has-this"))
	await[*ari.ApplicationMoveFailed](s, ch)
	s.ok(ch.MoveWith(s.Ctx, one.AppName, ari.MoveOptions{AppArgs: "apples"}))
	require.Equal(s, []string{"apples"}, await[*ari.StasisStart](one, ch).Args)
	s.ok(ch.MoveWith(s.Ctx, more.AppName, ari.MoveOptions{AppArgs: "apples,bananas,carrots"}))
	require.Equal(s, []string{"apples", "bananas", "carrots"}, await[*ari.StasisStart](more, ch).Args)
	s.ok(ch.Stop(s.Ctx))
	s.sequence(ch, "StasisStart", "StasisEnd")
	one.sequence(ch, "StasisStart", "StasisEnd")
	more.sequence(ch, "StasisStart", "StasisEnd")
}
