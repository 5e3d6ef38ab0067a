package ivr_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/ivr"
)

// A centre is a queue with its agents, whose telephones are PJSIP/NAME, and what came of each caller, by his number.
type centre struct {
	*pbx

	dir     *ivr.MemoryDirectory
	queue   *ivr.Queue
	results chan entered
}

type entered struct {
	number string
	res    *ivr.QueueResult
	err    error
}

func newCentre(p *pbx, opts ivr.QueueOptions, agents ...string) *centre {
	c := &centre{pbx: p, dir: &ivr.MemoryDirectory{}, results: make(chan entered, 1000)}
	for _, name := range agents {
		p.Endpoint("PJSIP/"+name, aritest.AnswersFor(2*s, 10*s))
		c.dir.Join(ivr.Agent{ID: name, Endpoint: "PJSIP/" + name}, "sales")
		time.Sleep(time.Millisecond) // The one before is idle for longer.
	}
	c.queue = ivr.NewQueue("sales", c.dir, opts)
	p.client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		defer call.Channel.Stop(ari.Cleanup(ctx))
		if err := call.Channel.Answer(ctx); err != nil {
			return err
		}
		priority := 0
		if call.Channel.Dialplan.Exten == "vip" {
			priority = 5
		}
		res, err := c.queue.Enter(ctx, call.Channel, ivr.EnterOptions{Priority: priority})
		c.results <- entered{call.Channel.Caller.Number, res, err}
		return err
	})
	return c
}

func TestQueueStrategies(t *testing.T) {
	for _, tt := range []struct {
		strategy ivr.QueueStrategy
		want     []string
	}{
		{ivr.LongestIdle, []string{"ann", "bob", "cat", "ann"}},
		{ivr.RoundRobin, []string{"ann", "bob", "cat", "ann"}},
		{ivr.FewestCalls, []string{"ann", "bob", "cat", "ann"}},
		{ivr.RingAll, []string{"ann", "ann", "ann", "ann"}}, // She answers first.
		{ivr.Random, nil},
	} {
		bubble(t, func(p *pbx) {
			c := newCentre(p, ivr.QueueOptions{Strategy: tt.strategy}, "ann", "bob", "cat")
			if tt.strategy == ivr.RingAll {
				p.Endpoint("PJSIP/bob", aritest.AnswersFor(3*s, 10*s))
				p.Endpoint("PJSIP/cat", aritest.AnswersFor(3*s, 10*s))
			}
			var got []string
			for range 4 {
				p.Call("1000")
				r := <-c.results
				require.NoError(t, r.err)
				require.Equal(t, ivr.Answered, r.res.Outcome)
				require.Equal(t, ivr.PeerHungUp, r.res.Bridge.Outcome)
				require.InDelta(t, 2, r.res.Waited.Seconds(), 0.1)
				got = append(got, r.res.Agent.ID)
				require.NoError(t, p.WaitIdle(p.ctx))
			}
			if tt.want != nil {
				require.Equal(t, tt.want, got, "%d", tt.strategy)
			}
			require.Equal(t, 4, c.queue.Stats().WithinLevel)
		})
	}
}

// Two wait while the only agent talks: who has priority is first, and each hears music.
func TestQueueOrder(t *testing.T) {
	bubble(t, func(p *pbx) {
		c := newCentre(p, ivr.QueueOptions{WrapUp: 3 * s, AnnounceEvery: 4 * s}, "ann")
		p.Call("1000", aritest.From("1"))
		time.Sleep(s)
		second := p.Call("1000", aritest.From("2"))
		time.Sleep(s)
		p.Call("vip", aritest.From("3"))
		var order []string
		var waited []float64
		for range 3 {
			r := <-c.results
			order = append(order, r.number)
			waited = append(waited, r.res.Waited.Seconds())
		}
		require.Equal(t, []string{"1", "3", "2"}, order)
		require.InDeltaSlice(t, []float64{2, 2 + 10 + 3 + 2 - 2, 2 + 2*(10+3+2) - 1}, waited, 0.2)
		heard := second.Heard()
		require.Equal(t, "moh:default", heard[0])
		require.Subset(t, heard, []string{"sound:queue-youarenext", "sound:queue-thereare", "sound:digits/1", "sound:queue-callswaiting", "sound:queue-thankyou"})
		require.Greater(t, len(slices.DeleteFunc(heard, func(m string) bool { return m != "moh:default" })), 2, "music goes on behind an announcement")
	})
}

func TestQueueEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		opts    ivr.QueueOptions
		agents  []string
		before  func(c *centre)
		behave  func(c *centre, call *aritest.Call)
		outcome ivr.Outcome
		waited  float64
	}{
		"abandoned":   {ivr.QueueOptions{}, nil, nil, func(_ *centre, call *aritest.Call) { time.Sleep(3 * s); call.Hangup() }, ivr.HungUp, 3},
		"exit key":    {ivr.QueueOptions{ExitKeys: "#"}, nil, nil, func(_ *centre, call *aritest.Call) { time.Sleep(3 * s); call.SendDTMF("1#") }, ivr.Key, 3},
		"limit":       {ivr.QueueOptions{Limit: 4 * s}, nil, nil, nil, ivr.TimeLimit, 4},
		"no agents":   {ivr.QueueOptions{NeedAgents: true}, nil, nil, nil, ivr.NoAgents, 0},
		"only paused": {ivr.QueueOptions{NeedAgents: true}, []string{"ann"}, func(c *centre) { c.dir.Pause("ann", true) }, nil, ivr.NoAgents, 0},
		"last agent goes": {ivr.QueueOptions{NeedAgents: true}, []string{"ann"}, func(c *centre) {
			c.Endpoint("PJSIP/ann", aritest.Rings())
		}, func(c *centre, _ *aritest.Call) { time.Sleep(3 * s); c.dir.Leave("ann") }, ivr.NoAgents, 15},
		"an agent comes": {ivr.QueueOptions{}, nil, nil, func(c *centre, _ *aritest.Call) {
			time.Sleep(3 * s)
			c.Endpoint("PJSIP/ann", aritest.AnswersFor(2*s, s))
			c.dir.Join(ivr.Agent{ID: "ann", Endpoint: "PJSIP/ann"}, "sales")
		}, ivr.Answered, 5},
		"a pause ends": {ivr.QueueOptions{}, []string{"ann"}, func(c *centre) { c.dir.Pause("ann", true) }, func(c *centre, _ *aritest.Call) {
			time.Sleep(3 * s)
			c.dir.Pause("ann", false)
		}, ivr.Answered, 5},
		"nobody answers": {ivr.QueueOptions{Limit: 40 * s}, []string{"ann"}, func(c *centre) { c.Endpoint("PJSIP/ann", aritest.Rings()) }, nil, ivr.TimeLimit, 40},
		"the next answers": {
			ivr.QueueOptions{}, []string{"ann", "bob"}, func(c *centre) { c.Endpoint("PJSIP/ann", aritest.Rings()) }, nil, ivr.Answered, 17,
		},
		"abandoned while it rings": {ivr.QueueOptions{}, []string{"ann"}, func(c *centre) { c.Endpoint("PJSIP/ann", aritest.Rings()) }, func(_ *centre, call *aritest.Call) {
			time.Sleep(3 * s)
			call.Hangup()
		}, ivr.HungUp, 3},
		"exit key while it rings": {ivr.QueueOptions{ExitKeys: "#"}, []string{"ann"}, func(c *centre) { c.Endpoint("PJSIP/ann", aritest.Rings()) }, func(_ *centre, call *aritest.Call) {
			time.Sleep(3 * s)
			call.SendDTMF("#")
		}, ivr.Key, 3},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(p *pbx) {
				c := newCentre(p, tt.opts, tt.agents...)
				if tt.before != nil {
					tt.before(c)
				}
				call := p.Call("1000")
				if tt.behave != nil {
					tt.behave(c, call)
				}
				r := <-c.results
				require.Equal(t, tt.outcome, r.res.Outcome, "%v", r.err)
				require.Equal(t, tt.outcome == ivr.HungUp, r.err != nil)
				require.InDelta(t, tt.waited, r.res.Waited.Seconds(), 0.2)
				require.NoError(t, p.WaitIdle(p.ctx))
				time.Sleep(time.Minute)
				for _, a := range agents(p, c.dir) {
					require.False(t, a.Busy, "%s stays reserved", a.ID)
				}
				addsUp(t, c.queue.Stats())
			})
		})
	}
}

