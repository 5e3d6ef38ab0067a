package conformance

import (
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

var _ = register(
	scenario{name: "variables", run: variables},
	scenario{name: "variables-functions", run: variablesFunctions},
	scenario{name: "variables-long", run: variablesLong, unrecorded: true},
	scenario{name: "variables-many", run: variablesMany, since: "20.20"},
	scenario{name: "variables-reported", run: variablesReported, since: "20.20"},
	scenario{name: "variables-in-events", run: variablesInEvents, needs: []Feature{Own}},
	scenario{name: "bridge-variables", run: bridgeVariables, since: "20.20"},
	scenario{name: "global-variables", run: globalVariables, options: everything, alone: true},
)

func variables(s *S) {
	ch := s.up("a", extSilent)
	values := map[string]string{
		"PLAIN": "value", "SPACES": "  two  words ", "SIGNS": `+&=%?#/;,"'\${}[]()`, "UNICODE": "Grüße ☎ 你好", "EMPTY": "", "LINES": "one\ntwo\ttabs",
	}
	for name, value := range sorted(values) {
		s.ok(ch.SetVariable(s.Ctx, name, value))
		await(s, ch, func(ev *ari.ChannelVarset) bool { return ev.Variable == name && ev.Value == value })
		require.Equal(s, value, got(ch.Variable(s.Ctx, name))(s))
	}
	_, err := ch.Variable(s.Ctx, "MISSING")
	s.refused(err, 404, ari.ErrNotFound)
	_, err = ch.Variable(s.Ctx, "")
	s.unsent(err, ari.ErrInvalid)
	s.unsent(ch.SetVariable(s.Ctx, "", "x"), ari.ErrInvalid)
	_, err = s.ARI.Channel("nobody").Variable(s.Ctx, "PLAIN")
	s.refused(err, 404, ari.ErrNotFound)
	s.refused(s.ARI.Channel("nobody").SetVariable(s.Ctx, "PLAIN", "x"), 404, ari.ErrNotFound)
}

func variablesFunctions(s *S) {
	ch := s.up("a", extSilent)
	require.Equal(s, "Up", got(ch.Variable(s.Ctx, "CHANNEL(state)"))(s))
	require.Equal(s, ch.ID, got(ch.Variable(s.Ctx, "CHANNEL(uniqueid)"))(s))
	s.ok(ch.SetVariable(s.Ctx, "CALLERID(num)", "4711"))
	require.Equal(s, "4711", await(s, ch, func(ev *ari.ChannelCallerID) bool { return ev.Channel.Caller.Number != "" }).Channel.Caller.Number)
	require.Equal(s, "4711", got(ch.Variable(s.Ctx, "CALLERID(num)"))(s))
	_, err := ch.Variable(s.Ctx, "NONSENSE(x)")
	s.refused(err, 500, ari.ErrInternal)
	// A channel's name does as well as its id.
	require.Equal(s, "4711", got(s.ARI.Channel(ch.Name).Variable(s.Ctx, "CALLERID(num)"))(s))
}

// More than a request line can hold.
func variablesLong(s *S) {
	ch := s.up("a", extSilent)
	long := strings.Repeat("+ä, ", 2000)
	s.ok(ch.SetVariable(s.Ctx, "LONG", long))
	await(s, ch, func(ev *ari.ChannelVarset) bool { return ev.Variable == "LONG" })
	require.Equal(s, long, got(ch.Variable(s.Ctx, "LONG"))(s))

	many := make(map[string]string)
	for i := range 200 {
		many[fmt.Sprintf("VARIABLE_%03d", i)] = fmt.Sprintf("value number %d, with a comma", i)
	}
	other := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("b"), Variables: many}))(s)
	await[*ari.StasisStart](s, other)
	for _, name := range []string{"VARIABLE_000", "VARIABLE_199"} {
		require.Equal(s, many[name], got(other.Variable(s.Ctx, name))(s))
	}
	// A body has a limit as well.
	_, err := s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), Variables: map[string]string{"LONG": strings.Repeat("x", 41_000)}})
	require.ErrorIs(s, err, ari.ErrTooLarge)
}

func variablesMany(s *S) {
	ch := s.up("a", extSilent)
	s.ok(ch.SetVariables(s.Ctx, map[string]string{"ONE": "1", "TWO": "two, with a comma"}))
	require.Equal(s, map[string]string{"ONE": "1", "TWO": "two, with a comma"}, got(ch.Variables(s.Ctx, "ONE", "TWO"))(s))
	_, err := ch.Variables(s.Ctx, "ONE", "MISSING")
	s.refused(err, 404, ari.ErrNotFound)
	_, err = ch.Variables(s.Ctx)
	s.unsent(err, ari.ErrInvalid)
	require.Equal(s, map[string]string{"CHANNEL(state)": "Up"}, got(ch.Variables(s.Ctx, "CHANNEL(state)"))(s))
	s.refused(s.ARI.Channel("nobody").SetVariables(s.Ctx, map[string]string{"A": "1"}), 404, ari.ErrNotFound)
}

