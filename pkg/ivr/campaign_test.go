package ivr_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // Not every machine has time zones.

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/ivr"
)

// A load is how many calls there were at once, and when each began.
type load struct {
	mu    sync.Mutex
	most  int
	begun []time.Time
}

func (l *load) begins(now int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.most = max(l.most, now)
	l.begun = append(l.begun, time.Now())
}

func sayHello(ctx context.Context, callee *ari.Channel, _ string) error {
	_, err := ivr.Say(ctx, callee, ivr.SayOptions{}, ivr.Sound("hello-world"))
	return err
}

// A hundred numbers, each third of them busy at first, each tenth never answered.
func TestCampaign(t *testing.T) {
	bubble(t, func(p *pbx) {
		var l load
		opts := ivr.CampaignOptions{AtOnce: 5, PerSecond: 2, Attempts: 2, Talk: sayHello}
		for i := range 100 {
			name := fmt.Sprintf("PJSIP/%d", 100+i)
			opts.Numbers = append(opts.Numbers, name)
			p.Endpoint(name, aritest.Rings()).OnCall(func() func(call *aritest.Call) {
				tries := 0
				return func(call *aritest.Call) {
					l.begins(len(p.Channels()))
					tries++
					switch {
					case i%10 == 1:
					case i%3 == 0 && tries == 1:
						call.Refuse(486)
					default:
						time.Sleep(2 * s)
						_ = call.Answer()
					}
				}
			}())
		}
		told := 0
		opts.Progress = func(ivr.CampaignAttempt) { told++ }
		res, err := ivr.RunCampaign(p.ctx, p.client.ARI(), opts)
		require.NoError(t, err)
		require.NoError(t, p.WaitIdle(p.ctx))
		require.Equal(t, ivr.Done, res.Outcome)
		require.Equal(t, 90, res.Answered)
		require.Len(t, res.Last, 100)
		busy := 34 - 3 // 21, 51 and 81 are among those that never answer.
		require.Equal(t, 100+busy+10, res.Calls)
		require.Equal(t, res.Calls, told)
		require.Equal(t, ivr.NoAnswer, res.Last["PJSIP/101"].Outcome)
		require.Equal(t, 2, res.Last["PJSIP/101"].Attempt)
		require.False(t, res.Last["PJSIP/101"].Again)
		l.mu.Lock()
		defer l.mu.Unlock()
		require.Equal(t, 5, l.most)
		for i := range l.begun[1:] {
			require.GreaterOrEqual(t, l.begun[i+1].Sub(l.begun[i]), s/2)
		}
	})
}

func TestCampaignOpens(t *testing.T) {
	at := func(h, m int) time.Time { return time.Date(2026, 3, 4, h, m, 0, 0, time.UTC) }
	open := ivr.Daily(9*time.Hour, 20*time.Hour)
	require.Equal(t, at(9, 0), open(at(3, 0)))
	require.Equal(t, at(12, 30), open(at(12, 30)))
	require.Equal(t, at(9, 0).AddDate(0, 0, 1), open(at(20, 0)))
	bubble(t, func(p *pbx) { // A bubble begins at midnight.
		p.Endpoint("PJSIP/100", aritest.Rings())
		var when []time.Time
		_, err := ivr.RunCampaign(p.ctx, p.client.ARI(), ivr.CampaignOptions{
			Numbers: []string{"PJSIP/100"}, Talk: sayHello, Attempts: 2, Retry: map[ivr.Outcome]time.Duration{ivr.NoAnswer: 11 * time.Hour},
			Open:     func(from time.Time) time.Time { return open(from.UTC()) },
			Progress: func(ivr.CampaignAttempt) { when = append(when, time.Now().UTC()) },
		})
		require.NoError(t, err)
		require.Equal(t, []int{1, 2}, []int{when[0].Day(), when[1].Day()})
		require.Equal(t, []int{9, 9}, []int{when[0].Hour(), when[1].Hour()})
	})
}