// reserving is a directory in which something happens when an agent is reserved.
type reserving struct {
	*ivr.MemoryDirectory

	then func()
}

func (d *reserving) Reserve(ctx context.Context, agent string) (bool, error) {
	ok, err := d.MemoryDirectory.Reserve(ctx, agent)
	d.then()
	return ok, err
}

// An agent who is reserved in the moment in which the caller goes isn't lost. Which of the two is seen first is chance.
func TestQueueLateOffer(t *testing.T) {
	for range 20 {
		bubble(t, func(p *pbx) {
			dir := &reserving{MemoryDirectory: &ivr.MemoryDirectory{}}
			dir.Join(ivr.Agent{ID: "ann", Endpoint: "PJSIP/ann"}, "sales")
			p.Endpoint("PJSIP/ann", aritest.Rings())
			queue := ivr.NewQueue("sales", dir, ivr.QueueOptions{})
			res, err := served(p, nil, func(ctx context.Context, caller *ari.Channel) (*ivr.QueueResult, error) {
				ctx, dir.then = context.WithCancel(ctx)
				return queue.Enter(ctx, caller, ivr.EnterOptions{})
			})
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, ivr.Canceled, res.Outcome)
			time.Sleep(time.Minute)
			require.False(t, agents(p, dir)[0].Busy)
		})
	}
}

func TestQueueFull(t *testing.T) {
	bubble(t, func(p *pbx) {
		c := newCentre(p, ivr.QueueOptions{MaxWaiting: 1, Limit: 5 * s})
		p.Call("1000", aritest.From("1"))
		time.Sleep(s)
		p.Call("1000", aritest.From("2"))
		r := <-c.results
		require.Equal(t, ivr.Full, r.res.Outcome)
		require.Equal(t, "2", r.number)
		require.Equal(t, ivr.TimeLimit, (<-c.results).res.Outcome)
	})
}

func agents(p *pbx, dir ivr.Directory) []ivr.AgentState {
	all, err := dir.Agents(p.ctx, "sales")
	require.NoError(p, err)
	return all
}

// addsUp fails if a caller isn't counted exactly once.
func addsUp(t *testing.T, s ivr.QueueStats) {
	t.Helper()
	require.Equal(t, s.Entered, s.Waiting+s.Answered+s.Abandoned+s.TimedOut+s.Exited+s.SentAway+s.Failed, "%+v", s)
}

// A day of two hundred callers and twenty agents: everybody is served, gives up or is sent away exactly once, the figures add up, and
// nobody waits while somebody is idle who could take his call.
func TestQueueDay(t *testing.T) {
	strategies := []ivr.QueueStrategy{ivr.LongestIdle, ivr.RingAll, ivr.FewestCalls, ivr.RoundRobin, ivr.Random}
	if stride > 1 {
		strategies = strategies[:2]
	}
	for _, strategy := range strategies {
		bubble(t, func(p *pbx) {
			rnd := rand.New(rand.NewPCG(uint64(strategy), 1))
			c := newCentre(p, ivr.QueueOptions{
				Strategy: strategy, WrapUp: 20 * s, Limit: 15 * time.Minute, ExitKeys: "#", AnnounceEvery: 45 * s, MaxWaiting: 12,
			})
			var day sync.WaitGroup
			for i := range 20 {
				day.Go(agentsDay(c, i, rand.New(rand.NewPCG(uint64(strategy), uint64(100+i)))))
			}
			idle := watchIdle(c)
			for i := range 200 {
				// Eight in the morning to eight at night, most of them in two rushes.
				at := time.Duration(rnd.IntN(12*3600)) * s
				if i%2 == 0 {
					at = time.Duration(2*3600+i%4*2*3600+rnd.IntN(240)) * s
				}
				day.Go(callersCall(c, i, at, rand.New(rand.NewPCG(uint64(strategy), uint64(1000+i)))))
			}
			counts := make(map[ivr.Outcome]int)
			seen := make(map[string]bool)
			for range 200 {
				r := <-c.results
				require.False(t, seen[r.number], "%s is told twice", r.number)
				seen[r.number] = true
				counts[r.res.Outcome]++
			}
			day.Wait()
			require.NoError(t, p.WaitIdle(p.ctx))
			require.Empty(t, idle(), "somebody waited, and somebody was idle")
			got := c.queue.Stats()
			t.Logf("%v: %+v", counts, got)
			addsUp(t, got)
			require.Equal(t, 200, got.Entered)
			require.Zero(t, got.Waiting+got.Failed)
			for out, n := range map[ivr.Outcome]int{
				ivr.Answered: got.Answered, ivr.HungUp: got.Abandoned, ivr.TimeLimit: got.TimedOut, ivr.Key: got.Exited, ivr.Full: got.SentAway,
			} {
				require.Equal(t, counts[out], n, "%s", out)
			}
			for _, n := range []int{got.Answered - 100, got.Missed, got.Abandoned, got.Exited, got.SentAway} {
				require.Positive(t, n, "the day was too quiet: %+v", got)
			}
			calls := 0
			time.Sleep(time.Hour) // The last one's wrap-up is over, and the telephones have ended.
			for _, a := range agents(p, c.dir) {
				calls += a.Calls
				require.False(t, a.Busy)
			}
			require.Equal(t, got.Answered, calls)
		})
	}
}