// Reported variables are part of the channel in all its events from then on.
func variablesReported(s *S) {
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{
		Endpoint: local(extSilent), ChannelID: s.id("a"), Variables: map[string]string{"PLAIN": "1"}, ReportedVariables: map[string]string{"REPORTED": "2"},
	}))(s)
	start := await[*ari.StasisStart](s, ch)
	require.Equal(s, map[string]string{"REPORTED": "2"}, start.Channel.ChannelVars)
	s.ok(ch.SetReportedVariable(s.Ctx, "MORE", "3"))
	s.ok(ch.SetVariables(s.Ctx, map[string]string{"UNREPORTED": "4"}))
	s.ok(ch.SetReportedVariables(s.Ctx, map[string]string{"MOST": "5"}))
	s.ok(ch.Stop(s.Ctx))
	end := await[*ari.StasisEnd](s, ch)
	require.Equal(s, map[string]string{"REPORTED": "2", "MORE": "3", "MOST": "5"}, end.Channel.ChannelVars)
}

func variablesInEvents(s *S) {
	s.moveTo(s.Own(s, Setup{ChannelVars: []string{"COLOUR", "CHANNEL(state)", "MISSING"}}))
	ch := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("a"), Variables: map[string]string{"COLOUR": "blue"}}))(s)
	start := await[*ari.StasisStart](s, ch)
	require.Equal(s, map[string]string{"COLOUR": "blue", "CHANNEL(state)": "Up", "MISSING": ""}, start.Channel.ChannelVars)
}

func bridgeVariables(s *S) {
	long := strings.Repeat("x", 5000)
	b := got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{
		BridgeID: s.id("bridge"), Name: "named", Variables: map[string]string{"PLAIN": "1", "LONG": long}, ReportedVariables: map[string]string{"REPORTED": "2"},
	}))(s)
	require.Equal(s, "named", b.Name)
	require.Equal(s, map[string]string{"REPORTED": "2"}, b.BridgeVars)
	require.Equal(s, long, got(b.Variable(s.Ctx, "LONG"))(s))
	s.ok(b.SetVariable(s.Ctx, "PLAIN", "one, two"))
	require.Equal(s, "one, two", got(b.Variable(s.Ctx, "PLAIN"))(s))
	s.ok(b.SetReportedVariable(s.Ctx, "MORE", "3"))
	s.ok(b.SetVariables(s.Ctx, map[string]string{"A": "4"}))
	s.ok(b.SetReportedVariables(s.Ctx, map[string]string{"B": "5"}))
	require.Equal(s, map[string]string{"A": "4", "B": "5"}, got(b.Variables(s.Ctx, "A", "B"))(s))
	require.Equal(s, map[string]string{"REPORTED": "2", "MORE": "3", "B": "5"}, got(b.Refresh(s.Ctx))(s).BridgeVars)
	_, err := b.Variable(s.Ctx, "MISSING")
	s.refused(err, 404, ari.ErrNotFound)
	_, err = b.Variables(s.Ctx, "A", "MISSING")
	s.refused(err, 404, ari.ErrNotFound)
	nobody := s.ARI.Bridge("nobody")
	_, err = nobody.Variable(s.Ctx, "A")
	s.refused(err, 404, ari.ErrNotFound)
	s.refused(nobody.SetVariable(s.Ctx, "A", "1"), 404, ari.ErrNotFound)
	s.unsent(b.SetVariable(s.Ctx, "", "1"), ari.ErrInvalid)

	ch := s.up("a", extSilent)
	s.ok(b.AddChannel(s.Ctx, ch.ID))
	require.Equal(s, "2", await[*ari.ChannelEnteredBridge](s, b).Bridge.BridgeVars["REPORTED"])
}

// Whoever hears of everything hears of global variables too, as events without a channel.
func globalVariables(s *S) {
	require.Equal(s, "global value", got(s.ARI.GlobalVariable(s.Ctx, globalVariable))(s))
	s.ok(s.ARI.SetGlobalVariable(s.Ctx, "CONFORMANCE", "one, two"))
	ev := await(s, nil, func(ev *ari.ChannelVarset) bool { return ev.Variable == "CONFORMANCE" })
	require.Nil(s, ev.Channel)
	require.Equal(s, "one, two", ev.Value)
	require.Equal(s, "one, two", got(s.ARI.GlobalVariable(s.Ctx, "CONFORMANCE"))(s))
	s.ok(s.ARI.SetGlobalVariable(s.Ctx, "CONFORMANCE", ""))
	_, err := s.ARI.GlobalVariable(s.Ctx, "")
	s.unsent(err, ari.ErrInvalid)
	require.Empty(s, got(s.ARI.GlobalVariable(s.Ctx, "MISSING"))(s))
}
