package ari_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// A press is a key that is pressed some time after the prompt has begun.
type press struct {
	after time.Duration
	keys  string
}

func TestPrompt(t *testing.T) {
	const (
		welcome = "sound:welcome" // 1.5 s
		beep    = "sound:beep"    // 0.3 s
		s       = time.Second
		ms      = time.Millisecond
	)
	for name, tt := range map[string]struct {
		opts    ari.PromptOptions
		media   []string
		ahead   string // typed before the prompt
		presses []press
		want    string
		err     error
		lasts   time.Duration
		heard   []string
		left    string // for the next prompt
	}{
		"as many as are asked for": {
			ari.PromptOptions{MaxDigits: 2},
			[]string{welcome},
			"",
			[]press{{2 * s, "1"}, {4 * s, "2"}},
			"12", nil, 4 * s,
			[]string{welcome},
			"",
		},
		"one after the other": {
			ari.PromptOptions{MaxDigits: 1},
			[]string{beep, welcome, beep},
			"",
			[]press{{3 * s, "1"}},
			"1", nil, 3 * s,
			[]string{beep, welcome, beep},
			"",
		},
		"only waits without media": {
			ari.PromptOptions{MaxDigits: 1},
			nil, "",
			[]press{{4 * s, "1"}},
			"1", nil, 4 * s, nil, "",
		},
		"a key interrupts": {
			ari.PromptOptions{MaxDigits: 2},
			[]string{welcome, beep},
			"",
			[]press{{s, "1"}, {2 * s, "2"}},
			"12", nil, 2 * s,
			[]string{welcome},
			"",
		},
		"no key interrupts": {
			ari.PromptOptions{MaxDigits: 2, NoBargeIn: true},
			[]string{welcome, beep},
			"",
			[]press{{s, "123"}},
			"12", nil, 1800 * ms,
			[]string{welcome, beep},
			"3",
		},
		"typed ahead": {
			ari.PromptOptions{MaxDigits: 2},
			[]string{welcome},
			"123", nil,
			"12", nil, 0, nil, "3",
		},
		"typed ahead in part": {
			ari.PromptOptions{MaxDigits: 3},
			[]string{welcome},
			"1",
			[]press{{2 * s, "2"}},
			"12", nil, 5 * s, nil, "",
		},
		"typed ahead, played all the same": {
			ari.PromptOptions{MaxDigits: 2, NoBargeIn: true},
			[]string{welcome},
			"12", nil,
			"12", nil, 1500 * ms,
			[]string{welcome},
			"",
		},
		"a terminator ends": {
			ari.PromptOptions{Terminators: "#*"},
			[]string{welcome},
			"",
			[]press{{s, "12"}, {2 * s, "*3"}},
			"12", nil, 2 * s,
			[]string{welcome},
			"3",
		},
		"a terminator interrupts, and is all": {
			ari.PromptOptions{Terminators: "#"},
			[]string{welcome},
			"",
			[]press{{s, "#"}},
			"", nil, s,
			[]string{welcome},
			"",
		},
		"nothing typed": {
			ari.PromptOptions{MaxDigits: 1},
			[]string{welcome},
			"", nil,
			"", nil, 6500 * ms,
			[]string{welcome},
			"",
		},
		"nothing typed, and no time given": {
			ari.PromptOptions{MaxDigits: 1, FirstTimeout: -1},
			[]string{welcome},
			"", nil,
			"", nil, 1500 * ms,
			[]string{welcome},
			"",
		},
		"its own time-outs": {
			ari.PromptOptions{FirstTimeout: 10 * s, DigitTimeout: 6 * s},
			[]string{welcome},
			"",
			[]press{{11 * s, "1"}, {16 * s, "2"}},
			"12", nil, 22 * s,
			[]string{welcome},
			"",
		},
		"what is there already": {
			ari.PromptOptions{DigitTimeout: -1},
			[]string{welcome},
			"12", nil,
			"12", nil, 0, nil, "",
		},
		"too few": {
			ari.PromptOptions{MinDigits: 3, MaxDigits: 4, Terminators: "#"},
			[]string{welcome},
			"",
			[]press{{s, "12#"}},
			"12", ari.ErrTooFewDigits, s,
			[]string{welcome},
			"",
		},
		"nothing at all is too few": {
			ari.PromptOptions{MinDigits: 1},
			[]string{welcome},
			"", nil,
			"", ari.ErrTooFewDigits, 6500 * ms,
			[]string{welcome},
			"",
		},
		"a medium that is missing": {
			ari.PromptOptions{MaxDigits: 1},
			[]string{beep, "sound:none", beep},
			"", nil,
			"", ari.ErrPlaybackFailed, 400 * ms,
			[]string{beep},
			"",
		},
		"a recording that is missing": {
			ari.PromptOptions{MaxDigits: 1, NoBargeIn: true},
			[]string{"recording:none", beep},
			"", nil,
			"", ari.ErrPlaybackFailed, 1100 * ms,
			nil,
			"",
		},
		"a medium that can't be stopped": {
			ari.PromptOptions{MaxDigits: 1},
			[]string{"digits:1234", beep},
			"",
			[]press{{s, "1"}},
			"1", nil, s,
			[]string{"digits:1234"},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				keypad := r.ch.Keypad()
				r.call.SendDTMF(tt.ahead)
				synctest.Wait()
				for _, p := range tt.presses {
					time.AfterFunc(p.after, func() { r.call.SendDTMF(p.keys) })
				}
				began := time.Now()
				digits, err := keypad.Prompt(t.Context(), tt.opts, tt.media...)
				assert.Equal(t, tt.lasts, time.Since(began))
				assert.Equal(t, tt.want, digits)
				if tt.err != nil {
					require.ErrorIs(t, err, tt.err)
				} else {
					require.NoError(t, err)
				}
				assert.Equal(t, tt.heard, r.call.Heard())
				synctest.Wait()
				left, err := keypad.Prompt(t.Context(), ari.PromptOptions{FirstTimeout: -1, DigitTimeout: -1})
				require.NoError(t, err)
				assert.Equal(t, tt.left, left)
				time.Sleep(time.Minute)
				assert.Equal(t, 1, r.client.Stats().Listeners) // the keypad
				keypad.Close()
				keypad.Close()
				r.over(t)
			})
		})
	}
}

