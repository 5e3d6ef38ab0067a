package conformance

import (
	"context"
	"net/http"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// A client's life over its Asterisks: several of them, what an earlier run has left, and its end.
var _ = register(
	scenario{name: "sessions-of-two-endpoints", run: twoEndpoints, needs: []Feature{Own}, unrecorded: true, limit: 2 * time.Minute},
	scenario{name: "sweep-after-a-killed-run", run: sweepAfterKilledRun, unrecorded: true},
	scenario{name: "drain", run: drain, options: everything, unrecorded: true},
)

// at is a condition: an event of this controller's Asterisk.
func at[E ari.Event](c *ari.Controller) func(E) bool {
	return func(ev E) bool { return ev.Header().Controller() == c }
}

// One client has two Asterisks, whose channels have the same ids.
func twoEndpoints(s *S) {
	env := s.Own(s, Setup{})
	cut, url := s.proxied()
	p := s.clientAt(url, s.AppName+"-both")
	first := p.ARI
	second := got(p.Client.Add(env.Server().URL, p.AppName, ari.WithBasicAuth(env.Server().Username, env.Server().Password), quick))(s)
	s.ok(p.Client.Connect(s.Ctx))
	require.Equal(s, []*ari.Controller{first, second}, p.Client.Controllers())

	causes := map[*ari.Controller]chan error{first: make(chan error, 1), second: make(chan error, 1)}
	p.Client.OnStasisStart(func(ctx context.Context, ev *ari.StasisStart) error {
		<-ctx.Done()
		causes[ev.Controller()] <- context.Cause(ctx)
		return nil
	})
	channels := make(map[*ari.Controller]*ari.Channel)
	variables := make(map[*ari.Controller]*ari.Subscription[*ari.ChannelVarset])
	for _, c := range p.Client.Controllers() {
		ch := got(c.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("same")}))(s)
		require.Same(s, c, ch.Controller())
		start := await(p, ch, at[*ari.StasisStart](c))
		require.Same(s, c, start.Channel.Controller())
		channels[c] = start.Channel
		variables[c] = ari.Subscribe[*ari.ChannelVarset](start.Channel)
	}
	s.ok(channels[first].SetVariable(s.Ctx, "WHERE", "first"))
	s.ok(channels[second].SetVariable(s.Ctx, "WHERE", "second"))
	for c, where := range map[*ari.Controller]string{first: "first", second: "second"} {
		for {
			ev := got(variables[c].Next(s.Ctx))(s)
			require.Same(s, c, ev.Controller())
			if ev.Variable == "WHERE" {
				require.Equal(s, where, ev.Value)
				break
			}
		}
	}

	// One of them is away for a while, and its call ends. The other one doesn't notice.
	cut.sever(true)
	await(p, nil, at[*ari.Disconnected](first))
	s.ok(s.ARI.StopChannel(s.Ctx, channels[first].ID))
	s.ok(gone(s.Ctx, s.ARI, made{"channel", channels[first].ID}))
	s.ok(second.WaitConnected(s.Ctx))
	require.Equal(s, ari.ChannelStateUp, got(channels[second].Refresh(s.Ctx))(s).State)
	cut.sever(false)
	connected := await(p, nil, at[*ari.Connected](first), func(ev *ari.Connected) bool { return ev.Resumed })
	require.Equal(s, []string{channels[first].ID}, connected.Ended)
	require.ErrorIs(s, <-causes[first], ari.ErrGap)
	require.Empty(s, causes[second])
	require.NoError(s, variables[second].Err())

	// A third one doesn't let the client in. The others go on.
	third := got(p.Client.Add(env.Server().URL, p.AppName+"-third", ari.WithBasicAuth(env.Server().Username, "wrong")))(s)
	s.refused(p.Client.Connect(s.Ctx), http.StatusUnauthorized, ari.ErrUnauthorized)
	s.ok(second.WaitConnected(s.Ctx))
	s.ok(p.Client.Remove(third))
	s.ok(p.Client.WaitConnected(s.Ctx))

	// What is taken away ends here, not there.
	s.ok(p.Client.Remove(second))
	require.ErrorIs(s, <-causes[second], ari.ErrClosed)
	require.ErrorIs(s, variables[second].AwaitEnd(s.Ctx), ari.ErrClosed)
	require.Equal(s, ari.ChannelStateUp, got(channels[second].Refresh(s.Ctx))(s).State)
	s.ok(p.Client.Close(s.Ctx))
	s.ok(channels[second].Stop(s.Ctx))
}

