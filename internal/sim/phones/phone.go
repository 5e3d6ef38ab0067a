package phones

import (
	"context"
	"sync"
	"time"

	"github.com/ari-go/ari/internal/sim/pbx"
)

// A Phone is a telephone that Asterisk can call.
type Phone struct {
	p         *pbx.PBX
	behaviour Behaviour
	taken     func(*Call) // takes calls, each on a goroutine of its own; nil: they wait for next

	mu    sync.Mutex
	calls []*Call
	news  chan struct{}
}

// A Behaviour is what a telephone does when it is called.
type Behaviour struct {
	Ring        time.Duration // before the answer or the refusal; negative: for ever
	Stay        time.Duration // before it hangs up; 0: for ever
	Refuse      int           // a SIP status instead of an answer
	Silent      bool          // it doesn't ring
	Unreachable bool          // it isn't registered
	Codec       string        // ulaw where nothing else is said
}

// A Network is all telephones.
type Network struct {
	p      *pbx.PBX
	phones map[string]*Phone
}

// NewNetwork makes a network without telephones.
func NewNetwork(p *pbx.PBX) *Network { return &Network{p: p, phones: map[string]*Phone{}} }

// Phone makes a telephone, such as "PJSIP/alice", or changes what it does.
func (n *Network) Phone(name string, b Behaviour) *Phone {
	n.p.Mu.Lock()
	defer n.p.Mu.Unlock()
	return n.add(name, b)
}

func (n *Network) add(name string, b Behaviour) *Phone {
	ph := n.phones[name]
	if ph == nil {
		ph = &Phone{p: n.p, news: make(chan struct{})}
		n.phones[name] = ph
	}
	ph.behaviour = b
	n.p.SetEndpoint(name, !b.Unreachable, ph.called)
	return ph
}

// OnCall sets a function that is called, on a goroutine of its own, for each call.
func (ph *Phone) OnCall(f func(*Call)) {
	ph.p.Mu.Lock()
	defer ph.p.Mu.Unlock()
	ph.taken = f
}

// called does what the telephone does when a channel calls it.
func (ph *Phone) called(ch *pbx.Channel) {
	c := newCall(ph.p, ch, ch.Dest, ph.behaviour.Codec, true)
	ph.deliver(c)
	b := ph.behaviour
	switch {
	case b.Silent:
	case b.Refuse != 0 && b.Ring == 0:
	default:
		ch.CalleeRings()
	}
	switch {
	case b.Ring < 0:
	case b.Refuse != 0:
		ch.WhileDialing(b.Ring, func() { c.doRefuse(b.Refuse) })
	default:
		ch.WhileDialing(b.Ring, func() {
			ch.CalleeAnswers()
			if b.Stay > 0 {
				ph.p.After(b.Stay, func() { c.doHangup(0) })
			}
		})
	}
}

func (ph *Phone) deliver(c *Call) {
	if ph.taken != nil {
		go ph.taken(c)
		return
	}
	ph.mu.Lock()
	defer ph.mu.Unlock()
	ph.calls = append(ph.calls, c)
	close(ph.news)
	ph.news = make(chan struct{})
}

// Next waits for the next call. It gets no calls that a function of onCall gets.
func (ph *Phone) Next(ctx context.Context) (*Call, error) {
	for {
		ph.mu.Lock()
		if len(ph.calls) > 0 {
			c := ph.calls[0]
			ph.calls = ph.calls[1:]
			ph.mu.Unlock()
			return c, nil
		}
		news := ph.news
		ph.mu.Unlock()
		select {
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
