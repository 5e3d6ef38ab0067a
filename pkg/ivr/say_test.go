package ivr_test

import (
	"context"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/ivr"
)

// speak says what sounds say.
func (s *speaker) speak(t *testing.T, parts ...ivr.Part) string {
	t.Helper()
	media, err := ivr.Phrase(parts).Media(s.code)
	require.NoError(t, err)
	var text []string
	for _, medium := range media {
		name, ok := strings.CutPrefix(medium, "sound:")
		require.True(t, ok, medium)
		text = append(text, s.word(t, name))
	}
	return strings.Join(text, s.glue)
}

func (s *speaker) word(t *testing.T, sound string) string {
	t.Helper()
	if w, ok := s.sounds[sound]; ok {
		return w
	}
	name := strings.TrimPrefix(sound, "digits/")
	kind, figure, dashed := strings.Cut(name, "-")
	n, err := strconv.Atoi(figure)
	switch {
	case dashed && err == nil && kind == "h" && n == 30 && s.code == "en":
		return "thirtieth"
	case dashed && err == nil && kind == "h":
		return s.ordinals[n-1]
	case dashed && err == nil && kind == "mon":
		return s.months[n]
	case dashed && err == nil && kind == "day":
		return s.days[n]
	}
	n, err = strconv.Atoi(name)
	require.NoError(t, err, "%s has no word for %s", s.code, sound)
	if n < len(s.ones) {
		return s.ones[n]
	}
	require.Zero(t, n%10, sound)
	return s.tens[n/10]
}

func TestSayNumbers(t *testing.T) {
	for _, s := range speakers {
		for n := range 10_000 {
			require.Equal(t, s.number(s, n), s.speak(t, ivr.Number(n)), "%s: %d", s.code, n)
		}
	}
}

func TestSayTimes(t *testing.T) {
	for _, s := range speakers {
		for minute := range 24 * 60 {
			at := time.Date(2026, 11, 25, minute/60, minute%60, 0, 0, time.UTC)
			require.Equal(t, s.timeOfDay(s, minute/60, minute%60), s.speak(t, ivr.TimeOfDay(at)), "%s: %v", s.code, at)
		}
	}
}

func TestSayDates(t *testing.T) {
	for _, s := range speakers {
		weekday := 4 // 2026 begins on a Thursday.
		for day := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC); day.Year() < 2028; day = day.AddDate(0, 0, 1) {
			require.Equal(t, s.date(s, weekday, day.Day(), int(day.Month())-1, day.Year()), s.speak(t, ivr.Date(day)), "%s: %v", s.code, day)
			weekday = (weekday + 1) % 7
		}
	}
}

// Each sound that the rules name is in Asterisk's package for the language, or is listed as needed; and what is listed is needed.
func TestSoundsExist(t *testing.T) {
	for _, l := range []*ivr.Language{ivr.English, ivr.French, ivr.Spanish} {
		data, err := os.ReadFile("testdata/sounds-" + l.Code + ".txt")
		require.NoError(t, err)
		there := strings.Fields(string(data))
		missing := map[string]bool{}
		for name := range named(t, l) {
			if !slices.Contains(there, name) {
				missing[name] = true
			}
		}
		for name := range missing {
			require.Contains(t, l.Needed, name, "%s lacks %s", l.Code, name)
		}
		for _, name := range l.Needed {
			require.True(t, missing[name], "%s: %s isn't named, or is there", l.Code, name)
		}
	}
	data, err := os.ReadFile("testdata/needed-de.txt")
	require.NoError(t, err)
	_, list, _ := strings.Cut(string(data), "\n")
	require.Equal(t, slices.Sorted(maps.Keys(named(t, ivr.German))), strings.Fields(list), "what a set of German sounds must have")
}

// named are the sounds that a language's rules can name.
func named(t *testing.T, l *ivr.Language) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	add := func(parts ...ivr.Part) {
		media, err := ivr.Phrase(parts).In(l)
		require.NoError(t, err)
		for _, medium := range media {
			all[strings.TrimPrefix(medium, "sound:")] = true
		}
	}
	for n := range 10_000 {
		add(ivr.Number(n))
	}
	add(ivr.Number(-1), ivr.Number(1_000_000), ivr.Number(3_000_000), ivr.Number(1_000_000_000), ivr.Number(5_000_000_000))
	for hour := range 24 * 60 {
		add(ivr.TimeOfDay(time.Date(2026, 1, 1, 0, hour, 0, 0, time.UTC)))
	}
	for day := range 731 {
		add(ivr.Date(time.Date(2026, 1, 1+day, 0, 0, 0, 0, time.UTC)), ivr.Date(time.Date(1998, 1, 1+day, 0, 0, 0, 0, time.UTC)))
	}
	for _, d := range []time.Duration{0, time.Second, time.Minute, time.Hour, 2*time.Hour + 2*time.Minute + 2*time.Second} {
		add(ivr.Duration(d))
	}
	for currency := range l.Currencies {
		for _, cents := range []int{0, 1, 100, 202, -5} {
			add(ivr.Money(cents, currency))
		}
	}
	add(ivr.Digits("0123456789*#"), ivr.Spell("abcdefghijklmnopqrstuvwxyz0123456789*#@-./+=$! "))
	return all
}