// What is stopped is stopped in Asterisk, too: the next prompt is heard at once.
func TestPromptStopsWhatPlays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.srv.Faults().FailRequests("DELETE /playbacks/", 2, 500) // as for a moment after the beginning
		began := time.Now()
		time.AfterFunc(time.Second, func() { r.call.SendDTMF("1") })
		digits, err := r.ch.Prompt(t.Context(), ari.PromptOptions{MaxDigits: 1}, "sound:tt-monkeys")
		require.NoError(t, err)
		assert.Equal(t, "1", digits)
		_, err = r.ch.Prompt(t.Context(), ari.PromptOptions{MaxDigits: 1, FirstTimeout: -1}, "sound:beep")
		require.NoError(t, err)
		assert.Equal(t, 1330*time.Millisecond, time.Since(began))
		r.over(t)
	})
}

func TestKeypadFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		keypad := r.ch.Keypad()
		defer keypad.Close()
		r.call.SendDTMF("123")
		synctest.Wait()
		keypad.Flush()
		time.AfterFunc(time.Second, func() { r.call.SendDTMF("4") })
		digits, err := keypad.Prompt(t.Context(), ari.PromptOptions{MaxDigits: 1})
		require.NoError(t, err)
		assert.Equal(t, "4", digits)
		r.over(t)
	})
}

