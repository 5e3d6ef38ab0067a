package ari

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// closeTimeout is how long the other side may take to answer our leave.
const closeTimeout = time.Second

// connect is the source's Next. It notes whether it may have left a handshake behind that Asterisk takes up later.
func (s *session) connect(ctx context.Context) (Connection, error) {
	conn, err := s.src.Next(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		s.probe.abandoned.Store(true)
	}
	return conn, err
}

// start makes the first connection, and keeps the session connected from then on. Only one start may be under way.
func (s *session) start(ctx context.Context) error {
	if s.state.now() != phaseNew {
		return nil
	}
	conn, err := s.connect(ctx)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil && s.answersCommands(ctx) {
			return fmt.Errorf("%w: %w", ErrLockedUp, err)
		}
		return err
	}
	if err := s.checkCommands(ctx); err != nil {
		takeLeave(ctx, conn)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		conn.Abort()
		return context.Cause(s.ctx)
	}
	s.begin(conn)
	return nil
}

// wait returns when no connection is kept any more, which takes closeTimeout at most once the session's context has ended.
func (s *session) wait() {
	s.mu.Lock()
	begun := s.generation() > 0
	s.mu.Unlock()
	if begun {
		<-s.ended
	}
}

// begin keeps the session connected, beginning with conn.
func (s *session) begin(conn Connection) {
	s.state.connected()
	go func() {
		defer close(s.ended)
		defer s.endCommands()
		s.run(s.ctx, conn)
	}()
}

// run keeps the connection up, beginning with conn, until ctx ends or the source has no other.
func (s *session) run(ctx context.Context, conn Connection) {
	var gap time.Duration
	delays := s.cfg.reconnect.delays()
	for resumed := false; ; resumed = true {
		steady, err := s.serve(ctx, conn, resumed, gap)
		if ctx.Err() != nil {
			s.state.set(phaseEnded)
			return
		}
		accepted, waiting := s.src.(*acceptedSource)
		if waiting && accepted.finished() {
			s.finish(ErrClosed)
			return
		}
		lost := time.Now()
		if steady {
			delays = s.cfg.reconnect.delays()
		}
		wait := delays()
		if waiting {
			wait = 0 // Asterisk knows when; what it has kept should be read at once.
		}
		s.disconnected(err, wait)
		if conn = s.reconnect(ctx, wait, delays); conn == nil {
			return
		}
		gap = time.Since(lost)
		s.state.connected()
	}
}

// disconnected tells that the connection is lost. The next one is tried after next.
func (s *session) disconnected(err error, next time.Duration) {
	s.state.set(phaseDown)
	s.hub.reports.log(slog.LevelWarn, "connection to Asterisk lost", "source", s.src.String(), "error", err, "next_try", next)
	s.local(s.hub.registry.disconnected, &Disconnected{EventHeader: s.newLocalHeader("Disconnected"), Err: err})
}

// reconnect tries until it has a connection, for the first time after wait. It returns nil when ctx ends, or when no other
// connection follows.
func (s *session) reconnect(ctx context.Context, wait time.Duration, delays func() time.Duration) Connection {
	for {
		if !sleep(ctx, wait) {
			s.state.set(phaseEnded)
			return nil
		}
		conn, err := s.connect(ctx)
		switch {
		case err == nil:
			return conn
		case ctx.Err() != nil:
			s.state.set(phaseEnded)
			return nil
		case errors.Is(err, ErrSourceEnded):
			s.finish(ErrClosed)
			return nil
		}
		if e, ok := errors.AsType[*Error](err); ok && e.StatusCode != 0 {
			s.state.foundDead(nil) // A refusal is a sign of life.
		}
		if errors.Is(err, context.DeadlineExceeded) {
			s.suspect(ctx, err)
		}
		// Whatever it is: an Asterisk that starts up refuses, answers 503, or knows no users yet.
		wait = delays()
		s.hub.reports.log(slog.LevelInfo, "cannot connect to Asterisk yet", "source", s.src.String(), "error", err,
			"next_try", wait)
	}
}

// finish ends the session, since no other connection follows: what is still known of it ends as well.
func (s *session) finish(reason error) {
	s.cancel(reason)
	s.state.foundDead(nil) // Its connections have ended, which says nothing of Asterisk.
	s.state.set(phaseEnded)
	s.endAll(reason)
	s.upper.sessionEnded(s)
}

// remove ends the session for good.
func (s *session) remove() {
	s.cancel(ErrClosed)
	s.roads().release()
	s.wait()
	s.finish(ErrClosed)
	s.cfg.closeIdle()
}

