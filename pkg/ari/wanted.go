package ari

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// wanted is what the applications have been told through a session, and must be told again when Asterisk has forgotten it.
type wanted struct {
	ours []string // the session's own applications
	all  bool     // which are subscribed to everything

	// hiding says that a filter hides something, so that the reader needn't look.
	hiding atomic.Bool

	mu   sync.Mutex
	apps map[string]*wantedApp

	// subscribed has the channels that Asterisk subscribes one of the applications to by itself, since they were made for
	// it; as long as they live. A channel may be in another application than that by now.
	subscribed map[string]string // application by channel
}

// A wantedApp is what is wanted of one application, which may be somebody else's.
type wantedApp struct {
	sources map[string]bool // each as "channel:ID"; true once Asterisk has agreed
	pruneAt int             // how many sources there are when the ones that are no more are next looked for
	filter  json.RawMessage // nil: none
	hidden  map[string]bool // types that the filter lets pass only because the client itself lives by them
}

func newWanted(ours []string, all bool) *wanted {
	return &wanted{ours: ours, all: all, apps: make(map[string]*wantedApp), subscribed: make(map[string]string)}
}

// app returns what is wanted of an application. Call it with mu held.
func (w *wanted) app(name string) *wantedApp {
	a := w.apps[name]
	if a == nil {
		a = &wantedApp{sources: make(map[string]bool), pruneAt: leastPrune}
		w.apps[name] = a
	}
	return a
}

// tidy forgets an application of which nothing is wanted. Call it with mu held.
func (w *wanted) tidy(name string) {
	if a := w.apps[name]; a != nil && len(a.sources) == 0 && a.filter == nil && len(a.hidden) == 0 {
		delete(w.apps, name)
	}
}

// add notes sources, and returns those that are new.
func (w *wanted) add(app string, sources []string) (added []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.app(app)
	for _, s := range sources {
		if _, ok := a.sources[s]; !ok {
			a.sources[s] = false
			added = append(added, s)
		}
	}
	w.tidy(app)
	return added
}

// confirm notes that Asterisk has agreed to sources.
func (w *wanted) confirm(app string, sources []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.apps[app]
	if a == nil {
		return
	}
	for _, s := range sources {
		if _, ok := a.sources[s]; ok {
			a.sources[s] = true
		}
	}
}

// leastPrune is how many sources of somebody else's application there are at least before it is worth asking which of them
// are no more.
const leastPrune = 64

// crowded reports whether an application has so many sources that it is time for that. It does so once, until prune.
func (w *wanted) crowded(app string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.apps[app]
	if a == nil || len(a.sources) < a.pruneAt {
		return false
	}
	a.pruneAt = math.MaxInt
	return true
}

// confirmed returns the sources that Asterisk has agreed to.
func (w *wanted) confirmed(app string) (list []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := w.apps[app]; a != nil {
		for source, ok := range a.sources {
			if ok {
				list = append(list, source)
			}
		}
	}
	return list
}

// prune forgets the channels and bridges of a list that the application doesn't have any more; nil is to forget none.
func (w *wanted) prune(app string, list []string, has map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.apps[app]
	if a == nil {
		return
	}
	for _, source := range list {
		if has != nil && !has[source] && ends(source) {
			delete(a.sources, source)
		}
	}
	a.pruneAt = max(leastPrune, 2*len(a.sources))
	w.tidy(app)
}

// ends reports whether a source is a channel or bridge, which Asterisk forgets when it has ended.
func ends(source string) bool {
	kind, id, _ := strings.Cut(source, ":")
	return id != "" && (kind == "channel" || kind == "bridge")
}

// remove forgets sources, and returns those that were there.
func (w *wanted) remove(app string, sources []string) (removed []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.apps[app]
	if a == nil {
		return nil
	}
	for _, s := range sources {
		s = sourceName(s)
		if _, ok := a.sources[s]; ok {
			delete(a.sources, s)
			removed = append(removed, s)
		}
	}
	w.tidy(app)
	return removed
}

// removeEverywhere forgets a source that is no more.
func (w *wanted) removeEverywhere(source string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, a := range w.apps {
		delete(a.sources, source)
		w.tidy(name)
	}
}

// forgetApp forgets an application that is no more.
func (w *wanted) forgetApp(app string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.apps, app)
}

// filter notes an application's event filter.
func (w *wanted) filter(app string, body json.RawMessage, ownOnly []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.app(app)
	a.filter, a.hidden = body, nil
	for _, typ := range ownOnly {
		if a.hidden == nil {
			a.hidden = make(map[string]bool)
		}
		a.hidden[typ] = true
	}
	w.tidy(app)
	hiding := false
	for _, a := range w.apps {
		hiding = hiding || len(a.hidden) > 0
	}
	w.hiding.Store(hiding)
}

// hides reports whether an application's events of a kind are only for the client itself.
func (w *wanted) hides(app []byte, kind *eventKind) bool {
	if !w.hiding.Load() {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.apps[string(app)]
	return a != nil && a.hidden[kind.name]
}

// of returns what is wanted of an application.
func (w *wanted) of(app string) (sources []string, filter json.RawMessage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.apps[app]
	if a == nil {
		return nil, nil
	}
	return slices.Sorted(maps.Keys(a.sources)), a.filter
}

// names returns the applications of which something is wanted.
func (w *wanted) names() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.apps))
}

// addChannel notes that Asterisk subscribes one of the applications to a channel by itself.
func (w *wanted) addChannel(app, id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.subscribed[id] = app
}

// removeChannel forgets a channel that has ended, or never came to be.
func (w *wanted) removeChannel(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.subscribed, id)
}

