package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/pkg/ari"
)

var _ = register(
	scenario{name: "incoming-call", run: incomingCall, needs: []Feature{SIP}},
	scenario{name: "incoming-caller-hangs-up", run: incomingCallerHangsUp, needs: []Feature{SIP}},
	scenario{name: "incoming-caller-gives-up", run: incomingCallerGivesUp, needs: []Feature{SIP}},
	scenario{name: "incoming-refused", run: incomingRefused, needs: []Feature{SIP}},
	scenario{name: "incoming-arguments", run: incomingArguments},
	scenario{name: "incoming-progress", run: incomingProgress, needs: []Feature{SIP}, since: "20.16"},
	scenario{name: "hangup-reasons", run: hangupReasons},
	scenario{name: "hangup-codes", run: hangupCodes, since: "18"},
	scenario{name: "handler-context", run: handlerContext},
	scenario{name: "continue", run: continueInDialplan},
	scenario{name: "continue-next", run: continueNext},
	scenario{name: "continue-and-back", run: continueAndBack},
	scenario{name: "move", run: move},
	scenario{name: "move-fails", run: moveFails},
	scenario{name: "redirect", run: redirect, needs: []Feature{SIP}},
	scenario{name: "redirect-refused", run: redirectRefused, needs: []Feature{SIP}},
	scenario{name: "create-and-dial", run: createAndDial},
	scenario{name: "create-down", run: createDown},
	scenario{name: "create-refused", run: createRefused, needs: []Feature{SIP}},
	scenario{name: "create-timeout", run: createTimeout},
	scenario{name: "create-early-bridge", run: createEarlyBridge},
	scenario{name: "create-invalid", run: createInvalid},
	scenario{name: "rtp-statistics-from-the-answer", run: rtpStatisticsFromAnswer, needs: []Feature{SIP}, unrecorded: true},
	scenario{name: "rtp-statistics", run: rtpStatistics, needs: []Feature{SIP, RTP}},
)

// incoming places a call into the application, and returns it together with its channel.
func (s *S) incoming(call Call) (Line, *ari.Channel) {
	s.Helper()
	if call.To == "" {
		call.To = "app-" + s.AppName
	}
	line := s.Place(s, call)
	return line, await[*ari.StasisStart](s, nil).Channel
}

// talking places a call into the application and answers it.
func (s *S) talking(call Call) (Line, Party, *ari.Channel) {
	s.Helper()
	line, ch := s.incoming(call)
	s.ok(ch.Answer(s.Ctx))
	party := got(line.Party(s.Ctx, 0))(s)
	s.ok(party.Await(s.Ctx, "answered"))
	return line, party, ch
}

func incomingCall(s *S) {
	line, ch := s.incoming(Call{From: "alice"})
	require.Equal(s, ari.ChannelStateRing, ch.State)
	require.Contains(s, ch.Name, "PJSIP/alice-")
	require.Equal(s, "alice", ch.Caller.Name)
	require.Equal(s, "app-"+s.AppName, ch.Dialplan.Exten)
	require.NotEmpty(s, ch.ProtocolID)
	s.ok(ch.Ring(s.Ctx))
	party := got(line.Party(s.Ctx, 0))(s)
	s.ok(party.Await(s.Ctx, "ringing"))
	s.ok(ch.StopRing(s.Ctx))
	s.ok(s.ARI.AnswerChannel(s.Ctx, ch.ID))
	s.ok(party.Await(s.Ctx, "answered"))
	require.Equal(s, ari.ChannelStateUp, got(ch.Refresh(s.Ctx))(s).State)
	s.ok(ch.Answer(s.Ctx)) // Once more does no harm.
	got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
	s.ok(s.ARI.StopChannel(s.Ctx, ch.ID))
	s.ok(party.Await(s.Ctx, "bye"))
	s.ok(line.Wait(s.Ctx))
	s.sequence(ch, "StasisStart", "ChannelStateChange Up", "StasisEnd", "ChannelDestroyed 16")
}

