package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// What callers and programs live through while a connection is half open, cut again and again, or leads to an Asterisk that
// stands still.
var _ = register(
	scenario{name: "gap-left-and-returned", run: gapLeftAndReturned, unrecorded: true, limit: time.Minute},
	scenario{name: "gap-moved-to-the-other-application", run: gapMoved, unrecorded: true, limit: time.Minute},
	scenario{name: "frozen-commands-end", run: frozenCommandsEnd, needs: []Feature{Own}, unrecorded: true, limit: time.Minute},
	scenario{name: "frozen-originate-is-taken-back", run: frozenOriginate, needs: []Feature{Own}, unrecorded: true, limit: time.Minute},
	scenario{name: "connection-dropped-again-and-again", run: droppedAgain, unrecorded: true, limit: 2 * time.Minute},
	scenario{name: "originate-answered-is-ready", run: answeredIsReady, unrecorded: true},
	scenario{name: "playback-of-no-number-ends", run: playbackOfNoNumberEnds, unrecorded: true},
	scenario{name: "leave-with-the-handlers-context", run: leaveWithHandlersContext, unrecorded: true, limit: time.Minute},
)

// impatient finds a half-open connection soon.
var impatient = ari.WithKeepalive(200*time.Millisecond, time.Second)

// resumed waits until the client is connected again.
func resumed(p *App) *ari.Connected {
	p.s.Helper()
	return await(p, nil, func(ev *ari.Connected) bool { return ev.Resumed })
}

// A channel leaves for the dialplan and comes back while nobody hears of it. That is another call: the old one's handler is
// told, and a new one begins, so that nobody stays in silence.
func gapLeftAndReturned(s *S) {
	for name, opts := range map[string][]ari.Option{
		"originated":    nil,
		"subscriptions": {ari.WithSubscriptions("channel:")},
	} {
		cut, url := s.proxied()
		p := s.clientAt(url, s.AppName+"-"+name, append(opts, impatient)...)
		ended := s.lasting(p)
		ch := got(p.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id(name)}))(s)
		await[*ari.StasisStart](p, ch)

		cut.stall()
		s.ok(s.ARI.Channel(ch.ID).ContinueWith(s.Ctx, ari.ContinueOptions{Context: "default", Extension: "args-" + p.AppName, Priority: 1}))
		s.returned(ch.ID, "args-"+p.AppName)
		await[*ari.Disconnected](p, nil)

		connected := resumed(p)
		require.Equal(s, []string{ch.ID}, connected.Ended)
		require.Equal(s, []string{ch.ID}, connected.Entered)
		require.ErrorIs(s, ended(ch), ari.ErrGap)
		again := await[*ari.StasisStart](p, ch)
		require.True(s, again.Synthetic())
		require.Equal(s, []string{"one", "two three", "4"}, again.Args)
		s.ok(again.Channel.Stop(s.Ctx))
		require.ErrorIs(s, ended(ch), ari.ErrEnded)
		p.sequence(ch, "StasisStart", "StasisEnd", "StasisStart", "StasisEnd")
	}
}

// returned waits until a channel is in Stasis again, by an extension.
func (s *S) returned(id, extension string) {
	s.Helper()
	for {
		ch := got(s.ARI.Channel(id).Refresh(s.Ctx))(s)
		if ch.Dialplan.AppName == "Stasis" && ch.Dialplan.Exten == extension {
			return
		}
		s.ok(pause(s.Ctx))
	}
}

