package ari

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"
)

// A Contender is one of the things that a benchmark compares.
type Contender struct {
	Name string
	Run  func(n int) // does it n times
}

// ManyTurns and FewTurns are how often each contender has its turn: few times where a turn has a beginning that costs.
const (
	ManyTurns = 100
	FewTurns  = 20
)

// Compare measures contenders side by side: they take turns, so that what else the machine does meanwhile slows down
// each of them. It reports time and allocations of each.
func Compare(b *testing.B, turns int, contenders ...Contender) {
	b.Helper()
	type cost struct {
		n      int
		time   time.Duration
		allocs uint64
	}
	costs := make([]cost, len(contenders))
	for _, c := range contenders {
		c.Run(1) // What is made once doesn't count.
	}
	b.ResetTimer()
	for turn := range turns {
		n := b.N*(turn+1)/turns - b.N*turn/turns
		if n == 0 {
			continue
		}
		for i := range contenders {
			if turn%2 == 1 {
				i = len(contenders) - 1 - i // Nobody comes always after the same one.
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			contenders[i].Run(n)
			costs[i].time += time.Since(start)
			runtime.ReadMemStats(&after)
			costs[i].allocs += after.Mallocs - before.Mallocs
			costs[i].n += n
		}
	}
	b.ReportMetric(0, "ns/op") // of all together, which says nothing
	for i, c := range costs {
		b.ReportMetric(float64(c.time.Nanoseconds())/float64(c.n), contenders[i].Name+"-ns/op")
		b.ReportMetric(float64(c.allocs)/float64(c.n), contenders[i].Name+"-allocs/op")
	}
}

// each makes a contender of what is done with one thing after the other, again and again.
func each[T any](name string, things []T, do func(T)) Contender {
	i := 0
	return Contender{name, func(n int) {
		for range n {
			do(things[i])
			if i++; i == len(things) {
				i = 0
			}
		}
	}}
}

// BenchmarkRecorded compares what becomes of the events of a real Asterisk, all types in the mix in which they came, with
// encoding/json, which decodes the same bytes into the same structs.
func BenchmarkRecorded(b *testing.B) {
	type frame struct {
		typ  *eventType
		data []byte
	}
	recorded, err := RecordedEvents("asterisk-22")
	if err != nil {
		b.Fatal(err)
	}
	frames := make([]frame, len(recorded))
	for i, data := range recorded {
		frames[i] = frame{eventTypeOf(b, data), data}
	}
	decoder := func(name string, decode func(*eventType, []byte) (Event, error)) Contender {
		return each(name, frames, func(f frame) {
			if _, err := decode(f.typ, f.data); err != nil {
				b.Fatal(err)
			}
		})
	}
	all := offline(b)
	sub := Subscribe[Event](all)
	Compare(b, ManyTurns,
		decoder("reflection", byReflection),
		decoder("decode", func(t *eventType, data []byte) (Event, error) { return decodeFrame(t, data, nil) }),
		each("dispatch", recorded, func(data []byte) {
			Restamp(data)
			all.first().receive(Frame{Data: data})
			if _, ok := sub.TryNext(); !ok {
				b.Fatalf("not dispatched: %s", data)
			}
		}),
	)
}

// Restamp gives the beginning or end of a stay another time stamp than it had: one that comes again with the same is the same
// event.
func Restamp(data []byte) {
	if !bytes.HasPrefix(data, []byte(`{"type":"Stasis`)) {
		return
	}
	const before = `"timestamp":"2026-01-01T00:`
	at := bytes.Index(data, []byte(before))
	if at < 0 {
		return
	}
	restamped++
	at += len(before)
	for i, n := range []int{restamped / 60_000 % 60, restamped / 1000 % 60} {
		data[at+3*i], data[at+3*i+1] = byte('0'+n/10), byte('0'+n%10)
	}
	for i, unit := range []int{100, 10, 1} {
		data[at+6+i] = byte('0' + restamped/unit%10)
	}
}

var restamped int

// BenchmarkDispatch compares the ways of one event, a digit, to its listeners, beside encoding/json, which only decodes it.
func BenchmarkDispatch(b *testing.B) {
	frame := []byte(dtmfFrame("channel-0", "1"))
	typ := eventTypeOf(b, frame)
	contenders := []Contender{{"reflection", func(n int) {
		for range n {
			if _, err := byReflection(typ, frame); err != nil {
				b.Fatal(err)
			}
		}
	}}}
	// A way is a client's that is prepared in some way; after is called after each event.
	way := func(name string, prepare func(c *Client) (after func())) {
		c := offline(b)
		after := prepare(c)
		b.Cleanup(func() {
			if n := c.Stats().Lost; n > 0 {
				b.Errorf("%s: %d lost", name, n)
			}
		})
		sessions, turn := c.all(), 0
		contenders = append(contenders, Contender{name, func(n int) {
			for range n {
				sessions[turn%len(sessions)].receive(Frame{Data: frame})
				turn++
				after()
			}
		}})
	}
	for _, n := range []int{1, 1000, 10_000} {
		way(fmt.Sprint("subscriptions=", n), func(c *Client) func() {
			subs := make([]*Subscription[*ChannelDtmfReceived], n)
			for i := range subs {
				subs[i] = Subscribe[*ChannelDtmfReceived](c.ARI().Channel(fmt.Sprint("channel-", i)))
			}
			return func() {
				if _, ok := subs[0].TryNext(); !ok {
					b.Fatal("not dispatched")
				}
			}
		})
	}
	way("two-sessions", func(c *Client) func() {
		other, err := c.Add("http://other/ari", "hello")
		if err != nil {
			b.Fatal(err)
		}
		subs := []*Subscription[*ChannelDtmfReceived]{
			Subscribe[*ChannelDtmfReceived](c.ARI().Channel("channel-0")), Subscribe[*ChannelDtmfReceived](other.Channel("channel-0")),
		}
		turn := 0
		return func() {
			if _, ok := subs[turn%2].TryNext(); !ok {
				b.Fatal("not dispatched")
			}
			turn++
		}
	})
	way("unwanted", func(c *Client) func() {
		for i := range 10_000 {
			Subscribe[*ChannelVarset](c.ARI().Channel(fmt.Sprint("channel-", i)))
		}
		return func() {}
	})
	way("handler", func(c *Client) func() {
		done := make(chan struct{})
		On(c, func(context.Context, *ChannelDtmfReceived) error { done <- struct{}{}; return nil })
		return func() { <-done } // Each event has a goroutine of its own.
	})
	way("catch-all", func(c *Client) func() {
		done := make(chan struct{})
		On(c, func(context.Context, Event) error { done <- struct{}{}; return nil })
		return func() { <-done }
	})
	Compare(b, ManyTurns, contenders...)
}
