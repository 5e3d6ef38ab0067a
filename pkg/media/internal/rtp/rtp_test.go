package rtp_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/media/internal/rtp"
)

func TestPacket(t *testing.T) {
	t.Parallel()
	h := rtp.Header{Marker: true, PayloadType: 8, Sequence: 65535, Timestamp: 0xdeadbeef, SSRC: 0x01020304}
	raw := append(rtp.AppendHeader(nil, h), "sound"...)
	assert.Equal(t, []byte{0x80, 0x88, 0xff, 0xff, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4}, raw[:12])
	got, payload, err := rtp.Parse(raw)
	require.NoError(t, err)
	assert.Equal(t, h, got)
	assert.Equal(t, "sound", string(payload))
}

func TestParse(t *testing.T) {
	t.Parallel()
	head := func(first byte) []byte { return append([]byte{first, 0}, make([]byte, 10)...) }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"sources":        {join(head(0x82), make([]byte, 8), []byte("x")), "x"},
		"extension":      {join(head(0x90), []byte{0, 0, 0, 1, 9, 9, 9, 9}, []byte("x")), "x"},
		"padding":        {join(head(0xa0), []byte("x"), []byte{0, 0, 3}), "x"},
		"only padding":   {join(head(0xa0), []byte{1}), ""},
		"without sound":  {head(0x80), ""},
		"all of it":      {join(head(0xb1), make([]byte, 4), []byte{0, 0, 0, 0}, []byte("x"), []byte{1}), "x"},
		"empty!":         {nil, "!"},
		"short!":         {head(0x80)[:11], "!"},
		"version 1!":     {head(0x40), "!"},
		"sources cut!":   {join(head(0x81), make([]byte, 3)), "!"},
		"extension cut!": {join(head(0x90), []byte{0, 0, 0}), "!"},
		"long ext!":      {join(head(0x90), []byte{0, 0, 0, 2, 9, 9, 9, 9}), "!"},
		"padding 0!":     {join(head(0xa0), []byte{0}), "!"},
		"long padding!":  {join(head(0xa0), []byte{2}), "!"},
	} {
		_, payload, err := rtp.Parse(c.raw)
		if c.want == "!" {
			assert.ErrorIs(t, err, rtp.ErrNotRTP, name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, c.want, string(payload), name)
	}
}

// feed pushes packets and collects what comes out: a sequence number's low byte each, -1 for lost ones.
func feed(b *rtp.Buffer, numbers ...uint16) []int {
	var out []int
	for _, n := range numbers {
		b.Push(rtp.Header{Sequence: n}, []byte{byte(n)})
		for {
			h, payload, lost, ok := b.Pop()
			if !ok {
				break
			}
			if lost {
				out = append(out, -1)
				continue
			}
			if payload[0] != byte(h.Sequence) {
				out = append(out, -1000)
			}
			out = append(out, int(h.Sequence))
		}
	}
	return out
}

func TestBuffer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   []uint16
		want []int
	}{
		"in order":         {[]uint16{1, 2, 3}, []int{1, 2, 3}},
		"around the end":   {[]uint16{65534, 65535, 0, 1}, []int{65534, 65535, 0, 1}},
		"swapped":          {[]uint16{1, 3, 2, 4}, []int{1, 2, 3, 4}},
		"swapped at end":   {[]uint16{65534, 0, 65535, 1}, []int{65534, 65535, 0, 1}},
		"lost":             {[]uint16{1, 3, 4, 5, 6}, []int{1, -1, 3, 4, 5, 6}},
		"not yet lost":     {[]uint16{1, 3, 4}, []int{1}},
		"two lost":         {[]uint16{1, 4, 5, 6, 7}, []int{1, -1, -1, 4, 5, 6, 7}},
		"too late":         {[]uint16{1, 3, 4, 5, 2, 6}, []int{1, -1, 3, 4, 5, 6}},
		"twice":            {[]uint16{1, 3, 3, 2, 2, 4}, []int{1, 2, 3, 4}},
		"a stray one":      {[]uint16{1, 2, 9000, 3, 4}, []int{1, 2, 3, 4}},
		"begun anew":       {[]uint16{1, 2, 9000, 9001, 9002}, []int{1, 2, 9001, 9002}},
		"back":             {[]uint16{9000, 9001, 5, 6, 7}, []int{9000, 9001, 6, 7}},
		"half a circle":    {[]uint16{1, 2, 32770, 32771}, []int{1, 2, 32771}},
		"a far jump ahead": {[]uint16{1, 2, 40, 41, 42}, []int{1, 2, 41, 42}},
	} {
		b := &rtp.Buffer{Depth: 3}
		assert.Equal(t, c.want, feed(b, c.in...), name)
	}
	b := &rtp.Buffer{Depth: 3}
	feed(b, 1, 3, 4, 5, 2, 5, 7, 7)
	assert.Equal(t, [3]int64{1, 2, 1}, [3]int64{b.Lost, b.Late, b.Duplicate})
	b.Push(rtp.Header{Sequence: 500, SSRC: 7}, nil)
	h, payload, lost, ok := b.Pop()
	assert.True(t, ok && !lost && h.Sequence == 500 && len(payload) == 0, "another sender is heard at once")
	assert.Equal(t, int64(1), b.Resets)
}

// Whatever comes: nothing comes out twice or out of order, and at most Depth packets wait.
func TestBufferAtRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := &rtp.Buffer{Depth: 1 + r.IntN(8)}
		var in []uint16
		at := uint16(r.Uint32())
		for range 200 {
			at++
			if r.IntN(10) > 0 {
				in = append(in, at)
			}
		}
		for range 40 {
			i := r.IntN(len(in) - 5)
			j := i + r.IntN(5)
			in[i], in[j] = in[j], in[i]
		}
		out := feed(b, in...)
		last := -1
		for i, n := range out {
			if n >= 0 {
				if last >= 0 {
					require.Equal(t, uint16(last)+uint16(i-lastIndex(out, i)), uint16(n), "seed %d: %v", seed, out)
				}
				last = n
			}
		}
	}
}

// lastIndex is where the last packet before i stands.
func lastIndex(out []int, i int) int {
	for i--; i > 0 && out[i] < 0; i-- {
	}
	return i
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 5})
	f.Add([]byte{0xb1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 5, 5, 5, 5, 0, 0, 0, 0, 1, 1})
	b := &rtp.Buffer{Depth: 3}
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, payload, err := rtp.Parse(raw)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(payload), len(raw)-rtp.HeaderSize)
		b.Push(h, payload)
		for range 100 {
			if _, _, _, ok := b.Pop(); !ok {
				return
			}
		}
		t.Fatal("it never ends")
	})
}

func BenchmarkBuffer(b *testing.B) {
	buf := &rtp.Buffer{Depth: 3}
	raw := append(rtp.AppendHeader(nil, rtp.Header{}), make([]byte, 160)...)
	b.ReportAllocs()
	for b.Loop() {
		h, payload, err := rtp.Parse(raw)
		if err != nil {
			b.Fatal(err)
		}
		raw[3]++
		if raw[3] == 0 {
			raw[2]++
		}
		buf.Push(h, payload)
		buf.Pop()
	}
}
