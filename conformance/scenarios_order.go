package conformance

import (
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// What comes first, where one might think that it is always the same.
var _ = register(
	scenario{name: "originate-answered-before-entered", run: answeredBeforeEntered, unrecorded: true},
	scenario{name: "originate-id-in-other-letters", run: idInOtherLetters, unrecorded: true},
	scenario{name: "move-to-itself", run: moveToItself, unrecorded: true},
	scenario{name: "moves-between-applications", run: movesBetweenApplications, unrecorded: true},
)

// A channel that is called for an application has been answered for a moment before it is in there. Commands fail until then.
func answeredBeforeEntered(s *S) {
	b := s.bridge("bridge")
	early := 0
	for i := range 20 {
		ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id(fmt.Sprintf("%02d", i))}))(s)
		await(s, ch, answered)
		if i%2 == 0 {
			if err := b.AddChannel(s.Ctx, ch.ID); err != nil {
				s.refused(err, 422, ari.ErrNotInStasis)
				early++
			}
		} else if _, err := ch.Play(s.Ctx, s.Server().Tone); err != nil {
			s.refused(err, 409, ari.ErrNotInStasis)
			early++
		}
		s.ok(ch.WaitAnswered(s.Ctx)) // It waits for the entry, too.
		if i%2 == 0 {
			s.ok(b.AddChannel(s.Ctx, ch.ID))
		} else {
			got(ch.Play(s.Ctx, s.Server().Tone))(s)
		}
		s.ok(ch.Stop(s.Ctx))
	}
	s.Logf("%d of 20 commands came too early", early)
}

// answered reports whether an event tells that a channel has been answered. There are two that do, of different threads.
func answered(ev ari.Event) bool {
	switch ev := ev.(type) {
	case *ari.ChannelStateChange:
		return ev.Channel.State == ari.ChannelStateUp
	case *ari.Dial:
		return ev.DialStatus == "ANSWER"
	}
	return false
}

// Ids that differ in upper and lower case only are the same for a new channel.
func idInOtherLetters(s *S) {
	ch := s.up("abc", extSilent)
	_, err := s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: strings.ToUpper(ch.ID)})
	s.refused(err, 409, ari.ErrConflict)
}

// A channel that is moved to the application that it is in leaves it first.
func moveToItself(s *S) {
	ch := s.up("a", extSilent)
	s.ok(ch.MoveWith(s.Ctx, s.AppName, ari.MoveOptions{AppArgs: "again"}))
	again := await(s, ch, func(ev *ari.StasisStart) bool { return len(ev.Args) == 1 })
	require.Equal(s, []string{"again"}, again.Args)
	s.sequence(ch, "StasisStart", "StasisEnd", "StasisStart")
}

// Of a move between two applications of one connection, either may tell first.
func movesBetweenApplications(s *S) {
	one, two := s.AppName+"-one", s.AppName+"-two"
	p := s.connect(one, ari.WithApplications(two))
	ended := s.lasting(p)
	startFirst := 0
	for i := range 20 {
		ch := got(p.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id(fmt.Sprintf("%02d", i))}))(s)
		await[*ari.StasisStart](p, ch)
		events := ari.Subscribe[ari.Event](ch)
		s.ok(ch.Move(s.Ctx, two))
		var start, end bool
		for !start || !end {
			switch ev := got(events.Next(s.Ctx))(s).(type) {
			case *ari.StasisStart:
				require.Equal(s, two, ev.Application)
				start = true
				if !end {
					startFirst++
				}
			case *ari.StasisEnd:
				require.Equal(s, one, ev.Application)
				end = true
			}
		}
		events.Close()
		require.ErrorIs(s, ended(ch), ari.ErrLeftStasis)
		s.ok(ch.Stop(s.Ctx))
		require.ErrorIs(s, ended(ch), ari.ErrEnded)
	}
	s.Logf("the new application told first in %d of 20", startFirst)
}
