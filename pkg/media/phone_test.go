package media

import (
	"context"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/test/asterisk"
)

// A phone is the far end of a call for tests: an external media channel of its own that records what it hears, with
// the moment when each sample came, and says what it is told to.
type phone struct {
	ch   *ari.Channel
	leg  leg
	done chan struct{}

	mu     sync.Mutex
	frames []phoneFrame
	wake   chan struct{}
}

type phoneFrame struct {
	pcm  []int16
	time time.Time
}

// line is a client on a real Asterisk, with an application of its own.
type line struct {
	client *ari.Client
	ctrl   *ari.Controller
	inst   *asterisk.Instance
}

func newLine(t *testing.T, version, app string) *line {
	t.Helper()
	inst := asterisk.Start(t, asterisk.Options{Version: version, Own: true})
	client, err := ari.NewClient(inst.URL, app, ari.WithBasicAuth(inst.Username, inst.Password))
	require.NoError(t, err)
	require.NoError(t, client.Connect(t.Context()))
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	return &line{client, client.ARI(), inst}
}

// phone makes a phone whose leg has a format.
func (l *line) phone(t *testing.T, format string) *phone {
	t.Helper()
	return l.phoneBy(t, WebSocket, format)
}

func (l *line) phoneBy(t *testing.T, transport Transport, format string) *phone {
	t.Helper()
	p := &phone{done: make(chan struct{}), wake: make(chan struct{})}
	p.leg, p.ch = l.rawLeg(t, transport, format)
	go p.listen()
	t.Cleanup(p.hangup)
	return p
}

// rawLeg makes an external media channel, and a leg without a stream.
func (l *line) rawLeg(t *testing.T, transport Transport, format string) (leg, *ari.Channel) {
	t.Helper()
	opts := ari.ExternalMediaOptions{ChannelID: mediaChannelID(), Format: format}
	switch transport {
	case WebSocket:
		opts.TransportData, opts.Transport = "f(json)", ari.TransportWebsocket
		opts.Encapsulation, opts.ConnectionType = ari.EncapsulationNone, ari.ConnectionTypeServer
		ch, err := l.ctrl.CreateExternalMedia(t.Context(), opts)
		require.NoError(t, err)
		base, err := url.Parse(l.inst.URL)
		require.NoError(t, err)
		conn, _, err := websocket.Dial(t.Context(), "ws://"+base.Host+"/media/"+ch.ChannelVars["MEDIA_WEBSOCKET_CONNECTION_ID"], nil)
		require.NoError(t, err)
		leg, _, err := startWebsocketLeg(t.Context(), conn)
		require.NoError(t, err)
		require.NoError(t, ch.WaitStasis(t.Context()))
		return leg, ch
	case AudioSocket:
		listener, err := ListenAudioSocket("127.0.0.1:0", "")
		require.NoError(t, err)
		defer listener.Close()
		expected, id, err := listener.expect()
		require.NoError(t, err)
		opts.ExternalHost, opts.Data = listener.advertised, formatUUID(id)
		opts.Transport, opts.Encapsulation = ari.TransportTCP, ari.EncapsulationAudiosocket
		legs := make(chan *audioSocketLeg, 1)
		go func() {
			c := <-expected
			leg, _ := newAudioSocketLeg(c.conn, c.in, linearRates[format])
			_ = leg.write(make([]int16, leg.frame))
			legs <- leg
		}()
		ch, err := l.ctrl.CreateExternalMedia(t.Context(), opts)
		require.NoError(t, err)
		return <-legs, ch
	default:
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(t, err)
		opts.ExternalHost = conn.LocalAddr().String()
		ch, err := l.ctrl.CreateExternalMedia(t.Context(), opts)
		require.NoError(t, err)
		peer, err := rtpPeer(t.Context(), ch)
		require.NoError(t, err)
		leg, err := newRTPLeg(conn, peer, format)
		require.NoError(t, err)
		return leg, ch
	}
}

func (p *phone) hangup() {
	_ = p.leg.close()
	<-p.done
	_ = p.ch.Stop(context.Background()) // One by RTP doesn't notice.
}

func (p *phone) listen() {
	defer close(p.done)
	pcm := make([]int16, maxRead)
	for {
		n, _, err := p.leg.read(pcm)
		now := time.Now()
		p.mu.Lock()
		if n > 0 {
			p.frames = append(p.frames, phoneFrame{append([]int16(nil), pcm[:n]...), now})
		}
		close(p.wake)
		p.wake = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// measureEnv asks for figures, which are right on a quiet machine only: more runs, and limits to times.
const measureEnv = "ARI_TEST_MEASURE"

func measuring() bool { return os.Getenv(measureEnv) != "" }

// measured skips a test that does nothing but measure times, unless that is asked for.
func measured(t *testing.T) {
	t.Helper()
	if !measuring() {
		t.Skipf("it measures times: set %s on a quiet machine", measureEnv)
	}
}

// nearEnd is closed shortly before a test would be ended without a word: how busy the machine is nobody knows.
func nearEnd(t *testing.T) <-chan time.Time {
	t.Helper()
	deadline, ok := t.Deadline()
	if !ok {
		return nil
	}
	return time.After(time.Until(deadline) - 10*time.Second)
}

// await waits until what has been heard fulfils a condition.
func (p *phone) await(t *testing.T, condition func([]phoneFrame) bool) {
	t.Helper()
	limit := nearEnd(t)
	for {
		p.mu.Lock()
		ok, wake := condition(p.frames), p.wake
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-wake:
		case <-limit:
			require.Fail(t, "the phone never heard it")
		}
	}
}

func (p *phone) heard() []phoneFrame {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]phoneFrame(nil), p.frames...)
}

func samplesOf(frames []phoneFrame) []int16 {
	var all []int16
	for _, f := range frames {
		all = append(all, f.pcm...)
	}
	return all
}

func requireNothingLeft(t *testing.T, ctrl *ari.Controller) {
	t.Helper()
	var channels, bridges []string
	limit := nearEnd(t)
	for over := false; !over; {
		channels, bridges = nil, nil
		list, err := ctrl.Channels(context.Background())
		require.NoError(t, err)
		for _, c := range list {
			channels = append(channels, c.ID+" "+c.Name)
		}
		all, err := ctrl.Bridges(context.Background())
		require.NoError(t, err)
		for _, b := range all {
			bridges = append(bridges, b.ID)
		}
		if len(channels)+len(bridges) == 0 {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond): // There is no event of the last channel's being gone.
		case <-limit:
			over = true
		}
	}
	require.Fail(t, "left on Asterisk", "%s", strings.Join(append(channels, bridges...), "\n"))
}
