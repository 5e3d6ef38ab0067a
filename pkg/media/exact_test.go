package media

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// noise is a signal that can be told at every place: white noise that is loud at each sample.
func noise(seed uint32, n int) []int16 {
	next := noiseGenerator(seed)
	out := make([]int16, n)
	for i := range out {
		for max(out[i], -out[i]) < 1000 {
			out[i] = int16(8000 * next())
		}
	}
	return out
}

// bursts sends a sound in chunks of up to 400 ms, five times faster than it plays.
func bursts(ctx context.Context, rate int, pcm []int16, r *rand.Rand) Source {
	chunks := make(chan []int16)
	sizes := make([]int, 1000)
	for i := range sizes {
		sizes[i] = rate/100 + r.IntN(rate*4/10)
	}
	go func() {
		defer close(chunks)
		for _, n := range sizes {
			n = min(n, len(pcm))
			if n == 0 {
				return
			}
			select {
			case chunks <- pcm[:n]:
			case <-ctx.Done():
				return
			}
			pcm = pcm[n:]
			select {
			case <-time.After(time.Duration(n) * time.Second / time.Duration(5*rate)):
			case <-ctx.Done():
				return
			}
		}
	}()
	return Frames(rate, chunks)
}

// find returns how many samples of heard are those of said from position at on, and where they begin in heard.
func find(heard, said []int16) (start, n int) {
	for start = range heard {
		if heard[start] == said[0] && start+8 < len(heard) && slices.Equal(heard[start:start+8], said[:8]) {
			for n = 8; n < len(said) && start+n < len(heard) && heard[start+n] == said[n]; n++ {
			}
			return start, n
		}
	}
	return -1, 0
}

type exactCase struct {
	name      string
	transport Transport
	rate      int
	format    string
	third     bool // a third party in the bridge
	limit     time.Duration
}

var exactCases = []exactCase{
	{"websocket", WebSocket, 16000, "", false, 25 * time.Millisecond},
	{"websocket mixed", WebSocket, 16000, "", true, 45 * time.Millisecond},
	{"audiosocket", AudioSocket, 16000, "", false, 45 * time.Millisecond},
	{"rtp", RTP, 8000, "slin", false, 45 * time.Millisecond},
}

func (c exactCase) open(t *testing.T, l *line) (*phone, *Stream) {
	t.Helper()
	format := linearFormat(c.rate)
	p := l.phone(t, format)
	s, err := Open(t.Context(), p.ch, Options{Transport: c.transport, Rate: c.rate, Format: c.format})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	if c.third {
		other := l.phone(t, format)
		require.NoError(t, s.Bridge().AddChannel(t.Context(), other.ch.ID))
		// A mix begins at 8 kHz; every two seconds it looks whether all could have more.
		said := noise(5, c.rate/2)
		for {
			u, err := s.Say(t.Context(), Samples(c.rate, said))
			require.NoError(t, err)
			require.NoError(t, u.Wait(t.Context()))
			if _, n := find(samplesOf(p.heard()), said[c.rate/10:]); n > c.rate/10 {
				break
			}
		}
	}
	return p, s
}

const silentAfterStop = "silent after Stop"

// eachExact runs a test for several calls at once in each case, and collects the figures that it returns.
func eachExact(t *testing.T, calls int, test func(t *testing.T, c exactCase, p *phone, s *Stream, r *rand.Rand, measure func(string, time.Duration))) {
	t.Helper()
	for _, c := range exactCases {
		t.Run(c.name, func(t *testing.T) {
			if c.third {
				measured(t) // On a busy machine Asterisk's own mix leaves frames out.
			}
			l := newLine(t, "22", "exact")
			var mu sync.Mutex
			figures := make(map[string][]time.Duration)
			t.Run("calls", func(t *testing.T) {
				for i := range calls {
					t.Run(fmt.Sprint(i), func(t *testing.T) {
						t.Parallel()
						p, s := c.open(t, l)
						test(t, c, p, s, rand.New(rand.NewPCG(uint64(i), 7)), func(name string, d time.Duration) {
							mu.Lock()
							figures[name] = append(figures[name], d)
							mu.Unlock()
						})
					})
				}
			})
			for name, all := range figures {
				slices.Sort(all)
				t.Logf("%s: n %d, p50 %s, p90 %s, most %s", name, len(all), all[len(all)/2], all[len(all)*9/10], all[len(all)-1])
				if name == silentAfterStop && measuring() { // Not of each: the machine has other things to do.
					assert.LessOrEqual(t, all[len(all)*9/10], c.limit, name)
				}
			}
		})
	}
}

