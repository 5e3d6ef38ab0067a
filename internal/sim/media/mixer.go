package media

const (
	// mixRate is the rate that a mix begins with, and reviewEvery is after how many beats it is looked whether all could have more.
	mixRate     = 8000
	reviewEvery = 100

	// mixDepth is how many frames a mix keeps of one party.
	mixDepth = 5
)

// A Mixer lets many hear each other: at each beat everybody hears the sum of all others. It knows no clock.
type Mixer struct {
	rate   int
	beats  int
	inputs map[any]*mixInput
}

type mixInput struct {
	converter Converter
	pcm       []int16
}

// NewMixer makes a mixer.
func NewMixer() *Mixer { return &Mixer{rate: mixRate, inputs: map[any]*mixInput{}} }

// Put takes what a party says.
func (m *Mixer) Put(party any, f Frame) {
	in := m.inputs[party]
	if in == nil {
		in = &mixInput{}
		m.inputs[party] = in
	}
	in.pcm = append(in.pcm, in.converter.Convert(f, m.rate)...)
	if most := mixDepth * m.rate / 50; len(in.pcm) > most {
		in.pcm = in.pcm[len(in.pcm)-most:]
	}
}

// Leave forgets a party.
func (m *Mixer) Leave(party any) { delete(m.inputs, party) }

// A MixParty is who takes part in a mix, at which rate.
type MixParty struct {
	Key  any
	Rate int
}

// Beat gives what each party hears for 20 ms.
func (m *Mixer) Beat(parties []MixParty) []Frame {
	if m.beats++; m.beats%reviewEvery == 0 {
		m.review(parties)
	}
	n := m.rate / 50
	sum := make([]int32, n)
	said := make([][]int16, len(parties))
	for i, p := range parties {
		in := m.inputs[p.Key]
		if in == nil || len(in.pcm) < n { // Less than a frame waits for the rest.
			continue
		}
		said[i] = in.pcm[:n:n]
		in.pcm = in.pcm[n:]
		for k, x := range said[i] {
			sum[k] += int32(x)
		}
	}
	frames := make([]Frame, len(parties))
	for i := range parties {
		pcm := make([]int16, n)
		for k, x := range sum {
			if said[i] != nil {
				x -= int32(said[i][k])
			}
			pcm[k] = int16(min(max(x, -32768), 32767))
		}
		frames[i] = Frame{Rate: m.rate, PCM: pcm}
	}
	return frames
}

// review chooses the rate anew: the best that two parties have.
func (m *Mixer) review(parties []MixParty) {
	best, second := 0, 0
	for _, p := range parties {
		if p.Rate >= best {
			best, second = p.Rate, best
		} else {
			second = max(second, p.Rate)
		}
	}
	if rate := min(max(second, mixRate), 48000); rate != m.rate {
		m.rate = rate
		m.inputs = map[any]*mixInput{}
	}
}
