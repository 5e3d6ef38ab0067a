package conformance

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// Where originated channels and continued ones go in the dialplan, for each way to say it.
var _ = register(
	scenario{name: "originate-places", run: originatePlaces, options: everything, unrecorded: true},
	scenario{name: "originate-places-phone", run: originatePlacesPhone, needs: []Feature{SIP}, options: everything, unrecorded: true},
	scenario{name: "continue-places", run: continuePlaces, unrecorded: true},
)

// A spot is how a place in the dialplan is said, and where that is. What isn't said of it is the default.
type spot struct {
	context, exten string
	priority       int
	label          string
	at             int // the priority
}

// spots are all ways to say a place of these extensions. A label goes before a priority, and may be a number.
func spots(context string, extensions ...string) []spot {
	var all []spot
	for _, exten := range extensions {
		all = append(all,
			spot{context, exten, 0, "", 1},
			spot{context, exten, 2, "", 2},
			spot{context, exten, 0, "named", 3},
			spot{context, exten, 1, "named", 3},
			spot{context, exten, 0, "4", 4},
			spot{context, exten, 1, "4", 4},
		)
	}
	return all
}

// reached waits until a channel has been where it was sent to, which the extension tells.
func (s *S) reached(ch *ari.Channel, p spot) {
	s.Helper()
	context, exten := p.context, p.exten
	if context == "" {
		context = "default"
	}
	if exten == "" {
		exten = "s"
	}
	ev := await(s, ch, func(ev *ari.ChannelUserevent) bool { return ev.EventName == "Place" })
	require.Equal(s, fmt.Sprintf("%s@%s:%d", exten, context, p.at), ev.UserEvent["Where"], "%+v", p)
	s.ok(ch.Stop(s.Ctx))
}

func (s *S) originatedTo(endpoint string) {
	s.Helper()
	for _, p := range append(spots("", extPlaces), spots(contextPlaces, extPlaces, "s")...) {
		id := s.id(fmt.Sprintf("%s-%s-%d-%s", p.context, p.exten, p.priority, p.label))
		ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{
			Endpoint: endpoint, ChannelID: id, Context: p.context, Extension: p.exten, Priority: int64(p.priority), Label: p.label,
		}))(s)
		s.reached(ch, p)
		s.never(ch, "StasisStart")
	}
}

func originatePlaces(s *S) { s.originatedTo(local(extSilent)) }

func originatePlacesPhone(s *S) {
	line := s.Answer(s, Phone{Count: 18})
	s.originatedTo(line.Endpoint())
	s.ok(line.Wait(s.Ctx))
}

// Without an extension, a continued channel stays in its own, or goes to the extension s of the context that is said.
func continuePlaces(s *S) {
	for i, p := range append(spots("", extPlaces), spots(contextPlaces, extPlaces, "")...) {
		ch := s.up(fmt.Sprint(i), extSilent)
		got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
		s.ok(ch.ContinueWith(s.Ctx, ari.ContinueOptions{Context: p.context, Extension: p.exten, Priority: p.priority, Label: p.label}))
		s.reached(ch, p)
	}
	// A place in its own extension, which it came in by: the application is at the first priority.
	for i, p := range []spot{{priority: 3, at: 3}, {label: "named", at: 4}, {priority: 3, label: "named", at: 4}, {label: "5", at: 5}, {at: 2}} {
		first := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{
			Endpoint: "Local/" + extOwnPlaces + s.AppName + "@" + contextPlaces + "/n", ChannelID: s.id(fmt.Sprintf("own-%d", i)), Extension: extSilent,
		}))(s)
		ch := await(s, nil, func(ev *ari.StasisStart) bool { return ev.Channel.ID == first.ID+";2" }).Channel
		got(s.ARI.Application("").Subscribe(s.Ctx, key(ch)))(s)
		p.context, p.exten = contextPlaces, extOwnPlaces+s.AppName
		s.ok(ch.ContinueWith(s.Ctx, ari.ContinueOptions{Priority: p.priority, Label: p.label}))
		s.reached(ch, p)
	}
}
