package ivr_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/ivr"
)

// transferring are options by which either party of a call to alice can transfer the other to PJSIP/NUMBER.
func transferring() ivr.DialOptions {
	to := ivr.TransferOptions{
		MaxDigits: 3,
		Targets: func(number string) []ivr.Target {
			if number == "999" {
				return nil
			}
			return ivr.Endpoints("PJSIP/" + number)
		},
	}
	return ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice"), Bridge: ivr.BridgeOptions{
		Refer:    &to,
		Commands: []ivr.Command{ivr.BlindTransfer("*1", ivr.Either, to), ivr.AttendedTransfer("*3", ivr.Either, to)},
	}}
}

// A transferTest is a call from a caller to alice, with PJSIP/200, which answers after 2 s.
type transferTest struct {
	*pbx

	caller, alice *aritest.Call
	target        *aritest.Endpoint
	res           *ivr.DialResult
	err           error
}

// transfer connects a caller with alice, has something done, and looks at what came of it.
func transfer(t *testing.T, do func(tt *transferTest)) *transferTest {
	t.Helper()
	tt := &transferTest{}
	bubble(t, func(p *pbx) {
		tt.pbx = p
		alice := p.Endpoint("PJSIP/alice")
		tt.target = p.Endpoint("PJSIP/200", aritest.Answers(2*time.Second))
		p.Endpoint("PJSIP/201", aritest.Refuses(time.Second, 486))
		tt.res, tt.err = dial(p, transferring(), func(caller *aritest.Call) {
			tt.caller = caller
			var err error
			if tt.alice, err = alice.Next(p.ctx); err == nil && tt.alice.WaitBridged(p.ctx, 2) == nil {
				time.Sleep(time.Second)
				do(tt)
			}
		})
	})
	return tt
}

// answered is the target's call, once it is connected with somebody.
func (tt *transferTest) answered() *aritest.Call {
	call, err := tt.target.Next(tt.ctx)
	if err != nil || call.WaitBridged(tt.ctx, 2) != nil {
		tt.Error("the target isn't connected")
	}
	time.Sleep(time.Second)
	return call
}

func TestBlindTransfer(t *testing.T) {
	tt := transfer(t, func(tt *transferTest) {
		tt.alice.SendDTMF("*1")
		time.Sleep(time.Second)
		tt.alice.SendDTMF("200")
		target := tt.answered()
		require.True(tt, tt.alice.Ended())
		require.False(tt, tt.caller.Ended())
		target.Hangup()
	})
	require.NoError(t, tt.err)
	require.Equal(t, ivr.Transferred, tt.res.Bridge.Outcome)
	require.Equal(t, "*1", tt.res.Bridge.Keys)
	require.Equal(t, "PJSIP/200", tt.res.Bridge.Transfer.Winner.Endpoint)
	require.Equal(t, ivr.PeerHungUp, tt.res.Bridge.Transfer.Bridge.Outcome)
	require.Contains(t, tt.caller.Heard(), "moh:default")
	require.NotContains(t, tt.caller.Heard(), "sound:pbx-transfer", "who is transferred doesn't hear that")
	require.Contains(t, tt.alice.Heard(), "sound:pbx-transfer")
}

// The caller may transfer, too: then his own call is over, and the others talk on.
func TestBlindTransferByCaller(t *testing.T) {
	tt := transfer(t, func(tt *transferTest) {
		tt.caller.SendDTMF("*1200")
		target := tt.answered()
		require.True(tt, tt.caller.Ended())
		require.False(tt, tt.alice.Ended())
		target.Hangup() // Nobody else would hang alice up.
	})
	_, ended := errors.AsType[*ari.EndError](tt.err)
	require.True(t, ended, "%v", tt.err)
	require.Equal(t, ivr.Transferred, tt.res.Bridge.Outcome)
}

func TestBlindTransferNotAllowed(t *testing.T) {
	tt := transfer(t, func(tt *transferTest) {
		tt.alice.SendDTMF("*1999")
		time.Sleep(time.Second)
		require.NoError(tt, tt.caller.WaitBridged(tt.ctx, 2))
		tt.alice.Hangup()
	})
	require.NoError(t, tt.err)
	require.Equal(t, ivr.PeerHungUp, tt.res.Bridge.Outcome)
	require.Nil(t, tt.res.Bridge.Transfer)
}

