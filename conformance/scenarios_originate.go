package conformance

import (
	"errors"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/pkg/ari"
)

var _ = register(
	scenario{name: "originate-to-app", run: originateToApp},
	scenario{name: "originate-to-dialplan", run: originateToDialplan},
	scenario{name: "originate-to-label", run: originateToLabel},
	scenario{name: "originate-without-id", run: originateWithoutID},
	scenario{name: "originate-with-variables", run: originateWithVariables},
	scenario{name: "originate-with-ids", run: originateWithIDs},
	scenario{name: "originate-id-that-begins-another", run: originatePrefix},
	scenario{name: "originate-busy", run: originateBusy},
	scenario{name: "originate-congested", run: originateCongested},
	scenario{name: "originate-cause", run: originateCause},
	scenario{name: "originate-timeout", run: originateTimeout},
	scenario{name: "originate-no-sign", run: originateNoSign},
	scenario{name: "originate-early-media", run: originateEarlyMedia},
	scenario{name: "originate-cancelled", run: originateCancelled},
	scenario{name: "originate-phone-answers", run: originatePhoneAnswers, needs: []Feature{SIP}},
	scenario{name: "originate-phone-refuses", run: originatePhoneRefuses, needs: []Feature{SIP}},
	scenario{name: "originate-phone-rings-for-ever", run: originatePhoneRings, needs: []Feature{SIP}},
	scenario{name: "originate-then-continue", run: originateThenContinue},
	scenario{name: "originate-codecs", run: originateCodecs},
	scenario{name: "originate-invalid", run: originateInvalid},
)

// local is the dial string of an extension of the dialplan. The pair of channels stays in the call.
func local(extension string) string { return "Local/" + extension + "@default/n" }

// up calls an extension that answers, and returns the channel once it is in the application.
func (s *S) up(suffix, extension string) *ari.Channel {
	s.Helper()
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extension), ChannelID: s.id(suffix)}))(s)
	start := await[*ari.StasisStart](s, ch)
	require.Equal(s, ari.ChannelStateUp, start.Channel.State)
	return ch
}

// upAt is up, but waits until the extension has come to an application of the dialplan.
func (s *S) upAt(suffix, extension, application string) *ari.Channel {
	s.Helper()
	ch := s.up(suffix, extension)
	await(s, "channel:"+ch.ID+";2", func(ev *ari.ChannelDialplan) bool { return ev.DialplanApp == application })
	return ch
}

// ended asserts that a channel, which was made by this client, ended with this cause.
func (s *S) ended(err error, cause int) {
	s.Helper()
	var end *ari.EndError
	require.ErrorAs(s, err, &end)
	require.ErrorIs(s, err, ari.ErrEnded)
	require.ErrorIs(s, err, ari.ErrChannelDestroyed)
	require.Equal(s, cause, end.Cause, "%v", end)
}

func originateToApp(s *S) {
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{
		Endpoint: local(extSilent), ChannelID: s.id("a"), AppArgs: "one,two three,,4", CallerID: "Alice <4711>", Timeout: 10 * time.Second,
	}))(s)
	require.Equal(s, s.id("a"), ch.ID)
	require.Contains(s, ch.Name, "Local/"+extSilent+"@default-")
	s.ok(ch.WaitAnswered(s.Ctx))
	s.ok(ch.WaitStasis(s.Ctx))
	start := await[*ari.StasisStart](s, ch)
	require.Equal(s, []string{"one", "two three", "", "4"}, start.Args)
	require.Equal(s, ari.ChannelStateUp, start.Channel.State)
	require.Equal(s, s.AppName, start.Application)
	require.Equal(s, "Stasis", start.Channel.Dialplan.AppName)
	require.Equal(s, "4711", start.Channel.Connected.Number)

	now := got(ch.Refresh(s.Ctx))(s)
	require.Equal(s, ari.ChannelStateUp, now.State)
	s.ok(ch.Stop(s.Ctx))
	end := got(ch.WaitEnd(s.Ctx))(s)
	require.ErrorIs(s, end, ari.ErrEnded)
	s.sequence(ch, "Dial", "ChannelStateChange Up", "Dial ANSWER", "StasisStart", "StasisEnd", "ChannelDestroyed 16")
	s.refused(ch.Answer(s.Ctx), 404, ari.ErrNotFound)
}

