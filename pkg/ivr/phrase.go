package ivr

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// A Part is something that can be played or said: see [Sound], [Number], [Date] and the like. It becomes media in a language.
type Part struct {
	media func(l *Language) ([]string, error)
}

// A Phrase is parts that are played one after the other.
type Phrase []Part

// Media are what is played for a phrase in a language, such as "en" or "en_US": media as Play and Prompt of package ari take
// them. They are sound files and the like throughout, which a key can stop; number: and digits:, which Asterisk speaks by
// itself, it can't stop.
//
// It fails with ari.ErrInvalid for a language that isn't known and something that depends on it, and for what can't be said.
func (p Phrase) Media(lang string) ([]string, error) { return p.In(languageFor(lang)) }

// In is Media for a language of one's own. It fails with ari.ErrInvalid for what its rules can't say.
func (p Phrase) In(l *Language) ([]string, error) {
	var all []string
	for _, part := range p {
		if part.media == nil {
			continue
		}
		media, err := part.media(l)
		if err != nil {
			return nil, fmt.Errorf("ivr: %w", err)
		}
		all = append(all, media...)
	}
	return all, nil
}

// mediaFor returns a phrase's media for a channel: in a language, or else the channel's own.
func (p Phrase) mediaFor(ch *ari.Channel, lang string) ([]string, error) {
	if len(p) == 0 {
		return nil, nil
	}
	if lang == "" && ch != nil {
		lang = ch.Language
	}
	return p.Media(lang)
}

// playPhrase plays a phrase to a channel, to its end.
func playPhrase(ctx context.Context, ch *ari.Channel, lang string, p Phrase) error {
	media, err := p.mediaFor(ch, lang)
	if err != nil {
		return err
	}
	return playAll(ctx, ch, lang, media)
}

func fixed(media ...string) Part {
	return Part{func(*Language) ([]string, error) { return media, nil }}
}

// Sound is a sound file, such as "hello-world" or "custom/greeting".
func Sound(name string) Part { return fixed("sound:" + name) }

// Sounds are several sound files, as a phrase.
func Sounds(names ...string) Phrase { return Phrase{named(names)} }

func named(names []string) Part {
	media := make([]string, len(names))
	for i, name := range names {
		media[i] = "sound:" + name
	}
	return fixed(media...)
}

// StoredRecording is a recording that has been made, by its name.
func StoredRecording(name string) Part { return fixed("recording:" + name) }

// Tone is a tone of indications.conf, such as "busy", or a tone of its own, such as "440/250,0/250". It doesn't end by itself,
// unless it is written so.
func Tone(tone string) Part { return fixed("tone:" + tone) }

// URL is a sound file on a web server. Asterisk fetches it, and keeps it for as long as the server allows.
// Since Asterisk 14, with the module res_http_media_cache.
func URL(url string) Part { return fixed("sound:" + url) }

// Pause is silence of up to ten seconds, in whole seconds: Asterisk's own silent sounds.
func Pause(d time.Duration) Part {
	n := min(max(int((d+time.Second-1)/time.Second), 1), 10)
	return Sound(fmt.Sprintf("silence/%d", n))
}

// Media are media as Play takes them, such as "sound:hello-world".
func Media(media ...string) Part { return fixed(media...) }

// spoken makes a part of something that depends on the language.
func spoken(say func(l *Language) (string, error)) Part {
	return Part{func(l *Language) ([]string, error) {
		if l == nil {
			return nil, fmt.Errorf("%w: there are no rules for the language", ari.ErrInvalid)
		}
		text, err := say(l)
		if err != nil {
			return nil, err
		}
		return named(strings.Fields(text)).media(l)
	}}
}

// Number says a whole number as a word, up to a thousand millions: 21 as "twenty-one".
func Number(n int) Part { return spoken(func(l *Language) (string, error) { return l.number(n) }) }

// Ordinal says a number as a place in an order, from 1 to 31: "twenty-first". Only languages that say dates so have it.
func Ordinal(n int) Part { return spoken(func(l *Language) (string, error) { return l.ordinal(n) }) }

// Digits says digits, and keys of a telephone, one by one: "12#" as "one, two, pound". What is between them, such as spaces,
// is left out.
func Digits(digits string) Part {
	return named(characters(digits, "digits/", keySounds))
}

// Spell says letters, digits and signs one by one: "a1@" as "a, one, at". What has no sound is left out.
func Spell(text string) Part {
	return named(characters(strings.ToLower(text), "letters/", signSounds))
}

// Date says a day: in English, "Tuesday, November twenty-fourth, two thousand twenty-six". It takes the time's own zone.
func Date(t time.Time) Part { return spoken(func(l *Language) (string, error) { return l.date(t) }) }

// TimeOfDay says hour and minute. It takes the time's own zone.
func TimeOfDay(t time.Time) Part {
	return spoken(func(l *Language) (string, error) { return l.timeOfDay(t) })
}

// Duration says hours, minutes and seconds, without those that are zero.
func Duration(d time.Duration) Part {
	return spoken(func(l *Language) (string, error) { return l.duration(d) })
}

// Money says an amount, in hundredths of a currency by its three letters: Money(1250, "USD") is twelve dollars and fifty cents.
func Money(cents int, currency string) Part {
	return spoken(func(l *Language) (string, error) { return l.money(cents, currency) })
}

// keySounds are the sounds of what isn't a digit among a telephone's keys; signSounds those of signs.
var (
	keySounds  = map[rune]string{'*': "digits/star", '#': "digits/pound"}
	signSounds = map[rune]string{
		'*': "letters/asterisk", '#': "digits/pound", '@': "letters/at", '-': "letters/dash", '.': "letters/dot", '/': "letters/slash",
		'+': "letters/plus", '=': "letters/equals", '$': "letters/dollar", '!': "letters/exclaimation-point", ' ': "letters/space",
	}
)

// characters are the sounds of characters one by one.
func characters(text, letters string, signs map[rune]string) []string {
	var names []string
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			names = append(names, "digits/"+string(c))
		case c >= 'a' && c <= 'z' && letters == "letters/":
			names = append(names, letters+string(c))
		case signs[c] != "":
			names = append(names, signs[c])
		}
	}
	return names
}
