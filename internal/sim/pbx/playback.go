package pbx

import (
	"slices"
	"strings"
	"time"

	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/wire"
)

// A Playback plays media to a channel or a bridge, one after another.
type Playback struct {
	p        *PBX
	ID       string
	Media    []string
	at       int // which one is playing
	Language string
	State    string // queued, playing, paused, continuing, done, failed
	Skip     time.Duration
	Offset   time.Duration
	ch       *Channel
	bridge   *Bridge
	cmd      *Command
	timer    *time.Timer
	began    time.Time     // when the current medium began or went on
	played   time.Duration // of the current medium, before that
	failed   bool
}

// JSON is the playback as ARI shows it.
func (pb *Playback) JSON() wire.JSON {
	fields := []wire.Field{wire.F("id", pb.ID), wire.F("media_uri", pb.Media[pb.at])}
	if pb.at+1 < len(pb.Media) {
		fields = append(fields, wire.F("next_media_uri", pb.Media[pb.at+1]))
	}
	return wire.Object(append(fields, wire.F("target_uri", pb.target()), wire.F("language", pb.Language), wire.F("state", pb.State))...)
}

func (pb *Playback) target() string {
	if pb.ch != nil {
		return "channel:" + pb.ch.ID
	}
	return "bridge:" + pb.bridge.ID
}

func (pb *Playback) emit(typ string) {
	make := func() wire.Event { return pb.p.Event(typ, wire.F("playback", pb.JSON())) }
	if pb.ch != nil {
		pb.ch.tell(make)
	} else {
		pb.p.ToBridgeMedia(pb.bridge.ID, make)
	}
}

// length is how long a medium plays, and what kind of end it has.
func (pb *Playback) length(uri string) (d time.Duration, ok, endless, ends bool) {
	scheme, rest, _ := strings.Cut(uri, ":")
	switch scheme {
	case "sound":
		if s := pb.p.Sounds[strings.SplitN(rest, "?", 2)[0]]; s != nil {
			return s.Duration, true, false, true
		}
		return 0, false, false, true
	case "recording":
		if r := pb.p.Stored[rest]; r != nil {
			return r.duration, true, false, true
		}
		return 0, false, false, false
	case "number":
		names, ok := media.Number(rest)
		return pb.p.total(names), ok, false, ok
	case "digits":
		return pb.p.total(media.Digits(rest)), true, false, true
	case "characters":
		return pb.p.total(media.Characters(rest)), true, false, true
	case "tone":
		ok := media.IsTone(rest)
		return 0, ok, true, true
	default:
		return 0, false, false, false
	}
}

// total is how long sounds last, one after another.
func (p *PBX) total(names []string) time.Duration {
	var d time.Duration
	for _, name := range names {
		if s := p.Sounds[name]; s != nil {
			d += s.Duration
		}
	}
	return d
}

// Controllable reports whether the current medium can be paused and the like.
func (pb *Playback) Controllable() bool {
	scheme, _, _ := strings.Cut(pb.Media[pb.at], ":")
	return scheme == "sound" || scheme == "recording" || scheme == "tone"
}

// start begins the current medium.
func (pb *Playback) start() {
	if pb.ch != nil {
		pb.ch.Progress() // Who isn't answered yet hears it as early media.
	}
	pb.State = "playing"
	pb.played = pb.Offset
	pb.Offset = 0
	pb.emit("PlaybackStarted")
	uri := pb.Media[pb.at]
	_, ok, _, ends := pb.length(uri)
	pb.failed = !ok
	if !ok && !ends { // Asterisk never tells the end of such a one.
		if pb.at == len(pb.Media)-1 {
			pb.remove()
			return
		}
		pb.at++
		pb.start()
		return
	}
	if !ok { // Nobody has heard it.
		pb.next()
		return
	}
	Hear(uri, pb.listeners()...)
	pb.goOn()
}

// listeners are the channels that hear it.
func (pb *Playback) listeners() []*Channel {
	if pb.ch != nil {
		return []*Channel{pb.ch}
	}
	return slices.Clone(pb.bridge.Channels)
}

// heard is the call at the other end of the channel, or of the channel that it is one half of.
func (ch *Channel) heard() farEnd {
	if ch.Far != nil && !ch.Hungup {
		return ch.Far
	}
	return nil
}

// Hear notes what begins to be heard at the far ends of channels.
func Hear(media string, channels ...*Channel) {
	for _, ch := range channels {
		if c := ch.heard(); c != nil {
			ch.sends()
			c.Hears(media)
		}
	}
}

// Music is what is heard of music on hold of a class.
func Music(class string) string {
	if class == "" {
		class = "default"
	}
	return "moh:" + class
}

