package media

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// Transport is the way that audio takes between Asterisk and this program.
type Transport string

const (
	// Auto takes WebSocket where Asterisk has it, else AudioSocket, else RTP.
	Auto Transport = ""

	// WebSocket has this program connect to Asterisk's web server. Asterisk keeps a queue, which can be emptied at once,
	// and tells what was heard. It is best for speech. Since Asterisk 20.16, 21.11, 22.6; marks since 20.18, 22.8, 23.2.
	WebSocket Transport = "websocket"

	// AudioSocket has Asterisk connect to this program, by TCP. It has the least delay and costs the least. Since Asterisk
	// 18; rates other than 8 kHz since 20.17, 21.12, 22.7, 23.1.
	AudioSocket Transport = "audiosocket"

	// RTP goes over UDP, in ulaw, alaw, g722 or, at 8 kHz, slin. Since Asterisk 16.6.
	RTP Transport = "rtp"
)

// ErrUnsupported is returned by Open for what this Asterisk, or the transport, can't do.
var ErrUnsupported = errors.New("media: not supported")

// Options are the options of [Open]. The zero value is good for speech.
type Options struct {
	// Transport is the way of the audio; Auto by default.
	Transport Transport

	// Rate is the sample rate of what is read and written: 8000, 16000 (the default), 24000 or 48000 Hz. What is on the
	// wire is resampled to it.
	Rate int

	// Format is Asterisk's name of the codec on the wire: slin, slin16, slin24, slin48, ulaw, alaw, g722. By default it
	// is linear samples of Rate, and by RTP g722; for a call whose own codec has no more than 8 kHz it is slin, and ulaw by
	// RTP: there is nothing above to be carried, and this package's resampling is better than Asterisk's.
	Format string

	// NewCodec makes the codec of a Format that this package doesn't know, such as opus, for one call. By WebSocket only: there frames of formats
	// that Asterisk doesn't cut pass as they are. Asterisk's queue can't be emptied then, so that it is kept short, as by AudioSocket.
	NewCodec func() (Codec, error)

	// Bridge is a bridge of yours, to which only the media channel is added, and that stays. Without it the stream makes
	// one, puts the call into it, and destroys it at the end.
	Bridge *ari.Bridge

	// BridgeType is the type of the bridge that is made; "mixing,dtmf_events" by default. With two channels in it,
	// Asterisk passes audio on at once; with more it mixes, which takes 20 ms.
	BridgeType string

	// Host is the address of this machine as Asterisk reaches it, for AudioSocket and RTP. By default it is the one from
	// which this machine reaches Asterisk.
	Host string

	// Listener is where Asterisk connects to by AudioSocket. Without it each stream opens a port of its own until
	// Asterisk has connected.
	Listener *AudioSocketListener

	// Handler makes Asterisk connect to this program by WebSocket, rather than the other way around: to the server where
	// the handler is, which is Section of Asterisk's websocket_client.conf.
	Handler *WebSocketHandler

	// Section is the section's name. Its connection_type must be per_call_config: with persistent, Asterisk brings all
	// calls to a standstill while the server can't be reached.
	Section string

	// LookAhead is how far ahead of the caller's ear audio may be in Asterisk's queue by WebSocket: 500 ms by default,
	// at most 16 s. More of it bridges longer gaps of this program's; what is in the queue can still be stopped at once.
	LookAhead time.Duration

	// History is how much of what the caller says is kept for readers that are slow, and for Last: 3 s by default.
	History time.Duration

	// Fade is how long an utterance takes to fall silent when it is stopped or paused: 5 ms by default, none if negative.
	Fade time.Duration

	// HTTPClient makes the connection by WebSocket; that of the call's controller by default.
	HTTPClient *http.Client

	// Network is where this program listens for AudioSocket and RTP. By default it is this machine's; or the HTTP client's
	// transport, if that is a Network: so it is with a simulated Asterisk in memory.
	Network Network

	// Observe is told each five seconds, and at the end, how the stream is: for metrics, for example. It is called as all functions are that a
	// stream calls: one after the other, by one goroutine.
	Observe func(Report)

	// Logger gets what goes wrong; [slog.Default] by default.
	Logger *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	o.Rate = cmp.Or(o.Rate, 16000)
	if linearFormat(o.Rate) == "" {
		return o, fmt.Errorf("%w: %d Hz is none of 8000, 16000, 24000 and 48000", ErrUnsupported, o.Rate)
	}
	o.BridgeType = cmp.Or(o.BridgeType, "mixing,dtmf_events")
	o.LookAhead = min(cmp.Or(o.LookAhead, 500*time.Millisecond), 16*time.Second)
	o.History = cmp.Or(o.History, 3*time.Second)
	o.Fade = max(cmp.Or(o.Fade, 5*time.Millisecond), 0)
	o.HTTPClient = cmp.Or(o.HTTPClient, http.DefaultClient)
	o.Network = networkOf(o.Network, o.HTTPClient)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o, nil
}

// Versions in which something began, one for each branch.
var (
	sinceWebSocket   = []ari.Version{{Major: 20, Minor: 16}, {Major: 21, Minor: 11}, {Major: 22, Minor: 6}, {Major: 23}}
	sinceMarks       = []ari.Version{{Major: 20, Minor: 18}, {Major: 22, Minor: 8}, {Major: 23, Minor: 2}}
	sinceAudioSocket = []ari.Version{{Major: 18}}
	sinceDigits      = []ari.Version{{Major: 20, Minor: 14}, {Major: 21, Minor: 9}, {Major: 22, Minor: 4}, {Major: 23}}
	sinceRates       = []ari.Version{{Major: 20, Minor: 17}, {Major: 21, Minor: 12}, {Major: 22, Minor: 7}, {Major: 23, Minor: 1}}
)

