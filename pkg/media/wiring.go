package media

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/pkg/ari"
)

const (
	// cleanupTimeout bounds what is done on Asterisk at a stream's end.
	cleanupTimeout = 10 * time.Second

	// connectTimeout is how long Asterisk and this program may take to connect: Asterisk gives up after 30 seconds.
	connectTimeout = 20 * time.Second
)

// A wiring is what a stream has on Asterisk: a media channel, and a bridge.
type wiring struct {
	ctrl *ari.Controller
	opts Options
	json bool   // Asterisk can send control messages as JSON, and marks
	keys bool   // the transport tells of digits
	id   string // of the media channel

	mu      sync.Mutex
	call    *ari.Channel // in the bridge; nil while there is none
	bridge  *ari.Bridge  // ours, if it was made
	unwatch func()       // ends the watch over the call
}

// mediaChannelID makes an id. All are of one length, since Asterisk takes one that begins another for the same.
func mediaChannelID() string { return "media-" + rand.Text() }

func (w *wiring) open(ctx context.Context) (*Stream, error) {
	s, err := w.connect(ctx)
	if err == nil {
		err = w.join(ctx)
		if err == nil {
			s.opened()
			w.watchCall(s, w.call)
			w.watchMedia(s)
			return s, nil
		}
		s.cancel(err)
		<-s.done // It cleans up.
		return nil, err
	}
	_ = w.clean() // The first error says more.
	return nil, err
}

func (w *wiring) connect(ctx context.Context) (*Stream, error) {
	switch w.opts.Transport {
	case WebSocket:
		if w.opts.Handler != nil {
			return w.awaitWebSocket(ctx)
		}
		return w.connectWebSocket(ctx)
	case AudioSocket:
		return w.connectAudioSocket(ctx)
	default:
		return w.connectRTP(ctx)
	}
}

func (w *wiring) stream(ctx context.Context, l leg) (*Stream, error) {
	o := w.opts
	s, err := newStream(ctx, l, streamConfig{
		rate: o.Rate, history: o.History, ahead: o.LookAhead, fade: o.Fade, log: o.Logger, name: w.id, pacer: w.ctrl, clean: w.clean,
	})
	if err != nil {
		_ = l.close() // The first error says more.
		return nil, err
	}
	s.wiring = w
	return s, nil
}