// Without a subscription of its own, the application doesn't hear of the channel after StasisEnd.
func incomingCallerHangsUp(s *S) {
	line, party, ch := s.talking(Call{})
	s.ok(party.Hangup(s.Ctx))
	s.ok(line.Wait(s.Ctx))
	s.sequence(ch, "StasisStart", "ChannelStateChange Up", "ChannelHangupRequest", "StasisEnd")
	if cause := await[*ari.ChannelHangupRequest](s, ch).Cause; s.from("20") {
		require.Zero(s, cause)
	} else {
		require.Equal(s, 16, cause)
	}
	s.never(ch, "ChannelDestroyed")
}

func incomingCallerGivesUp(s *S) {
	line, ch := s.incoming(Call{})
	s.ok(ch.Ring(s.Ctx))
	party := got(line.Party(s.Ctx, 0))(s)
	s.ok(party.Await(s.Ctx, "ringing"))
	s.ok(party.Cancel(s.Ctx))
	s.ok(line.Wait(s.Ctx))
	s.sequence(ch, "StasisStart", "ChannelHangupRequest", "StasisEnd")
	s.never(ch, "ChannelStateChange Up")
}

// The reason that a call is hung up for, before it is answered, becomes the status that the caller gets.
func incomingRefused(s *S) {
	for reason, status := range sorted(map[ari.HangupReason]int{
		ari.HangupReasonBusy: 486, ari.HangupReasonCongestion: 503, ari.HangupReasonRejected: 403, ari.HangupReasonUnallocated: 404,
	}) {
		line, ch := s.incoming(Call{Refused: status})
		s.ok(ch.Hangup(s.Ctx, reason))
		s.ok(line.Wait(s.Ctx))
		await[*ari.StasisEnd](s, ch)
	}
}

func incomingArguments(s *S) {
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local("args-" + s.AppName), Extension: extSilent}))(s)
	start := await(s, nil, func(ev *ari.StasisStart) bool { return ev.Channel.ID == ch.ID+";2" })
	require.Equal(s, []string{"one", "two three", "4"}, start.Args)
	require.Equal(s, ari.ChannelStateRing, start.Channel.State)
}

func incomingProgress(s *S) {
	line, ch := s.incoming(Call{})
	s.ok(ch.Progress(s.Ctx))
	s.ok(got(line.Party(s.Ctx, 0))(s).Await(s.Ctx, "progress"))
	s.ok(ch.Answer(s.Ctx))
	s.ok(ch.Stop(s.Ctx))
	s.ok(line.Wait(s.Ctx))
}

func hangupReasons(s *S) {
	for reason, cause := range sorted(map[ari.HangupReason]int{
		"": 16, ari.HangupReasonNormal: 16, ari.HangupReasonBusy: 17, ari.HangupReasonCongestion: 34, ari.HangupReasonNoAnswer: 19,
		ari.HangupReasonTimeout: 18, ari.HangupReasonRejected: 21, ari.HangupReasonUnallocated: 1, ari.HangupReasonNormalUnspecified: 31,
		ari.HangupReasonNumberIncomplete: 28, ari.HangupReasonCodecMismatch: 58, ari.HangupReasonInterworking: 127, ari.HangupReasonFailure: 38,
		ari.HangupReasonAnsweredElsewhere: 26,
	}) {
		ch := s.up("with-"+string(reason), extSilent)
		s.ok(ch.Hangup(s.Ctx, reason))
		end := got(ch.WaitEnd(s.Ctx))(s)
		require.Equal(s, ch.ID, end.Entity.ID)
		s.sequence(ch, "StasisStart", "StasisEnd", "ChannelDestroyed")
		require.Equal(s, cause, await[*ari.ChannelDestroyed](s, ch).Cause, "%s", reason)
		s.refused(ch.Stop(s.Ctx), 404, ari.ErrNotFound)
	}
	ch := s.up("invalid", extSilent)
	s.refused(ch.Hangup(s.Ctx, "nonsense"), 400, ari.ErrInvalid)
	require.Equal(s, ari.ChannelStateUp, got(ch.Refresh(s.Ctx))(s).State)
}

