package ari

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"

	"github.com/ari-go/ari/internal/lanes"
)

// A Scope is what a subscription is about: a [*Client] for all events of all its Asterisks, or a [*Channel], [*Bridge],
// [*Playback] or another object for the events that concern it. A channel's or bridge's scope includes the playbacks and
// recordings that run on it.
type Scope interface {
	scope() scope
}

// An audience is where listeners stand: with a client, or with the session that an object belongs to.
type audience interface {
	listeners() *hub
	generation() uint64

	// over reports whether no events come any more.
	over() bool
}

// Subscription is a queue of events of type E. It is made by [Subscribe]. Its methods may be called by several goroutines
// at once; each event goes to one of them.
type Subscription[E Event] struct {
	s *subscription
}

// Subscribe starts a subscription to the events of type E that concern scope. E is a pointer to an event struct, or an
// interface for all events that satisfy it; [Event] takes them all. Subscribe panics when no event can be an E, and when
// scope is nil. The
// subscription to an object without an id has ended with [ErrInvalid]; that to an object whose controller has no client,
// which is also what a zero value is, with [ErrNoEvents].
//
// The subscription is alive from this call on: subscribe first, then do what will make the event happen. It holds up to
// the client's event buffer; beyond that, events are thrown away, as [OverflowError] tells, except for those that start
// or end something.
//
// It ends by itself, after what it holds has been fetched, when its scope ends: a channel when it is destroyed, or leaves
// the application and no further events of it will come; a bridge when it is destroyed; a playback or recording when it
// is over. It ends also when the client does. Close one that isn't needed before that, and one that may come too late:
// what has ended already doesn't end again.
//
// Asterisk tells an application of a bridge while one of its channels is in the application, and after
// [Application.Subscribe].
func Subscribe[E Event](of Scope) *Subscription[E] {
	return &Subscription[E]{s: subscribe(selectionOf[E](), of)}
}

func subscribe(sel *selection, of Scope) *subscription {
	if isNil(of) {
		panic(fmt.Sprintf("ari: Subscribe: the scope is nil (%T)", of))
	}
	sc := of.scope()
	s := &subscription{sel: sel, at: sc.at}
	a, ok := sc.feed.(audience)
	if !ok {
		s.queue.Init(lanes.NewBudget(1), s)
		s.queue.End(ErrNoEvents)
		return s
	}
	s.hub, s.gen = a.listeners(), a.generation()
	s.queue.Init(s.hub.budget, s)
	if s.at.own.nameless() {
		s.queue.End(annotate("Subscribe", fmt.Errorf("%w: the %s has no id", ErrInvalid, s.at.own.kind)))
	} else {
		s.hub.index.add(s)
		if a.over() { // Nobody would end it.
			s.hub.index.remove(s)
			s.queue.End(ErrClosed)
		}
	}
	return s
}

// isNil reports whether a scope is nil, or a pointer that is.
func isNil(s Scope) bool {
	v := reflect.ValueOf(s)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// Next returns the next event, and waits for it as long as ctx allows. When the subscription has ended it returns the
// reason, as Err does.
func (s *Subscription[E]) Next(ctx context.Context) (E, error) {
	d, err := s.s.queue.Next(ctx)
	if err != nil {
		var none E
		return none, err
	}
	d.receipt.release()
	return d.ev.(E), nil
}

// TryNext returns the next event if one is there already, and true. It doesn't wait. Without an event, Err tells whether
// one can still come.
func (s *Subscription[E]) TryNext() (E, bool) {
	d, ok := s.s.queue.Pop()
	if !ok {
		var none E
		return none, false
	}
	d.receipt.release()
	return d.ev.(E), true
}

// All returns the events as they come. The loop ends with the subscription. A regular end ([ErrEnded]) just ends it; any
// other reason, ctx's end among them, is handed to the loop's body as its last turn's error.
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

// Close ends the subscription and throws away what it holds. It may be called more than once.
func (s *Subscription[E]) Close() { s.s.close() }

// Err returns nil as long as the subscription is alive, then why it ended: an [*EndError] when its scope did, [ErrClosed]
// after Close, else what the client's Err says.
func (s *Subscription[E]) Err() error { return s.s.queue.Err() }

// AwaitEnd waits until the subscription has ended, and returns why, as Err does, or ctx's error when ctx ends first. It
// takes none of the events.
func (s *Subscription[E]) AwaitEnd(ctx context.Context) error { return s.s.queue.AwaitEnd(ctx) }

// A delivery is an event that waits for whoever fetches it.
type delivery struct {
	ev      Event
	receipt *receipt
}

// subscription is a Subscription without its type parameter.
type subscription struct {
	hub   *hub
	sel   *selection
	at    places
	gen   uint64 // the session's generation when it was made
	queue lanes.Queue[delivery]
}

func (s *subscription) places() places { return s.at }

func (s *subscription) older(gen uint64) bool { return s.gen < gen }

func (s *subscription) wants(k *eventKind) interest {
	if s.sel.has[k.index] {
		return wantsEvent
	}
	return notWanted
}

func (s *subscription) offer(in *inbound) {
	if in.ev != nil && !in.hidden {
		s.queue.Offer(delivery{in.ev, in.receipt.hold()}, in.kind.vital)
	}
}

func (s *subscription) end(err error) { s.queue.End(err) }

func (s *subscription) close() {
	if s.hub != nil {
		s.hub.index.remove(s)
	}
	s.queue.Close(ErrClosed)
}

// Report implements lanes.QueueOwner.
func (s *subscription) Report(r lanes.Report) {
	s.hub.fellBehind("subscription to "+s.sel.name, s.at.own, r)
}

// Drop implements lanes.QueueOwner.
func (s *subscription) Drop(d delivery) { d.receipt.release() }

// over reports whether err says that what the subscription is about has come to a regular end; the end of something else
// may have ended the caller's context.
func (s *subscription) over(err error) bool {
	end, ok := errors.AsType[*EndError](err)
	return ok && errors.Is(end, ErrEnded) &&
		(end.Entity == s.at.own.entity() || end.Entity == s.at.parent.entity())
}