// A channel that is sent into the dialplan belongs to no application, which must subscribe to it if it wants to hear of it.
func originateToDialplan(s *S) {
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{
		Endpoint: local(extRingsAnswer), ChannelID: s.id("a"), Context: contextTarget, Extension: "100", Priority: 1,
	}))(s)
	got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
	ev := await[*ari.ChannelUserevent](s, ch)
	require.Equal(s, "100", ev.UserEvent["Where"])
	require.Equal(s, contextTarget, ev.Channel.Dialplan.Context)
	s.refused(ch.Answer(s.Ctx), 409, ari.ErrNotInStasis)
	s.ok(ch.Stop(s.Ctx))
	// How much of the beginning is heard depends on when the subscription begins.
	s.sequence(ch, "!Dial", "!Dial RINGING", "!ChannelStateChange Ringing", "ChannelStateChange Up", "Dial ANSWER", "ChannelUserevent", "ChannelUserevent", "ChannelDestroyed 16")
	s.never(ch, "StasisStart")
}

func originateToLabel(s *S) {
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{
		Endpoint: local(extRingsAnswer), ChannelID: s.id("a"), Context: contextTarget, Extension: "s", Label: "label",
	}))(s)
	got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
	ev := await[*ari.ChannelUserevent](s, ch)
	require.Equal(s, "label", ev.UserEvent["Where"])
	s.ok(ch.Stop(s.Ctx))

	_, err := s.ARI.Originate(s.Ctx, ari.OriginateOptions{
		Endpoint: local(extSilent), ChannelID: s.id("b"), Context: contextTarget, Extension: "s", Label: "nowhere",
	})
	s.refused(err, 404, ari.ErrNotFound)
}

// Without an id of the client's, Asterisk makes one up.
func originateWithoutID(s *S) {
	app := s.AppName
	resp := got(s.ARI.API().ChannelsOriginateWithResponse(s.Ctx, &gen.ChannelsOriginateParams{Endpoint: local(extSilent), App: &app},
		gen.ChannelsOriginateJSONRequestBody{Variables: map[string]ari.VariableValue{"COLOUR": {Value: "blue"}}}))(s)
	require.NotNil(s, resp.JSON200)
	start := await[*ari.StasisStart](s, "channel:"+resp.JSON200.ID)
	require.Equal(s, "blue", got(start.Channel.Variable(s.Ctx, "COLOUR"))(s))
	s.ok(start.Channel.Stop(s.Ctx))
	await[*ari.ChannelDestroyed](s, start.Channel)
}

// Variables are there before the channel is called. Those of a Local channel are on both of its halves, but for functions.
func originateWithVariables(s *S) {
	long := strings.Repeat("0123456789", 600) // More than a request line can hold.
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{
		Endpoint: local(extSilent), ChannelID: s.id("a"), OtherChannelID: s.id("b"),
		Variables: map[string]string{"COLOUR": "blue, green & \"red\" ü", "__INHERITED": "yes", "LONG": long, "CALLERID(name)": "Bob", "EMPTY": ""},
	}))(s)
	await[*ari.StasisStart](s, ch)
	require.Equal(s, `blue, green & "red" ü`, got(ch.Variable(s.Ctx, "COLOUR"))(s))
	require.Equal(s, long, got(ch.Variable(s.Ctx, "LONG"))(s))
	require.Equal(s, "Bob", got(ch.Variable(s.Ctx, "CALLERID(name)"))(s))
	require.Equal(s, "", got(ch.Variable(s.Ctx, "EMPTY"))(s))
	other := s.ARI.Channel(s.id("b"))
	require.Equal(s, "yes", got(other.Variable(s.Ctx, "INHERITED"))(s))
	require.Equal(s, `blue, green & "red" ü`, got(other.Variable(s.Ctx, "COLOUR"))(s))
	require.NotEqual(s, "Bob", got(other.Variable(s.Ctx, "CALLERID(name)"))(s))
}

func originateWithIDs(s *S) {
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("a"), OtherChannelID: s.id("b")}))(s)
	await[*ari.StasisStart](s, ch)
	other := got(s.ARI.Channel(s.id("b")).Refresh(s.Ctx))(s)
	require.True(s, strings.HasSuffix(other.Name, ";2"), "%s", other.Name)

	_, err := s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("a")})
	s.refused(err, 409, ari.ErrConflict)
	_, err = s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("c"), OtherChannelID: s.id("b")})
	s.refused(err, 409, ari.ErrConflict)
	_, err = s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: strings.Repeat("x", 150)})
	s.refused(err, 400, ari.ErrInvalid)
	long := strings.Repeat("x", 149)
	ch = got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: long, OtherChannelID: s.id("d")}))(s)
	require.Equal(s, long, ch.ID)
	await[*ari.StasisStart](s, ch)

	// By default the other half has the first one's id with an ending.
	ch = s.up("e", extSilent)
	got(s.ARI.Channel(ch.ID + ";2").Refresh(s.Ctx))(s)
}

