package conformance

import (
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

var _ = register(
	scenario{name: "device-states", run: deviceStates},
	scenario{name: "endpoints", run: endpoints},
	scenario{name: "endpoint-events", run: endpointEvents, needs: []Feature{SIP, Registration}, alone: true},
	scenario{name: "endpoint-of-configuration", run: endpointOfConfiguration, needs: []Feature{Administration}, alone: true, unrecorded: true},
	scenario{name: "messages", run: messages, needs: []Feature{Messages}},
	scenario{name: "refer", run: refer, needs: []Feature{SIP}, since: "20.5"},
	scenario{name: "mailboxes", run: mailboxes},
)

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
	s.sequence(ch, "ChannelCreated", "Dial", "Dial", "!Dial RINGING", "Dial ANSWER", "Dial ANSWER", "StasisStart")
	require.Equal(s, []string{ch.ID}, got(e.Refresh(s.Ctx))(s).ChannelIds)
	s.ok(ch.Stop(s.Ctx))
	s.ok(line.Wait(s.Ctx))

	s.Register(s, nil)
	await(s, e, func(ev *ari.EndpointStateChange) bool { return ev.Endpoint.State == ari.EndpointStateOffline })
	await(s, e, func(ev *ari.ContactStatusChange) bool {
		return ev.ContactInfo.ContactStatus == ari.ContactStatusRemoved
	})
}

// An endpoint that is made through ARI can be reached once its address of record has a contact, and no longer when that is gone, when nobody is there who
// is asked for, or when it is given another one.
func endpointOfConfiguration(s *S) {
	watcher := s.connect(s.AppName + "-watcher")
	got(watcher.ARI.Application("").Subscribe(s.Ctx, "endpoint:PJSIP"))(s)
	id := s.id("phone")
	e := s.ARI.Endpoint("PJSIP", id)
	set := func(typ, id string, fields ...ari.ConfigTuple) {
		got(s.ARI.UpdateConfigObject(s.Ctx, "res_pjsip", typ, id, fields))(s)
	}
	becomes := func(status string, state ari.EndpointState) {
		s.Helper()
		ev := await[*ari.PeerStatusChange](watcher, e)
		require.Equal(s, status, ev.Peer.PeerStatus)
		require.Equal(s, state, ev.Endpoint.State)
		require.Equal(s, state, got(e.Refresh(s.Ctx))(s).State)
	}
	contact := ari.ConfigTuple{Attribute: "contact", Value: "sip:phone@127.0.0.1:9"}
	asked := []ari.ConfigTuple{{Attribute: "qualify_frequency", Value: "60"}, {Attribute: "qualify_timeout", Value: "0.1"}}

	set("endpoint", id, ari.ConfigTuple{Attribute: "aors", Value: id}, ari.ConfigTuple{Attribute: "allow", Value: "ulaw"})
	require.Equal(s, ari.EndpointStateOffline, got(e.Refresh(s.Ctx))(s).State)
	set("aor", id, contact)
	becomes("Reachable", ari.EndpointStateOnline)
	set("aor", id, asked...)
	becomes("Unreachable", ari.EndpointStateOffline)
	set("aor", id, ari.ConfigTuple{Attribute: "qualify_frequency", Value: "0"})
	becomes("Reachable", ari.EndpointStateOnline)
	set("aor", id+"-other", append(asked, contact)...)
	set("endpoint", id, ari.ConfigTuple{Attribute: "aors", Value: id + "-other"})
	becomes("Unreachable", ari.EndpointStateOffline)
	set("endpoint", id, ari.ConfigTuple{Attribute: "aors", Value: id})
	becomes("Reachable", ari.EndpointStateOnline)
	s.ok(s.ARI.DeleteConfigObject(s.Ctx, "res_pjsip", "aor", id))
	becomes("Unreachable", ari.EndpointStateOffline)
	s.ok(s.ARI.DeleteConfigObject(s.Ctx, "res_pjsip", "endpoint", id))
	_, err := e.Refresh(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
	s.ok(s.ARI.DeleteConfigObject(s.Ctx, "res_pjsip", "aor", id+"-other"))
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
