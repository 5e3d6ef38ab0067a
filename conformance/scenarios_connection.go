package conformance

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/examples/bridging/bridger"
	"github.com/ari-go/ari/pkg/ari"
)

var _ = register(
	scenario{name: "connection-gap", run: connectionGap, unrecorded: true},
	scenario{name: "program-restarts", run: programRestarts, unrecorded: true},
	scenario{name: "connection-server-stopped", run: func(s *S) { serverGone(s, OwnEnv.Stop) }, needs: []Feature{Own}, unrecorded: true, limit: time.Minute},
	scenario{name: "connection-server-killed", run: func(s *S) { serverGone(s, OwnEnv.Kill) }, needs: []Feature{Own}, unrecorded: true, limit: time.Minute},
	scenario{name: "connection-server-frozen", run: serverFrozen, needs: []Feature{Own}, unrecorded: true, limit: time.Minute},
	scenario{name: "connection-slow-handler", run: slowHandler, needs: []Feature{Own}, unrecorded: true, limit: time.Minute},
	scenario{name: "connection-closed-while-idle", run: closedWhileIdle, needs: []Feature{Own}, unrecorded: true, limit: time.Minute},
	scenario{name: "connection-limit", run: connectionLimit, needs: []Feature{Own}, unrecorded: true, limit: time.Minute},
	scenario{name: "bridging-one-call", run: func(s *S) { bridging(s, 1, 1) }, needs: []Feature{SIP, RTP, Own}, unrecorded: true},
	scenario{name: "bridging-many-calls", run: func(s *S) { bridging(s, 500, 50) }, needs: []Feature{SIP, RTP, Own}, unrecorded: true, limit: 3 * time.Minute, alone: true},
)

// quick reconnects at once.
var quick = ari.WithReconnect(ari.ReconnectOptions{Min: 5 * time.Millisecond, Max: 100 * time.Millisecond})

// clientAt makes and connects a client of the application, with the package's own transport.
func (s *S) clientAt(baseURL, app string, opts ...ari.Option) *App {
	s.Helper()
	server := s.Server()
	defaults := []ari.Option{ari.WithBasicAuth(server.Username, server.Password), quietly, quick, ari.WithEventBuffer(10_000)}
	client, err := ari.NewClient(baseURL, app, append(defaults, opts...)...)
	s.ok(err)
	p := s.listen(client, app, client.Close)
	s.ok(client.Connect(s.Ctx))
	return p
}

// While no program is connected, the dialplan's Stasis() fails and the dialplan goes on. Channels that were in the application before
// stay in it, and a program that is started again is told of them by no event.
func programRestarts(s *S) {
	app := s.AppName + "-again"
	call := func(id string) {
		got(s.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local("app-" + app), ChannelID: s.id(id)}))(s)
	}
	call("early")
	refused := await(s, nil, func(ev *ari.ChannelUserevent) bool { return ev.EventName == "After" })
	require.Equal(s, "FAILED", refused.UserEvent["Status"])

	first := s.connect(app)
	call("a")
	ch := await[*ari.StasisStart](first, nil).Channel
	s.ok(first.Client.Close(s.Ctx))
	second := s.connect(app)
	require.Equal(s, []string{ch.ID}, got(second.ARI.Application("").Refresh(s.Ctx))(s).ChannelIDs)
	s.ok(second.ARI.StopChannel(s.Ctx, ch.ID))
	second.sequence(ch, "StasisEnd")
	second.never(ch, "StasisStart")
}

// lasting registers a handler that lives as long as its call, and returns a function that waits for the cause of the end of one call's context.
func (s *S) lasting(p *App) (ended func(ch *ari.Channel) error) {
	var mu sync.Mutex
	causes := make(map[string]chan error)
	cause := func(id string) chan error {
		mu.Lock()
		defer mu.Unlock()
		if causes[id] == nil {
			causes[id] = make(chan error, 1)
		}
		return causes[id]
	}
	p.Client.OnStasisStart(func(ctx context.Context, ev *ari.StasisStart) error {
		<-ctx.Done()
		cause(ev.Channel.ID) <- context.Cause(ctx)
		return nil
	})
	return func(ch *ari.Channel) error {
		s.Helper()
		select {
		case err := <-cause(ch.ID):
			return err
		case <-s.Ctx.Done():
			require.Fail(s, "the handler's context goes on", "%s", ch.ID)
			return nil
		}
	}
}