func TestBlindTransferBusy(t *testing.T) {
	tt := transfer(t, func(tt *transferTest) { tt.alice.SendDTMF("*1201") })
	require.NoError(t, tt.err, "the caller is in the script's hands")
	require.Equal(t, ivr.Transferred, tt.res.Bridge.Outcome)
	require.Equal(t, ivr.Busy, tt.res.Bridge.Transfer.Outcome)
}

func TestAttendedTransfer(t *testing.T) {
	for name, complete := range map[string]func(alice *aritest.Call){
		"by a key":       func(alice *aritest.Call) { alice.SendDTMF("*2") },
		"by hanging up":  func(alice *aritest.Call) { alice.Hangup() },
		"at second try":  func(alice *aritest.Call) { alice.SendDTMF("1*2") },
		"with a mistake": func(alice *aritest.Call) { alice.SendDTMF("*9*2") },
	} {
		t.Run(name, func(t *testing.T) {
			tt := transfer(t, func(tt *transferTest) {
				tt.alice.SendDTMF("*3200")
				target := tt.answered()
				complete(tt.alice)
				time.Sleep(time.Second)
				require.NoError(tt, tt.caller.WaitBridged(tt.ctx, 2))
				require.True(tt, tt.alice.Ended())
				target.Hangup()
			})
			require.NoError(t, tt.err)
			require.Equal(t, ivr.Transferred, tt.res.Bridge.Outcome)
			require.Equal(t, ivr.PeerHungUp, tt.res.Bridge.Transfer.Bridge.Outcome)
		})
	}
}

func TestAttendedTransferGivenUp(t *testing.T) {
	for name, back := range map[string]func(tt *transferTest){
		"canceled": func(tt *transferTest) {
			tt.alice.SendDTMF("*3200")
			tt.answered()
			tt.alice.SendDTMF("*#")
		},
		"busy": func(tt *transferTest) { tt.alice.SendDTMF("*3201") },
		"target hangs up": func(tt *transferTest) {
			tt.alice.SendDTMF("*3200")
			tt.answered().Hangup()
		},
		"no number": func(tt *transferTest) { tt.alice.SendDTMF("*3#") },
	} {
		t.Run(name, func(t *testing.T) {
			tt := transfer(t, func(tt *transferTest) {
				back(tt)
				time.Sleep(5 * time.Second)
				require.NoError(tt, tt.caller.WaitBridged(tt.ctx, 2))
				require.False(tt, tt.alice.Ended())
				tt.alice.Hangup()
			})
			require.NoError(t, tt.err)
			require.Equal(t, ivr.PeerHungUp, tt.res.Bridge.Outcome)
		})
	}
}

// Who transfers hangs up while it rings: the other party is called on with.
func TestAttendedTransferUnanswered(t *testing.T) {
	tt := transfer(t, func(tt *transferTest) {
		tt.alice.SendDTMF("*3200")
		_, err := tt.target.Next(tt.ctx)
		require.NoError(tt, err)
		tt.alice.Hangup()
		tt.answered().Hangup()
	})
	require.NoError(t, tt.err)
	require.Equal(t, ivr.Transferred, tt.res.Bridge.Outcome)
	require.Equal(t, ivr.Answered, tt.res.Bridge.Transfer.Outcome)
}

// The transferred party hangs up while the others consult.
func TestAttendedTransferAbandoned(t *testing.T) {
	tt := transfer(t, func(tt *transferTest) {
		tt.alice.SendDTMF("*3200")
		tt.answered()
		tt.caller.Hangup()
	})
	_, ended := errors.AsType[*ari.EndError](tt.err)
	require.True(t, ended, "%v", tt.err)
	require.Equal(t, ivr.HungUp, tt.res.Bridge.Outcome)
}

// A telephone's own transfer key.
func TestReferByPhone(t *testing.T) {
	tt := transfer(t, func(tt *transferTest) {
		require.NoError(tt, tt.alice.Transfer("200"))
		target := tt.answered()
		require.True(tt, tt.alice.Ended())
		target.Hangup()
	})
	require.NoError(t, tt.err)
	require.Equal(t, ivr.Transferred, tt.res.Bridge.Outcome)
	require.Equal(t, ivr.PeerHungUp, tt.res.Bridge.Transfer.Bridge.Outcome)
	for _, number := range []string{"201", "999"} {
		tt = transfer(t, func(tt *transferTest) {
			require.NoError(tt, tt.alice.Transfer(number))
			time.Sleep(5 * time.Second)
			require.False(tt, tt.alice.Ended())
			require.NoError(tt, tt.caller.WaitBridged(tt.ctx, 2))
			tt.alice.Hangup()
		})
		require.NoError(t, tt.err)
		require.Equal(t, ivr.PeerHungUp, tt.res.Bridge.Outcome)
	}
}

