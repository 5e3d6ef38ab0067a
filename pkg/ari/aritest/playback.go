package aritest

import (
	_ "embed" // the list of sounds
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A sound is a file that can be played.
type sound struct {
	duration  time.Duration
	languages []string
}

// The sounds that come with Asterisk, as files of Debian's package of core sounds: their names, and how many milliseconds they last.
//
//go:embed sounds.txt
var coreSounds string

// defaultSounds are the sounds that come with Asterisk.
var defaultSounds = sync.OnceValue(func() map[string]*sound {
	sounds := map[string]*sound{}
	for line := range strings.Lines(coreSounds) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		ms, err := strconv.Atoi(text)
		if err != nil {
			panic("aritest: sounds.txt: " + err.Error())
		}
		sounds[name] = &sound{duration: time.Duration(ms) * time.Millisecond, languages: []string{"en"}}
	}
	return sounds
})

// Sound adds a sound that can be played, "sound:NAME", or changes how long it lasts. Asterisk's core sounds are there already, as long
// as they are in English; playing one that isn't there fails, as it does with Asterisk.
func (s *Server) Sound(name string, duration time.Duration) {
	p := s.pbx
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sounds[name] = &sound{duration: duration, languages: []string{"en"}}
}

// A playback plays media to a channel or a bridge, one after another.
type playback struct {
	p        *pbx
	id       string
	media    []string
	at       int // which one is playing
	language string
	state    string // queued, playing, paused, continuing, done, failed
	skip     time.Duration
	offset   time.Duration
	ch       *channel
	bridge   *bridge
	cmd      *command
	timer    *time.Timer
	began    time.Time     // when the current medium began or went on
	played   time.Duration // of the current medium, before that
	failed   bool
}

func (pb *playback) json() jsonText {
	fields := []field{{"id", pb.id}, {"media_uri", pb.media[pb.at]}}
	if pb.at+1 < len(pb.media) {
		fields = append(fields, field{"next_media_uri", pb.media[pb.at+1]})
	}
	return object(append(fields, field{"target_uri", pb.target()}, field{"language", pb.language}, field{"state", pb.state})...)
}

func (pb *playback) target() string {
	if pb.ch != nil {
		return "channel:" + pb.ch.id
	}
	return "bridge:" + pb.bridge.id
}

func (pb *playback) emit(typ string) {
	make := func() event { return pb.p.event(typ, field{"playback", pb.json()}) }
	if pb.ch != nil {
		pb.p.toChannel(pb.ch.id, make)
	} else {
		pb.p.toBridgeMedia(pb.bridge.id, make)
	}
}

// length is how long a medium plays, and what kind of end it has.
func (pb *playback) length(media string) (d time.Duration, ok, endless, ends bool) {
	scheme, rest, _ := strings.Cut(media, ":")
	switch scheme {
	case "sound":
		if s := pb.p.sounds[strings.SplitN(rest, "?", 2)[0]]; s != nil {
			return s.duration, true, false, true
		}
		return 0, false, false, true
	case "recording":
		if r := pb.p.stored[rest]; r != nil {
			return r.duration, true, false, true
		}
		return 0, false, false, false
	case "number", "digits", "characters":
		return time.Duration(len(rest)) * 500 * time.Millisecond, true, false, true
	case "tone":
		return 0, true, true, true
	default:
		return 0, false, false, false
	}
}

// controllable reports whether the current medium can be paused and the like.
func (pb *playback) controllable() bool {
	scheme, _, _ := strings.Cut(pb.media[pb.at], ":")
	return scheme == "sound" || scheme == "recording" || scheme == "tone"
}

// start begins the current medium.
func (pb *playback) start() {
	pb.state = "playing"
	pb.played = pb.offset
	pb.offset = 0
	pb.emit("PlaybackStarted")
	media := pb.media[pb.at]
	_, ok, _, ends := pb.length(media)
	pb.failed = !ok
	if !ok { // Nobody has heard it.
		if !ends && pb.at == len(pb.media)-1 {
			pb.remove() // Asterisk never tells the end of such a one.
			return
		}
		pb.next()
		return
	}
	hear(media, pb.listeners()...)
	pb.goOn()
}

// listeners are the channels that hear it.
func (pb *playback) listeners() []*channel {
	if pb.ch != nil {
		return []*channel{pb.ch}
	}
	return slices.Clone(pb.bridge.channels)
}

// farEnd is the call at the other end of the channel, or of the channel that it is one half of.
func (ch *channel) farEnd() *Call {
	if ch.call != nil && !ch.hungup {
		return ch.call
	}
	return nil
}