// The connection is cut, and some calls end before it is back. Whoever lived by them is told; the others go on.
func connectionGap(s *S) {
	cut, url := s.proxied()
	p := s.clientAt(url, s.AppName+"-gap")
	ended := s.lasting(p)
	lamp := s.ARI.DeviceState("Stasis:" + s.id("lamp"))
	make1 := func(suffix string) *ari.Channel {
		ch := got(p.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id(suffix)}))(s)
		await[*ari.StasisStart](p, ch)
		return ch
	}
	dies, lives := make1("dies"), make1("lives")
	b := got(p.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: s.id("bridge")}))(s)
	got(p.ARI.Application("").Subscribe(s.Ctx, key(lamp), key(b)))(s)
	got(p.ARI.Application("").Filter(s.Ctx, ari.EventFilter{Disallowed: []string{"ChannelVarset"}}))(s)
	playback := got(dies.Play(s.Ctx, s.Server().Tone))(s)
	await[*ari.PlaybackStarted](p, playback)
	onBridge := ari.Subscribe[*ari.ChannelEnteredBridge](b)
	onLives := ari.Subscribe[*ari.ChannelHangupRequest](lives)

	cut.sever(true)
	await[*ari.Disconnected](p, nil)
	s.ok(s.ARI.StopChannel(s.Ctx, dies.ID))
	s.ok(s.ARI.StopBridge(s.Ctx, b.ID))
	s.ok(gone(s.Ctx, s.ARI, made{"channel", dies.ID}))
	s.ok(gone(s.Ctx, s.ARI, made{"bridge", b.ID}))
	require.False(s, p.Client.Stats().Connected)
	cut.sever(false)

	connected := await(p, nil, func(ev *ari.Connected) bool { return ev.Resumed })
	require.Equal(s, []string{dies.ID}, connected.Ended)
	require.Positive(s, connected.Gap)
	require.ErrorIs(s, ended(dies), ari.ErrGap)
	end := await[*ari.StasisEnd](p, dies)
	require.True(s, end.Synthetic())
	require.ErrorIs(s, playback.Wait(s.Ctx), ari.ErrGap)
	_, err := dies.WaitEnd(s.Ctx)
	require.ErrorIs(s, err, ari.ErrGap)
	_, err = onBridge.Next(s.Ctx)
	require.ErrorIs(s, err, ari.ErrGap)

	// What was subscribed to and filtered still is.
	s.ok(lives.SetVariable(s.Ctx, "COLOUR", "blue"))
	s.ok(lamp.Update(s.Ctx, ari.DeviceStateValueINUSE))
	await[*ari.DeviceStateChanged](p, lamp)
	s.ok(lamp.Delete(s.Ctx))
	s.ok(lives.Stop(s.Ctx))
	got(onLives.Next(s.Ctx))(s)
	require.ErrorIs(s, ended(lives), ari.ErrEnded)
	p.never(lives, "ChannelVarset COLOUR=blue")
	require.EqualValues(s, 2, p.Client.Stats().Connections)
}

// The server goes, in good order or not, and comes back with nothing.
func serverGone(s *S, leave func(OwnEnv) error) {
	env := s.Own(s, Setup{})
	s.moveTo(env)
	p := s.clientAt(env.Server().URL, s.AppName+"-gone")
	ended := s.lasting(p)
	ch := got(p.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("a")}))(s)
	await[*ari.StasisStart](p, ch)
	all := ari.Subscribe[ari.Event](ch)
	s.ok(leave(env))
	await[*ari.Disconnected](p, nil)
	_, err := p.ARI.Channels(s.Ctx)
	require.Error(s, err)
	s.ok(env.Restart(s.Ctx))
	await(p, nil, func(ev *ari.Connected) bool { return ev.Resumed })
	cause := ended(ch)
	var end *ari.EndError
	require.ErrorAs(s, cause, &end)
	for {
		if _, err = all.Next(s.Ctx); err != nil {
			break
		}
	}
	require.ErrorAs(s, err, &end)
	if _, err = ch.WaitEnd(s.Ctx); err != nil {
		require.ErrorIs(s, err, ari.ErrGap)
	}

	ch = got(p.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("b")}))(s)
	await[*ari.StasisStart](p, ch)
	s.ok(ch.Stop(s.Ctx))
	require.ErrorIs(s, ended(ch), ari.ErrEnded)
}

