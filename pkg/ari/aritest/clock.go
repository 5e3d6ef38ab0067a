package aritest

import "time"

// now is the time as Asterisk has it.
func (p *pbx) now() time.Time { return time.Now() }

// after runs f, with the lock held, when a simulated duration has passed. Stop the timer when it has become needless.
func (p *pbx) after(d time.Duration, f func()) *time.Timer {
	epoch := p.epoch
	return time.AfterFunc(p.real(d), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.closed && p.epoch == epoch {
			f()
		}
	})
}

// real is how long a simulated duration really takes.
func (p *pbx) real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / p.opts.speed)
}

// simulated is the simulated duration that has passed since then.
func (p *pbx) simulated(since time.Time) time.Duration {
	return time.Duration(float64(time.Since(since)) * p.opts.speed)
}