func TestPhrases(t *testing.T) {
	at := time.Date(2026, 11, 25, 15, 5, 0, 0, time.UTC)
	for want, parts := range map[string]ivr.Phrase{
		"digits/1 digits/2 digits/pound":                              {ivr.Digits("1 2-#")},
		"letters/a digits/1 letters/at letters/b":                     {ivr.Spell("A1@üb")},
		"digits/minus digits/1 digits/million digits/5":               {ivr.Number(-1_000_005)},
		"digits/2 hours vm-and digits/1 second":                       {ivr.Duration(2*time.Hour + time.Second)},
		"digits/0 seconds":                                            {ivr.Duration(0)},
		"digits/12 digits/dollars vm-and digits/50 cents":             {ivr.Money(1250, "usd")},
		"digits/1 cent":                                               {ivr.Money(1, "EUR")},
		"digits/0 digits/dollars":                                     {ivr.Money(0, "USD")},
		"hello-world silence/3":                                       {ivr.Sound("hello-world"), ivr.Pause(2500 * time.Millisecond)},
		"digits/3 digits/oh digits/5 digits/p-m digits/20 digits/h-1": {ivr.TimeOfDay(at), ivr.Ordinal(21)},
	} {
		media, err := parts.Media("en_US")
		require.NoError(t, err)
		require.Equal(t, want, strings.ReplaceAll(strings.Join(media, " "), "sound:", ""))
	}
	media, err := ivr.Phrase{ivr.Tone("busy"), ivr.StoredRecording("a"), ivr.URL("http://h/x.wav"), ivr.Media("number:1"), {}}.Media("xx")
	require.NoError(t, err, "these need no rules")
	require.Equal(t, []string{"tone:busy", "recording:a", "sound:http://h/x.wav", "number:1"}, media)
	media, err = ivr.Phrase{ivr.Date(time.Date(1998, 5, 3, 0, 0, 0, 0, time.UTC))}.Media("de-DE")
	require.NoError(t, err)
	require.Equal(t, "sound:digits/19 sound:digits/hundred sound:digits/8-and sound:digits/90", strings.Join(media[3:], " "))
	for _, bad := range []ivr.Phrase{{ivr.Number(1e15)}, {ivr.Money(1, "XXX")}, {ivr.Ordinal(32)}, {ivr.Ordinal(0)}, {ivr.Duration(-1)}} {
		_, err := bad.Media("en")
		require.ErrorIs(t, err, ari.ErrInvalid)
	}
	_, err = ivr.Phrase{ivr.Number(1)}.Media("xx")
	require.ErrorIs(t, err, ari.ErrInvalid)
}

func TestSay(t *testing.T) {
	for name, tt := range map[string]struct {
		opts    ivr.SayOptions
		behave  func(p *pbx, caller *aritest.Call)
		outcome ivr.Outcome
		key     string
		heard   int
	}{
		"to its end":      {ivr.SayOptions{}, func(*pbx, *aritest.Call) {}, ivr.Done, "", 5},
		"a key stops it":  {ivr.SayOptions{}, press("5", "digits/20"), ivr.Key, "5", 4},
		"no key stops it": {ivr.SayOptions{NoBargeIn: true}, press("5", "digits/20"), ivr.Done, "", 5},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(p *pbx) {
				var call *aritest.Call
				res, err := served(p, func(caller *aritest.Call) { call = caller; tt.behave(p, caller) }, func(ctx context.Context, caller *ari.Channel) (*ivr.SayResult, error) {
					return ivr.Say(ctx, caller, tt.opts, ivr.Sound("vm-youhave"), ivr.Number(121))
				})
				require.NoError(t, err)
				require.Equal(t, tt.outcome, res.Outcome)
				require.Equal(t, tt.key, res.Key)
				require.Len(t, call.Heard(), tt.heard)
			})
		})
	}
}

// press presses keys when a sound begins.
func press(keys, sound string) func(p *pbx, caller *aritest.Call) {
	return func(p *pbx, caller *aritest.Call) {
		if caller.WaitHeard(p.ctx, "sound:"+sound) == nil {
			caller.SendDTMF(keys)
		}
	}
}

func TestSayFails(t *testing.T) {
	bubble(t, func(p *pbx) {
		res, err := served(p, nil, func(ctx context.Context, caller *ari.Channel) (*ivr.SayResult, error) {
			return ivr.Say(ctx, caller, ivr.SayOptions{}, ivr.Sound("no-such-sound"), ivr.Sound("beep"))
		})
		require.ErrorIs(t, err, ari.ErrPlaybackFailed)
		require.ErrorContains(t, err, "no-such-sound")
		require.Equal(t, ivr.Failed, res.Outcome)
	})
	bubble(t, func(p *pbx) {
		res, err := served(p, func(caller *aritest.Call) {
			if caller.WaitHeard(p.ctx, "sound:demo-congrats") == nil {
				caller.Hangup()
			}
		}, func(ctx context.Context, caller *ari.Channel) (*ivr.SayResult, error) {
			return ivr.Say(ctx, caller, ivr.SayOptions{}, ivr.Sound("demo-congrats"))
		})
		_, ended := err.(*ari.EndError) //nolint:errorlint // It is the very one.
		require.True(t, ended, "%v", err)
		require.Equal(t, ivr.HungUp, res.Outcome)
	})
}