// The server stands still, and the connection with it. Nothing is lost when it goes on.
func serverFrozen(s *S) {
	env := s.Own(s, Setup{})
	s.moveTo(env)
	p := s.clientAt(env.Server().URL, s.AppName+"-frozen", ari.WithKeepalive(200*time.Millisecond, time.Second))
	ended := s.lasting(p)
	ch := got(p.ARI.Originate(s.Ctx, ari.OriginateOptions{Endpoint: local(extSilent), ChannelID: s.id("a")}))(s)
	await[*ari.StasisStart](p, ch)
	s.ok(env.Freeze())
	frozen := time.Now()
	down := await[*ari.Disconnected](p, nil)
	require.Less(s, time.Since(frozen), 5*time.Second)
	require.Error(s, down.Err)
	s.ok(env.Thaw())
	connected := await(p, nil, func(ev *ari.Connected) bool { return ev.Resumed })
	require.Empty(s, connected.Ended)
	require.Equal(s, ari.ChannelStateUp, got(ch.Refresh(s.Ctx))(s).State)
	s.ok(ch.Stop(s.Ctx))
	require.ErrorIs(s, ended(ch), ari.ErrEnded)
	p.sequence(ch, "StasisStart", "StasisEnd")
}

// Handlers that don't come to an end don't stop the reading, however much is sent.
func slowHandler(s *S) {
	const events, senders = 4000, 8
	env := s.Own(s, Setup{})
	s.moveTo(env)
	var overflows atomic.Int64
	p := s.clientAt(env.Server().URL, s.AppName+"-slow", ari.WithEventBuffer(100), ari.WithErrorHandler(func(context.Context, error) { overflows.Add(1) }))
	release := make(chan struct{})
	var handled atomic.Int64
	ari.On(p.Client, func(context.Context, *ari.ChannelUserevent) error {
		<-release
		handled.Add(1)
		return nil
	})
	long := strings.Repeat("x", 3000)
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	for range senders {
		wg.Go(func() {
			for range events / senders {
				if err := s.ARI.SendUserEvent(s.Ctx, "Long", ari.UserEventOptions{Application: p.AppName, Variables: map[string]any{"long": long}}); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		s.ok(*err)
	}
	s.ok(s.ARI.SendUserEvent(s.Ctx, "Last", ari.UserEventOptions{Application: p.AppName}))
	s.ok(p.frames(s.Ctx, events))
	stats := p.Client.Stats()
	require.True(s, stats.Connected)
	require.EqualValues(s, 1, stats.Connections)
	require.Positive(s, stats.Lost)
	require.Positive(s, overflows.Load())
	require.Less(s, stats.Waiting, events)
	close(release)
	p.never(nil, "Disconnected")
}

// frames waits until the client has read so many messages. No event tells of that.
func (p *App) frames(ctx context.Context, n uint64) error {
	for p.Client.Stats().Frames < n {
		if err := pause(ctx); err != nil {
			return fmt.Errorf("%d messages were read: %w", p.Client.Stats().Frames, err)
		}
	}
	return nil
}

// The server closes a connection just when it is used again. Nobody notices.
func closedWhileIdle(s *S) {
	const keepAlive, users, rounds = 100 * time.Millisecond, 8, 40
	env := s.Own(s, Setup{KeepAlive: keepAlive})
	server := env.Server()
	c, err := ari.NewController(server.URL, ari.WithBasicAuth(server.Username, server.Password))
	s.ok(err)
	var wg sync.WaitGroup
	errs := make(chan error, users*rounds)
	for user := range users {
		wg.Go(func() {
			ticker := time.NewTicker(keepAlive + time.Duration(user-users/2)*time.Millisecond)
			defer ticker.Stop()
			for range rounds {
				// Each request comes at about the time at which the server closes the connection.
				<-ticker.C
				if _, err := c.Ping(s.Ctx); err != nil {
					errs <- err
				}
				if err := c.StopChannel(s.Ctx, "nobody"); !isStatus(err, http.StatusNotFound) {
					errs <- err
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		s.Errorf("it surfaced: %v", err)
	}
}

func isStatus(err error, status int) bool {
	var e *ari.Error
	return asError(err, &e) && e.StatusCode == status
}

// More commands at once than the server has connections for are sent one after the other.
func connectionLimit(s *S) {
	const commands = 300
	env := s.Own(s, Setup{})
	s.moveTo(env)
	p := s.clientAt(env.Server().URL, s.AppName+"-limit")
	var wg sync.WaitGroup
	errs := make(chan error, commands)
	for i := range commands {
		wg.Go(func() {
			_, err := p.ARI.CreateBridge(s.Ctx, ari.CreateBridgeOptions{BridgeID: s.id(fmt.Sprint(i))})
			errs <- err
		})
	}
	wg.Wait()
	for range commands {
		s.ok(<-errs)
	}
	require.Len(s, got(p.ARI.Bridges(s.Ctx))(s), commands)
	for i := range commands {
		wg.Go(func() { errs <- p.ARI.StopBridge(s.Ctx, s.id(fmt.Sprint(i))) })
	}
	wg.Wait()
	for range commands {
		s.ok(<-errs)
	}
}

// The example gives each call a bridge and external media, and leaves nothing behind.
func bridging(s *S, calls, atOnce int) {
	s.moveTo(s.Own(s, Setup{}))
	media := s.Media(s)
	var log logged
	p := s.clientAt(s.Server().URL, s.AppName+"-example", ari.WithLogger(slog.New(&log)))
	var answered atomic.Int64
	app := &bridger.App{
		Media: ari.ExternalMediaOptions{ExternalHost: media.Addr(), Format: "ulaw"},
		Report: func(_ *ari.Channel, what string) {
			if what == "answered" {
				answered.Add(1)
			}
		},
	}
	p.Client.OnCall(app.Serve)
	line := s.Place(s, Call{To: "app-" + p.AppName, Count: calls, AtOnce: atOnce, Stay: 2 * time.Second, Sound: calls == 1})
	if calls == 1 {
		s.ok(media.HearSound(s.Ctx))
		s.ok(media.Speak(s.Ctx))
		s.ok(got(line.Party(s.Ctx, 0))(s).HearSound(s.Ctx))
	}
	s.ok(line.Wait(s.Ctx))
	ctx, cancel := context.WithTimeout(s.Ctx, awaitTime)
	defer cancel()
	for stats := p.Client.Stats(); stats.Calls+stats.Running > 0; stats = p.Client.Stats() {
		require.NoError(s, pause(ctx), "%d calls are left, %d handlers run", stats.Calls, stats.Running)
	}
	require.EqualValues(s, calls, answered.Load())
	s.ok(p.Client.Close(s.Ctx))
	nothingLeft(s.T, s.Env)
	stats := p.Client.Stats()
	require.Zero(s, stats.Failed)
	require.Zero(s, stats.Lost)
	require.Zero(s, stats.BadFrames)
	require.Zero(s, stats.Calls)
	require.Zero(s, stats.Listeners, "listeners")
	require.Empty(s, log.errors(), "nothing is logged as an error")
}

// logged is a log whose warnings and errors are kept.
type logged struct {
	mu    sync.Mutex
	lines []string
}

// Enabled leaves out what is of no importance.
func (*logged) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle keeps a record.
func (l *logged) Handle(_ context.Context, r slog.Record) error {
	text := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, text)
	return nil
}

// WithAttrs and WithGroup change nothing.
func (l *logged) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup changes nothing.
func (l *logged) WithGroup(string) slog.Handler { return l }

func (l *logged) errors() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines
}
