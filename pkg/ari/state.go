package ari

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// A phase is how a session stands with its Asterisk.
type phase uint8

const (
	phaseNew      phase = iota // never connected
	phaseSettling              // events flow; Asterisk is being asked for what was missed, and told what it forgot
	phaseInStep                // events flow, and all that was before is known
	phaseDoubtful              // in step, as far as is known, but a command got no answer
	phaseDown                  // the connection is lost, and being made again
	phaseEnded                 // no connection follows
)

func (p phase) String() string {
	switch p {
	case phaseNew:
		return "new"
	case phaseSettling:
		return "settling"
	case phaseInStep:
		return "in step"
	case phaseDoubtful:
		return "doubtful"
	case phaseDown:
		return "down"
	case phaseEnded:
		return "ended"
	}
	return "unknown"
}

// flowing reports whether events come, as far as is known.
func (p phase) flowing() bool { return p == phaseSettling || p == phaseInStep || p == phaseDoubtful }

// A state is a session's phase and what belongs to it.
type state struct {
	generation atomic.Uint64 // counts the connections made

	mu      sync.Mutex
	phase   phase
	trouble error         // what last kept the session from being in step
	dead    error         // why Asterisk has been found dead; nil if it hasn't
	changed chan struct{} // closed at the next change of phase; nil if nobody waits
	ready   bool          // it has been in step
}

func (s *state) now() phase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase
}

// begun reports whether there has been a connection, and there may be another.
func (s *state) begun() bool {
	p := s.now()
	return p != phaseNew && p != phaseEnded
}

// set changes the phase. Nothing comes after phaseEnded.
func (s *state) set(p phase) { s.change(p, func(phase) bool { return true }) }

// change changes the phase if the present one allows it, and reports whether it did.
func (s *state) change(p phase, allows func(phase) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == phaseEnded || !allows(s.phase) {
		return false
	}
	s.phase = p
	s.ready = s.ready || p == phaseInStep
	if p.flowing() {
		s.dead = nil
	}
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
	return true
}

// connected begins a connection.
func (s *state) connected() {
	s.generation.Add(1)
	s.set(phaseSettling)
}

// doubt notes that a command got no answer, and reports whether that is news.
func (s *state) doubt() bool {
	return s.change(phaseDoubtful, func(p phase) bool { return p == phaseInStep })
}

// trusted ends a doubt.
func (s *state) trusted() {
	s.change(phaseInStep, func(p phase) bool { return p == phaseDoubtful })
}

// foundDead notes that Asterisk doesn't answer any more, or, with nil, that it may. Whoever learns of that from a command
// that has failed must not find the session in step.
func (s *state) foundDead(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = err
	if err != nil && s.phase == phaseInStep {
		s.phase = phaseDoubtful // until the connection has ended
	}
}

func (s *state) death() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

// hasBeenReady reports whether the session has ever been in step.
func (s *state) hasBeenReady() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

func (s *state) inTrouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = err
}

// lastTrouble is what kept the session from being in step, or nil.
func (s *state) lastTrouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}

// awaitReady returns when the session has been in step, or has ended.
func (s *state) awaitReady(ctx context.Context) error {
	_, err := s.await(ctx, func(p phase) bool { return s.ready || p == phaseEnded })
	if trouble := s.lastTrouble(); err != nil && trouble != nil {
		return fmt.Errorf("%w: %w", err, trouble)
	}
	return err
}

// await returns when the session is in a phase that will do, with that phase. will is called with mu held.
func (s *state) await(ctx context.Context, will func(phase) bool) (phase, error) {
	for {
		s.mu.Lock()
		p := s.phase
		if will(p) {
			s.mu.Unlock()
			return p, nil
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return p, ctxError(ctx)
		}
	}
}
