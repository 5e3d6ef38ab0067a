package ivr_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ivr"
	"github.com/ari-go/ari/test/asterisk/rtp"
	"github.com/ari-go/ari/test/asterisk/sipp"
)

// media is the sound of a call.
func (r *real) media(call *sipp.Call) *rtp.Stream { return must(call.Media(r.ctx))(r) }

// hears waits until sound comes.
func (r *real) hears(who string, s *rtp.Stream) {
	r.Helper()
	require.NoError(r, s.AwaitSound(r.ctx), who)
}

// deaf fails if sound comes within a while, after what is still on its way.
func (r *real) deaf(who string, s *rtp.Stream) {
	r.Helper()
	time.Sleep(200 * time.Millisecond)
	ctx, cancel := context.WithTimeout(r.ctx, 500*time.Millisecond)
	defer cancel()
	before := s.Packets()
	err := s.Await(ctx, func(s *rtp.Stream) bool { return s.Packets() > before && s.Level() > 500 })
	require.Error(r, err, "%s hears something", who)
}

// An attended transfer by keys: while alice consults bob, the caller hears neither, and they don't hear him.
func TestAsteriskAttendedTransfer(t *testing.T) {
	onAsterisk(t, func(r *real) {
		to := ivr.TransferOptions{MaxDigits: 3, Hold: ivr.Quiet(), Targets: func(string) []ivr.Target { return ivr.Endpoints("PJSIP/bob") }}
		done := script(r, func(ctx context.Context, caller *ari.Channel) (*ivr.DialResult, error) {
			return ivr.Dial(ctx, caller, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice"), Bridge: ivr.BridgeOptions{
				Commands: []ivr.Command{ivr.AttendedTransfer("*3", ivr.ByCallee, to)},
			}})
		})
		alice, bob := r.phone("alice", 0), r.phone("bob", 0)
		call := r.call()
		require.NoError(r, call.Await(r.ctx, "answered"))
		callee := alice()
		c, a := r.media(call), r.media(callee)
		r.hears("the caller", c)
		r.hears("alice", a)
		require.NoError(r, a.Dial(r.ctx, "*3"))
		time.Sleep(500 * time.Millisecond)
		require.NoError(r, a.Dial(r.ctx, "200"))
		target := bob()
		require.NoError(r, target.Await(r.ctx, "answered"))
		b := r.media(target)
		r.hears("bob", b)
		r.deaf("the caller", c)
		a.Play(nil)
		r.deaf("bob, but alice,", b)
		require.NoError(r, a.Dial(r.ctx, "*2"))
		require.NoError(r, callee.Await(r.ctx, "bye"))
		r.hears("the caller", c)
		r.hears("bob", b)
		require.NoError(r, target.Hangup(r.ctx))
		got := <-done
		require.NoError(r, got.err)
		require.Equal(r, ivr.Transferred, got.res.Bridge.Outcome)
		require.Equal(r, ivr.PeerHungUp, got.res.Bridge.Transfer.Bridge.Outcome)
		require.NoError(r, call.Await(r.ctx, "bye"))
	})
}

// A telephone's own transfer key, to a number, and to its other call.
func TestAsteriskRefer(t *testing.T) {
	onAsterisk(t, func(r *real) {
		if r.inst.Version[:2] != "22" {
			r.Skip("since Asterisk 20.13")
		}
		to := ivr.TransferOptions{Targets: func(string) []ivr.Target { return ivr.Endpoints("PJSIP/bob") }}
		run := func(to *ivr.TransferOptions, name string) func(ctx context.Context, caller *ari.Channel) (*ivr.DialResult, error) {
			return func(ctx context.Context, caller *ari.Channel) (*ivr.DialResult, error) {
				return ivr.Dial(ctx, caller, ivr.DialOptions{Targets: ivr.Endpoints(name), Bridge: ivr.BridgeOptions{Refer: to}})
			}
		}
		done := script(r, run(&to, "PJSIP/alice"))
		alice, bob := r.phone("alice", 0), r.phone("bob", 0)
		call := r.call()
		callee := alice()
		r.hears("alice", r.media(callee))
		require.NoError(r, callee.Refer(r.ctx, "sip:1234@"+r.inst.SIPAddr))
		target := bob()
		require.NoError(r, target.Await(r.ctx, "answered"))
		require.NoError(r, callee.Await(r.ctx, "bye"))
		r.hears("bob", r.media(target))
		r.hears("the caller", r.media(call))
		require.NoError(r, target.Hangup(r.ctx))
		got := <-done
		require.NoError(r, got.err)
		require.Equal(r, ivr.Transferred, got.res.Bridge.Outcome)
		require.NoError(r, r.idle())

		// The caller has two calls, and connects the two who are at their other ends.
		carol, dave := r.phone("carol", 0), r.phone("dave", 0)
		first := script(r, run(&to, "PJSIP/carol"))
		call1 := r.call()
		c := r.media(carol())
		r.hears("carol", c)
		second := script(r, run(&to, "PJSIP/dave"))
		call2 := r.call()
		d := r.media(dave())
		r.hears("dave", d)
		require.NoError(r, call1.Refer(r.ctx, call2.Replacing("1000", r.inst.SIPAddr)))
		r.hears("carol", c)
		r.hears("dave", d)
		d.Play(nil)
		r.deaf("carol, but dave,", c)
		require.NoError(r, carol().Hangup(r.ctx))
		require.Equal(r, ivr.Transferred, (<-first).res.Bridge.Outcome)
		require.Equal(r, ivr.Transferred, (<-second).res.Bridge.Outcome)
	})
}
