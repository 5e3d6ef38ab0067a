package conformance_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/conformance"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// A seed stands for its sequence.
func TestSequence(t *testing.T) {
	t.Parallel()
	first := conformance.NewSequence(7, 15, true)
	require.Len(t, first.Steps, 15)
	require.Equal(t, first, conformance.NewSequence(7, 15, true))
	require.NotEqual(t, first.Steps, conformance.NewSequence(8, 15, true).Steps)
}

// Without the steps that it doesn't need, a difference is still there.
func TestShrink(t *testing.T) {
	t.Parallel()
	seq := conformance.NewSequence(1, 15, false)
	needed := []conformance.Step{seq.Steps[3], seq.Steps[9]}
	tries := 0
	small := conformance.Shrink(seq, func(try conformance.Sequence) bool {
		tries++
		return slices.Contains(try.Steps, needed[0]) && slices.Contains(try.Steps, needed[1])
	})
	require.Equal(t, needed, small.Steps)
	require.Less(t, tries, 100)
	require.Len(t, seq.Steps, 15, "the sequence itself stays as it is")
}

func trace(answers []string, events ...map[string][]string) *conformance.Trace {
	return &conformance.Trace{Answers: answers, Events: events, Begun: make([]time.Duration, len(answers))}
}

func TestCompareTraces(t *testing.T) {
	t.Parallel()
	none := map[string][]string{}
	one := map[string][]string{"channel a": {"x", "y"}}
	for name, c := range map[string]struct {
		first, second, simulated *conformance.Trace
		want                     *conformance.Difference
	}{
		"the same": {trace([]string{"200", "204"}, none, one), trace([]string{"200", "204"}, none, one), trace([]string{"200", "204"}, none, one), nil},
		"another answer": {
			trace([]string{"200", "204"}, none, none), trace([]string{"200", "204"}, none, none), trace([]string{"200", "404"}, none, none),
			&conformance.Difference{Step: 1, Real: "204", Sim: "404"},
		},
		"another event": {
			trace([]string{"200"}, one), trace([]string{"200"}, one), trace([]string{"200"}, map[string][]string{"channel a": {"x", "z"}}),
			&conformance.Difference{Step: 0, Entity: "channel a", Real: "y", Sim: "z"},
		},
		"an event too many": {
			trace([]string{"200"}, none), trace([]string{"200"}, none), trace([]string{"200"}, one),
			&conformance.Difference{Step: 0, Entity: "channel a", Sim: "x\n      y"},
		},
		// What the real one does this way and that way says nothing.
		"unsteady events": {trace([]string{"200"}, one), trace([]string{"200"}, none), trace([]string{"200"}, none), nil},
		"unsteady answer": {trace([]string{"200", "1"}, none, none), trace([]string{"404", "1"}, none, none), trace([]string{"500", "2"}, none, none), nil},
		"broken off":      {trace([]string{"200", "1"}, none, none), trace([]string{"200"}, none), trace([]string{"200", "2"}, none, none), nil},
	} {
		got := conformance.Compare(c.first, c.second, c.simulated)
		if c.want != nil {
			c.want.Trace = c.first
		}
		assert.Equal(t, c.want, got, name)
	}
}

// The simulator doesn't differ from itself, and leaves nothing behind.
func TestPlayOnSimulator(t *testing.T) {
	t.Parallel()
	sim := newSimulator(t, "22.10.1", aritest.WithSpeed(1))
	seq := conformance.NewSequence(3, 4, true)
	var traces []*conformance.Trace
	for _, prefix := range []string{"q1x", "q2x", "q3x"} {
		got, err := conformance.Play(t.Context(), t, sim, seq, prefix)
		require.NoError(t, err)
		require.Len(t, got.Answers, 4)
		require.Contains(t, got.Answers[0], `"id":"~c1"`)
		traces = append(traces, got)
	}
	require.Nil(t, conformance.Compare(traces[0], traces[1], traces[2]))
	require.NoError(t, sim.srv.WaitIdle(t.Context()))
}