// agentsDay is an agent who comes, pauses now and then, doesn't always answer, and stays to the end of the day.
func agentsDay(c *centre, i int, rnd *rand.Rand) func() {
	name := fmt.Sprintf("agent%02d", i)
	var mu sync.Mutex // guards rnd
	pick := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return rnd.IntN(n)
	}
	c.Endpoint("PJSIP/"+name, aritest.Rings()).OnCall(func(call *aritest.Call) {
		switch pick(10) {
		case 0: // not at the desk
		case 1:
			time.Sleep(2 * s)
			call.Refuse(486)
		default:
			time.Sleep(time.Duration(1+pick(6)) * s)
			if call.Answer() == nil {
				time.Sleep(time.Duration(60+pick(500)) * s)
				call.Hangup()
			}
		}
	})
	return func() {
		time.Sleep(time.Duration(i%5*3600) * s / 2)
		c.dir.Join(ivr.Agent{ID: name, Endpoint: "PJSIP/" + name}, "sales")
		for range 10 {
			time.Sleep(time.Duration(1800+pick(1800)) * s)
			c.dir.Pause(name, true)
			time.Sleep(time.Duration(pick(900)) * s)
			c.dir.Pause(name, false)
		}
	}
}

// callersCall is somebody who calls at some time, and who has more or less patience.
func callersCall(c *centre, i int, at time.Duration, rnd *rand.Rand) func() {
	return func() {
		time.Sleep(at)
		call := c.Call("1000", aritest.From(fmt.Sprint(i)))
		switch rnd.IntN(6) {
		case 0:
			time.Sleep(time.Duration(rnd.IntN(60)) * s)
			if call.WaitBridged(context.Background(), 1) != nil {
				return
			}
		case 1:
			time.Sleep(time.Duration(rnd.IntN(90)) * s)
			call.SendDTMF("#")
		case 2:
			time.Sleep(time.Duration(1+rnd.IntN(120)) * s)
			call.Hangup()
		}
	}
}

// watchIdle looks once a second whether somebody waits while an agent is idle, and returns when that was.
func watchIdle(c *centre) (found func() []time.Time) {
	var times []time.Time
	ctx, cancel := context.WithCancel(c.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		time.Sleep(s / 4) // Everything else happens at full seconds, or a little later.
		for ctx.Err() == nil {
			time.Sleep(s)
			free := slices.ContainsFunc(agents(c.pbx, c.dir), func(a ivr.AgentState) bool { return !a.Busy && !a.Paused && time.Since(a.Since) > 100*time.Millisecond })
			if free && c.queue.Unserved() > 0 {
				times = append(times, time.Now())
			}
		}
	}()
	return func() []time.Time {
		cancel()
		<-done
		return times
	}
}
