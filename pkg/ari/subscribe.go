package ari

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"sync"
)

// A Scope is what a subscription is about: a [*Client] for all events, or a
// [*Channel], [*Bridge], [*Playback] or another object for the events that
// concern it. A channel's or bridge's scope includes the playbacks and
// recordings that run on it.
type Scope interface {
	scope() places
}

// places says where in the index a listener stands.
type places struct {
	// own is the entity whose events it gets; the zero key stands for everything.
	own entityKey

	// parent is the channel or bridge with which it ends at the latest, if any.
	parent entityKey
}

func (c *Client) scope() places { return places{} }

// A listener stands in the index at the entity that it is about. Subscriptions
// and lives are listeners.
type listener interface {
	places() places

	// wants tells what the listener needs when an event of this kind comes.
	wants(k *eventKind) interest

	// offer hands over an event. It never blocks. in is valid during the call.
	offer(in *inbound)

	// end tells the listener that what it is about is over, or that the client is
	// closed. It has been taken out of the index.
	end(err error)
}

type interest uint8

const (
	notWanted  interest = iota
	wantsScan           // what the scan shows is enough
	wantsEvent          // the event must be decoded
)

// The index finds the listeners of an event: one map access for each of its
// entities, however many listeners there are.
type index struct {
	mu       sync.Mutex // never held while user code runs
	byEntity map[entityKey][]listener
	children map[entityKey][]listener // by parent
	all      [][]listener             // of everything, by index of the event's kind
	count    int
	apps     int // of them, those of an application
	closed   error
}

func newIndex() index {
	return index{
		byEntity: make(map[entityKey][]listener),
		children: make(map[entityKey][]listener),
		all:      make([][]listener, len(registry().kinds)),
	}
}

func (x *index) len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.count
}

// add puts a listener in its places. When the client is closed already, the
// listener ends at once.
func (x *index) add(l listener) {
	x.mu.Lock()
	closed := x.closed
	if closed == nil {
		p := l.places()
		x.count++
		if p.own.kind == kindApplication {
			x.apps++
		}
		if p.own.kind == kindNone {
			for _, k := range registry().kinds {
				if l.wants(k) != notWanted {
					x.all[k.index] = append(x.all[k.index], l)
				}
			}
		} else {
			x.byEntity[p.own] = append(x.byEntity[p.own], l)
		}
		if p.parent.kind != kindNone {
			x.children[p.parent] = append(x.children[p.parent], l)
		}
	}
	x.mu.Unlock()
	if closed != nil {
		l.end(closed)
	}
}

// remove takes a listener out. It may have gone already.
func (x *index) remove(l listener) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.take(l)
}

func (x *index) take(l listener) {
	p := l.places()
	found := false
	if p.own.kind == kindNone {
		for i, list := range x.all {
			if at := slices.Index(list, l); at >= 0 {
				x.all[i] = slices.Delete(list, at, at+1)
				found = true
			}
		}
	} else {
		found = takeFrom(x.byEntity, p.own, l)
	}
	if p.parent.kind != kindNone {
		takeFrom(x.children, p.parent, l)
	}
	if found {
		x.count--
		if p.own.kind == kindApplication {
			x.apps--
		}
	}
}

func takeFrom(m map[entityKey][]listener, key entityKey, l listener) bool {
	list := m[key]
	at := slices.Index(list, l)
	switch {
	case at < 0:
		return false
	case len(list) == 1:
		delete(m, key)
	default:
		m[key] = slices.Delete(list, at, at+1)
	}
	return true
}

// find appends to hits the listeners that want the event.
func (x *index) find(in *inbound, hits []listener) []listener {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.count == 0 {
		return hits
	}
	hits = append(hits, x.all[in.kind.index]...)
	for i := range in.entities {
		e := &in.entities[i]
		if e.repeated || e.kind == kindApplication && x.apps == 0 {
			continue
		}
		for _, l := range x.byEntity[entityKey{in.conn, e.kind, string(e.id)}] {
			if l.wants(in.kind) != notWanted {
				hits = append(hits, l)
			}
		}
	}
	return hits
}

