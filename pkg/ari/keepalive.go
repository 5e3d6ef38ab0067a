package ari

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// errSilent is what a half-open connection ends with.
var errSilent = errors.New("ari: Asterisk has stopped answering")

// pingFailedLag is how long the reader may take to find out what a failed ping has found.
const pingFailedLag = time.Second

// errPingFailed is what a connection ends with that can't be tested.
var errPingFailed = errors.New("ari: the connection can't be tested by a ping")

// keepAlive tests the connection now and then, and at once when a command got no answer. It returns when ctx ends, with
// nil, or with the reason why the connection must be given up.
func (s *session) keepAlive(ctx context.Context, conn Connection, frames *atomic.Uint64) error {
	var tick <-chan time.Time
	if s.cfg.keepalive > 0 {
		t := time.NewTicker(s.cfg.keepalive)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-tick:
			if over, err := s.ping(ctx, conn, frames); over {
				return err
			}
		case <-s.doubted:
			if over, err := s.examine(ctx, conn, frames); over {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// ping tests the connection, and reports whether it is over, and why if nobody else knows.
func (s *session) ping(ctx context.Context, conn Connection, frames *atomic.Uint64) (over bool, err error) {
	before := frames.Load()
	pingCtx, cancel := context.WithTimeout(ctx, s.cfg.keepaliveTimeout)
	defer cancel()
	if conn.Ping(pingCtx) == nil {
		return false, nil
	}
	if ctx.Err() != nil {
		return true, nil // It is over, and the reader knows better why.
	}
	if pingCtx.Err() == nil {
		// It is over, most likely, as the reader is about to tell; if not, nobody would test it any more.
		if !sleep(ctx, pingFailedLag) {
			return true, nil
		}
		return true, errPingFailed
	}
	// If the answer is late but events have come, the other side lives: it answers pings on a thread that may be busy
	// with a request.
	if frames.Load() != before {
		return false, nil
	}
	return true, fmt.Errorf("%w: no sign of life for %s", errSilent, s.cfg.keepaliveTimeout)
}

// examine finds out whether all is well although a command got no answer: when both a ping and a command are answered.
func (s *session) examine(ctx context.Context, conn Connection, frames *atomic.Uint64) (over bool, err error) {
	delays := s.cfg.reconnect.delays()
	for told := false; ; {
		if over, err := s.ping(ctx, conn, frames); over {
			return true, err
		}
		asking, cancel := context.WithTimeout(ctx, s.cfg.keepaliveTimeout)
		err := s.api.answers(asking)
		cancel()
		if err == nil {
			s.state.trusted()
			return false, nil
		}
		if ctx.Err() != nil {
			return true, nil //nolint:nilerr // The connection has ended, which others know better.
		}
		if !told {
			told = true
			s.hub.reports.log(slog.LevelWarn, "events flow, but commands get no answer", "source", s.src.String(), "error", err)
		}
		if !sleep(ctx, delays()) {
			return true, nil
		}
	}
}

// doubt notes that a command got no answer.
func (s *session) doubt() {
	if !s.state.doubt() {
		return
	}
	select {
	case s.doubted <- struct{}{}:
	default: // It is being examined.
	}
}
