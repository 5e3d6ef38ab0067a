package pbx

import (
	"time"
)

// Now is the time as Asterisk has it.
func (p *PBX) Now() time.Time { return time.Now() }

// After runs f, with the lock held, when a simulated duration has passed. Stop the timer when it has become needless.
func (p *PBX) After(d time.Duration, f func()) *time.Timer {
	epoch := p.Epoch
	return time.AfterFunc(p.real(d), func() {
		p.Mu.Lock()
		defer p.Mu.Unlock()
		if !p.Closed && p.Epoch == epoch {
			f()
		}
	})
}

// real is how long a simulated duration really takes.
func (p *PBX) real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / p.Config.Speed)
}

// simulated is the simulated duration that has passed since then.
func (p *PBX) simulated(since time.Time) time.Duration {
	return time.Duration(float64(time.Since(since)) * p.Config.Speed)
}
