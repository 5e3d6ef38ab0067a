package ivr_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ivr"
)

// Who hears whom when somebody listens, whispers to the caller, and barges in.
func TestAsteriskMonitor(t *testing.T) {
	onAsterisk(t, func(r *real) {
		target := make(chan *ari.Channel, 1)
		dialed := script(r, func(ctx context.Context, caller *ari.Channel) (*ivr.DialResult, error) {
			target <- caller
			return ivr.Dial(ctx, caller, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice")})
		})
		alice := r.phone("alice", 0)
		call := r.call()
		a, c := r.media(alice()), r.media(call)
		r.hears("alice", a)
		r.hears("the caller", c)
		done := script(r, func(ctx context.Context, supervisor *ari.Channel) (*ivr.MonitorResult, error) {
			if err := supervisor.Answer(ctx); err != nil {
				return nil, err
			}
			return ivr.Monitor(ctx, supervisor, <-target, ivr.MonitorOptions{})
		})
		monitoring := r.call()
		require.NoError(r, monitoring.Await(r.ctx, "answered"))
		s := r.media(monitoring)
		r.hears("the supervisor", s)
		a.Play(nil)
		c.Play(nil)
		r.deaf("alice", a)
		r.deaf("the caller", c)
		require.NoError(r, s.Dial(r.ctx, "2"))
		r.hears("the caller", c)
		r.deaf("alice", a)
		require.NoError(r, s.Dial(r.ctx, "3"))
		r.hears("alice", a)
		r.hears("the caller", c)
		require.NoError(r, s.Dial(r.ctx, "*"))
		got := <-done
		require.NoError(r, got.err)
		require.Equal(r, ivr.MonitorResult{Outcome: ivr.Key, Mode: ivr.Barge}, *got.res)
		require.NoError(r, call.Hangup(r.ctx))
		require.Equal(r, ivr.HungUp, (<-dialed).res.Bridge.Outcome)
	})
}
