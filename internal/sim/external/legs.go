package external

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/pbx"
)

// Legs are all far ends of external media.
type Legs struct {
	p       *pbx.PBX
	network media.Network
	wg      sync.WaitGroup

	mu      sync.Mutex
	faults  Faults
	random  *rand.Rand
	clients map[string]Client // websocket_client.conf, by section
	waiting map[string]*websocketLeg
}

// Faults are what can go wrong with media.
type Faults struct {
	Late    time.Duration // before a websocket's first message, and before an AudioSocket's
	Jitter  time.Duration // each packet to the program comes up to so much later
	Loss    float64       // of RTP, both ways: 0.05 is one of twenty
	Piece   int           // TCP brings no more bytes than that at once; 0 is no limit
	Slow    time.Duration // for which Asterisk reads nothing behind each message
	Absent  bool          // Asterisk never connects, and takes no connection
	Freezes bool          // an AudioSocket program that sends nothing brings all to a standstill
}

// A Client is a section of websocket_client.conf: where Asterisk connects to.
type Client struct {
	URL        string
	Persistent bool // the connection is to be kept: Asterisk tries for ever
}

// New makes legs that find programs by a network.
func New(p *pbx.PBX, network media.Network) *Legs {
	return &Legs{
		p: p, network: network, random: rand.New(rand.NewPCG(1, 2)), clients: map[string]Client{}, waiting: map[string]*websocketLeg{}, //nolint:gosec // The same each time.
	}
}

// Network is where programs are found.
func (l *Legs) Network() media.Network { return l.network }

// SetFaults says what goes wrong from now on.
func (l *Legs) SetFaults(f Faults) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = f
}

func (l *Legs) fault() Faults {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.faults
}

// SetClient adds a section of websocket_client.conf.
func (l *Legs) SetClient(name string, c Client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clients[name] = c
}

// Client finds one.
func (l *Legs) Client(name string) (Client, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.clients[name]
	return c, ok
}

// chance is whether something of that probability happens.
func (l *Legs) chance(of float64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return of > 0 && l.random.Float64() < of
}

// delay is how late a packet is.
func (l *Legs) delay() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.faults.Jitter <= 0 {
		return 0
	}
	return time.Duration(l.random.Int64N(int64(l.faults.Jitter)))
}

// Close waits until all legs have ended; the PBX must have been closed.
func (l *Legs) Close() { l.wg.Wait() }

// A leg is what all have.
type leg struct {
	all   *Legs
	ch    *pbx.Channel
	codec *media.Codec
	out   *outbox
	over  bool // guarded by the lock of the PBX
}

func newLeg(l *Legs, ch *pbx.Channel, format string) leg {
	ch.SetFormat(format)
	l.p.BeginSound()
	return leg{all: l, ch: ch, codec: media.NewCodec(format, false), out: newOutbox()}
}

// end ends what the leg has; it reports whether it is the first.
func (g *leg) end() bool {
	if g.over {
		return false
	}
	g.over = true
	g.all.p.EndSound()
	g.out.close()
	return true
}

// hangup ends the channel; it takes the lock.
func (g *leg) hangup(h pbx.Hangup) {
	g.all.p.Mu.Lock()
	defer g.all.p.Mu.Unlock()
	g.ch.Hangup(h)
}

// send queues a packet. Where so much waits that it isn't read any more, the channel ends.
func (g *leg) send(p packet) {
	p.due = time.Now().Add(g.all.delay())
	if !g.out.put(p) {
		g.ch.Hangup(pbx.Hangup{Cause: 16})
	}
}

// read waits while Asterisk is slow to read.
func (g *leg) dawdle() {
	if d := g.all.fault().Slow; d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-g.out.closed:
		}
	}
}

// mostWaiting is how many bytes the operating system's buffers take.
const mostWaiting = 4 << 20

// A packet is on its way to a program.
type packet struct {
	data []byte
	text bool
	due  time.Time
}

// An outbox has packets that are to be sent, since whoever holds the lock of the PBX must not wait.
type outbox struct {
	closed chan struct{}
	wake   chan struct{}

	mu      sync.Mutex
	packets []packet
	bytes   int
	ended   bool
}

func newOutbox() *outbox { return &outbox{closed: make(chan struct{}), wake: make(chan struct{}, 1)} }

// put reports whether there was room.
func (o *outbox) put(p packet) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return true
	}
	if o.bytes += len(p.data); o.bytes > mostWaiting {
		return false
	}
	o.packets = append(o.packets, p)
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return true
}

func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended {
		o.ended = true
		close(o.closed)
	}
}

func (o *outbox) take() (packet, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.packets) == 0 {
		return packet{}, false
	}
	p := o.packets[0]
	o.packets = o.packets[1:]
	o.bytes -= len(p.data)
	return p, true
}

// pump sends packets, in order, until the leg ends or sending fails.
func (o *outbox) pump(send func(packet) error) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		p, ok := o.take()
		if !ok {
			select {
			case <-o.wake:
				continue
			case <-o.closed:
				return
			}
		}
		if wait := time.Until(p.due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-o.closed:
				return
			}
		}
		if send(p) != nil {
			return
		}
	}
}

// Connect is what somebody gets who connects to Asterisk's /media.
func (l *Legs) Connect(w http.ResponseWriter, r *http.Request, id string, fail func(status int, text string)) {
	l.p.Mu.Lock()
	l.mu.Lock()
	leg := l.waiting[id]
	l.mu.Unlock()
	switch {
	case leg == nil:
		l.p.Mu.Unlock()
		fail(http.StatusNotFound, "WebSocket instance not found")
		return
	case leg.taken:
		l.p.Mu.Unlock()
		fail(http.StatusConflict, "Another websocket connection exists for this connection id")
		return
	}
	leg.taken = true
	l.p.Mu.Unlock()
	leg.accept(w, r)
}
