package fleet

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	killFor   = flag.Duration("fleet.for", 0, "how long TestWorkersKilled kills workers; 0: three times")
	killCalls = flag.Int("fleet.calls", 24, "how many calls TestWorkersKilled has at once")
	killEvery = flag.Duration("fleet.every", 10*time.Second, "how often it kills a worker, with -fleet.for")
)

// A script is what the workers of TestWorkersKilled do with each call: they answer it, note each key as a variable of the channel,
// and tell at the end which keys they know of.
type script struct {
	mu      sync.Mutex
	owner   map[string]*worker // of each call
	calls   map[*worker][]*Call
	pressed map[string]string // as the call's last worker saw them
	ended   chan string
	haunted uint64 // commands of dead workers
	errs    []error
}

func newScript(calls int) *script {
	return &script{
		owner: make(map[string]*worker), calls: make(map[*worker][]*Call), pressed: make(map[string]string),
		ended: make(chan string, 2*calls),
	}
}

func (s *script) run(ctx context.Context, w func() *worker, start *ari.StasisStart) error {
	me := w()
	call, ch := me.Call(start), start.Channel
	key := call.Node() + "/" + call.ID()
	keys := ari.Subscribe[*ari.ChannelDtmfReceived](ch)
	defer keys.Close()
	if !start.Resumed() {
		if err := ch.Answer(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.owner[key], s.calls[me] = me, append(s.calls[me], call)
	s.mu.Unlock()
	for {
		ev, err := keys.Next(ctx)
		if err != nil {
			break
		}
		if err := ch.SetVariable(ctx, "LAST_KEY", ev.Digit); err != nil {
			break
		}
	}
	if call.Lost() {
		return nil
	}
	list, err := call.History(ari.Cleanup(ctx))
	s.mu.Lock()
	if err != nil || !hasEnd(list) {
		s.errs = append(s.errs, fmt.Errorf("%s: %w, has its end: %t", key, err, hasEnd(list)))
		s.mu.Unlock()
		return err // It is no end, but the loss of this worker.
	}
	s.pressed[key] = digits(list)
	s.mu.Unlock()
	s.ended <- key
	return nil
}

func hasEnd(list []ari.Event) bool {
	for _, ev := range list {
		if _, ok := ev.(*ari.StasisEnd); ok {
			return true
		}
	}
	return false
}

// settled reports whether all calls have an owner other than gone.
func (s *script) settled(calls int, gone map[*worker]bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.owner {
		if gone[w] {
			return false
		}
	}
	return len(s.owner) == calls
}

// A caller presses keys until the test says stop.
type caller struct {
	*aritest.Call
	key  string
	sent string
}

func (c *caller) press(stop <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		d := fmt.Sprint(i % 10)
		c.SendDTMF(d)
		c.sent += d
	}
}

// Three workers have the calls of two Asterisks, and are killed in turn, each replaced by a new one. Every call goes on with another
// worker; no command comes of an old one; no event is lost.
func TestWorkersKilled(t *testing.T) {
	r := newRig(t, 2)
	s := newScript(*killCalls)
	hire := func() *worker {
		var w *worker
		ready := make(chan struct{})
		w = r.worker(func(c *Client) {
			c.OnCall(func(ctx context.Context, start *ari.StasisStart) error {
				<-ready
				return s.run(ctx, func() *worker { return w }, start)
			})
		}, nats.MaxReconnects(0))
		close(ready)
		return w
	}
	workers := []*worker{hire(), hire(), hire()}
	gone := make(map[*worker]bool)
	callers := make([]*caller, *killCalls)
	for i := range callers {
		srv := r.asterisks[i%2]
		call := srv.Call("1000")
		callers[i] = &caller{Call: call, key: string(rune('a'+i%2)) + "/" + call.ChannelID()}
	}
	eventually(t, "all calls have a worker", func() bool { return s.settled(len(callers), gone) })
	stop := make(chan struct{})
	var pressing sync.WaitGroup
	for _, c := range callers {
		pressing.Go(func() { c.press(stop) })
	}
	var longest time.Duration
	kills, ends := 0, time.Now().Add(*killFor)
	for ; *killFor == 0 && kills < len(workers) || time.Now().Before(ends); kills++ {
		victim := workers[kills%3]
		died := time.Now()
		victim.kill()
		gone[victim] = true
		workers[kills%3] = hire()
		eventually(t, "all calls have another worker", func() bool { return s.settled(len(callers), gone) })
		longest = max(longest, time.Since(died))
		s.haunt(t, r, victim)
		if *killFor > 0 {
			time.Sleep(time.Until(died.Add(*killEvery))) // It is what is asked for.
		}
	}
	close(stop)
	pressing.Wait()
	s.finish(t, r, callers)
	took := uint64(0)
	for _, w := range workers {
		took += w.Stats().TakenOver
	}
	t.Logf("%d calls, %d workers killed: all calls had another worker %s after a death at most (lease %s); %d taken over by the last three",
		len(callers), kills, longest.Round(time.Millisecond), testLease, took)
}

// explain says which calls' ends reached no worker.
func (s *script) explain(t *testing.T, callers []*caller) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range callers {
		if _, ok := s.pressed[c.key]; !ok {
			t.Logf("%s: its worker has %+v, errors: %v", c.key, s.owner[c.key].Stats(), s.errs)
		}
	}
}

// haunt tries to hang up the calls that a dead worker had, as it might have itself a moment later, when its messages were late.
func (s *script) haunt(t *testing.T, r *rig, dead *worker) {
	t.Helper()
	s.mu.Lock()
	calls := s.calls[dead]
	s.mu.Unlock()
	require.NotEmpty(t, calls)
	nc := r.connect()
	defer nc.Close()
	for _, call := range calls {
		m := call.message(kindRequest)
		m.Header.Set(headerMethod, "DELETE")
		m.Header.Set(headerPath, "/channels/"+call.ID())
		reply, err := nc.RequestMsg(m, time.Minute)
		require.NoError(t, err)
		require.Equal(t, refusedToken, reply.Header.Get(headerRefused))
		s.haunted++
	}
}

// finish hangs all up, and compares what was pressed with what the calls' last workers know.
func (s *script) finish(t *testing.T, r *rig, callers []*caller) {
	t.Helper()
	for _, c := range callers {
		assert.False(t, c.Ended(), "a call was lost")
		c.Hangup()
	}
	for range callers {
		select {
		case <-s.ended:
		case <-soon(t).Done():
			s.explain(t, callers)
			t.Fatal("a call's end reached no worker")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stale := uint64(0)
	for _, g := range r.gateways {
		stale += g.Stats().Stale
		t.Logf("gateway: %+v", g.Stats())
		eventually(t, "no call is left", func() bool { return g.Stats().Calls == 0 })
		require.Zero(t, g.Stats().Lost)
	}
	require.GreaterOrEqual(t, stale, s.haunted, "refused commands are counted")
	for _, srv := range r.asterisks {
		require.Empty(t, srv.Channels())
	}
	for _, c := range callers {
		require.Equal(t, c.sent, s.pressed[c.key], "the keys of %s", c.key)
	}
	r.book.check(t)
}
