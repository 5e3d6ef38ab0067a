package ari

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// When a connection was lost in such a way that Asterisk may notice only later, Asterisk can come to think that the
// application isn't there, while the client's new connection is up and well, and silent for ever. It takes an application
// down together with the connection that had it, even if another one has taken it over meanwhile. And after standing
// still for a while, it deals with everything at once and in no particular order: with the end of the old connection, and
// also with handshakes that were given up long ago.
//
// So after each reconnect the client sends itself events through Asterisk, one soon, and one when Asterisk must be done
// with what was before. If one doesn't come back, the client connects once more.
const (
	verifySoon  = time.Second
	verifyLater = 4 * time.Second

	// probeTimeout is how long the event may be under way.
	probeTimeout = 2 * time.Second

	// maxRenewals is how often that is done in a row. An event filter may keep the event from coming back.
	maxRenewals = 3

	// renewalsRefill is after which time it may be done again: an Asterisk that has lost the application needs it.
	renewalsRefill = time.Minute
)

var (
	errMute      = errors.New("ari: Asterisk sends no events any more")
	errTakenBack = errors.New("ari: an attempt to connect that was given up has taken the application over")
)

// A prober knows whether a connection can be trusted to bring events.
type prober struct {
	name string // of the user events that the client sends itself: no other client has it

	// abandoned says that a handshake was given up, or a connection fell silent: Asterisk may take it up later.
	abandoned atomic.Bool

	// awaiting says that awaited has something, so that the reader needn't look.
	awaiting atomic.Bool

	mu       sync.Mutex
	distrust bool                     // the present connection's applications may fall to an abandoned one
	renewals int                      // how many connections in a row were given up because no events came
	renewed  time.Time                // when the last one was
	awaited  map[string]chan struct{} // by application: closed at its next event
}

func newProber() *prober {
	return &prober{name: "ari-go-" + rand.Text(), awaited: make(map[string]chan struct{})}
}

// begin begins a connection, and reports whether it is to be distrusted.
func (p *prober) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.distrust = p.abandoned.Swap(false)
	return p.distrust
}

func (p *prober) distrusted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.distrust
}

// trust ends the distrust; proven says that events have come.
func (p *prober) trust(proven bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.distrust = false
	if proven {
		p.renewals = 0
	}
}

// mayRenew reports whether the connection may be given up once more, and counts it.
func (p *prober) mayRenew() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.renewed) > renewalsRefill {
		p.renewals = 0
	}
	if p.renewals >= maxRenewals {
		return false
	}
	p.renewals++
	p.renewed = time.Now()
	return true
}

// await returns a channel that is closed at an application's next event; stop must be called in the end.
func (p *prober) await(app string) (came <-chan struct{}, stop func()) {
	c := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.awaited[app] = c
	p.awaiting.Store(true)
	return c, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.awaited, app)
		p.awaiting.Store(len(p.awaited) > 0)
	}
}

// came notes an event of an application.
func (p *prober) came(app []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, ok := p.awaited[string(app)]; ok {
		close(c)
		delete(p.awaited, string(app))
	}
}

// verify makes sure that the applications' events come, and reports whether the connection must be given up. distrust
// says that Asterisk may have held an older connection for alive when this one was made.
func (s *session) verify(ctx context.Context, distrust bool) bool {
	silent := ""
	for _, wait := range []time.Duration{verifySoon, verifyLater} {
		if silent != "" {
			break
		}
		if !sleep(ctx, wait) {
			return false
		}
		silent = s.silentApp(ctx, distrust)
		if ctx.Err() != nil {
			return false
		}
	}
	s.probe.trust(silent == "")
	if silent == "" {
		return false
	}
	if !s.probe.mayRenew() {
		s.hub.reports.log(slog.LevelWarn, "cannot make sure that events come; an event filter may keep them back",
			"application", silent)
		return false
	}
	return true
}

// silentApp returns an application whose events don't come, or, if there is reason to suspect that, may not come.
func (s *session) silentApp(ctx context.Context, distrust bool) string {
	for _, app := range s.apps {
		came, err := s.eventsCome(ctx, app)
		if err != nil {
			s.hub.reports.log(slog.LevelDebug, "cannot make sure that events come", "application", app, "error", err)
		}
		if !came && (err == nil || distrust) {
			return app
		}
	}
	return ""
}

// eventsCome sends an event to an application, and reports whether it came back, or any other event of that application:
// where Asterisk is busy, that must do. An error means that nobody can know.
func (s *session) eventsCome(ctx context.Context, app string) (bool, error) {
	if _, filter := s.wanted.of(app); filter != nil {
		return false, errors.New("ari: an event filter is set")
	}
	came, stop := s.probe.await(app)
	defer stop()
	err := s.api.sendProbe(ctx, app, s.probe.name)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil // There is no such application any more.
	case err != nil:
		return false, annotate(fmt.Sprintf("send an event to %s", app), err)
	}
	t := time.NewTimer(probeTimeout)
	defer t.Stop()
	select {
	case <-came:
		return true, nil
	case <-t.C:
	case <-ctx.Done():
	}
	return false, nil
}

// isProbe reports whether the scanned event is one that the client has sent itself, which is nobody else's business.
func (s *session) isProbe(in *inbound) bool {
	if s.probe.awaiting.Load() {
		s.probe.came(in.app)
	}
	return in.kind.role == roleUserEvent && string(in.scan.Text(in.scan.EventName)) == s.probe.name
}
