package ari

import (
	"slices"
	"sync"
)

// A listener stands in the index at the entity that it is about. Subscriptions
// and lives are listeners.
type listener interface {
	places() places

	// wants tells what the listener needs when an event of this kind comes.
	wants(k *eventKind) interest

	// offer hands over an event. It never blocks. in is valid during the call.
	offer(in *inbound)

	// older reports whether the listener was there before a generation of its session, and can be judged after a gap.
	older(gen uint64) bool

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
		for _, l := range x.byEntity[entityKey{in.session, e.kind, string(e.id)}] {
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

// has reports whether somebody listens to an entity.
func (x *index) has(key entityKey) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.byEntity[key]) > 0
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

// olderThan returns the listeners of a session's entities that were there before a generation of the session's, and can
// be judged.
func (x *index) olderThan(session sessionID, gen uint64) []listener {
	x.mu.Lock()
	defer x.mu.Unlock()
	var old []listener
	for key, list := range x.byEntity {
		if key.session != session {
			continue
		}
		for _, l := range list {
			if l.older(gen) {
				old = append(old, l)
			}
		}
	}
	return old
}