// An id that another one begins with is free, but 22.10.1 takes it for the other one.
func originatePrefix(s *S) {
	long := s.up("prefix-and-more", extSilent)
	_, err := s.ARI.Channel(s.id("prefix")).Refresh(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
	_, err = s.ARI.Channel(s.id("prefix")).Variable(s.Ctx, "CHANNEL(uniqueid)")
	s.refused(err, 404, ari.ErrNotFound)
	s.refused(s.ARI.Channel(s.id("prefix")).Stop(s.Ctx), 404, ari.ErrNotFound)
	s.refused(s.ARI.Channel(s.id("prefix")).Answer(s.Ctx), 404, ari.ErrNotFound)
	short, err := s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("prefix")})
	if s.from("20") {
		s.refused(err, 409, ari.ErrConflict)
		return
	}
	s.ok(err)
	await[*ari.StasisStart](s, short)
	require.Equal(s, short.Name, got(short.Refresh(s.Ctx))(s).Name)
	require.Equal(s, long.Name, got(long.Refresh(s.Ctx))(s).Name)
}

// A Local channel's own end tells no cause: it is the other half's.
func originateBusy(s *S) {
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extBusy), ChannelID: s.id("a")}))(s)
	s.ended(ch.WaitAnswered(s.Ctx), 17)
	s.sequence(ch, "Dial", "Dial BUSY", "ChannelDestroyed 0")
	s.sequence("channel:"+ch.ID+";2", "ChannelStateChange Busy", "ChannelDestroyed 17")
	s.never(ch, "StasisStart")
}

func originateCongested(s *S) {
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extCongested), ChannelID: s.id("a")}))(s)
	s.ended(ch.WaitAnswered(s.Ctx), 34)
	s.sequence(ch, "Dial", "Dial CONGESTION", "ChannelDestroyed 0")
	s.never(ch, "StasisStart")
}

// The dialplan hangs up with a cause.
func originateCause(s *S) {
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extCause + "021"), ChannelID: s.id("a")}))(s)
	s.ended(ch.WaitAnswered(s.Ctx), 21)
	s.sequence(ch, "ChannelHangupRequest", "ChannelDestroyed 21")
	s.never(ch, "StasisStart")
}

func originateTimeout(s *S) {
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extRings), ChannelID: s.id("a"), Timeout: time.Second}))(s)
	s.ended(ch.WaitAnswered(s.Ctx), s.timeoutCause())
	// Unlike a channel that is hung up while it rings, this one's dialling isn't told to have ended.
	s.sequence(ch, "Dial", "Dial RINGING", "ChannelDestroyed")
	s.sequence(ch, "ChannelStateChange Ringing", "ChannelDestroyed")
	s.never(ch, "StasisStart")
}

// What is called neither rings nor answers.
func originateNoSign(s *S) {
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extNothing), ChannelID: s.id("a"), Timeout: time.Second}))(s)
	s.ended(ch.WaitAnswered(s.Ctx), s.timeoutCause())
	s.sequence(ch, "Dial", "ChannelDestroyed")
	s.never(ch, "ChannelStateChange", "StasisStart")
}

func originateEarlyMedia(s *S) {
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extEarly), ChannelID: s.id("a")}))(s)
	await(s, ch, func(ev *ari.Dial) bool { return ev.DialStatus == "PROGRESS" })
	s.ok(ch.Stop(s.Ctx))
	s.ended(ch.WaitAnswered(s.Ctx), 16)
	s.sequence(ch, "Dial", "Dial PROGRESS", "Dial NOANSWER", "ChannelDestroyed 16")
}

// timeoutCause is the cause of a channel that wasn't answered in time: older versions tell none.
func (s *S) timeoutCause() int {
	if s.from("20") {
		return 19
	}
	return 0
}

func originateCancelled(s *S) {
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extRings), ChannelID: s.id("a")}))(s)
	await(s, ch, func(ev *ari.ChannelStateChange) bool { return ev.Channel.State == ari.ChannelStateRinging })
	s.ok(ch.Hangup(s.Ctx, ari.HangupReasonNoAnswer))
	s.ended(ch.WaitAnswered(s.Ctx), 19)
	s.sequence(ch, "Dial", "Dial RINGING", "Dial NOANSWER", "ChannelDestroyed 19")
}

func originatePhoneAnswers(s *S) {
	line := s.Answer(s, Phone{Ring: 100 * time.Millisecond})
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: line.Endpoint(), ChannelID: s.id("a"), CallerID: "Alice <4711>"}))(s)
	s.ok(ch.WaitAnswered(s.Ctx))
	party := got(line.Party(s.Ctx, 0))(s)
	s.ok(party.Await(s.Ctx, "answered"))
	await[*ari.StasisStart](s, ch)
	s.ok(ch.Stop(s.Ctx))
	s.ok(line.Wait(s.Ctx))
	// A channel's states and what its dialling has come to are told by two threads, which don't wait for each other.
	s.sequence(ch, "Dial", "Dial RINGING", "Dial ANSWER", "StasisStart", "StasisEnd", "ChannelDestroyed 16")
	s.sequence(ch, "ChannelStateChange Ringing", "ChannelStateChange Up", "StasisStart")
}

