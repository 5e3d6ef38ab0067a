package ivr_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/ivr"
)

// A typed is keys that are pressed some time after the question has begun.
type typed struct {
	after time.Duration
	keys  string
}

const (
	s        = time.Second
	question = "vm-extension" // 0.9 s
)

func TestAsk(t *testing.T) {
	for name, tt := range map[string]struct {
		opts     ivr.AskOptions
		typed    []typed
		outcome  ivr.Outcome
		digits   string
		attempts int
		lasts    float64
		heard    []string
	}{
		"up to a terminator": {ivr.AskOptions{}, []typed{{s, "12"}, {s, "3#"}}, ivr.Done, "123", 1, 2, []string{question}},
		"up to a pause":      {ivr.AskOptions{}, []typed{{s, "12"}}, ivr.Done, "12", 1, 4, []string{question}},
		"of a length":        {ivr.AskOptions{MaxDigits: 2}, []typed{{s, "123"}}, ivr.Done, "12", 1, 1, []string{question}},
		"too short": {
			ivr.AskOptions{MinDigits: 3}, []typed{{s, "12#"}, {s, "123#"}}, ivr.Done, "123", 2, 2, []string{question, "pbx-invalid"},
		},
		"a choice": {ivr.AskOptions{Choices: []string{"1", "20"}}, []typed{{s, "20"}}, ivr.Done, "20", 1, 1, []string{question}},
		"a choice that begins another": {
			ivr.AskOptions{Choices: []string{"2", "20"}}, []typed{{s, "2"}}, ivr.Done, "2", 1, 4, []string{question},
		},
		"no choice": {
			ivr.AskOptions{Choices: []string{"1", "20"}, Attempts: 2}, []typed{{s, "21"}, {s, "9"}}, ivr.Invalid, "9", 2, 2, []string{question, "pbx-invalid"},
		},
		"a choice with a hash": {ivr.AskOptions{Choices: []string{"#1", "*"}}, []typed{{s, "#1"}}, ivr.Done, "#1", 1, 1, []string{question}},
		"nothing": {
			ivr.AskOptions{Attempts: 2, Silent: ivr.Sounds("vm-sorry")}, nil, ivr.Silence, "", 2, 13.6, []string{question, "vm-sorry", question},
		},
		"by a function": {ivr.AskOptions{Match: func(typed string, _ bool) ivr.Verdict {
			switch {
			case len(typed) == 3 && typed[0] == typed[2]:
				return ivr.Valid
			case len(typed) == 3:
				return ivr.Wrong
			}
			return ivr.More
		}}, []typed{{s, "123"}, {s, "7"}, {s, "#"}, {s, "343"}}, ivr.Done, "343", 3, 4, nil},
		"confirmed": {
			ivr.AskOptions{Confirm: &ivr.ConfirmOptions{}, MaxDigits: 2}, []typed{{s, "12"}, {s, "1"}}, ivr.Done, "12", 1, 2, []string{question, "you-entered", "digits/1"},
		},
		"not confirmed": {
			ivr.AskOptions{Confirm: &ivr.ConfirmOptions{}, MaxDigits: 2},
			[]typed{{s, "12"}, {s, "2"}, {s, "34"}, {s, "1"}},
			ivr.Done, "34", 2, 4,
			[]string{question, "you-entered", "digits/1", question, "you-entered", "digits/3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(p *pbx) {
				p.Sound(question, 900*time.Millisecond)
				p.Sound("vm-sorry", 1800*time.Millisecond)
				var call *aritest.Call
				var lasted time.Duration
				tt.opts.Prompt = ivr.Sounds(question)
				res, err := served(p, func(caller *aritest.Call) {
					call = caller
					for _, k := range tt.typed {
						time.Sleep(k.after)
						caller.SendDTMF(k.keys)
					}
				}, func(ctx context.Context, caller *ari.Channel) (*ivr.AskResult, error) {
					begun := time.Now()
					defer func() { lasted = time.Since(begun) }()
					return ivr.Ask(ctx, caller, tt.opts)
				})
				require.NoError(t, err)
				require.Equal(t, ivr.AskResult{Outcome: tt.outcome, Digits: tt.digits, Attempts: tt.attempts}, *res)
				require.InDelta(t, tt.lasts, lasted.Seconds(), 0.1)
				if tt.heard != nil {
					var want []string
					for _, name := range tt.heard {
						want = append(want, "sound:"+name)
					}
					require.Equal(t, want, call.Heard())
				}
			})
		})
	}
}

