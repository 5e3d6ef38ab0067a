package ivr

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// A Language is how numbers, dates and times are said, as rules: data, so that another language is another table. [English],
// [German], [French] and [Spanish] are there, and are found by a channel's language. For one of its own, a program calls [Phrase.In].
//
// Patterns are names of sounds, separated by spaces. In them stand
//
//	{n}        the number itself, said by the rules of Numbers
//	{0}        the number in figures, as a part of a sound's name: digits/{0}
//	{<} {>}    the number divided by the rule's divisor, and what is left: said by the same rules
//	{>0}       what is left, in figures, as a part of a name
//	{h} {m} {s} {day} {year} {count}   numbers of a time or a date
//	{h12}      the hour from 1 to 12
//	{half}     digits/a-m or digits/p-m
//	{weekday} {month} {nth}   sounds of a date; {nth} is the day as an ordinal
//
// {>} and {>0} of nothing left are nothing.
type Language struct {
	// Code is the language's code: two small letters.
	Code string

	// Numbers are the rules for numbers, from the smallest on. The last whose From isn't greater than the number holds.
	Numbers []Rule

	// Ordinals are those for ordinals, from 1 on, and Years those for years; where they have none, Numbers hold.
	Ordinals, Years []Rule

	// Minus is said before a negative number.
	Minus string

	// Clock is how a time is said; the last whose From isn't greater than the minute holds.
	Clock []Rule

	// OneOClock is said for {h} and {h12} of 1, if that is another word than the number; "" is the number.
	OneOClock string

	// Date is how a day is said.
	Date string

	// Hours, Minutes and Seconds are how durations are said: those of one, and those of more.
	Hours, Minutes, Seconds Counted

	// And stands between the last two parts of a duration or an amount; it may be empty.
	And string

	// Currencies are how amounts are said, by the currency's three letters: whole units, and hundredths.
	Currencies map[string][2]Counted

	// Needed are sounds that the rules name and Asterisk's own sound packages for the language don't have.
	Needed []string
}

// A Rule is how numbers from some number on are said.
type Rule struct {
	From    int
	Pattern string
	// Divisor is what {<} and {>} divide by; 0 stands for the greatest power of ten that isn't greater than From.
	Divisor int
}

// Counted is how one of something is said, and how more are.
type Counted struct{ One, Many string }

// rule returns the rule that holds for a number.
func rule(rules []Rule, n int) (Rule, bool) {
	for _, r := range slices.Backward(rules) {
		if r.From <= n {
			return r, true
		}
	}
	return Rule{}, false
}

// maxNumber is the greatest number that is said.
const maxNumber = 999_999_999_999

// number says a number.
func (l *Language) number(n int) (string, error) {
	if n < -maxNumber || n > maxNumber {
		return "", fmt.Errorf("%w: %d is too great a number to be said", ari.ErrInvalid, n)
	}
	if n < 0 {
		text, err := l.number(-n)
		return l.Minus + " " + text, err
	}
	return l.byRules(l.Numbers, n)
}

// ordinal says an ordinal.
func (l *Language) ordinal(n int) (string, error) {
	if n < 1 || n > 31 || len(l.Ordinals) == 0 {
		return "", fmt.Errorf("%w: %q has no rule for the ordinal %d", ari.ErrInvalid, l.Code, n)
	}
	return l.byRules(l.Ordinals, n)
}

// byRules says a number by the rules of one table.
func (l *Language) byRules(rules []Rule, n int) (string, error) {
	r, ok := rule(rules, n)
	if !ok {
		return "", fmt.Errorf("%w: %q has no rule for the number %d", ari.ErrInvalid, l.Code, n)
	}
	div := r.Divisor
	if div == 0 {
		for div = 1; div*10 <= r.From; div *= 10 {
		}
	}
	rest := func(say func(n int) (string, error)) func() (string, error) {
		return func() (string, error) {
			if n%div == 0 {
				return "", nil
			}
			return say(n % div)
		}
	}
	return expand(r.Pattern, map[string]func() (string, error){
		"0": func() (string, error) { return strconv.Itoa(n), nil },
		"n": func() (string, error) { return l.number(n) },
		"<": func() (string, error) { return l.number(n / div) },
		">": rest(func(n int) (string, error) {
			if _, ok := rule(rules, n); !ok { // A century's years are numbers.
				return l.number(n)
			}
			return l.byRules(rules, n)
		}),
		">0": rest(func(n int) (string, error) { return strconv.Itoa(n), nil }),
	})
}

