package ari

import "context"

// An observed is an event on its way, for observers.
type observed struct {
	s  *session
	in *arrival
}

// Type implements ObservedEvent.
func (e observed) Type() string { return e.in.kind.name }

// ID implements ObservedEvent.
func (e observed) ID(kind string) string {
	for i := range e.in.entities {
		if e.in.entities[i].kind.String() == kind {
			return string(e.in.entities[i].id)
		}
	}
	return ""
}

// Event implements ObservedEvent.
func (e observed) Event() Event {
	e.s.decode(e.in)
	return e.in.ev
}

// observeFrame shows observers what has come. Call it with mu held.
func (s *session) observeFrame(frame []byte) {
	for _, o := range s.hub.observers {
		if o.Frame != nil {
			s.hub.reports.protect(s.ctx, func() { o.Frame(s.ctrl, frame) })
		}
	}
}

// observeEvent tells observers of an event. Call it with mu held.
func (s *session) observeEvent(in *arrival) {
	for _, o := range s.hub.observers {
		if o.Event != nil {
			s.hub.reports.protect(s.ctx, func() { o.Event(observed{s, in}) })
		}
	}
}

// observeCall lets observers add to a call's context. Call it with mu held.
func (s *session) observeCall(ctx context.Context, start *StasisStart) context.Context {
	for _, o := range s.hub.observers {
		if o.Call == nil {
			continue
		}
		s.hub.reports.protect(s.ctx, func() {
			if own := o.Call(ctx, start); own != nil {
				ctx = own
			}
		})
	}
	return ctx
}
