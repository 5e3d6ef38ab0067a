package external

import (
	"net"
	"net/netip"

	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/pbx"
)

// An rtpLeg is a program that exchanges sound by RTP. Nobody notices when it has gone.
type rtpLeg struct {
	leg
	port media.PacketConn
	rtp  *media.RTP
}

// Discards reports whether a program's address is that of the service that throws away what it gets. Nothing is sent there: it would only cost
// time, and ports.
func Discards(host string) bool {
	_, port, _ := net.SplitHostPort(host)
	return port == "9"
}

// RTP makes the far end of a channel, which listens at a port; it needs the lock.
func (l *Legs) RTP(ch *pbx.Channel, port media.PacketConn, peer netip.AddrPort, format string, seed int) {
	g := &rtpLeg{leg: newLeg(l, ch, format), port: port, rtp: media.NewRTP(format, peer, uint32(seed))} //nolint:gosec // Any will do.
	ch.Leg = g
	l.wg.Go(g.read)
	l.wg.Go(g.write)
}

// Resolve finds the address of a program.
func Resolve(host string) netip.AddrPort {
	if addr, err := netip.ParseAddrPort(host); err == nil {
		return addr
	}
	addr, err := net.ResolveUDPAddr("udp", host)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr.AddrPort().Addr().Unmap(), addr.AddrPort().Port())
}

// Called is Asterisk's call, which is answered at once.
func (g *rtpLeg) Called() { g.ch.CalleeAnswers() }

func (g *rtpLeg) read() {
	buf := make([]byte, 2048)
	for {
		n, from, err := g.port.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if g.all.chance(g.all.fault().Loss) {
			continue
		}
		g.dawdle()
		g.all.p.Mu.Lock()
		if !g.over {
			if f, ok := g.rtp.Take(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), buf[:n]); ok {
				g.ch.Deliver(f)
			}
		}
		g.all.p.Mu.Unlock()
	}
}

func (g *rtpLeg) write() {
	g.out.pump(func(p packet) error {
		if !g.all.chance(g.all.fault().Loss) {
			_, _ = g.port.WriteToUDPAddrPort(p.data, g.rtp.Peer) // What doesn't arrive is lost.
		}
		return nil
	})
	<-g.out.closed
	_ = g.port.Close() // Its reader ends.
}

// Sounds sends what is to be heard.
func (g *rtpLeg) Sounds(f media.Frame) {
	if p := g.rtp.Packet(f); p != nil && !g.over {
		g.send(packet{data: p})
	}
}

// Gets takes no notice of digits: they are played as tones, which aren't heard here.
func (*rtpLeg) Gets(string) {}

// Over ends it.
func (g *rtpLeg) Over(int) { g.end() }
