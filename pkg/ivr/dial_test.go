package ivr_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/ivr"
)

// dial has a caller, whose call isn't answered, connected with targets, and returns what came of it when nothing is left.
func dial(p *pbx, opts ivr.DialOptions, behave func(caller *aritest.Call)) (*ivr.DialResult, error) {
	p.Helper()
	var res *ivr.DialResult
	ended := onCall(p, func(ctx context.Context, caller *ari.Channel) (err error) {
		res, err = ivr.Dial(ctx, caller, opts)
		return err
	})
	call := p.Call("1000", aritest.From("Ada <100>"))
	var behaved sync.WaitGroup
	if behave != nil {
		behaved.Go(func() { behave(call) })
	}
	err := <-ended
	behaved.Wait()
	require.NoError(p, p.WaitIdle(p.ctx))
	return res, err
}

func TestDialConnects(t *testing.T) {
	bubble(t, func(p *pbx) {
		p.Endpoint("PJSIP/alice", aritest.AnswersFor(3*time.Second, 10*time.Second))
		res, err := dial(p, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice")}, func(caller *aritest.Call) {
			require.NoError(p, caller.WaitRinging(p.ctx))
			require.False(p, caller.Answered())
			require.NoError(p, caller.WaitBridged(p.ctx, 2))
		})
		require.NoError(t, err)
		require.Equal(t, ivr.Answered, res.Outcome)
		require.Equal(t, "PJSIP/alice", res.Winner.Endpoint)
		require.True(t, res.Winner.Rang)
		require.InDelta(t, 3, res.Winner.RingTime.Seconds(), 0.1)
		require.InDelta(t, 3, res.Waited.Seconds(), 0.1)
		require.Equal(t, ivr.PeerHungUp, res.Bridge.Outcome)
		require.InDelta(t, 10, res.Bridge.Duration.Seconds(), 0.1)
	})
}

func TestDialOutcomes(t *testing.T) {
	for name, tt := range map[string]struct {
		behave  aritest.Behaviour
		outcome ivr.Outcome
		cause   int
	}{
		"busy":        {aritest.Busy(), ivr.Busy, ari.CauseBusy},
		"no answer":   {aritest.Rings(), ivr.NoAnswer, 0},
		"not a sign":  {aritest.Silent(), ivr.NoAnswer, 0},
		"rejected":    {aritest.Refuses(time.Second, 603), ivr.Rejected, ari.CauseRejected},
		"absent":      {aritest.Refuses(0, 480), ivr.NoAnswer, ari.CauseNoAnswer},
		"not found":   {aritest.Refuses(0, 404), ivr.Unreachable, ari.CauseUnallocated},
		"no codec":    {aritest.Refuses(0, 488), ivr.Unreachable, ari.CauseBearerNotAvailable},
		"congestion":  {aritest.Refuses(0, 503), ivr.Congestion, ari.CauseCongestion},
		"unreachable": {aritest.Unreachable(), ivr.Unreachable, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for _, early := range []bool{false, true} {
				bubble(t, func(p *pbx) {
					p.Endpoint("PJSIP/alice", tt.behave)
					res, err := dial(p, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice"), EarlyMedia: early}, nil)
					require.NoError(t, err)
					require.Equal(t, tt.outcome, res.Outcome)
					require.Equal(t, tt.outcome, res.Attempts[0].Outcome)
					require.Equal(t, tt.cause, res.Attempts[0].Cause)
					require.Nil(t, res.Winner)
					require.Nil(t, res.Bridge)
				})
			}
		})
	}
}

