package roster

import (
	"flag"
	"math/rand/v2"
	"testing"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "the first world of the random test")
	stepsFlag = flag.Int("steps", 1_000_000, "the steps of the random test")
)

// Worlds that nobody has thought of. Run more of them with -args -steps 100000000, and one again with -args -seed N -steps 1.
func TestRandomWorlds(t *testing.T) {
	const each = 400
	for i := range max(1, *stepsFlag/each) {
		seed := *seedFlag + uint64(i)
		w := newWorld(t, rand.New(rand.NewPCG(seed, 0)))
		w.note("seed %d, oracle %v, all %v", seed, w.oracle, w.all)
		w.run(each)
	}
}
