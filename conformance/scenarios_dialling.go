package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// A channel that is made first and dialled later, in each of its states.
var _ = register(
	scenario{name: "create-down-refuses", run: createDownRefuses, unrecorded: true},
	scenario{name: "create-ringing-refuses", run: createRingingRefuses, unrecorded: true},
	scenario{name: "create-and-hang-up", run: createAndHangUp, unrecorded: true},
	scenario{name: "create-with-used-ids", run: createWithUsedIDs, unrecorded: true},
	scenario{name: "create-then-bridge", run: createThenBridge, unrecorded: true},
	scenario{name: "create-then-continue", run: createThenContinue, unrecorded: true},
	scenario{name: "dial-of-a-caller", run: dialOfCaller, needs: []Feature{SIP}, unrecorded: true},
	scenario{name: "redirect-cause", run: redirectCause, needs: []Feature{SIP}, since: "20", unrecorded: true},
	scenario{name: "originate-protocol-id", run: originateProtocolID, needs: []Feature{SIP}, since: "16.27", unrecorded: true},
)

// refusesAll asserts that a channel that isn't up does nothing that is told it.
func (s *S) refusesAll(ch *ari.Channel) {
	s.Helper()
	for name, command := range sorted(map[string]func(context.Context) error{
		"answer": ch.Answer, "ring": ch.Ring, "stop ringing": ch.StopRing, "hold": ch.Hold, "unhold": ch.Unhold,
		"silence": ch.StartSilence, "stop silence": ch.StopSilence, "continue": func(ctx context.Context) error { return ch.Continue(ctx) },
		"moh":      func(ctx context.Context) error { return ch.StartMOH(ctx, "") },
		"stop moh": ch.StopMOH,
		"dtmf":     func(ctx context.Context) error { return ch.SendDTMF(ctx, "12345") },
		"mute":     func(ctx context.Context) error { return ch.Mute(ctx, ari.MuteDirectionBoth) },
		"unmute":   func(ctx context.Context) error { return ch.Unmute(ctx, ari.MuteDirectionBoth) },
		"redirect": func(ctx context.Context) error { return ch.Redirect(ctx, "PJSIP/bob") },
		"play": func(ctx context.Context) error {
			_, err := ch.Play(ctx, "sound:beep")
			return err
		},
	}) {
		err := command(s.Ctx)
		require.Error(s, err, "%s", name)
		var e *ari.Error
		require.ErrorAs(s, err, &e)
		require.Equal(s, 412, e.StatusCode, "%s: %v", name, err)
	}
}

func (s *S) created(suffix, exten string, opts ari.CreateChannelOptions) *ari.Channel {
	s.Helper()
	opts.Endpoint, opts.ChannelID = local(exten), s.id(suffix)
	ch := got(s.ARI.CreateChannel(s.Ctx, opts))(s)
	start := await[*ari.StasisStart](s, ch)
	require.Equal(s, ari.ChannelStateDown, start.Channel.State)
	return ch
}

func createDownRefuses(s *S) {
	ch := s.created("a", extSilent, ari.CreateChannelOptions{})
	s.refusesAll(ch)
	s.ok(ch.Stop(s.Ctx))
	s.sequence(ch, "StasisStart", "ChannelHangupRequest", "StasisEnd", "ChannelDestroyed")
}

func createRingingRefuses(s *S) {
	ch := s.created("a", extRings, ari.CreateChannelOptions{})
	s.ok(ch.Dial(s.Ctx))
	await(s, ch, func(ev *ari.Dial) bool { return ev.DialStatus == "RINGING" })
	s.refusesAll(ch)
	s.ok(ch.Stop(s.Ctx))
	s.sequence(ch, "StasisStart", "ChannelHangupRequest", "StasisEnd", "ChannelDestroyed")
}

// A channel that was never dialled has its variables, can be looked at, and goes.
func createAndHangUp(s *S) {
	ch := s.created("a", extSilent, ari.CreateChannelOptions{Variables: map[string]string{"COLOUR": "blue"}})
	require.Equal(s, ari.ChannelStateDown, got(ch.Refresh(s.Ctx))(s).State)
	require.Equal(s, "blue", got(ch.Variable(s.Ctx, "COLOUR"))(s))
	s.ok(ch.Stop(s.Ctx))
	await[*ari.ChannelHangupRequest](s, ch)
	await[*ari.ChannelDestroyed](s, ch)
	s.ok(gone(s.Ctx, s.ARI, made{"channel", ch.ID}))
	s.never(ch, "Dial")
}

// Neither half of a Local channel can have an id that somebody has.
func createWithUsedIDs(s *S) {
	first := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("a"), OtherChannelID: s.id("b")}))(s)
	await[*ari.StasisStart](s, first)
	for _, ids := range [][2]string{{"a", "c"}, {"c", "a"}, {"b", "c"}, {"c", "b"}} {
		_, err := s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{Endpoint: local(extSilent), ChannelID: s.id(ids[0]), OtherChannelID: s.id(ids[1])})
		s.refused(err, 409, ari.ErrConflict)
		_, err = s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id(ids[0]), OtherChannelID: s.id(ids[1])})
		s.refused(err, 409, ari.ErrConflict)
	}
	// What was refused has left nothing behind.
	_, err := s.ARI.Channel(s.id("c")).Refresh(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
	s.never("channel:"+s.id("c"), "StasisStart")
}

