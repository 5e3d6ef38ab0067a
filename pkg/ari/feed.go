package ari

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// What a session is to its controller and its objects: a feed.

var _ feed = (*session)(nil)

// expect implements tracker.
func (s *session) expect(e expectation) life {
	if !s.state.begun() {
		return nil
	}
	ours := e.app != "" && slices.Contains(s.apps, e.app)
	if e.kind == kindChannel && !ours && !s.wanted.hears(kindChannel, e.id) {
		return nil
	}
	f := s.newFollower(places{own: entityKey{s.id, e.kind, e.id}, parent: e.on})
	f.pending = true
	if e.kind == kindChannel {
		f.origin = madeHere
		f.entersOwn = ours
	}
	if ours && e.subscribed {
		s.wanted.addChannel(e.app, e.id)
	}
	s.hub.index.add(f)
	return f
}

func (s *session) newFollower(at places) *follower {
	return &follower{keeper: s, index: &s.hub.index, at: at, gen: s.generation()}
}

// watch implements tracker.
func (s *session) watch(ctx context.Context, kind entityKind, id string) (life, func(), error) {
	if !s.state.begun() {
		return nil, nil, ErrNoEvents
	}
	f := s.newFollower(places{own: entityKey{s.id, kind, id}})
	s.hub.index.add(f)
	err := s.hearOf(ctx, kind, id)
	if err == nil {
		// Asked only now, so that whatever happens after the answer is not missed.
		err = s.ask(ctx, f)
	}
	if err != nil {
		f.drop()
		return nil, nil, err
	}
	return f, f.drop, nil
}

// hearOf sees to it that the events of an entity come that is waited for.
func (s *session) hearOf(ctx context.Context, kind entityKind, id string) error {
	if kind != kindChannel || s.inApplication(id) {
		return nil
	}
	return s.hear(ctx, kind, id)
}

// begun implements tracker.
func (s *session) begun() bool { return s.state.begun() }

// ending implements tracker. Whether the entity is there at all is asked behind.
func (s *session) ending(parent context.Context, key entityKey) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	if key.nameless() {
		cancel(fmt.Errorf("%w: the %s has no id", ErrInvalid, key.kind))
		return ctx, func() {}
	}
	e := &ender{at: places{own: key}, gen: s.generation(), cancel: cancel}
	s.hub.index.add(e)
	if err := s.noEvents(); err != nil {
		s.hub.index.remove(e)
		cancel(err)
		return ctx, func() {}
	}
	stop := context.AfterFunc(ctx, func() { s.hub.index.remove(e) })
	if !s.inApplication(key.id) || key.kind != kindChannel {
		s.hub.background(func(client context.Context) { s.endUnlessThere(client, ctx, e) })
	}
	return ctx, func() {
		if stop() {
			s.hub.index.remove(e)
		}
		cancel(context.Canceled)
	}
}

// done implements tracker. Those who ask for the same entity get the same channel, so that asking in a loop costs nothing.
func (s *session) done(key entityKey) <-chan struct{} {
	d := &s.hub.dones
	d.mu.Lock()
	defer d.mu.Unlock()
	if ctx := d.ctx[key]; ctx != nil && ctx.Err() == nil {
		return ctx.Done()
	}
	ctx, _ := s.ending(context.Background(), key) // What it takes ends with the entity, or with the client.
	d.ctx[key] = ctx
	context.AfterFunc(ctx, func() { d.remove(ctx, key) })
	return ctx.Done()
}

// endUnlessThere ends who waits for the end of an entity that Asterisk doesn't have. A channel that has just left the
// application is there still, but nothing more would be heard of it without a subscription.
func (s *session) endUnlessThere(client, ctx context.Context, e *ender) {
	asking, cancel := context.WithCancel(client)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	key := e.at.own
	for delays := s.cfg.reconnect.delays(); ; {
		err := s.hearOf(asking, key.kind, key.id)
		exists := true
		if err == nil {
			_, exists, err = s.api.exists(asking, key.kind, key.id)
		}
		switch {
		case !exists:
			s.hub.index.remove(e)
			e.cancel(&EndError{Entity: key.entity(), Reason: ErrEnded})
			return
		case err == nil, isRefusal(err), !sleep(asking, delays()):
			return
		}
	}
}

// noEvents says why no events come any more, or don't come yet; nil if they do.
func (s *session) noEvents() error {
	switch s.state.now() {
	case phaseNew:
		return ErrNoEvents
	case phaseEnded:
		return ErrClosed
	default:
		return nil
	}
}

// hear implements tracker.
func (s *session) hear(ctx context.Context, kind entityKind, id string) error {
	if !s.state.begun() || s.wanted.hears(kind, id) {
		return nil
	}
	_, err := s.ctrl.Application("").Subscribe(ctx, kind.String()+":"+id)
	if isRefusal(err) {
		return nil
	}
	return err
}

