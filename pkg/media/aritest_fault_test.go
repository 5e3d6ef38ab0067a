package media_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/media"
)

// Audio that comes late, in pieces, jittering, or is lost in part, still comes: to whom, and how much of it, is told.
func TestSimulatedFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults aritest.MediaFaults
		least  int // of a second's 8,000 samples that are heard again
	}{
		"late start":  {aritest.MediaFaults{Late: 3 * time.Second}, 8000},
		"jitter":      {aritest.MediaFaults{Jitter: 15 * time.Millisecond}, 8000},
		"short reads": {aritest.MediaFaults{Piece: 7}, 8000},
		"loss":        {aritest.MediaFaults{Loss: 0.05}, 6500},
		"slow reader": {aritest.MediaFaults{Slow: 2 * time.Millisecond}, 8000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := loudNoise(1, 8000)
			for _, transport := range []media.Transport{media.WebSocket, media.AudioSocket, media.RTP} {
				t.Run(string(transport), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						srv := aritest.NewServer(t, aritest.InMemory())
						srv.Faults().Media(c.faults)
						client := srv.Client()
						client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
							defer ev.Channel.Stop(ari.Cleanup(ctx))
							if err := ev.Channel.Answer(ctx); err != nil {
								return err
							}
							s, err := media.Open(ctx, ev.Channel, media.Options{Transport: transport, Rate: 8000, Format: "slin"})
							if err != nil {
								return err
							}
							defer s.Close()
							return echo(ctx, s)
						})
						require.NoError(t, client.Connect(t.Context()))
						call := srv.Call("1000", aritest.WithCodec("slin"))
						require.NoError(t, call.WaitBridged(t.Context(), 2))
						ear := call.Listen()
						time.Sleep(time.Second)
						call.Say(8000, said)
						require.NoError(t, call.WaitSaid(t.Context()))
						time.Sleep(2 * time.Second)
						loud := 0
						for _, x := range ear.Samples() {
							if x != 0 {
								loud++
							}
						}
						assert.GreaterOrEqual(t, loud, c.least)
						call.Hangup()
						require.NoError(t, srv.WaitIdle(t.Context()))
					})
				})
			}
		})
	}
}

// opened is a call whose stream is to be opened by a test.
func opened(t *testing.T, srv *aritest.Server) *ari.Channel {
	t.Helper()
	calls := make(chan *ari.Channel, 1)
	client := srv.Client()
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		if err := ev.Channel.Answer(ctx); err != nil {
			return err
		}
		calls <- ev.Channel
		<-ctx.Done()
		return nil
	})
	require.NoError(t, client.Connect(t.Context()))
	srv.Call("1000")
	return <-calls
}

// Nobody connects: Open gives up, says why, and leaves nothing.
func TestSimulatedAbsence(t *testing.T) {
	t.Parallel()
	for _, transport := range []media.Transport{media.WebSocket, media.AudioSocket} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := aritest.NewServer(t, aritest.InMemory())
				srv.Faults().Media(aritest.MediaFaults{Absent: true})
				ch := opened(t, srv)
				_, err := media.Open(t.Context(), ch, media.Options{Transport: transport})
				require.Error(t, err)
				require.NoError(t, srv.Wait(t.Context(), func() bool { return len(srv.Channels()) == 1 && len(srv.Bridges()) == 0 }))
			})
		})
	}
}

// A channel to which nobody connects ends after half a minute.
func TestSimulatedTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		client := srv.Client()
		require.NoError(t, client.Connect(t.Context()))
		ch, err := client.ARI().CreateExternalMedia(t.Context(), ari.ExternalMediaOptions{
			Format: "slin", Transport: ari.TransportWebsocket, Encapsulation: ari.EncapsulationNone, ConnectionType: ari.ConnectionTypeServer,
		})
		require.NoError(t, err)
		began := time.Now()
		end, err := ch.WaitEnd(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 30*time.Second, time.Since(began).Round(time.Second))
		assert.Equal(t, 19, end.Cause)
	})
}