func originatePhoneRefuses(s *S) {
	for _, c := range []struct {
		status, cause int
		dial          string
	}{
		{486, 17, "Dial BUSY"},
		{603, 21, "Dial"},
		{404, 1, "Dial NOANSWER"},
	} {
		line := s.Answer(s, Phone{Ring: 50 * time.Millisecond, Refused: c.status})
		ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: line.Endpoint()}))(s)
		s.ended(ch.WaitAnswered(s.Ctx), c.cause)
		s.ok(line.Wait(s.Ctx))
		s.sequence(ch, "Dial", "Dial RINGING", c.dial, "ChannelDestroyed")
		destroyed := await[*ari.ChannelDestroyed](s, ch)
		if s.from("20.17", "22.7") {
			require.Equal(s, c.status, destroyed.TechCause)
		} else {
			require.Zero(s, destroyed.TechCause)
		}
	}
}

func originatePhoneRings(s *S) {
	line := s.Answer(s, Phone{Ring: -1})
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: line.Endpoint(), Timeout: time.Second}))(s)
	s.ended(ch.WaitAnswered(s.Ctx), s.timeoutCause())
	s.ok(line.Wait(s.Ctx))
	s.sequence(ch, "Dial", "Dial RINGING", "ChannelDestroyed")
}

// Whoever has a channel made hears of it until its end, wherever it has gone.
func originateThenContinue(s *S) {
	for name, make1 := range sorted(map[string]func(id string) (*ari.Channel, error){
		"originated": func(id string) (*ari.Channel, error) {
			return s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: id})
		},
		"created": func(id string) (*ari.Channel, error) {
			return s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{Endpoint: local(extSilent), ChannelID: id})
		},
	}) {
		ch := got(make1(s.id(name)))(s)
		await[*ari.StasisStart](s, ch)
		if name == "created" {
			s.ok(ch.Dial(s.Ctx))
			s.ok(ch.WaitAnswered(s.Ctx))
		}
		s.ok(ch.ContinueWith(s.Ctx, ari.ContinueOptions{Context: contextTarget, Extension: "100"}))
		await[*ari.ChannelUserevent](s, ch)
		s.ok(ch.Stop(s.Ctx))
		s.sequence(ch, "StasisStart", "StasisEnd", "ChannelUserevent Target", "ChannelDestroyed 16")
	}
}

func originateCodecs(s *S) {
	first := s.up("a", extSilent)
	second := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("b"), Formats: "ulaw"}))(s)
	await[*ari.StasisStart](s, second)
	require.Equal(s, "(ulaw)", got(second.Variable(s.Ctx, "CHANNEL(audionativeformat)"))(s))
	third := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("c"), Originator: first.ID}))(s)
	await[*ari.StasisStart](s, third)
	require.Equal(s, got(first.Variable(s.Ctx, "CHANNEL(linkedid)"))(s), got(third.Variable(s.Ctx, "CHANNEL(linkedid)"))(s))

	_, err := s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), Originator: first.ID, Formats: "ulaw"})
	s.refused(err, 400, ari.ErrInvalid)
	_, err = s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), Originator: "nobody"})
	s.refused(err, 400, ari.ErrInvalid)
	_, err = s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), Formats: "nonsense"})
	s.refused(err, 400, ari.ErrInvalid)
}

func originateInvalid(s *S) {
	_, err := s.ARI.Originate(s.Ctx, ari.OriginateOptions{})
	s.unsent(err, ari.ErrInvalid)
	for _, endpoint := range []string{"nonsense", "Local/", "Local"} {
		_, err = s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: endpoint})
		require.Error(s, err, "%s", endpoint)
		require.True(s, errors.Is(err, ari.ErrInvalid) || errors.Is(err, ari.ErrInternal), "%s: %v", endpoint, err)
	}
	_, err = s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: "Nonsense/1000"})
	s.refused(err, 500, ari.ErrInternal)
	_, err = s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: "PJSIP/nobody"})
	s.refused(err, 500, ari.ErrInternal)
	_, err = s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), Context: contextTarget, Extension: "s", Label: "nowhere"})
	s.refused(err, 404, ari.ErrNotFound)
	// An extension that doesn't exist is no error of the request: the channel is made, and destroyed.
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local("4711")}))(s)
	require.ErrorIs(s, ch.WaitAnswered(s.Ctx), ari.ErrChannelDestroyed)
	s.never(ch, "StasisStart")
}