// However a call ends, whatever a prompt is at, it ends at once and says that.
func TestPromptEndsWithTheCall(t *testing.T) {
	for name, tt := range map[string]struct {
		opts  ari.PromptOptions
		media []string
		after time.Duration
		end   func(t *testing.T, r *rig)
		typed string
	}{
		"hung up during a sound":                           {ari.PromptOptions{}, []string{"sound:tt-monkeys"}, time.Second, hangUp, ""},
		"hung up during one that is not to be interrupted": {ari.PromptOptions{NoBargeIn: true}, []string{"sound:tt-monkeys"}, time.Second, hangUp, ""},
		"hung up during one that can't be stopped":         {ari.PromptOptions{}, []string{"digits:123"}, time.Second, hangUp, ""},
		"hung up between digits":                           {ari.PromptOptions{}, []string{"sound:beep"}, time.Second, hangUp, "1"},
		"hung up while waiting":                            {ari.PromptOptions{}, nil, time.Second, hangUp, ""},
		"hung up before":                                   {ari.PromptOptions{}, []string{"sound:beep"}, 0, hangUp, ""},
		"hung up by the program":                           {ari.PromptOptions{}, []string{"sound:tt-monkeys"}, time.Second, stop, ""},
		"moved on while waiting":                           {ari.PromptOptions{}, nil, time.Second, moveOn, ""},
		"hung up, and not told so": {ari.PromptOptions{}, []string{"sound:tt-monkeys"}, time.Second, func(t *testing.T, r *rig) {
			t.Helper()
			r.srv.Faults().Lose("ChannelHangupRequest") // as when a channel's time is up
			hangUp(t, r)
		}, ""},
		"hung up while the connection was down": {ari.PromptOptions{FirstTimeout: time.Hour}, []string{"sound:tt-monkeys"}, time.Second, func(t *testing.T, r *rig) {
			t.Helper()
			r.srv.Faults().DropEvents()
			hangUp(t, r)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				began := time.Now()
				keypad := r.ch.Keypad()
				if tt.after == 0 {
					tt.end(t, r)
				} else {
					time.AfterFunc(tt.after, func() { r.call.SendDTMF(tt.typed); tt.end(t, r) })
				}
				digits, err := keypad.Prompt(t.Context(), tt.opts, tt.media...)
				var end *ari.EndError
				require.ErrorAs(t, err, &end)
				require.NotErrorIs(t, err, ari.ErrPlaybackFailed)
				assert.Equal(t, "channel "+r.ch.ID, end.Entity.String())
				assert.Equal(t, tt.typed, digits)
				assert.LessOrEqual(t, time.Since(began)-tt.after, 10*time.Second)
				if end.Reason != ari.ErrGap { //nolint:errorlint // the reason itself
					assert.Equal(t, tt.after, time.Since(began))
				}
				_, err = keypad.Prompt(t.Context(), tt.opts, "sound:beep")
				require.ErrorAs(t, err, &end)
				keypad.Close()
				r.over(t)
			})
		})
	}
}

func hangUp(_ *testing.T, r *rig) { r.call.Hangup() }

func stop(t *testing.T, r *rig) {
	t.Helper()
	assert.NoError(t, r.ch.Stop(context.Background()))
}

func moveOn(t *testing.T, r *rig) {
	t.Helper()
	r.srv.Extension("elsewhere", "Wait(60)")
	assert.NoError(t, r.ch.ContinueWith(context.Background(), ari.ContinueOptions{Context: "default", Extension: "elsewhere", Priority: 1}))
}

// The last key and the hangup may come together. The input is complete.
func TestPromptCompleteWithTheHangup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		time.AfterFunc(time.Second, func() { r.call.SendDTMF("12"); r.call.Hangup() })
		digits, err := r.ch.Prompt(t.Context(), ari.PromptOptions{MaxDigits: 2}, "sound:welcome")
		require.NoError(t, err)
		assert.Equal(t, "12", digits)
		r.over(t)
	})
}

// Within a handler, too, the reason is the call's end.
func TestPromptInAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		srv.Sound("welcome", 1500*time.Millisecond)
		client := srv.Client(quietly)
		results := make(chan error, 1)
		client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
			_, err := ev.Channel.Prompt(ctx, ari.PromptOptions{FirstTimeout: time.Hour}, "sound:welcome")
			results <- err
			return err
		})
		require.NoError(t, client.Connect(t.Context()))
		for _, after := range []time.Duration{time.Second, time.Minute} {
			call := srv.Call("1000", aritest.Answered())
			time.AfterFunc(after, func() { call.Hangup() })
			var end *ari.EndError
			require.ErrorAs(t, <-results, &end)
			assert.Equal(t, "channel "+call.ChannelID(), end.Entity.String())
		}
		require.NoError(t, srv.WaitIdle(t.Context()))
	})
}