// An AudioSocket program that says nothing brings Asterisk to a standstill; a stream of this package never does, since it sends silence.
func TestSimulatedFreeze(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		srv.Faults().Media(aritest.MediaFaults{AudioSocketFreeze: true})
		ch := opened(t, srv)
		ctrl := ch.Controller()
		s, err := media.Open(t.Context(), ch, media.Options{Transport: media.AudioSocket})
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		bridge := func(ctx context.Context) error {
			_, err := ctrl.CreateExternalMedia(ctx, ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "ulaw"})
			return err
		}
		require.NoError(t, bridge(t.Context()))
		require.NoError(t, s.Close())

		// Somebody else's program is mute.
		listener, err := srv.Network().Listen(t.Context(), "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { _ = listener.Close() }()
		conns := make(chan net.Conn, 1)
		go func() {
			conn, err := listener.Accept()
			if err == nil {
				conns <- conn
				_, _ = conn.Read(make([]byte, 19))
			}
		}()
		mute, err := ctrl.CreateExternalMedia(t.Context(), ari.ExternalMediaOptions{
			ExternalHost: listener.Addr().String(), Format: "slin", Data: "40325ec2-5efd-4bd3-805f-53576e581d13",
			Transport: ari.TransportTCP, Encapsulation: ari.EncapsulationAudiosocket,
		})
		require.NoError(t, err)
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.ErrorIs(t, bridge(ctx), context.DeadlineExceeded)
		conn := <-conns
		_, err = conn.Write(append([]byte{0x10, 1, 0x40}, make([]byte, 320)...))
		require.NoError(t, err)
		require.NoError(t, bridge(t.Context()))
		require.NoError(t, conn.Close())
		_, err = mute.WaitEnd(t.Context())
		require.NoError(t, err)
	})
}

// Asterisk connects to a program by websocket, with a secret for each call.
func TestSimulatedClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		listener, err := srv.Network().Listen(t.Context(), "127.0.0.1:0")
		require.NoError(t, err)
		handler := new(media.WebSocketHandler)
		server := &http.Server{Handler: handler}
		go func() { _ = server.Serve(listener) }()
		defer server.Close()
		url := "ws://" + listener.Addr().String() + "/media"
		srv.WebSocketClient("bots", aritest.WebSocketClient{URL: url})
		ch := opened(t, srv)
		s, err := media.Open(t.Context(), ch, media.Options{Handler: handler, Section: "bots"})
		require.NoError(t, err)
		u, err := s.Say(t.Context(), media.Tone(16000, 440, -12, time.Second))
		require.NoError(t, err)
		require.NoError(t, u.Wait(t.Context()))
		require.NoError(t, s.Close())

		_, err = media.Open(t.Context(), ch, media.Options{Handler: handler, Section: "nobody"})
		require.ErrorIs(t, err, ari.ErrInvalid)

		// A stranger.
		client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return srv.Network().Dial(ctx, address)
		}}}
		_, resp, err := websocket.Dial(t.Context(), url+"?secret=guessed", &websocket.DialOptions{HTTPClient: client})
		require.Error(t, err)
		assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	})
}

// The program is down. Asterisk gives a connection for one call up; a persistent one it doesn't, and makes no other channel meanwhile.
func TestSimulatedClientIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		srv.WebSocketClient("bots", aritest.WebSocketClient{URL: "ws://127.0.0.1:1/media"})
		srv.WebSocketClient("kept", aritest.WebSocketClient{URL: "ws://127.0.0.1:1/media", Persistent: true})
		client := srv.Client()
		require.NoError(t, client.Connect(t.Context()))
		create := func(ctx context.Context, section string) (*ari.Channel, error) {
			return client.ARI().CreateExternalMedia(ctx, ari.ExternalMediaOptions{
				ExternalHost: section, Format: "slin", Transport: ari.TransportWebsocket, Encapsulation: ari.EncapsulationNone,
				ConnectionType: ari.ConnectionTypeClient,
			})
		}
		began := time.Now()
		ch, err := create(t.Context(), "bots")
		require.NoError(t, err)
		assert.Equal(t, 1500*time.Millisecond, time.Since(began).Round(100*time.Millisecond))
		end, err := ch.WaitEnd(t.Context())
		if !errors.Is(err, ari.ErrNotFound) { // It may be over before it is asked for.
			require.NoError(t, err)
			assert.Equal(t, 3, end.Cause)
		}

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		stuck := make(chan error, 1)
		go func() {
			_, err := create(ctx, "kept")
			stuck <- err
		}()
		time.Sleep(time.Second)
		_, err = client.ARI().CreateExternalMedia(ctx, ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "ulaw"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, <-stuck, context.DeadlineExceeded)
	})
}
