package ari

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// An acceptedSource gives a session the websockets that Asterisk opens for it, one after the other.
type acceptedSource struct {
	name   string
	within time.Duration // how long the next one is waited for
	call   string        // the full name of the application that stands for one call; "" for connections that stay

	mu      sync.Mutex
	next    *acceptedConn // that nobody has fetched
	current *acceptedConn
	ended   bool
	offered chan struct{} // has a token when next has come
	session *session
}

func newAcceptedSource(name, call string, within time.Duration) *acceptedSource {
	return &acceptedSource{name: name, call: call, within: within, offered: make(chan struct{}, 1)}
}

// accepts reports whether Asterisk opens the session's connections.
func (s *session) accepts() bool {
	_, ok := s.src.(*acceptedSource)
	return ok
}

// String implements [Source].
func (s *acceptedSource) String() string { return s.name }

// offer hands over a connection, which takes the place of the one before: Asterisk has one at a time. It reports whether
// the session can still take it.
func (s *acceptedSource) offer(conn *acceptedConn) bool {
	s.mu.Lock()
	if s.ended || s.current != nil && s.current.over.Load() {
		s.mu.Unlock()
		return false
	}
	old := []*acceptedConn{s.current, s.next}
	s.next = conn
	select {
	case s.offered <- struct{}{}:
	default:
	}
	s.mu.Unlock()
	for _, c := range old {
		if c != nil {
			c.Abort()
			c.ended()
		}
	}
	return true
}

// Next implements [Source].
func (s *acceptedSource) Next(ctx context.Context) (Connection, error) {
	t := time.NewTimer(s.within)
	defer t.Stop()
	for {
		if conn := s.fetch(); conn != nil {
			return conn, nil
		}
		select {
		case <-s.offered:
		case <-t.C:
			if s.end() {
				return nil, ErrSourceEnded
			}
		case <-ctx.Done():
			s.end()
			return nil, ctx.Err()
		}
	}
}

func (s *acceptedSource) fetch() *acceptedConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	conn := s.next
	if conn != nil {
		s.next, s.current = nil, conn
	}
	return conn
}

// end makes the source end, unless a connection has come just now.
func (s *acceptedSource) end() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = s.ended || s.next == nil
	return s.ended
}

// finished reports whether no other connection follows, which is no loss.
func (s *acceptedSource) finished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = s.ended || s.current != nil && s.current.over.Load() && s.next == nil
	return s.ended
}

// When a session learns what a connection is about.
const (
	// resumedAfter is when a call that has no StasisStart is first asked for. That of a new call comes 500 ms after the
	// connection; the application has its channel only then.
	resumedAfter = 30 * time.Millisecond

	// settleGrace is how long a StasisStart that is on its way may take.
	settleGrace = 50 * time.Millisecond

	// startTimeout bounds the waiting for a StasisStart, keptTimeout that for the end of what Asterisk has kept.
	startTimeout = 3 * time.Second
	keptTimeout  = 10 * time.Second
)

// settleable waits until it makes sense to ask Asterisk what was before the connection: what Asterisk has kept while there
// was none comes first.
func (s *acceptedSource) settleable(ctx context.Context, c Connection) {
	conn, ok := c.(*acceptedConn)
	if !ok {
		return
	}
	if s.call == "" {
		await(ctx, conn.registered, keptTimeout)
		return
	}
	began := time.Now()
	for wait := resumedAfter; time.Since(began) < startTimeout; wait = startTimeout / 4 {
		if await(ctx, conn.started, wait) || ctx.Err() != nil {
			return
		}
		if has, err := s.session.api.eventSources(ctx, s.call); err == nil && hasChannel(has) {
			await(ctx, conn.started, settleGrace)
			return
		}
	}
}

func hasChannel(sources map[string]bool) bool {
	for source := range sources {
		if strings.HasPrefix(source, "channel:") {
			return true
		}
	}
	return false
}

// await waits for a channel's end, and reports whether it came.
func await(ctx context.Context, c <-chan struct{}, atMost time.Duration) bool {
	t := time.NewTimer(atMost)
	defer t.Stop()
	select {
	case <-c:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// A callAsker asks about one call only: there may be a thousand others, each with a session of its own, and none of them
// is this one's business.
type callAsker struct {
	*Controller
	app string
}

// Channels implements asker: those that the application hears of.
func (a *callAsker) Channels(ctx context.Context) ([]*Channel, error) {
	has, err := a.eventSources(ctx, a.app)
	if err != nil {
		return nil, err
	}
	var list []*Channel
	for source := range has {
		id, ok := strings.CutPrefix(source, "channel:")
		if !ok || id == "" {
			continue
		}
		ch, err := a.Channel(id).Refresh(ctx)
		switch {
		case err == nil:
			list = append(list, ch)
		case !errors.Is(err, ErrNotFound):
			return nil, err
		}
	}
	return list, nil
}

// foreign implements asker: no other application has the call.
func (*callAsker) foreign(context.Context, []string) ([]map[string]bool, error) { return nil, nil }