func hangupCodes(s *S) {
	ch := s.up("a", extSilent)
	s.ok(ch.HangupWithCode(s.Ctx, ari.CauseRejected))
	require.Equal(s, 21, await[*ari.ChannelDestroyed](s, ch).Cause)
	ch = s.up("b", extSilent)
	reason, code := ari.HangupReasonBusy, "21"
	_, err := s.ARI.API().ChannelsHangupWithResponse(s.Ctx, ch.ID, &gen.ChannelsHangupParams{Reason: &reason, ReasonCode: &code})
	s.refused(err, 400, ari.ErrInvalid)
}

// The context of a StasisStart handler ends with the channel's stay in the application, and says why.
func handlerContext(s *S) {
	causes := make(chan error, 3)
	stop := s.Client.OnStasisStart(func(ctx context.Context, _ *ari.StasisStart) error {
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return nil
	})
	defer stop()
	next := func() error {
		select {
		case err := <-causes:
			return err
		case <-s.Ctx.Done():
			return context.Cause(s.Ctx)
		}
	}
	ch := s.up("a", extSilent)
	s.ok(ch.Stop(s.Ctx))
	err := next()
	require.True(s, errors.Is(err, ari.ErrLeftStasis) || errors.Is(err, ari.ErrChannelDestroyed), "%v", err)
	require.ErrorIs(s, err, ari.ErrEnded)

	ch = s.up("b", extSilent)
	s.ok(ch.ContinueWith(s.Ctx, ari.ContinueOptions{Context: contextTarget, Extension: "100"}))
	require.ErrorIs(s, next(), ari.ErrLeftStasis)
	s.ok(ch.Stop(s.Ctx))
}

func continueInDialplan(s *S) {
	for _, c := range []struct {
		opts  ari.ContinueOptions
		where string
	}{
		{ari.ContinueOptions{Context: contextTarget, Extension: "100", Priority: 1}, "100"},
		{ari.ContinueOptions{Context: contextTarget}, "s"},
		{ari.ContinueOptions{Context: contextTarget, Extension: "s", Label: "label"}, "label"},
		{ari.ContinueOptions{Context: contextTarget, Extension: "s", Priority: 3}, "label"},
	} {
		ch := s.up("to-"+c.where+c.opts.Label, extSilent)
		got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
		s.ok(ch.ContinueWith(s.Ctx, c.opts))
		await[*ari.StasisEnd](s, ch)
		require.Equal(s, c.where, await[*ari.ChannelUserevent](s, ch).UserEvent["Where"])
		s.refused(ch.Answer(s.Ctx), 409, ari.ErrNotInStasis)
		s.refused(ch.ContinueWith(s.Ctx, c.opts), 409, ari.ErrNotInStasis)
		s.ok(ch.Stop(s.Ctx))
		s.sequence(ch, "StasisStart", "StasisEnd", "ChannelUserevent", "ChannelDestroyed 16")
	}
	ch := s.up("nowhere", extSilent)
	s.refused(ch.ContinueWith(s.Ctx, ari.ContinueOptions{Context: contextTarget, Extension: "s", Label: "nowhere"}), 404, ari.ErrNotFound)
	s.never(ch, "StasisEnd")
	// What doesn't exist ends the call.
	s.ok(ch.ContinueWith(s.Ctx, ari.ContinueOptions{Context: "nowhere", Extension: "s", Priority: 1}))
	s.sequence(ch, "StasisEnd", "ChannelDestroyed")
}