func TestDialBestNews(t *testing.T) {
	bubble(t, func(p *pbx) {
		p.Endpoint("PJSIP/alice", aritest.Busy())
		p.Endpoint("PJSIP/bob", aritest.Unreachable())
		res, err := dial(p, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/nobody", "PJSIP/bob", "PJSIP/alice")}, nil)
		require.NoError(t, err)
		require.Equal(t, ivr.Busy, res.Outcome)
	})
}

// Who rings on is let go with the right cause, and so is who answers too late.
func TestDialAnsweredElsewhere(t *testing.T) {
	bubble(t, func(p *pbx) {
		p.Endpoint("PJSIP/alice", aritest.AnswersFor(time.Second, time.Second))
		bob := p.Endpoint("PJSIP/bob", aritest.Rings())
		carol := p.Endpoint("PJSIP/carol", aritest.Answers(time.Second))
		dave := p.Endpoint("PJSIP/dave", aritest.Answers(time.Second))
		res, err := dial(p, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice", "PJSIP/bob", "PJSIP/carol", "PJSIP/dave")}, func(caller *aritest.Call) {
			call, err := bob.Next(p.ctx)
			require.NoError(p, err)
			require.NoError(p, call.WaitEnded(p.ctx))
			require.Equal(p, ari.CauseAnsweredElsewhere, call.Cause())
			_ = caller.WaitBridged(p.ctx, 2)
			caller.Hangup()
		})
		require.Equal(t, ivr.Answered, res.Outcome)
		won := 0
		for _, a := range res.Attempts {
			if a.Outcome == ivr.Answered {
				won++
				continue
			}
			require.Equal(t, ivr.Elsewhere, a.Outcome)
			require.Equal(t, ari.CauseAnsweredElsewhere, a.Cause)
			require.InDelta(t, 1, a.RingTime.Seconds(), 0.1)
		}
		require.Equal(t, 1, won)
		_ = err // Who has won may have stayed, or not.
		for _, phone := range []*aritest.Endpoint{carol, dave} {
			call, err := phone.Next(p.ctx)
			require.NoError(t, err)
			require.True(t, call.Ended())
		}
	})
}

func TestDialOneByOne(t *testing.T) {
	bubble(t, func(p *pbx) {
		p.Endpoint("PJSIP/alice", aritest.Rings())
		p.Endpoint("PJSIP/bob", aritest.Refuses(5*time.Second, 603))
		p.Endpoint("PJSIP/carol", aritest.AnswersFor(time.Second, time.Second))
		p.Endpoint("PJSIP/dave")
		targets := ivr.Endpoints("PJSIP/alice", "PJSIP/bob", "PJSIP/carol", "PJSIP/dave")
		targets[0].Timeout = 7 * time.Second
		res, err := dial(p, ivr.DialOptions{Targets: targets, Strategy: ivr.OneByOne}, nil)
		require.NoError(t, err)
		require.Equal(t, "PJSIP/carol", res.Winner.Endpoint)
		require.InDelta(t, 7+5+1, res.Waited.Seconds(), 0.1)
		require.Equal(t, []ivr.Outcome{ivr.NoAnswer, ivr.Rejected, ivr.Answered, ivr.NotTried}, outcomes(res))
	})
}

func outcomes(res *ivr.DialResult) (all []ivr.Outcome) {
	for _, a := range res.Attempts {
		all = append(all, a.Outcome)
	}
	return all
}

func TestDialHunt(t *testing.T) {
	bubble(t, func(p *pbx) {
		p.Endpoint("PJSIP/alice", aritest.AnswersFor(12*time.Second, time.Second)) // rings on while others are called
		p.Endpoint("PJSIP/bob", aritest.Refuses(time.Second, 486))                 // so carol's turn comes early
		p.Endpoint("PJSIP/carol", aritest.Rings())
		p.Endpoint("PJSIP/dave")
		res, err := dial(p, ivr.DialOptions{
			Targets: ivr.Endpoints("PJSIP/alice", "PJSIP/bob", "PJSIP/carol", "PJSIP/dave"), Strategy: ivr.Hunt, Step: 8 * time.Second,
		}, nil)
		require.NoError(t, err)
		require.Equal(t, []ivr.Outcome{ivr.Answered, ivr.Busy, ivr.Elsewhere, ivr.NotTried}, outcomes(res))
		require.InDelta(t, 12, res.Waited.Seconds(), 0.1)
		require.InDelta(t, 3, res.Attempts[2].RingTime.Seconds(), 0.1)
	})
}

func TestDialWaiting(t *testing.T) {
	for name, tt := range map[string]struct {
		waiting ivr.Waiting
		heard   string
	}{
		"music":  {ivr.Music("jazz"), "moh:jazz"},
		"media":  {ivr.Playing(ivr.Sound("pls-hold-while-try")), "sound:pls-hold-while-try"},
		"silent": {ivr.Quiet(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(p *pbx) {
				p.Endpoint("PJSIP/alice", aritest.AnswersFor(20*time.Second, time.Second))
				var call *aritest.Call
				_, err := dial(p, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice"), Waiting: tt.waiting}, func(caller *aritest.Call) { call = caller })
				require.NoError(t, err)
				if tt.heard == "" {
					require.Empty(t, call.Heard())
				} else {
					require.Equal(t, tt.heard, call.Heard()[0])
				}
				if name == "media" {
					require.Greater(t, len(call.Heard()), 3, "over and over")
				}
			})
		})
	}
}