// What is typed ahead counts, as long as there is a keypad for the whole call.
func TestAskTypedAhead(t *testing.T) {
	bubble(t, func(p *pbx) {
		var call *aritest.Call
		res, err := served(p, func(caller *aritest.Call) {
			call = caller
			time.Sleep(500 * time.Millisecond)
			caller.SendDTMF("2123#1")
		}, func(ctx context.Context, caller *ari.Channel) (*ivr.ConfirmResult, error) {
			keypad := caller.Keypad()
			defer keypad.Close()
			time.Sleep(s)
			chosen, err := ivr.Menu(ctx, caller, ivr.MenuOptions{Prompt: ivr.Sounds(question), Keys: []string{"1", "2"}, Keypad: keypad})
			require.NoError(p, err)
			require.Equal(p, "2", chosen.Digits)
			number, err := ivr.Ask(ctx, caller, ivr.AskOptions{Prompt: ivr.Sounds(question), Keypad: keypad})
			require.NoError(p, err)
			require.Equal(p, "123", number.Digits)
			return ivr.Confirm(ctx, caller, ivr.ConfirmOptions{Prompt: ivr.Sounds(question), Keypad: keypad})
		})
		require.NoError(t, err)
		require.True(t, res.Yes)
		require.Empty(t, call.Heard())
	})
}

func TestMenu(t *testing.T) {
	for name, tt := range map[string]struct {
		opts    ivr.MenuOptions
		keys    string
		outcome ivr.Outcome
		chosen  string
	}{
		"a key":                {ivr.MenuOptions{Keys: []string{"1", "*9"}}, "*9", ivr.Done, "*9"},
		"no key of it":         {ivr.MenuOptions{Keys: []string{"1", "*9"}, Attempts: 1}, "*8", ivr.Invalid, "*8"},
		"an extension":         {ivr.MenuOptions{Keys: []string{"1"}, Extensions: 3}, "123", ivr.Done, "123"},
		"a shorter extension":  {ivr.MenuOptions{Keys: []string{"1"}, Extensions: 3}, "12", ivr.Done, "12"},
		"a key, no extension":  {ivr.MenuOptions{Keys: []string{"1"}, Extensions: 3, Known: func(e string) bool { return e == "123" }}, "1", ivr.Done, "1"},
		"an unknown extension": {ivr.MenuOptions{Keys: []string{"1"}, Extensions: 3, Known: func(e string) bool { return e == "123" }, Attempts: 1}, "124", ivr.Invalid, "124"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(p *pbx) {
				res, err := served(p, func(caller *aritest.Call) {
					time.Sleep(s)
					caller.SendDTMF(tt.keys)
				}, func(ctx context.Context, caller *ari.Channel) (*ivr.AskResult, error) {
					return ivr.Menu(ctx, caller, tt.opts)
				})
				require.NoError(t, err)
				require.Equal(t, tt.outcome, res.Outcome)
				require.Equal(t, tt.chosen, res.Digits)
			})
		})
	}
}

func TestAskFails(t *testing.T) {
	for name, tt := range map[string]struct {
		ask     func(ctx context.Context, caller *ari.Channel) (*ivr.AskResult, error)
		outcome ivr.Outcome
		err     error
	}{
		"hangup": {func(ctx context.Context, caller *ari.Channel) (*ivr.AskResult, error) {
			return ivr.Ask(ctx, caller, ivr.AskOptions{Prompt: ivr.Sounds("demo-congrats")})
		}, ivr.HungUp, ari.ErrEnded},
		"ctx": {func(ctx context.Context, caller *ari.Channel) (*ivr.AskResult, error) {
			ctx, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
			defer cancel()
			return ivr.Ask(ctx, caller, ivr.AskOptions{Prompt: ivr.Sounds("demo-congrats")})
		}, ivr.Canceled, context.DeadlineExceeded},
		"no sound": {func(ctx context.Context, caller *ari.Channel) (*ivr.AskResult, error) {
			return ivr.Ask(ctx, caller, ivr.AskOptions{Prompt: ivr.Sounds("no-such-sound")})
		}, ivr.Failed, ari.ErrPlaybackFailed},
		"no menu": {func(ctx context.Context, caller *ari.Channel) (*ivr.AskResult, error) {
			return ivr.Menu(ctx, caller, ivr.MenuOptions{})
		}, ivr.Failed, ari.ErrInvalid},
		"bad choice": {func(ctx context.Context, caller *ari.Channel) (*ivr.AskResult, error) {
			return ivr.Ask(ctx, caller, ivr.AskOptions{Choices: []string{"x"}})
		}, ivr.Failed, ari.ErrInvalid},
		"bad lengths": {func(ctx context.Context, caller *ari.Channel) (*ivr.AskResult, error) {
			return ivr.Ask(ctx, caller, ivr.AskOptions{MinDigits: 3, MaxDigits: 2})
		}, ivr.Failed, ari.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(p *pbx) {
				res, err := served(p, func(caller *aritest.Call) {
					time.Sleep(2 * s)
					caller.Hangup()
				}, tt.ask)
				require.ErrorIs(t, err, tt.err)
				require.Equal(t, tt.outcome, res.Outcome)
			})
		})
	}
}
