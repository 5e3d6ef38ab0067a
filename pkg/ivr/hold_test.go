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

func TestHold(t *testing.T) {
	until := make(chan struct{})
	close(until)
	for name, tt := range map[string]struct {
		opts    ivr.HoldOptions
		outcome ivr.Outcome
		failed  bool
	}{
		"until":  {ivr.HoldOptions{Until: until}, ivr.Done, false},
		"limit":  {ivr.HoldOptions{Limit: s}, ivr.TimeLimit, false},
		"key":    {ivr.HoldOptions{ExitKeys: "0#"}, ivr.Key, false},
		"hangup": {ivr.HoldOptions{}, ivr.HungUp, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(p *pbx) {
				var call *aritest.Call
				res, err := served(p, func(c *aritest.Call) {
					call = c
					time.Sleep(2 * s)
					c.SendDTMF("5#")
					time.Sleep(s)
					c.Hangup()
				}, func(ctx context.Context, caller *ari.Channel) (*ivr.HoldResult, error) {
					return ivr.Hold(ctx, caller, tt.opts)
				})
				require.Equal(t, tt.failed, err != nil)
				require.Equal(t, tt.outcome, res.Outcome)
				require.Equal(t, []string{"moh:default"}, call.Heard())
			})
		})
	}
}

// A caller is parked, and somebody else takes the call.
func TestPark(t *testing.T) {
	bubble(t, func(p *pbx) {
		var lot ivr.ParkingLot
		parked := make(chan *ivr.ParkResult, 2)
		talked := make(chan *ivr.BridgeResult, 1)
		p.client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
			defer call.Channel.Stop(ari.Cleanup(ctx))
			if err := call.Channel.Answer(ctx); err != nil {
				return err
			}
			if call.Channel.Dialplan.Exten == "1000" {
				res, err := lot.Park(ctx, call.Channel, ivr.ParkOptions{Limit: time.Minute})
				parked <- res
				return err
			}
			_, err := lot.Retrieve(ctx, call.Channel, 7, ivr.BridgeOptions{})
			require.ErrorIs(p, err, ari.ErrNotFound)
			res, err := lot.Retrieve(ctx, call.Channel, 701, ivr.BridgeOptions{})
			talked <- res
			return err
		})
		caller := p.Call("1000")
		require.NoError(t, caller.WaitHeard(p.ctx, "moh:default"))
		other := p.Call("1000")
		require.NoError(t, other.WaitHeard(p.ctx, "moh:default"))
		require.ElementsMatch(t, []int{701, 702}, lot.Places())
		taker := p.Call("1001")
		require.NoError(t, taker.WaitBridged(p.ctx, 2))
		require.NoError(t, caller.WaitBridged(p.ctx, 2))
		taker.Hangup()
		require.Equal(t, ivr.HungUp, (<-talked).Outcome)
		require.Equal(t, ivr.ParkResult{Outcome: ivr.Answered, Place: 701}, *<-parked)
		require.Equal(t, ivr.ParkResult{Outcome: ivr.TimeLimit, Place: 702}, *<-parked)
		require.NoError(t, p.WaitIdle(p.ctx))
		require.Empty(t, lot.Places())
	})
}

func TestMonitor(t *testing.T) {
	for name, end := range map[string]func(supervisor, caller *aritest.Call){
		"a key":               func(supervisor, _ *aritest.Call) { supervisor.SendDTMF("*") },
		"supervisor hangs up": func(supervisor, _ *aritest.Call) { supervisor.Hangup() },
		"caller hangs up":     func(_, caller *aritest.Call) { caller.Hangup() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(p *pbx) {
				p.Endpoint("PJSIP/alice")
				target := make(chan *ari.Channel, 1)
				ended := make(chan *ivr.MonitorResult, 1)
				p.client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
					defer call.Channel.Stop(ari.Cleanup(ctx))
					if call.Channel.Dialplan.Exten == "1000" {
						target <- call.Channel
						_, err := ivr.Dial(ctx, call.Channel, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice")})
						return err
					}
					if err := call.Channel.Answer(ctx); err != nil {
						return err
					}
					res, err := ivr.Monitor(ctx, call.Channel, <-target, ivr.MonitorOptions{})
					ended <- res
					return err
				})
				caller := p.Call("1000")
				require.NoError(t, caller.WaitBridged(p.ctx, 2))
				supervisor := p.Call("1001")
				require.NoError(t, supervisor.WaitBridged(p.ctx, 2))
				time.Sleep(s)
				supervisor.SendDTMF("2")
				time.Sleep(s)
				require.NoError(t, supervisor.WaitBridged(p.ctx, 2))
				end(supervisor, caller)
				res := <-ended
				require.Equal(t, ivr.Whisper, res.Mode)
				require.Equal(t, map[string]ivr.Outcome{"a key": ivr.Key, "supervisor hangs up": ivr.HungUp, "caller hangs up": ivr.PeerHungUp}[name], res.Outcome)
				caller.Hangup()
				require.NoError(t, p.WaitIdle(p.ctx))
			})
		})
	}
}

func TestDetectMachine(t *testing.T) {
	for status, want := range map[string]ivr.Outcome{
		"HUMAN": ivr.Human, "MACHINE": ivr.Machine, "NOTSURE": ivr.NotSure, "": ivr.HungUp, "never": ivr.TimeLimit,
	} {
		t.Run(status, func(t *testing.T) {
			bubble(t, func(p *pbx) {
				p.Endpoint("PJSIP/alice")
				switch status {
				case "":
					p.Extension("s@amd", "Wait(1)", "Hangup()")
				case "never":
					p.Extension("s@amd", "Wait(600)")
				default:
					p.Extension("s@amd", "Wait(2)", "Set(AMDSTATUS="+status+")", "Set(AMDCAUSE=why)", "Stasis(hello)", "Hangup()")
				}
				called, err := ivr.Call(p.ctx, p.client.ARI(), ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice")})
				require.NoError(t, err)
				res, err := ivr.DetectMachine(p.ctx, called.Channel, ivr.AMDOptions{Client: p.client})
				require.NoError(t, err)
				require.Equal(t, want, res.Outcome)
				if want != ivr.HungUp && want != ivr.TimeLimit {
					require.Equal(t, "why", res.Cause)
					require.NoError(t, called.Channel.Answer(p.ctx), "it is back")
				}
				_ = called.Channel.Stop(p.ctx)
				require.NoError(t, p.WaitIdle(p.ctx))
			})
		})
	}
}
