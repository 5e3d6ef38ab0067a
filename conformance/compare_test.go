package conformance_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ari-go/ari/conformance"
	"github.com/ari-go/ari/test/asterisk"
)

var (
	compareFor   = flag.Duration("compare.for", 0, "how long to compare random sequences; 0 is as many as -compare.count says")
	compareCount = flag.Int("compare.count", 40, "how many random sequences to compare")
	compareSteps = flag.Int("compare.steps", 15, "how many steps a sequence has")
	compareSeed  = flag.Uint64("compare.seed", 1, "seed of the first sequence; the next ones have the next numbers")
	callers      = flag.Bool("compare.callers", true, "let SIP telephones call in sequences")
	compareAlso  = flag.Int("compare.workers", 4, "how many sequences are played at the same time")
	shrink       = flag.Bool("compare.shrink", true, "take away the steps that a difference doesn't need")
)

// tolerated is how many of a hundred sequences may differ without a known reason.
const tolerated = 5

// TestCompare plays random sequences of commands on a real Asterisk, twice, and on the simulator. It prints each difference that has no known reason, and fails
// when there are too many.
func TestCompare(t *testing.T) {
	const version = "22"
	inst := asterisk.Start(t, asterisk.Options{Version: version, Own: true, Dialplan: dialplan, WriteTimeout: writeTimeout})
	c := &comparison{t: t, inst: inst, known: map[string]int{}, asterisk: &asteriskEnv{inst: inst}, sim: newSimulator(t, inst.Version)}
	seeds := make(chan uint64)
	var wg sync.WaitGroup
	for range *compareAlso {
		wg.Go(func() {
			for seed := range seeds {
				c.one(conformance.NewSequence(seed, *compareSteps, *callers))
			}
		})
	}
	begin := time.Now()
	for i := 0; *compareFor > 0 && time.Since(begin) < *compareFor || *compareFor == 0 && i < *compareCount; i++ {
		seeds <- *compareSeed + uint64(i)
	}
	close(seeds)
	wg.Wait()
	t.Logf("%d sequences, %d with an unknown difference, with known ones %v, %d that differed once and not again; the real Asterisk crashed %d times", c.played.Load(), c.differ.Load(), c.known, c.late.Load(), c.crashes.Load())
	if c.differ.Load()*100 > c.played.Load()*tolerated {
		t.Errorf("more than %d of 100 sequences differ", tolerated)
	}
}

// comparison is one run.
type comparison struct {
	t             *testing.T
	inst          *asterisk.Instance
	asterisk, sim conformance.Env
	serial        atomic.Int64

	played, differ, late, crashes atomic.Int64

	beside sync.RWMutex // held for writing by a sequence that is played alone
	mu     sync.Mutex
	starts int  // how often the real Asterisk was started
	gone   bool // it can't be started any more
	known  map[string]int
}

// errNotPlayed says that a sequence came to no end, since a telephone couldn't be started.
var errNotPlayed = errors.New("not played")

// play plays a sequence three times and compares.
func (c *comparison) play(seq conformance.Sequence) (*conformance.Difference, error) {
	c.beside.RLock()
	defer c.beside.RUnlock()
	return c.playOn(seq)
}

// playAlone is play when nothing else is played, so that a crash is the sequence's own.
func (c *comparison) playAlone(seq conformance.Sequence) (*conformance.Difference, error) {
	c.beside.Lock()
	defer c.beside.Unlock()
	return c.playOn(seq)
}

func (c *comparison) playOn(seq conformance.Sequence) (*conformance.Difference, error) {
	c.mu.Lock()
	starts := c.starts
	c.mu.Unlock()
	var traces [3]*conformance.Trace
	var errs [3]error
	var wg sync.WaitGroup
	for i, env := range []conformance.Env{c.asterisk, c.asterisk, c.sim} {
		prefix := fmt.Sprintf("q%dx", c.serial.Add(1))
		errs[i] = errNotPlayed
		wg.Go(func() {
			// A test of its own, at whose end its telephones give their ports back.
			c.t.Run(prefix, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
				defer cancel()
				traces[i], errs[i] = conformance.Play(ctx, t, env, seq, prefix)
			})
		})
	}
	wg.Wait()
	if err := errors.Join(errs[0], errs[1]); err != nil {
		c.restart(starts)
		return nil, err
	}
	if failure := errs[2]; failure != nil {
		return &conformance.Difference{Sim: failure.Error()}, nil //nolint:nilerr // That the simulator fails is a difference.
	}
	return conformance.Compare(traces[0], traces[1], traces[2]), nil
}

