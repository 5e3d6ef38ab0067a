package ari

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// ReconnectOptions say how a lost connection is tried again. The wait before
// attempt n is a random time up to Min * Factor^n, or up to Max if that is less:
// many clients that lose a server together don't come back together. It is a tenth
// of that at least, since Asterisk must have noticed the loss before.
type ReconnectOptions struct {
	Min    time.Duration // default 500 ms
	Max    time.Duration // default 30 s
	Factor float64       // default 2
}

func (o ReconnectOptions) withDefaults() ReconnectOptions {
	if o.Min <= 0 {
		o.Min = 500 * time.Millisecond
	}
	if o.Max <= 0 {
		o.Max = 30 * time.Second
	}
	o.Max = max(o.Max, o.Min)
	if o.Factor < 1 {
		o.Factor = 2
	}
	return o
}

// delays returns a function that returns one wait after the other.
func (o ReconnectOptions) delays() func() time.Duration {
	n := 0.0
	return func() time.Duration {
		limit := int64(min(float64(o.Min)*math.Pow(o.Factor, n), float64(o.Max)))
		n++
		least := limit / 10
		return time.Duration(least + rand.Int64N(limit-least+1)) //nolint:gosec // Any randomness will do.
	}
}

// closeTimeout is how long the other side may take to answer our leave.
const closeTimeout = time.Second

// dial is the source's dial, and notes whether it may have left a ghost.
func (l *link) dial(ctx context.Context) (eventConn, error) {
	conn, err := l.src.dial(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		l.ghostly.Store(true)
	}
	return conn, err
}

// run keeps the connection up, beginning with conn, until the client ends.
func (l *link) run(conn eventConn) {
	defer close(l.ended)
	ctx := l.c.ctx
	var gap time.Duration
	delays := l.c.cfg.reconnect.delays()
	for resumed := false; ; resumed = true {
		began := time.Now()
		err := l.serve(ctx, conn, resumed, gap)
		if ctx.Err() != nil {
			return
		}
		lost := time.Now()
		// A connection that has held for a while was a good one; otherwise go on
		// waiting longer and longer.
		if lost.Sub(began) >= l.c.cfg.reconnect.Max {
			delays = l.c.cfg.reconnect.delays()
		}
		l.disconnected(err)
		if conn = l.redial(ctx, delays); conn == nil {
			return
		}
		gap = time.Since(lost)
	}
}

func (l *link) disconnected(err error) {
	l.c.reports.post(func(ctx context.Context) {
		l.c.log.WarnContext(ctx, "connection to Asterisk lost", "source", l.src.name(), "error", err)
	})
	l.local(l.c.registry.disconnected, &Disconnected{EventHeader: newLocalHeader("Disconnected"), Err: err})
}

// redial tries until it has a connection, or returns nil when ctx ends.
func (l *link) redial(ctx context.Context, delays func() time.Duration) eventConn {
	for {
		if !sleep(ctx, delays()) {
			return nil
		}
		conn, err := l.dial(ctx)
		if err == nil {
			return conn
		}
		if ctx.Err() != nil {
			return nil
		}
		// Whatever it is: an Asterisk that starts up refuses, answers 503, or knows
		// no users yet.
		l.c.reports.log(slog.LevelInfo, "cannot connect to Asterisk yet", "source", l.src.name(), "error", err)
	}
}

// serve reads one connection to its end and returns why it ended.
func (l *link) serve(client context.Context, conn eventConn, resumed bool, gap time.Duration) error {
	ctx, cancel := context.WithCancelCause(client)
	defer cancel(nil)
	l.mu.Lock()
	l.gen.Add(1)
	clear(l.ghosts)
	clear(l.twins)
	suspicious := l.ghostly.Swap(false)
	l.suspicious = suspicious
	l.cut = nil
	l.mu.Unlock()
	l.c.counters.connections.Add(1)
	l.up.Store(true)
	defer func() {
		l.up.Store(false)
		l.inStep.Store(false)
	}()
	l.c.reports.log(slog.LevelInfo, "connected to Asterisk", "source", l.src.name(), "resumed", resumed)

	giveUp := func(reason error) {
		cancel(reason)
		l.takeLeave(ctx, conn)
	}
	var wg sync.WaitGroup
	if resumed {
		wg.Go(func() {
			if l.resync(ctx, gap) {
				giveUp(errMute)
			}
		})
	} else if l.c.cfg.settles() {
		// To all as well: where the application is left from an earlier process, Asterisk ignores what the handshake says.
		wg.Go(func() {
			if l.settle(ctx) {
				giveUp(errMute)
			}
		})
	} else {
		l.isInStep(&Connected{})
	}
	if resumed || suspicious {
		wg.Go(func() {
			if l.verify(ctx, suspicious) {
				giveUp(errMute)
			}
		})
	}
	var frames atomic.Uint64
	if l.c.cfg.keepalive > 0 {
		wg.Go(func() {
			if err := l.keepalive(ctx, conn, &frames); err != nil {
				cancel(err)
				conn.abort()
			}
		})
	}
	// When the client ends, take leave; the reader below goes on until the other
	// side has answered, throwing away what comes.
	left := make(chan struct{})
	stop := context.AfterFunc(client, func() {
		defer close(left)
		l.takeLeave(ctx, conn)
	})

	err := l.read(conn, &frames)
	if dead := context.Cause(ctx); dead != nil && client.Err() == nil {
		err = dead // says more than "use of closed connection"
	}
	if errors.Is(err, errSilent) || errors.Is(err, errGhost) {
		l.ghostly.Store(true)
	}
	cancel(nil)
	if stop() {
		conn.abort()
	} else {
		<-left
	}
	wg.Wait()
	return err
}

// takeLeave takes leave of Asterisk, although ctx has ended.
func (l *link) takeLeave(ctx context.Context, conn eventConn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	conn.close(ctx)
}

func (l *link) read(conn eventConn, frames *atomic.Uint64) error {
	for {
		frame, err := conn.read()
		if err != nil {
			return fmt.Errorf("ari: connection to %s: %w", l.src.name(), err)
		}
		frames.Add(1)
		if l.c.ctx.Err() == nil && !l.receive(frame) {
			return errGhost
		}
	}
}

// errSilent is what a half-open connection ends with.
var errSilent = errors.New("ari: Asterisk has stopped answering")

// keepalive pings until ctx ends, or returns why the connection must be given up.
func (l *link) keepalive(ctx context.Context, conn eventConn, frames *atomic.Uint64) error {
	for sleep(ctx, l.c.cfg.keepalive) {
		before := frames.Load()
		pingCtx, cancel := context.WithTimeout(ctx, l.c.cfg.keepaliveTimeout)
		failed := conn.ping(pingCtx) != nil
		late := failed && pingCtx.Err() != nil && ctx.Err() == nil
		cancel()
		if failed && !late {
			return nil // It is over, and the reader knows better why.
		}
		// If the answer is late but events have come, the other side lives: it answers
		// pings on a thread that may be busy with a request.
		if late && frames.Load() == before {
			return fmt.Errorf("%w: no sign of life for %s", errSilent, l.c.cfg.keepaliveTimeout)
		}
	}
	return nil
}
