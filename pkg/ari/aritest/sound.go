package aritest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/ari-go/ari/internal/sim/external"
	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/phones"
)

// Rate is the sample rate of the telephone's codec, in Hz: 8000 for ulaw, which telephones have where nothing else is said.
func (c *Call) Rate() int { return look(c, c.far.Rate) }

// Say says something at this end, behind what is being said there: 16-bit samples at a rate in Hz. It returns at once. Those hear it who are in a
// bridge with the call, external media among them, as the telephone's codec carries it. Nobody hears it before the call is answered.
//
// Unlike [Call.Speak], it isn't noticed by recordings and talk detection, which know no sound.
func (c *Call) Say(rate int, samples []int16) { c.far.Say(rate, samples) }

// SayWAV says what is in a WAV file of 16-bit samples; of more channels the first is taken.
func (c *Call) SayWAV(r io.Reader) error {
	rate, samples, err := media.ReadWAV(r)
	if err != nil {
		return fmt.Errorf("aritest: %w", err)
	}
	c.Say(rate, samples)
	return nil
}

// Hush stops what Say has begun.
func (c *Call) Hush() { c.far.Hush() }

// WaitSaid waits until all has been said.
func (c *Call) WaitSaid(ctx context.Context) error {
	return c.wait(ctx, c.far.HasSaid, "never said what it was to say")
}

// A HeardFrame is a piece of what a telephone has heard, mostly of 20 ms, and when it came.
type HeardFrame struct {
	Time    time.Time
	Samples []int16 // at the call's Rate
}

// A Listener keeps what is heard at one end of a call.
type Listener struct {
	far      *phones.Listener
	patience patience
}

// Listen keeps, from now on, what is heard at this end: what others in the bridge say, external media above all. Sounds that are played aren't
// among it, since the simulator knows only how long they are: see [Call.Heard].
func (c *Call) Listen() *Listener { return &Listener{c.far.Listen(), c.patience} }

// Close ends listening. What has been heard stays.
func (l *Listener) Close() { l.far.Close() }

// Frames are the pieces that have come, with nothing in between where nothing came.
func (l *Listener) Frames() []HeardFrame { return heardFrames(l.far.Frames(false)) }

// Take is like Frames, and forgets them: so a call of hours needs no memory.
func (l *Listener) Take() []HeardFrame { return heardFrames(l.far.Frames(true)) }

// Samples are those of all frames, one after the other.
func (l *Listener) Samples() []int16 { return samplesOf(l.far.Frames(false)) }

// Wait waits until a condition of what has been heard holds.
func (l *Listener) Wait(ctx context.Context, condition func(samples []int16) bool) error {
	ctx, cancel := l.patience.limit(ctx)
	defer cancel()
	err := l.far.Wait(ctx, func(frames []phones.HeardFrame) bool { return condition(samplesOf(frames)) })
	switch {
	case errors.Is(err, phones.ErrOver):
		return fmt.Errorf("%w: what was waited for was never heard", ErrEnded)
	case err != nil:
		return fmt.Errorf("aritest: what was waited for was never heard: %w", err)
	}
	return nil
}

func heardFrames(frames []phones.HeardFrame) []HeardFrame {
	all := make([]HeardFrame, len(frames))
	for i, f := range frames {
		all[i] = HeardFrame{f.Time, f.PCM}
	}
	return all
}

func samplesOf(frames []phones.HeardFrame) []int16 {
	var all []int16
	for _, f := range frames {
		all = append(all, f.PCM...)
	}
	return all
}

// WithCodec sets the codec of the caller's telephone, such as "slin16", "g722" or "alaw"; "ulaw" is the default.
func WithCodec(format string) CallOption {
	return func(o *invitation) { o.Codec = format }
}

// Codec sets the codec of an endpoint, such as "slin16", "g722" or "alaw"; "ulaw" is the default.
func Codec(format string) Behaviour {
	return func(b *behaviour) { b.Codec = format }
}

// A Network is where programs listen that Asterisk sends media to.
type Network interface {
	// Host is the address of a program as Asterisk reaches it.
	Host(ctx context.Context, asterisk string) (string, error)
	// Dial connects to what listens there.
	Dial(ctx context.Context, address string) (net.Conn, error)
	// Listen and ListenPacket open a port.
	Listen(ctx context.Context, address string) (net.Listener, error)
	ListenPacket(ctx context.Context, address string) (net.PacketConn, error)
}

// Network is the one in memory of a server that is [InMemory], on which all hosts are one; nil otherwise, where it is this machine's. Package
// media finds it by itself.
func (s *Server) Network() Network {
	if n, ok := s.sim.Media.Network().(*media.Memory); ok {
		return n
	}
	return nil
}

// A WebSocketClient is a section of websocket_client.conf, for external media that connect to a program by websocket.
type WebSocketClient struct {
	URL        string // of the program, such as ws://127.0.0.1:8000/media
	Persistent bool   // its connection_type is persistent rather than per_call_config
}

// WebSocketClient adds a section.
func (s *Server) WebSocketClient(section string, c WebSocketClient) {
	s.sim.Media.SetClient(section, external.Client(c))
}

// MediaFaults are what can go wrong with external media. The zero value is all well.
type MediaFaults struct {
	// Late is how long a websocket's first message, and the first packet of an AudioSocket, take to come.
	Late time.Duration

	// Jitter is up to how much later each packet comes; order is kept.
	Jitter time.Duration

	// Loss is the part of RTP's packets that is lost, both ways: 0.05 is one of twenty.
	Loss float64

	// Piece is how many bytes come at once by TCP, at most; 0 is as many as there are.
	Piece int

	// Slow is for how long Asterisk reads nothing behind each message.
	Slow time.Duration

	// Absent lets Asterisk not connect to a program, and take no connection of one. Such a channel ends after half a minute.
	Absent bool

	// AudioSocketFreeze lets an AudioSocket program that has sent nothing for a tenth of a second bring Asterisk to a standstill, as it does by
	// chance: no channel can be made until the program sends something, or hangs up.
	AudioSocketFreeze bool
}

// Media disturbs external media from now on; the zero value ends that.
func (f Faults) Media(m MediaFaults) {
	f.s.sim.Media.SetFaults(external.Faults{
		Late: m.Late, Jitter: m.Jitter, Loss: m.Loss, Piece: m.Piece, Slow: m.Slow, Absent: m.Absent, Freezes: m.AudioSocketFreeze,
	})
}
