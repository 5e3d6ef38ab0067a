package external

import (
	"context"
	"net"
	"time"

	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/pbx"
)

// connectTime is how long Asterisk waits for an AudioSocket server to take a connection.
const connectTime = 2 * time.Second

// muteTime is for how long nothing has to come until a program that sends nothing counts as mute, where that is a fault.
const muteTime = 100 * time.Millisecond

// DialAudioSocket connects to a program; it is called without the lock.
func (l *Legs) DialAudioSocket(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	if l.fault().Absent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return l.network.Dial(ctx, addr)
}

// An audioSocketLeg is a program that exchanges sound by AudioSocket. There is no queue: what comes goes on at once.
type audioSocketLeg struct {
	leg
	conn net.Conn
	name []byte // the packet that says which call it is
	kind byte
	in   map[int]*media.Codec // by rate

	mute   *time.Timer
	frozen bool
}

// AudioSocket makes the far end of a channel; it needs the lock.
func (l *Legs) AudioSocket(ch *pbx.Channel, conn net.Conn, uuid, format string) {
	name, _ := media.AudioSocketName(uuid) // It has been looked at.
	g := &audioSocketLeg{
		leg: newLeg(l, ch, format), conn: conn, name: name, kind: media.AudioSocketKind(media.RateOf(format)), in: map[int]*media.Codec{},
	}
	ch.Leg = g
	l.wg.Go(g.read)
	l.wg.Go(g.write)
}

// Called is Asterisk's call, which is answered at once.
func (g *audioSocketLeg) Called() { g.ch.CalleeAnswers() }

func (g *audioSocketLeg) write() {
	f := g.all.fault()
	if f.Late > 0 {
		select {
		case <-time.After(f.Late):
		case <-g.out.closed:
		}
	}
	if g.put(g.name) == nil {
		g.out.pump(func(p packet) error { return g.put(p.data) })
	}
	<-g.out.closed
	_ = g.conn.Close() // Its reader ends.
}

// put writes bytes, in pieces if that is a fault.
func (g *audioSocketLeg) put(data []byte) error {
	piece := g.all.fault().Piece
	if piece <= 0 {
		piece = len(data)
	}
	for len(data) > 0 {
		n := min(piece, len(data))
		if _, err := g.conn.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// read passes on what comes, until the program hangs up or says something that ends the call.
func (g *audioSocketLeg) read() {
	g.watch()
	in := media.NewAudioSocketReader(g.conn)
	for {
		rate, payload, err := in.Next()
		if err != nil {
			g.all.p.Mu.Lock()
			g.thaw()
			g.ch.Hangup(pbx.Hangup{Silent: true})
			g.all.p.Mu.Unlock()
			return
		}
		g.dawdle()
		g.all.p.Mu.Lock()
		g.thaw()
		if !g.over {
			dec := g.in[rate]
			if dec == nil {
				dec = &media.Codec{Format: linearName(rate), Rate: rate}
				g.in[rate] = dec
			}
			g.ch.Deliver(dec.Decode(payload))
		}
		g.all.p.Mu.Unlock()
		g.watch()
	}
}

func linearName(rate int) string {
	for _, name := range []string{"slin", "slin12", "slin16", "slin24", "slin32", "slin44", "slin48", "slin96", "slin192"} {
		if media.RateOf(name) == rate {
			return name
		}
	}
	return "slin"
}

// watch lets Asterisk stand still when the program has said nothing for some time, if that is a fault: it waits for the next packet with the
// channel's lock, and no channel can be made.
func (g *audioSocketLeg) watch() {
	if !g.all.fault().Freezes {
		return
	}
	g.all.p.Mu.Lock()
	defer g.all.p.Mu.Unlock()
	if g.mute != nil {
		g.mute.Stop()
	}
	g.mute = g.all.p.After(muteTime, func() {
		if !g.over && !g.frozen {
			g.frozen = true
			g.all.p.Freeze()
		}
	})
}

// thaw ends that; it needs the lock.
func (g *audioSocketLeg) thaw() {
	if g.mute != nil {
		g.mute.Stop()
	}
	if g.frozen {
		g.frozen = false
		g.all.p.Thaw()
	}
}

// Sounds sends what is to be heard.
func (g *audioSocketLeg) Sounds(f media.Frame) {
	if raw := g.codec.Encode(f); len(raw) > 0 && !g.over {
		g.send(packet{data: media.AudioSocketPacket(g.kind, raw)})
	}
}

// Gets tells the program of a digit.
func (g *audioSocketLeg) Gets(digit string) {
	if !g.over {
		g.send(packet{data: media.AudioSocketDigit(digit)})
	}
}

// Over ends the connection.
func (g *audioSocketLeg) Over(int) {
	if g.end() {
		g.thaw()
	}
}
