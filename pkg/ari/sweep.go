package ari

import (
	"context"
	"log/slog"
)

// sweep ends what an earlier run of this application's program has made and left on Asterisk: its bridges, and the channels
// that it originated, created, or made for media. Their ids tell whose they are. An application has one connection, so no
// other run of it is alive.
func (s *session) sweep(ctx context.Context) error {
	bridges, err := s.api.Bridges(ctx)
	if err != nil {
		return annotate("sweep: bridges", err)
	}
	channels, err := s.api.Channels(ctx)
	if err != nil {
		return annotate("sweep: channels", err)
	}
	left := func(id string) bool { return s.ctrl.ids.made(id) && !s.ctrl.ids.mine(id) }
	swept := 0
	for _, ch := range channels {
		if !left(ch.ID) {
			continue
		}
		if err := ch.Stop(ctx); err != nil && !isRefusal(err) {
			return annotate("sweep", err)
		}
		swept++
	}
	for _, br := range bridges {
		if !left(br.ID) {
			continue
		}
		if err := br.Stop(ctx); err != nil && !isRefusal(err) {
			return annotate("sweep", err)
		}
		swept++
	}
	if swept > 0 {
		s.hub.reports.log(slog.LevelInfo, "ended what an earlier run had left on Asterisk", "source", s.src.String(), "count", swept)
	}
	return nil
}