// endAll takes out all listeners of an entity, and those that end with it, and
// ends them.
func (x *index) endAll(key entityKey, err error) {
	x.mu.Lock()
	list := slices.Concat(x.byEntity[key], x.children[key])
	for _, l := range list {
		x.take(l)
	}
	x.mu.Unlock()
	for _, l := range list {
		l.end(err)
	}
}

// at returns the listeners of an entity, and those that end with it.
func (x *index) at(key entityKey) []listener {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Concat(x.byEntity[key], x.children[key])
}

// close ends all listeners, and all that will come.
func (x *index) close(err error) {
	x.mu.Lock()
	x.closed = err
	var list []listener
	for _, some := range x.byEntity {
		list = append(list, some...)
	}
	seen := make(map[listener]bool) // One may want several kinds.
	for _, some := range x.all {
		for _, l := range some {
			if !seen[l] {
				seen[l] = true
				list = append(list, l)
			}
		}
	}
	clear(x.byEntity)
	clear(x.children)
	clear(x.all)
	x.count, x.apps = 0, 0
	x.mu.Unlock()
	for _, l := range list {
		l.end(err)
	}
}

// Subscription is a queue of events of type E. It is made by [Subscribe]. Its
// methods may be called by several goroutines at once; each event goes to one of
// them.
type Subscription[E Event] struct {
	s *subscription
}

// Subscribe starts a subscription to the events of type E that concern scope. E
// is a pointer to an event struct, or an interface for all events that satisfy
// it; [Event] takes them all. Subscribe panics when no event can be an E, and when
// c or scope is nil. The subscription to an object whose id is empty has ended
// with [ErrInvalid].
//
// The subscription is alive from this call on: subscribe first, then do what will
// make the event happen. It holds up to the client's event buffer; beyond that,
// events are thrown away, as [OverflowError] tells, except for those that start
// or end something.
//
// It ends by itself, after what it holds has been fetched, when its scope ends: a
// channel when it is destroyed, or leaves the application and no further events
// of it will come; a bridge when it is destroyed; a playback or recording when it
// is over. It ends also when the client does. Close one that isn't needed before
// that, and one that may come too late: what has ended already doesn't end again.
//
// Asterisk tells an application of a bridge while one of its channels is in the
// application, and after [Application.Subscribe].
func Subscribe[E Event](c *Client, scope Scope) *Subscription[E] {
	if c == nil {
		panic("ari: Subscribe: the client is nil")
	}
	if isNil(scope) {
		panic(fmt.Sprintf("ari: Subscribe: the scope is nil (%T)", scope))
	}
	s := &subscription{c: c, sel: selectionOf[E](), at: c.link.places(scope.scope()), gen: c.link.gen.Load()}
	if s.at.own.nameless() {
		s.err = annotate("Subscribe", fmt.Errorf("%w: the %s has no id", ErrInvalid, s.at.own.kind))
	} else {
		c.index.add(s)
	}
	return &Subscription[E]{s: s}
}

// isNil reports whether a scope is nil, or a pointer that is.
func isNil(scope Scope) bool {
	v := reflect.ValueOf(scope)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// Next returns the next event, and waits for it as long as ctx allows. When the
// subscription has ended it returns the reason, as Err does.
func (s *Subscription[E]) Next(ctx context.Context) (E, error) {
	ev, err := s.s.next(ctx)
	if err != nil {
		var none E
		return none, err
	}
	return ev.(E), nil
}

// TryNext returns the next event if one is there already, and true. It doesn't wait. Without an event, Err tells whether
// one can still come.
func (s *Subscription[E]) TryNext() (E, bool) {
	ev, lost := s.s.take()
	if lost > 0 {
		s.s.reportCaughtUp(lost)
	}
	if ev == nil {
		var none E
		return none, false
	}
	return ev.(E), true
}

// All returns the events as they come. The loop ends with the subscription.
// A regular end ([ErrEnded]) just ends it; any other reason, ctx's end among
// them, is handed to the loop's body as its last turn's error.
//
// The end of the loop does not close the subscription.
func (s *Subscription[E]) All(ctx context.Context) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		for {
			ev, err := s.Next(ctx)
			if s.s.over(err) {
				return
			}
			if !yield(ev, err) || err != nil {
				return
			}
		}
	}
}

// Close ends the subscription and throws away what it holds. It may be called
// more than once.
func (s *Subscription[E]) Close() {
	s.s.c.index.remove(s.s)
	s.s.close()
}

