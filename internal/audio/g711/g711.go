// Package g711 encodes and decodes G.711: µ-law and A-law, one byte per sample.
//
// Samples are 16-bit linear PCM, with the code's levels at the top: the loudest level is 32124 for µ-law, 32256 for
// A-law. Encoding chooses by the decision values of the recommendation, with all 16 bits: none is cut off before.
package g711

import (
	"sync"
)

// A Law is one of the two.
type Law struct {
	decode [256]int16
	encode *[1 << 16]uint8
}

// MuLaw returns the law of North America and Japan. Its table is made once.
var MuLaw = sync.OnceValue(func() *Law { return newLaw(muLawLevel, 0x7f) })

// ALaw returns the law of the rest of the world. Its table is made once.
var ALaw = sync.OnceValue(func() *Law { return newLaw(aLawLevel, 0x55) })

// A level is the magnitude that code (0 to 127, before any bit is inverted) stands for, and the first magnitude that is
// beyond its interval.
type level func(code int) (magnitude, end int)

// muLawLevel: 8 segments of 16 steps, each segment's twice those of the one before, the whole shifted by half a step, so
// that there is a zero.
func muLawLevel(code int) (magnitude, end int) {
	segment, step := code>>4, code&15
	const bias = 33 << 2
	magnitude = (step<<3+bias)<<segment - bias
	return magnitude, magnitude + 4<<segment
}

// aLawLevel: the same with the two lowest segments alike, and no zero: each interval's level is its middle.
func aLawLevel(code int) (magnitude, end int) {
	segment, step := code>>4, code&15
	if segment == 0 {
		return step<<4 + 8, (step + 1) << 4
	}
	return (step<<4 + 0x108) << (segment - 1), (step<<4 + 0x110) << (segment - 1)
}

// newLaw fills the tables. invert are the bits that are inverted on the wire, the sign's apart: that one is set for
// what isn't negative.
func newLaw(of level, invert uint8) *Law {
	law := &Law{encode: new([1 << 16]uint8)}
	from := 0
	for code := range 128 {
		magnitude, end := of(code)
		wire := uint8(code) ^ invert
		law.decode[wire|0x80], law.decode[wire] = int16(magnitude), int16(-magnitude) //nolint:gosec // Up to 32256.
		if code == 127 {
			end = 1<<15 + 1
		}
		for m := from; m < end; m++ {
			if m < 1<<15 {
				law.encode[m] = wire | 0x80
			}
			if m > 0 {
				law.encode[1<<16-m] = wire
			}
		}
		from = end
	}
	return law
}

// Decode decodes len(src) samples into dst, which must have room for them.
func (l *Law) Decode(dst []int16, src []byte) {
	dst = dst[:len(src)]
	for i, b := range src {
		dst[i] = l.decode[b]
	}
}

// Encode encodes len(src) samples into dst, which must have room for them.
func (l *Law) Encode(dst []byte, src []int16) {
	dst = dst[:len(src)]
	for i, s := range src {
		dst[i] = l.encode[uint16(s)] //nolint:gosec // Meant as an index.
	}
}
