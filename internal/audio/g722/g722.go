// Package g722 encodes and decodes G.722 at 64 kbit/s: 16 kHz audio, one byte for each two samples.
//
// It follows ITU-T G.722 bit by bit: a pair of mirror filters splits the band at 4 kHz, and each half is coded by
// adaptive prediction, the lower with 6 bits, the upper with 2.
package g722

// A band is the state of one half's predictor and scale: block 3 and 4 of the recommendation.
type band struct {
	s, sp, sz int32    // the estimate, and its parts by poles and zeros
	r         [2]int32 // reconstructed signals, the newest first
	p         [2]int32 // partially reconstructed signals, the newest first
	a         [2]int32 // coefficients of the poles
	b         [6]int32 // coefficients of the zeros
	d         [6]int32 // quantized differences, the newest first
	nb, det   int32    // logarithm of the scale, and the scale
}

// predict updates the predictor by a new quantized difference.
func (x *band) predict(d int32) {
	r := clamp(x.s + d)
	p := clamp(x.sz + d)
	x.adaptPoles(p)
	x.adaptZeros(d)
	x.r[1], x.r[0] = x.r[0], r
	x.p[1], x.p[0] = x.p[0], p
	copy(x.d[1:], x.d[:5])
	x.d[0] = d

	x.sp = clamp(x.a[0]*clamp(2*x.r[0])>>15 + x.a[1]*clamp(2*x.r[1])>>15)
	sum := int32(0)
	for i, b := range x.b {
		sum += b * clamp(2*x.d[i]) >> 15
	}
	x.sz = clamp(sum)
	x.s = clamp(x.sp + x.sz)
}

func (x *band) adaptPoles(p int32) {
	same0, same1 := p^x.p[0] >= 0, p^x.p[1] >= 0
	// The second coefficient first: the first one's limit depends on it.
	w := clamp(4 * x.a[0])
	if same0 {
		w = min(-w, 32767)
	}
	w >>= 7
	if same1 {
		w += 128
	} else {
		w -= 128
	}
	a1 := min(max(w+x.a[1]*32512>>15, -12288), 12288)
	a0 := int32(-192)
	if same0 {
		a0 = 192
	}
	a0 += x.a[0] * 32640 >> 15
	limit := clamp(15360 - a1)
	x.a[0], x.a[1] = min(max(a0, -limit), limit), a1
}

func (x *band) adaptZeros(d int32) {
	step := int32(128)
	if d == 0 {
		step = 0
	}
	for i := range x.b {
		w := step
		if d^x.d[i] < 0 {
			w = -step
		}
		x.b[i] = clamp(w + x.b[i]*32640>>15)
	}
}

// scale makes the quantizer's new scale of its logarithm; shift sets apart the two bands.
func scale(nb, shift int32) int32 {
	if n := shift - nb>>11; n >= 0 {
		return ilb[nb>>6&31] >> n << 2
	}
	return ilb[nb>>6&31] << (nb>>11 - shift) << 2
}

func (x *band) adaptLow(code4 int32) {
	x.nb = min(max(x.nb*127>>7+wl[rl42[code4]], 0), 18432)
	x.det = scale(x.nb, 8)
}

func (x *band) adaptHigh(code2 int32) {
	x.nb = min(max(x.nb*127>>7+wh[rh2[code2]], 0), 22528)
	x.det = scale(x.nb, 10)
}

// codec is what both directions have.
type codec struct {
	low, high band
	history   [24]int32 // of the mirror filter
	ready     bool
}

func (c *codec) prepare() {
	if !c.ready {
		c.low.det, c.high.det, c.ready = 32, 8, true
	}
}

func clamp(x int32) int32 { return min(max(x, -32768), 32767) }

// Encoder encodes. The zero value is ready.
type Encoder struct{ c codec }

// Encode encodes an even number of samples of 16 kHz into half as many bytes of dst.
func (e *Encoder) Encode(dst []byte, src []int16) {
	e.c.prepare()
	for i := range len(src) / 2 {
		low, high := e.split(int32(src[2*i]), int32(src[2*i+1]))
		dst[i] = uint8(e.c.encodeHigh(high)<<6 | e.c.encodeLow(low)) //nolint:gosec // 2 and 6 bits.
	}
}

func (e *Encoder) split(first, second int32) (low, high int32) {
	h := &e.c.history
	copy(h[:22], h[2:])
	h[22], h[23] = first, second
	var odd, even int32
	for i, w := range qmf {
		odd += h[2*i] * w
		even += h[2*i+1] * qmf[11-i]
	}
	return (even + odd) >> 14, (even - odd) >> 14
}

func (c *codec) encodeLow(x int32) int32 {
	el := clamp(x - c.low.s)
	magnitude := el
	if el < 0 {
		magnitude = -(el + 1)
	}
	level := 1
	for level < 30 && magnitude >= q6[level]*c.low.det>>12 {
		level++
	}
	code := int32(ilp[level])
	if el < 0 {
		code = int32(iln[level])
	}
	d := c.low.det * qm4[code>>2] >> 15
	c.low.adaptLow(code >> 2)
	c.low.predict(d)
	return code
}

func (c *codec) encodeHigh(x int32) int32 {
	eh := clamp(x - c.high.s)
	magnitude := eh
	if eh < 0 {
		magnitude = -(eh + 1)
	}
	large := magnitude >= 564*c.high.det>>12
	code := int32(3)
	switch {
	case eh < 0 && large:
		code = 0
	case eh < 0:
		code = 1
	case large:
		code = 2
	}
	d := c.high.det * qm2[code] >> 15
	c.high.adaptHigh(code)
	c.high.predict(d)
	return code
}

// Decoder decodes. The zero value is ready.
type Decoder struct{ c codec }

// Decode decodes each byte into two samples of 16 kHz of dst.
func (d *Decoder) Decode(dst []int16, src []byte) {
	d.c.prepare()
	for i, b := range src {
		low, high := d.c.decodeLow(int32(b&0x3f)), d.c.decodeHigh(int32(b>>6))
		dst[2*i], dst[2*i+1] = d.join(low, high)
	}
}

func (c *codec) decodeLow(code int32) int32 {
	low := limit14(c.low.s + c.low.det*qm6[code]>>15)
	d := c.low.det * qm4[code>>2] >> 15
	c.low.adaptLow(code >> 2)
	c.low.predict(d)
	return low
}

func (c *codec) decodeHigh(code int32) int32 {
	d := c.high.det * qm2[code] >> 15
	high := limit14(c.high.s + d)
	c.high.adaptHigh(code)
	c.high.predict(d)
	return high
}

// limit14 keeps a band's signal within 15 bits with its sign, as the recommendation's block 6 does.
func limit14(x int32) int32 { return min(max(x, -16384), 16383) }

func (d *Decoder) join(low, high int32) (first, second int16) {
	h := &d.c.history
	copy(h[:22], h[2:])
	h[22], h[23] = low+high, low-high
	var a, b int32
	for i, w := range qmf {
		b += h[2*i] * w
		a += h[2*i+1] * qmf[11-i]
	}
	return int16(clamp(a >> 11)), int16(clamp(b >> 11)) //nolint:gosec // Clamped.
}
