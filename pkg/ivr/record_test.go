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

func TestRecord(t *testing.T) {
	for name, tt := range map[string]struct {
		opts    ivr.RecordOptions
		behave  func(p *pbx, caller *aritest.Call)
		outcome ivr.Outcome
		kept    bool
		lasts   float64
		key     string
	}{
		"a key ends it":   {ivr.RecordOptions{}, func(_ *pbx, c *aritest.Call) { c.Speak(4 * s); time.Sleep(4 * s); c.SendDTMF("1#") }, ivr.Key, true, 4, "#"},
		"silence ends it": {ivr.RecordOptions{}, func(_ *pbx, c *aritest.Call) { c.Speak(4 * s) }, ivr.Silence, true, 9, ""},
		"nothing is said": {ivr.RecordOptions{MaxSilence: 3 * s}, func(*pbx, *aritest.Call) {}, ivr.Silence, false, 3, ""},
		"time ends it":    {ivr.RecordOptions{MaxDuration: 6 * s}, func(_ *pbx, c *aritest.Call) { c.Speak(10 * s) }, ivr.TimeLimit, true, 6, ""},
		"too short": {
			ivr.RecordOptions{MinDuration: 3 * s}, func(_ *pbx, c *aritest.Call) { c.Speak(s); time.Sleep(s); c.SendDTMF("#") }, ivr.Key, false, 1, "#",
		},
		"played and kept": {ivr.RecordOptions{Review: true}, func(_ *pbx, c *aritest.Call) {
			c.Speak(2 * s)
			time.Sleep(2 * s)
			c.SendDTMF("#2")
			time.Sleep(3 * s)
			c.SendDTMF("1")
		}, ivr.Key, true, 2, "#"},
		"thrown away": {ivr.RecordOptions{Review: true}, func(_ *pbx, c *aritest.Call) {
			c.Speak(2 * s)
			time.Sleep(2 * s)
			c.SendDTMF("#*")
		}, ivr.Discarded, false, 2, "#"},
		"recorded anew": {ivr.RecordOptions{Review: true}, func(_ *pbx, c *aritest.Call) {
			c.Speak(2 * s)
			time.Sleep(2 * s)
			c.SendDTMF("#3")
			time.Sleep(s)
			c.Speak(3 * s)
			time.Sleep(3 * s)
			c.SendDTMF("#1")
		}, ivr.Key, true, 4, "#"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(p *pbx) {
				tt.opts.Name = "message"
				res, err := served(p, func(caller *aritest.Call) {
					require.NoError(p, caller.WaitRecording(p.ctx))
					tt.behave(p, caller)
				}, func(ctx context.Context, caller *ari.Channel) (*ivr.RecordResult, error) {
					return ivr.Record(ctx, caller, tt.opts)
				})
				require.NoError(t, err)
				require.Equal(t, tt.outcome, res.Outcome)
				require.Equal(t, tt.key, res.Key)
				require.InDelta(t, tt.lasts, res.Duration.Seconds(), 1)
				_, err = p.Controller().StoredRecording("message").Refresh(p.ctx)
				if tt.kept {
					require.NoError(t, err)
					require.Equal(t, "message", res.Recording.Name)
				} else {
					require.ErrorIs(t, err, ari.ErrNotFound)
					require.Nil(t, res.Recording)
				}
			})
		})
	}
}

// What was said before the hangup is kept; what was said before the program gave up isn't.
func TestRecordCutOff(t *testing.T) {
	for _, hangup := range []bool{true, false} {
		bubble(t, func(p *pbx) {
			res, err := served(p, func(caller *aritest.Call) {
				require.NoError(p, caller.WaitRecording(p.ctx))
				caller.Speak(3 * s)
				time.Sleep(3 * s)
				if hangup {
					caller.Hangup()
				}
			}, func(ctx context.Context, caller *ari.Channel) (*ivr.RecordResult, error) {
				ctx, cancel := context.WithTimeout(ctx, 4*s)
				defer cancel()
				return ivr.Record(ctx, caller, ivr.RecordOptions{Name: "message"})
			})
			_, stored := p.Controller().StoredRecording("message").Refresh(p.ctx)
			if hangup {
				require.ErrorIs(t, err, ari.ErrEnded)
				require.Equal(t, ivr.HungUp, res.Outcome)
				require.NotNil(t, res.Recording)
				require.NoError(t, stored)
			} else {
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, ivr.Canceled, res.Outcome)
				require.Nil(t, res.Recording)
				require.ErrorIs(t, stored, ari.ErrNotFound)
			}
		})
	}
}

func TestRecordFails(t *testing.T) {
	bubble(t, func(p *pbx) {
		res, err := served(p, nil, func(ctx context.Context, caller *ari.Channel) (*ivr.RecordResult, error) {
			return ivr.Record(ctx, caller, ivr.RecordOptions{Format: "nonsense"})
		})
		require.ErrorIs(t, err, ari.ErrUnprocessable)
		require.Equal(t, ivr.Failed, res.Outcome)
	})
}
