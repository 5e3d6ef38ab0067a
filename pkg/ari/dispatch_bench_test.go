package ari

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
)

func BenchmarkScan(b *testing.B) {
	for name, frame := range map[string]string{
		"dtmf": dtmfFrame("1700000000.5", "1"), "bridge": enteredBridgeFrame("b1", "1700000000.5"),
	} {
		b.Run(name, func(b *testing.B) {
			var s scanned
			data := []byte(frame)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if scanFrame(data, &s) != nil {
					b.Fatal("bad frame")
				}
			}
		})
	}
}

// Decoding alone, for comparison with what follows.
func BenchmarkDecodeEvent(b *testing.B) {
	frame := []byte(dtmfFrame("channel-0", "1"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeEvent(eventTypes["ChannelDtmfReceived"], frame, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDispatch(b *testing.B) {
	run := func(name string, prepare func(c *Client) (after func())) {
		b.Run(name, func(b *testing.B) {
			c := offline(b, WithEventBuffer(1<<20))
			after := prepare(c)
			// The garbage collector runs as rarely as in a program that has this many calls. Otherwise the
			// comparison is one of heaps: a tiny one is collected all the time.
			ballast := make([]byte, 64<<20)
			defer runtime.KeepAlive(ballast)
			frame := []byte(dtmfFrame("channel-0", "1"))
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				c.link.receive(frame)
				if after != nil {
					after()
				}
			}
			if n := c.Stats().Lost; n > 0 {
				b.Fatalf("%d lost", n)
			}
		})
	}
	for _, n := range []int{1, 1000, 10_000} {
		run(fmt.Sprint("subscriptions=", n), func(c *Client) func() {
			subs := make([]*Subscription[*ChannelDtmfReceived], n)
			for i := range subs {
				subs[i] = Subscribe[*ChannelDtmfReceived](c, c.ARI().Channel(fmt.Sprint("channel-", i)))
			}
			return func() { _, _, _, _ = subs[0].s.poll() }
		})
	}
	run("unwanted", func(c *Client) func() {
		for i := range 10_000 {
			Subscribe[*ChannelVarset](c, c.ARI().Channel(fmt.Sprint("channel-", i)))
		}
		return nil
	})
	run("handler", func(c *Client) func() {
		done := make(chan struct{})
		On(c, func(context.Context, *ChannelDtmfReceived) error { done <- struct{}{}; return nil })
		return func() { <-done } // each event in a goroutine of its own
	})
	run("catch-all", func(c *Client) func() {
		done := make(chan struct{})
		On(c, func(context.Context, Event) error { done <- struct{}{}; return nil })
		return func() { <-done }
	})
	run("handler,burst", func(c *Client) func() {
		var handled, received atomic.Int64
		idle := make(chan struct{})
		On(c, func(context.Context, *ChannelDtmfReceived) error {
			if handled.Add(1)%64 == 0 {
				idle <- struct{}{}
			}
			return nil
		})
		return func() {
			if received.Add(1)%64 == 0 {
				<-idle
			}
		}
	})
}