func TestDialGivesUp(t *testing.T) {
	for name, tt := range map[string]struct {
		opts    ivr.DialOptions
		outcome ivr.Outcome
		waited  float64
	}{
		"patience": {ivr.DialOptions{Patience: 4 * time.Second}, ivr.NoAnswer, 4},
		"a key":    {ivr.DialOptions{ExitKeys: "*#", Waiting: ivr.Music("")}, ivr.Key, 3},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(p *pbx) {
				p.Endpoint("PJSIP/alice", aritest.Rings())
				tt.opts.Targets = ivr.Endpoints("PJSIP/alice")
				res, err := dial(p, tt.opts, func(caller *aritest.Call) {
					time.Sleep(3 * time.Second)
					caller.SendDTMF("1#")
				})
				require.NoError(t, err)
				require.Equal(t, tt.outcome, res.Outcome)
				require.InDelta(t, tt.waited, res.Waited.Seconds(), 0.1)
				if tt.outcome == ivr.Key {
					require.Equal(t, "#", res.Key)
				}
			})
		})
	}
}

func TestDialScreens(t *testing.T) {
	bubble(t, func(p *pbx) {
		alice := p.Endpoint("PJSIP/alice", aritest.Answers(time.Second)) // a mailbox, which presses no key
		bob := p.Endpoint("PJSIP/bob", aritest.Answers(2*time.Second))
		carol := p.Endpoint("PJSIP/carol", aritest.Answers(3*time.Second))
		dave := p.Endpoint("PJSIP/dave", aritest.AnswersFor(time.Second, time.Second)) // hangs up when he hears who it is
		press := func(keys string) func(call *aritest.Call) {
			return func(call *aritest.Call) {
				if call.WaitHeard(p.ctx, "sound:digits/1") == nil {
					call.SendDTMF(keys)
				}
				if keys == "1" && call.WaitBridged(p.ctx, 2) == nil {
					call.Hangup()
				}
			}
		}
		alice.OnCall(func(*aritest.Call) {})
		bob.OnCall(press("2"))
		carol.OnCall(press("1"))
		dave.OnCall(func(*aritest.Call) {})
		res, err := dial(p, ivr.DialOptions{
			Targets: ivr.Endpoints("PJSIP/alice", "PJSIP/bob", "PJSIP/carol", "PJSIP/dave"), Screen: &ivr.Screen{Repeats: 3},
		}, nil)
		require.NoError(t, err)
		require.Equal(t, []ivr.Outcome{ivr.Elsewhere, ivr.Declined, ivr.Answered, ivr.Declined}, outcomes(res))
		require.Equal(t, ivr.PeerHungUp, res.Bridge.Outcome)
	})
}

func TestDialNobodyAccepts(t *testing.T) {
	bubble(t, func(p *pbx) {
		p.Endpoint("PJSIP/alice")
		res, err := dial(p, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice"), Screen: &ivr.Screen{Timeout: 3 * time.Second}}, nil)
		require.NoError(t, err)
		require.Equal(t, ivr.Declined, res.Outcome)
	})
}

func TestDialEarlyMedia(t *testing.T) {
	bubble(t, func(p *pbx) {
		p.Endpoint("PJSIP/alice", aritest.AnswersFor(3*time.Second, 2*time.Second))
		res, err := dial(p, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/busy", "PJSIP/alice"), Strategy: ivr.OneByOne, EarlyMedia: true}, func(caller *aritest.Call) {
			require.NoError(p, caller.WaitBridged(p.ctx, 2))
			require.False(p, caller.Answered(), "they are together while it rings")
			require.NoError(p, caller.WaitAnswered(p.ctx))
		})
		require.NoError(t, err)
		require.Equal(t, ivr.Answered, res.Outcome)
		require.Equal(t, ivr.PeerHungUp, res.Bridge.Outcome)
		require.InDelta(t, 2, res.Bridge.Duration.Seconds(), 0.1)
	})
}

