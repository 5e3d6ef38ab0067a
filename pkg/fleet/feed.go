package fleet

import (
	"context"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/nats-io/nats.go"
)

// A feed puts a call's events in order, fetches from the stream what is missing, and gives them to the call's session, as its source
// and only connection.
type feed struct {
	k    *Call
	over chan struct{} // closed when the session has read the call's last event
	stop chan struct{} // closed when the session doesn't read any more
	once sync.Once
	more chan struct{} // has a token when there is something to read

	mu      sync.Mutex
	given   bool              // The session has its connection.
	begun   bool              // next is known.
	next    uint64            // the event that is waited for
	known   uint64            // the latest event that is known to exist
	early   map[uint64]packet // that have come before their turn
	ready   []packet          // to be read
	filling bool
}

// A packet is one message of a call's subject.
type packet struct {
	data []byte
	end  bool
}

func newFeed(k *Call) *feed {
	return &feed{
		k: k, over: make(chan struct{}), stop: make(chan struct{}), more: make(chan struct{}, 1), early: make(map[uint64]packet),
	}
}

// message takes a message as it comes.
func (f *feed) message(m *nats.Msg) {
	seq, err := strconv.ParseUint(m.Header.Get(headerSeq), 10, 64)
	if err != nil || m.Header.Get(headerEpoch) != f.k.offer.Epoch {
		return
	}
	f.take(seq, packet{m.Data, m.Header.Get(headerEnd) != ""})
}

// take puts an event where it belongs. One that has been there is dropped.
func (f *feed) take(seq uint64, p packet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.begun && seq < f.next {
		return
	}
	if f.begun && seq > f.next && !f.filling {
		f.k.c.gaps.Add(1)
	}
	f.early[seq] = p
	f.known = max(f.known, seq)
	f.advance()
}

// begin says which event is the first one that the session gets.
func (f *feed) begin(first uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begun, f.next = true, first
	for seq := range f.early {
		if seq < first {
			delete(f.early, seq)
		}
	}
	f.advance()
}

// reaches says that the call has so many events.
func (f *feed) reaches(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = max(f.known, seq)
	f.advance()
}

// latest is the number of the latest event that the session could read.
func (f *feed) latest() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next - 1
}

// advance makes readable what has its turn, and sees to it that what is missing is fetched. Call it with mu held.
func (f *feed) advance() {
	if !f.begun {
		return
	}
	for {
		p, ok := f.early[f.next]
		if !ok {
			break
		}
		delete(f.early, f.next)
		f.next++
		f.ready = append(f.ready, p)
	}
	if len(f.ready) > 0 {
		select {
		case f.more <- struct{}{}:
		default:
		}
	}
	if f.next <= f.known && !f.filling {
		f.filling = true
		go f.fill()
	}
}

// How long missing events are looked for: they are on their way into the stream, perhaps.
const (
	fillPause    = 5 * time.Millisecond
	fillPatience = 5 * time.Second
)

// fill fetches missing events from the stream.
func (f *feed) fill() {
	ctx, cancel := context.WithTimeout(context.Background(), fillPatience)
	defer cancel()
	for pause := fillPause; ; pause = min(2*pause, fillPatience/10) {
		_ = f.k.read(ctx, func(seq uint64, data []byte, end bool) bool { // What it doesn't get is tried again.
			f.take(seq, packet{data, end})
			return true
		})
		f.mu.Lock()
		if f.next > f.known {
			f.filling = false
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		t := time.NewTimer(pause)
		select {
		case <-t.C:
			continue
		case <-f.k.gone:
		case <-f.stop:
		case <-ctx.Done():
			f.k.lose("events are missing, and not in the stream")
		}
		t.Stop()
		return
	}
}

// Next implements [ari.Source]: there is one connection.
func (f *feed) Next(context.Context) (ari.Connection, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.given {
		return nil, ari.ErrSourceEnded
	}
	f.given = true
	return f, nil
}

// String implements [ari.Source].
func (f *feed) String() string { return "call " + f.k.offer.Call + " of node " + f.k.offer.Node }

// Read implements [ari.Connection].
func (f *feed) Read() (ari.Frame, error) {
	select {
	case <-f.k.joined:
	case <-f.stop:
		return ari.Frame{}, io.EOF
	}
	for {
		f.mu.Lock()
		if len(f.ready) > 0 {
			p := f.ready[0]
			f.ready = f.ready[1:]
			f.mu.Unlock()
			if p.end {
				close(f.over)
				continue
			}
			f.k.count(&f.k.frames, 1)
			return ari.Frame{Data: p.data, Handled: func() { f.k.count(&f.k.frames, -1) }}, nil
		}
		f.mu.Unlock()
		select {
		case <-f.more:
		case <-f.stop:
			return ari.Frame{}, io.EOF
		}
	}
}

// Ping implements [ari.Connection]. Whether the call is still this worker's is found out otherwise.
func (*feed) Ping(context.Context) error { return nil }

// Close implements [ari.Connection].
func (f *feed) Close(context.Context) { f.Abort() }

// Abort implements [ari.Connection].
func (f *feed) Abort() { f.once.Do(func() { close(f.stop) }) }