// Stopped at random places, with sources that come in bursts: the caller hears nothing more within the limit, and what
// Stop says was heard is what the caller's end has recorded. Nothing of it is heard after the next utterance begins.
func TestStopIsExact(t *testing.T) {
	calls, stops := 4, 5
	if measuring() {
		calls, stops = 10, 10
	}
	eachExact(t, calls, func(t *testing.T, c exactCase, p *phone, s *Stream, r *rand.Rand, measure func(string, time.Duration)) {
		for i := range stops {
			said := noise(uint32(1000*i+1+r.IntN(1000)), 4*c.rate)
			ctx, cancel := context.WithCancel(t.Context())
			begin := len(p.heard())
			u, err := s.Say(ctx, bursts(ctx, c.rate, said, r))
			require.NoError(t, err)
			p.await(t, func(frames []phoneFrame) bool {
				at, _ := find(samplesOf(frames[min(begin, len(frames)):]), said)
				return at >= 0
			})
			time.Sleep(time.Duration(r.IntN(900)) * time.Millisecond)
			stopped := time.Now()
			h := u.Stop()
			took := time.Since(stopped)
			// The next one begins at once, and is heard to its end.
			next := noise(uint32(2000000+1000*i+r.IntN(1000)), c.rate/5)
			u2, err := s.Say(t.Context(), Samples(c.rate, next))
			require.NoError(t, err)
			require.NoError(t, u2.Wait(t.Context()))
			require.ErrorIs(t, u.Wait(t.Context()), ErrStopped)
			p.await(t, func(frames []phoneFrame) bool {
				_, n := find(samplesOf(frames[begin:]), next)
				return n == len(next)
			})
			cancel()

			frames := p.heard()[begin:]
			heard := samplesOf(frames)
			start, _ := find(heard, said)
			require.GreaterOrEqual(t, start, 0)
			nextStart, _ := find(heard, next)
			// All until the next one is of this one. A mix may have left a gap in it, which nobody hears as a part of it.
			tail, last := 0, 0
			for k, x := range heard[start:nextStart] {
				if x != 0 {
					tail, last = tail+1, start+k
				}
			}
			off := time.Duration(int64(tail)-h.Samples) * time.Second / time.Duration(c.rate)
			measure("heard by the caller beyond what Stop says", off)
			if c.transport != WebSocket || h.By != ByClock { // It is, where Asterisk took a quarter of a second to answer.
				assert.LessOrEqual(t, off.Abs(), 40*time.Millisecond, "heard %d samples, Stop says %+v", tail, h)
			}
			// The frame in which the last of it was.
			at, i := 0, 0
			for ; at+len(frames[i].pcm) <= last; i++ {
				at += len(frames[i].pcm)
			}
			silent := frames[i].time.Sub(stopped)
			measure(silentAfterStop, silent)
			measure("Stop took", took)
			if c.transport == WebSocket && measuring() {
				assert.Equal(t, ByStatus, h.By)
			}
		}
	})
}

// Paused and resumed at random places, all samples are heard, each once, but for the fades.
func TestPauseLosesNothing(t *testing.T) {
	eachExact(t, 3, func(t *testing.T, c exactCase, p *phone, s *Stream, r *rand.Rand, measure func(string, time.Duration)) {
		said := noise(uint32(r.Uint32()), 3*c.rate)
		begin := len(p.heard())
		u, err := s.Say(t.Context(), bursts(t.Context(), c.rate, said, r))
		require.NoError(t, err)
		var cuts []int64
		for range 4 {
			time.Sleep(time.Duration(100+r.IntN(400)) * time.Millisecond)
			h := u.Pause()
			cuts = append(cuts, h.Samples)
			time.Sleep(time.Duration(r.IntN(200)) * time.Millisecond)
			u.Resume()
		}
		require.NoError(t, u.Wait(t.Context()))
		// What comes behind it is heard when all has been that will be.
		end := noise(uint32(r.Uint32()), c.rate/5)
		u, err = s.Say(t.Context(), Samples(c.rate, end))
		require.NoError(t, err)
		require.NoError(t, u.Wait(t.Context()))
		var heard []int16
		p.await(t, func(frames []phoneFrame) bool {
			heard = samplesOf(frames[begin:])
			at, n := find(heard, end)
			if n == len(end) {
				heard = heard[:at]
			}
			return n == len(end)
		})
		fade := int64(c.rate / 200)
		cuts = append(cuts, int64(len(said)))
		from := int64(0)
		for i, to := range cuts {
			if to-from < 3*fade {
				continue
			}
			first, last := from, to
			if i > 0 {
				first += fade
			}
			if i < len(cuts)-1 {
				last -= fade
			}
			part := said[first:last]
			_, n := find(heard, part)
			assert.Len(t, part, n, "from sample %d to %d", first, last)
			from = to
		}
		// And nothing twice: as many samples as were said, but for those that faded to nothing.
		count := 0
		for _, x := range heard {
			if x > 300 || x < -300 {
				count++
			}
		}
		want := 0
		for _, x := range said {
			if x > 300 || x < -300 {
				want++
			}
		}
		assert.InDelta(t, want, count, float64(len(cuts))*float64(fade), "%d heard", count)
		measure("pauses", time.Duration(len(cuts)-1))
	})
}