// expand puts what stands for them into a pattern's braces.
func expand(pattern string, values map[string]func() (string, error)) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(pattern, "{")
		b.WriteString(before)
		if !found {
			return strings.Join(strings.Fields(b.String()), " "), nil
		}
		name, after, _ := strings.Cut(rest, "}")
		value, ok := values[name]
		if !ok {
			return "", fmt.Errorf("%w: the pattern %q has {%s}, which is nothing", ari.ErrInvalid, pattern, name)
		}
		text, err := value()
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		pattern = after
	}
}

// date says a day.
func (l *Language) date(t time.Time) (string, error) {
	return expand(l.Date, map[string]func() (string, error){
		"weekday": func() (string, error) { return "digits/day-" + strconv.Itoa(int(t.Weekday())), nil },
		"month":   func() (string, error) { return "digits/mon-" + strconv.Itoa(int(t.Month())-1), nil },
		"nth":     func() (string, error) { return l.ordinal(t.Day()) },
		"day":     func() (string, error) { return l.number(t.Day()) },
		"year":    func() (string, error) { return l.year(t.Year()) },
	})
}

func (l *Language) year(n int) (string, error) {
	if _, ok := rule(l.Years, n); ok {
		return l.byRules(l.Years, n)
	}
	return l.number(n)
}

// timeOfDay says hour and minute.
func (l *Language) timeOfDay(t time.Time) (string, error) {
	hour := func(h int) func() (string, error) {
		return func() (string, error) {
			if h == 1 && l.OneOClock != "" {
				return l.OneOClock, nil
			}
			return l.number(h)
		}
	}
	r, _ := rule(l.Clock, t.Minute())
	return expand(r.Pattern, map[string]func() (string, error){
		"h":   hour(t.Hour()),
		"h12": hour((t.Hour()+11)%12 + 1),
		"m":   func() (string, error) { return l.number(t.Minute()) },
		"half": func() (string, error) {
			if t.Hour() < 12 {
				return "digits/a-m", nil
			}
			return "digits/p-m", nil
		},
	})
}

// duration says a duration.
func (l *Language) duration(d time.Duration) (string, error) {
	if d < 0 {
		return "", fmt.Errorf("%w: a negative duration", ari.ErrInvalid)
	}
	s := int(d.Round(time.Second) / time.Second)
	parts := []string{}
	for _, p := range []struct {
		n    int
		word Counted
	}{{s / 3600, l.Hours}, {s / 60 % 60, l.Minutes}, {s % 60, l.Seconds}} {
		if p.n == 0 && (s != 0 || p.word != l.Seconds) {
			continue
		}
		text, err := l.count(p.n, p.word)
		if err != nil {
			return "", err
		}
		parts = append(parts, text)
	}
	return l.join(parts), nil
}

// money says an amount.
func (l *Language) money(cents int, currency string) (string, error) {
	words, ok := l.Currencies[strings.ToUpper(currency)]
	if !ok {
		return "", fmt.Errorf("%w: %q has no words for the currency %q", ari.ErrInvalid, l.Code, currency)
	}
	minus := ""
	if cents < 0 {
		minus, cents = l.Minus+" ", -cents
	}
	var parts []string
	for i, n := range []int{cents / 100, cents % 100} {
		if n == 0 && (cents != 0 || i == 1) {
			continue
		}
		text, err := l.count(n, words[i])
		if err != nil {
			return "", err
		}
		parts = append(parts, text)
	}
	return minus + l.join(parts), nil
}

// count says how many of something.
func (l *Language) count(n int, word Counted) (string, error) {
	pattern := word.Many
	if n == 1 {
		pattern = word.One
	}
	return expand(pattern, map[string]func() (string, error){"count": func() (string, error) { return l.number(n) }})
}

// join puts parts together, the last with And.
func (l *Language) join(parts []string) string {
	if len(parts) > 1 && l.And != "" {
		parts[len(parts)-1] = l.And + " " + parts[len(parts)-1]
	}
	return strings.Join(parts, " ")
}

// languageFor finds a language by its code, whatever region follows; English for none. Nil if it isn't known.
func languageFor(code string) *Language {
	code, _, _ = strings.Cut(strings.ToLower(cmp.Or(code, "en")), "_")
	code, _, _ = strings.Cut(code, "-")
	for _, l := range []*Language{English, German, French, Spanish} {
		if l.Code == code {
			return l
		}
	}
	return nil
}