// suspect finds out whether Asterisk is dead, after an attempt to connect got no answer. If it does answer commands, only
// what has to do with the connection may be stuck, in Asterisk or before it.
func (s *session) suspect(ctx context.Context, err error) {
	if s.state.death() != nil {
		return
	}
	if s.answersCommands(ctx) {
		s.hub.reports.fail("attempts to connect get no answer, although commands do", fmt.Errorf("%w: %w", ErrLockedUp, err),
			"source", s.src.String())
		return
	}
	if ctx.Err() == nil {
		s.died(err)
	}
}

// answersCommands reports whether Asterisk answers a command.
func (s *session) answersCommands(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.keepaliveTimeout)
	defer cancel()
	return s.api.answers(ctx) == nil
}

// died notes that Asterisk doesn't answer any more, and ends the commands that wait for it.
func (s *session) died(err error) {
	s.state.foundDead(err)
	s.ctrl.chain.sever(err)
}

// steadyAfter is how long a session must have been in step for its connection to count as a good one: a server that takes
// connections only to drop them is not hammered.
const steadyAfter = time.Second

// serve reads one connection to its end. It returns whether it was a good one, and why it ended.
func (s *session) serve(client context.Context, conn Connection, resumed bool, gap time.Duration) (steady bool, err error) {
	ctx, cancel := context.WithCancelCause(client)
	defer cancel(nil)
	distrust := s.newConnection()
	endCarrying := s.carry(conn)
	s.hub.reports.log(slog.LevelInfo, "connected to Asterisk", "source", s.src.String(), "resumed", resumed)

	var behind sync.WaitGroup
	var inStep atomic.Pointer[time.Time]
	noteInStep := func() { now := time.Now(); inStep.Store(&now) }
	var frames atomic.Uint64
	renew := func() { // The other side lives, but this connection is worth nothing.
		cancel(errMute)
		s.partFrom(ctx, conn)
	}
	if resumed || s.cfg.settles() {
		behind.Go(func() {
			if src, ok := s.src.(*acceptedSource); ok {
				src.settleable(ctx, conn)
			}
			switch err := s.settle(ctx, resumed, gap); {
			case err == nil:
				noteInStep()
			case errors.Is(err, errMute):
				renew()
			}
		})
	} else {
		s.isInStep(&Connected{})
		noteInStep()
	}
	if _, dialled := s.src.(*websocketSource); dialled {
		behind.Go(func() {
			if !s.isRegistered(ctx) {
				renew()
			}
		})
	}
	if !s.accepts() && (resumed || distrust) {
		behind.Go(func() {
			if s.verify(ctx, distrust) {
				renew()
			}
		})
	}
	behind.Go(func() {
		if err := s.keepAlive(ctx, conn, &frames); err != nil {
			if errors.Is(err, errSilent) {
				s.died(err)
			}
			cancel(err)
			conn.Abort()
		}
	})
	// When the client ends, take leave; the reader below goes on until the other side has answered, throwing away what
	// comes.
	left := make(chan struct{})
	stop := context.AfterFunc(client, func() {
		defer close(left)
		s.roads().awaitRelease()
		s.partFrom(ctx, conn)
	})

	err = s.read(conn, &frames)
	if dead := context.Cause(ctx); dead != nil && client.Err() == nil {
		err = dead // says more than "use of closed connection"
	}
	if errors.Is(err, errSilent) || errors.Is(err, errTakenBack) {
		s.probe.abandoned.Store(true)
	}
	endCarrying(err)
	cancel(nil)
	if stop() {
		conn.Abort()
	} else {
		<-left
	}
	behind.Wait()
	since := inStep.Load()
	return since != nil && time.Since(*since) >= steadyAfter, err
}

// newConnection prepares for the events of another connection, and reports whether Asterisk may mistake it.
func (s *session) newConnection() (distrust bool) {
	s.hub.counters.connections.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roster.Connected()
	s.scratch.cut = nil
	return s.probe.begin()
}

// isInStep tells that the connection is as it should be.
func (s *session) isInStep(ev *Connected) {
	ev.EventHeader = s.newLocalHeader("Connected")
	s.state.set(phaseInStep)
	s.local(s.hub.registry.connected, ev)
}

// takeLeave takes leave of Asterisk, although ctx has ended.
func takeLeave(ctx context.Context, conn Connection) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	conn.Close(ctx)
}

func (s *session) read(conn Connection, frames *atomic.Uint64) error {
	for {
		frame, err := conn.Read()
		if err != nil {
			return annotate(fmt.Sprintf("connection to %s", s.src), err)
		}
		frames.Add(1)
		if s.ctx.Err() != nil {
			s.late(frame.Data)
			newReceipt(frame.Handled).release() // It is thrown away.
		} else if !s.receive(frame) {
			return errTakenBack
		}
	}
}