// Without anything, the call goes on behind the application it came into.
func continueNext(s *S) {
	first := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local("app-" + s.AppName), ChannelID: s.id("a"), Extension: extSilent}))(s)
	ch := await[*ari.StasisStart](s, nil).Channel
	require.Equal(s, first.ID+";2", ch.ID)
	got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
	s.ok(ch.Answer(s.Ctx))
	s.ok(ch.Continue(s.Ctx))
	require.Equal(s, "SUCCESS", await[*ari.ChannelUserevent](s, ch).UserEvent["Status"])
	s.sequence(ch, "StasisStart", "StasisEnd", "ChannelUserevent After", "ChannelDestroyed 16")
}

// A channel can come back, and has the new arguments then.
func continueAndBack(s *S) {
	ch := s.up("a", extSilent)
	s.ok(ch.ContinueWith(s.Ctx, ari.ContinueOptions{Context: "default", Extension: "args-" + s.AppName, Priority: 1}))
	start := await[*ari.StasisStart](s, ch)
	require.Equal(s, []string{"one", "two three", "4"}, start.Args)
	s.ok(ch.Stop(s.Ctx))
	s.sequence(ch, "StasisStart", "StasisEnd", "StasisStart", "StasisEnd")
}

func move(s *S) {
	other := s.connect(s.AppName + "-other")
	ch := s.up("a", extSilent)
	s.ok(ch.MoveWith(s.Ctx, other.AppName, ari.MoveOptions{AppArgs: "one,two"}))
	start := await[*ari.StasisStart](other, ch)
	require.Equal(s, []string{"one", "two"}, start.Args)
	require.Equal(s, other.AppName, start.Application)
	s.sequence(ch, "StasisStart", "StasisEnd")
	s.ok(start.Channel.Move(s.Ctx, s.AppName))
	start = await[*ari.StasisStart](s, ch)
	require.Empty(s, start.Args)
	other.sequence(ch, "StasisStart", "StasisEnd")
	s.sequence(ch, "StasisStart", "StasisEnd", "StasisStart")
	s.unsent(ch.Move(s.Ctx, ""), ari.ErrInvalid)
}

// The request succeeds all the same; an event tells that the channel stays.
func moveFails(s *S) {
	ch := s.up("a", extSilent)
	s.ok(ch.MoveWith(s.Ctx, "nobody-has-this", ari.MoveOptions{AppArgs: "one,two"}))
	ev := await[*ari.ApplicationMoveFailed](s, ch)
	require.Equal(s, "nobody-has-this", ev.Destination)
	require.Equal(s, []string{"one", "two"}, ev.Args)
	s.never(ch, "StasisEnd")
	s.ok(ch.SetVariable(s.Ctx, "STILL", "here"))
}

// A caller that isn't answered yet is told to call somebody else.
func redirect(s *S) {
	line, ch := s.incoming(Call{Refused: 302})
	s.ok(ch.Redirect(s.Ctx, "PJSIP/bob"))
	s.ok(line.Wait(s.Ctx))
	await[*ari.StasisEnd](s, ch)
}

func redirectRefused(s *S) {
	_, ch := s.incoming(Call{})
	s.unsent(ch.Redirect(s.Ctx, ""), ari.ErrInvalid)
	s.refused(ch.Redirect(s.Ctx, "PJSIP"), 422, ari.ErrUnprocessable)
	s.refused(ch.Redirect(s.Ctx, local(extSilent)), 422, ari.ErrUnprocessable)
	s.refused(s.ARI.Channel("nobody").Redirect(s.Ctx, "PJSIP/bob"), 404, ari.ErrNotFound)
	s.ok(ch.Stop(s.Ctx))
}

