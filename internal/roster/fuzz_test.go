package roster

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// A diceSource makes the fuzzer's bytes the dice of a world, and throws others when they are used up.
type diceSource struct {
	data []byte
	rest *rand.PCG
}

func (s *diceSource) Uint64() uint64 {
	if len(s.data) < 2 {
		s.data = nil
		return s.rest.Uint64()
	}
	n := binary.LittleEndian.Uint16(s.data)
	s.data = s.data[2:]
	return uint64(n)<<48 | 1<<47 // The upper bits decide about a small number.
}

// The fuzzer chooses what happens in a world.
func FuzzWorld(f *testing.F) {
	rnd := rand.NewChaCha8([32]byte{})
	for range 20 {
		data := make([]byte, 2000)
		_, _ = rnd.Read(data)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		source := &diceSource{data, rand.NewPCG(0, 0)}
		w := newWorld(t, rand.New(source))
		w.connection()
		for i := 1; len(source.data) > 0; i++ {
			w.step()
			if i%50 == 0 {
				w.calm()
			}
		}
		w.empty()
	})
}
