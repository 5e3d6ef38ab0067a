package media

import (
	"strconv"
	"strings"
)

// Digits are the sounds that say digits, one after another. What isn't a digit isn't said.
func Digits(text string) []string {
	var names []string
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			names = append(names, "digits/"+string(c))
		case c == '*':
			names = append(names, "digits/star")
		case c == '#':
			names = append(names, "digits/pound")
		}
	}
	return names
}

// marks are the sounds of characters that are neither letters nor digits.
var marks = map[rune]string{
	'*': "digits/star", '#': "digits/pound", '!': "letters/exclaimation-point", '@': "letters/at", '$': "letters/dollar", '-': "letters/dash", '.': "letters/dot",
	'=': "letters/equals", '+': "letters/plus", '/': "letters/slash", ' ': "letters/space",
}

// Characters are the sounds that spell a text.
func Characters(text string) []string {
	var names []string
	for _, c := range strings.ToLower(text) {
		switch {
		case c >= '0' && c <= '9':
			names = append(names, "digits/"+string(c))
		case c >= 'a' && c <= 'z':
			names = append(names, "letters/"+string(c))
		case marks[c] != "":
			names = append(names, marks[c])
		}
	}
	return names
}

// Number are the sounds that say a number in English, and whether the text is one.
func Number(text string) (names []string, ok bool) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil, false
	}
	if n < 0 {
		names, n = append(names, "digits/minus"), -n
	}
	return append(names, say(n)...), true
}

func say(n int) []string {
	for _, big := range []struct {
		value int
		name  string
	}{{1_000_000, "digits/million"}, {1000, "digits/thousand"}, {100, "digits/hundred"}} {
		if n < big.value {
			continue
		}
		names := append(say(n/big.value), big.name)
		if rest := n % big.value; rest > 0 {
			names = append(names, say(rest)...)
		}
		return names
	}
	if n <= 20 || n%10 == 0 {
		return []string{"digits/" + strconv.Itoa(n)}
	}
	return []string{"digits/" + strconv.Itoa(n/10*10), "digits/" + strconv.Itoa(n%10)}
}

// tones are the names of tones that the configuration of indications has.
var tones = map[string]bool{
	"dial": true, "busy": true, "ring": true, "congestion": true, "callwaiting": true, "dialrecall": true, "record": true, "info": true, "stutter": true,
}

// IsTone reports whether a tone can be played: one that has a name, perhaps with a country, or frequencies.
func IsTone(text string) bool {
	name, _, _ := strings.Cut(text, ";")
	return tones[name] || name != "" && strings.ContainsRune("0123456789!", rune(name[0]))
}