// A created channel is in the application before it is called.
func createAndDial(s *S) {
	ch := got(s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{
		Endpoint: local(extRingsAnswer), ChannelID: s.id("a"), AppArgs: "created", Variables: map[string]string{"COLOUR": "blue"},
	}))(s)
	start := await[*ari.StasisStart](s, ch)
	require.Equal(s, []string{"created"}, start.Args)
	require.Equal(s, ari.ChannelStateDown, start.Channel.State)
	require.Equal(s, "blue", got(ch.Variable(s.Ctx, "COLOUR"))(s))
	s.ok(ch.DialWith(s.Ctx, ari.DialOptions{Timeout: 10 * time.Second}))
	s.ok(ch.WaitAnswered(s.Ctx))
	s.ok(ch.Stop(s.Ctx))
	// That it is being dialled, and what has come of it, is told by two threads.
	s.sequence(ch, "!Dial", "StasisStart", "Dial RINGING", "Dial ANSWER", "StasisEnd", "ChannelDestroyed 16")
	s.sequence(ch, "ChannelStateChange Ringing", "ChannelStateChange Up", "StasisEnd")
}

// What needs a call isn't done before there is one.
func createDown(s *S) {
	ch := got(s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{Endpoint: local(extSilent), ChannelID: s.id("a")}))(s)
	await[*ari.StasisStart](s, ch)
	for name, command := range sorted(map[string]func(context.Context) error{
		"answer": ch.Answer, "ring": ch.Ring, "hold": ch.Hold, "silence": ch.StartSilence,
		"dtmf": func(ctx context.Context) error { return ch.SendDTMF(ctx, "1") },
		"moh":  func(ctx context.Context) error { return ch.StartMOH(ctx, "") },
		"mute": func(ctx context.Context) error { return ch.Mute(ctx, ari.MuteDirectionBoth) },
		"play": func(ctx context.Context) error {
			_, err := ch.Play(ctx, s.Server().Tone)
			return err
		},
		"continue": func(ctx context.Context) error { return ch.Continue(ctx) },
	}) {
		err := command(s.Ctx)
		require.Error(s, err, "%s", name)
		s.refused(err, 412, ari.ErrPreconditionFailed)
	}
	s.refused(s.ARI.Channel("nobody").Dial(s.Ctx), 404, ari.ErrNotFound)
	s.ok(ch.Stop(s.Ctx))
	s.sequence(ch, "StasisStart", "StasisEnd", "ChannelDestroyed")
}

func createRefused(s *S) {
	line := s.Answer(s, Phone{Ring: 50 * time.Millisecond, Refused: 486})
	ch := got(s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{Endpoint: line.Endpoint(), ChannelID: s.id("a")}))(s)
	await[*ari.StasisStart](s, ch)
	s.ok(ch.Dial(s.Ctx))
	require.ErrorIs(s, ch.WaitAnswered(s.Ctx), ari.ErrEnded)
	s.ok(line.Wait(s.Ctx))
	// Unlike an originated channel's, the end of its dialling isn't told.
	s.sequence(ch, "!Dial", "StasisStart", "Dial RINGING", "StasisEnd", "ChannelDestroyed 17")
}

func createTimeout(s *S) {
	ch := got(s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{Endpoint: local(extRings), ChannelID: s.id("a")}))(s)
	await[*ari.StasisStart](s, ch)
	s.ok(ch.DialWith(s.Ctx, ari.DialOptions{Timeout: time.Second}))
	require.ErrorIs(s, ch.WaitAnswered(s.Ctx), ari.ErrEnded)
	s.sequence(ch, "!Dial", "StasisStart", "Dial RINGING", "StasisEnd", "ChannelDestroyed")
}

// A created channel can be bridged before it is dialled: the other one hears it ring.
func createEarlyBridge(s *S) {
	first := s.up("a", extSilent)
	bridge := got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: s.id("bridge")}))(s)
	second := got(s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{Endpoint: local(extRingsAnswer), ChannelID: s.id("b"), Originator: first.ID}))(s)
	await[*ari.StasisStart](s, second)
	s.ok(bridge.AddChannel(s.Ctx, first.ID, second.ID))
	await[*ari.ChannelEnteredBridge](s, second)
	s.ok(second.DialWith(s.Ctx, ari.DialOptions{Caller: first.ID}))
	s.ok(second.WaitAnswered(s.Ctx))
	require.Nil(s, await[*ari.Dial](s, second).Caller, "the caller of this operation isn't told")
	require.ElementsMatch(s, []string{first.ID, second.ID}, got(bridge.Refresh(s.Ctx))(s).Channels)
	s.refused(second.Dial(s.Ctx), 409, ari.ErrConflict)
	s.ok(bridge.Stop(s.Ctx))
	s.sequence(second, "!Dial", "StasisStart", "ChannelEnteredBridge", "Dial RINGING", "Dial ANSWER", "ChannelLeftBridge")
}

