package pbx

import (
	"fmt"
	"time"
)

// Packets are how many packets of RTP have gone each way.
type Packets struct {
	Sent, Received int
	Source         int // who sent those that were received
}

const (
	// OwnSource is who sends packets here.
	OwnSource = 1
	// PacketSize is how many bytes a packet has: 20 ms of a byte for each of 8000 samples a second.
	PacketSize = 160
	packetTime = 20 * time.Millisecond

	farSource = 2
)

// Packets are those of a telephone's channel, by the clock: it sends from its answer on, and is sent something from the first sound on, or from when
// somebody else is in its bridge. There are none before it has media.
func (ch *Channel) Packets() (counts Packets, ok bool) {
	if ch.Tech != "PJSIP" || ch.State != StateUp && !ch.early {
		return Packets{}, false
	}
	count := func(since time.Time) int {
		if since.IsZero() {
			return 0
		}
		return int(ch.PBX.Now().Sub(since) / packetTime)
	}
	counts = Packets{Sent: count(ch.sendsSince), Received: count(ch.hearsSince)}
	if counts.Received > 0 {
		counts.Source = farSource
	}
	return counts, true
}

// sends notes that the channel's party is sent something from now on.
func (ch *Channel) sends() {
	if ch.sendsSince.IsZero() {
		ch.sendsSince = ch.PBX.Now()
	}
}

// rtpStatistics are what a SIP channel says of its media at the end. Older versions keep it to themselves.
func (ch *Channel) rtpStatistics() {
	counts, ok := ch.Packets()
	if !ok || ch.PBX.Config.Version.Major < 20 {
		return
	}
	ch.SetVariable("RTPAUDIOQOS", fmt.Sprintf("ssrc=%d;themssrc=%d;lp=0;rxjitter=0.000000;rxcount=%d;txjitter=0.000000;txcount=%d;rlp=0;rtt=0.000000;rxmes=0.000000;txmes=0.000000",
		OwnSource, counts.Source, counts.Received, counts.Sent))
	ch.SetVariable("RTPAUDIOQOSJITTER", "minrxjitter=000.000000;maxrxjitter=000.000000;avgrxjitter=000.000000;stdevrxjitter=000.000000;mintxjitter=000.000000;maxtxjitter=000.000000;avgtxjitter=000.000000;stdevtxjitter=000.000000;")
	ch.SetVariable("RTPAUDIOQOSLOSS", "  minrxlost=000.000000;  maxrxlost=000.000000;  avgrxlost=000.000000;  stdevrxlost=000.000000;  mintxlost=000.000000;  maxtxlost=000.000000;  avgtxlost=000.000000;  stdevtxlost=000.000000;")
	ch.SetVariable("RTPAUDIOQOSRTT", "     minrtt=000.000000;     maxrtt=000.000000;     avgrtt=000.000000;     stdevrtt=000.000000;")
	ch.SetVariable("RTPAUDIOQOSMES", "   minrxmes=000.000000;   maxrxmes=000.000000;   avgrxmes=000.000000;   stdevrxmes=000.000000;   mintxmes=000.000000;   maxtxmes=000.000000;   avgtxmes=000.000000;   stdevtxmes=000.000000;")
}
