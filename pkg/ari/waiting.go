package ari

// ending is why the life ended; nil if it hasn't.
func (lf *life) ending() error {
	lf.mu.Lock()
	defer lf.mu.Unlock()
	return lf.err
}

// liver is an object whose life can be followed from before its making.
type liver interface {
	binder
	follow(lf *life)
}

func (o *Channel) follow(lf *life)       { o.life = lf }
func (o *Playback) follow(lf *life)      { o.life = lf }
func (o *LiveRecording) follow(lf *life) { o.life = lf }

// made returns a function that completes an object which a request has made, or ends its life if the
// request failed.
func made[T liver](c *Controller, lf *life) func(T, error) (T, error) {
	return func(v T, err error) (T, error) {
		if err != nil {
			lf.failed(err)
			var none T
			return none, err
		}
		v.bind(c)
		v.follow(lf)
		lf.made()
		return v, nil
	}
}

// hearsOf reports whether the connection brings an application's events, or will again when it is back.
func (l *link) hearsOf(app string) bool {
	return l != nil && l.begun.Load() && l.c.Err() == nil && l.ours(app)
}