// restart starts the real Asterisk again when a sequence has crashed it. That may have been one of those that were played beside.
func (c *comparison) restart(starts int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.starts != starts || c.gone {
		return
	}
	c.starts++
	c.crashes.Add(1)
	_ = c.inst.Kill() // It is gone already, or has locked up.
	if err := c.inst.Restart(c.t.Context()); err != nil {
		c.gone = true
		c.t.Errorf("the real Asterisk is down: %v", err)
	}
}

// one compares one sequence.
func (c *comparison) one(seq conformance.Sequence) {
	difference, err := c.play(seq)
	if err != nil {
		if difference, err = c.playAlone(seq); err != nil {
			c.t.Logf("seed %d crashes the real Asterisk: %v\n%s", seq.Seed, err, listing(seq))
			return
		}
	}
	c.played.Add(1)
	if difference == nil {
		return
	}
	// On a machine with much to do, any of the three may be late. What differs differs again.
	if again, err := c.play(seq); err != nil || again == nil || again.Step != difference.Step || again.Entity != difference.Entity {
		c.late.Add(1)
		return
	}
	if reason := known(seq, difference); reason != "" {
		c.mu.Lock()
		c.known[reason]++
		c.mu.Unlock()
		return
	}
	c.differ.Add(1)
	if *shrink {
		seq = conformance.Shrink(seq, func(try conformance.Sequence) bool {
			d, err := c.play(try)
			if err == nil && d != nil && d.Entity == difference.Entity && d.Real == difference.Real && d.Sim == difference.Sim {
				difference = d
				return true
			}
			return false
		})
	}
	c.t.Logf("seed %d, step %d: %s\n  %s\n  real: %s\n  sim:  %s\n%s", seq.Seed, difference.Step, seq.Steps[difference.Step], difference.Entity, difference.Real, difference.Sim, listing(seq))
}

// known is the reason why a difference may be, or "".
func known(seq conformance.Sequence, d *conformance.Difference) string {
	if d.Trace == nil {
		return ""
	}
	if strings.Contains(d.Real, `"ChannelHangupRequest"`) && strings.Contains(d.Real, `"Dial"`) && sameLines(d.Real, d.Sim) {
		return "the halves of a Local channel run side by side: a hangup may be told before the call that it ends"
	}
	if strings.Contains(d.Real, `"ChannelStateChange"`) && strings.Contains(d.Real, `"Dial"`) && sameLines(stateless(d.Real), stateless(d.Sim)) {
		return "that a channel rings, or is answered, and what has come of its call two threads tell"
	}
	if strings.Contains(d.Real+d.Sim, "BRIDGEPEER") && sameLines(peerless(d.Real), peerless(d.Sim)) {
		return "BRIDGEPEER and BRIDGEPVTCALLID are set up to three times when a bridge changes"
	}
	for i, step := range seq.Steps[:d.Step] {
		since := d.Trace.Begun[d.Step] - d.Trace.Begun[i]
		if strings.HasSuffix(step.Path, "/record") && strings.HasPrefix(d.Trace.Answers[i], "201") && since > 2*time.Second && since < 7*time.Second {
			return "a recording of nothing ends after four seconds, in one step or the next"
		}
	}
	return ""
}

// peerless is a text without the variables by which channels know whom they are bridged with.
func peerless(text string) string { return peer.ReplaceAllString(text, "") }

var peer = regexp.MustCompile(`(?m)^.*"variable":"BRIDGE(?:PEER|PVTCALLID)"}\n?`)

// stateless is a text without the states that channels are in.
func stateless(text string) string { return state.ReplaceAllString(text, "") }

var state = regexp.MustCompile(`"state":"(?:Down|Ring|Ringing|Up)"`)

// sameLines reports whether two texts have the same lines, in whatever order.
func sameLines(a, b string) bool {
	sorted := func(text string) []string {
		var lines []string
		for line := range strings.Lines(text) {
			lines = append(lines, strings.TrimSpace(line))
		}
		slices.Sort(lines)
		return lines
	}
	return slices.Equal(sorted(a), sorted(b))
}

func listing(seq conformance.Sequence) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  (everything: %v)\n", seq.Everything)
	for i, step := range seq.Steps {
		fmt.Fprintf(&b, "  %2d %s\n", i, step)
	}
	return b.String()
}