// has reports whether a version has what came with these.
func has(v ari.Version, since []ari.Version) bool {
	for _, s := range since {
		if v.Major == s.Major {
			return v.Compare(s) >= 0
		}
	}
	return v.Major > since[len(since)-1].Major
}

// choose sets the transport and the format for a version of Asterisk.
// narrow says that the call itself has no more than 8 kHz.
func (o Options) choose(v ari.Version, narrow bool) (Options, error) {
	wireRate := o.Rate
	if narrow {
		wireRate = 8000
	}
	if o.Transport == Auto {
		switch {
		case has(v, sinceWebSocket):
			o.Transport = WebSocket
		case has(v, sinceAudioSocket):
			o.Transport = AudioSocket
		default:
			o.Transport = RTP
		}
	}
	switch o.Transport {
	case WebSocket:
		o.Format = cmp.Or(o.Format, linearFormat(wireRate))
		if !has(v, sinceWebSocket) {
			return o, fmt.Errorf("%w: Asterisk %s has no media by websocket; 20.16, 21.11 and 22.6 have", ErrUnsupported, v)
		}
	case AudioSocket:
		wide := has(v, sinceRates)
		if o.Format == "" {
			o.Format = "slin"
			if wide {
				o.Format = linearFormat(wireRate)
			}
		}
		switch {
		case !has(v, sinceAudioSocket):
			return o, fmt.Errorf("%w: Asterisk %s has no AudioSocket; 18 has", ErrUnsupported, v)
		case linearRates[o.Format] == 0:
			return o, fmt.Errorf("%w: AudioSocket carries linear samples only, not %q", ErrUnsupported, o.Format)
		case o.Format != "slin" && !wide:
			return o, fmt.Errorf("%w: Asterisk %s has AudioSocket at 8 kHz only", ErrUnsupported, v)
		}
	case RTP:
		if o.Format == "" {
			o.Format = "ulaw"
			if wireRate > 8000 {
				o.Format = "g722"
			}
		}
		if _, ok := payloadTypes[o.Format]; !ok {
			return o, fmt.Errorf("%w: by RTP Asterisk takes ulaw, alaw, g722 and slin only, not %q", ErrUnsupported, o.Format)
		}
	default:
		return o, fmt.Errorf("%w: the transport %q", ErrUnsupported, o.Transport)
	}
	if o.NewCodec != nil {
		if o.Transport != WebSocket {
			return o, fmt.Errorf("%w: a codec of yours by %s; only by websocket", ErrUnsupported, o.Transport)
		}
		return o, nil
	}
	if _, err := newCodec(o.Format, false); err != nil {
		return o, err
	}
	return o, nil
}

// Open gives a call audio: it makes an external media channel, connects to it, and puts it into a bridge with the call.
// It returns when the caller can hear and be heard. The call must be in the application; it need not be answered, but
// before that most telephones play early media only.
//
// The stream lives until the call ends or leaves the application, ctx ends, its connection breaks, or it is closed,
// whatever comes first; then the media channel and the bridge are removed, and nothing is left on Asterisk. The context
// of a call's handler is right for ctx. The call itself goes on, unless it has ended.
//
// It fails with [ErrUnsupported] where this Asterisk can't do it, with an [*ari.Error] of a command that fails, and with
// ctx's cause.
func Open(ctx context.Context, ch *ari.Channel, opts Options) (*Stream, error) {
	ctrl := ch.Controller()
	opts.HTTPClient = cmp.Or(opts.HTTPClient, ctrl.HTTPClient())
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if ctrl == nil {
		return nil, errors.New("media: a channel without a controller")
	}
	v, err := ctrl.Version(ctx)
	if err != nil {
		return nil, fmt.Errorf("media: Asterisk's version: %w", err)
	}
	narrow := opts.Format == "" && opts.Rate > 8000 && isNarrow(ctx, ch)
	if opts, err = opts.choose(v, narrow); err != nil {
		return nil, err
	}
	keys := opts.Transport == WebSocket || opts.Transport == AudioSocket && has(v, sinceDigits)
	w := &wiring{ctrl: ctrl, call: ch, opts: opts, json: has(v, sinceMarks), keys: keys, id: mediaChannelID()}
	s, err := w.open(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// narrowFormats are Asterisk's formats of 8 kHz.
var narrowFormats = []string{"ulaw", "alaw", "gsm", "g729", "g723", "g726", "g726aal2", "ilbc", "speex", "adpcm", "lpc10", "slin"}

// isNarrow reports whether a call's own codec has no more than 8 kHz, as far as Asterisk tells.
func isNarrow(ctx context.Context, ch *ari.Channel) bool {
	formats, err := ch.Variable(ctx, "CHANNEL(audionativeformat)")
	if err != nil {
		return false // Whatever is wrong will show again.
	}
	names := strings.Split(strings.Trim(strings.TrimSpace(formats), "()"), "|")
	return !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(narrowFormats, name) })
}

// Bridge is the bridge that the stream is in, to put others into it, or to record it.
func (s *Stream) Bridge() *ari.Bridge {
	if s.wiring.opts.Bridge != nil {
		return s.wiring.opts.Bridge
	}
	s.wiring.mu.Lock()
	defer s.wiring.mu.Unlock()
	return s.wiring.bridge
}

// MediaChannelID is the id of the external media channel, of which events tell.
func (s *Stream) MediaChannelID() string { return s.wiring.id }