func (w *wiring) connectWebSocket(ctx context.Context) (*Stream, error) {
	create := ari.ExternalMediaOptions{
		ChannelID: w.id, Format: w.opts.Format,
		Transport: ari.TransportWebsocket, Encapsulation: ari.EncapsulationNone, ConnectionType: ari.ConnectionTypeServer,
	}
	if w.json {
		create.TransportData = "f(json)"
	}
	ch, err := w.ctrl.CreateExternalMedia(ctx, create)
	if err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	connection := ch.ChannelVars["MEDIA_WEBSOCKET_CONNECTION_ID"]
	if connection == "" {
		if connection, err = ch.Variable(ctx, "MEDIA_WEBSOCKET_CONNECTION_ID"); err != nil {
			return nil, fmt.Errorf("media: the websocket's id: %w", err)
		}
	}
	dialing, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, _, err := websocket.Dial(dialing, w.mediaURL(connection), &websocket.DialOptions{
		HTTPClient: w.opts.HTTPClient, Subprotocols: []string{"media"}, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, fmt.Errorf("media: websocket: %w", err)
	}
	l, err := w.websocketLeg(dialing, conn)
	if err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	s, err := w.stream(ctx, l)
	if err != nil {
		return nil, err
	}
	return w.entered(ctx, s, ch)
}

// entered waits until a channel by websocket is in the application: it enters only when it has connected, and can't be
// bridged before.
func (w *wiring) entered(ctx context.Context, s *Stream, ch *ari.Channel) (*Stream, error) {
	if err := ch.WaitStasis(ctx); err != nil && !errors.Is(err, ari.ErrNoEvents) {
		s.cancel(err)
		<-s.done
		return nil, fmt.Errorf("media: %w", err)
	}
	return s, nil
}

// base is ARI's URL, as the controller has it.
func (w *wiring) base() string {
	if client, ok := w.ctrl.API().ClientInterface.(*gen.Client); ok {
		return client.Server
	}
	return ""
}

// mediaURL is where chan_websocket waits: beside ARI, on the same server.
func (w *wiring) mediaURL(connection string) string {
	base := strings.TrimSuffix(strings.TrimSuffix(w.base(), "/"), "/ari")
	return "ws" + strings.TrimPrefix(base, "http") + "/media/" + url.PathEscape(connection)
}

func (w *wiring) connectAudioSocket(ctx context.Context) (*Stream, error) {
	listener := w.opts.Listener
	if listener == nil {
		addr, err := w.localHost(ctx)
		if err != nil {
			return nil, err
		}
		port, err := w.opts.Network.Listen(ctx, addr)
		if err != nil {
			return nil, fmt.Errorf("media: AudioSocket: %w", err)
		}
		listener = NewAudioSocketListener(port, "")
		defer listener.Close()
	}
	expected, id, err := listener.expect()
	if err != nil {
		return nil, err
	}
	defer listener.forget(id, expected)

	return connectBack(ctx, w, ari.ExternalMediaOptions{
		ChannelID: w.id, Format: w.opts.Format, ExternalHost: listener.advertised, Data: formatUUID(id),
		Transport: ari.TransportTCP, Encapsulation: ari.EncapsulationAudiosocket,
	}, expected, func(c audioSocketConn) (leg, error) {
		l, err := newAudioSocketLeg(c.conn, c.in, linearRates[w.opts.Format])
		if err != nil {
			_ = c.conn.Close()
			return nil, err
		}
		return l, nil
	})
}

// connectBack makes a media channel for which Asterisk connects to this program: coming gets the connection. Asterisk
// answers only when it has connected, and must be spoken to from then on, so the stream begins before that.
func connectBack[C any](
	ctx context.Context, w *wiring, create ari.ExternalMediaOptions, coming <-chan C, newLeg func(C) (leg, error),
) (*Stream, error) {
	waiting, cancel := context.WithTimeoutCause(ctx, connectTimeout, errors.New("media: Asterisk hasn't connected"))
	defer cancel()
	type result struct{ err error }
	created := make(chan result, 1)
	go func() {
		_, err := w.ctrl.CreateExternalMedia(waiting, create)
		created <- result{err}
	}()
	var s *Stream
	fail := func(err error) (*Stream, error) {
		cancel()
		if created != nil {
			<-created // It has failed, or is undone.
		}
		if s != nil {
			s.cancel(err)
			<-s.done
		}
		return nil, err
	}
	for s == nil || created != nil {
		select {
		case c := <-coming:
			coming = nil
			l, err := newLeg(c)
			if err == nil {
				s, err = w.stream(ctx, l)
			}
			if err != nil {
				return fail(err)
			}
		case r := <-created:
			created = nil
			if r.err != nil {
				return fail(fmt.Errorf("media: %w", r.err))
			}
		case <-waiting.Done():
			return fail(context.Cause(waiting))
		}
	}
	return s, nil
}

func (w *wiring) connectRTP(ctx context.Context) (*Stream, error) {
	addr, err := w.localHost(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := w.opts.Network.ListenPacket(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("media: RTP: %w", err)
	}
	ch, err := w.ctrl.CreateExternalMedia(ctx, ari.ExternalMediaOptions{
		ChannelID: w.id, Format: w.opts.Format, ExternalHost: conn.LocalAddr().String(),
	})
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("media: %w", err)
	}
	peer, err := rtpPeer(ctx, ch)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	l, err := newRTPLeg(conn, peer, w.opts.Format)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return w.stream(ctx, l)
}

// rtpPeer is where Asterisk listens.
func rtpPeer(ctx context.Context, ch *ari.Channel) (netip.AddrPort, error) {
	var values [2]string
	for i, name := range []string{"UNICASTRTP_LOCAL_ADDRESS", "UNICASTRTP_LOCAL_PORT"} {
		values[i] = ch.ChannelVars[name]
		if values[i] == "" {
			var err error
			if values[i], err = ch.Variable(ctx, name); err != nil {
				return netip.AddrPort{}, fmt.Errorf("media: Asterisk's port for RTP: %w", err)
			}
		}
	}
	addr, err := netip.ParseAddr(values[0])
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("media: Asterisk's address for RTP: %w", err)
	}
	port, err := strconv.ParseUint(values[1], 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("media: Asterisk's port for RTP: %w", err)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}

// join puts the media channel and the call into a bridge.
func (w *wiring) join(ctx context.Context) error {
	if b := w.opts.Bridge; b != nil {
		if err := b.AddChannel(ctx, w.id); err != nil {
			return fmt.Errorf("media: %w", err)
		}
		return nil
	}
	b, err := w.ctrl.CreateBridge(ctx, ari.CreateBridgeOptions{Type: w.opts.BridgeType})
	if err != nil {
		return fmt.Errorf("media: %w", err)
	}
	w.mu.Lock()
	w.bridge = b
	w.mu.Unlock()
	if err := b.AddChannel(ctx, w.id, w.call.ID); err != nil {
		return fmt.Errorf("media: %w", err)
	}
	return nil
}

// watchCall ends the stream with the call.
func (w *wiring) watchCall(s *Stream, call *ari.Channel) {
	ctx, cancel := context.WithCancel(s.ctx)
	w.mu.Lock()
	w.unwatch = cancel
	w.mu.Unlock()
	go func() {
		defer cancel()
		end, err := call.WaitEnd(ctx)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			s.cancel(end)
		case errors.Is(err, ari.ErrNotFound):
			s.cancel(fmt.Errorf("media: the call: %w", err))
		}
	}()
	if w.keys {
		return
	}
	keys := ari.Subscribe[*ari.ChannelDtmfReceived](call)
	go func() {
		defer keys.Close()
		for ev, err := range keys.All(ctx) {
			if err == nil && len(ev.Digit) == 1 {
				s.digit(ev.Digit[0], time.Now())
			}
		}
	}()
}

// watchMedia ends the stream with its media channel.
func (w *wiring) watchMedia(s *Stream) {
	if w.opts.Transport != RTP {
		return // Its connection tells of the end of the media channel.
	}
	s.wg.Go(func() {
		if end, err := w.ctrl.Channel(w.id).WaitEnd(s.ctx); err == nil {
			s.cancel(fmt.Errorf("%w: %w", ErrMediaLost, end))
		} else if errors.Is(err, ari.ErrNotFound) {
			s.cancel(fmt.Errorf("%w: %w", ErrMediaLost, err))
		}
	})
}

// clean removes the media channel and the bridge, whatever there is of both.
func (w *wiring) clean() error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	err := w.ctrl.StopChannel(ctx, w.id)
	if errors.Is(err, ari.ErrNotFound) {
		err = nil
	}
	w.mu.Lock()
	b := w.bridge
	w.bridge = nil
	w.mu.Unlock()
	if b != nil {
		err = errors.Join(err, destroy(ctx, b))
	}
	return err
}

// destroy destroys a bridge, or sees that it is being destroyed: a second request meanwhile is refused.
func destroy(ctx context.Context, b *ari.Bridge) error {
	for {
		err := b.Stop(ctx)
		if err == nil || errors.Is(err, ari.ErrNotFound) {
			return nil
		}
		if !errors.Is(err, ari.ErrConflict) {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}