func TestDialLimit(t *testing.T) {
	bubble(t, func(p *pbx) {
		p.Endpoint("PJSIP/alice", aritest.Answers(0))
		var call *aritest.Call
		res, err := dial(p, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice"), Bridge: ivr.BridgeOptions{
			Limit:    10 * time.Minute,
			Warnings: []ivr.Warning{{Before: time.Minute, Prompt: ivr.Sounds("vm-goodbye")}, {Before: 10 * time.Second}},
		}}, func(caller *aritest.Call) {
			call = caller
			require.NoError(p, caller.WaitHeard(p.ctx, "sound:vm-goodbye"))
			require.NotContains(p, caller.Heard(), "sound:beep")
		})
		require.NoError(t, err)
		require.Equal(t, ivr.TimeLimit, res.Bridge.Outcome)
		require.InDelta(t, 600, res.Bridge.Duration.Seconds(), 0.1)
		require.Equal(t, []string{"sound:vm-goodbye", "sound:beep"}, call.Heard())
	})
}

func TestDialCommands(t *testing.T) {
	bubble(t, func(p *pbx) {
		alice := p.Endpoint("PJSIP/alice", aritest.Answers(0))
		var by []string
		opts := ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice"), Bridge: ivr.BridgeOptions{Commands: []ivr.Command{
			{Keys: "*1", By: ivr.ByCaller, Do: func(_ context.Context, c *ivr.Conversation) (ivr.Outcome, error) {
				by = append(by, "caller "+c.By.Caller.Number)
				return "", c.Bridge.RemoveChannel(p.ctx, c.Other.ID) // who is put back afterwards
			}},
			{Keys: "*1", By: ivr.ByCallee, Do: func(context.Context, *ivr.Conversation) (ivr.Outcome, error) {
				by = append(by, "callee")
				return "done with it", nil
			}},
		}}}
		res, err := dial(p, opts, func(caller *aritest.Call) {
			callee, err := alice.Next(p.ctx)
			require.NoError(p, err)
			require.NoError(p, callee.WaitBridged(p.ctx, 2))
			caller.SendDTMF("7*1")
			time.Sleep(time.Second)
			require.NoError(p, callee.WaitBridged(p.ctx, 2))
			callee.SendDTMF("*1")
		})
		require.NoError(t, err)
		require.Equal(t, ivr.Outcome("done with it"), res.Bridge.Outcome)
		require.Equal(t, "*1", res.Bridge.Keys)
		require.Equal(t, []string{"caller 100", "callee"}, by)
	})
}

func TestDialInvalid(t *testing.T) {
	bubble(t, func(p *pbx) {
		for _, opts := range []ivr.DialOptions{
			{},
			{Targets: []ivr.Target{{}}},
			{Targets: ivr.Endpoints("PJSIP/a", "PJSIP/b"), EarlyMedia: true},
		} {
			res, err := ivr.Call(p.ctx, p.client.ARI(), opts)
			require.ErrorIs(t, err, ari.ErrInvalid)
			require.Equal(t, ivr.Failed, res.Outcome)
		}
		p.Endpoint("PJSIP/alice")
		res, err := dial(p, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice"), Bridge: ivr.BridgeOptions{Commands: []ivr.Command{{Keys: "x"}}}}, nil)
		require.ErrorIs(t, err, ari.ErrInvalid)
		require.Equal(t, ivr.Answered, res.Outcome)
	})
}

func TestDialWithoutEvents(t *testing.T) {
	srv := aritest.NewServer(t)
	srv.Endpoint("PJSIP/alice", aritest.Rings())
	res, err := ivr.Dial(t.Context(), srv.Controller().Channel("1"), ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice")})
	require.ErrorIs(t, err, ari.ErrNoEvents)
	require.Equal(t, ivr.Failed, res.Outcome)
	require.NoError(t, srv.WaitIdle(t.Context()))
}

// Telephones that answer in the same moment, outside of a bubble, where nothing orders them.
func TestDialOneWins(t *testing.T) {
	srv := aritest.NewServer(t)
	client := srv.Client()
	require.NoError(t, client.Connect(t.Context()))
	var targets []ivr.Target
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		srv.Endpoint("PJSIP/"+name, aritest.Answers(0))
		targets = append(targets, ivr.Target{Endpoint: "PJSIP/" + name})
	}
	for range 30 {
		res, err := ivr.Call(t.Context(), client.ARI(), ivr.DialOptions{Targets: targets})
		require.NoError(t, err)
		won := 0
		for _, a := range res.Attempts {
			if a.Outcome == ivr.Answered {
				won++
			}
		}
		require.Equal(t, 1, won)
		require.NoError(t, res.Channel.Stop(t.Context()))
		require.NoError(t, srv.WaitIdle(t.Context()))
	}
}