// ask brings a life up to date about an entity that should exist.
func (s *session) ask(ctx context.Context, f *follower) error {
	key := f.at.own
	ch, exists, err := s.api.exists(ctx, key.kind, key.id)
	if err == nil && !exists {
		err = ErrNotFound
	}
	if err != nil {
		return annotate(key.String(), err)
	}
	if ch != nil {
		s.catchUp(f, ch)
	}
	return nil
}

// recheck implements keeper: it makes sure of an entity whose request came back only after a gap had been dealt with, which
// could not judge it therefore.
func (s *session) recheck(f *follower) {
	if s.state.now() == phaseEnded {
		s.hub.index.remove(f)
		f.end(ErrClosed)
		return
	}
	s.hub.background(func(ctx context.Context) {
		delays := s.cfg.reconnect.delays()
		for {
			err := s.ask(ctx, f)
			if err == nil || f.ending() != nil {
				return
			}
			if errors.Is(err, ErrNotFound) {
				s.endMissing(f)
				return
			}
			if !sleep(ctx, delays()) {
				return
			}
		}
	})
}

// flowing implements keeper.
func (s *session) flowing() bool { return s.state.now().flowing() }

// gone implements keeper.
func (s *session) gone(channel string) { s.wanted.removeChannel(channel) }

// bridgeStopped implements observer. Asterisk tells of a bridge's end only where the application is subscribed to the
// bridge: its channels have left it by then.
func (s *session) bridgeStopped(id string) {
	if s.wanted.hears(kindBridge, id) {
		return
	}
	key := entityKey{s.id, kindBridge, id}
	old := s.hub.index.at(key)
	if len(old) == 0 {
		return
	}
	s.hub.background(func(ctx context.Context) {
		sleep(ctx, endLag) // for the events that are on their way
		for _, x := range old {
			s.hub.index.remove(x)
			x.end(&EndError{Entity: key.entity(), Reason: ErrEnded})
		}
	})
}

// misfit implements observer. It runs on the reader's goroutine, and a log may block.
func (s *session) misfit(event string, err error) {
	s.hub.reports.log(slog.LevelDebug, "left out a part of an event", "event", event, "error", err)
}

// subscribing implements subscriber. What is being subscribed to while a gap is dealt with may be missed there, so it is
// looked after once more.
func (s *session) subscribing(app string, sources []string) (settle func(error)) {
	added := s.wanted.add(app, sources)
	gen := s.generation()
	return func(err error) {
		if err != nil {
			s.wanted.remove(app, added)
			return
		}
		if s.generation() != gen { // They may have been refused in between, or forgotten.
			s.wanted.add(app, sources)
			s.restoreLater(app)
		}
		s.wanted.confirm(app, sources)
		if !slices.Contains(s.apps, app) && s.wanted.crowded(app) {
			s.pruneLater(app)
		}
	}
}

// pruneLater forgets, behind, what somebody else's application was subscribed to and that is no more. No event tells of
// that: they go to the other application.
func (s *session) pruneLater(app string) {
	s.hub.background(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		list, gen := s.wanted.confirmed(app), s.generation()
		inStep := s.state.now() == phaseInStep // Otherwise, Asterisk may have lost more than what is no more.
		has, err := s.api.eventSources(ctx, app)
		if err != nil || !inStep || s.generation() != gen {
			has = nil
		}
		s.wanted.prune(app, list, has)
	})
}

// unsubscribing implements subscriber.
func (s *session) unsubscribing(app string, sources []string) (settle func(error)) {
	removed := s.wanted.remove(app, sources)
	return func(err error) {
		if err != nil {
			s.wanted.add(app, removed)
		}
	}
}

// filtered implements subscriber.
func (s *session) filtered(app string, body json.RawMessage, ownOnly []string) {
	s.wanted.filter(app, body, ownOnly)
}

// restoreLater makes sure, behind, that an application has what is wanted of it.
func (s *session) restoreLater(app string) {
	s.hub.background(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if err := s.restoreApp(ctx, app); err != nil {
			s.hub.reports.log(slog.LevelWarn, "cannot restore subscriptions", "application", app, "error", err)
		}
	})
}

// dead, failed, revived and background make a session what the chain of its requests needs to know: liveness.

func (s *session) dead() error { return s.state.death() }

func (s *session) failed(error) { s.doubt() }

// revived implements liveness. Without a connection so far, nobody knows but who asks.
func (s *session) revived(ctx context.Context) error {
	phase, err := s.state.await(ctx, func(p phase) bool { return p == phaseNew || p == phaseInStep || p == phaseEnded })
	if phase == phaseEnded {
		return ErrClosed
	}
	return err
}

func (s *session) background(f func(ctx context.Context)) { s.hub.background(f) }