// hear notes what begins to be heard at the far ends of channels.
func hear(media string, channels ...*channel) {
	for _, ch := range channels {
		if c := ch.farEnd(); c != nil {
			c.note(func(c *Call) { c.heard = append(c.heard, media) })
		}
	}
}

// music is what is heard of music on hold of a class.
func music(class string) string {
	if class == "" {
		class = "default"
	}
	return "moh:" + class
}

// goOn arms the end of the current medium.
func (pb *playback) goOn() {
	d, _, endless, _ := pb.length(pb.media[pb.at])
	pb.began = pb.p.now()
	pb.stopTimer()
	if !endless {
		pb.timer = pb.p.after(max(d-pb.played, 0), pb.next)
	}
}

func (pb *playback) stopTimer() {
	if pb.timer != nil {
		pb.timer.Stop()
		pb.timer = nil
	}
}

// position is how much of the current medium has been played.
func (pb *playback) position() time.Duration {
	if pb.state == "playing" {
		return pb.played + pb.p.simulated(pb.began)
	}
	return pb.played
}

// next goes on with the next medium, or ends.
func (pb *playback) next() {
	if pb.over() {
		return
	}
	if pb.at+1 < len(pb.media) {
		pb.state = "continuing"
		pb.emit("PlaybackContinuing")
		pb.at++
		pb.start()
		return
	}
	if pb.failed && pb.p.has.failedPlayback {
		pb.stop("failed")
	} else {
		pb.stop("done")
	}
}

func (pb *playback) over() bool { return pb.state == "done" || pb.state == "failed" }

// stop ends it, and lets what waits for it go on.
func (pb *playback) stop(state string) {
	if pb.over() {
		return
	}
	if state == "failed" && !pb.p.has.failedPlayback {
		state = "done"
	}
	pb.state = state
	pb.emit("PlaybackFinished")
	pb.remove()
}

func (pb *playback) remove() {
	pb.stopTimer()
	if !pb.over() {
		pb.state = "done"
	}
	if pb.p.playbacks[pb.id] == pb {
		delete(pb.p.playbacks, pb.id)
	}
	pb.p.signal()
	if pb.ch != nil {
		if pb.cmd != nil && pb.ch.current == pb.cmd {
			pb.ch.finish(pb.cmd)
		} else {
			pb.ch.queue = slices.DeleteFunc(pb.ch.queue, func(c *command) bool { return c == pb.cmd })
		}
		return
	}
	b := pb.bridge
	if b.playing != pb {
		b.queue = slices.DeleteFunc(b.queue, func(o *playback) bool { return o == pb })
		return
	}
	b.playing = nil
	if len(b.queue) > 0 && b.p.bridges[b.id] == b {
		b.playing, b.queue = b.queue[0], b.queue[1:]
		b.playing.start()
	}
}

// playOnChannel queues a playback behind what the channel does.
func (p *pbx) playOnChannel(ch *channel, pb *playback) jsonText {
	pb.p, pb.ch, pb.state = p, ch, "queued"
	p.playbacks[pb.id] = pb
	answer := pb.json()
	pb.cmd = &command{
		run: pb.start,
		end: func(bool) {
			// The command is no longer the channel's, so that nothing is left to be finished.
			if pb.state != "queued" {
				pb.stop("failed")
				return
			}
			pb.remove()
		},
	}
	ch.enqueue(pb.cmd, false)
	return answer
}

func (p *pbx) playOnBridge(b *bridge, pb *playback) jsonText {
	pb.p, pb.bridge, pb.state = p, b, "queued"
	p.playbacks[pb.id] = pb
	answer := pb.json()
	if b.playing != nil {
		b.queue = append(b.queue, pb)
		return answer
	}
	b.playing = pb
	pb.start()
	return answer
}

// control does what the operation of that name says. It reports whether it could.
func (pb *playback) control(operation string) bool {
	if !pb.controllable() {
		return false
	}
	switch operation {
	case "restart":
		pb.played = 0
	case "pause":
		if pb.state == "playing" {
			pb.played = pb.position()
			pb.state = "paused"
			pb.stopTimer()
		}
		return true
	case "unpause":
		if pb.state == "paused" {
			pb.state = "playing"
			pb.emit("PlaybackStarted")
			pb.goOn()
		}
		return true
	case "reverse":
		pb.played = max(pb.position()-pb.skip, 0)
	case "forward":
		pb.played = pb.position() + pb.skip
	}
	if pb.state == "playing" {
		pb.goOn()
	}
	return true
}
