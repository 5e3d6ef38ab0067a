package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"sync"

	"github.com/coder/websocket"
)

// A StandIn speaks the service's protocol and can be had without a key. It doesn't understand a word, but can tell sound
// from silence and high from low: it greets by three tones, and answers to each thing that the caller says by as much of a
// tone, a third higher. Above 1,500 Hz it takes it for the wish for a human, below 150 Hz for goodbye.
//
// It is an http.Handler.
type StandIn struct {
	mu        sync.Mutex
	truncated []int64
}

// Truncated lists after how many milliseconds its answers were interrupted.
func (s *StandIn) Truncated() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int64(nil), s.truncated...)
}

func (s *StandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(16 << 20)
	c := &standInCall{StandIn: s, link: &link{conn}}
	_ = c.run(r.Context()) // It ends when the caller hangs up.
}

type standInCall struct {
	*StandIn

	link      *link
	responses int
	heard     []float64 // the turn's samples
	silent    int       // samples since the last sound
}

func (c *standInCall) run(ctx context.Context) error {
	for {
		m, err := c.link.receive(ctx)
		if err != nil {
			return err
		}
		switch m.Type {
		case "response.create":
			err = c.answer(ctx, "", melody(400, 500, 600))
		case "input_audio_buffer.append":
			err = c.hear(ctx, m.Audio)
		case "conversation.item.truncate":
			c.mu.Lock()
			c.truncated = append(c.truncated, *m.AudioEndMS)
			c.mu.Unlock()
		}
		if err != nil {
			return err
		}
	}
}

// hear waits until the caller has finished: after half a second of silence.
func (c *standInCall) hear(ctx context.Context, raw []byte) error {
	loud := 0.0
	for ; len(raw) >= 2; raw = raw[2:] {
		x := float64(int16(raw[0]) | int16(raw[1])<<8)
		c.heard = append(c.heard, x)
		c.silent++
		loud = max(loud, math.Abs(x))
	}
	if loud > 1000 {
		c.silent = 0
	}
	switch {
	case c.silent == len(c.heard):
		c.heard, c.silent = c.heard[:0], 0 // Nothing has been said yet.
		return nil
	case c.silent < Rate/2:
		return nil
	}
	turn := c.heard[:len(c.heard)-c.silent]
	c.heard, c.silent = nil, 0
	if len(turn) < Rate/10 {
		return nil // A click.
	}
	f := pitch(turn)
	switch {
	case f > 1500:
		return c.answer(ctx, toolTransfer, melody(900, 900))
	case f < 150:
		return c.answer(ctx, toolHangUp, melody(600, 400))
	default:
		return c.answer(ctx, "", tone(f*1.26, len(turn)))
	}
}

// answer sends audio at once, as services do, and then the tool that shall be used, if any.
func (c *standInCall) answer(ctx context.Context, name string, pcm []byte) error {
	c.responses++
	id, thing := fmt.Sprintf("resp_%d", c.responses), fmt.Sprintf("item_%d", c.responses)
	for len(pcm) > 0 {
		n := min(len(pcm), Rate/5)
		delta, err := json.Marshal(pcm[:n])
		if err != nil {
			return err
		}
		if err := c.link.send(ctx, message{Type: "response.output_audio.delta", ResponseID: id, ItemID: thing, Delta: delta}); err != nil {
			return err
		}
		pcm = pcm[n:]
	}
	if err := c.link.send(ctx, message{Type: "response.output_audio.done", ResponseID: id, ItemID: thing}); err != nil || name == "" {
		return err
	}
	return c.link.send(ctx, message{Type: "response.function_call_arguments.done", ResponseID: id, Name: name, CallID: "call_" + id, Arguments: "{}"})
}

// pitch is a tone's frequency, by how often it goes from below to above: not for every bit of noise.
func pitch(pcm []float64) float64 {
	crossings, below := 0, false
	for _, x := range pcm {
		if x < -500 {
			below = true
		} else if x > 500 && below {
			crossings, below = crossings+1, false
		}
	}
	return float64(crossings) * Rate / float64(len(pcm))
}

func melody(frequencies ...float64) []byte {
	var all []byte
	for _, f := range frequencies {
		all = append(all, tone(f, Rate/4)...)
	}
	return all
}

// tone is a sine that swells and fades, as 16-bit samples.
func tone(f float64, n int) []byte {
	raw := make([]byte, 0, 2*n)
	for i := range n {
		swell := min(1, float64(i)/1000, float64(n-i)/1000)
		x := int16(8000 * swell * math.Sin(2*math.Pi*f*float64(i)/Rate))
		raw = append(raw, byte(x), byte(x>>8)) //nolint:gosec // Both halves.
	}
	return raw
}