func TestCampaignEnds(t *testing.T) {
	for _, stop := range []bool{true, false} {
		bubble(t, func(p *pbx) {
			for i := range 10 {
				p.Endpoint(fmt.Sprintf("PJSIP/%d", i), aritest.Answers(s))
			}
			ctx, cancel := context.WithCancel(p.ctx)
			defer cancel()
			stopped := make(chan struct{})
			opts := ivr.CampaignOptions{AtOnce: 3, Stop: stopped, Talk: func(ctx context.Context, callee *ari.Channel, _ string) error {
				_, err := ivr.Hold(ctx, callee, ivr.HoldOptions{Limit: 20 * s})
				return err
			}}
			for i := range 10 {
				opts.Numbers = append(opts.Numbers, fmt.Sprintf("PJSIP/%d", i))
			}
			time.AfterFunc(10*s, func() {
				if stop {
					close(stopped)
				} else {
					cancel()
				}
			})
			begun := time.Now()
			res, err := ivr.RunCampaign(ctx, p.client.ARI(), opts)
			require.NoError(t, p.WaitIdle(p.ctx))
			require.Equal(t, 3, res.Calls)
			if stop {
				require.NoError(t, err)
				require.Equal(t, ivr.Discarded, res.Outcome)
				require.InDelta(t, 23, time.Since(begun).Seconds(), 0.1, "who talks may finish")
			} else {
				require.ErrorIs(t, err, context.Canceled)
				require.Equal(t, ivr.Canceled, res.Outcome)
				require.InDelta(t, 10, time.Since(begun).Seconds(), 0.1)
			}
		})
	}
}

func TestCampaignInvalid(t *testing.T) {
	srv := aritest.NewServer(t)
	for _, opts := range []ivr.CampaignOptions{{}, {Numbers: []string{"PJSIP/1"}}, {Numbers: []string{""}, Talk: sayHello}} {
		_, err := ivr.RunCampaign(t.Context(), srv.Controller(), opts)
		require.ErrorIs(t, err, ari.ErrInvalid)
	}
	_, err := ivr.RunCampaign(t.Context(), srv.Controller(), ivr.CampaignOptions{Numbers: []string{"PJSIP/1"}, Talk: sayHello})
	require.True(t, errors.Is(err, ari.ErrNoEvents), "%v", err)
}

// A campaign that is stopped before it begins calls nobody, although a call may begin at the same moment.
func TestCampaignStoppedAtOnce(t *testing.T) {
	bubble(t, func(p *pbx) {
		called := 0
		p.Endpoint("PJSIP/alice", aritest.Rings()).OnCall(func(*aritest.Call) { called++ })
		stop := make(chan struct{})
		close(stop)
		for range 20 {
			res, err := ivr.RunCampaign(p.ctx, p.client.ARI(), ivr.CampaignOptions{
				Numbers: []string{"PJSIP/alice"}, Talk: sayHello, Stop: stop, PerSecond: 1000, Dial: ivr.DialOptions{Timeout: s},
			})
			require.NoError(t, err)
			require.Equal(t, ivr.Discarded, res.Outcome)
			require.Zero(t, res.Calls)
		}
		require.Zero(t, called)
	})
}

func TestDailyWindows(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		opens, closes time.Duration
		from, want    string
	}{
		"over midnight, before":    {22 * time.Hour, 6 * time.Hour, "2026-11-25 12:00", "2026-11-25 22:00"},
		"over midnight, evening":   {22 * time.Hour, 6 * time.Hour, "2026-11-25 23:00", "2026-11-25 23:00"},
		"over midnight, morning":   {22 * time.Hour, 6 * time.Hour, "2026-11-25 05:59", "2026-11-25 05:59"},
		"over midnight, closed":    {22 * time.Hour, 6 * time.Hour, "2026-11-25 06:00", "2026-11-25 22:00"},
		"always":                   {8 * time.Hour, 8 * time.Hour, "2026-11-25 03:00", "2026-11-25 03:00"},
		"a day of 23 hours, early": {9 * time.Hour, 17 * time.Hour, "2026-03-29 01:00", "2026-03-29 09:00"},
		"a day of 25 hours, late":  {9 * time.Hour, 17 * time.Hour, "2026-10-25 16:30", "2026-10-25 16:30"},
	} {
		t.Run(name, func(t *testing.T) {
			from, err := time.ParseInLocation("2006-01-02 15:04", tt.from, berlin)
			require.NoError(t, err)
			require.Equal(t, tt.want, ivr.Daily(tt.opens, tt.closes)(from).Format("2006-01-02 15:04"))
		})
	}
}
