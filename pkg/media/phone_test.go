package media

import (
	"context"
	"net/url"
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

// phone makes a phone: by RTP, or by websocket where format isn't empty.
func (l *line) phone(t *testing.T, format string) *phone {
	t.Helper()
	w := &wiring{ctrl: l.ctrl, id: mediaChannelID(), json: true}
	w.opts, _ = Options{}.withDefaults()
	p := &phone{done: make(chan struct{}), wake: make(chan struct{})}
	if format != "" {
		ch, err := l.ctrl.CreateExternalMedia(t.Context(), ari.ExternalMediaOptions{
			ChannelID: w.id, Format: format, TransportData: "f(json)",
			Transport: ari.TransportWebsocket, Encapsulation: ari.EncapsulationNone, ConnectionType: ari.ConnectionTypeServer,
		})
		require.NoError(t, err)
		base, err := url.Parse(l.inst.URL)
		require.NoError(t, err)
		conn, _, err := websocket.Dial(t.Context(), "ws://"+base.Host+"/media/"+ch.ChannelVars["MEDIA_WEBSOCKET_CONNECTION_ID"], nil)
		require.NoError(t, err)
		p.leg, _, err = startWebsocketLeg(t.Context(), conn)
		require.NoError(t, err)
		require.NoError(t, ch.WaitStasis(t.Context()))
		p.ch = ch
	} else {
		w.opts.Format = "ulaw"
		s, err := w.connectRTP(context.Background())
		require.NoError(t, err)
		t.Cleanup(func() { _ = s.Close() })
		t.Fatal("not yet")
	}
	go p.listen()
	t.Cleanup(p.hangup)
	return p
}

func (p *phone) hangup() {
	_ = p.leg.close()
	<-p.done
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

// await waits until what has been heard fulfils a condition.
func (p *phone) await(t *testing.T, condition func([]phoneFrame) bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
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
	for range 100 {
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
		time.Sleep(20 * time.Millisecond) // There is no event of the last channel's being gone.
	}
	require.Fail(t, "left on Asterisk", "%s", strings.Join(append(channels, bridges...), "\n"))
}