// Err returns nil as long as the subscription is alive, then why it ended: an
// [*EndError] when its scope did, [ErrClosed] after Close, else what the client's
// Err says.
func (s *Subscription[E]) Err() error {
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	return s.s.err
}

// subscription is a Subscription without its type parameter.
type subscription struct {
	c   *Client
	sel *selection
	at  places
	gen uint64 // the connection's generation when it was made

	mu    sync.Mutex // never held while user code runs
	queue queue[Event]
	wake  chan struct{} // closed at the next change; nil if nobody waits
	err   error
	lost  uint64 // in the present episode
}

func (s *subscription) places() places { return s.at }

func (s *subscription) wants(k *eventKind) interest {
	if s.sel.has[k.index] {
		return wantsEvent
	}
	return notWanted
}

func (s *subscription) offer(in *inbound) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || in.ev == nil {
		return
	}
	if !in.kind.vital && !s.c.room(s.queue.len()) {
		s.lost++
		s.c.counters.lost.Add(1)
		if s.lost == 1 {
			s.c.reportOverflow("subscription to "+s.sel.name, s.at.own)
		}
		return
	}
	s.queue.push(in.ev)
	s.c.waiting.Add(1)
	s.changed()
}

func (s *subscription) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		s.c.waiting.Add(-int64(s.queue.len())) // It can't grow any more, and may never be fetched.
		s.changed()
	}
}

// changed wakes those who wait in next. Call it with mu held.
func (s *subscription) changed() {
	if s.wake != nil {
		close(s.wake)
		s.wake = nil
	}
}

func (s *subscription) next(ctx context.Context) (Event, error) {
	for {
		ev, lost, wake, err := s.poll()
		if lost > 0 {
			s.reportCaughtUp(lost)
		}
		if wake == nil {
			return ev, err
		}
		select {
		case <-wake:
		case <-ctx.Done():
			// What ended ctx may be the last event, which is here by now.
			if ev, _, wake, err := s.poll(); wake == nil {
				return ev, err
			}
			return nil, ctxError(ctx)
		}
	}
}

// poll takes the next event, or returns the channel to wait on for one. It also
// returns the count of an episode of loss that ends here.
func (s *subscription) poll() (ev Event, lost uint64, wake chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ev, lost = s.pop(); ev != nil {
		return ev, lost, nil, nil
	}
	if s.err != nil {
		return nil, 0, nil, s.err
	}
	if s.wake == nil {
		s.wake = make(chan struct{})
	}
	return nil, 0, s.wake, nil
}

// take is pop for those who don't wait.
func (s *subscription) take() (ev Event, lost uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pop()
}

// pop takes the next event; nil if there is none. It also returns the count of an episode of loss that ends here. Call it
// with mu held.
func (s *subscription) pop() (ev Event, lost uint64) {
	if s.queue.len() == 0 {
		return nil, 0
	}
	ev = s.queue.pop()
	if s.err == nil {
		s.c.waiting.Add(-1)
	}
	if s.queue.len() == 0 {
		lost, s.lost = s.lost, 0
	}
	return ev, lost
}

func (s *subscription) reportCaughtUp(lost uint64) {
	s.c.reportCaughtUp("subscription to "+s.sel.name, s.at.own, lost)
}

// awaitEnd waits until the subscription has ended, and returns why, or ctx's error. It takes nothing of what it holds.
func (s *subscription) awaitEnd(ctx context.Context) error {
	for {
		s.mu.Lock()
		err := s.err
		if err == nil && s.wake == nil {
			s.wake = make(chan struct{})
		}
		wake := s.wake
		s.mu.Unlock()
		if err != nil {
			return err
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return ctxError(ctx)
		}
	}
}

// over reports whether err says that what the subscription is about has come to a regular end; the end of
// something else may have ended the caller's context.
func (s *subscription) over(err error) bool {
	var end *EndError
	return errors.As(err, &end) && errors.Is(end, ErrEnded) &&
		(end.Entity == s.at.own.String() || end.Entity == s.at.parent.String())
}

func (s *subscription) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = ErrClosed
		s.c.waiting.Add(-int64(s.queue.len()))
	}
	s.queue = queue[Event]{}
	s.changed()
}
