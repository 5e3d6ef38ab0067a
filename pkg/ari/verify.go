package ari

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// When a connection was lost in such a way that Asterisk may notice only later,
// Asterisk can come to think that the application isn't there, while the client's
// new connection is up and well, and silent for ever. It takes an application down
// together with the connection that had it, even if another one has taken it over
// meanwhile. And after standing still for a while, it deals with everything at once
// and in no particular order: with the end of the old connection, and also with
// handshakes that were given up long ago.
//
// So after each reconnect the client sends itself events through Asterisk, one soon,
// and one when Asterisk must be done with what was before. If one doesn't come back,
// the client connects once more.
const (
	verifySoon  = time.Second
	verifyLater = 4 * time.Second

	// echoTimeout is how long the event may be under way.
	echoTimeout = 2 * time.Second

	// maxRenewals is how often that is done in a row. An event filter may keep the
	// event from coming back.
	maxRenewals = 3
)

var (
	errMute  = errors.New("ari: Asterisk sends no events any more")
	errGhost = errors.New("ari: an attempt to connect that was given up has taken the application over")
)

// verify makes sure that the applications' events come, and reports whether the
// connection must be given up. suspicious says that Asterisk may have held an older
// connection for alive when this one was made.
func (l *link) verify(ctx context.Context, suspicious bool) bool {
	silent := ""
	for _, wait := range []time.Duration{verifySoon, verifyLater} {
		if silent != "" {
			break
		}
		if !sleep(ctx, wait) {
			return false
		}
		silent = l.silentApp(ctx, suspicious)
		if ctx.Err() != nil {
			return false
		}
	}
	l.mu.Lock()
	l.suspicious = false
	l.mu.Unlock()
	if silent == "" {
		l.mu.Lock()
		l.renewals = 0
		l.mu.Unlock()
		return false
	}
	if !l.mayRenew() {
		l.c.reports.log(slog.LevelWarn, "cannot make sure that events come; an event filter may keep them back",
			"application", silent)
		return false
	}
	return true
}

// mayRenew reports whether the connection may be given up once more, and counts it.
func (l *link) mayRenew() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.renewals >= maxRenewals {
		return false
	}
	l.renewals++
	return true
}

// silentApp returns an application whose events don't come, or, if there is reason
// to suspect that, may not come.
func (l *link) silentApp(ctx context.Context, suspicious bool) string {
	for _, app := range l.c.cfg.applications {
		heard, err := l.hearsItself(ctx, app)
		if err != nil {
			l.c.reports.log(slog.LevelDebug, "cannot make sure that events come", "application", app, "error", err)
		}
		if !heard && (err == nil || suspicious) {
			return app
		}
	}
	return ""
}

// hearsItself sends an event to an application, and reports whether it came back, or
// any other event of that application: where Asterisk is busy, that must do. An error
// means that nobody can know.
func (l *link) hearsItself(ctx context.Context, app string) (bool, error) {
	if _, filter := l.memory.of(app); filter != nil {
		return false, errors.New("ari: an event filter is set")
	}
	heard := make(chan struct{})
	l.mu.Lock()
	l.awaited[app] = heard
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.awaited, app)
		l.mu.Unlock()
	}()

	err := l.api.echo(ctx, app, l.echoName)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil // There is no such application any more.
	case err != nil:
		return false, fmt.Errorf("ari: send an event to %s: %w", app, err)
	}
	t := time.NewTimer(echoTimeout)
	defer t.Stop()
	select {
	case <-heard:
		return true, nil
	case <-t.C:
	case <-ctx.Done():
	}
	return false, nil
}

// isEcho reports whether the scanned event is one that hearsItself has sent, which is
// nobody else's business. Call it with mu held.
func (l *link) isEcho() bool {
	if heard, ok := l.awaited[string(l.in.app)]; ok {
		close(heard)
		delete(l.awaited, string(l.in.app))
	}
	return l.in.kind.role == roleUserEvent && string(l.scan.Text(l.scan.EventName)) == l.echoName
}

// newEchoName makes a name for user events that no other client has.
func newEchoName() string { return "ari-go-" + rand.Text() }

func (c *Controller) echo(ctx context.Context, app, name string) error {
	return c.SendUserEvent(ctx, name, app, UserEventOptions{})
}