func TestReferUnsupported(t *testing.T) {
	srv := aritest.NewServer(t, aritest.WithVersion("16.28.0"))
	client := srv.Client()
	require.NoError(t, client.Connect(t.Context()))
	done := make(chan error, 1)
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		defer call.Channel.Stop(ari.Cleanup(ctx))
		_, err := ivr.Dial(ctx, call.Channel, transferring())
		done <- err
		return nil
	})
	srv.Endpoint("PJSIP/alice")
	srv.Call("1000")
	require.ErrorIs(t, <-done, ari.ErrUnsupported)
	require.NoError(t, srv.WaitIdle(t.Context()))
}

// Whatever goes wrong in the middle of a transfer, nothing is left over.
func TestTransferAtAllPoints(t *testing.T) {
	for name, keys := range map[string]string{"blind": "*1200", "attended": "*3200"} {
		everywhere(t, scenario{
			name: name,
			run: func(ctx context.Context, caller *ari.Channel) (string, error) {
				res, err := ivr.Dial(ctx, caller, transferring())
				outcome := string(res.Outcome)
				if res.Bridge != nil {
					outcome += ", " + string(res.Bridge.Outcome)
				}
				return outcome, err
			},
			phones: func(p *pbx) func() {
				var mu sync.Mutex
				var called []*aritest.Call
				add := func(call *aritest.Call) {
					mu.Lock()
					defer mu.Unlock()
					called = append(called, call)
				}
				p.Endpoint("PJSIP/alice", aritest.AnswersFor(time.Second, 30*time.Second)).OnCall(func(call *aritest.Call) {
					add(call)
					if call.WaitBridged(p.ctx, 2) == nil {
						time.Sleep(time.Second)
						call.SendDTMF(keys)
						time.Sleep(4 * time.Second)
						call.SendDTMF("*2")
					}
				})
				p.Endpoint("PJSIP/200", aritest.AnswersFor(2*time.Second, 20*time.Second)).OnCall(add)
				return func() {
					mu.Lock()
					defer mu.Unlock()
					for _, call := range called {
						call.Hangup()
					}
				}
			},
			caller: func(*pbx, *aritest.Call) {},
		}, func(t *testing.T, fault, outcome string, err error) {
			t.Helper()
			switch fault {
			case "caller":
				_, ended := errors.AsType[*ari.EndError](err)
				require.True(t, ended || outcome == "answered, transferred" && err == nil, "%s: %v", outcome, err)
			case "context":
				require.True(t, errors.Is(err, context.Canceled) || outcome == "answered, transferred" && err == nil, "%s: %v", outcome, err)
			case "callee":
				require.NoError(t, err)
			}
		})
	}
}

// A bot hands its caller over: the human who takes the call has him, and when nobody does, the bot goes on.
func TestWarmTransfer(t *testing.T) {
	for key, want := range map[string]ivr.Outcome{"1": ivr.Answered, "2": ivr.Declined} {
		bubble(t, func(p *pbx) {
			var call *aritest.Call
			p.Endpoint("PJSIP/alice", aritest.AnswersFor(2*time.Second, 20*time.Second)).OnCall(func(human *aritest.Call) {
				if human.WaitHeard(p.ctx, "sound:vm-review") == nil {
					human.SendDTMF(key)
				}
			})
			res, err := served(p, func(caller *aritest.Call) { call = caller }, func(ctx context.Context, caller *ari.Channel) (*ivr.DialResult, error) {
				res, err := ivr.WarmTransfer(ctx, caller, ivr.Sounds("vm-review"), ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice")})
				if err == nil {
					_, err = ivr.Say(ctx, caller, ivr.SayOptions{}, ivr.Sound("vm-goodbye"))
				}
				return res, err
			})
			require.NoError(t, err)
			require.Equal(t, want, res.Outcome)
			require.Equal(t, []string{"moh:default", "sound:vm-goodbye"}, call.Heard())
		})
	}
}
