package media

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Whatever a program sends by RTP is taken or dropped, and never more than has come.
func FuzzRTP(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6}, true)
	f.Add([]byte{0x80, 9, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7}, true)
	f.Add([]byte{0x80, 118, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6}, false)
	f.Add([]byte("garbage"), true)
	peer, other := netip.MustParseAddrPort("127.0.0.1:1000"), netip.MustParseAddrPort("127.0.0.1:1001")
	f.Fuzz(func(t *testing.T, packet []byte, own bool) {
		from := other
		if own {
			from = peer
		}
		r := NewRTP("ulaw", peer, 1)
		before := bytes.Clone(packet)
		for i := range 6 {
			if len(packet) > 3 {
				packet[3] = byte(i) // The next one.
			}
			frame, ok := r.Take(from, packet)
			if !own && i < rtpProbe {
				assert.False(t, ok, "a stranger")
			}
			assert.LessOrEqual(t, len(frame.PCM), 2*len(packet))
			if ok {
				assert.Greater(t, len(packet), rtpHeader)
			}
		}
		if len(before) > 1 && before[1]&0x7f > highestPT {
			_, ok := NewRTP("ulaw", peer, 1).Take(peer, before)
			assert.False(t, ok, "a payload type that isn't taken")
		}
	})
}

// Whatever a program sends by AudioSocket is audio, or ends the call.
func FuzzAudioSocket(f *testing.F) {
	f.Add([]byte{0x10, 0, 2, 1, 2, 0x12, 0, 4, 1, 2, 3, 4})
	f.Add([]byte{0, 0, 0})
	f.Add([]byte{3, 0, 1, '5'})
	f.Add([]byte{0x10, 255, 255, 1})
	f.Fuzz(func(t *testing.T, stream []byte) {
		here, there := net.Pipe()
		go func() {
			_, _ = there.Write(stream)
			_ = there.Close()
		}()
		defer func() { _ = here.Close() }()
		r := NewAudioSocketReader(here)
		for total := 0; ; {
			rate, payload, err := r.Next()
			if err != nil {
				return
			}
			assert.Contains(t, audioSocketRates, rate)
			total += 3 + len(payload)
			assert.NotEmpty(t, payload)
			assert.LessOrEqual(t, total, len(stream))
		}
	})
}

// Whatever comes into a queue comes out of it, frame by frame and in order, but for what doesn't fit.
func FuzzQueue(f *testing.F) {
	f.Add([]byte{1, 100, 2, 7, 3, 0, 5, 0, 4, 9})
	f.Add([]byte{6, 0, 1, 200, 4, 0, 1, 255, 5, 0})
	f.Fuzz(func(t *testing.T, steps []byte) {
		q := NewQueue(4)
		var next, came byte
		for ; len(steps) >= 2; steps = steps[2:] {
			n := int(steps[1])
			switch steps[0] % 8 {
			case 1: // Whole frames, each with a number.
				var message []byte
				for range n {
					next++
					message = append(message, next, next, next, next)
				}
				if q.Len() >= mostQueued {
					next -= byte(n)
				}
				q.Media(message)
			case 2:
				q.Mark("m")
			case 3:
				q.ReportDrained()
			case 4:
				q.Flush()
				came = next
			case 5:
				q.Paused = !q.Paused
			default:
				before := q.Len()
				frame, _ := q.Beat()
				if frame != nil {
					came++
					assert.Equal(t, bytes.Repeat([]byte{came}, 4), frame)
					assert.Equal(t, before-1, q.Len())
				}
			}
			assert.GreaterOrEqual(t, q.Len(), 0)
			assert.Less(t, q.Len(), mostQueued+256)
		}
	})
}

// What is mixed is the sum of all others, at each beat, whatever their frames are like.
func TestMixer(t *testing.T) {
	t.Parallel()
	m := NewMixer()
	parties := []MixParty{{"a", 16000}, {"b", 16000}, {"c", 8000}}
	fill := func(n int, x int16) []int16 {
		pcm := make([]int16, n)
		for i := range pcm {
			pcm[i] = x
		}
		return pcm
	}
	m.Put("a", Frame{Rate: 8000, PCM: fill(100, 1000)})
	m.Put("b", Frame{Rate: 8000, PCM: fill(160, 32000)})
	m.Put("c", Frame{Rate: 8000, PCM: fill(160, 30000)})
	frames := m.Beat(parties)
	assert.Equal(t, fill(160, 32767), frames[0].PCM, "limited")
	assert.Equal(t, fill(160, 30000), frames[1].PCM, "less than a frame waits for the rest")
	m.Put("a", Frame{Rate: 8000, PCM: fill(60, 1000)})
	assert.Equal(t, fill(160, 1000), m.Beat(parties)[2].PCM)
	assert.Equal(t, fill(160, 0), m.Beat(parties)[2].PCM, "silence is sent too")
	for range 20 { // All at once: five frames of it stay.
		m.Put("a", Frame{Rate: 8000, PCM: fill(160, 7)})
	}
	heard := 0
	for range 20 {
		if m.Beat(parties)[1].PCM[0] == 7 {
			heard++
		}
	}
	assert.Equal(t, mixDepth, heard)
	for range reviewEvery {
		frames = m.Beat(parties)
	}
	assert.Equal(t, 16000, frames[0].Rate, "two of them have that")
}
