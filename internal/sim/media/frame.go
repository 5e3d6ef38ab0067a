package media

import (
	"github.com/ari-go/ari/internal/audio/resample"
)

// FrameTime is how long a frame of sound mostly is.
const FrameTime = 20 // ms

// A Frame is a piece of sound on its way through Asterisk: samples, or, of a codec that isn't decoded here, bytes as they are. It isn't
// changed any more once it has been passed on.
type Frame struct {
	Rate int
	PCM  []int16

	Format string // of Raw
	Raw    []byte
}

// A Converter changes the rate of frames, of one stream to one receiver.
type Converter struct {
	from, to  int
	resampler *resample.Resampler
}

// Convert gives a frame's samples at a rate. It has none for a frame that isn't decoded.
func (c *Converter) Convert(f Frame, rate int) []int16 {
	if f.Rate == rate || len(f.PCM) == 0 {
		return f.PCM
	}
	if c.resampler == nil || c.from != f.Rate || c.to != rate {
		r, err := resample.New(f.Rate, rate)
		if err != nil {
			return nil
		}
		c.from, c.to, c.resampler = f.Rate, rate, r
	}
	out := make([]int16, c.resampler.Room(len(f.PCM)))
	return out[:c.resampler.Process(out, f.PCM)]
}
