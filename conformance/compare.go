package conformance

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// A Trace is what came of a sequence on one endpoint.
type Trace struct {
	// Answers are those to the steps: status and body.
	Answers []string
	// Begun is when each step began, since the first.
	Begun []time.Duration
	// Events are the events of each entity that came by the end of a step.
	Events []map[string][]string
}

// A Difference is where two endpoints went different ways for the first time.
type Difference struct {
	Step   int    // whose effect it is
	Entity string // whose events differ, or "" for the answer
	Real   string
	Sim    string
	// Trace is what the real one did.
	Trace *Trace
}

// Compare looks for the first difference between what a real Asterisk did, twice, and what the simulator did. Only what the real one did both
// times counts: once an entity's events differed there, that entity isn't looked at any more.
func Compare(first, second, simulated *Trace) *Difference {
	unsteady := map[string]bool{}
	for i := range first.Answers {
		if i >= len(second.Answers) || i >= len(simulated.Answers) {
			return nil
		}
		if first.Answers[i] != second.Answers[i] {
			return nil // What follows may follow from that.
		}
		if first.Answers[i] != simulated.Answers[i] {
			return &Difference{Step: i, Real: first.Answers[i], Sim: simulated.Answers[i], Trace: first}
		}
		entities := map[string]bool{}
		for _, t := range []*Trace{first, second, simulated} {
			for key := range t.Events[i] {
				entities[key] = true
			}
		}
		for _, key := range slices.Sorted(maps.Keys(entities)) {
			a, b, c := first.Events[i][key], second.Events[i][key], simulated.Events[i][key]
			switch {
			case unsteady[key]:
			case !slices.Equal(a, b):
				unsteady[key] = true
			case !slices.Equal(a, c):
				return &Difference{Step: i, Entity: key, Real: only(a, c), Sim: only(c, a), Trace: first}
			}
		}
	}
	return nil
}

// only is a list from where another one differs.
func only(a, b []string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return strings.Join(a[i:], "\n      ")
}

// Shrink takes steps away as long as the rest still differs, and returns what is left. It may take long: each try is played anew.
func Shrink(seq Sequence, differs func(Sequence) bool) Sequence {
	for size := max(len(seq.Steps)/2, 1); ; size = size / 2 {
		for at := 0; at+size <= len(seq.Steps); {
			try := seq
			try.Steps = slices.Concat(seq.Steps[:at], seq.Steps[at+size:])
			if len(try.Steps) > 0 && differs(try) {
				seq = try
			} else {
				at += size
			}
		}
		if size <= 1 {
			return seq
		}
	}
}