// A channel that was in one of the client's applications is in the other one after the gap.
func gapMoved(s *S) {
	cut, url := s.proxied()
	first, second := s.AppName+"-a", s.AppName+"-b"
	p := s.clientAt(url, first, impatient, ari.WithApplications(second))
	ended := s.lasting(p)
	ch := got(p.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("a")}))(s)
	// It has been in the second one before.
	require.Equal(s, first, await[*ari.StasisStart](p, ch).Application)
	for _, app := range []string{second, first} {
		s.ok(ch.Move(s.Ctx, app))
		require.Equal(s, app, await[*ari.StasisStart](p, ch).Application)
		require.ErrorIs(s, ended(ch), ari.ErrLeftStasis)
	}

	cut.stall()
	s.ok(s.ARI.Channel(ch.ID).Move(s.Ctx, second))
	for !slices.Contains(got(s.ARI.Application(second).Refresh(s.Ctx))(s).ChannelIDs, ch.ID) {
		s.ok(pause(s.Ctx))
	}
	await[*ari.Disconnected](p, nil)
	resumed(p)
	require.ErrorIs(s, ended(ch), ari.ErrGap)
	again := await[*ari.StasisStart](p, ch)
	require.Equal(s, second, again.Application)
	s.ok(again.Channel.Stop(s.Ctx))
	require.ErrorIs(s, ended(ch), ari.ErrEnded)
}

// Whoever waits for an Asterisk that stands still is told, a handler's clean-up doesn't hang, and when it goes on all is as
// before.
func frozenCommandsEnd(s *S) {
	env := s.Own(s, Setup{})
	s.moveTo(env)
	p := s.clientAt(env.Server().URL, s.AppName+"-frozen", impatient)
	ch := got(p.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("a")}))(s)
	s.ok(ch.WaitAnswered(s.Ctx))
	b := got(p.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: s.id("b")}))(s)
	s.ok(env.Freeze())
	commands := []func() error{
		func() error { return ch.Ring(s.Ctx) },
		func() error { return ch.Stop(s.Ctx) },
		func() error { return b.AddChannel(s.Ctx, ch.ID) },
		func() error { _, err := ch.Play(s.Ctx, s.Server().Tone); return err },
		func() error { _, err := p.ARI.Channels(s.Ctx); return err },
		func() error { return b.Stop(ari.Cleanup(s.Ctx)) },
	}
	errs := make(chan error, len(commands))
	for _, do := range commands {
		go func() { errs <- do() }()
	}
	for range commands {
		err := <-errs
		require.ErrorIs(s, err, ari.ErrConnection)
		require.NoError(s, s.Ctx.Err())
	}
	await[*ari.Disconnected](p, nil)
	// While that is known, nobody waits.
	for _, do := range commands {
		require.ErrorIs(s, do(), ari.ErrConnection)
	}
	hurry, cancel := context.WithTimeout(s.Ctx, 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(s, p.Client.WaitConnected(hurry), context.DeadlineExceeded)
	s.ok(env.Thaw())
	s.ok(p.Client.WaitConnected(s.Ctx))
	// What Asterisk had read already, it carries out now.
	again := got(p.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("again")}))(s)
	s.ok(again.WaitAnswered(s.Ctx))
	s.ok(again.Stop(s.Ctx))
	_ = got(again.WaitEnd(s.Ctx))(s)
}

// What an Asterisk that stands still is told to make, it makes when it goes on, although its program has got an error long
// ago. Nobody's telephone may ring then.
func frozenOriginate(s *S) {
	const calls, late = 5, 8 * time.Second // A second look comes after four.
	env := s.Own(s, Setup{})
	s.moveTo(env)
	p := s.clientAt(env.Server().URL, s.AppName+"-frozen", impatient)
	_ = got(p.ARI.Channels(s.Ctx))(s) // so that there is a connection, to which Asterisk listens
	s.ok(env.Freeze())
	errs := make(chan error, calls)
	for range calls {
		go func() {
			_, err := p.ARI.Call(s.Ctx, ari.CallOptions{Endpoint: local(extRings), Timeout: -1})
			errs <- err
		}()
	}
	for range calls {
		require.ErrorIs(s, <-errs, ari.ErrConnection)
	}
	s.ok(env.Thaw())
	s.ok(p.Client.WaitConnected(s.Ctx))
	quiet := time.NewTimer(late)
	select {
	case <-quiet.C:
	case <-s.Ctx.Done():
	}
	require.Empty(s, got(p.ARI.Channels(s.Ctx))(s))
}

