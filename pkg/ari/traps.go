package ari

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// What a connection that is dialled owes to faults of Asterisk's.

// registeredAfter is when Asterisk has dealt with the end of an older connection.
const registeredAfter = time.Second

// isRegistered looks, a second after the connection was made, whether Asterisk has the applications that it is for, and
// reports whether that is so, as far as can be known. When an older connection, perhaps another program's, ends in the
// moment in which this one is made, Asterisk takes the applications down, while the connection stays up and is silent for
// ever. (After a gap, getting in step looks at once, too.)
func (s *session) isRegistered(ctx context.Context) bool {
	if !sleep(ctx, registeredAfter) {
		return true
	}
	for _, app := range s.apps {
		if _, err := s.api.eventSources(ctx, app); !errors.Is(err, ErrNotFound) || ctx.Err() != nil {
			continue
		}
		if !s.probe.mayRenew() {
			return true
		}
		s.hub.reports.log(slog.LevelWarn, "Asterisk has lost the application of a connection that is up: connecting once more",
			"source", s.src.String(), "application", app)
		return false
	}
	return true
}

// partFrom takes leave of Asterisk, although ctx has ended. Device states are unsubscribed from before: when a device changes
// its state while a connection ends that hears of all, Asterisk can lock the application up for ever.
func (s *session) partFrom(ctx context.Context, conn Connection) {
	if !s.accepts() && s.state.death() == nil {
		s.leaveDevices(context.WithoutCancel(ctx))
	}
	takeLeave(ctx, conn)
}

func (s *session) leaveDevices(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	for _, app := range s.apps {
		sources, _ := s.wanted.of(app)
		devices := slices.DeleteFunc(sources, func(source string) bool { return !strings.HasPrefix(source, "deviceState:") })
		if s.cfg.subscribeAll && !slices.Contains(devices, "deviceState:") {
			devices = append(devices, "deviceState:")
		}
		if len(devices) == 0 {
			continue
		}
		if err := s.api.unsubscribe(ctx, app, devices); err != nil && !isRefusal(err) {
			s.hub.reports.log(slog.LevelDebug, "cannot unsubscribe from device states", "application", app, "error", err)
		}
	}
}