// What an earlier run of the program has made and left is ended, and nothing else.
func sweepAfterKilledRun(s *S) {
	killed := s.connect(s.AppName + "-run")
	left := got(killed.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent)}))(s)
	s.ok(left.WaitAnswered(s.Ctx))
	leftBridge := got(killed.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{}))(s)
	named := got(killed.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("named")}))(s)
	others := got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{}))(s)
	othersChannel := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent)}))(s)
	caller := got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{
		Endpoint: local("app-" + killed.AppName), ChannelID: s.id("caller"), Extension: extSilent,
	}))(s)
	// A channel that would enter after the connection has ended is turned away by Asterisk.
	s.ok(named.WaitAnswered(s.Ctx))
	await(killed, nil, func(ev *ari.StasisStart) bool { return ev.Channel.ID == caller.ID+";2" })
	s.ok(othersChannel.WaitAnswered(s.Ctx))
	s.ok(killed.Client.Close(s.Ctx))

	again := s.connect(killed.AppName, ari.WithSweep(), ari.WithAdoption())
	for _, m := range []made{{"channel", left.ID}, {"bridge", leftBridge.ID}} {
		s.ok(gone(s.Ctx, s.ARI, m))
	}
	for _, id := range []string{named.ID, othersChannel.ID, caller.ID + ";2"} {
		got(s.ARI.Channel(id).Refresh(s.Ctx))(s)
	}
	got(others.Refresh(s.Ctx))(s)
	adopted := await(again, nil, func(ev *ari.StasisStart) bool { return ev.Channel.ID == caller.ID+";2" })
	require.True(s, adopted.Synthetic())
	again.never(left, "StasisStart")
	s.ok(others.Stop(s.Ctx))
}

// A client that drains lets its calls finish, and new ones go on in the dialplan.
func drain(s *S) {
	p := s.connect(s.AppName + "-drain")
	begun, goOn := make(chan struct{}), make(chan struct{})
	p.Client.OnCall(func(ctx context.Context, _ *ari.StasisStart) error {
		close(begun) // A second call would be a fault, and panic here.
		<-ctx.Done()
		<-goOn
		return nil
	})
	call := func(suffix string) *ari.Channel {
		return got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{
			Endpoint: local("app-" + p.AppName), ChannelID: s.id(suffix), Extension: extSilent,
		}))(s)
	}
	first := call("first")
	<-begun
	hurry, cancel := context.WithTimeout(s.Ctx, 10*time.Millisecond)
	defer cancel()
	err := p.Client.Drain(hurry)
	require.ErrorIs(s, err, context.DeadlineExceeded)

	drained := make(chan error, 1)
	go func() { drained <- p.Client.Drain(s.Ctx) }()
	for _, suffix := range []string{"second", "third"} {
		late := call(suffix)
		after := await(s, "channel:"+late.ID+";2", func(ev *ari.ChannelUserevent) bool { return ev.EventName == "After" })
		require.Equal(s, "SUCCESS", after.UserEvent["Status"])
	}
	require.Empty(s, drained)
	s.ok(first.Stop(s.Ctx))
	await[*ari.StasisEnd](p, "channel:"+first.ID+";2")
	require.Empty(s, drained, "a handler still runs")
	close(goOn)
	s.ok(<-drained)
	s.ok(p.Client.Err())
}