// A connection that is lost again and again, each time after some seconds of health, is made again as soon as the first
// time.
func droppedAgain(s *S) {
	const health, patience = 2 * time.Second, 4 * time.Second
	cut, url := s.proxied()
	p := s.clientAt(url, s.AppName+"-drops", ari.WithReconnect(ari.ReconnectOptions{Max: time.Minute, Factor: 8}))
	for range 5 {
		healthy := time.NewTimer(health)
		select {
		case <-healthy.C:
		case <-s.Ctx.Done():
		}
		cut.sever(true)
		await[*ari.Disconnected](p, nil)
		cut.sever(false)
		back := time.Now()
		resumed(p)
		require.Less(s, time.Since(back), patience)
	}
}

// A channel that was originated into the application can be used as soon as it is said to be answered.
func answeredIsReady(s *S) {
	const calls, rounds = 5, 10
	b := got(s.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: s.id("bridge")}))(s)
	var wg sync.WaitGroup
	errs := make(chan error, calls*rounds)
	for i := range calls {
		wg.Go(func() {
			for n := range rounds {
				errs <- s.useOnceAnswered(b, s.id(fmt.Sprintf("%d-%d", i, n)), n%2 == 0)
			}
		})
	}
	wg.Wait()
	for range calls * rounds {
		s.ok(<-errs)
	}
}

func (s *S) useOnceAnswered(b *ari.Bridge, id string, bridged bool) error {
	ch, err := s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: id})
	if err != nil {
		return err
	}
	if err := ch.WaitAnswered(s.Ctx); err != nil {
		return err
	}
	if bridged {
		err = b.AddChannel(s.Ctx, ch.ID)
	} else {
		_, err = ch.Play(s.Ctx, "sound:digits/1")
	}
	return errors.Join(err, ch.Stop(s.Ctx))
}

// Asterisk never tells of the end of what can't be said. Whoever waits for it isn't left waiting.
func playbackOfNoNumberEnds(s *S) {
	ch := s.up("a", extSilent)
	for _, media := range [][]string{{"number:"}, {"number:many"}, {"sound:digits/1", "number:many"}} {
		pb := got(ch.Play(s.Ctx, media...))(s)
		require.ErrorIs(s, pb.Wait(s.Ctx), ari.ErrPlaybackFailed, "%s", media)
	}
	// What comes after it in a list is played, and its end told.
	s.ok(got(ch.Play(s.Ctx, "number:many", "sound:digits/1"))(s).Wait(s.Ctx))
	s.ok(ch.Stop(s.Ctx))
}

// A handler that lets its own channel go is not told that this has failed, although its context ends with it.
func leaveWithHandlersContext(s *S) {
	const calls = 30
	other := s.connect(s.AppName + "-other")
	for name, leave := range map[string]func(context.Context, *ari.Channel) error{
		"continue": func(ctx context.Context, ch *ari.Channel) error {
			return ch.ContinueWith(ctx, ari.ContinueOptions{Context: "default", Extension: extSilent})
		},
		"move": func(ctx context.Context, ch *ari.Channel) error { return ch.Move(ctx, other.AppName) },
		"stop": func(ctx context.Context, ch *ari.Channel) error { return ch.Stop(ctx) },
	} {
		errs := make(chan error, calls)
		stop := s.Client.OnStasisStart(func(ctx context.Context, ev *ari.StasisStart) error {
			errs <- leave(ctx, ev.Channel)
			return nil
		})
		var channels []*ari.Channel
		for i := range calls {
			id := s.id(fmt.Sprintf("%s-%d", name, i))
			channels = append(channels, got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: id}))(s))
		}
		for range calls {
			select {
			case err := <-errs:
				require.NoError(s, err, name)
			case <-s.Ctx.Done():
				require.Fail(s, "a handler hasn't returned", name)
			}
		}
		stop()
		for _, ch := range channels {
			if err := ch.Stop(s.Ctx); !errors.Is(err, ari.ErrNotFound) {
				s.ok(err)
			}
		}
	}
}