// keepChannels forgets the channels that exist no more. exists is called without a lock.
func (w *wanted) keepChannels(exists func(id string) bool) {
	w.mu.Lock()
	ids := slices.Collect(maps.Keys(w.subscribed))
	w.mu.Unlock()
	for _, id := range ids {
		if !exists(id) {
			w.removeChannel(id)
		}
	}
}

// keeps returns the channels to which an application of ours is subscribed whether they are in it or not. To all others it
// is only while they are in it, which proves where they are.
func (w *wanted) keeps(app string) map[string]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := make(map[string]bool)
	for id, of := range w.subscribed {
		if of == app {
			kept[id] = true
		}
	}
	if a := w.apps[app]; a != nil {
		for source := range a.sources {
			if id, ok := strings.CutPrefix(source, "channel:"); ok {
				kept[id] = true
			}
		}
	}
	return kept
}

// hears reports whether one of the session's applications is subscribed to a channel or bridge, so that its events come
// even while the channel, or any of the bridge's, isn't in the application.
func (w *wanted) hears(kind entityKind, id string) bool {
	if w.all {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.subscribed[id]; ok && kind == kindChannel {
		return true
	}
	all := kind.String() + ":"
	for _, name := range w.ours {
		a := w.apps[name]
		if a == nil {
			continue
		}
		if _, ok := a.sources[all]; ok {
			return true
		}
		if _, ok := a.sources[all+id]; ok {
			return true
		}
	}
	return false
}

// restore subscribes the applications again to what they have lost, and sets their event filters.
func (s *session) restore(ctx context.Context) error {
	apps := append(slices.Clone(s.apps), s.wanted.names()...)
	slices.Sort(apps)
	for _, app := range slices.Compact(apps) {
		if err := s.restoreApp(ctx, app); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) restoreApp(ctx context.Context, app string) error {
	explicit, filter := s.wanted.of(app)
	ours := slices.Contains(s.apps, app)
	all := s.cfg.subscribeAll && ours
	if !all && len(explicit) == 0 && filter == nil {
		return nil
	}
	has, err := s.sources(ctx, app)
	if errors.Is(err, ErrNotFound) {
		// Somebody else's application, which is no more: what it heard of is not ours to restore.
		s.wanted.forgetApp(app)
		return nil
	}
	if err != nil {
		return err
	}
	// Only what is missing: a second subscription would have to be undone twice, and one to everything doubles each event
	// of what was subscribed to singly.
	missing := func(source string) bool { return has[source] }
	if all {
		if err := s.resubscribe(ctx, app, slices.DeleteFunc(slices.Clone(allSources), missing)); err != nil {
			return err
		}
	}
	if err := s.resubscribe(ctx, app, slices.DeleteFunc(explicit, missing)); err != nil {
		return err
	}
	if filter != nil {
		if err := s.api.setEventFilter(ctx, app, filter); err != nil && !s.refused(err, "event filter of "+app) {
			return annotate(fmt.Sprintf("resync: event filter of %s", app), err)
		}
	}
	return nil
}

// maxSources is how many event sources go into one request. Asterisk takes 127, and 4 KB for the request line.
const maxSources = 20

// resubscribe subscribes to sources. What Asterisk refuses, because it no longer exists, is forgotten.
func (s *session) resubscribe(ctx context.Context, app string, sources []string) error {
	for some := range slices.Chunk(sources, maxSources) {
		err := s.api.subscribe(ctx, app, some)
		if err == nil {
			continue
		}
		if !isRefusal(err) {
			return annotate(fmt.Sprintf("resync: subscribe %s", app), err)
		}
		if err := s.resubscribeSingly(ctx, app, some); err != nil {
			return err
		}
	}
	return nil
}

// resubscribeSingly asks for each source, since Asterisk doesn't take a list of which it refuses one.
func (s *session) resubscribeSingly(ctx context.Context, app string, sources []string) error {
	for _, source := range sources {
		err := s.api.subscribe(ctx, app, []string{source})
		if err == nil {
			continue
		}
		if !s.refused(err, "subscription of "+app+" to "+source) {
			return annotate(fmt.Sprintf("resync: subscribe %s to %s", app, source), err)
		}
		if !comesBack(source) {
			s.wanted.remove(app, []string{source})
		}
	}
	return nil
}

// comesBack reports whether a source that isn't there may be there later: while Asterisk starts, its endpoints aren't yet.
func comesBack(source string) bool {
	return strings.HasPrefix(source, "endpoint:") || strings.HasPrefix(source, "deviceState:")
}

// isRefusal reports whether Asterisk has understood a request and won't do it, so that there is no point in asking again.
func isRefusal(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.StatusCode >= 400 && e.StatusCode < 500
}

// refused is isRefusal, and logs it.
func (s *session) refused(err error, what string) bool {
	if !isRefusal(err) {
		return false
	}
	s.hub.reports.log(slog.LevelWarn, "Asterisk refuses to restore", "what", what, "error", err)
	return true
}

// sources returns the event sources of an application. One of the session's own exists as long as the connection has it;
// for another one the error is ErrNotFound if there is no such application.
func (s *session) sources(ctx context.Context, app string) (map[string]bool, error) {
	has, err := s.api.eventSources(ctx, app)
	if s.accepts() && errors.Is(err, ErrNotFound) {
		return nil, nil // Asterisk's configuration decides which applications a connection has.
	}
	if errors.Is(err, ErrNotFound) && slices.Contains(s.apps, app) {
		return nil, fmt.Errorf("%w: application %s is gone", errMute, app)
	}
	if err != nil {
		return nil, annotate(fmt.Sprintf("resync: application %s", app), err)
	}
	return has, nil
}