func TestPromptEndsWithItsContext(t *testing.T) {
	for name, after := range map[string]time.Duration{"playing": time.Second, "waiting": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				ctx, cancel := context.WithTimeout(t.Context(), after)
				defer cancel()
				began := time.Now()
				_, err := r.ch.Prompt(ctx, ari.PromptOptions{}, "sound:welcome")
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, after, time.Since(began))
				_, err = r.ch.Prompt(t.Context(), ari.PromptOptions{FirstTimeout: -1}, "sound:beep")
				require.NoError(t, err)
				assert.Equal(t, after+300*time.Millisecond, time.Since(began)) // Nothing plays any more.
				r.over(t)
			})
		})
	}
}

// Nothing is played where nobody can listen any more.
func TestPromptEndsWithItsKeypad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		keypad := r.ch.Keypad()
		time.AfterFunc(time.Second, keypad.Close)
		began := time.Now()
		_, err := keypad.Prompt(t.Context(), ari.PromptOptions{}, "sound:tt-monkeys")
		require.ErrorIs(t, err, ari.ErrClosed)
		_, err = keypad.Prompt(t.Context(), ari.PromptOptions{}, "sound:tt-weasels")
		require.ErrorIs(t, err, ari.ErrClosed)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = r.ch.Prompt(ended, ari.PromptOptions{}, "sound:tt-weasels")
		require.ErrorIs(t, err, context.Canceled)
		_, err = r.ch.Prompt(t.Context(), ari.PromptOptions{FirstTimeout: -1}, "sound:beep")
		require.NoError(t, err)
		assert.Equal(t, 1300*time.Millisecond, time.Since(began))
		assert.Equal(t, []string{"sound:tt-monkeys", "sound:beep"}, r.call.Heard())
		r.over(t)
	})
}

// The request to play may be on its way when the context ends.
func TestPromptEndsBeforeItPlays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.srv.Faults().DropRequests("POST /channels/", 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.ch.Prompt(ctx, ari.PromptOptions{}, "sound:tt-monkeys")
		require.Error(t, err)
		r.over(t)
	})
}

// A call outlives the connection, and so does a prompt.
func TestPromptThroughAGap(t *testing.T) {
	for name, media := range map[string]string{"over in the gap": "sound:beep", "over afterwards": "sound:demo-congrats"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				time.AfterFunc(200*time.Millisecond, r.srv.Faults().Down)
				time.AfterFunc(2*time.Second, r.srv.Faults().Up)
				time.AfterFunc(40*time.Second, func() { r.call.SendDTMF("7") })
				digits, err := r.ch.Prompt(t.Context(), ari.PromptOptions{MaxDigits: 1, FirstTimeout: time.Minute}, media)
				require.NoError(t, err)
				assert.Equal(t, "7", digits)
				r.over(t)
			})
		})
	}
}

func TestPromptRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for _, opts := range []ari.PromptOptions{{MaxDigits: -1}, {MinDigits: -1}, {MinDigits: 3, MaxDigits: 2}, {Terminators: "none"}} {
			_, err := r.ch.Prompt(t.Context(), opts, "sound:beep")
			require.ErrorIs(t, err, ari.ErrInvalid)
		}
		assert.Empty(t, r.call.Heard())
		_, err := r.client.ARI().Channel("nobody").Prompt(t.Context(), ari.PromptOptions{}, "sound:beep")
		require.ErrorIs(t, err, ari.ErrNotFound)

		alone := r.srv.Controller().Channel(r.ch.ID).Keypad()
		alone.Flush()
		_, err = alone.Prompt(t.Context(), ari.PromptOptions{}, "sound:beep")
		require.ErrorIs(t, err, ari.ErrNoEvents)
		alone.Close()
		r.over(t)
	})
}

// When the client is closed, nothing is left behind.
func TestPromptEndsWithTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		time.AfterFunc(time.Second, func() { assert.NoError(t, r.client.Close(context.Background())) })
		_, err := r.ch.Prompt(t.Context(), ari.PromptOptions{}, "sound:tt-monkeys")
		require.ErrorIs(t, err, ari.ErrClosed)
		r.over(t)
	})
}
