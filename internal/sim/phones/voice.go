package phones

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/pbx"
)

// A voice is what goes through a telephone's microphone and loudspeaker.
type voice struct {
	mouth, ear *media.Codec // what goes to Asterisk, and what comes from there
	say        []int16      // not yet said, at the codec's rate
	talking    bool         // it sends a frame each 20 ms
	due        time.Time    // of the next
	listeners  []*Listener
	pinned     bool // something is to be said, so there must be somebody who listens
}

func newVoice(formats string) voice {
	format, _, _ := strings.Cut(formats, "|")
	return voice{mouth: media.NewCodec(format, false), ear: media.NewCodec(format, false)}
}

// Rate is the sample rate of the telephone's codec.
func (c *Call) Rate() int { return c.voice.mouth.Rate }

// Say says something, behind what is being said. It returns at once. Nobody hears it before the call is answered.
func (c *Call) Say(rate int, pcm []int16) {
	defer c.lock()()
	if c.over {
		return
	}
	var converter media.Converter
	c.voice.say = append(c.voice.say, converter.Convert(media.Frame{Rate: rate, PCM: pcm}, c.Rate())...)
	c.pin(true)
	c.talk()
	c.Changed()
}

// Hush stops saying anything.
func (c *Call) Hush() {
	defer c.lock()()
	c.voice.say = nil
	c.pin(false)
	c.Changed()
}

// HasSaid reports whether everything has been said that was to be; it needs the lock.
func (c *Call) HasSaid() bool { return len(c.voice.say) == 0 }

// pin keeps sound flowing while there is something to say.
func (c *Call) pin(on bool) {
	switch {
	case on && !c.voice.pinned:
		c.voice.pinned = true
		c.p.BeginSound()
	case !on && c.voice.pinned:
		c.voice.pinned = false
		c.p.EndSound()
	}
}

// talks reports whether anything would come of it if the telephone sent something.
func (c *Call) talks() bool {
	b := c.ch.Bridge
	return c.up && !c.over && c.p.Sounding() && (len(c.voice.say) > 0 || b != nil && len(b.Channels) > 1)
}

// talk starts the telephone's clock if somebody could hear it. A telephone sends frames from the answer on, be they silence.
func (c *Call) talk() {
	v := &c.voice
	if v.talking || !c.talks() {
		return
	}
	v.talking, v.due = true, c.p.Now()
	c.next()
}

func (c *Call) next() {
	c.voice.due = c.voice.due.Add(pbx.FrameTime)
	c.p.Beat(c.voice.due, c.frame)
}

// frame sends what is to be said next.
func (c *Call) frame() {
	v := &c.voice
	if !c.talks() {
		v.talking = false
		return
	}
	pcm := make([]int16, c.Rate()/50)
	if len(v.say) > 0 {
		n := copy(pcm, v.say)
		if v.say = v.say[n:]; len(v.say) == 0 {
			v.say = nil
			c.pin(false)
			close(c.changed)
			c.changed = make(chan struct{})
		}
	}
	c.ch.Deliver(v.mouth.Decode(v.mouth.Encode(media.Frame{Rate: c.Rate(), PCM: pcm})))
	c.next()
}

// silence ends all that has to do with sound, since the call is over.
func (c *Call) silence() {
	c.pin(false)
	for _, l := range c.voice.listeners {
		l.end()
	}
}

// Sounds tells what is to be heard.
func (c *Call) Sounds(f media.Frame) {
	v := &c.voice
	if len(v.listeners) == 0 || !c.up && !c.progress {
		return
	}
	heard := v.ear.Decode(v.ear.Encode(f))
	if len(heard.PCM) == 0 {
		return
	}
	for _, l := range v.listeners {
		l.frames = append(l.frames, HeardFrame{c.p.Now(), heard.PCM})
		close(l.news)
		l.news = make(chan struct{})
	}
}

// A HeardFrame is a piece of what was heard, and when it came.
type HeardFrame struct {
	Time time.Time
	PCM  []int16
}

// A Listener keeps what is heard at a call's far end.
type Listener struct {
	call   *Call
	frames []HeardFrame
	news   chan struct{} // closed when something has come
	open   bool
}

// Listen begins to listen.
func (c *Call) Listen() *Listener {
	defer c.lock()()
	l := &Listener{call: c, news: make(chan struct{})}
	if !c.over {
		l.open = true
		c.voice.listeners = append(c.voice.listeners, l)
		c.p.BeginSound()
		c.talk()
	}
	return l
}

// end ends listening; it needs the lock.
func (l *Listener) end() {
	if l.open {
		l.open = false
		l.call.p.EndSound()
		close(l.news)
		l.news = make(chan struct{})
	}
}

// Close ends listening. What was heard stays.
func (l *Listener) Close() {
	defer l.call.lock()()
	l.end()
	l.call.voice.listeners = slices.DeleteFunc(slices.Clone(l.call.voice.listeners), func(o *Listener) bool { return o == l })
}

// Frames are what was heard, and with take they are forgotten.
func (l *Listener) Frames(take bool) []HeardFrame {
	defer l.call.lock()()
	all := l.frames
	if take {
		l.frames = nil
		return all
	}
	return slices.Clone(all)
}

// Wait waits until a condition of what was heard holds. It fails with [ErrOver] when nothing more will come, or with the context's error.
func (l *Listener) Wait(ctx context.Context, condition func([]HeardFrame) bool) error {
	for {
		l.call.p.Mu.Lock()
		frames, news, open := slices.Clip(l.frames), l.news, l.open
		l.call.p.Mu.Unlock()
		if condition(frames) {
			return nil
		}
		if !open {
			return ErrOver
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
