package aritest_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

var quiet = ari.WithLogger(slog.New(slog.DiscardHandler))

// A client comes back after each way to lose its connection.
func TestDrops(t *testing.T) {
	for name, drop := range map[string]func(*aritest.Server){
		"dropped":          func(srv *aritest.Server) { srv.Faults().DropEvents() },
		"dropped in frame": func(srv *aritest.Server) { srv.Faults().DropEventsInFrame(10); srv.Call("1000") },
		"frozen":           func(srv *aritest.Server) { srv.Faults().FreezeEvents() },
		"restarted":        func(srv *aritest.Server) { srv.Faults().Restart(time.Second) },
		"down and up": func(srv *aritest.Server) {
			srv.Faults().Down()
			time.AfterFunc(3*time.Second, srv.Faults().Up)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := aritest.NewServer(t, aritest.InMemory())
				client := connected(t, srv, quiet, ari.WithKeepalive(10*time.Second, 5*time.Second))
				up := ari.Subscribe[*ari.Connected](client)
				down := ari.Subscribe[*ari.Disconnected](client)
				start := time.Now()
				drop(srv)
				_, err := down.Next(soon(t))
				require.NoError(t, err)
				require.LessOrEqual(t, time.Since(start), 16*time.Second)
				_, err = up.Next(soon(t))
				require.NoError(t, err)
				require.NoError(t, srv.AwaitApp(soon(t), srv.App))
			})
		})
	}
}

// Asterisk turns channels away from an application without a connection. Whoever makes one in a gap hears of that.
func TestExternalMediaInAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		client := connected(t, srv, quiet)
		down := ari.Subscribe[*ari.Disconnected](client)
		media := ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:10000", Format: "ulaw"}
		srv.Faults().DropEvents()
		_, err := down.Next(soon(t))
		require.NoError(t, err)
		synctest.Wait() // Asterisk has noticed too.
		_, err = client.ARI().CreateExternalMedia(soon(t), media)
		require.ErrorIs(t, err, ari.ErrGap)

		ch, err := client.ARI().CreateExternalMedia(soon(t), media)
		require.NoError(t, err)
		require.NoError(t, ch.Stop(soon(t)))
		require.NoError(t, srv.WaitIdle(soon(t)))
	})
}

func TestFreeze(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		l := listen(t, srv, "app=hello")
		srv.Faults().FreezeEvents()
		srv.Call("1000", aritest.WithChannelID("c"))
		time.Sleep(time.Hour)
		require.Empty(t, l.labels())
		srv.Faults().ThawEvents()
		l.await("StasisStart c")
		srv.Faults().SlowEvents(time.Minute)
		start := time.Now()
		srv.Call("1000", aritest.WithChannelID("d"))
		l.await("StasisStart d")
		require.GreaterOrEqual(t, time.Since(start), time.Minute)
		srv.Faults().SlowEvents(0)
	})
}

func TestRequestFaults(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	srv.Faults().FailRequests("POST /bridges", 2, 503)
	status, _, _ := do(t, srv, "POST", "/bridges/a")
	require.Equal(t, 503, status)
	ok(t, srv, "GET", "/bridges")
	status, _, _ = do(t, srv, "POST", "/bridges/a")
	require.Equal(t, 503, status)
	ok(t, srv, "POST", "/bridges/a")
	srv.Faults().DelayRequests("/ping", 1, 50*time.Millisecond)
	start := time.Now()
	ok(t, srv, "GET", "/asterisk/ping")
	require.GreaterOrEqual(t, time.Since(start), 50*time.Millisecond)
	srv.Faults().DropRequests("POST ", 1)
	resp, err := srv.HTTPClient().Do(request(t, srv, "POST", "/bridges/b"))
	require.Error(t, err, "%v", resp)
	require.Len(t, srv.Bridges(), 2, "it was carried out")
	srv.Faults().FailRequests("", -1, 500)
	srv.Faults().Clear()
	ok(t, srv, "GET", "/asterisk/ping")
}

func TestAlteredFrames(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	l := listen(t, srv, "app=hello")
	srv.Faults().Duplicate("StasisStart")
	call := srv.Call("1000", aritest.WithChannelID("c"))
	l.until("it twice", func() bool { return len(l.frames) == 2 })
	require.Equal(t, []string{"StasisStart c", "StasisStart c"}, l.labels())
	srv.Faults().Lose("ChannelHangupRequest")
	call.Hangup()
	l.await("StasisEnd c")
	require.Empty(t, l.only("ChannelHangupRequest"))
	srv.Faults().AddUnknownFields()
	srv.Call("1000", aritest.WithChannelID("d"))
	require.Contains(t, l.await("StasisStart d").raw, "x_unknown")
	srv.Faults().Reorder("e", 1)
	srv.Call("1000", aritest.WithChannelID("e"))
	srv.Call("1000", aritest.WithChannelID("f"))
	l.await("StasisStart e")
	require.Equal(t, []string{"StasisStart f", "StasisStart e"}, l.only("StasisStart")[3:])
	srv.Faults().Clear()
	srv.Faults().SendRaw("hello", []byte("{broken"))
	l.until("the broken frame", func() bool { return l.frames[len(l.frames)-1].raw == "{broken" })
	srv.Faults().SendEvent("hello", "NeverHeardOf", map[string]any{"what": strings.Repeat("x", 1<<20)})
	require.Len(t, l.await("NeverHeardOf").text("what"), 1<<20)
}

func TestTakeOver(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	client := srv.Client(quiet)
	done := make(chan error, 1)
	go func() { done <- client.Run(t.Context()) }()
	require.NoError(t, srv.AwaitApp(soon(t), srv.App))
	srv.Faults().TakeOver(srv.App)
	select {
	case err := <-done:
		require.ErrorIs(t, err, ari.ErrReplaced)
	case <-soon(t).Done():
		require.Fail(t, "the client hasn't noticed")
	}
}

// A second connection takes an application over, and the first one stays open.
func TestReplaced(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	first := listen(t, srv, "app=hello")
	second := listen(t, srv, "app=hello")
	first.await("ApplicationReplaced")
	srv.Call("1000", aritest.WithChannelID("c"))
	second.await("StasisStart c")
	require.Equal(t, []string{"ApplicationReplaced"}, first.labels())
	require.NoError(t, first.ws.Ping(soon(t)))
	// A frame that is too long ends the connection, maybe before all of it is written.
	_ = first.ws.Write(soon(t), websocket.MessageText, make([]byte, 70_000))
	first.until("the end", func() bool { return first.ended })
}

// Who reads too slowly is dropped.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory(), aritest.WithWriteTimeout(100*time.Millisecond))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ws, _, err := websocket.Dial(ctx, srv.URL+"/events?app=hello", &websocket.DialOptions{
			HTTPClient: srv.HTTPClient(), HTTPHeader: basic(srv.Username, srv.Password),
		})
		require.NoError(t, err)
		defer func() { _ = ws.CloseNow() }()
		start := time.Now()
		srv.Call("1000")
		require.NoError(t, srv.Wait(soon(t), func() bool {
			status, _, _ := do(t, srv, "GET", "/asterisk/ping")
			return status == 200 && errors.Is(srv.AwaitApp(expired(), "hello"), context.Canceled)
		}))
		require.GreaterOrEqual(t, time.Since(start), 100*time.Millisecond)
	})
}

// expired is a context that is over.
func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