// A created channel enters a bridge before it is dialled, while it rings, with early media, and after its answer. When it ends, it leaves.
func createThenBridge(s *S) {
	for name, c := range sorted(map[string]struct {
		exten  string
		before func(ch *ari.Channel)
		after  func(ch *ari.Channel)
	}{
		"before it is dialled": {extSilent, func(*ari.Channel) {}, func(ch *ari.Channel) { s.ok(ch.Dial(s.Ctx)); s.ok(ch.WaitAnswered(s.Ctx)) }},
		"while it rings": {extRingsAnswer, func(ch *ari.Channel) {
			s.ok(ch.Dial(s.Ctx))
			await(s, ch, func(ev *ari.Dial) bool { return ev.DialStatus == "RINGING" })
		}, func(ch *ari.Channel) {
			await(s, ch, func(ev *ari.ChannelStateChange) bool { return ev.Channel.State == ari.ChannelStateUp })
		}},
		"with early media": {extEarly, func(ch *ari.Channel) {
			s.ok(ch.Dial(s.Ctx))
			await(s, ch, func(ev *ari.Dial) bool { return ev.DialStatus == "PROGRESS" })
		}, func(ch *ari.Channel) { require.NotEqual(s, ari.ChannelStateUp, got(ch.Refresh(s.Ctx))(s).State) }},
		"after its answer": {extSilent, func(ch *ari.Channel) { s.ok(ch.Dial(s.Ctx)); s.ok(ch.WaitAnswered(s.Ctx)) }, func(*ari.Channel) {}},
	}) {
		other := s.up("other "+name, extSilent)
		ch := s.created("created "+name, c.exten, ari.CreateChannelOptions{Originator: other.ID})
		b := s.bridged("bridge "+name, other)
		c.before(ch)
		s.ok(b.AddChannel(s.Ctx, ch.ID))
		await[*ari.ChannelEnteredBridge](s, ch)
		c.after(ch)
		require.ElementsMatch(s, []string{other.ID, ch.ID}, got(b.Refresh(s.Ctx))(s).Channels, "%s", name)
		s.ok(ch.Stop(s.Ctx))
		s.sequence(ch, "StasisStart", "ChannelEnteredBridge", "ChannelLeftBridge", "StasisEnd", "ChannelDestroyed")
		require.Equal(s, []string{other.ID}, got(b.Refresh(s.Ctx))(s).Channels, "%s", name)
		s.ok(b.Stop(s.Ctx))
	}
}

// Once answered, a created channel goes into the dialplan like any other, and ends with the cause that it is given there.
func createThenContinue(s *S) {
	ch := s.created("a", extSilent, ari.CreateChannelOptions{})
	s.ok(ch.DialWith(s.Ctx, ari.DialOptions{Timeout: 10 * time.Second}))
	s.ok(ch.WaitAnswered(s.Ctx))
	s.ok(ch.ContinueWith(s.Ctx, ari.ContinueOptions{Context: "default", Extension: extCause + "099", Priority: 1}))
	await(s, ch, func(ev *ari.ChannelDialplan) bool { return ev.DialplanApp == "Hangup" })
	s.sequence(ch, "StasisStart", "StasisEnd", "ChannelDestroyed 99")
}

// A telephone's channel shows the Call-ID of SIP, however it was made.
func originateProtocolID(s *S) {
	line := s.Answer(s, Phone{Count: 2})
	first := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: line.Endpoint(), ChannelID: s.id("a")}))(s)
	require.NotEmpty(s, await[*ari.StasisStart](s, first).Channel.ProtocolID)
	s.ok(first.Stop(s.Ctx))
	second := got(s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{Endpoint: line.Endpoint(), ChannelID: s.id("b")}))(s)
	await[*ari.StasisStart](s, second)
	s.ok(second.Dial(s.Ctx))
	s.ok(second.WaitAnswered(s.Ctx))
	require.NotEmpty(s, got(second.Refresh(s.Ctx))(s).ProtocolID)
	s.ok(second.Stop(s.Ctx))
	s.ok(line.Wait(s.Ctx))
}

// A caller who is told to call somebody else ends with a cause that says so. In older versions it is another one each time.
func redirectCause(s *S) {
	line, ch := s.incoming(Call{Refused: 302})
	got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
	s.ok(ch.Redirect(s.Ctx, "PJSIP/bob"))
	s.ok(line.Wait(s.Ctx))
	require.Equal(s, 23, await[*ari.ChannelDestroyed](s, ch).Cause)
}

// Who has called isn't called.
func dialOfCaller(s *S) {
	_, ch := s.incoming(Call{})
	s.refused(ch.Dial(s.Ctx), 409, ari.ErrConflict)
	s.ok(ch.Stop(s.Ctx))
}
