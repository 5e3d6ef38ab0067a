package media

import (
	_ "embed" // the list of sounds
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Sound is a file that can be played.
type Sound struct {
	Duration  time.Duration
	Languages []string
}

// The sounds that come with Asterisk, as files of Debian's package of core sounds: their names, and how many milliseconds they last.
//
//go:embed sounds.txt
var soundList string

// CoreSounds are the sounds that come with Asterisk.
var CoreSounds = sync.OnceValue(func() map[string]*Sound {
	sounds := map[string]*Sound{}
	for line := range strings.Lines(soundList) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		ms, err := strconv.Atoi(text)
		if err != nil {
			panic("media: sounds.txt: " + err.Error())
		}
		sounds[name] = &Sound{Duration: time.Duration(ms) * time.Millisecond, Languages: []string{"en"}}
	}
	return sounds
})