// goOn arms the end of the current medium.
func (pb *Playback) goOn() {
	d, _, endless, _ := pb.length(pb.Media[pb.at])
	pb.began = pb.p.Now()
	pb.stopTimer()
	if !endless {
		pb.timer = pb.p.After(max(d-pb.played, 0), pb.next)
	}
}

func (pb *Playback) stopTimer() {
	if pb.timer != nil {
		pb.timer.Stop()
		pb.timer = nil
	}
}

// position is how much of the current medium has been played.
func (pb *Playback) position() time.Duration {
	if pb.State == "playing" {
		return pb.played + pb.p.simulated(pb.began)
	}
	return pb.played
}

// next goes on with the next medium, or ends.
func (pb *Playback) next() {
	if pb.over() {
		return
	}
	if pb.at+1 < len(pb.Media) {
		pb.State = "continuing"
		pb.emit("PlaybackContinuing")
		pb.at++
		pb.start()
		return
	}
	if pb.failed && pb.p.Has.failedPlayback {
		pb.Stop("failed")
	} else {
		pb.Stop("done")
	}
}

func (pb *Playback) over() bool { return pb.State == "done" || pb.State == "failed" }

// Stop ends it, and lets what waits for it go on.
func (pb *Playback) Stop(state string) {
	if pb.over() {
		return
	}
	if state == "failed" && !pb.p.Has.failedPlayback {
		state = "done"
	}
	pb.State = state
	pb.emit("PlaybackFinished")
	pb.remove()
}

func (pb *Playback) remove() {
	pb.stopTimer()
	if !pb.over() {
		pb.State = "done"
	}
	if pb.p.Playbacks[pb.ID] == pb {
		delete(pb.p.Playbacks, pb.ID)
	}
	pb.p.Signal()
	if pb.ch != nil {
		if pb.cmd != nil && pb.ch.Current == pb.cmd {
			pb.ch.Finish(pb.cmd)
		} else {
			pb.ch.queue = slices.DeleteFunc(pb.ch.queue, func(c *Command) bool { return c == pb.cmd })
		}
		return
	}
	b := pb.bridge
	if b.playing != pb {
		b.queue = slices.DeleteFunc(b.queue, func(o *Playback) bool { return o == pb })
		return
	}
	b.playing = nil
	b.announcer()
	if len(b.queue) > 0 && b.p.Bridges[b.ID] == b {
		b.playing, b.queue = b.queue[0], b.queue[1:]
		b.announcer = b.helper("Announcer/ARI")
		b.playing.start()
	}
}

// PlayOnChannel queues a playback behind what the channel does.
func (p *PBX) PlayOnChannel(ch *Channel, pb *Playback) wire.JSON {
	pb.p, pb.ch, pb.State = p, ch, "queued"
	p.Playbacks[pb.ID] = pb
	answer := pb.JSON()
	pb.cmd = &Command{
		sounds: true,
		Run:    pb.start,
		End: func() {
			// The command is no longer the channel's, so that nothing is left to be finished.
			if pb.State == "queued" {
				pb.State = "playing"
				pb.emit("PlaybackStarted")
			}
			pb.Stop("failed")
		},
	}
	ch.Enqueue(pb.cmd, false)
	return answer
}

// PlayOnBridge plays to a bridge, behind what is played to it.
func (p *PBX) PlayOnBridge(b *Bridge, pb *Playback) wire.JSON {
	pb.p, pb.bridge, pb.State = p, b, "queued"
	p.Playbacks[pb.ID] = pb
	answer := pb.JSON()
	if b.playing != nil {
		b.queue = append(b.queue, pb)
		return answer
	}
	b.playing = pb
	b.announcer = b.helper("Announcer/ARI")
	pb.start()
	return answer
}

// Plays reports whether something is played to the bridge.
func (b *Bridge) Plays() bool { return b.playing != nil }

// Control does what the operation of that name says. It reports whether it could.
func (pb *Playback) Control(operation string) bool {
	if operation == "unpause" && pb.State == "playing" {
		return true // Nothing is to be done.
	}
	if !pb.Controllable() {
		return false
	}
	switch operation {
	case "restart":
		pb.played = 0
	case "pause":
		if pb.State == "playing" {
			pb.played = pb.position()
			pb.State = "paused"
			pb.stopTimer()
		}
		return true
	case "unpause":
		if pb.State == "paused" {
			pb.State = "playing"
			pb.emit("PlaybackStarted")
			pb.goOn()
		}
		return true
	case "reverse":
		pb.played = max(pb.position()-pb.Skip, 0)
	case "forward":
		pb.played = pb.position() + pb.Skip
	}
	if pb.State == "playing" {
		pb.goOn()
	}
	return true
}

// SetSound adds a sound, or changes how long it lasts.
func (p *PBX) SetSound(name string, duration time.Duration) {
	p.Sounds[name] = &media.Sound{Duration: duration, Languages: []string{"en"}}
}
