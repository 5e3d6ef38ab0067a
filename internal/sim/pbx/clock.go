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

// simulatedOf is the simulated duration of a real one.
func (p *PBX) simulatedOf(d time.Duration) time.Duration {
	return time.Duration(float64(d) * p.Config.Speed)
}

// Beat runs f, with the lock held, at a moment, or at once when that has passed. Sound has real time, however fast all else is: so have the
// programs that it is exchanged with.
func (p *PBX) Beat(at time.Time, f func()) *time.Timer {
	return p.After(p.simulatedOf(time.Until(at)), f)
}

// simulated is the simulated duration that has passed since then.
func (p *PBX) simulated(since time.Time) time.Duration {
	return time.Duration(float64(time.Since(since)) * p.Config.Speed)
}