func createInvalid(s *S) {
	_, err := s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{})
	s.unsent(err, ari.ErrInvalid)
	_, err = s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{Endpoint: "Nonsense/1000"})
	s.refused(err, 500, ari.ErrInternal)
	ch := got(s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{Endpoint: local(extSilent), ChannelID: s.id("a")}))(s)
	await[*ari.StasisStart](s, ch)
	_, err = s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{Endpoint: local(extSilent), ChannelID: s.id("a")})
	s.refused(err, 409, ari.ErrConflict)
	// On the same connection, the conflict is remembered, and told again for what has failed otherwise.
	_, err = s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{Endpoint: "Nonsense/1000"})
	s.refused(err, 409, ari.ErrConflict)
	_, err = s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{Endpoint: "nonsense"})
	s.refused(err, 400, ari.ErrInvalid)
	_, err = s.ARI.CreateChannel(s.Ctx, ari.CreateChannelOptions{Endpoint: local(extSilent), Formats: "ulaw", Originator: ch.ID})
	s.refused(err, 400, ari.ErrInvalid)
}

func rtpStatistics(s *S) {
	line, party, ch := s.talking(Call{Sound: true})
	bridge := got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: s.id("bridge")}))(s)
	echo := s.up("echo", extEcho)
	s.ok(bridge.AddChannel(s.Ctx, ch.ID, echo.ID))
	s.ok(party.HearSound(s.Ctx))
	stats := got(ch.RTPStatistics(s.Ctx))(s)
	require.Positive(s, stats.Rxcount)
	require.Positive(s, stats.Txcount)
	require.Equal(s, ch.ID, stats.ChannelUniqueid)
	_, err := echo.RTPStatistics(s.Ctx)
	s.refused(err, 403, ari.ErrForbidden)
	_, err = s.ARI.Channel("nobody").RTPStatistics(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
	s.ok(party.Hangup(s.Ctx))
	s.ok(line.Wait(s.Ctx))
}

// Before the answer there is nothing to tell. From then on packets come, and go where something is played; at the end the channel itself tells.
func rtpStatisticsFromAnswer(s *S) {
	line, ch := s.incoming(Call{Sound: true})
	got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
	_, err := ch.RTPStatistics(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
	s.ok(ch.Answer(s.Ctx))
	p := got(ch.Play(s.Ctx, s.Server().Tone))(s)
	await[*ari.PlaybackStarted](s, p)
	for {
		stats := got(ch.RTPStatistics(s.Ctx))(s)
		require.Equal(s, ch.ID, stats.ChannelUniqueid)
		if stats.Rxcount > 10 && stats.Txcount > 10 {
			require.Equal(s, 160*stats.Rxcount, stats.Rxoctetcount)
			require.Positive(s, stats.Txoctetcount)
			require.NotZero(s, stats.RemoteSSRC)
			break
		}
		s.ok(pause(s.Ctx))
	}
	s.ok(ch.Stop(s.Ctx))
	s.ok(line.Wait(s.Ctx))
	await[*ari.ChannelDestroyed](s, ch)
	if !s.from("20") {
		return // They keep it to themselves.
	}
	end := await(s, ch, func(ev *ari.ChannelVarset) bool { return ev.Variable == "RTPAUDIOQOS" })
	require.NotContains(s, end.Value, ";rxcount=0;")
	require.NotContains(s, end.Value, ";txcount=0;")
}
